//! What becomes of a tenant's record when the identity service removes the account, group or application itself: it
//! goes, with its roles and folder assignments, in the same unit.
//!
//! A record that something still needs (its robot has a job that has not ended, a trigger names the robot) cannot go
//! yet. Leaving is no reason to keep rights, though: such a record loses roles and assignments, is switched off and
//! gives its name free; who administers accounts removes it later. A tenant's last administrator is not let go.

use super::{User, find, find_by_key, write};
use crate::changes::rights_changed_in;
use crate::parts::{self, AccountContents};
use crate::tenants::Tenants;
use crate::{roles, workspaces};
use bandmaster_api::unit::Change;
use bandmaster_api::{App, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_identity::TenantAccounts;
use bandmaster_store::{Conn, params};
use futures::future::BoxFuture;
use serde_json::json;

impl TenantAccounts for Tenants {
    fn key_of<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, user_id: i64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move { Ok(find(conn, tenant_id, user_id).await?.map(|u| u.key)) })
    }

    fn removed<'a>(
        &'a self,
        app: &'a App,
        unit: &'a mut Unit,
        organization_id: i64,
        key: &'a str,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let rows = unit
                .query(
                    "SELECT t.id FROM tenants t JOIN users u ON u.tenant_id = t.id AND u.key = $2 \
                     WHERE t.organization_id = $1 AND t.deleted_at IS NULL ORDER BY t.id",
                    params![organization_id, key],
                )
                .await?;
            for row in rows {
                let tenant_id: i64 = row.get(0)?;
                let actor = unit.context().user_id.filter(|_| unit.tenant_id() == tenant_id);
                let (tenant, user) = unit.enter(Some(tenant_id), actor);
                let done = leave(app, unit, tenant_id, key).await;
                unit.enter(tenant, user);
                done?;
            }
            Ok(())
        })
    }
}

async fn leave(app: &App, unit: &mut Unit, tenant_id: i64, key: &str) -> Result<()> {
    let Some(user) = find_by_key(unit, tenant_id, key).await? else { return Ok(()) };
    if roles::holds_administrator(unit, user.id).await?
        && !roles::another_administrator(unit, tenant_id, user.id).await?
    {
        return Err(Error::conflict(codes::ERROR_DELETING, "A tenant would be left without an administrator."));
    }
    let features: &[Box<dyn AccountContents>] = parts::all(app);
    for feature in features {
        if let Some(why) = feature.hindrance(unit, user.id).await? {
            return strip(unit, tenant_id, &user, &why).await;
        }
    }
    write::take_out(app, unit, tenant_id, &user).await
}

/// Leaves the bare record.
async fn strip(unit: &mut Unit, tenant_id: i64, user: &User, why: &str) -> Result<()> {
    workspaces::orphan(unit, tenant_id, user.id).await?;
    unit.execute("DELETE FROM user_roles WHERE user_id = $1", params![user.id]).await?;
    unit.execute("DELETE FROM folder_users WHERE user_id = $1", params![user.id]).await?;
    let now = unit.now();
    unit.execute(
        "UPDATE users SET user_name = $2, is_active = 0, updated_at = $3 WHERE id = $1",
        params![user.id, super::retired_name(&user.user_name, user.id), now],
    )
    .await?;
    rights_changed_in(unit, tenant_id).await?;
    unit.audit(Change {
        component: "Users",
        action: "Deactivate",
        id: Some(user.id),
        key: Some(&user.key),
        name: &user.user_name,
        before: None,
        after: Some(json!({ "IsActive": false, "StillNeeded": why })),
    })
    .await
}
