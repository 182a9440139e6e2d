//! The chain of attempts that an item belongs to: they share its key.

use super::show;
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result};
use bandmaster_odata::sql::Param;
use bandmaster_store::params;

/// The key of an item's chain, when the caller sees the item.
pub async fn key_of(call: &Call, id: i64) -> Result<String> {
    seen(call, "i.id = $1", params![id]).await
}

async fn seen(call: &Call, condition: &str, params: &[bandmaster_store::Value]) -> Result<String> {
    let tenant = call.tenant_id()?;
    let visible = call.visible();
    let sql = format!(
        "SELECT i.key, f.folder_id FROM queue_items i JOIN queue_folders f ON f.queue_id = i.queue_id \
         WHERE {condition} AND i.tenant_id = $2"
    );
    let mut values = params.to_vec();
    values.push(tenant.into());
    for row in call.read().await?.query(&sql, &values).await? {
        let folder: i64 = row.get(1)?;
        if matches!(&visible, Folders::All) || matches!(&visible, Folders::These(ids) if ids.contains(&folder)) {
            return Ok(row.get(0)?);
        }
    }
    Err(Error::not_found("QueueItem"))
}

/// GetItemProcessingHistory: all attempts, oldest first.
pub async fn history(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let key = key_of(call, id).await?;
    show::list_where(call, "{t}.key = ?", vec![Param::Text(key)]).await
}

/// GetItemLastRetry: the newest attempt.
pub async fn last(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let key = key_of(call, id).await?;
    newest(call, &key).await
}

/// GetItemLastRetryByKey: the same for an attempt's unique key, or for the key of the chain.
pub async fn last_by_key(call: &mut Call) -> Result<Output> {
    let unique_key = call.guid_argument("key")?;
    let key = match seen(call, "i.unique_key = $1", params![unique_key.as_str()]).await {
        Err(_) => seen(call, "i.key = $1", params![unique_key]).await?,
        found => found?,
    };
    newest(call, &key).await
}

async fn newest(call: &Call, key: &str) -> Result<Output> {
    let row = call.read().await?.query_one("SELECT max(id) FROM queue_items WHERE key = $1", params![key]).await?;
    let id: Option<i64> = row.get(0)?;
    show::one(call, id.ok_or_else(|| Error::not_found("QueueItem"))?).await
}
