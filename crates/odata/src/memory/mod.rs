//! Evaluation without a database: query options over computed lists of JSON objects ([`apply`]), and bound
//! queries over rows held in memory ([`bound`]). Both follow the same rules as the SQL (see `query`).

pub mod bound;
mod check;
mod evaluate;

pub use check::check;

use crate::bind::Limits;
use crate::error::{Failure, ODataError, shown};
use crate::options::QueryOptions;
use crate::syntax::SelectItem;
use bandmaster_model::TypeDef;
use check::Known;
use evaluate::{Evaluator, Key};
use serde_json::Value;
use std::cmp::Ordering;

/// Applies filter, order, page and selection to a computed list, and gives the total before paging (none when
/// the caller asked for none). Member names are matched without regard to case; values are compared as
/// what they are (text that is a moment as a moment when the other side is one).
///
/// A name counts as unknown when there are rows and none of them has it; on an empty list nothing is known, so
/// call [`check`] before, or use [`apply_typed`], where the type is published. `$expand` chooses nothing here:
/// the list has what it has.
///
/// # Errors
/// Unknown names and functions, and the limits of [`Limits::default`].
pub fn apply(options: &QueryOptions, rows: Vec<Value>) -> Result<(Vec<Value>, Option<u64>), ODataError> {
    check::against(options, &Known::Rows(&rows), &Limits::default())?;
    run(options, rows)
}

/// [`check`], then [`apply`] with only the type's names.
///
/// # Errors
/// As both.
pub fn apply_typed(
    options: &QueryOptions,
    ty: &TypeDef,
    rows: Vec<Value>,
) -> Result<(Vec<Value>, Option<u64>), ODataError> {
    check(options, ty)?;
    run(options, rows)
}

fn run(options: &QueryOptions, mut rows: Vec<Value>) -> Result<(Vec<Value>, Option<u64>), ODataError> {
    if let Some(filter) = &options.filter {
        let mut failure: Option<Failure> = None;
        rows.retain(|row| match Evaluator::new(row).condition(&filter.tree.root) {
            Ok(truth) => truth == Some(true),
            Err(f) => {
                failure.get_or_insert(f);
                false
            }
        });
        if let Some(failure) = failure {
            return Err(failure.in_option("$filter", &filter.text));
        }
    }
    let total = rows.len() as u64;
    if let Some(order) = options.orderby.as_ref().filter(|o| !o.tree.is_empty()) {
        let mut keyed: Vec<(Vec<Key>, Value)> = Vec::with_capacity(rows.len());
        for row in rows {
            let evaluator = &mut Evaluator::new(&row);
            let keys: Result<Vec<Key>, Failure> = order.tree.iter().map(|t| evaluator.key(&t.node)).collect();
            keyed.push((keys.map_err(|f| f.in_option("$orderby", &order.text))?, row));
        }
        keyed.sort_by(|(left, _), (right, _)| {
            let terms = order.tree.iter().zip(left.iter().zip(right));
            terms
                .map(|(term, (l, r))| if term.descending { r.cmp(l) } else { l.cmp(r) })
                .find(|o| *o != Ordering::Equal)
                .unwrap_or(Ordering::Equal)
        });
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    let skip = usize::try_from(options.skip).unwrap_or(usize::MAX);
    let top = options.top.map_or(usize::MAX, |t| t as usize);
    if skip > 0 || rows.len() > top {
        rows = rows.into_iter().skip(skip).take(top).collect();
    }
    if let Some(select) = &options.select {
        select_members(&mut rows, &select.tree, options);
    }
    Ok((rows, (options.count != Some(false)).then_some(total)))
}

fn select_members(rows: &mut [Value], items: &[SelectItem], options: &QueryOptions) {
    let mut names: Vec<&str> = Vec::new();
    for item in items {
        match item {
            SelectItem::All => return,
            SelectItem::Path(path) => names.extend(path.first().map(|n| n.text.as_str())),
        }
    }
    // What is expanded is wanted as well.
    let expanded = options.expand.iter().flat_map(|e| &e.tree).filter_map(|i| i.path.first());
    names.extend(expanded.map(|n| n.text.as_str()));
    for row in rows {
        if let Value::Object(members) = row {
            members.retain(|name, _| names.iter().any(|n| n.eq_ignore_ascii_case(name)));
        }
    }
}

/// "has no property".
fn unknown(at: usize, name: &str, owner: &str) -> Failure {
    let text = shown(name);
    Failure::named(at, name, format!("The type '{owner}' has no property named '{text}'"))
}
