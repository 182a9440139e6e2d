//! Rows of buckets: finding one that a folder has, holding it, removing it.

use super::entity::READ_ONLY;
use crate::files;
use bandmaster_api::Unit;
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{Conn, Row, params};

/// A bucket, as commands need it.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// `buckets.id`.
    pub id: i64,
    /// The identifier that the client chose.
    pub key: String,
    /// Its name in signed addresses.
    pub storage_key: String,
    /// Tenant.
    pub tenant_id: i64,
    /// Name.
    pub name: String,
    /// Flags, see [`super::entity::OPTIONS`].
    pub options: i64,
}

macro_rules! columns {
    () => {
        "b.id, b.key, b.storage_key, b.tenant_id, b.name, b.options"
    };
}

impl Bucket {
    fn of(row: &Row) -> Result<Bucket> {
        Ok(Bucket {
            id: row.get(0)?,
            key: row.get(1)?,
            storage_key: row.get(2)?,
            tenant_id: row.get(3)?,
            name: row.get(4)?,
            options: row.get(5)?,
        })
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: i64) -> bool {
        self.options & flag != 0
    }

    /// Refuses (409) when files of the bucket cannot be written or deleted.
    pub fn writable(&self) -> Result<()> {
        if self.has(READ_ONLY) {
            return Err(Error::conflict(codes::BUCKET_IS_READ_ONLY, "The bucket is read-only."));
        }
        Ok(())
    }
}

/// What is not there, or not to be seen.
pub fn missing() -> Error {
    Error::not_found("Bucket")
}

/// A bucket that is linked to the folder.
pub async fn linked(conn: &mut Conn, tenant: i64, folder: i64, id: i64) -> Result<Option<Bucket>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM buckets b JOIN bucket_folders f ON f.bucket_id = b.id \
         WHERE b.id = $1 AND b.tenant_id = $2 AND f.folder_id = $3"
    );
    conn.query_opt(sql, params![id, tenant, folder]).await?.as_ref().map(Bucket::of).transpose()
}

/// The bucket of a signed address.
pub async fn addressed(conn: &mut Conn, storage_key: &str) -> Result<Option<Bucket>> {
    let sql = concat!("SELECT ", columns!(), " FROM buckets b WHERE b.storage_key = $1");
    conn.query_opt(sql, params![storage_key]).await?.as_ref().map(Bucket::of).transpose()
}

/// A bucket of the tenant.
pub async fn of_tenant(conn: &mut Conn, tenant: i64, id: i64) -> Result<Option<Bucket>> {
    let sql = concat!("SELECT ", columns!(), " FROM buckets b WHERE b.id = $1 AND b.tenant_id = $2");
    conn.query_opt(sql, params![id, tenant]).await?.as_ref().map(Bucket::of).transpose()
}

/// Holds the bucket's row until the unit ends, so that its files change one after the other, and not while it is
/// deleted or made read-only. Gives it as it is now.
pub async fn hold(unit: &mut Unit, id: i64) -> Result<Bucket> {
    let held = unit.execute("UPDATE buckets SET updated_at = updated_at WHERE id = $1", params![id]).await?;
    if held == 0 {
        return Err(missing());
    }
    let sql = concat!("SELECT ", columns!(), " FROM buckets b WHERE b.id = $1");
    unit.query_opt(sql, params![id]).await?.as_ref().map(Bucket::of).transpose()?.ok_or_else(missing)
}

/// Removes a bucket with its files and links. The bucket is held.
pub async fn remove(unit: &mut Unit, id: i64) -> Result<()> {
    files::discard_bucket(unit, id).await?;
    unit.execute("DELETE FROM bucket_files WHERE bucket_id = $1", params![id]).await?;
    unit.execute("DELETE FROM bucket_folders WHERE bucket_id = $1", params![id]).await?;
    unit.execute("DELETE FROM buckets WHERE id = $1", params![id]).await?;
    Ok(())
}
