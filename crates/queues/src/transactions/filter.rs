//! StartTransaction with `$filter`: the next item, in the order of processing, that fulfils a filter over the members
//! of items. The filter is bound and limited as that of a list, and sees what the caller's folder shows.

use super::start::{Wanted, started};
use crate::definitions::{Definition, by_name};
use crate::history::record;
use crate::items::{ITEM, row, row_version};
use bandmaster_api::query::{bound, visibility};
use bandmaster_api::{Call, Folders, Unit};
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_odata::Query;
use bandmaster_odata::sql::{Param, Visibility, first};
use bandmaster_store::{Dialect, Value as DbValue, params};
use serde_json::{Map, Value};

/// The order of processing.
const ORDER: &str = "{t}.no_due, {t}.priority, {t}.due_at, {t}.id";

/// Which items are wanted.
pub struct Choice {
    query: Query,
    sees: Visibility,
}

impl Choice {
    /// What a call's `$filter` wants; none without one. Other options cannot go with it.
    pub fn asked(call: &Call, wanted: &Wanted) -> Result<Option<Choice>> {
        if call.query("$filter").is_none() {
            return Ok(None);
        }
        let mut query = call.bound_query(&ITEM)?;
        if !query.order.is_empty() || query.top.is_some() || query.skip > 0 {
            return Err(Error::invalid(
                "Items are taken in the order of processing, one at a time: only $filter applies.",
            ));
        }
        match wanted {
            Wanted::Any => {}
            Wanted::Equal(text) => query.and_sql("fold({t}.reference) = (? || '')", vec![Param::Text(text.clone())]),
            Wanted::Prefix(text) => {
                query.and_sql("fold({t}.reference) LIKE ? ESCAPE '\\'", vec![Param::Text(text.clone())]);
            }
        }
        let tenant = call.tenant()?;
        let sees = visibility(tenant.organization_id, tenant.id, &Folders::These(vec![call.folder()?.id]));
        Ok(Some(Choice { query, sees }))
    }

    /// Whether there is such an item. Asked before a unit is begun: a filter may have to look at every item of the
    /// queue, and on SQLite nobody could write meanwhile.
    pub async fn finds(&self, call: &Call, name: &str) -> Result<bool> {
        let mut conn = call.read().await?;
        let queue = by_name(&mut conn, call.tenant_id()?, call.folder()?.id, name).await?;
        let mut query = self.query.clone();
        let eligible = "{t}.queue_id = ? AND {t}.status = 0 AND ({t}.ready = 1 OR {t}.defer_at <= ?)";
        query.and_sql(eligible, vec![Param::Int(queue.id), Param::Int(call.now())]);
        let statement = first(&query, &self.sees, ORDER);
        Ok(!conn.query_long(&statement.text, &bound(&statement)).await?.is_empty())
    }

    /// Takes the next such item. On PostgreSQL it passes over rows that another claim holds.
    pub async fn take(
        &self,
        unit: &mut Unit,
        keys: &KeyRing,
        queue: &Definition,
        robot: Option<i64>,
        job: Option<&str>,
    ) -> Result<Option<Map<String, Value>>> {
        let mut query = self.query.clone();
        query.and_sql("{t}.queue_id = ? AND {t}.status = 0 AND {t}.ready = 1", vec![Param::Int(queue.id)]);
        let statement = first(&query, &self.sees, ORDER);
        let lock = if unit.dialect() == Dialect::Postgres { " FOR UPDATE OF t SKIP LOCKED" } else { "" };
        let n = statement.params.len();
        let sql = format!(
            "UPDATE queue_items SET status = 1, started_at = CAST(${} AS BIGINT), robot_id = CAST(${} AS BIGINT), \
             executor_job_key = CAST(${} AS TEXT), row_version = CAST(${} AS TEXT) WHERE id = ({}{lock}) RETURNING {}",
            n + 1,
            n + 2,
            n + 3,
            n + 4,
            statement.text,
            &*row::COLUMNS,
        );
        let mut values: Vec<DbValue> = bound(&statement);
        values.extend_from_slice(params![unit.now(), robot, job, row_version(unit)]);
        let Some(row) = unit.query_dynamic(&sql, &values).await?.into_iter().next() else { return Ok(None) };
        let item = row::item(keys, row)?;
        let id = item.get("Id").and_then(Value::as_i64).unwrap_or_default();
        let key = item.get("UniqueKey").and_then(Value::as_str).unwrap_or_default().to_owned();
        record(unit, started(queue, id, &key, 0)).await?;
        Ok(Some(item))
    }
}
