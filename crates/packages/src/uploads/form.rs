//! Receiving the files of a multipart form. Any part with a file name is a file, whatever the part is called; the
//! name may contain folders, only its end is looked at.

use crate::files::{Arrived, Arriving};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use bandmaster_api::Call;
use bandmaster_core::{Error, Result, codes};
use bytes::Bytes;
use std::time::Duration;

/// Files in one request.
const MOST_FILES: usize = 10;
/// Parts in one request, files or not.
const MOST_PARTS: usize = 50;
/// Bytes of a part that is no file.
const MOST_OTHER: u64 = 64 << 10;
/// How long the next piece may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file of the form.
pub(crate) struct Upload {
    /// Its name without folders.
    pub(crate) name: String,
    /// What became of it.
    pub(crate) file: Result<Arrived>,
}

fn broken(error: MultipartError) -> Error {
    Error::new(400, codes::INVALID_PACKAGE_DETAILS, "The upload did not arrive whole.").because(error)
}

fn too_many() -> Error {
    Error::new(400, codes::INVALID_PACKAGE_COUNT, format!("At most {MOST_FILES} packages can be uploaded at once."))
}

/// Waits for a piece of the form, not for ever.
async fn patiently<T>(piece: impl Future<Output = Result<T, MultipartError>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, piece).await {
        Ok(result) => result.map_err(broken),
        Err(_) => Err(Error::new(408, codes::INVALID_REQUEST, "The upload took too long to arrive.")),
    }
}

/// Receives all files of the call's form. `named`: names must end in `.nupkg`. Refuses a form without files.
pub(crate) async fn receive(call: &mut Call, named: bool) -> Result<Vec<Upload>> {
    let mut form = open(call).await?;
    let mut uploads = Vec::new();
    let mut parts = 0;
    while let Some(mut field) = patiently(form.next_field()).await? {
        parts += 1;
        if parts > MOST_PARTS {
            return Err(too_many());
        }
        let name = field.file_name().map(end_of_name).filter(|n| !n.is_empty());
        let Some(name) = name else {
            skip(&mut field, MOST_OTHER).await?;
            continue;
        };
        if uploads.len() == MOST_FILES {
            return Err(too_many());
        }
        if named && !name.to_ascii_lowercase().ends_with(".nupkg") {
            skip(&mut field, call.app.settings.max_upload_bytes).await?;
            let message = "Only files with the extension .nupkg are packages.";
            uploads.push(Upload { name, file: Err(Error::new(400, codes::INVALID_EXTENSION, message)) });
            continue;
        }
        let mut arriving = Arriving::begin(&call.app).await?;
        while let Some(bytes) = piece(&mut field).await? {
            arriving.write(&bytes).await?;
        }
        uploads.push(Upload { name, file: Ok(arriving.end().await?) });
    }
    if uploads.is_empty() {
        return Err(Error::new(400, codes::INVALID_PACKAGE_COUNT, "The upload holds no package."));
    }
    Ok(uploads)
}

/// The form, without the framework's own bound on bodies, which is far below the size of packages.
async fn open(call: &mut Call) -> Result<Multipart> {
    let mut request = Request::new(call.take_stream()?);
    *request.headers_mut() = call.headers().clone();
    DefaultBodyLimit::disable().apply(&mut request);
    Multipart::from_request(request, &())
        .await
        .map_err(|e| Error::new(400, codes::INVALID_PACKAGE_COUNT, "The upload is no multipart form.").because(e))
}

fn end_of_name(name: &str) -> String {
    name.rsplit(['/', '\\']).next().unwrap_or_default().trim().chars().take(200).collect()
}

async fn piece(field: &mut Field<'_>) -> Result<Option<Bytes>> {
    patiently(field.chunk()).await
}

async fn skip(field: &mut Field<'_>, limit: u64) -> Result<()> {
    let mut seen = 0;
    while let Some(bytes) = piece(field).await? {
        seen += bytes.len() as u64;
        if seen > limit {
            return Err(Error::new(413, codes::INVALID_REQUEST, "A part of the upload is too large."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_folders() {
        for (name, end) in [
            ("a.nupkg", "a.nupkg"),
            (".uipath/a.1.0.nupkg", "a.1.0.nupkg"),
            ("C:\\x\\a.nupkg ", "a.nupkg"),
            ("../../etc/passwd", "passwd"),
            ("folder/", ""),
        ] {
            assert_eq!(end_of_name(name), end);
        }
        assert_eq!(end_of_name(&"x".repeat(5000)).len(), 200);
    }
}
