//! Links of queues to folders. A queue is one thing wherever it is linked; its name is free in every folder of it.

use super::entity::QUEUE;
use bandmaster_api::{Call, Change, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_model::Permission;
use bandmaster_odata::sql::Param;
use bandmaster_store::{fold, params};
use serde_json::{Map, Value, json};

/// Adds and removes links: all or nothing.
pub async fn share(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (queues, add, remove) = (body.ints("QueueIds"), body.ints("ToAddFolderIds"), body.ints("ToRemoveFolderIds"));
    if queues.is_empty() || add.is_empty() && remove.is_empty() {
        return Err(Error::argument("Name queues, and folders to add or to remove."));
    }
    if add.iter().any(|f| remove.contains(f)) {
        return Err(Error::conflict(codes::INVALID_ARGUMENT, "A folder is to be added and removed at once."));
    }
    for (folders, permission) in [(&add, "Queues.Create"), (&remove, "Queues.Delete")] {
        for folder in folders {
            if !call.rights.sees(*folder) {
                return Err(Error::not_found("Folder"));
            }
            if !call.rights.has(permission, Some(*folder)) {
                return Err(Error::new(403, codes::FORBIDDEN_OPERATION, "You may not do this in one of the folders."));
            }
        }
    }
    let tenant = call.tenant_id()?;
    let source = call.rights.folders_granting(&Permission::parse("Queues.View"));
    let mut unit = call.begin().await?;
    for id in queues {
        let rows = unit
            .query(
                "SELECT f.folder_id, q.name, q.key FROM queue_folders f JOIN queue_definitions q ON q.id = f.queue_id \
                 WHERE f.queue_id = $1 AND q.tenant_id = $2",
                params![id, tenant],
            )
            .await?;
        let linked: Vec<i64> = rows.iter().map(|r| r.get(0)).collect::<Result<_, _>>()?;
        let seen = match &source {
            bandmaster_api::Folders::All => !linked.is_empty(),
            bandmaster_api::Folders::These(ids) => linked.iter().any(|f| ids.contains(f)),
        };
        let Some(first) = rows.first().filter(|_| seen) else {
            return Err(Error::not_found("Queue"));
        };
        let (name, key): (String, String) = (first.get(1)?, first.get(2)?);
        for folder in &add {
            unit.execute(
                "INSERT INTO queue_folders (queue_id, folder_id, name) VALUES ($1, $2, $3) ON CONFLICT (queue_id, folder_id) DO NOTHING",
                params![id, *folder, fold(&name)],
            )
            .await
            .map_err(|e| if e.is_unique("queue_folders_name") { Error::name_taken(&name) } else { e.into() })?;
        }
        for folder in &remove {
            unit.execute("DELETE FROM queue_folders WHERE queue_id = $1 AND folder_id = $2", params![id, *folder])
                .await?;
        }
        let left = unit.query_one("SELECT count(*) FROM queue_folders WHERE queue_id = $1", params![id]).await?;
        if left.get::<i64>(0)? == 0 {
            return Err(Error::conflict(
                codes::FORBIDDEN_OPERATION,
                "A queue stays in at least one folder; delete it instead.",
            ));
        }
        let change = Change {
            component: "Queues",
            action: "Associate",
            id: Some(id),
            key: Some(&key),
            name: &name,
            before: Some(json!({"Folders": linked})),
            after: Some(json!({"Added": add, "Removed": remove})),
        };
        unit.audit(change).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// The folders of a queue that the caller sees, and how many there are in all.
pub async fn folders(call: &mut Call) -> Result<Output> {
    call.options()?;
    let id = call.int_argument("id")?;
    let tenant = call.tenant_id()?;
    let rows = call
        .read()
        .await?
        .query(
            "SELECT p.id, p.display_name, p.path FROM queue_folders f JOIN folders p ON p.id = f.folder_id \
             JOIN queue_definitions q ON q.id = f.queue_id WHERE f.queue_id = $1 AND q.tenant_id = $2 ORDER BY p.path",
            params![id, tenant],
        )
        .await?;
    let mut shown = Vec::new();
    for row in &rows {
        let folder: i64 = row.get(0)?;
        if call.rights.has("Queues.View", Some(folder)) {
            let (name, path): (String, String) = (row.get(1)?, row.get(2)?);
            shown.push(json!({"Id": folder, "DisplayName": name, "FullyQualifiedName": path}));
        }
    }
    if shown.is_empty() {
        return Err(Error::not_found("Queue"));
    }
    let mut value = Map::new();
    value.insert("AccessibleFolders".into(), Value::Array(shown));
    value.insert("TotalFoldersCount".into(), json!(rows.len()));
    Ok(Output::complex("AccessibleFoldersDto", value))
}

/// Queues of all folders in which the caller may view queues, except those linked to one folder.
pub async fn across(call: &mut Call) -> Result<Output> {
    let folders = call.rights.folders_granting(&Permission::parse("Queues.View"));
    match call.int_query("excludeFolderId")? {
        None => call.list_query(call.bound_query(&QUEUE)?, &folders).await,
        Some(excluded) => {
            let condition = "NOT EXISTS (SELECT 1 FROM queue_folders x WHERE x.queue_id = {t}.id AND x.folder_id = ?)";
            call.list_where(&QUEUE, &folders, condition, vec![Param::Int(excluded)]).await
        }
    }
}
