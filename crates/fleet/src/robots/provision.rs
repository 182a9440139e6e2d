//! Making, changing and taking away the robots of accounts, inside the unit that changes the account.

use super::record::{RobotAccount, of_user, password_context};
use super::wish::RobotWish;
use super::{ATTENDED, UNATTENDED, by_id, events};
use crate::enums::{self, CREDENTIAL_NONE};
use crate::topics;
use bandmaster_api::Unit;
use bandmaster_core::{Error, KeyRing, Result, codes};
use bandmaster_store::params;

/// The account whose robot it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Tenant.
    pub tenant_id: i64,
    /// `users.id`.
    pub user_id: i64,
    /// Name in the tenant.
    pub name: &'a str,
}

/// The account's unattended robot, made without credentials when there is none.
pub async fn ensure_unattended(unit: &mut Unit, keys: &KeyRing, owner: Owner<'_>) -> Result<RobotAccount> {
    match of_user(unit, owner.user_id, UNATTENDED).await? {
        Some(robot) => Ok(robot),
        None => arrange(unit, keys, owner, UNATTENDED, &RobotWish::default()).await,
    }
}

/// Makes the account's robot of a kind, or changes it as wanted. The name follows the account's.
pub async fn arrange(
    unit: &mut Unit,
    keys: &KeyRing,
    owner: Owner<'_>,
    kind: i64,
    wish: &RobotWish,
) -> Result<RobotAccount> {
    let before = of_user(unit, owner.user_id, kind).await?;
    check(before.as_ref(), kind, wish)?;
    let (id, event) = match &before {
        Some(robot) => {
            change(unit, keys, robot, owner.name, wish).await?;
            (robot.id, "robot.updated")
        }
        None => (insert(unit, keys, owner, kind, wish).await?, "robot.created"),
    };
    let after = by_id(unit, owner.tenant_id, id).await?;
    let after = after.ok_or_else(|| Error::internal("a robot vanished while it was arranged"))?;
    if before.as_ref() != Some(&after) {
        events::changed(unit, event, std::slice::from_ref(&after)).await?;
        unit.nudge(topics::CAPACITY);
    }
    Ok(after)
}

/// A password is of somebody, and an unattended robot that is to log on needs one.
pub(super) fn check(before: Option<&RobotAccount>, kind: i64, wish: &RobotWish) -> Result<()> {
    let kept = before.and_then(|r| r.os_user_name.as_ref());
    let name = wish.os_user_name.as_ref().map_or(kept, Option::as_ref);
    if wish.password.is_some() && name.is_none() {
        return Err(Error::new(400, codes::USER_NAME_REQUIRED, "A password needs the user name that it belongs to."));
    }
    let external = match &wish.credential_external_name {
        Some(given) => given.is_some(),
        None => before.is_some_and(|r| r.credential_external_name.is_some()),
    };
    let secret = wish.password.is_some() || external || before.is_some_and(|r| r.has_password);
    let logs_on = wish.credential_type.or(before.map(|r| r.credential_type)) != Some(CREDENTIAL_NONE);
    if kind == UNATTENDED && matches!(wish.os_user_name, Some(Some(_))) && logs_on && !secret {
        return Err(Error::new(
            400,
            codes::CREDENTIAL_EMPTY_PASSWORD,
            "A user name to log on with needs its password; with the credential type NoCredential it needs none.",
        ));
    }
    Ok(())
}

async fn insert(unit: &mut Unit, keys: &KeyRing, owner: Owner<'_>, kind: i64, wish: &RobotWish) -> Result<i64> {
    let (key, now, by) = (unit.guid(), unit.now(), unit.context().user_id);
    let sealed = seal(keys, &key, wish)?;
    let default = if kind == ATTENDED { enums::ATTENDED } else { enums::UNATTENDED };
    let row = unit
        .query_one(
            "INSERT INTO robots (key, tenant_id, user_id, kind, name, description, type, enabled, os_user_name, \
             password_sealed, credential_store_id, credential_external_name, credential_type, limit_concurrent, \
             execution_settings, created_at, creator_user_id, updated_at, updater_user_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $16, $17) \
             RETURNING id",
            params![
                key,
                owner.tenant_id,
                owner.user_id,
                kind,
                owner.name,
                wish.description.clone().flatten(),
                wish.robot_type.unwrap_or(default),
                wish.enabled.unwrap_or(true),
                wish.os_user_name.clone().flatten(),
                sealed,
                wish.credential_store_id.flatten(),
                wish.credential_external_name.clone().flatten(),
                wish.credential_type.unwrap_or(0),
                wish.limit_concurrent.unwrap_or(false),
                wish.execution_settings.as_deref().unwrap_or("{}"),
                now,
                by
            ],
        )
        .await?;
    Ok(row.get(0)?)
}

/// Changes a robot as wanted.
pub(super) async fn change(
    unit: &mut Unit,
    keys: &KeyRing,
    robot: &RobotAccount,
    name: &str,
    wish: &RobotWish,
) -> Result<()> {
    let kept =
        |wanted: &Option<Option<String>>, stored: &Option<String>| wanted.clone().unwrap_or_else(|| stored.clone());
    let os_user_name = kept(&wish.os_user_name, &robot.os_user_name);
    let credential_type = wish.credential_type.unwrap_or(robot.credential_type);
    let sealed = seal(keys, &robot.key, wish)?;
    // Without a name or with no wish to log on the password has no use, and is better forgotten.
    let (now, by) = (unit.now(), unit.context().user_id);
    let forget = os_user_name.is_none() || credential_type == CREDENTIAL_NONE;
    unit.execute(
        "UPDATE robots SET name = $1, description = CASE WHEN $2 = 1 THEN $3 ELSE description END, type = $4, \
         enabled = $5, os_user_name = $6, \
         password_sealed = CASE WHEN $7 = 1 THEN NULL ELSE COALESCE($8, password_sealed) END, \
         credential_store_id = $9, credential_external_name = $10, credential_type = $11, limit_concurrent = $12, \
         execution_settings = $13, updated_at = $14, updater_user_id = $15 WHERE id = $16",
        params![
            name,
            wish.description.is_some(),
            wish.description.clone().flatten(),
            wish.robot_type.unwrap_or(robot.robot_type),
            wish.enabled.unwrap_or(robot.enabled),
            os_user_name,
            forget,
            sealed,
            wish.credential_store_id.unwrap_or(robot.credential_store_id),
            kept(&wish.credential_external_name, &robot.credential_external_name),
            credential_type,
            wish.limit_concurrent.unwrap_or(robot.limit_concurrent),
            wish.execution_settings.as_deref().unwrap_or(&robot.execution_settings),
            now,
            by,
            robot.id
        ],
    )
    .await?;
    Ok(())
}

fn seal(keys: &KeyRing, robot_key: &str, wish: &RobotWish) -> Result<Option<String>> {
    // Revealed to be sealed.
    let sealed = wish.password.as_ref().map(|p| keys.seal(p.reveal().as_bytes(), &password_context(robot_key)));
    Ok(sealed.transpose()?.map(|s| s.0))
}

/// Deletes robots. The caller has made sure that they run nothing.
pub(crate) async fn delete(unit: &mut Unit, robots: &[RobotAccount]) -> Result<()> {
    if robots.is_empty() {
        return Ok(());
    }
    events::changed(unit, "robot.deleted", robots).await?;
    for robot in robots {
        unit.execute("DELETE FROM sessions WHERE robot_id = $1", params![robot.id]).await?;
        unit.execute("DELETE FROM robots WHERE id = $1", params![robot.id]).await?;
    }
    unit.nudge(topics::CAPACITY);
    Ok(())
}
