//! The operations on folders themselves.

use super::create::NewFolder;
use super::entity::FOLDER;
use super::rules::{self, Action};
use super::tree::Tree;
use crate::kinds;
use bandmaster_api::query::entity_json;
use bandmaster_api::{Call, Folders, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_odata::sql::Param;

/// Registers them.
pub fn register(r: &mut Registry) {
    r.entity(&FOLDER);
    r.serve("Folders_Get", list);
    r.serve("Folders_GetById", get).checks_itself().also(&[404]);
    r.serve("Folders_GetByKeyByIdentifier", get_by_key).checks_itself().also(&[404]);
    r.serve("Folders_Post", post).also(&[400, 404, 409]);
    r.serve("Folders_PutById", put).also(&[400, 404, 409]);
    r.serve("Folders_PatchNameDescription", patch).also(&[400, 404, 409]);
    r.serve("Folders_DeleteById", delete).also(&[404, 409]);
    r.serve("Folders_DeleteByKey", delete_by_key).also(&[400, 404, 409]);
    r.serve("Folders_MoveFolderByFolderid", relocate).also(&[404, 409]);
}

/// Workspaces of others are hidden from those who see all folders.
const NOT_OTHERS: &str = "({t}.folder_type <> 1 OR {t}.owner_user_id IS NULL OR {t}.owner_user_id = ? \
    OR EXISTS (SELECT 1 FROM workspace_explorers e WHERE e.folder_id = {t}.id AND e.user_id = ?))";

/// The folders that may be listed: all with the tenant's permission, else those in which `here` says so.
fn visible(call: &Call, here: impl Fn(i64) -> bool) -> (Folders, &'static str, Vec<Param>) {
    if call.rights.everything {
        return (Folders::All, "TRUE", Vec::new());
    }
    if rules::everywhere(call, Action::View) {
        let user = call.user_id().unwrap_or(0);
        return (Folders::All, NOT_OTHERS, vec![user.into(), user.into()]);
    }
    let ids = call.rights.folders.keys().copied().filter(|id| here(*id)).collect();
    (Folders::These(ids), "TRUE", Vec::new())
}

async fn list(call: &mut Call) -> Result<Output> {
    let assigned = |id: i64| call.rights.has("SubFolders.View", Some(id)) || call.rights.assigned.contains(&id);
    let (folders, condition, params) = visible(call, assigned);
    call.list_where(&FOLDER, &folders, condition, params).await
}

/// One folder may be read by everybody who is in it; nobody else learns whether it exists.
fn readable(call: &Call) -> Result<(Folders, &'static str, Vec<Param>)> {
    if !rules::everywhere(call, Action::View) && call.rights.folders.is_empty() {
        return Err(Error::forbidden());
    }
    Ok(visible(call, |_| true))
}

async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    one(call, "{t}.id = ?", id.into()).await
}

async fn get_by_key(call: &mut Call) -> Result<Output> {
    let key = call.guid_argument("identifier")?;
    one(call, "{t}.key = ?", key.into()).await
}

async fn one(call: &Call, condition: &'static str, param: Param) -> Result<Output> {
    let (folders, shown, params) = readable(call)?;
    let mut query = call.bound_query(&FOLDER)?;
    query.and_sql(shown, params);
    query.and_sql(condition, vec![param]);
    (query.top, query.skip, query.count) = (Some(1), 0, Some(false));
    let found = call.rows(query, &folders).await?.0.pop();
    found.map(|folder| Output::entity(FOLDER.set, folder)).ok_or_else(|| Error::not_found("Folder"))
}

async fn post(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let name = rules::name(body.text("DisplayName").unwrap_or_default())?;
    let description = rules::description(body.text("Description"))?;
    if body.choice("ProvisionType", &kinds::PROVISION_TYPE)? == Some(kinds::MANUAL) {
        return Err(Error::conflict(1106, "Classic folders are not made any more: ProvisionType must be Automatic."));
    }
    if body.choice("PermissionModel", &kinds::PERMISSION_MODEL)? == Some(0) {
        return Err(Error::conflict(
            crate::codes::MODERN_FOLDERS_CANNOT_INHERIT_ROLES_FROM_TENANT,
            "The permission model of a folder is FineGrained.",
        ));
    }
    match body.choice("FolderType", &kinds::FOLDER_TYPE)? {
        None | Some(kinds::STANDARD) => {}
        Some(kinds::PERSONAL) => {
            return Err(Error::conflict(
                crate::codes::CANNOT_CREATE_PERSONAL_WORKSPACE,
                "Personal workspaces are made for accounts that may have one.",
            ));
        }
        Some(_) => {
            return Err(Error::conflict(
                crate::codes::FOLDER_TYPE_MISMATCH,
                "Only folders of the type Standard are made in this way.",
            ));
        }
    }
    let own_feed = match body.choice("FeedType", &kinds::FEED_TYPE)? {
        None | Some(0 | kinds::FEED_PROCESSES) => false,
        Some(kinds::FEED_HIERARCHY) => true,
        Some(_) => return Err(Error::argument("FeedType must be Processes or FolderHierarchy.")),
    };
    let tenant_id = call.tenant_id()?;
    let tree = Tree::load(&mut call.read().await?, tenant_id).await?;
    let parent_id = match (body.int("ParentId"), body.text("ParentKey")) {
        (Some(id), _) => Some(id),
        (None, Some(key)) => Some(tree.by_key(key).ok_or_else(|| Error::not_found("Folder"))?.id),
        (None, None) => None,
    };
    match parent_id {
        Some(id) => _ = rules::target(call, &tree, id, Action::Create)?,
        None if rules::may(call, Action::Create, None) => {}
        None => return Err(Error::forbidden()),
    }
    let new = NewFolder { name, description, parent_id, own_feed };
    let mut unit = call.begin().await?;
    let id = super::create(&mut unit, tenant_id, &new).await?;
    let made = entity_json(&mut unit, &FOLDER, id, tenant_id).await?;
    unit.commit().await?;
    Ok(Output::entity(FOLDER.set, made.unwrap_or_default()).status(201))
}

async fn put(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let tree = Tree::load(&mut call.read().await?, tenant_id).await?;
    let node = rules::target(call, &tree, id, Action::Edit)?;
    let body = call.body();
    let refuse = |code, what: &str| Err(Error::conflict(code, format!("{what} of a folder cannot be changed.")));
    if body.int("ParentId").is_some_and(|p| Some(p) != node.parent_id) {
        return Err(Error::conflict(
            crate::codes::CANNOT_EDIT_FOLDER_PARENT,
            "A folder is moved with MoveFolder, not by editing its parent.",
        ));
    }
    if body.choice("FeedType", &kinds::FEED_TYPE)?.is_some_and(|f| f != node.feed_type) {
        return refuse(crate::codes::CANNOT_CHANGE_FOLDER_FEED_TYPE, "The feed");
    }
    if body.choice("PermissionModel", &kinds::PERMISSION_MODEL)?.is_some_and(|m| m != 1) {
        return refuse(crate::codes::CANNOT_CHANGE_FOLDER_PERMISSION_MODEL, "The permission model");
    }
    if body.choice("ProvisionType", &kinds::PROVISION_TYPE)?.is_some_and(|p| p != kinds::AUTOMATIC) {
        return refuse(crate::codes::CANNOT_CHANGE_ROBOT_PROVISION_TYPE, "The way of providing robots");
    }
    if body.choice("FolderType", &kinds::FOLDER_TYPE)?.is_some_and(|t| t != node.folder_type) {
        return refuse(crate::codes::FOLDER_TYPE_MISMATCH, "The type");
    }
    let name = rules::name(body.text("DisplayName").unwrap_or_default())?;
    let description = rules::description(body.text("Description"))?;
    let mut unit = call.begin().await?;
    super::change::edit(&mut unit, tenant_id, id, Some(name), Some(description)).await?;
    let after = entity_json(&mut unit, &FOLDER, id, tenant_id).await?;
    unit.commit().await?;
    Ok(Output::entity(FOLDER.set, after.unwrap_or_default()))
}

/// The folder whose key the query names.
async fn id_of_key(call: &Call, action: Action) -> Result<i64> {
    let key = call.guid_query("key")?.ok_or_else(|| Error::argument("The parameter key is missing."))?;
    let tree = Tree::load(&mut call.read().await?, call.tenant_id()?).await?;
    let id = tree.by_key(&key).ok_or_else(|| Error::not_found("Folder"))?.id;
    Ok(rules::target(call, &tree, id, action)?.id)
}

async fn patch(call: &mut Call) -> Result<Output> {
    let id = id_of_key(call, Action::Edit).await?;
    let body = call.body();
    let name = body.text("name").map(rules::name).transpose()?;
    // Null leaves it alone, an empty text takes it away.
    let description = match body.text("description") {
        Some(text) => Some(rules::description(Some(text))?),
        None => None,
    };
    let tenant_id = call.tenant_id()?;
    let mut unit = call.begin().await?;
    super::change::edit(&mut unit, tenant_id, id, name, description).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let tree = Tree::load(&mut call.read().await?, call.tenant_id()?).await?;
    rules::target(call, &tree, id, Action::Delete)?;
    remove(call, id).await
}

async fn delete_by_key(call: &mut Call) -> Result<Output> {
    let id = id_of_key(call, Action::Delete).await?;
    remove(call, id).await
}

async fn remove(call: &Call, id: i64) -> Result<Output> {
    let tenant_id = call.tenant_id()?;
    let mut unit = call.begin().await?;
    super::delete::delete(&call.app, &mut unit, tenant_id, id).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn relocate(call: &mut Call) -> Result<Output> {
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("folderId")?);
    let parent_id = call.int_query("targetParentId")?;
    let tree = Tree::load(&mut call.read().await?, tenant_id).await?;
    rules::target(call, &tree, id, Action::Delete)?;
    for action in [Action::Create, Action::Edit] {
        match parent_id {
            Some(parent) => _ = rules::target(call, &tree, parent, action)?,
            None if rules::may(call, action, None) => {}
            None => return Err(Error::forbidden()),
        }
    }
    let mut unit = call.begin().await?;
    super::change::relocate(&mut unit, tenant_id, id, parent_id).await?;
    unit.commit().await?;
    Ok(Output::empty())
}
