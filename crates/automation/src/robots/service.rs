//! `StartService` and `StopService`.

use super::caller::host;
use super::commands;
use crate::dispatch::reserve::take_back;
use crate::jobs::row;
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result};
use bandmaster_fleet::sessions;
use bandmaster_store::params;
use serde_json::{Value, json};

/// `POST /api/RobotsService/StartService`
pub(super) async fn start(call: &mut Call) -> Result<Output> {
    let service_user = call.body().filled("ServiceUserName").map(str::to_owned);
    let mut unit = call.begin().await?;
    let host = host(call, &mut unit, service_user.as_deref()).await?;
    sessions::start(&mut unit, &host.machine, &host.report).await?;
    unit.commit().await?;
    let mut conn = call.read().await?;
    let robots = commands::robots_of_machine(call, &mut conn, &host).await?;
    let shown: Vec<Value> = robots
        .iter()
        .map(|robot| {
            let mut info = commands::robot_info(robot, &host);
            info.insert("user".into(), json!(robot.os_user_name));
            info.insert("machineName".into(), json!(host.machine.name));
            info.insert("tenantId".into(), json!(host.machine.tenant_id));
            info.insert("organizationUnitId".into(), Value::Null);
            info.insert("id".into(), json!(robot.id));
            Value::Object(info)
        })
        .collect();
    Ok(Output::json(json!({"robots": shown})))
}

/// `POST /api/RobotsService/StopService`: the agent ends. Jobs that it has accepted go on or are found lost later;
/// those that it has not are somebody else's.
pub(super) async fn stop(call: &mut Call) -> Result<Output> {
    let service_user = call.body().filled("serviceUserName").map(str::to_owned);
    let mut unit = call.begin().await?;
    let host = host(call, &mut unit, service_user.as_deref()).await?;
    let left = sessions::stop(&mut unit, &host.machine, &host.report).await?;
    for session in left {
        let sql = "SELECT job_id FROM job_slots WHERE session_id = $1 AND accepted = 0";
        for found in unit.query(sql, params![session]).await? {
            if let Some(job) = row::any_by_id(&mut unit, found.get(0)?).await? {
                take_back(&mut unit, &job, i64::MAX, "The robot has ended before it accepted the job.").await?;
            }
        }
    }
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// `POST /api/RobotsService/UploadScreenshot`: recordings of jobs are not kept.
pub(super) async fn screenshot(call: &mut Call) -> Result<Output> {
    let _ = call;
    Err(Error::new(501, 0, "Recordings of jobs are not kept by this server."))
}
