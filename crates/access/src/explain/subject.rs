//! Whose access is asked about: the caller, with its own token, or another account of the tenant.

use crate::gate::compute::AccountRow;
use crate::gate::{self, model::Model};
use crate::users::{self, User};
use crate::{directory, kinds};
use bandmaster_api::{Call, Rights};
use bandmaster_core::{Error, Principal, PrincipalKind, Result, Scopes};
use bandmaster_store::Conn;
use std::sync::Arc;

/// Who is asked about.
pub struct Subject {
    /// As a caller. Another account has all scopes here: its tokens are not asked about.
    pub principal: Principal,
    /// What it may do in the tenant.
    pub rights: Arc<Rights>,
    /// Whether it is the caller itself.
    pub own: bool,
    /// Whether it can call at all: it is there and may sign in.
    pub can_call: bool,
    /// Whether the tenant has it switched on; none: the tenant does not have it.
    pub active: Option<bool>,
}

/// The subject of the request.
///
/// # Errors
/// 403 when another account is meant and the caller may not view users and roles, 404 when the tenant has no such
/// account, 400 for a group, which calls nothing.
pub async fn of(call: &Call, conn: &mut Conn, model: &Model) -> Result<Subject> {
    match call.int_query("userId")? {
        Some(id) if call.user_id() != Some(id) => {
            call.require("Users.View&Roles.View", None)?;
            let user = users::find(conn, call.tenant_id()?, id).await?.ok_or_else(|| Error::not_found("User"))?;
            another(call, conn, model, &user).await
        }
        _ => own(call, conn).await,
    }
}

async fn own(call: &Call, conn: &mut Conn) -> Result<Subject> {
    let active = match (call.user_id(), &call.tenant_if_any()) {
        (Some(id), Some(tenant)) => users::find(conn, tenant.id, id).await?.map(|u| u.active),
        _ => None,
    };
    let (principal, rights) = (call.principal.clone(), call.rights.clone());
    Ok(Subject { principal, rights, own: true, can_call: true, active })
}

async fn another(call: &Call, conn: &mut Conn, model: &Model, user: &User) -> Result<Subject> {
    let kind = match user.user_type {
        kinds::DIRECTORY_GROUP => return Err(Error::argument("A group calls nothing; ask about one of its members.")),
        kinds::DIRECTORY_ROBOT => PrincipalKind::Robot,
        kinds::DIRECTORY_APPLICATION => PrincipalKind::Application,
        _ => PrincipalKind::User,
    };
    let tenant = call.tenant()?;
    let account = directory::by_key(conn, tenant.organization_id, &user.key).await?;
    let identity = bandmaster_identity::users::by_key(conn, &user.key).await?;
    let can_call = account.is_some() && identity.as_ref().is_none_or(|i| i.is_active);
    let row = AccountRow { id: user.id, user_type: user.user_type, active: user.active };
    let rights = gate::of_row(conn, model, Some(row), kind, false).await?;
    let principal = Principal {
        kind,
        organization_id: tenant.organization_id,
        tenant_id: Some(tenant.id),
        key: user.key.clone(),
        name: user.user_name.clone(),
        scopes: Scopes::All,
        host: kind == PrincipalKind::User && identity.is_some_and(|i| i.is_host),
        ..Principal::anonymous()
    };
    Ok(Subject { principal, rights: Arc::new(rights), own: false, can_call, active: Some(user.active) })
}

/// Whether a permission that no role gives comes with the kind of caller.
pub fn comes_with(kind: PrincipalKind) -> Option<&'static str> {
    match kind {
        PrincipalKind::Robot => Some("Robot"),
        PrincipalKind::Machine => Some("Machine"),
        PrincipalKind::System => Some("Server"),
        _ => None,
    }
}

/// The model of the tenant as it is now.
pub async fn model(call: &Call, conn: &mut Conn) -> Result<Model> {
    let Some(tenant) = call.tenant_if_any() else { return Ok(Model::default()) };
    let standing = gate::model::standing(conn, tenant.id).await?.ok_or_else(Error::forbidden)?;
    Model::load(conn, tenant.id, standing.version).await
}
