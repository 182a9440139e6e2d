//! Downloads: the very bytes that were uploaded.

use super::record::{self, VersionRecord, what};
use crate::feeds::{self, Purpose};
use crate::files;
use bandmaster_api::{App, Call, Output};
use bandmaster_core::{Error, Result};

/// `GET …DownloadPackage(key='Id:Version')`
pub(super) async fn download(call: &Call, purpose: Purpose) -> Result<Output> {
    let feed = feeds::of_call(call, purpose, "View").await?;
    let found = record::of_key(&mut call.read().await?, &feed, call.need_argument("key")?).await?;
    file(&call.app, &found, purpose).await
}

/// The file of a version.
pub(crate) async fn file(app: &App, version: &VersionRecord, purpose: Purpose) -> Result<Output> {
    // Between the row's reading and now it may have been deleted.
    let (body, length) = files::open(app, &version.file).await?.ok_or_else(|| Error::not_found(what(purpose)))?;
    let name = format!("{}.{}.nupkg", version.package_id, version.version);
    Ok(Output::stream("application/octet-stream", Some(&name), body, Some(length)))
}
