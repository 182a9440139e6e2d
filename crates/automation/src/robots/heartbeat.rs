//! `HeartbeatV2` and `Heartbeat`: the sign of life, and the commands in return.
//!
//! A heartbeat soon after another (after a wake-up, after a job ended) only reads: the first one has just
//! been noted, and the answer need not wait for a disk.

use super::attended;
use super::caller::{Host, host};
use super::commands::{self, Bound};
use super::report::Report;
use super::submit::{fill, take_all};
use crate::neighbours;
use bandmaster_api::{Call, Fields, Output};
use bandmaster_core::Result;
use bandmaster_core::clock::SECOND;
use bandmaster_core::ids::parse_guid;
use bandmaster_fleet::sessions::{self, HostSession};
use bandmaster_store::{Value as Cell, params};
use serde_json::{Value, json};

/// A sign of life that is younger need not be noted again.
const FRESH: i64 = 10 * SECOND;

/// The jobs that the agent says it holds; `None`: it does not say.
fn held(body: &Fields<'_>) -> Option<Vec<String>> {
    let list = body.get("runningJobKeys")?.as_array()?;
    Some(list.iter().filter_map(|k| k.as_str().and_then(parse_guid)).collect())
}

/// Whether everything about the host is noted already.
fn is_fresh(rows: &[HostSession], host: &Host, now: i64) -> bool {
    let live: Vec<&HostSession> = rows.iter().filter(|s| s.slots > 0).collect();
    let noted = |s: &&HostSession| {
        s.connected
            && !s.silence_told
            && s.reported_at.is_some_and(|at| now.saturating_sub(at) < FRESH)
            && s.slots == host.machine.slots.of(s.runtime_type)
            && s.knows_fencing == host.report.knows_fencing
    };
    !live.is_empty() && live.len() == host.machine.slots.offered().count() && live.iter().all(noted)
}

/// Jobs of these sessions that the agent is known to hold, and whose last sign of life is old enough to be noted.
fn seen(bound: &[Bound], rows: &[HostSession], held: Option<&[String]>) -> Vec<i64> {
    let here = |b: &&Bound| b.accepted && rows.iter().any(|s| s.id == b.session_id);
    let known = |b: &&Bound| held.is_none_or(|h| h.contains(&b.job_key));
    bound.iter().filter(here).filter(known).map(|b| b.job_id).collect()
}

/// `POST /api/RobotsService/HeartbeatV2` (and the older `Heartbeat`)
pub(super) async fn beat(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let service_user = body.filled("serviceUserName").map(str::to_owned);
    let held = held(&body);
    let now = call.now();
    let entries: Vec<Report> = body.list("heartbeats").iter().map(|e| Report::read(&Fields::of(e), now)).collect();
    let robots: Vec<String> = entries.iter().filter_map(|r| r.robot_key.clone()).collect();
    let reports: Vec<Report> = entries.into_iter().filter(|r| r.job_key.is_some() && r.has_state).collect();
    let all = match body.get("commandState") {
        Some(Value::String(word)) => word.eq_ignore_ascii_case("All") || word == "0",
        Some(other) => other.as_i64() == Some(0),
        None => false,
    };

    let mut conn = call.read().await?;
    let host = host(call, &mut conn, service_user.as_deref()).await?;
    let mut rows = host_rows(&mut conn, &host).await?;
    let mut bound = commands::bound(&mut conn, &host).await?;
    if !is_fresh(&rows, &host, now) || !reports.is_empty() {
        drop(conn);
        let signs = Signs { bound: &bound, rows: &rows, held: held.as_deref(), robots: &robots, reports: &reports };
        note(call, &host, signs).await?;
        conn = call.read().await?;
        rows = host_rows(&mut conn, &host).await?;
        bound = commands::bound(&mut conn, &host).await?;
    }
    let session_ids: Vec<i64> = rows.iter().map(|s| s.id).collect();
    let mut answer = commands::waiting(call, &mut conn, &host, &bound, &session_ids).await?;
    if all {
        for robot in commands::robots_of_machine(call, &mut conn, &host).await? {
            answer.push(commands::command(&robot, &host, Value::Null));
        }
    }
    let stamp = neighbours::access_version(&mut conn, host.machine.tenant_id).await?;
    let unattended = host.machine.slots.offered().next().is_some();
    Ok(Output::json(json!({
        "commands": answer,
        "serviceSettingsStamp": stamp.to_string(),
        "isUnattended": unattended,
        "isUnattendedLicensed": unattended,
    })))
}

async fn host_rows(conn: &mut bandmaster_store::Conn, host: &Host) -> Result<Vec<HostSession>> {
    let report = &host.report;
    sessions::of_host(conn, host.machine.id, &report.host_name, &report.service_user_name, &report.installation_id)
        .await
}

/// What a heartbeat tells beside that the host lives.
struct Signs<'a> {
    bound: &'a [Bound],
    rows: &'a [HostSession],
    held: Option<&'a [String]>,
    robots: &'a [String],
    reports: &'a [Report],
}

/// Notes the sign of life, what the agent holds, and states that came along.
async fn note(call: &Call, host: &Host, signs: Signs<'_>) -> Result<()> {
    let tenant_id = host.machine.tenant_id;
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    sessions::heartbeat(&mut unit, &host.machine, &host.report).await?;
    sessions::heartbeat_users(&mut unit, &host.machine, &host.report, signs.robots).await?;
    let now = unit.now();
    let seen = seen(signs.bound, signs.rows, signs.held);
    let touched: Vec<Vec<Cell>> = seen.iter().map(|id| params![now, *id].to_vec()).collect();
    unit.execute_many("UPDATE job_slots SET seen_at = $1 WHERE job_id = $2 AND accepted = 1", &touched).await?;
    attended::seen(&mut unit, host, signs.held).await?;
    let (_, freed) = take_all(&mut unit, call, tenant_id, host, signs.reports).await?;
    if freed {
        fill(&app, &mut unit, host, 1).await?;
    }
    unit.commit().await
}
