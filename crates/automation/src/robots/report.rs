//! What a robot says about a job, and what becomes of it. A report counts when it comes from the host that the job
//! is bound to, and for the reservation under which the job was handed out; a robot that knows no reservations is
//! taken at its word as long as the job is bound to its host.

use super::caller::Host;
use crate::jobs::change::{Runner, Said, enter};
use crate::jobs::row::{self, Job};
use crate::jobs::state::{Event, Outcome, State, after};
use crate::neighbours;
use bandmaster_api::{Fields, Unit};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Result, time};
use bandmaster_store::{fold, params};
use serde_json::{Value, json};

/// Characters of `Info` that are kept.
const MOST_INFO: usize = 64_000;

/// A report about a job.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    pub robot_key: Option<String>,
    pub job_key: Option<String>,
    /// `None` when the text is no state.
    pub state: Option<State>,
    /// A state was given, readable or not.
    pub has_state: bool,
    pub process_key: Option<String>,
    pub reservation: Option<String>,
    pub input_arguments: Option<String>,
    pub said: Said,
}

impl Report {
    /// Reads a Heartbeat.
    pub fn read(fields: &Fields<'_>, now: i64) -> Report {
        let owned = |name: &str| fields.filled(name).map(str::to_owned);
        let guid = |name: &str| fields.filled(name).map(|t| parse_guid(t).unwrap_or_else(|| t.to_owned()));
        let info = owned("info").map(|text| match text.char_indices().nth(MOST_INFO) {
            Some((at, _)) => text.get(..at).unwrap_or_default().to_owned(),
            None => text,
        });
        let error = fields.fields("error").map(|e| {
            let text = |name: &str| e.text(name).unwrap_or_default();
            json!({
                "code": text("code"),
                "title": text("title"),
                "detail": text("detail"),
                "category": text("category"),
                "status": e.int("status"),
                "timestamp": e.time("timestamp").map_or_else(|| time::iso(now), time::iso),
            })
            .to_string()
        });
        let error_code = owned("errorCode").or_else(|| error.as_ref().map(|_| "Robot".to_owned()));
        Report {
            robot_key: guid("robotKey"),
            job_key: guid("jobKey"),
            state: fields.get("jobState").and_then(State::read),
            has_state: fields.get("jobState").is_some(),
            process_key: guid("processKey"),
            reservation: guid("reservationId"),
            input_arguments: owned("InputArguments"),
            said: Said {
                info,
                error_code,
                error,
                output_arguments: owned("outputArguments"),
                output_file: fields.filled("outputFile").and_then(parse_guid),
                local_account: owned("hostIdentity"),
                stop_strategy: None,
                reason: None,
            },
        }
    }
}

/// The server's word on a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts, or is known already.
    Accepted,
    /// It does not, because of this.
    Refused(&'static str),
}

impl Verdict {
    /// As the answer says it.
    pub fn shown(&self, job_key: Option<&str>) -> Value {
        match self {
            Verdict::Accepted => json!({"jobKey": job_key, "accepted": true, "reason": null}),
            Verdict::Refused(reason) => json!({"jobKey": job_key, "accepted": false, "reason": reason}),
        }
    }
}

const GONE: Verdict = Verdict::Refused("The job is not with this robot.");
const STALE: Verdict = Verdict::Refused("The reservation no longer holds.");
const OVER: Verdict = Verdict::Refused("The job has ended already.");
const UNREADABLE: Verdict = Verdict::Refused("The state of the job cannot be understood.");

/// The slot of a job.
struct Slot {
    session_id: i64,
    robot_id: i64,
    machine_id: i64,
    host_name: String,
    reservation: String,
    reserved_until: i64,
    accepted: bool,
}

async fn slot(unit: &mut Unit, job_id: i64) -> Result<Option<Slot>> {
    let row = unit
        .query_opt(
            "SELECT session_id, robot_id, machine_id, host_name, reservation_id, reserved_until, accepted \
             FROM job_slots WHERE job_id = $1",
            params![job_id],
        )
        .await?;
    row.map(|r| {
        Ok(Slot {
            session_id: r.get(0)?,
            robot_id: r.get(1)?,
            machine_id: r.get(2)?,
            host_name: r.get(3)?,
            reservation: r.get(4)?,
            reserved_until: r.get(5)?,
            accepted: r.get(6)?,
        })
    })
    .transpose()
}

/// Whether the slot is on the host. A session that was deleted meanwhile is judged by what the slot noted of it.
async fn is_on(unit: &mut Unit, tenant_id: i64, slot: &Slot, host: &Host) -> Result<bool> {
    Ok(match bandmaster_fleet::sessions::by_id(unit, tenant_id, slot.session_id).await? {
        Some(session) => host.owns(&session),
        None => slot.machine_id == host.machine.id && fold(&slot.host_name) == host.folded(),
    })
}

/// Takes a report of a host about a job of the tenant.
pub(super) async fn take(unit: &mut Unit, tenant_id: i64, host: &Host, report: &Report) -> Result<Verdict> {
    let Some(key) = &report.job_key else { return Ok(Verdict::Accepted) };
    let Some(state) = report.state else {
        return Ok(if report.has_state { UNREADABLE } else { Verdict::Accepted });
    };
    let Some(job) = row::by_key(unit, tenant_id, key).await? else { return Ok(GONE) };
    if job.state.is_final() {
        return Ok(repeated(&job, state, report));
    }
    let Some(slot) = slot(unit, job.id).await? else {
        return Ok(if report.reservation.is_some() { STALE } else { GONE });
    };
    if !is_on(unit, tenant_id, &slot, host).await? {
        return Ok(if report.reservation.is_some() { STALE } else { GONE });
    }
    let now = unit.now();
    let fits = report.reservation.as_ref().is_none_or(|r| *r == slot.reservation);
    // The time counts by itself, whether or not somebody has taken the reservation back yet.
    if !fits || (!slot.accepted && slot.reserved_until <= now) {
        return Ok(STALE);
    }
    match state {
        State::Running => started(unit, &job, &slot, report).await,
        State::Suspended => {
            let said = Said {
                output_arguments: None,
                ..Said::fault(
                    "SuspensionNotSupported",
                    "The workflow wants to wait for something; this server cannot suspend jobs.",
                )
            };
            ended(unit, &job, &slot, State::Faulted, said).await
        }
        state if state.is_final() => ended(unit, &job, &slot, state, report.said.clone()).await,
        // A robot that says the job is stopping, or still waits, tells nothing new.
        _ => Ok(Verdict::Accepted),
    }
}

/// The same end told twice is no news; everything else is too late.
fn repeated(job: &Job, state: State, report: &Report) -> Verdict {
    let same = report.reservation.is_some() && report.reservation == job.reservation;
    if same && state == job.state { Verdict::Accepted } else { OVER }
}

async fn runner(unit: &mut Unit, job: &Job, slot: &Slot) -> Result<Runner> {
    let robot = bandmaster_fleet::robots::by_id(unit, job.tenant_id, slot.robot_id).await?;
    let account = match &robot {
        Some(robot) => neighbours::account(unit, robot.user_id).await?.map(|(_, name)| name),
        None => None,
    };
    Ok(Runner {
        robot_id: slot.robot_id,
        machine_id: slot.machine_id,
        session_id: slot.session_id,
        host_name: slot.host_name.clone(),
        account_name: account,
    })
}

async fn started(unit: &mut Unit, job: &Job, slot: &Slot, report: &Report) -> Result<Verdict> {
    let now = unit.now();
    match after(job.state, Event::Started) {
        Outcome::Enters(to) => {
            let runner = runner(unit, job, slot).await?;
            enter(unit, job, to, report.said.clone(), Some(runner)).await?;
            unit.execute("UPDATE job_slots SET accepted = 1, seen_at = $1 WHERE job_id = $2", params![now, job.id])
                .await?;
            Ok(Verdict::Accepted)
        }
        Outcome::Stays => {
            unit.execute(
                "UPDATE jobs SET info = COALESCE($1, info), local_account = COALESCE($2, local_account), \
                 updated_at = $3 WHERE id = $4 AND ended_at IS NULL",
                params![report.said.info.as_deref(), report.said.local_account.as_deref(), now, job.id],
            )
            .await?;
            unit.execute("UPDATE job_slots SET seen_at = $1 WHERE job_id = $2", params![now, job.id]).await?;
            Ok(Verdict::Accepted)
        }
        Outcome::Refused => Ok(OVER),
    }
}

async fn ended(unit: &mut Unit, job: &Job, slot: &Slot, state: State, said: Said) -> Result<Verdict> {
    match after(job.state, Event::Ended(state)) {
        Outcome::Enters(to) => {
            // One that could not even be started has its robot named all the same.
            let runner = if slot.accepted { None } else { Some(runner(unit, job, slot).await?) };
            enter(unit, job, to, said, runner).await?;
            Ok(Verdict::Accepted)
        }
        Outcome::Stays | Outcome::Refused => Ok(OVER),
    }
}
