//! Uploads: from a multipart form to package versions in a feed.
//!
//! `form` receives files, `examine` reads them with distrust, `publish` makes the version in a unit of its own and
//! lets processes follow, `operations` answers. Files of one request stand for themselves: each succeeds or fails
//! alone.

mod examine;
mod form;
mod insert;
mod operations;
mod publish;

pub(crate) use form::receive;
pub(crate) use publish::{Publisher, publish};

use crate::feeds::Purpose;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;

/// Registers the uploads of packages and libraries.
pub fn register(r: &mut Registry) {
    r.serve("Processes_UploadPackage", packages)
        .checks_itself()
        .streams()
        .also(&[400, 404, 409, 413])
        .events(&["process.created", "process.updated"]);
    r.serve("Libraries_UploadPackage", libraries).streams().also(&[400, 404, 409, 413]);
}

async fn packages(call: &mut Call) -> Result<Output> {
    operations::upload(call, Purpose::Processes).await
}

async fn libraries(call: &mut Call) -> Result<Output> {
    operations::upload(call, Purpose::Libraries).await
}
