//! Deleting a tenant. One unit makes it disappear: from the next request on nobody gets in, its name is free, and
//! administrators of the installation do not see it any more. Its rows and files, which may be many millions, go
//! afterwards in the background ([`duty`]), a bounded number in each unit.
//!
//! The audit stays, and so does the bare row in `tenants` that it names. The tenant's organization stays too: its
//! accounts, applications and settings are not the tenant's. If it has no tenant left it gives its name free, so that
//! a tenant of that name, which comes with an organization of that name, can be made again.

mod duty;
mod rows;

pub use duty::TenantRemoval;
pub use rows::TenantRows;

use crate::changes::organization_rights_changed;
use crate::tenants::TENANT;
use bandmaster_api::query::entity_json;
use bandmaster_api::unit::Change;
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_identity::organizations;
use bandmaster_store::params;
use serde_json::Value;

/// Topic: a tenant was deleted.
pub const TOPIC: &str = "tenant-removal";

fn refused(why: &str) -> Error {
    Error::conflict(codes::FORBIDDEN_OPERATION, why)
}

/// `DELETE /odata/Tenants({key})`. 404 for one that there is not; 409 (1017) for one that is active, for the caller's own
/// and for the last one of the caller's organization.
pub async fn delete(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let own = call.tenant_if_any().map(|t| t.id);
    let home = call.principal.organization_id;
    let mut unit = call.begin().await?;
    let before = entity_json(&mut unit, &TENANT, id, 0).await?.ok_or_else(|| Error::not_found("Tenant"))?;
    let organization = crate::tenants::organization_of(&mut unit, id).await?;
    // This locks all tenants of the organization, so that of two that are deleted at once the second sees the first.
    organization_rights_changed(&mut unit, organization).await?;
    if own == Some(id) {
        return Err(refused("The own tenant cannot be deleted."));
    }
    let now = unit.now();
    let gone = unit
        .query_opt(
            "UPDATE tenants SET name = name || ' #' || key, display_name = NULL, deleted_at = $2, updated_at = $2 \
             WHERE id = $1 AND is_active = 0 AND deleted_at IS NULL RETURNING key",
            params![id, now],
        )
        .await?;
    let Some(gone) = gone else {
        return Err(refused("Only a tenant that is switched off can be deleted."));
    };
    let key: String = gone.get(0)?;
    let left = "SELECT 1 FROM present_tenants WHERE organization_id = $1 LIMIT 1";
    if unit.query_opt(left, params![organization]).await?.is_none() {
        if organization == home {
            return Err(refused("The last tenant of the own organization cannot be deleted."));
        }
        organizations::give_name_free(&mut unit, organization).await?;
    }
    let name = before.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
    unit.audit(Change {
        component: "Tenant",
        action: "StartDelete",
        id: Some(id),
        key: Some(&key),
        name: &name,
        before: Some(Value::Object(before)),
        after: None,
    })
    .await?;
    unit.nudge(TOPIC);
    unit.commit().await?;
    Ok(Output::empty().status(204))
}
