//! Operations that manage what the identity service keeps: external applications and personal access tokens.

mod external_clients;
mod reference_tokens;

use crate::{groups, organizations};
use bandmaster_api::{Call, Registry};
use bandmaster_core::{Error, PrincipalKind, Result};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    external_clients::register(r);
    reference_tokens::register(r);
}

/// The organization that a request names by its GUID, when the caller administers it: a member of its
/// Administrators, or an application with the operation's scope. Others' organizations answer like unknown ones.
async fn administered(call: &Call, partition: &str) -> Result<i64> {
    let mut conn = call.read().await?;
    let organization = organizations::find(&mut conn, partition).await?;
    let Some(organization) = organization.filter(|o| o.id == call.principal.organization_id) else {
        return Err(Error::forbidden());
    };
    let may = match call.principal.kind {
        PrincipalKind::Application | PrincipalKind::System => true,
        // What runs in a job does not administer, whoever it runs as.
        PrincipalKind::User if call.principal.job_key.is_none() => {
            groups::is_administrator(&mut conn, organization.id, &call.principal.key).await?
        }
        _ => false,
    };
    if may { Ok(organization.id) } else { Err(Error::forbidden()) }
}
