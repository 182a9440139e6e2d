//! Credential stores: where passwords and secrets are kept. Every tenant has exactly one, this server's own database,
//! and it is the default for everything; other types are refused when somebody wants to make one, rather than
//! accepted without keeping anything there.

mod codes;
mod entity;
mod operations;

pub use entity::CREDENTIAL_STORE;

use bandmaster_api::{Registry, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};

/// The type of the tenant's own store.
pub const DATABASE: &str = "Database";
/// Its name, until somebody renames it.
const NAME: &str = "Orchestrator Database";

/// Registers the operations.
pub(crate) fn register(r: &mut Registry) {
    r.entity(&CREDENTIAL_STORE);
    r.serve("CredentialStores_Get", operations::list);
    r.serve("CredentialStores_GetById", operations::one).also(&[404]);
    r.serve("CredentialStores_Post", operations::create).also(&[409]);
    r.serve("CredentialStores_PutById", operations::update).also(&[404, 409]);
    r.serve("CredentialStores_DeleteById", operations::delete).also(&[404, 409]);
    r.serve("CredentialStores_GetAvailableCredentialStoreTypes", operations::types);
    r.serve("CredentialStores_GetDefaultStoreForResourceTypeByResourcetype", operations::default);
    r.serve("CredentialStores_SetDefaultStoreForResourceTypeById", operations::set_default).also(&[404]);
    r.serve("CredentialStores_GetResourcesForCredentialStoreTypesByKeyAndResourcetype", operations::resources)
        .also(&[404]);
    r.serve("CredentialStores_GetResourcesForCredentialsProxyResourceTypes", operations::proxy_resources).also(&[404]);
}

/// Makes the tenant's own store if it is not there yet, and gives its id. Call it where a tenant is made; a tenant
/// without one gets it when it is first asked for.
pub async fn provide(unit: &mut Unit, tenant_id: i64) -> Result<i64> {
    if let Some(id) = own(unit, tenant_id).await? {
        return Ok(id);
    }
    let now = unit.now();
    unit.execute(
        "INSERT INTO credential_stores (tenant_id, name, type, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        params![tenant_id, NAME, DATABASE, now],
    )
    .await?;
    own(unit, tenant_id).await?.ok_or_else(|| Error::internal("a tenant has no credential store"))
}

/// The tenant's own store, if it was made.
pub async fn own(conn: &mut Conn, tenant_id: i64) -> Result<Option<i64>> {
    let row = conn
        .query_opt("SELECT id FROM credential_stores WHERE tenant_id = $1 AND type = 'Database'", params![tenant_id])
        .await?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

/// The store in which a secret is to be kept: the wanted one, else the tenant's own. 400 with code 2301 when the
/// tenant has no such store.
pub async fn choose(unit: &mut Unit, tenant_id: i64, wanted: Option<i64>) -> Result<i64> {
    let own = provide(unit, tenant_id).await?;
    match wanted {
        None => Ok(own),
        Some(id) if id == own => Ok(own),
        Some(_) => Err(Error::new(
            400,
            bandmaster_core::codes::CREDENTIAL_STORE_NOT_FOUND,
            "The credential store does not exist.",
        )),
    }
}
