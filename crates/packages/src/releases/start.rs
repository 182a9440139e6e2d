//! Processes as jobs start them: the present version with everything that goes with it.

use bandmaster_core::Result;
use bandmaster_store::{Conn, Row, params};

/// How a request names a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseWish<'a> {
    /// By its key (lower case).
    Key(&'a str),
    /// By its name, without regard to case.
    Name(&'a str),
}

/// A process as jobs start it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseForStart {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Its folder.
    pub folder_id: i64,
    /// Name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Id of the package.
    pub package_id: String,
    /// Version of the package.
    pub package_version: String,
    /// The row that tells when this version was taken into use (`release_versions.id`).
    pub version_id: Option<i64>,
    /// GUID of the feed that holds the package.
    pub feed_key: Option<String>,
    /// The entry point that runs unless a job names another.
    pub entry_point_path: Option<String>,
    /// The entry points of the package, in its order.
    pub entry_points: Vec<String>,
    /// Arguments for every job, a JSON object in text.
    pub input_arguments: Option<String>,
    /// `NAME=value` lines.
    pub environment_variables: Option<String>,
    /// Whether it needs a desktop.
    pub requires_user_interaction: bool,
    /// Position in `TargetFramework` (0 Legacy, 1 Windows, 2 Portable).
    pub target_framework: i64,
    /// What the package runs on (`python`); none for Studio's.
    pub target_runtime: Option<String>,
    /// Position in `ProcessType`.
    pub process_type: i64,
    /// Priority of its jobs, 1 to 100.
    pub priority: i64,
    /// Position in `RemoteControlAccess`.
    pub remote_control: i64,
    /// `ProcessSettingsDto` as JSON text.
    pub process_settings: Option<String>,
    /// `VideoRecordingSettingsDto` as JSON text.
    pub video_settings: Option<String>,
    /// Whether people at machines do not see it.
    pub hidden_for_attended: bool,
    /// SHA-256 of the package file in lower-case hexadecimal digits; none when the package is gone.
    pub package_sha256: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.key, r.folder_id, r.name, r.description, r.process_key, r.process_version, \
             r.current_version_id, r.feed_id, r.entry_point_path, r.input_arguments, r.environment_variables, \
             r.requires_user_interaction, r.target_framework, v.target_runtime, r.process_type, r.priority, \
             r.remote_control, r.process_settings, r.video_settings, r.hidden_for_attended, v.sha256, \
             r.package_version_id FROM releases r LEFT JOIN package_versions v ON v.id = r.package_version_id WHERE ",
            $rest
        )
    };
}

/// The process of a row, and the package version whose entry points are still to be read.
fn release(row: &Row) -> Result<(ReleaseForStart, Option<i64>)> {
    let release = ReleaseForStart {
        id: row.get(0)?,
        key: row.get(1)?,
        folder_id: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        package_id: row.get(5)?,
        package_version: row.get(6)?,
        version_id: row.get(7)?,
        feed_key: row.get(8)?,
        entry_point_path: row.get(9)?,
        entry_points: Vec::new(),
        input_arguments: row.get(10)?,
        environment_variables: row.get(11)?,
        requires_user_interaction: row.get(12)?,
        target_framework: row.get(13)?,
        target_runtime: row.get(14)?,
        process_type: row.get(15)?,
        priority: row.get(16)?,
        remote_control: row.get(17)?,
        process_settings: row.get(18)?,
        video_settings: row.get(19)?,
        hidden_for_attended: row.get(20)?,
        package_sha256: row.get(21)?,
    };
    Ok((release, row.get(22)?))
}

async fn complete(conn: &mut Conn, row: &Row) -> Result<ReleaseForStart> {
    let (mut found, version) = release(row)?;
    if let Some(version) = version {
        let rows = conn
            .query("SELECT path FROM package_entry_points WHERE package_version_id = $1 ORDER BY id", params![version])
            .await?;
        found.entry_points = rows.iter().map(|r| r.get(0)).collect::<Result<_, _>>()?;
    }
    Ok(found)
}

/// The process of a folder that a request names. Keys are compared as they are stored (lower case).
pub async fn for_start(
    conn: &mut Conn,
    tenant_id: i64,
    folder_id: i64,
    wish: ReleaseWish<'_>,
) -> Result<Option<ReleaseForStart>> {
    let row = match wish {
        ReleaseWish::Key(key) => {
            conn.query_opt(
                select!("r.tenant_id = $1 AND r.folder_id = $2 AND r.key = $3"),
                params![tenant_id, folder_id, key],
            )
            .await?
        }
        ReleaseWish::Name(name) => {
            conn.query_opt(
                select!("r.tenant_id = $1 AND r.folder_id = $2 AND fold(r.name) = fold($3)"),
                params![tenant_id, folder_id, name],
            )
            .await?
        }
    };
    match row {
        Some(row) => complete(conn, &row).await.map(Some),
        None => Ok(None),
    }
}

/// A process as it is now; none when it was deleted.
pub async fn current(conn: &mut Conn, release_id: i64) -> Result<Option<ReleaseForStart>> {
    match conn.query_opt(select!("r.id = $1"), params![release_id]).await? {
        Some(row) => complete(conn, &row).await.map(Some),
        None => Ok(None),
    }
}

/// The process of a tenant with that key, in whatever folder.
pub async fn by_key(conn: &mut Conn, tenant_id: i64, key: &str) -> Result<Option<ReleaseForStart>> {
    match conn.query_opt(select!("r.tenant_id = $1 AND r.key = $2"), params![tenant_id, key]).await? {
        Some(row) => complete(conn, &row).await.map(Some),
        None => Ok(None),
    }
}

/// All processes of a folder, by name; for agents that ask what people may start.
pub async fn of_folder(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Vec<ReleaseForStart>> {
    let rows = conn
        .query(select!("r.tenant_id = $1 AND r.folder_id = $2 ORDER BY fold(r.name)"), params![tenant_id, folder_id])
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push(complete(conn, row).await?);
    }
    Ok(found)
}
