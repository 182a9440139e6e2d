//! Attachments: files that go with jobs, written and read through signed addresses.
//!
//! An attachment is written once: its content never changes after it has arrived whole, so a job reads what was there
//! when it was started. `operations` serves the tag Attachments, `blob` the signed addresses; which jobs they go with
//! is known to the automation crate, which asks through `part`.

mod blob;
mod contents;
mod entity;
mod operations;
mod part;

pub use contents::AttachmentsOfFolders;
pub use entity::ATTACHMENT;
pub use part::StoredAttachments;

use crate::types;
use bandmaster_api::{Registry, own};

/// Registers the operations.
pub(crate) fn register(r: &mut Registry) {
    r.entity(&ATTACHMENT);
    r.serve("Attachments_Get", operations::list).checks_itself();
    types::answers(r.serve("Attachments_GetById", operations::one).checks_itself(), types::ATTACHMENT);
    types::answers(r.serve("Attachments_Post", operations::create).checks_itself(), types::ATTACHMENT);
    r.serve("Attachments_DeleteById", operations::delete).checks_itself().also(&[404]);
    let blob = |id, method| {
        own(id, method, "/blob/attachments/{id}")
            .tag("Attachments")
            .anonymous()
            .path("id", "uuid")
            .query("expires", "int64!")
            .query("signature", "string!")
    };
    r.add(blob("Attachments_ReadContent", "GET").returns(200, "file"), blob::read).also(&[403, 404]);
    // The upload belongs to the creation of the attachment, which the audit has.
    r.add(blob("Attachments_WriteContent", "PUT").returns(201, "-"), blob::write)
        .streams()
        .telemetry()
        .also(&[403, 404, 408, 409, 413]);
}
