//! Items from files. Reports and exports of items are the business of the crate that keeps exports.

mod csv;
mod upload;

use bandmaster_api::Registry;
use bandmaster_api::registry::own;
use bandmaster_model::FolderRule;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    let row = own("QueueDefinitions_UploadItems", "POST", "/odata/QueueDefinitions({key})/UiPathODataSvc.UploadItems")
        .scopes("OR.Queues,OR.Queues.Write")
        .permission("Queues.View&Transactions.Create")
        .folder(FolderRule::Required)
        .path("key", "int64")
        .query("commitType", "enum(AllOrNothing|StopOnFirstFailure|ProcessAllIndependently)")
        .body("multipart")
        .returns(200, "BulkOperationResponseDtoOfFailedQueueItemDto");
    r.add(row, upload::upload).streams().evented().also(&[400, 404]).events(&["queueItem.added"]);
}
