//! The signed addresses of files in buckets: contents travel here, without any credential but the address.

use super::address::{self, Note};
use super::row::{self, Bucket};
use super::save::{self, Target};
use crate::files::sign::Verb;
use crate::files::{self, Area, disk};
use axum::body::Body;
use bandmaster_access::tenants::organization_of;
use bandmaster_api::{Call, Output, UnitContext};
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use futures::StreamExt;
use tokio_util::io::ReaderStream;

/// Contents are served as bytes to be saved, whatever they are: a page among them must not run in a browser as if it
/// were the server's own. What the file is meant to be is told by `GetFile`.
const CONTENT_TYPE: &str = "application/octet-stream";

/// GET: the content.
pub async fn read(call: &mut Call) -> Result<Output> {
    let (key, note) = address::checked(call, Verb::Get)?;
    let mut conn = call.read().await?;
    let bucket = row::addressed(&mut conn, &key).await?.ok_or_else(row::missing)?;
    let sql = "SELECT file_id FROM bucket_files WHERE bucket_id = $1 AND path = $2";
    let found = conn.query_opt(sql, params![bucket.id, note.path.as_str()]).await?;
    let found: String = found.ok_or_else(|| Error::not_found("BlobFile"))?.get(0)?;
    let stored = files::find(&mut conn, &found).await?.ok_or_else(|| Error::not_found("BlobFile"))?;
    drop(conn);
    let file = files::place(&call.app).open(Area::Buckets, &stored.id).await?;
    let file = file.ok_or_else(|| Error::not_found("BlobFile").because("the stored file is missing"))?;
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 << 10));
    Ok(Output::stream(CONTENT_TYPE, Some(note.path.name()), body, Some(stored.size)))
}

/// PUT: the content. What stood at the path is replaced, once the new content is there whole.
pub async fn write(call: &mut Call) -> Result<Output> {
    let (key, note) = address::checked(call, Verb::Put)?;
    let limit = call.app.settings.max_upload_bytes;
    let announced = call.header("content-length").and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|n| n > limit) {
        return Err(disk::Cut::TooLarge(limit).into());
    }
    let (bucket, context) = owner(call, &key, &note).await?;
    bucket.writable()?;
    let given = call.header("content-type").and_then(|t| super::operations::content_type(t).ok());
    let content_type = note.content_type.clone().or(given);
    let stream = call.take_stream()?.into_data_stream().boxed();
    let target = Target {
        bucket: bucket.id,
        path: &note.path,
        content_type: content_type.as_deref(),
        folder: Some(note.folder),
        context,
    };
    save::save(&call.app, &target, stream, limit).await?;
    Ok(Output::empty())
}

/// The bucket of an address, and the context of whoever asked for the address: the caller here is nobody.
async fn owner(call: &Call, key: &str, note: &Note) -> Result<(Bucket, UnitContext)> {
    let mut conn = call.read().await?;
    let bucket = row::addressed(&mut conn, key).await?.ok_or_else(row::missing)?;
    let organization = organization_of(&mut conn, bucket.tenant_id).await?;
    let mut context = call.unit_context().within(organization, bucket.tenant_id);
    context.folder_id = Some(note.folder);
    context.user_id = note.user;
    Ok((bucket, context))
}
