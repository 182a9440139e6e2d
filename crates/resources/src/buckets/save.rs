//! Putting a file into a bucket, and taking it out.

use super::path::FilePath;
use super::row::{self, Bucket};
use crate::files::{self, Area};
use bandmaster_api::{App, Unit, UnitContext};
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use bytes::Bytes;
use futures::Stream;
use serde_json::json;
use std::fmt::Display;

/// Where a file goes, and on whose behalf.
pub struct Target<'a> {
    /// `buckets.id`; the caller has checked that it may be written.
    pub bucket: i64,
    /// Path in it.
    pub path: &'a FilePath,
    /// What the file is, if anybody said.
    pub content_type: Option<&'a str>,
    /// Folder of the event.
    pub folder: Option<i64>,
    /// Tenant and user.
    pub context: UnitContext,
}

/// Writes a file, durable when this returns; one that stood at the path is replaced. Nothing is left of a stream that
/// does not arrive whole or is larger than `limit` bytes. 404 or 409 when the bucket is deleted or made read-only
/// meanwhile.
pub async fn save<E: Display>(
    app: &App,
    target: &Target<'_>,
    stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
    limit: u64,
) -> Result<()> {
    let id = Unit::run(app, target.context.clone(), async |unit| files::announce(unit, Area::Buckets).await).await?;
    let outcome = async {
        let written = files::place(app).write(Area::Buckets, &id, stream, limit).await?;
        Unit::run(app, target.context.clone(), async |unit| {
            let bucket = row::hold(unit, target.bucket).await?;
            bucket.writable()?;
            files::keep(unit, &id, &written).await?;
            replace(unit, &bucket, target, &id, written.size).await
        })
        .await
    }
    .await;
    if outcome.is_err() {
        Unit::run(app, target.context.clone(), async |unit| files::abandon(unit, &id).await).await?;
    }
    outcome
}

/// The row of the file; what stood there before is given up. The bucket is held.
async fn replace(unit: &mut Unit, bucket: &Bucket, target: &Target<'_>, id: &str, size: u64) -> Result<()> {
    let (now, path) = (unit.now(), target.path);
    let size = i64::try_from(size).map_err(|_| Error::internal("a file is larger than can be counted"))?;
    let sql = "SELECT file_id FROM bucket_files WHERE bucket_id = $1 AND path = $2";
    let old = unit.query_opt(sql, params![bucket.id, path.as_str()]).await?;
    match old {
        Some(old) => {
            let old: String = old.get(0)?;
            unit.execute(
                "UPDATE bucket_files SET content_type = $1, size = $2, file_id = $3, written_at = $4 \
                 WHERE bucket_id = $5 AND path = $6",
                params![target.content_type, size, id, now, bucket.id, path.as_str()],
            )
            .await?;
            files::discard(unit, &old).await?;
        }
        None => {
            unit.execute(
                "INSERT INTO bucket_files (tenant_id, bucket_id, path, directory, name, content_type, size, file_id, \
                 written_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                params![
                    bucket.tenant_id,
                    bucket.id,
                    path.as_str(),
                    path.directory(),
                    path.name(),
                    target.content_type,
                    size,
                    id,
                    now
                ],
            )
            .await?;
        }
    }
    tell(unit, "blobfile.uploaded", target.folder, bucket, path.as_str()).await
}

/// Takes a file out of a bucket that is held; its size, or `None` when there is none.
pub async fn take_out(unit: &mut Unit, bucket: &Bucket, path: &FilePath, folder: Option<i64>) -> Result<Option<i64>> {
    let sql = "DELETE FROM bucket_files WHERE bucket_id = $1 AND path = $2 RETURNING file_id, size";
    let Some(gone) = unit.query_opt(sql, params![bucket.id, path.as_str()]).await? else { return Ok(None) };
    let file: String = gone.get(0)?;
    files::discard(unit, &file).await?;
    tell(unit, "blobfile.deleted", folder, bucket, path.as_str()).await?;
    Ok(Some(gone.get(1)?))
}

async fn tell(unit: &mut Unit, kind: &str, folder: Option<i64>, bucket: &Bucket, path: &str) -> Result<()> {
    let payload = json!({"BucketName": bucket.name, "FullPath": path});
    unit.event(kind, folder, Some(&bucket.key), &payload).await
}
