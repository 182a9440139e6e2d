//! Stored files: bytes in the files folder, and the rows that keep count of them.
//!
//! A file is named by a GUID that the server makes; nothing of a request ever becomes part of a path. Its row is made
//! before the first byte is written and goes after the file is gone, so a crash at any point leaves nothing behind
//! that `duty` does not find. What a file is for, and who may have it, is its user's business (attachments, buckets,
//! exports).

pub mod disk;
mod duty;
pub mod sign;

pub use disk::{Cut, Written};
pub use duty::FileRemoval;

use bandmaster_api::{App, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};

/// Topic: there are files to remove.
pub const TOPIC: &str = "files";

const WRITING: i64 = 0;
const KEPT: i64 = 1;
const DOOMED: i64 = 2;

/// What files are for: a folder below the files folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Contents of attachments.
    Attachments,
    /// Lists that were written for whoever asked.
    Exports,
    /// Files of storage buckets.
    Buckets,
}

impl Area {
    const ALL: [Area; 3] = [Area::Attachments, Area::Exports, Area::Buckets];

    /// The folder's name, also in signed addresses.
    pub fn name(self) -> &'static str {
        match self {
            Area::Attachments => "attachments",
            Area::Exports => "exports",
            Area::Buckets => "buckets",
        }
    }

    fn of(name: &str) -> Option<Area> {
        Area::ALL.into_iter().find(|a| a.name() == name)
    }
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// GUID.
    pub id: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Announces a file that will be written; gives its id. Commit before writing.
pub async fn announce(unit: &mut Unit, area: Area) -> Result<String> {
    let (id, now) = (unit.guid(), unit.now());
    unit.execute(
        "INSERT INTO stored_files (id, area, state, created_at) VALUES ($1, $2, $3, $4)",
        params![id.as_str(), area.name(), WRITING, now],
    )
    .await?;
    Ok(id)
}

/// Keeps a written file, in the unit that refers to it.
pub async fn keep(unit: &mut Unit, id: &str, written: &Written) -> Result<()> {
    let size = i64::try_from(written.size).map_err(|_| Error::internal("a file is larger than can be counted"))?;
    let kept = unit
        .execute(
            "UPDATE stored_files SET state = $1, size = $2, sha256 = $3 WHERE id = $4 AND state = $5",
            params![KEPT, size, written.sha256.as_str(), id, WRITING],
        )
        .await?;
    if kept == 1 { Ok(()) } else { Err(Error::unavailable("a file was given up while it was written")) }
}

/// Gives a file up, kept or being written: it is removed soon after the unit is committed.
pub async fn discard(unit: &mut Unit, id: &str) -> Result<()> {
    unit.execute("UPDATE stored_files SET state = $1 WHERE id = $2", params![DOOMED, id]).await?;
    unit.nudge(TOPIC);
    Ok(())
}

/// Gives a file up if it was not kept: for writers that do not know whether the unit that keeps it went through.
pub(crate) async fn abandon(unit: &mut Unit, id: &str) -> Result<()> {
    let sql = "UPDATE stored_files SET state = $1 WHERE id = $2 AND state = $3";
    unit.execute(sql, params![DOOMED, id, WRITING]).await?;
    unit.nudge(TOPIC);
    Ok(())
}

/// Gives up all files of a bucket, which is about to be deleted.
pub(crate) async fn discard_bucket(unit: &mut Unit, bucket: i64) -> Result<()> {
    let sql = "UPDATE stored_files SET state = $1 WHERE id IN (SELECT file_id FROM bucket_files WHERE bucket_id = $2)";
    unit.execute(sql, params![DOOMED, bucket]).await?;
    unit.nudge(TOPIC);
    Ok(())
}

/// The file of that id, if it is kept.
pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<StoredFile>> {
    let sql = "SELECT size, sha256 FROM stored_files WHERE id = $1 AND state = $2";
    let row = conn.query_opt(sql, params![id, KEPT]).await?;
    row.map(|r| Ok(StoredFile { id: id.to_owned(), size: r.get(0)?, sha256: r.get(1)? })).transpose()
}

/// Where files are.
pub fn place(app: &App) -> disk::Place {
    disk::Place::new(&app.settings.files)
}
