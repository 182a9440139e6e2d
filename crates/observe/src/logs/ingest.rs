//! Taking log lines in. The folder of a line is its job's; without a known job the folder it names or the
//! header's. Repeated deliveries of a line are harmless.

use super::line::{self, Line};
use super::{JobPlace, JobPlaces};
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, PrincipalKind, Result, codes};
use bandmaster_store::{Value as DbValue, params};
use serde_json::Value;
use std::collections::HashMap;

/// Most lines in one call.
const LINES: usize = 10_000;

const INSERT: &str = "INSERT INTO robot_logs (tenant_id, folder_id, at, level, message, job_key, process_name, \
     robot_name, host_name, machine_id, windows_identity, raw, fingerprint) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";

/// Takes many lines, each a JSON text (or, leniently, a JSON object).
pub async fn submit(call: &mut Call) -> Result<Output> {
    let sent: Value =
        serde_json::from_slice(call.raw_body()).map_err(|_| Error::invalid("The body is no list of log lines."))?;
    let Value::Array(elements) = sent else {
        return Err(Error::unbound("logs"));
    };
    if elements.len() > LINES {
        return Err(Error::argument(format!("At most {LINES} log lines may be sent at once.")));
    }
    take(call, elements).await
}

/// Takes one line.
pub async fn submit_one(call: &mut Call) -> Result<Output> {
    let sent: Value =
        serde_json::from_slice(call.raw_body()).map_err(|_| Error::invalid("The body is no log line."))?;
    let elements = match sent {
        Value::Array(elements) => elements,
        one => vec![one],
    };
    take(call, elements).await
}

async fn take(call: &mut Call, elements: Vec<Value>) -> Result<Output> {
    let mut lines = Vec::with_capacity(elements.len());
    for element in &elements {
        let raw = match element {
            Value::String(text) => text.clone(),
            Value::Object(_) => element.to_string(),
            _ => return Err(Error::invalid("A log line is neither a text nor an object.")),
        };
        lines.push(line::read(&raw).map_err(|why| Error::invalid(format!("Not taken: {why}.")))?);
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

async fn places(call: &Call, tenant: i64, lines: &[Line]) -> Result<HashMap<String, JobPlace>> {
    let mut keys: Vec<String> = lines.iter().filter_map(|l| l.job_key.clone()).collect();
    keys.sort();
    keys.dedup();
    match call.app.parts.get::<Box<dyn JobPlaces>>() {
        Some(part) if !keys.is_empty() => part.places(&mut call.read().await?, tenant, &keys).await,
        _ => Ok(HashMap::new()),
    }
}

/// The folder a line belongs to, if the caller may write there. Robots may write logs without the permission; a job
/// only about itself.
fn folder(call: &Call, line: &Line, place: Option<&JobPlace>) -> Result<i64> {
    if let Some(own) = &call.principal.job_key
        && line.job_key.as_ref() != Some(own)
    {
        return Err(Error::forbidden());
    }
    let robot = matches!(call.principal.kind, PrincipalKind::Robot | PrincipalKind::Machine | PrincipalKind::System);
    let folder = place
        .map(|p| p.folder_id)
        .or(line.folder_id.filter(|id| call.rights.sees(*id)))
        .or(call.folder_if_any().map(|f| f.id));
    let Some(folder) = folder else {
        return Err(Error::new(
            400,
            codes::REQUIRED_ORGANIZATION_UNIT,
            "A log line belongs to no known job or folder.",
        ));
    };
    if !call.rights.sees(folder) {
        return Err(Error::folder());
    }
    if !robot && !call.rights.has("Logs.Create", Some(folder)) {
        return Err(Error::forbidden());
    }
    Ok(folder)
}

fn row(tenant: i64, folder: i64, now: i64, line: Line, place: Option<&JobPlace>) -> Vec<DbValue> {
    let of_place = |own: Option<String>, theirs: Option<&String>| own.or_else(|| theirs.cloned());
    params![
        tenant,
        folder,
        line.at.unwrap_or(now),
        line.level,
        line.message,
        line.job_key,
        of_place(line.process_name, place.and_then(|p| p.process_name.as_ref())),
        of_place(line.robot_name, place.and_then(|p| p.robot_name.as_ref())),
        of_place(line.host_name, place.and_then(|p| p.host_name.as_ref())),
        line.machine_id.or_else(|| place.and_then(|p| p.machine_id)),
        line.windows_identity,
        line.raw,
        line.fingerprint
    ]
    .to_vec()
}
