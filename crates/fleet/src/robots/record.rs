//! Robots as dispatch reads them. How the API shows them is in `entity`.

use super::UNATTENDED;
use crate::enums::CREDENTIAL_NONE;
use crate::neighbours;
use crate::sql;
use bandmaster_core::{KeyRing, Result, Secret};
use bandmaster_store::{Conn, Row, params};

/// A robot with what is needed to decide whether, where and as whom it runs a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotAccount {
    /// `robots.id`.
    pub id: i64,
    /// The robot key.
    pub key: String,
    /// Tenant.
    pub tenant_id: i64,
    /// The account, `users.id`.
    pub user_id: i64,
    /// [`super::ATTENDED`] or [`super::UNATTENDED`].
    pub kind: i64,
    /// Name of the account. The API shows the first 19 characters as the robot's name.
    pub name: String,
    /// Runtime type ([`crate::enums::ROBOT_TYPE`]).
    pub robot_type: i64,
    /// Switched on. A robot that is off neither connects nor gets jobs.
    pub enabled: bool,
    /// The account of the operating system that foreground jobs run as, `DOMAIN\user` or `user`.
    pub os_user_name: Option<String>,
    /// Whether a password is stored here.
    pub has_password: bool,
    /// Number of `CredentialType`.
    pub credential_type: i64,
    /// The credential store with the password, when it is not stored here.
    pub credential_store_id: Option<i64>,
    /// The password's name in that store.
    pub credential_external_name: Option<String>,
    /// Runs only one job at a time.
    pub limit_concurrent: bool,
    /// Execution settings, a JSON object.
    pub execution_settings: String,
}

impl RobotAccount {
    /// Whether the robot can log on to a desktop, which foreground jobs need.
    pub fn has_credentials(&self) -> bool {
        let known = self.os_user_name.as_ref().is_some_and(|n| !n.is_empty());
        let secret = self.has_password || self.credential_external_name.as_ref().is_some_and(|n| !n.is_empty());
        known && secret && self.credential_type != CREDENTIAL_NONE
    }

    /// The robot's name as the API shows it.
    pub fn short_name(&self) -> String {
        self.name.chars().take(19).collect()
    }
}

const COLUMNS: &str = "r.id, r.key, r.tenant_id, r.user_id, r.kind, r.name, r.type, r.enabled, r.os_user_name, \
     CASE WHEN r.password_sealed IS NULL THEN 0 ELSE 1 END, r.credential_type, r.credential_store_id, \
     r.credential_external_name, r.limit_concurrent, r.execution_settings";

fn read(row: &Row) -> Result<RobotAccount> {
    Ok(RobotAccount {
        id: row.get(0)?,
        key: row.get(1)?,
        tenant_id: row.get(2)?,
        user_id: row.get(3)?,
        kind: row.get(4)?,
        name: row.get(5)?,
        robot_type: row.get(6)?,
        enabled: row.get(7)?,
        os_user_name: row.get(8)?,
        has_password: row.get(9)?,
        credential_type: row.get(10)?,
        credential_store_id: row.get(11)?,
        credential_external_name: row.get(12)?,
        limit_concurrent: row.get(13)?,
        execution_settings: row.get(14)?,
    })
}

/// The robot with that robot key, in whatever tenant. Anything that is no GUID names none.
pub async fn by_key(conn: &mut Conn, key: &str) -> Result<Option<RobotAccount>> {
    let Some(key) = bandmaster_core::ids::parse_guid(key) else { return Ok(None) };
    let text = format!("SELECT {COLUMNS} FROM robots r WHERE r.key = $1");
    conn.query_opt(&text, params![key]).await?.as_ref().map(read).transpose()
}

/// The robot with that id in a tenant.
pub async fn by_id(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<RobotAccount>> {
    let text = format!("SELECT {COLUMNS} FROM robots r WHERE r.id = $1 AND r.tenant_id = $2");
    conn.query_opt(&text, params![id, tenant_id]).await?.as_ref().map(read).transpose()
}

/// The robot of an account (`users.id`) of one kind.
pub async fn of_user(conn: &mut Conn, user_id: i64, kind: i64) -> Result<Option<RobotAccount>> {
    let text = format!("SELECT {COLUMNS} FROM robots r WHERE r.user_id = $1 AND r.kind = $2");
    conn.query_opt(&text, params![user_id, kind]).await?.as_ref().map(read).transpose()
}

/// All robots of these accounts.
pub(crate) async fn of_users(conn: &mut Conn, tenant_id: i64, users: &[i64]) -> Result<Vec<RobotAccount>> {
    let mut found = Vec::new();
    for chunk in users.chunks(1_000) {
        let text = format!(
            "SELECT {COLUMNS} FROM robots r WHERE r.tenant_id = $1 AND r.user_id IN ({}) ORDER BY r.id",
            sql::ids(chunk)
        );
        let rows = conn.query_dynamic(&text, params![tenant_id]).await?;
        for row in &rows {
            found.push(read(row)?);
        }
    }
    Ok(found)
}

/// At most `limit` attended robots of one runtime type, by name.
pub(crate) async fn of_type(conn: &mut Conn, tenant_id: i64, robot_type: i64, limit: i64) -> Result<Vec<RobotAccount>> {
    let text = format!(
        "SELECT {COLUMNS} FROM robots r WHERE r.tenant_id = $1 AND r.kind = 0 AND r.type = $2 \
         ORDER BY fold(r.name), r.id LIMIT $3"
    );
    conn.query(&text, params![tenant_id, robot_type, limit]).await?.iter().map(read).collect()
}

/// The unattended robots that may run jobs of a folder: their account is assigned to the folder or one above
/// itself, not only through a group, and is active. Robots that are switched off are among them, so that a waiting
/// job can tell. In the order of their ids.
pub async fn of_folder(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Vec<RobotAccount>> {
    let mut robots = all_of_folder(conn, tenant_id, folder_id).await?;
    robots.retain(|r| r.kind == UNATTENDED);
    robots.sort_by_key(|r| r.id);
    Ok(robots)
}

/// All robots of the accounts that are assigned to the folder or one above themselves, attended ones included.
pub(crate) async fn all_of_folder(conn: &mut Conn, tenant_id: i64, folder_id: i64) -> Result<Vec<RobotAccount>> {
    let path = neighbours::folder_path(conn, tenant_id, folder_id).await?;
    let accounts = neighbours::assigned_accounts(conn, &path).await?;
    of_users(conn, tenant_id, &accounts).await
}

/// As whom a job runs on a host.
#[derive(Debug, Clone)]
pub struct RunAs {
    /// The account of the operating system.
    pub user_name: String,
    /// Its password, when it is stored here.
    pub password: Option<Secret>,
    /// Number of `CredentialType`.
    pub credential_type: i64,
    /// The credential store with the password, when it is not stored here.
    pub credential_store_id: Option<i64>,
    /// The password's name in that store.
    pub credential_external_name: Option<String>,
}

/// The context under which a robot's password is sealed.
pub(super) fn password_context(robot_key: &str) -> String {
    format!("robots.password/{robot_key}")
}

/// Opens the credentials of a robot. Only for the answer that delivers them to its host; `None` when the robot
/// logs on nowhere.
pub async fn run_as(conn: &mut Conn, keys: &KeyRing, tenant_id: i64, robot_id: i64) -> Result<Option<RunAs>> {
    let row = conn
        .query_opt(
            "SELECT key, os_user_name, password_sealed, credential_type, credential_store_id, \
             credential_external_name FROM robots WHERE id = $1 AND tenant_id = $2",
            params![robot_id, tenant_id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let user_name: Option<String> = row.get(1)?;
    let credential_type: i64 = row.get(3)?;
    let Some(user_name) = user_name.filter(|n| !n.is_empty() && credential_type != CREDENTIAL_NONE) else {
        return Ok(None);
    };
    let sealed: Option<String> = row.get(2)?;
    let context = password_context(&row.get::<String>(0)?);
    Ok(Some(RunAs {
        user_name,
        password: sealed.map(|s| keys.open_text(&s, &context)).transpose()?,
        credential_type,
        credential_store_id: row.get(4)?,
        credential_external_name: row.get(5)?,
    }))
}
