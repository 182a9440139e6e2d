//! What robots ask: the value that counts for them, and writing it. The only place where secrets are opened.
//!
//! The value of an account on a machine counts before that of the account, that before everybody's. A password or
//! secret leaves the server only towards the account that it is for: the caller must act as the robot's account (the
//! robot itself, the token of its job, or the person). A robot's key in a body proves nothing, since it is shown in
//! many places. Callers without a robot read a secret only when the asset allows it, and then as their own account.

use super::kinds::{Shape, VALUE_TYPE, type_name};
use super::plan::{Owner, Stored, Write};
use super::rows::{self, Head};
use super::value::{Given, Kept, Whose, merge};
use super::write::record;
use bandmaster_api::{Call, Output};
use bandmaster_automation::jobs;
use bandmaster_core::{Error, KeyRing, Result, codes};
use bandmaster_fleet::robots::{self, RobotAccount};
use bandmaster_odata::memory;
use bandmaster_store::{Conn, Row, fold, params};
use serde_json::{Map, Value, json};

/// An asset with the value that counts for somebody.
struct Resolved {
    asset: i64,
    value_type: i64,
    allow_direct: bool,
    name: String,
    stored: Stored,
    text: String,
    flag: bool,
    number: i64,
    pairs: String,
    store: Option<i64>,
    external: Option<String>,
    sealed: Option<String>,
}

const RESOLVE: &str = "SELECT a.id, a.value_type, a.allow_direct, a.name, v.id, v.key, v.user_id, v.machine_id, \
     v.credential_user, v.text_value, v.bool_value, v.int_value, v.pairs, v.store_id, v.external_name, v.secret_sealed \
     FROM asset_folders l JOIN assets a ON a.id = l.asset_id \
     LEFT JOIN asset_values v ON v.asset_id = a.id \
     AND (v.user_id IS NULL OR (v.user_id = $4 AND (v.machine_id IS NULL OR v.machine_id = $5))) \
     WHERE l.folder_id = $1 AND l.name = $2 AND a.tenant_id = $3 \
     ORDER BY CASE WHEN v.user_id IS NULL THEN 0 ELSE 1 END DESC, CASE WHEN v.machine_id IS NULL THEN 0 ELSE 1 END DESC \
     LIMIT 1";

/// Finds the value that counts for an account, on a machine if one is known. 404: 1504 when the folder has no asset of
/// that name, 1503 when it has no value for the account.
async fn resolve(
    conn: &mut Conn,
    tenant: i64,
    folder: i64,
    name: &str,
    account: Option<i64>,
    machine: Option<i64>,
) -> Result<Resolved> {
    // No row has the id 0.
    let (user, machine) = (account.unwrap_or(0), machine.unwrap_or(0));
    let row = conn.query_opt(RESOLVE, params![folder, fold(name), tenant, user, machine]).await?;
    let shown: String = name.chars().take(100).collect();
    let Some(row) = row else {
        return Err(Error::new(404, codes::ASSET_NOT_FOUND, format!("Asset {shown} does not exist.")));
    };
    if row.value(4).is_null() {
        let text = format!("The asset {shown} has no value for this robot.");
        return Err(Error::new(404, codes::ASSET_NOT_AVAILABLE_FOR_ROBOT, text));
    }
    resolved(&row)
}

fn resolved(row: &Row) -> Result<Resolved> {
    let (user, machine): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let sealed: Option<String> = row.get(15)?;
    Ok(Resolved {
        asset: row.get(0)?,
        value_type: row.get(1)?,
        allow_direct: row.get(2)?,
        name: row.get(3)?,
        stored: Stored {
            id: row.get(4)?,
            key: row.get(5)?,
            owner: user.map(|user| Owner { user, machine }),
            user: row.get(8)?,
            has_secret: sealed.is_some(),
        },
        text: row.get(9)?,
        flag: row.get(10)?,
        number: row.get(11)?,
        pairs: row.get(12)?,
        store: row.get(13)?,
        external: row.get(14)?,
        sealed,
    })
}

/// `UserAssetDto`. With `keys` the password or secret is opened, without them it is empty.
fn shown(found: &Resolved, keys: Option<&KeyRing>) -> Result<Map<String, Value>> {
    let shape = Shape::of(found.value_type);
    let secret = match (keys, &found.sealed) {
        (Some(keys), Some(sealed)) if shape.is_secret() => {
            Some(keys.open_text(sealed, &rows::place(&found.stored.key))?)
        }
        _ => None,
    };
    let of = |wanted: Shape| match &secret {
        Some(secret) if shape == wanted => json!(secret.reveal()),
        _ => json!(""),
    };
    let value = json!({
        "Name": found.name,
        "ValueType": type_name(found.value_type),
        "StringValue": found.text,
        "BoolValue": found.flag,
        "IntValue": found.number,
        "SecretValue": of(Shape::Secret),
        "CredentialUsername": found.stored.user,
        "CredentialPassword": of(Shape::Credential),
        "ExternalName": found.external,
        "CredentialStoreId": found.store,
        "KeyValueList": serde_json::from_str::<Value>(&found.pairs).unwrap_or_else(|_| json!([])),
        "ConnectionData": null,
        "Id": found.asset,
    });
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(Error::internal("an asset is no object")),
    }
}

/// The answer, with the request's `$select`.
fn answer(call: &Call, value: Map<String, Value>) -> Result<Output> {
    let options = call.options()?;
    let rows = vec![Value::Object(value)];
    let applied = match call.served.type_def("UserAssetDto") {
        Some(ty) => memory::apply_typed(&options, ty, rows),
        None => memory::apply(&options, rows),
    };
    let (mut rows, _) = applied.map_err(|e| bandmaster_api::query::refused(&e))?;
    match rows.pop() {
        Some(Value::Object(value)) => Ok(Output::complex("UserAssetDto", value)),
        _ => Err(Error::internal("an asset is no object")),
    }
}

/// The machine on which the caller runs, as its credentials tell: a machine's key, or the token of a job.
async fn machine(call: &Call, conn: &mut Conn, tenant: i64) -> Result<Option<i64>> {
    match (call.principal.machine_id, &call.principal.job_key) {
        (Some(machine), _) => Ok(Some(machine)),
        (None, Some(job)) => Ok(jobs::row::by_key(conn, tenant, job).await?.and_then(|j| j.machine_id)),
        (None, None) => Ok(None),
    }
}

fn same_tenant(robot: Option<RobotAccount>, tenant: i64) -> Result<RobotAccount> {
    robot.filter(|r| r.tenant_id == tenant).ok_or_else(|| Error::not_found("Robot"))
}

/// Why a caller may not have a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    /// The robot is not the caller's.
    NotTheRobot,
    /// There is no robot, and the asset may be read by robots only.
    RobotsOnly,
}

/// Whether a password or secret may be told. `caller` and `robot` are accounts; `robot` is the one that the request
/// names, if any.
fn may_reveal(caller: Option<i64>, robot: Option<i64>, allow_direct: bool) -> Result<(), Denied> {
    match robot {
        Some(robot) if caller == Some(robot) => Ok(()),
        Some(_) => Err(Denied::NotTheRobot),
        None if allow_direct => Ok(()),
        None => Err(Denied::RobotsOnly),
    }
}

/// `GetRobotAssetByNameForRobotKey`: the value with its password or secret.
pub async fn read(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (name, robot_key) = (body.need_text("assetName")?, body.filled("robotKey"));
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut conn = call.read().await?;
    let robot = match robot_key {
        Some(key) => Some(same_tenant(robots::by_key(&mut conn, key).await?, tenant)?.user_id),
        None => None,
    };
    let account = robot.or(call.user_id());
    // The machine of the caller is that of the robot only when they are the same account.
    let machine = if account == call.user_id() { machine(call, &mut conn, tenant).await? } else { None };
    let found = resolve(&mut conn, tenant, folder, name, account, machine).await?;
    drop(conn);
    if !Shape::of(found.value_type).is_secret() {
        return answer(call, shown(&found, None)?);
    }
    may_reveal(call.user_id(), robot, found.allow_direct).map_err(|denied| {
        let text = match denied {
            Denied::NotTheRobot => "Passwords and secrets are told to the robot itself or to its account only.",
            Denied::RobotsOnly => "The asset can be read by robots only; it does not allow direct access.",
        };
        Error::new(403, codes::FORBIDDEN_OPERATION, text)
    })?;
    answer(call, shown(&found, Some(&call.app.keys))?)
}

async fn look(call: &Call, conn: &mut Conn, robot: Option<RobotAccount>) -> Result<Resolved> {
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let account = same_tenant(robot, tenant)?.user_id;
    let machine = if Some(account) == call.user_id() { machine(call, conn, tenant).await? } else { None };
    resolve(conn, tenant, folder, call.need_argument("assetName")?, Some(account), machine).await
}

/// `GetRobotAsset`: the value without password or secret. What is called the robot's id is its key.
pub async fn by_robot_key(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let robot = robots::by_key(&mut conn, call.need_argument("robotId")?).await?;
    let found = look(call, &mut conn, robot).await?;
    answer(call, shown(&found, None)?)
}

/// `GetRobotAssetByRobotId`: the value without password or secret.
pub async fn by_robot_id(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("robotId")?;
    let mut conn = call.read().await?;
    let robot = robots::by_id(&mut conn, call.tenant_id()?, id).await?;
    let found = look(call, &mut conn, robot).await?;
    answer(call, shown(&found, None)?)
}

/// `SetRobotAssetByRobotKey`: writes the value that counts for the robot: its account's if it has one, else
/// everybody's. The answer has a body, though the description says none: the Python client parses one.
pub async fn write(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let Some(asset) = body.fields("robotAsset") else { return Err(Error::unbound("robotAsset")) };
    let name = asset.need_text("Name")?;
    let robot_key = body.need_text("robotKey")?;
    let (tenant, folder, keys) = (call.tenant_id()?, call.folder()?.id, call.app.keys.clone());
    let mut conn = call.read().await?;
    let account = same_tenant(robots::by_key(&mut conn, robot_key).await?, tenant)?.user_id;
    let machine = if Some(account) == call.user_id() { machine(call, &mut conn, tenant).await? } else { None };
    drop(conn);
    let mut unit = call.begin().await?;
    let first = resolve(&mut unit, tenant, folder, name, Some(account), machine).await?;
    let head: Head = rows::lock_in(&mut unit, tenant, folder, first.asset).await?;
    // Again under the lock: another call may have changed the set of values meanwhile.
    let found = resolve(&mut unit, tenant, folder, name, Some(account), machine).await?;
    if found.asset != first.asset {
        return Err(Error::clash());
    }
    if asset.choice("ValueType", &VALUE_TYPE)?.is_some_and(|given| given != found.value_type) {
        return Err(Error::argument(format!("The asset is of the type {}.", type_name(found.value_type))));
    }
    let shape = Shape::of(found.value_type);
    let mut given = Given::of(asset, shape)?;
    given.store = given.store.or(found.store);
    given.external = given.external.or_else(|| found.external.clone());
    let whose = if found.stored.owner.is_some() { Whose::Account } else { Whose::Everybody };
    let kept = Kept { user: &found.stored.user, has_secret: found.stored.has_secret };
    let value = merge(shape, given, Some(kept), whose)?;
    let before = rows::snapshot(&mut unit, tenant, found.asset).await?;
    let write = Write { over: Some(0), owner: found.stored.owner, value };
    rows::put(&mut unit, &keys, tenant, found.asset, shape, Some(&found.stored), &write).await?;
    let (now, user) = (unit.now(), unit.context().user_id);
    let touched = "UPDATE assets SET updated_at = $1, updater_user_id = $2 WHERE id = $3";
    unit.execute(touched, params![now, user, found.asset]).await?;
    let after = rows::snapshot(&mut unit, tenant, found.asset).await?;
    record(&mut unit, "Update", found.asset, &head, before, after).await?;
    unit.commit().await?;
    Ok(Output::json(json!({})).status(200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::SeededIds;
    use std::sync::Arc;

    #[test]
    fn secrets_are_told_to_their_account_only() {
        // caller's account, account of the named robot, direct access allowed
        let cases = [
            (Some(5), Some(5), false, Ok(())),
            (Some(5), Some(5), true, Ok(())),
            (Some(6), Some(5), false, Err(Denied::NotTheRobot)),
            (Some(6), Some(5), true, Err(Denied::NotTheRobot)),
            (None, Some(5), true, Err(Denied::NotTheRobot)),
            (Some(6), None, false, Err(Denied::RobotsOnly)),
            (None, None, false, Err(Denied::RobotsOnly)),
            (Some(6), None, true, Ok(())),
        ];
        for (caller, robot, direct, expected) in cases {
            assert_eq!(may_reveal(caller, robot, direct), expected, "{caller:?} {robot:?} {direct}");
        }
    }

    #[test]
    fn a_secret_is_opened_only_with_keys_and_only_in_its_place() {
        let keys = KeyRing::new(vec![("k".into(), [7; 32])], Arc::new(SeededIds::new(1))).unwrap();
        let found = |value_type: i64, place: &str| Resolved {
            asset: 9,
            value_type,
            allow_direct: false,
            name: "n".into(),
            stored: Stored { id: 1, key: "here".into(), owner: None, user: "u".into(), has_secret: true },
            text: String::new(),
            flag: false,
            number: 0,
            pairs: "[]".into(),
            store: Some(1),
            external: None,
            sealed: Some(keys.seal(b"planted", &rows::place(place)).unwrap().0),
        };
        let credential = shown(&found(5, "here"), Some(&keys)).unwrap();
        assert_eq!((&credential["CredentialPassword"], &credential["SecretValue"]), (&json!("planted"), &json!("")));
        let secret = shown(&found(8, "here"), Some(&keys)).unwrap();
        assert_eq!((&secret["CredentialPassword"], &secret["SecretValue"]), (&json!(""), &json!("planted")));
        assert!(!Value::Object(shown(&found(5, "here"), None).unwrap()).to_string().contains("planted"));
        assert!(shown(&found(5, "there"), Some(&keys)).is_err());
        let text = shown(&found(2, "here"), Some(&keys)).unwrap();
        assert!(!Value::Object(text).to_string().contains("planted"));
    }

    #[test]
    fn all_published_members_are_there() {
        let keys = KeyRing::new(vec![("k".into(), [7; 32])], Arc::new(SeededIds::new(1))).unwrap();
        let found = Resolved {
            asset: 9,
            value_type: 2,
            allow_direct: false,
            name: "n".into(),
            stored: Stored { id: 1, key: "k".into(), owner: None, user: String::new(), has_secret: false },
            text: "t".into(),
            flag: false,
            number: 0,
            pairs: "[]".into(),
            store: None,
            external: None,
            sealed: None,
        };
        let value = shown(&found, Some(&keys)).unwrap();
        for property in bandmaster_model::contract().type_def("UserAssetDto").unwrap().properties() {
            assert!(value.contains_key(&property.name), "{}", property.name);
        }
    }
}
