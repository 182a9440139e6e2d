//! The NuGet key of a tenant's feeds: random, made when it is first asked for, found again by its hash and kept
//! sealed so that it can be shown to administrators. It opens the tenant's own two feeds and nothing else.

use bandmaster_api::{App, Fates, Unit, UnitContext};
use bandmaster_core::{Error, Result, Secret};
use bandmaster_store::{Conn, params};

const PURPOSE: &str = "feed_keys";

fn context(tenant_id: i64) -> String {
    format!("feed_keys.key_sealed/{tenant_id}")
}

async fn stored(app: &App, conn: &mut Conn, tenant_id: i64) -> Result<Option<Secret>> {
    let row = conn.query_opt("SELECT key_sealed FROM feed_keys WHERE tenant_id = $1", params![tenant_id]).await?;
    match row {
        Some(row) => Ok(Some(app.keys.open_text(&row.get::<String>(0)?, &context(tenant_id))?)),
        None => Ok(None),
    }
}

/// The key of a tenant, made now if there is none yet. Never call it while a unit is open.
pub async fn api_key(app: &App, organization_id: i64, tenant_id: i64) -> Result<Secret> {
    let found = stored(app, &mut app.store.read().await?, tenant_id).await?;
    if let Some(key) = found {
        return Ok(key);
    }
    let key = Secret::new(app.ids.secret());
    let hash = app.keys.hash(key.reveal(), PURPOSE)?;
    let sealed = app.keys.seal(key.reveal().as_bytes(), &context(tenant_id))?;
    let fates = Fates::default();
    let duty = UnitContext::duty("Feeds_MakeKey").within(organization_id, tenant_id);
    let mut unit = Unit::begin(app, duty, fates.clone()).await?;
    let now = unit.now();
    unit.execute(
        "INSERT INTO feed_keys (tenant_id, key_hash, key_sealed, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id) DO NOTHING",
        params![tenant_id, hash, sealed.0, now],
    )
    .await?;
    // Another node may have been faster.
    let key = stored(app, &mut unit, tenant_id).await?;
    unit.commit().await?;
    fates.settled().await?;
    key.ok_or_else(|| Error::internal("a feed key vanished while it was made"))
}

/// The tenant (id, its organization's id and its own GUID) whose key this is.
pub(crate) async fn tenant_of_api_key(app: &App, key: &str) -> Result<Option<(i64, i64, String)>> {
    let hash = app.keys.hash(key, PURPOSE)?;
    let mut conn = app.store.read().await?;
    let row = conn
        .query_opt(
            "SELECT t.id, t.organization_id, t.key FROM feed_keys k JOIN tenants t ON t.id = k.tenant_id \
             WHERE k.key_hash = $1 AND t.is_active = 1",
            params![hash],
        )
        .await?;
    row.map(|r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).transpose()
}
