//! The signed addresses of attachments: their contents travel here, without any credential but the address.

use crate::files::sign::{self, Verb};
use crate::files::{self, Area, StoredFile, disk};
use axum::body::Body;
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{Conn, params};
use futures::StreamExt;
use tokio_util::io::ReaderStream;

/// Contents are served as bytes to be saved, whatever they are: a page among them must not run in a browser as if it
/// were the server's own.
const CONTENT_TYPE: &str = "application/octet-stream";

/// Checks the address and tells the attachment that it names.
fn checked(call: &Call, verb: Verb) -> Result<String> {
    let id = bandmaster_core::ids::parse_guid(call.need_argument("id")?).unwrap_or_default();
    let (expires, signature) = (call.query("expires"), call.query("signature"));
    sign::check(&call.app.keys, verb, Area::Attachments, &id, expires, signature, call.now())?;
    Ok(id)
}

/// Name and content of an attachment; 404 when it was deleted.
async fn find(conn: &mut Conn, key: &str) -> Result<(String, Option<StoredFile>)> {
    let row = conn.query_opt("SELECT name, file_id FROM attachments WHERE key = $1", params![key]).await?;
    let row = row.ok_or_else(|| Error::not_found("Attachment"))?;
    let file: Option<String> = row.get(1)?;
    let file = match file {
        Some(id) => files::find(conn, &id).await?,
        None => None,
    };
    Ok((row.get(0)?, file))
}

/// GET: the content.
pub async fn read(call: &mut Call) -> Result<Output> {
    let key = checked(call, Verb::Get)?;
    let (name, stored) = find(&mut call.read().await?, &key).await?;
    let none = || Error::new(404, codes::ITEM_NOT_FOUND, "The attachment has no content yet.");
    let stored = stored.ok_or_else(none)?;
    let file = files::place(&call.app).open(Area::Attachments, &stored.id).await?;
    let file = file.ok_or_else(|| Error::not_found("Attachment").because("the stored file is missing"))?;
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 << 10));
    Ok(Output::stream(CONTENT_TYPE, Some(&name), body, Some(stored.size)))
}

/// PUT: the content, once. The same bytes again are fine, since clients repeat an upload whose answer was lost.
pub async fn write(call: &mut Call) -> Result<Output> {
    let key = checked(call, Verb::Put)?;
    let limit = call.app.settings.max_upload_bytes;
    let announced = call.header("content-length").and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|n| n > limit) {
        return Err(disk::Cut::TooLarge(limit).into());
    }
    let (_, present) = find(&mut call.read().await?, &key).await?;
    let stream = call.take_stream()?.into_data_stream().boxed();
    if let Some(present) = present {
        return same_again(&disk::measure(stream, limit).await?, &present);
    }
    let mut unit = call.begin().await?;
    let id = files::announce(&mut unit, Area::Attachments).await?;
    unit.commit().await?;
    let written = files::place(&call.app).write(Area::Attachments, &id, stream, limit).await;
    let mut unit = call.begin().await?;
    let written = match written {
        Ok(written) => written,
        Err(error) => {
            files::discard(&mut unit, &id).await?;
            unit.commit().await?;
            return Err(error);
        }
    };
    let (now, user) = (unit.now(), unit.context().user_id);
    let linked = unit
        .execute(
            "UPDATE attachments SET file_id = $1, updated_at = $2, updater_user_id = $3 \
             WHERE key = $4 AND file_id IS NULL",
            params![id.as_str(), now, user, key.as_str()],
        )
        .await?;
    if linked == 1 {
        files::keep(&mut unit, &id, &written).await?;
        unit.commit().await?;
        return Ok(Output::empty());
    }
    // Another upload was first, or the attachment is gone.
    files::discard(&mut unit, &id).await?;
    unit.commit().await?;
    match find(&mut call.read().await?, &key).await? {
        (_, Some(present)) => same_again(&written, &present),
        (_, None) => Err(Error::not_found("Attachment")),
    }
}

fn same_again(written: &disk::Written, present: &StoredFile) -> Result<Output> {
    if written.size == present.size && written.sha256 == present.sha256 {
        return Ok(Output::empty());
    }
    Err(Error::conflict(codes::ITEM_ALREADY_EXISTS, "The attachment has its content already; it is written once."))
}
