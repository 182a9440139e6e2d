//! Package files on disk, below `packages` in the folder for files.
//!
//! A file arrives under a name of its own in `incoming`, is flushed, moved to its final name and the folder flushed
//! too, all before the unit that inserts its row. So a row never lacks its file; a crash, a refusal or a deletion
//! leaves at most a file without a row, which the duty in `cleanup` removes. Names carry the moment of their
//! making, so that no file is taken for left over while its upload is still under way.

mod cleanup;
mod incoming;

pub use cleanup::PackageFiles;
pub(crate) use incoming::{Arrived, Arriving, Stored};

use axum::body::Body;
use bandmaster_api::App;
use bandmaster_core::{Error, Result};
use std::io;
use std::path::{Path, PathBuf};
use tokio_util::io::ReaderStream;

/// Bytes read at once for a download.
const CHUNK: usize = 64 << 10;

/// The folder of all package files.
fn root(app: &App) -> PathBuf {
    app.settings.files.join("packages")
}

/// A fresh name: the moment, then a GUID.
fn fresh_name(app: &App) -> String {
    format!("{}-{}", app.clock.now(), app.ids.guid())
}

/// The moment in a name made by [`fresh_name`].
fn made_at(name: &str) -> Option<i64> {
    name.split_once('-')?.0.parse().ok()
}

/// An error of the file system. Nothing a caller sends causes one, so it can be tried again.
fn failed(what: &str, error: &io::Error) -> Error {
    Error::unavailable(format!("{what}: {error}"))
}

/// Runs file work off the threads that serve requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal(format!("file work ended abnormally: {e}")))
}

/// Removes all package files of a tenant, which is deleted.
pub(crate) async fn remove_all(app: &App, tenant_id: i64) -> Result<()> {
    let folder = root(app).join(tenant_id.to_string());
    match blocking(move || std::fs::remove_dir_all(folder)).await? {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(failed("the package files of a tenant cannot be removed", &e))
        }
        _ => Ok(()),
    }
}

/// Makes a folder and those above it, and flushes the folder that holds a new one.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
        match std::fs::create_dir(folder) {
            Ok(()) => flush_folder(above)?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Makes the names in a folder durable.
fn flush_folder(folder: &Path) -> io::Result<()> {
    // Other systems do not open folders; their names are durable with the rename.
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A package file as a stream, with its length. `None` when it is not there (any more).
pub(crate) async fn open(app: &App, file: &str) -> Result<Option<(Body, u64)>> {
    let path = root(app).join(file);
    let opened = match tokio::fs::File::open(&path).await {
        Ok(opened) => opened,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("a package file cannot be opened", &e)),
    };
    let length = opened.metadata().await.map_err(|e| failed("a package file cannot be looked at", &e))?.len();
    Ok(Some((Body::from_stream(ReaderStream::with_capacity(opened, CHUNK)), length)))
}

/// Removes files whose rows are gone. What fails is left to the duty.
pub(crate) async fn remove(app: &App, files: &[String]) {
    for file in files {
        if let Err(error) = tokio::fs::remove_file(root(app).join(file)).await {
            tracing::warn!(file, %error, "a deleted package's file stays for now");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_moment() {
        assert_eq!(made_at("1700000000000000-0f8fad5b-d9cb-469f-a165-70867728950e.nupkg"), Some(1_700_000_000_000_000));
        assert_eq!(made_at("readme.txt"), None);
        assert_eq!(made_at("x-1.part"), None);
    }

    #[test]
    fn folders_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        make_folder(&deep).unwrap();
        make_folder(&deep).unwrap();
        assert!(deep.is_dir());
        std::fs::write(folder.path().join("file"), b"x").unwrap();
        assert!(make_folder(&folder.path().join("file/below")).is_err());
    }
}
