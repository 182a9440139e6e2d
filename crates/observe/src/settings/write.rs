//! Writing and removing values. Secrets are sealed; audit entries name the setting and, unless it is a secret, the
//! values.

use super::catalogue;
use bandmaster_api::{Call, Change, Fields, Output, Unit};
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_store::params;
use serde_json::{Value, json};

/// Longest value.
const LONGEST: usize = 100_000;

/// A value to be written.
struct Entry {
    tenant: i64,
    user: i64,
    name: String,
    value: Option<String>,
}

/// Where a value goes: the scope of the body, else the tenant.
fn entry(call: &Call, fields: Fields<'_>, own: bool) -> Result<Entry> {
    let name = fields.need_text("Name")?.trim();
    if name.is_empty() {
        return Err(Error::argument("The field Name is required."));
    }
    let value = fields.text("Value").map(str::to_owned);
    if value.as_ref().is_some_and(|v| v.len() > LONGEST) {
        return Err(Error::argument(format!("The value of a setting may have at most {LONGEST} characters.")));
    }
    if let Some(objection) = value.as_ref().and_then(|v| catalogue::objection(name, v)) {
        return Err(Error::argument(objection));
    }
    let scope = fields.text("Scope").unwrap_or("Tenant");
    let user = || call.user_id().ok_or_else(|| Error::argument("The caller has no settings of its own."));
    let (tenant, user) = match scope {
        _ if own => (call.tenant_id()?, user()?),
        "User" => (call.tenant_id()?, user()?),
        "Application" if call.principal.host => (0, 0),
        "Application" => return Err(Error::forbidden()),
        _ => (call.tenant_id()?, 0),
    };
    let name = catalogue::find(name).map_or(name, |k| k.name).to_owned();
    Ok(Entry { tenant, user, name, value })
}

fn seal(keys: &KeyRing, entry: &Entry) -> Result<(Option<String>, Option<String>)> {
    match &entry.value {
        Some(value) if catalogue::is_secret(&entry.name) => {
            let place = format!("settings.value/{}/{}/{}", entry.tenant, entry.user, entry.name.to_lowercase());
            Ok((None, Some(keys.seal(value.as_bytes(), &place)?.0)))
        }
        value => Ok((value.clone(), None)),
    }
}

async fn store(call: &Call, entries: Vec<Entry>) -> Result<Output> {
    let mut sealed = Vec::with_capacity(entries.len());
    for entry in entries {
        let (plain, secret) = seal(&call.app.keys, &entry)?;
        sealed.push((entry, plain, secret));
    }
    let mut unit = call.begin().await?;
    for (entry, plain, secret) in sealed {
        write(&mut unit, &entry, plain, secret).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

async fn write(unit: &mut Unit, entry: &Entry, plain: Option<String>, secret: Option<String>) -> Result<()> {
    let before = unit
        .query_opt(
            "SELECT value FROM settings WHERE tenant_id = $1 AND user_id = $2 AND fold(name) = fold($3)",
            params![entry.tenant, entry.user, entry.name.as_str()],
        )
        .await?;
    let before: Option<String> = before.map(|r| r.get(0)).transpose()?.flatten();
    let now = unit.now();
    unit.execute(
        "INSERT INTO settings (tenant_id, user_id, name, value, value_sealed, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id, user_id, fold(name)) \
         DO UPDATE SET value = excluded.value, value_sealed = excluded.value_sealed, updated_at = excluded.updated_at",
        params![entry.tenant, entry.user, entry.name.as_str(), plain.as_deref(), secret.as_deref(), now],
    )
    .await?;
    let shown = |value: Option<String>| Some(json!({"Name": entry.name, "Value": value}));
    unit.audit(Change {
        component: "Settings",
        action: "Update",
        name: &entry.name,
        before: shown(before),
        after: shown(plain),
        ..Change::default()
    })
    .await
}

/// PUT of one setting.
pub async fn one(call: &mut Call) -> Result<Output> {
    let key = call.need_argument("key")?;
    let entry = entry(call, call.body(), false)?;
    if !entry.name.eq_ignore_ascii_case(key) {
        return Err(Error::argument("The name in the body is not the one in the address."));
    }
    store(call, vec![entry]).await
}

/// Writes several settings: all or none.
pub async fn many(call: &mut Call) -> Result<Output> {
    let list = call.body().list("settings");
    let entries: Result<Vec<Entry>> = list.iter().map(|v| entry(call, Fields::of(v), false)).collect();
    let entries = entries?;
    if entries.iter().any(|e| e.user != 0) {
        return Err(Error::argument("Settings of a user are written one by one."));
    }
    store(call, entries).await
}

/// Writes a setting of the caller.
pub async fn own_value(call: &mut Call) -> Result<Output> {
    let Some(fields) = call.body().fields("setting") else {
        return Err(Error::unbound("setting"));
    };
    let entry = entry(call, fields, true)?;
    store(call, vec![entry]).await
}

/// Removes values of the tenant, so that the installation's or the defaults count again.
pub async fn remove(call: &mut Call) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let names: Vec<String> =
        call.body().list("settingNames").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut unit = call.begin().await?;
    for name in names {
        let gone = unit
            .execute(
                "DELETE FROM settings WHERE tenant_id = $1 AND user_id = 0 AND fold(name) = fold($2)",
                params![tenant, name.as_str()],
            )
            .await?;
        if gone > 0 {
            unit.audit(Change { component: "Settings", action: "Delete", name: &name, ..Change::default() }).await?;
        }
    }
    unit.commit().await?;
    Ok(Output::empty())
}
