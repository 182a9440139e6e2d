//! SetTransactionProgress: a text about an item while it is in progress. It renews the lease of the item.

use crate::definitions::of_item;
use crate::items::{add, row_version};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;
use serde_json::json;

/// Stores the text. The answer is an empty object rather than nothing: a client reads it as JSON.
pub async fn set(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let text = add::progress(call.body().text("progress"))?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let job = call.principal.job_key.clone();
    let mut unit = call.begin().await?;
    of_item(&mut unit, tenant, folder, id).await?;
    let (version, now) = (row_version(&unit), unit.now());
    let changed = unit
        .execute(
            "UPDATE queue_items SET progress = $1, row_version = $2, renewed_at = $4 WHERE id = $3 AND status = 1 \
             AND (handovers = 0 OR CAST($5 AS TEXT) IS NULL OR executor_job_key = CAST($5 AS TEXT))",
            params![text, version, id, now, job],
        )
        .await?;
    if changed == 0 {
        return Err(Error::conflict(
            codes::INVALID_TRANSACTION_PROGRESS_STATUS,
            "Progress can be told only of an item in progress, by whoever holds it.",
        ));
    }
    unit.commit().await?;
    Ok(Output::json(json!({})))
}
