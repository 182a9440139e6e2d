//! Links of assets to folders. An asset is one thing wherever it is linked; its name is free in every folder of it.

use super::entity::ASSET;
use super::rows;
use super::write::{record, taken};
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_model::Permission;
use bandmaster_odata::sql::Param;
use bandmaster_store::{fold, params};
use serde_json::{Map, Value, json};

/// Adds and removes links: all or nothing. `Assets.View` is needed in a folder that has the asset, `Assets.Create`
/// where it is added, `Assets.Delete` where it is removed.
pub async fn share(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (assets, add, remove) = (body.ints("AssetIds"), body.ints("ToAddFolderIds"), body.ints("ToRemoveFolderIds"));
    if assets.is_empty() || (add.is_empty() && remove.is_empty()) {
        return Err(Error::argument("Name assets, and folders to add or to remove."));
    }
    if add.iter().any(|f| remove.contains(f)) {
        return Err(Error::conflict(codes::INVALID_ARGUMENT, "A folder is to be added and removed at once."));
    }
    for (folders, permission) in [(&add, "Assets.Create"), (&remove, "Assets.Delete")] {
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
    let source = call.rights.folders_granting(&Permission::parse("Assets.View"));
    let mut unit = call.begin().await?;
    for id in assets {
        let head = rows::lock(&mut unit, tenant, id).await?;
        let linked = rows::folders(&mut unit, id).await?;
        let seen = match &source {
            Folders::All => true,
            Folders::These(ids) => linked.iter().any(|f| ids.contains(f)),
        };
        let head = head.filter(|_| seen).ok_or_else(|| Error::not_found("Asset"))?;
        for folder in &add {
            unit.execute(
                "INSERT INTO asset_folders (asset_id, folder_id, name) VALUES ($1, $2, $3) \
                 ON CONFLICT (asset_id, folder_id) DO NOTHING",
                params![id, *folder, fold(&head.name)],
            )
            .await
            .map_err(|e| taken(e, &head.name))?;
        }
        for folder in &remove {
            let sql = "DELETE FROM asset_folders WHERE asset_id = $1 AND folder_id = $2";
            unit.execute(sql, params![id, *folder]).await?;
        }
        let now = rows::folders(&mut unit, id).await?;
        if now.is_empty() {
            return Err(Error::conflict(
                codes::FORBIDDEN_OPERATION,
                "An asset stays in at least one folder; delete it instead.",
            ));
        }
        let (before, after) = (json!({"FolderIds": linked}), json!({"FolderIds": now}));
        record(&mut unit, "Associate", id, &head, Some(before), Some(after)).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// The folders of an asset in which the caller may view assets, and how many there are in all.
pub async fn folders(call: &mut Call) -> Result<Output> {
    call.options()?;
    let (id, tenant) = (call.int_argument("id")?, call.tenant_id()?);
    let rows = call
        .read()
        .await?
        .query(
            "SELECT p.id, p.display_name, p.path FROM asset_folders f JOIN folders p ON p.id = f.folder_id \
             JOIN assets a ON a.id = f.asset_id WHERE f.asset_id = $1 AND a.tenant_id = $2 ORDER BY p.path",
            params![id, tenant],
        )
        .await?;
    let mut shown = Vec::new();
    for row in &rows {
        let folder: i64 = row.get(0)?;
        if call.rights.has("Assets.View", Some(folder)) {
            let (name, path): (String, String) = (row.get(1)?, row.get(2)?);
            shown.push(json!({"Id": folder, "DisplayName": name, "FullyQualifiedName": path}));
        }
    }
    if shown.is_empty() {
        return Err(Error::not_found("Asset"));
    }
    let mut value = Map::new();
    value.insert("AccessibleFolders".into(), Value::Array(shown));
    value.insert("TotalFoldersCount".into(), json!(rows.len()));
    Ok(Output::complex("AccessibleFoldersDto", value))
}

/// Assets of all folders in which the caller may view assets, except those linked to one folder.
pub async fn across(call: &mut Call) -> Result<Output> {
    let folders = call.rights.folders_granting(&Permission::parse("Assets.View"));
    match call.int_query("excludeFolderId")? {
        None => call.list_query(call.bound_query(&ASSET)?, &folders).await,
        Some(excluded) => {
            let condition = "NOT EXISTS (SELECT 1 FROM asset_folders x WHERE x.asset_id = {t}.id AND x.folder_id = ?)";
            call.list_where(&ASSET, &folders, condition, vec![Param::Int(excluded)]).await
        }
    }
}
