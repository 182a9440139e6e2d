//! Which items an action is about: what a list with the same `$filter` would show in the folder, up to an id.

use super::rule::{Action, Standing, Verdict};
use crate::items::ITEM;
use bandmaster_api::Folders;
use bandmaster_api::query::{complete, refused, tally, visibility};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_odata::sql::{Param, Visibility};
use bandmaster_odata::{Allowed, KeyValue, Limits, Query, QueryOptions, Run, bind};
use bandmaster_store::{Conn, params};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where an action works.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Organization.
    pub organization: i64,
    /// Tenant.
    pub tenant: i64,
    /// Folder.
    pub folder: i64,
    /// Only this queue.
    pub queue: Option<i64>,
}

/// The items.
pub struct Selection {
    query: Query,
    sees: Visibility,
    tenant: i64,
}

/// An item that was selected, as it was then.
#[derive(Debug, Clone)]
pub struct Picked {
    /// Id.
    pub id: i64,
    /// Version of the row.
    pub row_version: String,
}

/// Some selected items.
pub struct Picking {
    /// In the order of their ids.
    pub items: Vec<Picked>,
    /// Up to which id there are no others.
    pub up_to: i64,
}

/// How many items are changed, and how many are not, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Changed.
    pub changed: i64,
    /// Not changed, by reason.
    pub skipped: BTreeMap<String, i64>,
}

impl Tally {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.changed + self.passed_over()
    }

    /// Those that are not changed.
    pub fn passed_over(&self) -> i64 {
        self.skipped.values().sum()
    }
}

impl Selection {
    /// Reads a filter. `now` is what `now()` means in it.
    ///
    /// # Errors
    /// 400 for a filter that does not fit queue items.
    pub fn new(place: Place, filter: Option<&str>, now: Micros) -> Result<Selection> {
        let pairs: Vec<(String, String)> = filter.map(|f| ("$filter".to_owned(), f.to_owned())).into_iter().collect();
        let options = QueryOptions::from_pairs(&pairs, Allowed::default()).map_err(|e| refused(&e))?;
        let limits = Limits { now: Some(now), ..Limits::default() };
        let mut query = bind(&options, &ITEM, &limits).map_err(|e| refused(&e))?;
        query.count = None;
        if let Some(queue) = place.queue {
            query.and_sql("{t}.queue_id = ?", vec![Param::Int(queue)]);
        }
        query.select = Some(["Id", "RowVersion"].iter().filter_map(|name| ITEM.property(name)).collect());
        let sees = visibility(place.organization, place.tenant, &Folders::These(vec![place.folder]));
        Ok(Selection { query, sees, tenant: place.tenant })
    }

    /// What an action would do to the items that are there now.
    pub async fn tally(&self, conn: &mut Conn, action: Action, ceiling: i64, now: Micros) -> Result<Tally> {
        let mut query = self.query.clone();
        query.and_sql("{t}.id <= ?", vec![Param::Int(ceiling)]);
        let mut found = Tally::default();
        for (value, count) in tally(conn, &query, &self.sees, Standing::SQL, &[Param::Int(now)]).await? {
            match action.verdict(Standing::read(value)) {
                Verdict::Change => found.changed += count,
                Verdict::Skip(reason) => *found.skipped.entry(reason.to_owned()).or_default() += count,
            }
        }
        Ok(found)
    }

    /// The next items after an id, up to the ceiling: at most `most`, among at most `among` items of the tenant, so that
    /// a filter that lets few through does not make the reading long.
    pub async fn next(&self, conn: &mut Conn, after: i64, ceiling: i64, most: u32, among: i64) -> Result<Picking> {
        let row = conn
            .query_one(
                "SELECT max(w.id) FROM (SELECT id FROM queue_items WHERE tenant_id = $1 AND id > $2 AND id <= $3 \
                 ORDER BY id LIMIT $4) w",
                params![self.tenant, after, ceiling, among],
            )
            .await?;
        let Some(end) = row.get::<Option<i64>>(0)? else {
            return Ok(Picking { items: Vec::new(), up_to: ceiling });
        };
        let mut query = self.query.clone();
        query.and_sql("{t}.id > ? AND {t}.id <= ?", vec![Param::Int(after), Param::Int(end)]);
        query.top = Some(most);
        let rows = complete(conn, Run::page(&query, &self.sees, most)).await?;
        let items: Vec<Picked> = rows
            .into_iter()
            .map(|row| match (row.get("Id").and_then(Value::as_i64), row.get("RowVersion").and_then(Value::as_str)) {
                (Some(id), Some(version)) => Ok(Picked { id, row_version: version.to_owned() }),
                _ => Err(Error::internal("an item without id or version")),
            })
            .collect::<Result<_>>()?;
        let full = u32::try_from(items.len()).is_ok_and(|n| n >= most);
        let up_to = items.last().filter(|_| full).map_or(end, |last| last.id);
        Ok(Picking { items, up_to })
    }

    /// Whether an item is selected still.
    pub async fn holds(&self, conn: &mut Conn, id: i64) -> Result<bool> {
        let run = Run::by_key(&self.query, &KeyValue::Int(id), &self.sees);
        Ok(!complete(conn, run).await?.is_empty())
    }
}

/// The greatest id of an item of a tenant; 0 without any.
pub async fn ceiling(conn: &mut Conn, tenant: i64) -> Result<i64> {
    let row = conn.query_one("SELECT max(id) FROM queue_items WHERE tenant_id = $1", params![tenant]).await?;
    Ok(row.get::<Option<i64>>(0)?.unwrap_or(0))
}
