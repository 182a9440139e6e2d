//! Stopping a job: at once when no robot has it, else by telling the robot.

use super::change::{Said, enter};
use super::enums::{ATTENDED, KILL};
use super::row::Job;
use super::state::{Event, Outcome, State, after};
use bandmaster_api::Unit;
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;

/// What a stop did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The job entered this state.
    Entered(State),
    /// It is being stopped so already.
    Already,
    /// It has ended, or cannot be stopped so any more.
    Refused,
}

/// Stops a job in a unit.
pub async fn stop(unit: &mut Unit, job: &Job, strategy: i64, said: Said) -> Result<Stop> {
    match after(job.state, Event::Stop(strategy)) {
        Outcome::Enters(to) => {
            let said = Said {
                stop_strategy: Some(strategy),
                info: if to.is_final() { said.reason.clone().or(said.info) } else { said.info },
                ..said
            };
            enter(unit, job, to, said, None).await?;
            if to.is_active() {
                command(unit, job, strategy).await?;
            }
            Ok(Stop::Entered(to))
        }
        Outcome::Stays => Ok(Stop::Already),
        Outcome::Refused => Ok(Stop::Refused),
    }
}

/// Leaves the command for the robot's next heartbeat and wakes it.
async fn command(unit: &mut Unit, job: &Job, strategy: i64) -> Result<()> {
    let id = unit.guid();
    let rows = unit
        .query(
            "UPDATE job_slots SET stop_id = $1, stop_strategy = $2 WHERE job_id = $3 RETURNING machine_id",
            params![id, strategy, job.id],
        )
        .await?;
    for row in &rows {
        unit.nudge(bandmaster_fleet::machines::topic(row.get(0)?));
    }
    Ok(())
}

/// The refusal of a stop that was asked for one job.
pub fn refusal(job: &Job, strategy: i64) -> Error {
    if job.job_type == ATTENDED {
        return Error::conflict(
            codes::JOB_TYPE_CANNOT_BE_STOPPED,
            "An attended job cannot be stopped from the server; it ends at its robot.",
        );
    }
    let state = job.state.name();
    if strategy == KILL {
        Error::conflict(codes::JOB_CANNOT_BE_TERMINATED, format!("The job is {state} and cannot be killed."))
    } else {
        Error::conflict(codes::JOB_CANNOT_BE_CANCELLED, format!("The job is {state} and cannot be stopped."))
    }
}
