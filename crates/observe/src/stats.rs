//! Numbers for dashboards: how many things of a kind, jobs by outcome, hosts by state. They count what the caller may
//! see, in all folders.

use crate::neighbours;
use bandmaster_api::query::{count, visibility};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_fleet::sessions::SILENCE;
use bandmaster_model::{EntityType, Kind, Permission};
use bandmaster_odata::{Constant, Predicate, Query};
use serde_json::{Value, json};

/// Title, set that is counted, permission.
static COUNTED: &[(&str, &str, &str)] = &[
    ("Processes", "Releases", "Processes.View"),
    ("Assets", "Assets", "Assets.View"),
    ("Queues", "QueueDefinitions", "Queues.View"),
    ("Schedules", "ProcessSchedules", "Schedules.View"),
];

/// Title and state of ended jobs.
static OUTCOMES: &[(&str, &str)] = &[("Successful", "Successful"), ("Faulted", "Faulted"), ("Canceled", "Stopped")];

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("Stats_GetCountStats", things);
    r.serve("Stats_GetJobsStats", jobs);
    r.serve("Stats_GetSessionsStats", sessions);
    r.serve("Stats_GetLicenseStats", licenses);
    r.serve("Stats_GetConsumptionLicenseStats", licenses);
}

fn stat(title: &str, count: i64, permitted: bool) -> Value {
    json!({"title": title, "count": count, "hasPermissions": permitted})
}

/// The type that is listed under a name; none while no feature serves it.
fn listed(call: &Call, set: &str) -> Option<&'static EntityType> {
    call.served.entities().iter().copied().find(|ty| ty.set == set)
}

/// How many rows of a query the permission lets the caller see.
async fn seen(call: &Call, query: &Query, permission: &Permission) -> Result<i64> {
    let tenant = call.tenant()?;
    let sees = visibility(tenant.organization_id, tenant.id, &call.rights.folders_granting(permission));
    let found = count(&mut call.read().await?, query, &sees, None).await?.unwrap_or(0);
    Ok(i64::try_from(found).unwrap_or(i64::MAX))
}

async fn things(call: &mut Call) -> Result<Output> {
    let mut stats = Vec::new();
    for (title, set, permission) in COUNTED {
        let permission = Permission::parse(permission);
        // -1 tells that the caller may not know.
        stats.push(match (call.rights.grants(&permission, None), listed(call, set)) {
            (false, _) => stat(title, -1, false),
            (true, None) => stat(title, 0, true),
            (true, Some(ty)) => stat(title, seen(call, &Query::all(ty), &permission).await?, true),
        });
    }
    Ok(Output::json(stats))
}

async fn jobs(call: &mut Call) -> Result<Output> {
    let permission = Permission::parse("Jobs.View");
    let ty = listed(call, "Jobs");
    let mut stats = Vec::new();
    for (title, state) in OUTCOMES {
        let number = match ty.and_then(|ty| ty.property("State")).map(|p| p.kind) {
            Some(Kind::Enum(states)) => states.number(state),
            _ => None,
        };
        stats.push(match (ty, number) {
            (Some(ty), Some(number)) => {
                let mut query = Query::all(ty);
                query.and(Predicate::equals(ty, "State", Constant::Int(number)));
                stat(title, seen(call, &query, &permission).await?, true)
            }
            _ => stat(title, 0, true),
        });
    }
    Ok(Output::json(stats))
}

async fn sessions(call: &mut Call) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let hosts = neighbours::hosts(&mut call.read().await?, tenant).await?;
    let now = call.now();
    let [mut available, mut busy, mut disconnected, mut unresponsive] = [0; 4];
    for host in hosts {
        let silent = host.reported_at.is_none_or(|at| now.saturating_sub(at) > SILENCE);
        match (host.connected, silent, host.busy) {
            (false, ..) => disconnected += 1,
            (true, true, _) => unresponsive += 1,
            (true, false, true) => busy += 1,
            (true, false, false) => available += 1,
        }
    }
    Ok(Output::json(vec![
        stat("Available", available, true),
        stat("Busy", busy, true),
        stat("Disconnected", disconnected, true),
        stat("Unresponsive", unresponsive, true),
    ]))
}

/// Licences used by day: none, since none is needed. Only administrators of the installation name a tenant.
async fn licenses(call: &mut Call) -> Result<Output> {
    if call.int_query("days")?.is_some_and(|days| days < 0) {
        return Err(Error::argument("days is negative."));
    }
    if call.int_query("tenantId")?.is_some() && !call.principal.host {
        return Err(Error::forbidden());
    }
    Ok(Output::json(Vec::<Value>::new()))
}
