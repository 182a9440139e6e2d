//! Attachments of jobs: which file belongs to which job as what. The files are another crate's.

use super::row::{self, Job};
use crate::parts;
use bandmaster_api::{Call, Change, Folders, Output, Registry, own};
use bandmaster_core::{Error, Result, time};
use bandmaster_model::FolderRule;
use bandmaster_store::{Conn, Row, params};
use serde_json::{Value, json};

/// Links an attachment; the same link twice is one.
pub(super) const INSERT: &str = "INSERT INTO job_attachments (key, job_id, attachment_id, category, name, created_at, \
     creator_user_id, updated_at, updater_user_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $7) \
     ON CONFLICT (job_id, attachment_id, category) DO UPDATE SET name = COALESCE(excluded.name, job_attachments.name), \
     updated_at = excluded.updated_at, updater_user_id = excluded.updater_user_id";

const SELECT: &str = "SELECT a.key, a.attachment_id, a.category, a.name, a.created_at, a.creator_user_id, \
     a.updated_at, a.updater_user_id FROM job_attachments a WHERE a.job_id = $1";

pub(super) fn register(r: &mut Registry) {
    r.add(
        own("JobAttachments_Post", "POST", "/api/JobAttachments/Post")
            .scopes("OR.Jobs,OR.Jobs.Write")
            .permission("Jobs.Create|Jobs.Edit")
            .folder(FolderRule::Required)
            .body("JobAttachmentDto")
            .returns(200, "JobAttachmentDto"),
        link,
    )
    .also(&[400, 404]);
    r.add(
        own("JobAttachments_GetByJobKey", "GET", "/api/JobAttachments/GetByJobKey")
            .scopes("OR.Jobs,OR.Jobs.Read")
            .permission("Jobs.View")
            .folder(FolderRule::Optional)
            .query("jobKey", "uuid!")
            .returns(200, "[JobAttachmentDto]"),
        list,
    )
    .also(&[400, 404]);
}

fn shown(row: &Row, job_key: &str) -> Result<Value> {
    let (created, updated): (i64, i64) = (row.get(4)?, row.get(6)?);
    Ok(json!({
        "attachmentId": row.get::<String>(1)?,
        "jobKey": job_key,
        "category": row.get::<String>(2)?,
        "attachmentName": row.get::<Option<String>>(3)?,
        "lastModificationTime": time::iso(updated),
        "lastModifierUserId": row.get::<Option<i64>>(7)?,
        "creationTime": time::iso(created),
        "creatorUserId": row.get::<Option<i64>>(5)?,
        "id": row.get::<String>(0)?,
    }))
}

async fn job(call: &Call, conn: &mut Conn, key: &str) -> Result<Job> {
    let visible = call.visible();
    let found = row::by_key(conn, call.tenant_id()?, key).await?;
    let seen = found.filter(|j| match &visible {
        Folders::All => true,
        Folders::These(ids) => ids.contains(&j.folder_id),
    });
    seen.ok_or_else(|| Error::not_found("Job"))
}

/// `POST /api/JobAttachments/Post`
async fn link(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let attachment = body.need_text("attachmentId")?.to_owned();
    let job_key = body.need_text("jobKey")?.to_owned();
    let category = body.text("category").unwrap_or_default().to_owned();
    let given_name = body.filled("attachmentName").map(str::to_owned);
    let (tenant_id, folder_id, user) = (call.tenant_id()?, call.folder()?.id, call.user_id());
    let mut unit = call.begin().await?;
    let job = job(call, &mut unit, &job_key).await?;
    let wanted = [attachment.clone()];
    let found = parts::attachments(&call.app, &mut unit, tenant_id, folder_id, &wanted).await?;
    let file = found.into_iter().next().ok_or_else(|| Error::not_found("Attachment"))?;
    let (key, now) = (unit.guid(), unit.now());
    let name = given_name.unwrap_or(file.name);
    unit.execute(INSERT, params![key, job.id, attachment.as_str(), category.as_str(), name.as_str(), now, user])
        .await?;
    let sql = format!("{SELECT} AND a.attachment_id = $2 AND a.category = $3");
    let row = unit.query_one(&sql, params![job.id, attachment, category]).await?;
    let after = shown(&row, &job.key)?;
    unit.audit(Change {
        component: "JobAttachments",
        action: "Create",
        id: Some(job.id),
        key: Some(&job.key),
        name: &name,
        before: None,
        after: Some(after.clone()),
    })
    .await?;
    unit.commit().await?;
    Ok(Output::json(after))
}

/// `GET /api/JobAttachments/GetByJobKey?jobKey=`
async fn list(call: &mut Call) -> Result<Output> {
    let key = call.guid_query("jobKey")?.ok_or_else(|| Error::argument("The parameter jobKey is missing."))?;
    let mut conn = call.read().await?;
    let job = job(call, &mut conn, &key).await?;
    let rows = conn.query(&format!("{SELECT} ORDER BY a.id"), params![job.id]).await?;
    let shown: Result<Vec<Value>> = rows.iter().map(|row| shown(row, &job.key)).collect();
    Ok(Output::json(shown?))
}
