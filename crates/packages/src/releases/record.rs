//! Processes as the program reads them.

use bandmaster_core::Result;
use bandmaster_store::{Conn, Row, params};

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct ReleaseRecord {
    pub id: i64,
    pub key: String,
    pub folder_id: i64,
    pub name: String,
    pub description: Option<String>,
    pub process_key: String,
    pub process_version: String,
    pub feed_id: String,
    pub package_version_id: Option<i64>,
    pub current_version_id: Option<i64>,
    pub entry_point_id: Option<i64>,
    pub entry_point_path: Option<String>,
    pub input_arguments: Option<String>,
    pub environment_variables: Option<String>,
    pub priority: i64,
    pub auto_update: bool,
    pub hidden: bool,
    pub hub_url: Option<String>,
    pub process_settings: Option<String>,
    pub video_settings: Option<String>,
    pub tags: String,
    pub robot_size: Option<i64>,
    pub remote_control: i64,
    pub retention_action: i64,
    pub retention_period: i64,
    pub retention_bucket_id: Option<i64>,
}

const COLUMNS: &str = "id, key, folder_id, name, description, process_key, process_version, feed_id, \
     package_version_id, current_version_id, entry_point_id, entry_point_path, input_arguments, environment_variables, \
     priority, auto_update, hidden_for_attended, automation_hub_url, process_settings, video_settings, tags, \
     robot_size, remote_control, retention_action, retention_period, retention_bucket_id";

fn record(row: &Row) -> Result<ReleaseRecord> {
    Ok(ReleaseRecord {
        id: row.get(0)?,
        key: row.get(1)?,
        folder_id: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        process_key: row.get(5)?,
        process_version: row.get(6)?,
        feed_id: row.get(7)?,
        package_version_id: row.get(8)?,
        current_version_id: row.get(9)?,
        entry_point_id: row.get(10)?,
        entry_point_path: row.get(11)?,
        input_arguments: row.get(12)?,
        environment_variables: row.get(13)?,
        priority: row.get(14)?,
        auto_update: row.get(15)?,
        hidden: row.get(16)?,
        hub_url: row.get(17)?,
        process_settings: row.get(18)?,
        video_settings: row.get(19)?,
        tags: row.get(20)?,
        robot_size: row.get(21)?,
        remote_control: row.get(22)?,
        retention_action: row.get(23)?,
        retention_period: row.get(24)?,
        retention_bucket_id: row.get(25)?,
    })
}

/// How a call names a process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named<'a> {
    Id(i64),
    Key(&'a str),
}

/// A process of a folder, locked until the unit ends, so that changes of one process go one after another.
pub(crate) async fn lock(
    conn: &mut Conn,
    tenant_id: i64,
    folder_id: i64,
    named: Named<'_>,
) -> Result<Option<ReleaseRecord>> {
    let found = match named {
        Named::Id(id) => {
            let sql = format!(
                "UPDATE releases SET updated_at = updated_at \
                 WHERE id = $1 AND tenant_id = $2 AND folder_id = $3 RETURNING {COLUMNS}"
            );
            conn.query_opt(&sql, params![id, tenant_id, folder_id]).await?
        }
        Named::Key(key) => {
            let sql = format!(
                "UPDATE releases SET updated_at = updated_at \
                 WHERE key = $1 AND tenant_id = $2 AND folder_id = $3 RETURNING {COLUMNS}"
            );
            conn.query_opt(&sql, params![key, tenant_id, folder_id]).await?
        }
    };
    found.as_ref().map(record).transpose()
}

/// Processes of a feed that follow their package by themselves: folder and id.
pub(crate) async fn followers(conn: &mut Conn, feed_id: &str, package_id: &str) -> Result<Vec<(i64, i64)>> {
    let rows = conn
        .query(
            "SELECT folder_id, id FROM releases \
             WHERE feed_id = $1 AND fold(process_key) = fold($2) AND auto_update = 1 ORDER BY id",
            params![feed_id, package_id],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get(0)?, r.get(1)?))).collect()
}

/// Processes of a folder that are made of a package, oldest first.
pub(crate) async fn of_package(conn: &mut Conn, folder_id: i64, feed_id: &str, package_id: &str) -> Result<Vec<i64>> {
    let rows = conn
        .query(
            "SELECT id FROM releases \
             WHERE folder_id = $1 AND feed_id = $2 AND fold(process_key) = fold($3) ORDER BY id",
            params![folder_id, feed_id, package_id],
        )
        .await?;
    rows.iter().map(|r| Ok(r.get(0)?)).collect()
}

/// The folder of a process.
pub(crate) async fn folder_of_key(conn: &mut Conn, tenant_id: i64, key: &str) -> Result<Option<i64>> {
    let row = conn
        .query_opt("SELECT folder_id FROM releases WHERE key = $1 AND tenant_id = $2", params![key, tenant_id])
        .await?;
    row.map(|r| Ok(r.get(0)?)).transpose()
}
