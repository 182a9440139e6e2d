//! The duty that removes files without a row: uploads that were cut off, packages that were refused or deleted while
//! the server went down.

use super::{blocking, failed, made_at, root};
use bandmaster_api::{App, Duty};
use bandmaster_core::clock::{DAY, HOUR};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use futures::future::BoxFuture;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is older than this belongs to no upload under way.
const LEFT_OVER: Micros = DAY;
/// How often it looks.
const PAUSE: Micros = 6 * HOUR;

/// Removes package files without a row.
pub struct PackageFiles;

impl Duty for PackageFiles {
    fn name(&self) -> &'static str {
        "package-files"
    }

    fn tick<'a>(&'a self, app: &'a Arc<App>, now: Micros) -> BoxFuture<'a, Result<Micros>> {
        Box::pin(async move {
            let removed = sweep(app, now).await?;
            if removed > 0 {
                tracing::info!(removed, "package files that belonged to nothing were removed");
            }
            Ok(now + PAUSE)
        })
    }
}

/// Removes what is left over and tells how many files that were.
pub(crate) async fn sweep(app: &App, now: Micros) -> Result<usize> {
    let root = root(app);
    let base = root.clone();
    let old = blocking(move || old_files(&base, now - LEFT_OVER)).await?;
    let old = old.map_err(|e| failed("the package files cannot be listed", &e))?;
    let mut removed = 0;
    for name in old {
        if !name.starts_with("incoming/") && has_row(app, &name).await? {
            continue;
        }
        match tokio::fs::remove_file(root.join(&name)).await {
            Ok(()) => removed += 1,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed("a left-over package file cannot be removed", &e)),
        }
    }
    Ok(removed)
}

async fn has_row(app: &App, name: &str) -> Result<bool, Error> {
    let mut conn = app.store.read().await?;
    Ok(conn.query_opt("SELECT 1 FROM package_versions WHERE file = $1", params![name]).await?.is_some())
}

/// Files made before `limit`, as `folder/name`. What has another name than ours is left alone.
fn old_files(root: &Path, limit: Micros) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in entries(root)? {
        let Some(folder_name) = folder.file_name().and_then(|n| n.to_str()).map(str::to_owned) else { continue };
        if !folder.is_dir() {
            continue;
        }
        for file in entries(&folder)? {
            let Some(name) = file.file_name().and_then(|n| n.to_str()) else { continue };
            if made_at(name).is_some_and(|at| at < limit) {
                found.push(format!("{folder_name}/{name}"));
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|e| e.map(|e| e.path())).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_old_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(old_files(&root.join("none"), 100).unwrap(), Vec::<String>::new());
        for name in ["incoming/50-a.part", "incoming/150-b.part", "7/99-c.nupkg", "7/notes.txt", "7/x-1.nupkg"] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        std::fs::write(root.join("10-loose"), b"").unwrap();
        let mut found = old_files(root, 100).unwrap();
        found.sort();
        assert_eq!(found, ["7/99-c.nupkg", "incoming/50-a.part"]);
    }
}
