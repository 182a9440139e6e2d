//! The rows of exports: written by requests, moved on by the duty.

use super::entity::{COMPLETED, FAILED, IN_PROGRESS, NEW};
use super::{KEPT_FOR, Source, source};
use bandmaster_api::{Folders, Unit};
use bandmaster_core::clock::MINUTE;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result};
use bandmaster_resources::files::{self, Area, Written};
use bandmaster_store::{Conn, Row, params};

/// An export in progress without a sign of life for that long is taken again.
pub const STALE: Micros = 10 * MINUTE;
/// An attempt that failed is followed by the next after that.
pub const RETRY: Micros = MINUTE;
/// How often it is tried.
pub const ATTEMPTS: i64 = 3;

/// A request to be written down.
pub struct Request<'a> {
    /// What.
    pub source: &'static Source,
    /// Whose.
    pub requester: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What the caller sees.
    pub folders: &'a Folders,
    /// Whose rows.
    pub parent: Option<i64>,
    /// Query options.
    pub options: &'a [(String, String)],
}

/// Writes a request down; its id.
pub async fn insert(unit: &mut Unit, request: &Request<'_>) -> Result<i64> {
    let (organization, tenant, now) = (unit.context().organization_id, unit.tenant_id(), unit.now());
    let user = unit.context().user_id;
    let json = |v: serde_json::Result<String>| v.map_err(|e| Error::internal(format!("an export: {e}")));
    let folders = match request.folders {
        Folders::All => None,
        Folders::These(ids) => Some(json(serde_json::to_string(ids))?),
    };
    let options = json(serde_json::to_string(request.options))?;
    let row = unit
        .query_one(
            "INSERT INTO exports (organization_id, tenant_id, requester_key, user_id, kind, name, folders, parent_id, \
             options, requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
            params![
                organization,
                tenant,
                request.requester,
                user,
                request.source.kind,
                request.name,
                folders,
                request.parent,
                options,
                now
            ],
        )
        .await?;
    Ok(row.get(0)?)
}

/// How many exports a tenant asked for since then.
pub async fn requested_since(conn: &mut Conn, tenant_id: i64, since: Micros) -> Result<i64> {
    let sql = "SELECT count(*) FROM exports WHERE tenant_id = $1 AND requested_at > $2";
    Ok(conn.query_one(sql, params![tenant_id, since]).await?.get(0)?)
}

/// An export that was taken to be carried out.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Id.
    pub id: i64,
    /// Organization.
    pub organization_id: i64,
    /// Tenant.
    pub tenant_id: i64,
    /// What; none for kinds of a newer version.
    pub source: Option<&'static Source>,
    /// What the caller saw.
    pub folders: Folders,
    /// Whose rows.
    pub parent: Option<i64>,
    /// Query options.
    pub options: Vec<(String, String)>,
    /// When it was asked for.
    pub requested_at: Micros,
    /// The attempt.
    pub run: String,
    /// The file to be written.
    pub file: String,
    /// Which attempt it is, from 1 on.
    pub attempt: i64,
}

/// The folders of a stored request.
pub fn folders(text: Option<&str>) -> Result<Folders> {
    match text {
        None => Ok(Folders::All),
        Some(text) => serde_json::from_str(text)
            .map(Folders::These)
            .map_err(|e| Error::internal(format!("the folders of an export: {e}"))),
    }
}

/// The oldest export that waits, or whose run has died. None: there is none, or somebody else was first.
pub async fn take(unit: &mut Unit) -> Result<Option<Taken>> {
    let now = unit.now();
    let row = unit
        .query_opt(
            "SELECT id, organization_id, tenant_id, kind, folders, parent_id, options, requested_at, file_id, attempts, \
             status FROM exports WHERE status < 2 AND requested_at > $1 AND (beat_at IS NULL OR beat_at <= \
             CASE WHEN status = 0 THEN CAST($2 AS BIGINT) ELSE CAST($3 AS BIGINT) END) ORDER BY requested_at, id LIMIT 1",
            params![now - KEPT_FOR, now - RETRY, now - STALE],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (run, file) = (unit.guid(), files::announce(unit, Area::Exports).await?);
    let (before, status): (i64, i64) = (row.get(9)?, row.get(10)?);
    let taken = taken(&row, &run, &file)?;
    let mine = unit
        .execute(
            "UPDATE exports SET status = $1, run = $2, beat_at = $3, file_id = $4, attempts = $5 \
             WHERE id = $6 AND attempts = $7 AND status = $8",
            params![IN_PROGRESS, run.as_str(), now, file.as_str(), taken.attempt, taken.id, before, status],
        )
        .await?;
    if mine != 1 {
        files::discard(unit, &file).await?;
        return Ok(None);
    }
    if let Some(old) = row.get::<Option<String>>(8)? {
        files::discard(unit, &old).await?;
    }
    Ok(Some(taken))
}

fn taken(row: &Row, run: &str, file: &str) -> Result<Taken> {
    let options: String = row.get(6)?;
    Ok(Taken {
        id: row.get(0)?,
        organization_id: row.get(1)?,
        tenant_id: row.get(2)?,
        source: source::of(row.get(3)?),
        folders: folders(row.get::<Option<String>>(4)?.as_deref())?,
        parent: row.get(5)?,
        options: serde_json::from_str(&options)
            .map_err(|e| Error::internal(format!("the options of an export: {e}")))?,
        requested_at: row.get(7)?,
        run: run.to_owned(),
        file: file.to_owned(),
        attempt: row.get::<i64>(9)? + 1,
    })
}

/// A sign of life. False: the export is somebody else's by now, or gone.
pub async fn beat(unit: &mut Unit, taken: &Taken) -> Result<bool> {
    let sql = "UPDATE exports SET beat_at = $1 WHERE id = $2 AND run = $3 AND status = $4";
    let now = unit.now();
    Ok(unit.execute(sql, params![now, taken.id, taken.run.as_str(), IN_PROGRESS]).await? == 1)
}

/// Ends an export with its file. False as in [`beat`]; the file is given up then.
pub async fn complete(unit: &mut Unit, taken: &Taken, written: &Written) -> Result<bool> {
    let size = i64::try_from(written.size).map_err(|_| Error::internal("a file is larger than can be counted"))?;
    let now = unit.now();
    let mine = unit
        .execute(
            "UPDATE exports SET status = $1, size = $2, executed_at = $3, beat_at = $3 \
             WHERE id = $4 AND run = $5 AND status = $6",
            params![COMPLETED, size, now, taken.id, taken.run.as_str(), IN_PROGRESS],
        )
        .await?
        == 1;
    if mine {
        files::keep(unit, &taken.file, written).await?;
    } else {
        files::discard(unit, &taken.file).await?;
    }
    Ok(mine)
}

/// What becomes of an export whose attempt gave no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits for the next attempt.
    Again,
    /// It waits as if this attempt had not been.
    Undone,
    /// It has failed.
    Failed,
}

/// Ends an attempt without a file.
pub async fn give_up(unit: &mut Unit, taken: &Taken, fate: Fate) -> Result<bool> {
    let now = unit.now();
    let (status, executed, attempts) = match fate {
        Fate::Again => (NEW, None, taken.attempt),
        Fate::Undone => (NEW, None, taken.attempt - 1),
        Fate::Failed => (FAILED, Some(now), taken.attempt),
    };
    let beat = (fate != Fate::Undone).then_some(now);
    let mine = unit
        .execute(
            "UPDATE exports SET status = $1, executed_at = $2, beat_at = $3, attempts = $4, file_id = NULL, run = NULL \
             WHERE id = $5 AND run = $6 AND status = $7",
            params![status, executed, beat, attempts, taken.id, taken.run.as_str(), IN_PROGRESS],
        )
        .await?
        == 1;
    files::discard(unit, &taken.file).await?;
    Ok(mine)
}

/// Removes exports whose time is over, with their files; how many, at most `most`.
pub async fn expire(unit: &mut Unit, most: i64) -> Result<usize> {
    let now = unit.now();
    let rows = unit
        .query(
            "DELETE FROM exports WHERE id IN (SELECT id FROM exports WHERE requested_at <= $1 ORDER BY requested_at \
             LIMIT $2) RETURNING file_id",
            params![now - KEPT_FOR, most],
        )
        .await?;
    for row in &rows {
        if let Some(file) = row.get::<Option<String>>(0)? {
            files::discard(unit, &file).await?;
        }
    }
    Ok(rows.len())
}
