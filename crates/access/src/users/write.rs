//! Taking accounts of the directory into the tenant, changing them, and removing them.

use super::entity::USER;
use super::{User, assignment, find, switches};
use crate::changes::{acting_user, rights_changed_in};
use crate::directory::{self, Account};
use crate::parts::{self, AccountContents, RobotBlocks, RobotOwner, RobotProvisioning};
use crate::{kinds, roles, workspaces};
use bandmaster_api::body::Fields;
use bandmaster_api::query::entity_json;
use bandmaster_api::unit::Change;
use bandmaster_api::{App, Unit};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{Conn, params};
use serde_json::{Map, Value};

/// Which account of the directory a body means.
#[derive(Debug, Clone)]
pub struct Wanted {
    identifier: Option<String>,
    name: Option<String>,
    user_type: Option<i64>,
}

impl Wanted {
    /// From `DirectoryIdentifier`, `UserName` and the member that names the kind.
    pub fn of(body: Fields<'_>, type_member: &str) -> Result<Wanted> {
        let user_type = match body.choice(type_member, &kinds::USER_TYPE)? {
            Some(kinds::USER) => Some(kinds::DIRECTORY_USER),
            Some(1) => Some(kinds::DIRECTORY_ROBOT),
            other => other,
        };
        let wanted = Wanted {
            identifier: body.filled("DirectoryIdentifier").map(str::to_owned),
            name: body.filled("UserName").map(str::to_owned),
            user_type,
        };
        if wanted.identifier.is_none() && wanted.name.is_none() {
            return Err(Error::argument("The account is named by DirectoryIdentifier or UserName."));
        }
        Ok(wanted)
    }

    /// The account: by its identifier (which may carry its source in front of a bar), else by name. 404 when the
    /// directory has none, 409 when a name means several.
    pub async fn find(&self, conn: &mut Conn, organization_id: i64) -> Result<Account> {
        let nobody = || Error::new(404, codes::ITEM_NOT_FOUND, "The directory has no such account.");
        let fits = |a: &Account| self.user_type.is_none_or(|t| t == a.user_type);
        if let Some(identifier) = &self.identifier {
            let key = identifier.rsplit('|').next().and_then(parse_guid);
            let found = match key {
                Some(key) => directory::by_key(conn, organization_id, &key).await?,
                None => None,
            };
            return found.filter(fits).ok_or_else(nobody);
        }
        let name = self.name.as_deref().unwrap_or_default();
        // `domain\name` is how accounts of a domain are written; there is one domain only.
        let name = name.rsplit('\\').next().unwrap_or(name);
        let mut found = directory::by_name(conn, organization_id, name, self.user_type).await?;
        match found.len() {
            0 => Err(nobody()),
            1 => Ok(found.swap_remove(0)),
            _ => Err(Error::conflict(codes::INVALID_USER, "Several accounts of the directory have that name.")),
        }
    }
}

/// What of a body counts: who administers accounts may change everything, others only what concerns robots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Switches, activity, update policy.
    pub account: bool,
    /// Tenant roles.
    pub roles: bool,
}

/// The tenant roles that a body names, by `RolesList` (names) or `UserRoles` (ids or names); `None`: it names none
/// and they stay.
async fn roles_of(conn: &mut Conn, tenant_id: i64, body: Fields<'_>) -> Result<Option<Vec<i64>>> {
    let mut ids = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    if body.get("RolesList").is_some() {
        names.extend(body.list("RolesList").iter().filter_map(Value::as_str));
    } else if body.get("UserRoles").is_some() {
        for role in body.list("UserRoles").iter().map(Fields::of) {
            match (role.int("RoleId"), role.filled("RoleName")) {
                (Some(id), _) => ids.push(id),
                (None, Some(name)) => names.push(name),
                (None, None) => return Err(Error::argument("A role is named by RoleId or RoleName.")),
            }
        }
    } else {
        return Ok(None);
    }
    for name in names {
        let role = roles::find_by_name(conn, tenant_id, name).await?;
        ids.push(role.ok_or_else(|| Error::not_found("Role"))?.id);
    }
    Ok(Some(ids))
}

/// An embedded JSON value as text for its column.
fn embedded(body: Fields<'_>, name: &str) -> Option<Option<String>> {
    body.given(name).map(|v| (!v.is_null()).then(|| v.to_string()))
}

/// Brings an account to what a body says about it, in the unit's tenant. What the body does not mention stays.
pub async fn apply(
    app: &App,
    unit: &mut Unit,
    user_id: i64,
    body: Fields<'_>,
    extent: Extent,
    shown: Option<&Map<String, Value>>,
) -> Result<()> {
    let tenant_id = unit.tenant_id();
    let mut touched = false;
    if extent.account {
        for (statement, value) in switches::wanted(body, shown) {
            unit.execute(statement, params![user_id, value]).await?;
            touched = true;
        }
        if let Some(policy) = embedded(body, "UpdatePolicy") {
            unit.execute("UPDATE users SET update_policy = $2 WHERE id = $1", params![user_id, policy]).await?;
        }
        if let Some(active) = body.bool("IsActive") {
            set_active(unit, tenant_id, user_id, active).await?;
        }
    }
    if let Some(notifications) = embedded(body, "NotificationSubscription") {
        unit.execute("UPDATE users SET notifications = $2 WHERE id = $1", params![user_id, notifications]).await?;
    }
    if extent.roles
        && let Some(ids) = roles_of(unit, tenant_id, body).await?
    {
        assignment::assign_roles(unit, tenant_id, user_id, &ids).await?;
    }
    let blocks = RobotBlocks {
        attended: body.given("RobotProvision").cloned(),
        unattended: body.given("UnattendedRobot").cloned(),
    };
    if touched || blocks.attended.is_some() || blocks.unattended.is_some() {
        arrange(app, unit, tenant_id, user_id, &blocks).await?;
    }
    if touched {
        rights_changed_in(unit, tenant_id).await?;
        workspaces::follow_switch(unit, tenant_id, user_id).await?;
    }
    Ok(())
}

async fn arrange(app: &App, unit: &mut Unit, tenant_id: i64, user_id: i64, blocks: &RobotBlocks) -> Result<()> {
    let Some(part) = app.parts.get::<Box<dyn RobotProvisioning>>() else { return Ok(()) };
    let user = find(unit, tenant_id, user_id).await?.ok_or_else(|| Error::not_found("User"))?;
    let owner = RobotOwner {
        user_id,
        tenant_id,
        key: user.key,
        user_name: user.user_name,
        user_type: user.user_type,
        attended: user.robot_session,
        unattended: user.unattended_session,
    };
    part.arrange(app, unit, &owner, blocks).await
}

/// Switches an account on or off in the tenant; the last administrator stays on.
pub async fn set_active(unit: &mut Unit, tenant_id: i64, user_id: i64, active: bool) -> Result<bool> {
    if !active {
        roles::keep_an_administrator(unit, tenant_id, user_id).await?;
    }
    let changed = unit
        .execute("UPDATE users SET is_active = $2 WHERE id = $1 AND is_active <> $2", params![user_id, active])
        .await?;
    if changed > 0 {
        rights_changed_in(unit, tenant_id).await?;
    }
    Ok(changed > 0)
}

/// Notes who changed an account and writes the audit entry.
pub async fn record(unit: &mut Unit, tenant_id: i64, user_id: i64, before: Option<Map<String, Value>>) -> Result<()> {
    let (now, by) = (unit.now(), acting_user(unit, tenant_id));
    unit.execute("UPDATE users SET updated_at = $2, updater_user_id = $3 WHERE id = $1", params![user_id, now, by])
        .await?;
    let user = find(unit, tenant_id, user_id).await?.ok_or_else(|| Error::not_found("User"))?;
    let after = entity_json(unit, &USER, user_id, tenant_id).await?;
    unit.audit(Change {
        component: "Users",
        action: "Update",
        id: Some(user_id),
        key: Some(&user.key),
        name: &user.user_name,
        before: before.map(Value::Object),
        after: after.map(Value::Object),
    })
    .await
}

/// Removes an account from the tenant: not the caller's own, not the last administrator's, no built-in group, nothing
/// that others still need. A personal workspace stays behind without an owner.
pub async fn remove(app: &App, unit: &mut Unit, tenant_id: i64, user_id: i64) -> Result<()> {
    let user = find(unit, tenant_id, user_id).await?.ok_or_else(|| Error::not_found("User"))?;
    let refuse = |text: &str| Err(Error::conflict(codes::ERROR_DELETING, text));
    if acting_user(unit, tenant_id) == Some(user_id) {
        return refuse("The own account cannot be removed.");
    }
    if built_in(unit, &user.key).await? {
        return refuse("A built-in group cannot be removed.");
    }
    roles::keep_an_administrator(unit, tenant_id, user_id).await?;
    let features: &[Box<dyn AccountContents>] = parts::all(app);
    for feature in features {
        if let Some(why) = feature.hindrance(unit, user_id).await? {
            return Err(Error::conflict(codes::HAS_DEPENDENT_ITEMS, format!("The account cannot be removed: {why}.")));
        }
    }
    take_out(app, unit, tenant_id, &user).await
}

/// Removes a record and what features keep about it, without asking whether it may go.
pub(super) async fn take_out(app: &App, unit: &mut Unit, tenant_id: i64, user: &User) -> Result<()> {
    let user_id = user.id;
    let features: &[Box<dyn AccountContents>] = parts::all(app);
    for feature in features {
        feature.delete(unit, user_id).await?;
    }
    let before = entity_json(unit, &USER, user_id, tenant_id).await?;
    workspaces::orphan(unit, tenant_id, user_id).await?;
    unit.execute("DELETE FROM users WHERE id = $1", params![user_id]).await?;
    rights_changed_in(unit, tenant_id).await?;
    unit.audit(Change {
        component: "Users",
        action: "Delete",
        id: Some(user_id),
        key: Some(&user.key),
        name: &user.user_name,
        before: before.map(Value::Object),
        after: None,
    })
    .await
}

async fn built_in(conn: &mut Conn, key: &str) -> Result<bool> {
    let row = conn.query_opt("SELECT 1 FROM identity_groups WHERE key = $1 AND is_built_in = 1", params![key]).await?;
    Ok(row.is_some())
}
