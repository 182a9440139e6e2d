//! Creating, changing and deleting machines.

use super::record::{MachineRecord, Slots, by_id};
use super::wish::Wish;
use super::{MACHINE, MACHINE_WITHOUT_KEY, accounts, secrets};
use crate::enums::{RUNTIME_TYPES, SCOPE_DEFAULT, SCOPE_WORKSPACE};
use crate::{jobs, topics};
use bandmaster_api::query::entity_json;
use bandmaster_api::{App, Call, Change, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::{DbError, params};
use serde_json::Value;

/// Machines that one bulk call may delete.
const MOST_AT_ONCE: usize = 1_000;

fn taken(error: DbError, name: &str) -> Error {
    if error.is_unique("machines_name") { Error::name_taken(name) } else { error.into() }
}

/// The machine for the audit, without its key.
async fn snapshot(unit: &mut Unit, id: i64) -> Result<Option<Value>> {
    let tenant = unit.tenant_id();
    Ok(entity_json(unit, &MACHINE_WITHOUT_KEY, id, tenant).await?.map(Value::Object))
}

/// What a new machine is made of.
pub(crate) struct NewMachine<'a> {
    pub name: &'a str,
    pub description: Option<&'a str>,
    pub machine_type: i64,
    pub scope: i64,
    pub slots: Slots,
    pub automation_type: i64,
    pub target_framework: i64,
    pub update_policy: Option<&'a str>,
    pub tags: &'a str,
}

/// Inserts a machine with fresh keys; its id and GUID.
pub(crate) async fn insert(unit: &mut Unit, new: &NewMachine<'_>) -> Result<(i64, String)> {
    let (tenant, now) = (unit.tenant_id(), unit.now());
    let (key, license_key) = (unit.guid(), unit.guid());
    let row = unit
        .query_one(
            "INSERT INTO machines (key, tenant_id, name, description, type, scope, license_key, unattended_slots, \
             nonproduction_slots, headless_slots, testautomation_slots, development_slots, automation_type, \
             target_framework, update_policy, tags, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17) RETURNING id",
            params![
                key.as_str(),
                tenant,
                new.name,
                new.description,
                new.machine_type,
                new.scope,
                license_key,
                new.slots.unattended,
                new.slots.non_production,
                new.slots.headless,
                new.slots.test_automation,
                new.slots.development,
                new.automation_type,
                new.target_framework,
                new.update_policy,
                new.tags,
                now
            ],
        )
        .await
        .map_err(|e| taken(e, new.name))?;
    Ok((row.get(0)?, key))
}

/// `POST /odata/Machines`
pub(super) async fn create(call: &mut Call) -> Result<Output> {
    let wish = Wish::read(&call.body())?;
    let name = wish.name.clone().ok_or_else(|| Error::argument("The field Name is required."))?;
    let (secret, hash) = secrets::fresh(&call.app)?;
    let tenant = call.tenant_id()?;
    let new = NewMachine {
        name: &name,
        description: wish.description.as_ref().and_then(|d| d.as_deref()),
        machine_type: wish.new_type(),
        scope: SCOPE_DEFAULT,
        slots: wish.slots(Slots::default()),
        automation_type: wish.automation_type.unwrap_or(0),
        target_framework: wish.target_framework.unwrap_or(0),
        update_policy: wish.update_policy.as_deref(),
        tags: wish.tags.as_deref().unwrap_or("[]"),
    };
    let mut unit = call.begin().await?;
    let (id, key) = insert(&mut unit, &new).await?;
    secrets::add(&mut unit, id, &hash).await?;
    if let Some(robots) = &wish.robots {
        accounts::check_robots(&mut unit, tenant, robots).await?;
        accounts::set(&mut unit, id, accounts::TENANT_WIDE, robots).await?;
    }
    let after = snapshot(&mut unit, id).await?;
    unit.audit(Change {
        component: "Machines",
        action: "Create",
        id: Some(id),
        key: Some(&key),
        name: &name,
        after,
        ..Change::default()
    })
    .await?;
    let made = entity_json(&mut unit, &MACHINE, id, tenant).await?;
    unit.commit().await?;
    let mut made = made.ok_or_else(|| Error::internal("a machine vanished while it was made"))?;
    made.insert("ClientSecret".into(), Value::String(secret.reveal().to_owned()));
    Ok(Output::entity(MACHINE.set, made).status(201))
}

/// `PUT` and `PATCH /odata/Machines({key})`. Members that the body leaves out stay as they are in both, since
/// clients send what they know and no more.
pub(super) async fn update(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let wish = Wish::read(&call.body())?;
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let before = by_id(&mut unit, tenant, id).await?.ok_or_else(|| Error::not_found("Machine"))?;
    let license_key: String =
        unit.query_one("SELECT license_key FROM machines WHERE id = $1", params![id]).await?.get(0)?;
    wish.check_fixed(&before, &license_key)?;
    let was = snapshot(&mut unit, id).await?;
    let name = wish.name.clone().unwrap_or_else(|| before.name.clone());
    let (slots, now) = (wish.slots(before.slots), unit.now());
    unit.execute(
        "UPDATE machines SET name = $1, description = CASE WHEN $2 = 1 THEN $3 ELSE description END, \
         unattended_slots = $4, nonproduction_slots = $5, headless_slots = $6, testautomation_slots = $7, \
         automation_type = $8, target_framework = $9, update_policy = COALESCE($10, update_policy), \
         tags = COALESCE($11, tags), updated_at = $12 WHERE id = $13",
        params![
            name.as_str(),
            wish.description.is_some(),
            wish.description.clone().flatten(),
            slots.unattended,
            slots.non_production,
            slots.headless,
            slots.test_automation,
            wish.automation_type.unwrap_or(before.automation_type),
            wish.target_framework.unwrap_or(before.target_framework),
            wish.update_policy.as_deref(),
            wish.tags.as_deref(),
            now,
            id
        ],
    )
    .await
    .map_err(|e| taken(e, &name))?;
    if slots != before.slots {
        resize_sessions(&mut unit, id, &slots).await?;
    }
    if let Some(robots) = &wish.robots {
        accounts::check_robots(&mut unit, tenant, robots).await?;
        accounts::set(&mut unit, id, accounts::TENANT_WIDE, robots).await?;
    }
    let after = snapshot(&mut unit, id).await?;
    unit.audit(Change {
        component: "Machines",
        action: "Update",
        id: Some(id),
        key: Some(&before.key),
        name: &name,
        before: was,
        after,
    })
    .await?;
    topics::capacity(&mut unit, id);
    unit.commit().await?;
    Ok(Output::empty())
}

/// Connected hosts offer the new number at once; types that are new to them come with their next heartbeat.
async fn resize_sessions(unit: &mut Unit, machine_id: i64, slots: &Slots) -> Result<()> {
    for runtime_type in RUNTIME_TYPES {
        unit.execute(
            "UPDATE sessions SET slots = $1 WHERE machine_id = $2 AND runtime_type = $3 AND robot_id = 0",
            params![slots.of(runtime_type), machine_id, runtime_type],
        )
        .await?;
    }
    Ok(())
}

/// `DELETE /odata/Machines({key})`
pub(super) async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let mut unit = call.begin().await?;
    remove(&call.app, &mut unit, &[id]).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// `POST /odata/Machines/…DeleteBulk`. All of them or, when one cannot be deleted, none.
pub(super) async fn delete_bulk(call: &mut Call) -> Result<Output> {
    let ids = call.body().ints("machineIds");
    if ids.is_empty() {
        return Err(Error::argument("machineIds must name at least one machine."));
    }
    if ids.len() > MOST_AT_ONCE {
        return Err(Error::argument(format!("At most {MOST_AT_ONCE} machines can be deleted at once.")));
    }
    let mut unit = call.begin().await?;
    remove(&call.app, &mut unit, &ids).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

pub(crate) async fn remove(app: &App, unit: &mut Unit, ids: &[i64]) -> Result<()> {
    let tenant = unit.tenant_id();
    let usage = jobs::usage(app, unit, tenant).await?;
    let targets = jobs::trigger_targets(app, unit, tenant).await?;
    let mut seen = std::collections::HashSet::new();
    for id in ids.iter().copied().filter(|id| seen.insert(*id)) {
        let machine = by_id(unit, tenant, id).await?.ok_or_else(|| Error::not_found("Machine"))?;
        if machine.scope == SCOPE_WORKSPACE {
            return Err(Error::conflict(
                codes::MACHINE_SCOPE_PROTECTED,
                "The machine of a personal workspace goes with its workspace.",
            ));
        }
        if targets.machine(id) {
            return Err(Error::conflict(
                codes::MACHINE_HAS_ATTACHED_TRIGGERS,
                format!("Triggers run jobs on the machine {}.", machine.name),
            ));
        }
        remove_one(app, unit, &machine, &usage).await?;
    }
    Ok(())
}

/// Deletes a machine with its sessions, secrets and assignments. Refused while jobs run there.
async fn remove_one(app: &App, unit: &mut Unit, machine: &MachineRecord, usage: &jobs::Usage) -> Result<()> {
    let rows = unit.query("SELECT id FROM sessions WHERE machine_id = $1", params![machine.id]).await?;
    let sessions: Vec<i64> = rows.iter().map(|r| r.get(0)).collect::<Result<_, _>>()?;
    if sessions.iter().any(|s| usage.of_session(*s) > 0) {
        return Err(Error::conflict(
            codes::CANNOT_DELETE_BUSY_ROBOT,
            format!("Jobs are running on the machine {}.", machine.name),
        ));
    }
    let was = snapshot(unit, machine.id).await?;
    if !sessions.is_empty() {
        jobs::sessions_deleted(app, unit, &sessions).await?;
    }
    unit.execute("DELETE FROM machines WHERE id = $1", params![machine.id]).await?;
    bandmaster_access::rights_changed(unit).await?;
    unit.audit(Change {
        component: "Machines",
        action: "Delete",
        id: Some(machine.id),
        key: Some(&machine.key),
        name: &machine.name,
        before: was,
        ..Change::default()
    })
    .await?;
    topics::capacity(unit, machine.id);
    Ok(())
}
