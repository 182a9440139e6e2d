//! Reading the history.

use super::EVENT;
use crate::items::chain;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_odata::sql::Param;

/// All changes that the caller sees.
pub async fn list(call: &mut Call) -> Result<Output> {
    call.list(&EVENT).await
}

/// One change.
pub async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&EVENT, id).await
}

/// The changes of an item and of all attempts that belong to it.
pub async fn of_item(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("queueItemId")?;
    let key = chain::key_of(call, id).await?;
    let condition = "{t}.item_id IN (SELECT c.id FROM queue_items c WHERE c.key = ?)";
    call.list_where(&EVENT, &call.visible(), condition, vec![Param::Text(key)]).await
}
