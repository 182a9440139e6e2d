//! Secrets of machines as OAuth clients. The address is not in the published contract; clients use it.
//!
//! A secret is told once, when it is made; the table has its keyed hash. Several may be valid at once, so
//! that hosts can be moved from one to the next.

use bandmaster_api::{App, Call, Change, Output, Unit};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, Secret, codes, time};
use bandmaster_store::{Conn, params};
use serde_json::{Value, json};

/// Separates the hashes of machine secrets from others.
const PURPOSE: &str = "machine-secret";
/// Secrets that a machine may have at once.
const MOST: i64 = 20;

/// The type of the answers.
pub(super) const TYPES: &str = "type MachineSecretDto\n  id int64\n  secret string\n  creationTime datetime\n";

/// A new secret and its hash.
pub(crate) fn fresh(app: &App) -> Result<(Secret, String)> {
    let secret = Secret::new(app.ids.secret());
    // Revealed to be hashed.
    let hash = app.keys.hash(secret.reveal(), PURPOSE)?;
    Ok((secret, hash))
}

/// Stores the hash of a secret; the secret's id.
pub(crate) async fn add(unit: &mut Unit, machine_id: i64, hash: &str) -> Result<i64> {
    let now = unit.now();
    let row = unit
        .query_one(
            "INSERT INTO machine_secrets (machine_id, secret_hash, created_at) VALUES ($1, $2, $3) RETURNING id",
            params![machine_id, hash, now],
        )
        .await?;
    Ok(row.get(0)?)
}

/// The machine (id) whose key and secret these are.
pub(crate) async fn machine_of(app: &App, conn: &mut Conn, license_key: &str, secret: &str) -> Result<Option<i64>> {
    let Some(key) = parse_guid(license_key) else { return Ok(None) };
    let hash = app.keys.hash(secret, PURPOSE)?;
    let row = conn
        .query_opt(
            "SELECT m.id FROM machine_secrets s JOIN machines m ON m.id = s.machine_id \
             WHERE s.secret_hash = $1 AND m.license_key = $2",
            params![hash, key],
        )
        .await?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

struct Owner {
    id: i64,
    key: String,
    name: String,
}

async fn owner(conn: &mut Conn, tenant_id: i64, license_key: &str) -> Result<Owner> {
    let unknown = || Error::not_found("Machine");
    let key = parse_guid(license_key).ok_or_else(unknown)?;
    let row = conn
        .query_opt(
            "SELECT id, key, name FROM machines WHERE tenant_id = $1 AND license_key = $2",
            params![tenant_id, key],
        )
        .await?
        .ok_or_else(unknown)?;
    Ok(Owner { id: row.get(0)?, key: row.get(1)?, name: row.get(2)? })
}

/// `GET /api/clientsecrets/{licenseKey}`
pub(super) async fn list(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let owner = owner(&mut conn, call.tenant_id()?, call.need_argument("licenseKey")?).await?;
    let rows = conn
        .query("SELECT id, created_at FROM machine_secrets WHERE machine_id = $1 ORDER BY id", params![owner.id])
        .await?;
    let shown: Result<Vec<Value>> = rows
        .iter()
        .map(|r| Ok(json!({"id": r.get::<i64>(0)?, "secret": null, "creationTime": time::iso(r.get(1)?)})))
        .collect();
    Ok(Output::json(shown?))
}

/// `POST /api/clientsecrets/{licenseKey}`
pub(super) async fn create(call: &mut Call) -> Result<Output> {
    let license_key = call.need_argument("licenseKey")?.to_owned();
    let tenant = call.tenant_id()?;
    let (secret, hash) = fresh(&call.app)?;
    let mut unit = call.begin().await?;
    let owner = owner(&mut unit, tenant, &license_key).await?;
    let count: i64 = unit
        .query_one("SELECT COUNT(*) FROM machine_secrets WHERE machine_id = $1", params![owner.id])
        .await?
        .get(0)?;
    if count >= MOST {
        return Err(Error::conflict(
            codes::INVALID_REQUEST,
            format!("A machine may have at most {MOST} secrets; delete one first."),
        ));
    }
    let id = add(&mut unit, owner.id, &hash).await?;
    unit.audit(changed(&owner, "Create", id)).await?;
    let now = unit.now();
    unit.commit().await?;
    // Revealed to its one reader.
    Ok(Output::json(json!({"id": id, "secret": secret.reveal(), "creationTime": time::iso(now)})))
}

/// `DELETE /api/clientsecrets/{secretId}`, with or without the machine's key before it.
pub(super) async fn delete(call: &mut Call) -> Result<Output> {
    let unknown = || Error::not_found("Secret");
    let id: i64 = call.need_argument("secretId")?.parse().map_err(|_| unknown())?;
    let of = call.argument("licenseKey").map(|k| parse_guid(k).ok_or_else(unknown)).transpose()?;
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let row = unit
        .query_opt(
            "SELECT m.id, m.key, m.name, m.license_key FROM machine_secrets s JOIN machines m ON m.id = s.machine_id \
             WHERE s.id = $1 AND m.tenant_id = $2",
            params![id, tenant],
        )
        .await?
        .ok_or_else(unknown)?;
    if of.is_some_and(|key| row.get::<String>(3).as_deref() != Ok(key.as_str())) {
        return Err(unknown());
    }
    let owner = Owner { id: row.get(0)?, key: row.get(1)?, name: row.get(2)? };
    unit.execute("DELETE FROM machine_secrets WHERE id = $1", params![id]).await?;
    unit.audit(changed(&owner, "Delete", id)).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

fn changed<'a>(owner: &'a Owner, action: &'a str, secret_id: i64) -> Change<'a> {
    let told = Some(json!({"MachineId": owner.id, "SecretId": secret_id}));
    let (before, after) = if action == "Delete" { (told, None) } else { (None, told) };
    Change { component: "Secrets", action, id: Some(owner.id), key: Some(&owner.key), name: &owner.name, before, after }
}
