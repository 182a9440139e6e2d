//! Who calls for the first time is taken in: an account of the organization without a row in the tenant gets one
//! when one of its groups has one, and a person who may have a personal workspace gets that.

use super::compute::{AccountRow, account_row};
use crate::kinds::AUTOMATIC;
use crate::{directory, users, workspaces};
use bandmaster_api::{App, Fates, Tenant, Unit, UnitContext};
use bandmaster_core::{Principal, PrincipalKind, Result};
use bandmaster_store::Conn;

/// The caller's row in the tenant, made when it may be; `None` for strangers. Takes the session and gives it, or
/// another one, back: none may be held while a unit waits for its turn.
pub async fn settled(
    app: &App,
    mut conn: Conn,
    principal: &Principal,
    tenant: &Tenant,
) -> Result<(Conn, Option<AccountRow>)> {
    let row = account_row(&mut conn, tenant.id, &principal.key).await?;
    let comes_by_itself = matches!(principal.kind, PrincipalKind::User | PrincipalKind::Robot);
    let newcomer = match row {
        None if comes_by_itself => {
            let account = directory::by_key(&mut conn, tenant.organization_id, &principal.key).await?;
            match account {
                Some(a) if directory::comes_by_group(&mut conn, tenant.id, &a).await? => Some(a),
                _ => None,
            }
        }
        _ => None,
    };
    let lacks_workspace = match row {
        Some(r) if r.active && principal.kind == PrincipalKind::User => workspaces::is_due(&mut conn, r.id).await?,
        _ => newcomer.is_some() && principal.kind == PrincipalKind::User,
    };
    if newcomer.is_none() && !lacks_workspace {
        return Ok((conn, row));
    }
    drop(conn);
    if let Err(error) = take_in(app, tenant, newcomer.as_ref(), row).await {
        // Reading goes on when nothing can be written; the next call tries again.
        tracing::warn!(tenant = tenant.id, %error, cause = error.internal_text(), "an account could not be taken in");
    }
    let mut conn = app.store.read().await?;
    let row = account_row(&mut conn, tenant.id, &principal.key).await?;
    Ok((conn, row))
}

async fn take_in(
    app: &App,
    tenant: &Tenant,
    newcomer: Option<&directory::Account>,
    row: Option<AccountRow>,
) -> Result<()> {
    let context = UnitContext::duty("Users_TakeIn").within(tenant.organization_id, tenant.id);
    let fates = Fates::default();
    let mut unit = Unit::begin(app, context, fates.clone()).await?;
    let user_id = match (newcomer, row) {
        (Some(account), _) => Some(users::ensure_provisioned(&mut unit, tenant.id, account, AUTOMATIC).await?),
        (None, row) => row.map(|r| r.id),
    };
    if let Some(user_id) = user_id
        && workspaces::is_due(&mut unit, user_id).await?
    {
        workspaces::create(&mut unit, tenant.id, user_id).await?;
    }
    unit.commit().await?;
    fates.settled().await
}
