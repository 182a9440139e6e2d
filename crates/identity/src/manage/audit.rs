//! `/api/AuditQuery`: what was changed about accounts, groups, applications and settings of an organization, as a
//! list and as a file; the same below the audit service's own address.

use super::paging::{self, Page};
use super::{administered, at_home, scoped};
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Error, Result, time};
use bandmaster_store::{Row, params};
use serde_json::{Value, json};
use std::io::Write;

const SCOPES: [&str; 2] = ["PM.Audit", "PM.Audit.Read"];

/// What entries can be sorted by.
const SORTABLE: [(&str, &str); 6] = [
    ("createdOn", "a.at"),
    ("category", "a.component"),
    ("action", "a.action"),
    ("userName", "fold(a.actor_name)"),
    ("message", "fold(COALESCE(a.entity_name, ''))"),
    ("source", "a.component"),
];

/// Rows of a file when the request does not say.
const USUAL_FILE: i64 = 10_000;
/// Most rows of a file.
const MOST_FILE: i64 = 100_000;

/// Entries of the identity service; what changes in tenants is audited there.
const ENTRIES: &str = "FROM audit_entries a WHERE a.organization_id = $1 AND a.component IN ('User', 'RobotAccount', \
     'Group', 'ExternalApplication', 'PersonalAccessToken', 'Organization', 'Setting', 'MessageTemplate')";

const COLUMNS: &str = "SELECT a.at, a.component, a.action, a.entity_key, a.entity_name, a.before_json, a.after_json, \
     a.actor_name, (SELECT u.email FROM identity_users u WHERE u.key = a.actor_key) ";

/// Registers the operations.
pub fn register(r: &mut Registry) {
    scoped(r.serve("AuditQuery_GetAuditEvents", page), &SCOPES).also(&[400, 403]);
    scoped(r.serve("AuditQuery_DownloadAuditEvents", download), &SCOPES).also(&[400, 403]);
    let twin = |id: &str, path: &str| {
        let row = own(id, "GET", path).tag("AuditQuery").scopes("PM.Audit,PM.Audit.Read");
        row.path("partitionGlobalId", "uuid").query("language", "string").query("api-version", "string")
    };
    r.add(
        twin("AuditService_GetEvents", "/audit_/api/auditlogs/{partitionGlobalId}")
            .query("top", "int32")
            .query("skip", "int32")
            .query("sortBy", "string")
            .query("sortOrder", "identity.SortOrder")
            .returns(200, "identity.AuditQueryRecordDtoPagedResult"),
        page,
    )
    .also(&[400, 403]);
    r.add(
        own("AuditService_GetOwnEvents", "GET", "/audit_/api/auditlogs")
            .tag("AuditQuery")
            .scopes("PM.Audit,PM.Audit.Read")
            .query("language", "string")
            .query("api-version", "string")
            .query("top", "int32")
            .query("skip", "int32")
            .query("sortBy", "string")
            .query("sortOrder", "identity.SortOrder")
            .returns(200, "identity.AuditQueryRecordDtoPagedResult"),
        page,
    )
    .also(&[400, 403]);
    r.add(
        twin("AuditService_DownloadEvents", "/audit_/api/auditlogs/{partitionGlobalId}/download")
            .query("size", "int32")
            .returns(200, "file"),
        download,
    )
    .also(&[400, 403]);
}

fn shown(row: &Row) -> Result<Value> {
    let (component, action) = (row.get::<String>(1)?, row.get::<String>(2)?);
    let name: Option<String> = row.get(4)?;
    let state = |text: Option<String>| text.and_then(|t| serde_json::from_str::<Value>(&t).ok());
    let details = json!({
        "id": row.get::<Option<String>>(3)?, "name": name, "before": state(row.get(5)?), "after": state(row.get(6)?),
    });
    let message = format!("{component} {}: {action}", name.unwrap_or_default());
    Ok(json!({
        "createdOn": time::iso(row.get(0)?),
        "category": component,
        "action": action,
        "auditLogDetails": details.to_string(),
        "userName": row.get::<String>(7)?,
        "email": row.get::<Option<String>>(8)?,
        "message": message,
        "detailsVersion": "1.0",
        "source": "Identity",
    }))
}

/// The organization is named by its GUID, or by where the address stands; else it is the caller's own.
async fn page(call: &mut Call) -> Result<Output> {
    let named = call.argument("partitionGlobalId").or_else(|| call.addressed_organization());
    let organization = match named {
        Some(organization) => administered(call, organization).await?,
        None => at_home(call).await?,
    };
    let page = Page::of(call, &SORTABLE, "a.id", true)?;
    let mut conn = call.read().await?;
    let total = conn.query_one(&format!("SELECT COUNT(*) {ENTRIES}"), params![organization]).await?;
    let sql = format!("{COLUMNS}{ENTRIES} ORDER BY {} LIMIT $2 OFFSET $3", page.order);
    let rows = conn.query(&sql, params![organization, page.top, page.skip]).await?;
    Ok(paging::answer(total.get(0)?, rows.iter().map(shown).collect::<Result<_>>()?))
}

/// The newest entries, newest first, as a zipped table.
async fn download(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let size = call.int_query("size")?.unwrap_or(USUAL_FILE);
    if !(1..=MOST_FILE).contains(&size) {
        return Err(Error::argument(format!("size must be between 1 and {MOST_FILE}.")));
    }
    let sql = format!("{COLUMNS}{ENTRIES} ORDER BY a.at DESC, a.id DESC LIMIT $2");
    let rows = call.read().await?.query_long(&sql, params![organization, size]).await?;
    let mut table = String::from("createdOn,category,action,userName,email,message,auditLogDetails,source\r\n");
    for row in &rows {
        let row = shown(row)?;
        let cells = ["createdOn", "category", "action", "userName", "email", "message", "auditLogDetails", "source"];
        let cells: Vec<String> = cells.iter().map(|c| cell(row[*c].as_str().unwrap_or_default())).collect();
        table.push_str(&cells.join(","));
        table.push_str("\r\n");
    }
    let bytes = tokio::task::spawn_blocking(move || zipped(&table))
        .await
        .map_err(|e| Error::internal(format!("packing the audit ended abnormally: {e}")))??;
    Ok(Output::file("application/zip", Some("audit.zip"), bytes))
}

/// A cell of a table. What a spreadsheet would calculate is made plain text.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

fn zipped(table: &str) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| Error::internal(format!("packing the audit failed: {e}"));
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("audit.csv", zip::write::SimpleFileOptions::default()).map_err(|e| failed(&e))?;
    writer.write_all(table.as_bytes()).map_err(|e| failed(&e))?;
    Ok(writer.finish().map_err(|e| failed(&e))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_out() {
        for (text, expected) in
            [("a", "\"a\""), ("a\"b", "\"a\"\"b\""), ("=1+1", "\"'=1+1\""), ("", "\"\""), ("x\ny", "\"x\ny\"")]
        {
            assert_eq!(cell(text), expected);
        }
    }
}
