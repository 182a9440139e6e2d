//! Groups of an organization and their members: users, robot accounts and applications, by their GUID. Everyone
//! contains all accounts without being told, and its members cannot be changed.

use crate::{builtin, neighbours};
use bandmaster_api::{App, Change, Unit};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{Conn, Row, Value as DbValue, params};
use serde_json::{Value, json};
use std::collections::HashMap;

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
    /// When it was made.
    pub created_at: Micros,
    /// When it was last changed.
    pub updated_at: Micros,
}

const COLUMNS: &str = "SELECT id, key, organization_id, name, is_built_in, created_at, updated_at FROM identity_groups";

impl Group {
    fn from_row(row: &Row) -> Result<Group> {
        Ok(Group {
            id: row.get(0)?,
            key: row.get(1)?,
            organization_id: row.get(2)?,
            name: row.get(3)?,
            is_built_in: row.get(4)?,
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
        })
    }

    /// Whether it holds everybody without being told, so that its members cannot be changed.
    pub fn holds_everybody(&self) -> bool {
        self.is_built_in && self.name == builtin::EVERYONE
    }
}

/// Makes a group.
pub(crate) async fn insert(unit: &mut Unit, organization_id: i64, name: &str, built_in: bool) -> Result<Group> {
    let key = unit.guid();
    insert_as(unit, organization_id, name, built_in, key).await
}

async fn insert_as(unit: &mut Unit, organization_id: i64, name: &str, built_in: bool, key: String) -> Result<Group> {
    let now = unit.now();
    let made = unit
        .query_one(
            "INSERT INTO identity_groups (key, organization_id, name, display_name, is_built_in, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            params![key.as_str(), organization_id, name, name, built_in, now, now],
        )
        .await;
    let id = match made {
        Err(e) if e.is_unique("identity_groups_name") => return Err(Error::name_taken(name)),
        Err(e) if e.is_unique("identity_groups_key_key") => {
            return Err(Error::name_taken(&key));
        }
        other => other?.get(0)?,
    };
    let name = name.to_owned();
    Ok(Group { id, key, organization_id, name, is_built_in: built_in, created_at: now, updated_at: now })
}

fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
        return Err(Error::argument("The name of a group has 1 to 128 characters."));
    }
    Ok(name)
}

/// Makes a group of the organization's own, with a GUID of the caller's choice if one is given. 409 when the name or
/// the GUID is taken.
pub async fn create(unit: &mut Unit, organization_id: i64, name: &str, key: Option<String>) -> Result<Group> {
    let name = checked_name(name)?;
    let key = key.unwrap_or_else(|| unit.guid());
    let group = insert_as(unit, organization_id, name, false, key).await?;
    audit(unit, &group, "Create", None, Some(json!({"name": name}))).await?;
    Ok(group)
}

/// Gives a group another name. Built-in ones keep theirs.
pub async fn rename(unit: &mut Unit, group: &Group, name: &str) -> Result<()> {
    let name = checked_name(name)?;
    if name == group.name {
        return Ok(());
    }
    if group.is_built_in {
        return Err(Error::argument("A built-in group cannot be renamed."));
    }
    let now = unit.now();
    let changed = unit
        .execute(
            "UPDATE identity_groups SET name = $1, display_name = $1, updated_at = $2 WHERE id = $3",
            params![name, now, group.id],
        )
        .await;
    match changed {
        Err(e) if e.is_unique("identity_groups_name") => return Err(Error::name_taken(name)),
        other => other?,
    };
    rights_changed(unit, group.organization_id).await?;
    audit(unit, group, "Update", Some(json!({"name": group.name})), Some(json!({"name": name}))).await
}

/// Removes a group, from all tenants too; its members lose at once what they had through it. 409 for built-in ones, and
/// when a tenant would be left without an administrator.
pub async fn remove(unit: &mut Unit, app: &App, group: &Group) -> Result<()> {
    if group.is_built_in {
        return Err(Error::conflict(codes::ERROR_DELETING, "A built-in group cannot be removed."));
    }
    unit.execute("DELETE FROM identity_group_members WHERE group_id = $1", params![group.id]).await?;
    unit.execute("DELETE FROM identity_groups WHERE id = $1", params![group.id]).await?;
    neighbours::tell_removed(app, unit, group.organization_id, &group.key).await?;
    rights_changed(unit, group.organization_id).await?;
    audit(unit, group, "Delete", Some(json!({"name": group.name})), None).await
}

/// The organization's group of that GUID.
pub async fn by_key(conn: &mut Conn, organization_id: i64, key: &str) -> Result<Option<Group>> {
    let row = conn
        .query_opt(&format!("{COLUMNS} WHERE organization_id = $1 AND key = $2"), params![organization_id, key])
        .await
        .or_else(crate::organizations::absent_if_bad_text)?;
    row.as_ref().map(Group::from_row).transpose()
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
    rights_changed(unit, group.organization_id).await?;
    let now = unit.now();
    unit.execute("UPDATE identity_groups SET updated_at = $1 WHERE id = $2", params![now, group.id]).await?;
    audit(unit, group, action, None, Some(json!({"member": member_key}))).await
}

/// Makes every node read the rights of the organization's tenants again.
pub(crate) async fn rights_changed(unit: &mut Unit, organization_id: i64) -> Result<()> {
    unit.execute(
        "UPDATE tenants SET access_version = access_version + 1 WHERE organization_id = $1",
        params![organization_id],
    )
    .await?;
    Ok(())
}

async fn audit(
    unit: &mut Unit,
    group: &Group,
    action: &str,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    let (id, key) = (Some(group.id), Some(group.key.as_str()));
    unit.audit(Change { component: "Group", action, id, key, name: &group.name, before, after }).await
}

/// GUIDs of the groups of several accounts of one kind that Everyone holds (people or robot accounts), by account.
pub async fn keys_of_accounts(
    conn: &mut Conn,
    organization_id: i64,
    accounts: &[&str],
) -> Result<HashMap<String, Vec<String>>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    if accounts.is_empty() {
        return Ok(found);
    }
    for group in all(conn, organization_id).await?.iter().filter(|g| g.holds_everybody()) {
        for account in accounts {
            found.entry((*account).to_owned()).or_default().push(group.key.clone());
        }
    }
    for part in accounts.chunks(500) {
        let places: Vec<String> = (2..part.len() + 2).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT m.member_key, g.key FROM identity_group_members m JOIN identity_groups g ON g.id = m.group_id \
             WHERE g.organization_id = $1 AND m.member_key IN ({}) ORDER BY g.id",
            places.join(", ")
        );
        let mut values = params![organization_id].to_vec();
        values.extend(part.iter().map(|key| DbValue::Text((*key).to_owned())));
        for row in conn.query_dynamic(&sql, &values).await? {
            found.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
    }
    Ok(found)
}
