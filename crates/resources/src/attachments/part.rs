//! What jobs ask about attachments.

use bandmaster_automation::parts::{AttachmentFacts, Attachments};
use bandmaster_core::Result;
use bandmaster_core::ids::parse_guid;
use bandmaster_store::{Conn, params};
use futures::future::BoxFuture;

/// The part `Box<dyn Attachments>`. Only attachments whose content has arrived count: a job cannot start with one that
/// it could not read.
#[derive(Debug, Default, Clone, Copy)]
pub struct StoredAttachments;

impl Attachments for StoredAttachments {
    fn find<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<AttachmentFacts>>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for id in ids {
                let Some(key) = parse_guid(id) else { continue };
                let row = conn
                    .query_opt(
                        "SELECT name FROM attachments WHERE key = $1 AND tenant_id = $2 AND folder_id = $3 \
                         AND file_id IS NOT NULL",
                        params![key, tenant_id, folder_id],
                    )
                    .await?;
                if let Some(row) = row {
                    found.push(AttachmentFacts { id: id.clone(), name: row.get(0)? });
                }
            }
            Ok(found)
        })
    }
}
