//! Taking log lines in. The folder of a line is its job's; without a job that the caller may know of, the folder that
//! the line names, else the header's. All lines of a call are taken or none; repeated deliveries are harmless.

use super::line::{self, Line};
use crate::neighbours::{JobPlace, job_places};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::Value as DbValue;
use std::collections::HashMap;

/// Most lines in one call.
const LINES: usize = 10_000;

const INSERT: &str = "INSERT INTO robot_logs (tenant_id, folder_id, at, level, message, job_key, process_name, \
     robot_name, host_name, machine_id, windows_identity, raw, fingerprint) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";

/// Takes many lines, each a JSON text.
pub async fn submit(call: &mut Call) -> Result<Output> {
    let sent = call.body_value().as_array().map(Vec::as_slice).unwrap_or_default();
    if sent.len() > LINES {
        return Err(Error::argument(format!("At most {LINES} log lines may be sent at once.")));
    }
    let lines: Result<Vec<Line>> = sent.iter().map(|text| read(text.as_str().unwrap_or_default())).collect();
    take(call, lines?).await
}

/// Takes one line, a JSON object.
pub async fn submit_one(call: &mut Call) -> Result<Output> {
    let line = read(&call.body_value().to_string())?;
    take(call, vec![line]).await
}

fn read(raw: &str) -> Result<Line> {
    line::read(raw).map_err(|why| Error::invalid(format!("Nothing was taken: {why}.")))
}

async fn take(call: &Call, mut lines: Vec<Line>) -> Result<Output> {
    if let Some(own) = &call.principal.job_key {
        of_job(own, &mut lines)?;
    }
    if lines.is_empty() {
        return Ok(Output::empty());
    }
    let tenant = call.tenant_id()?;
    let places = places(call, tenant, &lines).await?;
    let now = call.now();
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let place = line.job_key.as_ref().and_then(|k| places.get(k));
        let folder = folder(call, &line, place)?;
        rows.push(row(tenant, folder, now, line, place));
    }
    let mut unit = call.begin().await?;
    unit.execute_many(INSERT, &rows).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// A job tells only of itself; a line that names no job is its own.
fn of_job(own: &str, lines: &mut [Line]) -> Result<()> {
    for line in lines {
        if line.job_key.get_or_insert_with(|| own.to_owned()) != own {
            return Err(Error::forbidden());
        }
    }
    Ok(())
}

/// The places of the lines' jobs. A job in a folder that the caller does not see is as unknown as one that does not
/// exist.
async fn places(call: &Call, tenant: i64, lines: &[Line]) -> Result<HashMap<String, JobPlace>> {
    let mut keys: Vec<String> = lines.iter().filter_map(|l| l.job_key.clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let mut places = job_places(&mut call.read().await?, tenant, &keys).await?;
    places.retain(|_, place| call.rights.sees(place.folder_id));
    Ok(places)
}

/// The folder that a line belongs to, if the caller may write there. Robots and machines may wherever they work; the
/// access crate sees to that.
fn folder(call: &Call, line: &Line, place: Option<&JobPlace>) -> Result<i64> {
    let folder = place
        .map(|p| p.folder_id)
        .or(line.folder_id.filter(|id| call.rights.sees(*id)))
        .or(call.folder_if_any().map(|f| f.id));
    let Some(folder) = folder else {
        let text = "A log line belongs to no known job or folder.";
        return Err(Error::new(400, codes::REQUIRED_ORGANIZATION_UNIT, text));
    };
    if !call.rights.has("Logs.Create", Some(folder)) {
        return Err(Error::forbidden());
    }
    Ok(folder)
}

fn row(tenant: i64, folder: i64, now: i64, line: Line, place: Option<&JobPlace>) -> Vec<DbValue> {
    // What the line leaves open is known of its job.
    let of_place = |own: Option<String>, theirs: fn(&JobPlace) -> &Option<String>| {
        own.or_else(|| place.and_then(|p| theirs(p).clone()))
    };
    vec![
        tenant.into(),
        folder.into(),
        line.at.unwrap_or(now).into(),
        line.level.into(),
        line.message.into(),
        line.job_key.into(),
        of_place(line.process_name, |p| &p.process_name).into(),
        of_place(line.robot_name, |p| &p.robot_name).into(),
        of_place(line.host_name, |p| &p.host_name).into(),
        line.machine_id.or_else(|| place.and_then(|p| p.machine_id)).into(),
        line.windows_identity.into(),
        line.raw.into(),
        line.fingerprint.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_tell_only_of_themselves() {
        let (own, other) = ("8066c309-cef8-4b47-9163-b273fc14cc43", "8066c309-cef8-4b47-9163-b273fc14cc44");
        let line = |job: &str| line::read(&format!("{{\"message\":\"m\",\"jobId\":\"{job}\"}}")).unwrap();
        let mut lines = [line(own), line("")];
        of_job(own, &mut lines).unwrap();
        assert!(lines.iter().all(|l| l.job_key.as_deref() == Some(own)));
        assert_eq!(of_job(own, &mut [line(own), line(other)]).unwrap_err().status(), 403);
    }
}
