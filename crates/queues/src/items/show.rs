//! Showing items: the generic query, then contents opened and wrapped as clients want them.

use super::content::{self, Part};
use super::entity::ITEM;
use super::row;
use crate::figures::TOTALS;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Output, Unit};
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_odata::sql::Param;
use bandmaster_odata::{KeyValue, Query};
use bandmaster_store::params;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// Members that are needed to open sealed contents, whatever `$select` says.
const NEEDED: &[&str] = &["Encrypted", "UniqueKey"];

/// The items that the caller sees.
pub async fn list(call: &mut Call) -> Result<Output> {
    let query = call.bound_query(&ITEM)?;
    page(call, query).await
}

/// Those of them that fulfil an SQL condition.
pub async fn list_where(call: &Call, condition: &'static str, params: Vec<Param>) -> Result<Output> {
    let mut query = call.bound_query(&ITEM)?;
    query.and_sql(condition, params);
    page(call, query).await
}

async fn page(call: &Call, mut query: Query) -> Result<Output> {
    let hidden = widen(&mut query);
    let (rows, total) = call.rows_counted(query, &call.visible(), Some(&TOTALS)).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for mut row in rows {
        open(&call.app.keys, &mut row)?;
        hidden.iter().for_each(|name| {
            row.remove(*name);
        });
        shown.push(Value::Object(row));
    }
    Ok(Output::page(ITEM.set, shown, total))
}

/// One item.
pub async fn one(call: &Call, id: i64) -> Result<Output> {
    let output = call.entity_by(&ITEM, KeyValue::Int(id), &call.visible()).await?;
    match output.content {
        bandmaster_api::output::Content::Entity { context, mut value } => {
            // With `$select` the members that tell about sealing may be missing; then they are read for themselves.
            if NEEDED.iter().any(|n| !value.contains_key(*n)) {
                let whole =
                    entity_json(&mut call.read().await?, &ITEM, id, call.tenant_id()?).await?.unwrap_or_default();
                let names: Vec<String> = value.keys().cloned().collect();
                let mut opened = whole;
                open(&call.app.keys, &mut opened)?;
                value = names.into_iter().filter_map(|n| Some((n.clone(), opened.remove(&n)?))).collect();
            } else {
                open(&call.app.keys, &mut value)?;
            }
            Ok(Output {
                status: output.status,
                headers: output.headers,
                content: bandmaster_api::output::Content::Entity { context, value },
            })
        }
        content => Ok(Output { content, ..output }),
    }
}

/// Adds the needed properties to a selection; those that were not asked for.
fn widen(query: &mut Query) -> Vec<&'static str> {
    let Some(select) = &mut query.select else { return Vec::new() };
    let mut added = Vec::new();
    for name in NEEDED {
        if let Some(property) = ITEM.property(name)
            && !select.iter().any(|p| p.name == property.name)
        {
            select.push(property);
            added.push(property.name);
        }
    }
    added
}

/// Opens sealed contents and fills the wrapped forms.
pub fn open(keys: &KeyRing, row: &mut Map<String, Value>) -> Result<()> {
    let encrypted = row.get("Encrypted").and_then(Value::as_bool).unwrap_or(false);
    let unique_key = row.get("UniqueKey").and_then(Value::as_str).unwrap_or_default().to_owned();
    let forms = [
        (Part::Specific, "SpecificContent", "SpecificData"),
        (Part::Output, "Output", "OutputData"),
        (Part::Analytics, "Analytics", "AnalyticsData"),
    ];
    for (part, object, text) in forms {
        // Either form may be absent through `$select`; both come from one column.
        let stored = match (row.get(object), row.get(text)) {
            (Some(Value::String(sealed)), _) => Some(Value::String(sealed.clone()).to_string()),
            (Some(value), _) if !value.is_null() => Some(value.to_string()),
            (_, Some(Value::String(raw))) => Some(raw.clone()),
            _ => None,
        };
        let value = match stored {
            Some(stored) => {
                let clear = content::clear(keys, &stored, encrypted, part, &unique_key)?;
                serde_json::from_str(&clear).unwrap_or(Value::Null)
            }
            None => Value::Null,
        };
        if row.contains_key(text) {
            row.insert(text.to_owned(), content::wrapped(&value));
        }
        if row.contains_key(object) {
            row.insert(object.to_owned(), value);
        }
    }
    Ok(())
}

/// The whole item as it stands inside a unit, for the answer.
pub async fn answer(unit: &mut Unit, keys: &KeyRing, id: i64) -> Result<Map<String, Value>> {
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("SELECT {} FROM queue_items WHERE queue_items.id = $1", *row::COLUMNS));
    let found = unit.query_opt(&SQL, params![id]).await?.ok_or_else(|| Error::internal("an item is gone"))?;
    row::item(keys, found)
}
