//! Whether a job could run, and what a waiting one waits for: worked out when somebody asks, never remembered.

use super::entity::JOB;
use super::order::StartOrder;
use super::row::{self, Job};
use super::start::{Where, demands, resolve};
use crate::dispatch::{Demand, Reasons, Round, ground};
use bandmaster_api::{App, Call, Output};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::{Map, Value, json};

const TYPE: &str = "ValidationResultDto";

/// `POST /odata/Jobs/…ValidateDynamicJob`: the same body as StartJobs; creates nothing.
pub async fn dynamic(call: &mut Call) -> Result<Output> {
    let info = call.body().fields("startInfo").ok_or_else(|| Error::unbound("startInfo"))?;
    let order = StartOrder::read(&info)?;
    let (tenant_id, folder_id) = (call.tenant_id()?, call.folder()?.id);
    let at = Where { app: &call.app, tenant_id, folder_id, user_id: call.user_id() };
    let mut conn = call.read().await?;
    let resolved = resolve(at, &mut conn, &order).await?;
    let mut wanted = demands(folder_id, &order, &resolved);
    wanted.dedup();
    if wanted.is_empty() {
        // "All" in a folder without any robot.
        wanted.push(Demand { folder: folder_id, release: resolved.process.id, ..Demand::default() });
    }
    let taken = ground::taken(&mut conn, tenant_id).await?;
    let mut first = None;
    for demand in &wanted {
        let need = crate::dispatch::round::need_of(demand, &resolved.process);
        match crate::dispatch::choose::choose(&need, &resolved.ground, &taken) {
            Ok(_) => return Ok(Output::complex(TYPE, Reasons::default().verdict())),
            Err(reasons) => {
                first.get_or_insert(reasons);
            }
        }
    }
    Ok(Output::complex(TYPE, first.unwrap_or_default().verdict()))
}

async fn asked(call: &Call) -> Result<(Job, Conn)> {
    let (tenant_id, folder_id) = (call.tenant_id()?, call.folder()?.id);
    let mut conn = call.read().await?;
    let job = row::in_folder(&mut conn, tenant_id, folder_id, call.int_argument("key")?).await?;
    Ok((job, conn))
}

/// Why a job is not placed; nothing for one that does not wait.
async fn reasons(app: &App, conn: &mut Conn, job: &Job) -> Result<Reasons> {
    match Demand::parse(&job.demand).filter(|_| job.waiting) {
        Some(demand) => Round::new(app, job.tenant_id).explain(conn, &demand).await,
        None => Ok(Reasons::default()),
    }
}

/// `POST /odata/Jobs({key})/…ValidateExistingJob`
pub async fn existing(call: &mut Call) -> Result<Output> {
    let (job, mut conn) = asked(call).await?;
    Ok(Output::complex(TYPE, reasons(&call.app, &mut conn, &job).await?.verdict()))
}

/// `GET /odata/Jobs({key})/…GetPendingReasons`
pub async fn pending(call: &mut Call) -> Result<Output> {
    let (job, mut conn) = asked(call).await?;
    let found = reasons(&call.app, &mut conn, &job).await?;
    let mut texts: Vec<String> = found.texts().into_iter().map(str::to_owned).collect();
    if texts.is_empty() && job.state.waits() {
        texts.push(why_still(&mut conn, &job).await?);
    }
    let members = Map::from_iter([
        ("State".to_owned(), json!(job.state.name())),
        ("Errors".to_owned(), Value::from(texts)),
        ("ErrorCodes".to_owned(), json!(found.codes())),
    ]);
    Ok(Output::complex(&format!("{}PendingReasons", JOB.set), members))
}

/// What a job waits for that nothing keeps from running.
async fn why_still(conn: &mut Conn, job: &Job) -> Result<String> {
    let row =
        conn.query_opt("SELECT host_name FROM job_slots WHERE job_id = $1 AND accepted = 0", params![job.id]).await?;
    Ok(match row {
        Some(row) => {
            format!(
                "A runtime on the host {} is reserved; its robot has not accepted the job yet.",
                row.get::<String>(0)?
            )
        }
        None => "A runtime is free; the job is about to be handed out.".to_owned(),
    })
}
