//! Groups of an organization and their members: users, robot accounts and applications, by their GUID. Everyone
//! contains all accounts without being told, and its members cannot be changed.

use crate::builtin;
use bandmaster_api::{Change, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Row, params};
use serde_json::json;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Organization.
    pub organization_id: i64,
    /// Name.
    pub name: String,
    /// Whether it was there from the beginning and cannot be removed.
    pub is_built_in: bool,
}

const COLUMNS: &str = "SELECT id, key, organization_id, name, is_built_in FROM identity_groups";

impl Group {
    fn from_row(row: &Row) -> Result<Group> {
        Ok(Group {
            id: row.get(0)?,
            key: row.get(1)?,
            organization_id: row.get(2)?,
            name: row.get(3)?,
            is_built_in: row.get(4)?,
        })
    }
}

/// Makes a group.
pub(crate) async fn insert(unit: &mut Unit, organization_id: i64, name: &str, built_in: bool) -> Result<Group> {
    let (key, now) = (unit.guid(), unit.now());
    let made = unit
        .query_one(
            "INSERT INTO identity_groups (key, organization_id, name, display_name, is_built_in, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            params![key.as_str(), organization_id, name, name, built_in, now, now],
        )
        .await;
    let id = match made {
        Err(e) if e.is_unique("identity_groups_name") => return Err(Error::name_taken(name)),
        other => other?.get(0)?,
    };
    Ok(Group { id, key, organization_id, name: name.to_owned(), is_built_in: built_in })
}

/// All groups of an organization, by id.
pub async fn all(conn: &mut Conn, organization_id: i64) -> Result<Vec<Group>> {
    let rows =
        conn.query(&format!("{COLUMNS} WHERE organization_id = $1 ORDER BY id"), params![organization_id]).await?;
    rows.iter().map(Group::from_row).collect()
}

/// The group of that name.
pub async fn by_name(conn: &mut Conn, organization_id: i64, name: &str) -> Result<Option<Group>> {
    let row = conn
        .query_opt(
            &format!("{COLUMNS} WHERE organization_id = $1 AND fold(name) = fold($2)"),
            params![organization_id, name],
        )
        .await?;
    row.as_ref().map(Group::from_row).transpose()
}

/// GUIDs of the groups that an account is in, Everyone included (which holds people and robot accounts, no
/// applications).
pub async fn keys_of(conn: &mut Conn, organization_id: i64, member_key: &str) -> Result<Vec<String>> {
    let rows = conn
        .query(
            "SELECT g.key FROM identity_groups g WHERE g.organization_id = $1 AND (EXISTS (SELECT 1 FROM \
             identity_group_members m WHERE m.group_id = g.id AND m.member_key = $2) OR (g.is_built_in = 1 AND \
             g.name = $3 AND EXISTS (SELECT 1 FROM identity_users u WHERE u.key = $2 AND u.organization_id = $1))) \
             ORDER BY g.id",
            params![organization_id, member_key, builtin::EVERYONE],
        )
        .await?;
    rows.iter().map(|r| Ok(r.get(0)?)).collect()
}

/// Whether an account administers the organization.
pub async fn is_administrator(conn: &mut Conn, organization_id: i64, member_key: &str) -> Result<bool> {
    let row = conn
        .query_opt(
            "SELECT 1 FROM identity_groups g JOIN identity_group_members m ON m.group_id = g.id \
             WHERE g.organization_id = $1 AND g.is_built_in = 1 AND g.name = $2 AND m.member_key = $3",
            params![organization_id, builtin::ADMINISTRATORS, member_key],
        )
        .await?;
    Ok(row.is_some())
}

/// Puts an account of the same organization into a group. Nothing happens when it is there already.
pub async fn add_member(unit: &mut Unit, group: &Group, member_key: &str) -> Result<()> {
    let changed = unit
        .execute(
            "INSERT INTO identity_group_members (group_id, member_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            params![group.id, member_key],
        )
        .await?;
    if changed > 0 { moved(unit, group, member_key, "Assign").await } else { Ok(()) }
}

/// Takes an account out of a group.
pub async fn remove_member(unit: &mut Unit, group: &Group, member_key: &str) -> Result<()> {
    let changed = unit
        .execute(
            "DELETE FROM identity_group_members WHERE group_id = $1 AND member_key = $2",
            params![group.id, member_key],
        )
        .await?;
    if changed > 0 { moved(unit, group, member_key, "Unassign").await } else { Ok(()) }
}

async fn moved(unit: &mut Unit, group: &Group, member_key: &str, action: &str) -> Result<()> {
    // Rights come through groups too: whoever remembers rights must look again.
    unit.execute(
        "UPDATE tenants SET access_version = access_version + 1 WHERE organization_id = $1",
        params![group.organization_id],
    )
    .await?;
    unit.audit(Change {
        component: "Group",
        action,
        id: Some(group.id),
        key: Some(&group.key),
        name: &group.name,
        after: Some(json!({"member": member_key})),
        ..Change::default()
    })
    .await
}
