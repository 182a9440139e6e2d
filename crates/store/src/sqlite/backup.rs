//! A copy of a SQLite database while it serves.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::config::StoreConfig;
use crate::error::DbError;
use crate::sqlite::connect;
use crate::sqlite::error::plain;

/// Copies to `to`, which must not exist; writers go on meanwhile. The file
/// appears complete and synced, or not at all.
pub(crate) async fn run(path: PathBuf, config: StoreConfig, to: PathBuf) -> Result<(), DbError> {
    tokio::task::spawn_blocking(move || copy(&path, &config, &to))
        .await
        .map_err(|e| DbError::Internal(format!("backup: {e}")))?
}

fn copy(path: &Path, config: &StoreConfig, to: &Path) -> Result<(), DbError> {
    let failed = |e: std::io::Error| DbError::Unavailable(format!("backup: {e}"));
    if to.try_exists().map_err(failed)? {
        return Err(DbError::Unavailable("backup: the target file exists".to_owned()));
    }
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = to.with_file_name(name);
    let _ = std::fs::remove_file(&partial);
    let result = fill(path, config, &partial).and_then(|()| {
        std::fs::File::open(&partial)
            .and_then(|f| f.sync_all())
            .and_then(|()| std::fs::rename(&partial, to))
            .and_then(|()| sync_folder(to))
            .map_err(failed)
    });
    if result.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    result
}

fn fill(path: &Path, config: &StoreConfig, partial: &Path) -> Result<(), DbError> {
    let from = connect::reader(path, config)?;
    connect::create_private(partial)?;
    let mut target = Connection::open(partial).map_err(plain)?;
    {
        let backup = Backup::new(&from.conn, &mut target).map_err(plain)?;
        // One step: in several, each change by the writer would start it over.
        match backup.step(-1).map_err(plain)? {
            StepResult::Done => {}
            _ => {
                return Err(DbError::Unavailable("backup: the database is locked".to_owned()));
            }
        }
    }
    // A lone file without a log beside it.
    target.execute_batch("PRAGMA journal_mode=DELETE").map_err(plain)?;
    target.close().map_err(|(_, e)| plain(e))
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = match file.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    std::fs::File::open(folder)?.sync_all()
}
