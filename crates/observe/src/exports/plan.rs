//! What of a source is written: from query options and visibility to lines of CSV.

use super::pages::Pages;
use super::source::Source;
use bandmaster_api::App;
use bandmaster_api::query::refused;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, csv};
use bandmaster_model::entity::Source as Origin;
use bandmaster_model::{EntityType, Property};
use bandmaster_odata::sql::{Param, Visibility};
use bandmaster_odata::{Allowed, Limits, Predicate, Query, QueryOptions, Scalar, bind};
use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::Value;
use std::sync::Arc;

/// Most rows of an export that names a `$top`.
const MOST_ROWS: u32 = 10_000_000;

/// What is written.
pub struct Plan {
    source: &'static Source,
    query: Query,
    sees: Visibility,
    columns: Vec<&'static Property>,
}

/// The options among query parameters: all that decides what an export holds, besides who asked.
pub fn options_of(pairs: &[(String, String)]) -> Vec<(String, String)> {
    pairs.iter().filter(|(name, _)| name.trim().starts_with('$')).cloned().collect()
}

impl Plan {
    /// The plan for query parameters as they came. `own` are the operation's own ones, `now` is what `now()` means,
    /// `parent` whose rows they are where the source asks for that. `$expand` is understood and leads to no columns.
    ///
    /// # Errors
    /// 400 for options that do not fit the type.
    pub fn new(
        source: &'static Source,
        pairs: &[(String, String)],
        own: &[&str],
        sees: Visibility,
        parent: Option<i64>,
        now: Micros,
    ) -> Result<Plan> {
        let allowed = Allowed { max_top: MOST_ROWS, own };
        let limits = Limits { now: Some(now), top: MOST_ROWS, ..Limits::default() };
        let options = QueryOptions::from_pairs(pairs, allowed).map_err(|e| refused(&e))?;
        let mut query = bind(&options, source.ty, &limits).map_err(|e| refused(&e))?;
        query.count = None;
        query.expand = Vec::new();
        if let Some(condition) = source.condition {
            let parent = parent.ok_or_else(|| Error::internal("an export lacks what its rows belong to"))?;
            query.and_sql(condition, vec![Param::Int(parent)]);
        }
        if source.empty {
            query.and(Predicate::Always(false));
        }
        let columns = columns(source, &query);
        let mut select = columns.clone();
        let order = query.order.iter().filter_map(|term| match &term.scalar {
            Scalar::Property(path) if path.variable == 0 && path.hops.is_empty() => Some(path.property),
            _ => None,
        });
        let needed = source.needs.iter().filter_map(|name| source.ty.property(name));
        for property in source.ty.key_property().into_iter().chain(order).chain(needed) {
            if !select.iter().any(|p| p.name == property.name) {
                select.push(property);
            }
        }
        query.select = Some(select);
        Ok(Plan { source, query, sees, columns })
    }

    /// The CSV: first the line of names, then a piece a page.
    pub fn stream(self, app: Arc<App>) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        let Plan { source, query, sees, columns } = self;
        let state = (true, Pages::new(query, sees), columns, app);
        stream::try_unfold(state, move |(head, mut pages, columns, app)| async move {
            let mut text = String::new();
            if head {
                let names: Vec<Value> = columns.iter().map(|p| Value::from(p.name)).collect();
                csv::line(&mut text, &names);
            } else {
                let rows = pages.next(&mut app.store.read().await?).await?;
                if rows.is_empty() {
                    return Ok(None);
                }
                for mut row in rows {
                    if let Some(open) = source.open {
                        open(&app.keys, &mut row)?;
                    }
                    csv::line(&mut text, columns.iter().map(|p| row.get(p.name).unwrap_or(&Value::Null)));
                }
                pages.weighed(text.len());
            }
            Ok(Some((Bytes::from(text), (false, pages, columns, app))))
        })
    }
}

/// The columns: those that were selected, in the type's order; else all that can hold anything.
fn columns(source: &Source, query: &Query) -> Vec<&'static Property> {
    let ty: &'static EntityType = source.ty;
    let shown = |p: &&'static Property| match &query.select {
        Some(select) => !p.secret && select.iter().any(|s| s.name == p.name),
        None => !p.secret && !p.hidden && p.source != Origin::Nothing && !source.omit.contains(&p.name),
    };
    ty.properties.iter().filter(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::source::{ITEMS, LOGS};
    use bandmaster_odata::sql::Folders;

    fn plan(source: &'static Source, options: &[(&str, &str)], parent: Option<i64>) -> Result<Plan> {
        let pairs: Vec<(String, String)> = options.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let sees = Visibility { tenant: 1, organization: 1, folders: Folders::These(vec![1]) };
        Plan::new(source, &pairs, &[], sees, parent, 0)
    }

    fn names(list: &[&'static Property]) -> Vec<&'static str> {
        list.iter().map(|p| p.name).collect()
    }

    #[test]
    fn columns_follow_the_type_or_the_selection() {
        let all = plan(&LOGS, &[], None).unwrap();
        assert_eq!(names(&all.columns).first(), Some(&"Level"));
        assert!(!names(&all.columns).contains(&"RuntimeType"));
        let some = plan(&LOGS, &[("$select", "Message,Level"), ("$orderby", "TimeStamp desc")], None).unwrap();
        assert_eq!(names(&some.columns), ["Level", "Message"]);
        assert_eq!(names(&some.query.select.unwrap()), ["Level", "Message", "Id", "TimeStamp"]);
        let items = plan(&ITEMS, &[("$expand", "Robot")], Some(1)).unwrap();
        assert!(names(&items.columns).contains(&"SpecificContent") && !names(&items.columns).contains(&"SpecificData"));
        assert!(!names(&items.columns).contains(&"QueueDefinitionName"));
    }

    #[test]
    fn wrong_options_and_missing_parents_are_refused() {
        for (name, value) in
            [("$filter", "Nothing eq 1"), ("$top", "99999999999"), ("$expand", "Nothing"), ("filter", "x")]
        {
            assert_eq!(plan(&LOGS, &[(name, value)], None).map(|_| ()).unwrap_err().status(), 400, "{name}");
        }
        assert_eq!(plan(&ITEMS, &[], None).map(|_| ()).unwrap_err().status(), 500);
        assert!(plan(&LOGS, &[("$top", "5000")], None).is_ok());
    }
}
