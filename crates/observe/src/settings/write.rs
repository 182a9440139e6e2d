//! Writing and removing values. Secrets are sealed; audit entries name the setting and, unless it is a secret, the
//! values.
//!
//! A value that is null, or empty where a number, a flag or the like is wanted, removes what was set. An empty value
//! for a secret changes nothing: clients write lists back in which secrets were read as empty.

use super::{catalogue, values};
use bandmaster_api::{Call, Change, Fields, Output, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::{Value, json};

/// Longest value, in characters.
const LONGEST: usize = 100_000;
/// Most settings in one call, and at one level.
const MOST: usize = 1_000;

/// A value to be written.
struct Entry {
    tenant: i64,
    user: i64,
    name: String,
    value: NewValue,
}

enum NewValue {
    Kept,
    Removed,
    Plain(String),
    Sealed(String),
}

/// The words of `SettingsDto.Scope` with the numbers that clients write for them.
fn scope(fields: Fields<'_>) -> Result<&str> {
    match fields.get("Scope") {
        None => Ok("Tenant"),
        Some(Value::String(word)) if word.parse::<u32>().is_err() => Ok(word),
        Some(number) => match number.as_u64().or_else(|| number.as_str()?.parse().ok()) {
            Some(1) => Ok("Application"),
            Some(2) => Ok("Tenant"),
            Some(4) => Ok("User"),
            _ => Err(Error::argument("The Scope of a setting is Application, Tenant or User.")),
        },
    }
}

/// Where a value goes (the scope of the body, else the tenant; `own`: the caller) and what is to be stored.
fn entry(call: &Call, fields: Fields<'_>, own: bool) -> Result<Entry> {
    let name = fields.need_text("Name")?.trim();
    if name.is_empty() {
        return Err(Error::argument("The field Name is required."));
    }
    let tenant = call.tenant_id()?;
    let user = || call.user_id().ok_or_else(|| Error::argument("The caller has no settings of its own."));
    let (tenant, user) = match scope(fields)? {
        _ if own => (tenant, user()?),
        "User" => (tenant, user()?),
        "Application" if call.principal.host => (0, 0),
        "Application" => return Err(Error::forbidden()),
        _ => (tenant, 0),
    };
    let name = catalogue::find(name).map_or(name, |k| k.name).to_owned();
    let value = match fields.text("Value") {
        None => NewValue::Removed,
        Some(value) => new_value(call, &name, value, &values::place(tenant, user, &name))?,
    };
    Ok(Entry { tenant, user, name, value })
}

fn new_value(call: &Call, name: &str, value: &str, place: &str) -> Result<NewValue> {
    if value.chars().count() > LONGEST {
        return Err(Error::argument(format!("The value of a setting may have at most {LONGEST} characters.")));
    }
    if let Some(objection) = catalogue::objection(name, value) {
        return Err(Error::argument(objection));
    }
    Ok(match catalogue::is_secret(name) {
        true if value.is_empty() => NewValue::Kept,
        true => NewValue::Sealed(call.app.keys.seal(value.as_bytes(), place)?.0),
        false if catalogue::unsets(name, value) => NewValue::Removed,
        false => NewValue::Plain(value.to_owned()),
    })
}

async fn store(call: &Call, entries: Vec<Entry>) -> Result<Output> {
    let mut unit = call.begin().await?;
    for entry in &entries {
        write(&mut unit, entry).await?;
    }
    for level in levels(&entries) {
        let kept: i64 = unit
            .query_one("SELECT COUNT(*) FROM settings WHERE tenant_id = $1 AND user_id = $2", params![level.0, level.1])
            .await?
            .get(0)?;
        if usize::try_from(kept).is_ok_and(|n| n > MOST) {
            return Err(Error::argument(format!("At most {MOST} settings can be kept.")));
        }
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// The levels that entries are written at, each once.
fn levels(entries: &[Entry]) -> Vec<(i64, i64)> {
    let mut levels: Vec<(i64, i64)> = entries.iter().map(|e| (e.tenant, e.user)).collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

async fn write(unit: &mut Unit, entry: &Entry) -> Result<()> {
    let Entry { tenant, user, name, value } = entry;
    let before = unit
        .query_opt(
            "SELECT value FROM settings WHERE tenant_id = $1 AND user_id = $2 AND fold(name) = fold($3)",
            params![*tenant, *user, name],
        )
        .await?;
    let before: Option<String> = before.map(|r| r.get(0)).transpose()?.flatten();
    let (plain, sealed) = match value {
        NewValue::Kept => return Ok(()),
        NewValue::Removed => {
            delete(unit, *tenant, *user, name).await?;
            (None, None)
        }
        NewValue::Plain(text) => (Some(text.as_str()), None),
        NewValue::Sealed(text) => (None, Some(text.as_str())),
    };
    if plain.is_some() || sealed.is_some() {
        let now = unit.now();
        unit.execute(
            "INSERT INTO settings (tenant_id, user_id, name, value, value_sealed, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, user_id, fold(name)) \
             DO UPDATE SET value = excluded.value, value_sealed = excluded.value_sealed, updated_at = excluded.updated_at",
            params![*tenant, *user, name, plain, sealed, now],
        )
        .await?;
    }
    unit.audit(Change {
        component: "Settings",
        action: "Update",
        name,
        before: Some(shown(name, before)),
        after: Some(shown(name, plain.map(str::to_owned))),
        ..Change::default()
    })
    .await
}

async fn delete(unit: &mut Unit, tenant: i64, user: i64, name: &str) -> Result<Option<Value>> {
    let sql =
        "DELETE FROM settings WHERE tenant_id = $1 AND user_id = $2 AND fold(name) = fold($3) RETURNING name, value";
    let gone = unit.query_opt(sql, params![tenant, user, name]).await?;
    gone.map(|row| Ok(shown(&row.get::<String>(0)?, row.get(1)?))).transpose()
}

/// A setting for the audit.
fn shown(name: &str, value: Option<String>) -> Value {
    json!({"Name": name, "Value": value.filter(|_| !catalogue::is_secret(name))})
}

/// PUT of one setting.
pub async fn one(call: &mut Call) -> Result<Output> {
    let key = call.need_argument("key")?.trim();
    let entry = entry(call, call.body(), false)?;
    if bandmaster_store::fold(&entry.name) != bandmaster_store::fold(key) {
        return Err(Error::argument("The name in the body is not the one in the address."));
    }
    store(call, vec![entry]).await
}

/// A list of the body that must be there. At most so many settings are changed in one call.
fn bounded<'a>(call: &'a Call, name: &str) -> Result<&'a [Value]> {
    if call.body().get(name).is_none() {
        return Err(Error::unbound(name));
    }
    let list = call.body().list(name);
    if list.len() > MOST {
        return Err(Error::argument(format!("At most {MOST} settings may be sent at once.")));
    }
    Ok(list)
}

/// Writes several settings: all or none.
pub async fn many(call: &mut Call) -> Result<Output> {
    let list = bounded(call, "settings")?;
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

/// Removes values of the tenant, so that the installation's or the defaults count again. Names that are not set are
/// passed over.
pub async fn remove(call: &mut Call) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let names: Vec<String> =
        bounded(call, "settingNames")?.iter().filter_map(Value::as_str).map(|name| name.trim().to_owned()).collect();
    let mut unit = call.begin().await?;
    for name in names {
        if let Some(gone) = delete(&mut unit, tenant, 0, &name).await? {
            let change = Change { component: "Settings", action: "Delete", ..Change::default() };
            unit.audit(Change { name: &name, before: Some(gone), ..change }).await?;
        }
    }
    unit.commit().await?;
    Ok(Output::empty())
}
