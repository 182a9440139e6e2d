//! The operations on personal workspaces.

use super::entity::WORKSPACE;
use super::personal;
use crate::changes::rights_changed_in;
use crate::folders::navigation::for_people;
use crate::folders::rules;
use bandmaster_api::unit::Change;
use bandmaster_api::{Call, Folders, Output, Registry};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;

/// Registers them.
pub fn register(r: &mut Registry) {
    r.entity(&WORKSPACE);
    r.serve("PersonalWorkspaces_Get", list);
    r.serve("PersonalWorkspaces_GetPersonalWorkspace", own).refuses_more().also(&[404]);
    r.serve("PersonalWorkspaces_StartExploringById", start).also(&[404, 409]);
    r.serve("PersonalWorkspaces_StopExploringById", stop).also(&[404, 409]);
    r.serve("PersonalWorkspaces_ConvertToFolderById", convert).also(&[400, 404, 409]);
}

async fn list(call: &mut Call) -> Result<Output> {
    call.list(&WORKSPACE).await
}

async fn own(call: &mut Call) -> Result<Output> {
    for_people(call)?;
    // No account has the id 0.
    let user = call.user_id().unwrap_or(0);
    call.entity_where(&WORKSPACE, &Folders::All, "{t}.owner_user_id = ?", vec![user.into()]).await
}

async fn start(call: &mut Call) -> Result<Output> {
    for_people(call)?;
    let user = call.user_id().ok_or_else(Error::forbidden)?;
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    let workspace = personal(&mut unit, tenant_id, id).await?;
    if workspace.owner_user_id == Some(user) {
        return Err(Error::conflict(codes::FORBIDDEN_OPERATION, "The owner does not explore the own workspace."));
    }
    let now = unit.now();
    let made = unit
        .execute(
            "INSERT INTO workspace_explorers (folder_id, user_id, started_at) VALUES ($1, $2, $3) \
             ON CONFLICT (folder_id, user_id) DO NOTHING",
            params![id, user, now],
        )
        .await?;
    if made == 0 {
        return Err(Error::conflict(codes::ITEM_ALREADY_EXISTS, "The workspace is being explored already."));
    }
    rights_changed_in(&mut unit, tenant_id).await?;
    unit.audit(Change {
        component: "PersonalWorkspaces",
        action: "ExploreStart",
        id: Some(id),
        key: Some(&workspace.key),
        name: &workspace.name,
        before: None,
        after: None,
    })
    .await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn stop(call: &mut Call) -> Result<Output> {
    for_people(call)?;
    let user = call.user_id().ok_or_else(Error::forbidden)?;
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    let workspace = personal(&mut unit, tenant_id, id).await?;
    let gone = unit
        .execute("DELETE FROM workspace_explorers WHERE folder_id = $1 AND user_id = $2", params![id, user])
        .await?;
    if gone == 0 {
        return Err(Error::conflict(codes::INVALID_REQUEST, "The workspace is not being explored."));
    }
    rights_changed_in(&mut unit, tenant_id).await?;
    unit.audit(Change {
        component: "PersonalWorkspaces",
        action: "ExploreEnd",
        id: Some(id),
        key: Some(&workspace.key),
        name: &workspace.name,
        before: None,
        after: None,
    })
    .await?;
    unit.commit().await?;
    Ok(Output::empty())
}

async fn convert(call: &mut Call) -> Result<Output> {
    for_people(call)?;
    let name = rules::name(call.body().need_text("folderName")?)?;
    let (tenant_id, id) = (call.tenant_id()?, call.int_argument("key")?);
    let mut unit = call.begin().await?;
    super::convert(&mut unit, tenant_id, id, &name).await?;
    unit.commit().await?;
    Ok(Output::empty())
}
