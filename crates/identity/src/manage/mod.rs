//! Operations that manage what the identity service keeps: accounts, groups, robot accounts, settings, templates,
//! external applications, personal access tokens; its audit and its directory. Who may call them stands here.

mod answer;
mod audit;
mod directory;
mod external_clients;
mod form;
mod groups;
mod login_attempts;
mod paging;
mod passwords;
mod reference_tokens;
mod robots;
mod saml;
mod settings;
mod templates;
pub(crate) mod users;

use crate::{groups as memberships, organizations};
use bandmaster_api::{Call, Operation, Registry};
use bandmaster_core::{Error, PrincipalKind, Result};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    external_clients::register(r);
    reference_tokens::register(r);
    users::register(r);
    passwords::register(r);
    login_attempts::register(r);
    groups::register(r);
    robots::register(r);
    settings::register(r);
    templates::register(r);
    audit::register(r);
    saml::register(r);
    directory::register(r);
}

/// Names scopes that the reference has and the published description leaves out.
fn scoped<'a>(operation: &'a mut Operation, scopes: &[&str]) -> &'a mut Operation {
    operation.facts.scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
    operation
}

/// Whether the caller administers its own organization: a member of its Administrators, or an application with the
/// operation's scope.
async fn administers(call: &Call) -> Result<bool> {
    let p = &call.principal;
    Ok(match p.kind {
        PrincipalKind::Application | PrincipalKind::System => true,
        // What runs in a job does not administer, whoever it runs as.
        PrincipalKind::User if p.job_key.is_none() => {
            memberships::is_administrator(&mut call.read().await?, p.organization_id, &p.key).await?
        }
        _ => false,
    })
}

/// The caller's organization, when the caller administers it.
pub(crate) async fn at_home(call: &Call) -> Result<i64> {
    if administers(call).await? { Ok(call.principal.organization_id) } else { Err(Error::forbidden()) }
}

/// The caller's organization, when the caller is in it and the request names it. Others' organizations answer like
/// unknown ones.
async fn belonging(call: &Call, partition: &str) -> Result<i64> {
    let mut conn = call.read().await?;
    let organization = organizations::find(&mut conn, partition).await?;
    let own = organization.filter(|o| o.id == call.principal.organization_id);
    own.map(|o| o.id).ok_or_else(Error::forbidden)
}

/// The organization that a request names by its GUID, when the caller administers it.
async fn administered(call: &Call, partition: &str) -> Result<i64> {
    belonging(call, partition).await?;
    at_home(call).await
}
