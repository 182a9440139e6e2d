//! What a package needs to run: the resources that its bindings name. Whether they are there is not told.

use crate::nupkg::PackageKey;
use crate::versions::record as packages;
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::{Value, json};

/// The feed of a process of the folder.
async fn feed(conn: &mut Conn, tenant_id: i64, folder_id: i64, id: i64) -> Result<Option<String>> {
    let row = conn
        .query_opt(
            "SELECT feed_id FROM releases WHERE id = $1 AND tenant_id = $2 AND folder_id = $3",
            params![id, tenant_id, folder_id],
        )
        .await?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

/// `GET /odata/Releases({key})/…GetResources(processKey='Id:Version')`
pub(super) async fn list(call: &mut Call) -> Result<Output> {
    let (id, folder, tenant) = (call.int_argument("key")?, call.folder()?.id, call.tenant_id()?);
    let mut conn = call.read().await?;
    let feed = feed(&mut conn, tenant, folder, id).await?.ok_or_else(|| Error::not_found("Release"))?;
    let absent = || Error::not_found("Package");
    let key = PackageKey::parse(call.need_argument("processKey")?).map_err(|e| absent().because(e))?;
    let found = packages::find(&mut conn, &feed, key.id.as_str(), &key.version).await?.ok_or_else(absent)?;
    drop(conn);
    let bindings: Vec<Value> = serde_json::from_str(&found.bindings).unwrap_or_default();
    call.computed("PackageResources", bindings.iter().map(resource).collect())
}

fn resource(binding: &Value) -> Value {
    let member = |name: &str| binding.get(name).cloned().unwrap_or_default();
    json!({
        "ResourceType": member("resource"),
        // An expression of the workflow names nothing before it runs.
        "ResourceName": if binding["isExpression"] == json!(true) { Value::Null } else { member("name") },
        "FolderFullyQualifiedName": member("folderPath"),
        "ValidationResult": null,
        "Key": member("key"),
    })
}
