//! Operations that read jobs.

use super::entity::JOB;
use super::enums::{FRAMEWORK, JOB_STATE};
use super::row;
use crate::neighbours;
use bandmaster_api::rights::level_of;
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_model::Permission;
use bandmaster_packages::releases;
use bandmaster_store::params;
use serde_json::{Value, json};

/// `GET /odata/Jobs`
pub async fn list(call: &mut Call) -> Result<Output> {
    let mut folders = call.visible();
    for (parameter, joint) in [("mandatoryPermissions", "&"), ("atLeastOnePermissions", "|")] {
        let names: Vec<&str> = call.query_all(parameter).filter(|n| !n.is_empty()).collect();
        if names.is_empty() || call.folder_if_any().is_some() {
            continue;
        }
        if let Some(unknown) = names.iter().find(|n| level_of(n).is_none()) {
            let shown: String = unknown.chars().take(100).collect();
            return Err(Error::new(
                400,
                codes::INVALID_PERMISSION_IN_CROSS_FOLDER_REQUEST,
                format!("There is no permission {shown}."),
            ));
        }
        let granting = call.rights.folders_granting(&Permission::parse(&names.join(joint)));
        folders = common(folders, granting);
    }
    call.list_query(call.bound_query(&JOB)?, &folders).await
}

fn common(a: Folders, b: Folders) -> Folders {
    match (a, b) {
        (Folders::All, other) | (other, Folders::All) => other,
        (Folders::These(a), Folders::These(b)) => Folders::These(a.into_iter().filter(|id| b.contains(id)).collect()),
    }
}

/// `GET /odata/Jobs({key})`
pub async fn get(call: &mut Call) -> Result<Output> {
    call.entity(&JOB, call.int_argument("key")?).await
}

/// `GET /odata/Jobs/…GetByKey(identifier={identifier})`
pub async fn by_key(call: &mut Call) -> Result<Output> {
    let key = call.guid_argument("identifier")?;
    call.entity_where(&JOB, &call.visible(), "{t}.key = ?", vec![key.into()]).await
}

/// `GET /api/Jobs/GetJobInfo?jobKey=`
pub async fn info(call: &mut Call) -> Result<Output> {
    let key = call.guid_query("jobKey")?.ok_or_else(|| Error::argument("The parameter jobKey is missing."))?;
    let tenant = call.tenant_id()?;
    let visible = call.visible();
    let mut conn = call.read().await?;
    let sees = |folder: i64| match &visible {
        Folders::All => true,
        Folders::These(ids) => ids.contains(&folder),
    };
    let job = row::by_key(&mut conn, tenant, &key).await?.filter(|j| sees(j.folder_id));
    let job = job.ok_or_else(|| Error::not_found("Job"))?;
    let row = conn
        .query_one(
            "SELECT started_at, ended_at, created_at, host_name, starting_trigger_id, output_arguments, info, \
             parent_operation_id, error_code, target_framework, creator_user_id FROM jobs WHERE id = $1",
            params![job.id],
        )
        .await?;
    let process = match job.release_id {
        Some(id) => releases::current(&mut conn, id).await?,
        None => None,
    };
    let place = neighbours::place(&mut conn, tenant, job.folder_id).await?;
    let creator = match row.get::<Option<i64>>(10)? {
        Some(user) => neighbours::account(&mut conn, user).await?.map(|(key, _)| key),
        None => None,
    };
    let moment = |i: usize| -> Result<Option<String>> { Ok(row.get::<Option<i64>>(i)?.map(time::iso)) };
    let text = |i: usize| -> Result<Option<String>> { Ok(row.get::<Option<String>>(i)?) };
    let framework = row.get::<Option<i64>>(9)?.or(process.as_ref().map(|p| p.target_framework));
    Ok(Output::json(json!({
        "id": job.id,
        "key": job.key,
        "state": job.state.name(),
        "startTime": moment(0)?,
        "endTime": moment(1)?,
        "creationTime": moment(2)?,
        "hostMachineName": text(3)?,
        "organizationUnitId": job.folder_id,
        "startingTriggerId": text(4)?,
        "outputArguments": text(5)?,
        "info": text(6)?,
        "parentOperationId": text(7)?,
        "runtimeErrorCode": text(8)?,
        "targetFramework": framework.and_then(|n| FRAMEWORK.label(n)),
        "processName": job.release_name,
        "processVersion": process.map(|p| p.package_version),
        "folderFullyQualifiedName": place.as_ref().map(|p| p.folder_path.clone()),
        "folderPath": place.as_ref().map(|p| p.folder_path.clone()),
        "folderKey": place.map(|p| p.folder_key),
        "creatorUserKey": creator,
    })))
}

/// `GET /odata/Jobs({key})/…GetHistory`
pub async fn history(call: &mut Call) -> Result<Output> {
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let mut conn = call.read().await?;
    let job = row::in_folder(&mut conn, tenant, folder, call.int_argument("key")?).await?;
    let rows =
        conn.query("SELECT state, at, reason FROM job_history WHERE job_id = $1 ORDER BY id", params![job.id]).await?;
    drop(conn);
    let mut entries: Vec<Value> = Vec::with_capacity(rows.len());
    for row in &rows {
        entries.push(json!({
            "State": JOB_STATE.label(row.get(0)?),
            "CreationTime": time::iso(row.get(1)?),
            "Reason": row.get::<Option<String>>(2)?,
        }));
    }
    call.computed("JobHistory", entries)
}
