//! Which tenant a request means: the one that the address names, else the header's, else the credential's own,
//! else the only one of the caller's organization.
//!
//! What is unknown, foreign or switched off is refused alike: 401 for nobody, 403 for somebody.

use bandmaster_api::{Tenant, TenantWish};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Principal, PrincipalKind, Result};
use bandmaster_store::{Conn, Row, params};

const SELECT: &str = "SELECT t.id, t.key, t.name, o.id, o.key, o.name, t.is_active FROM tenants t \
                      JOIN organizations o ON o.id = t.organization_id";

fn tenant(row: &Row) -> Result<Option<Tenant>> {
    if !row.get::<bool>(6)? {
        return Ok(None);
    }
    Ok(Some(Tenant {
        id: row.get(0)?,
        key: row.get(1)?,
        name: row.get(2)?,
        organization_id: row.get(3)?,
        organization_key: row.get(4)?,
        organization_name: row.get(5)?,
    }))
}

/// A refusal that does not tell what exists.
pub fn denied(principal: &Principal) -> Error {
    if principal.is_known() { Error::forbidden() } else { Error::unauthenticated() }
}

/// A GUID in its stored form, or a text that is none, so that a key never equals it.
fn key_of(text: &str) -> String {
    parse_guid(text).unwrap_or_default()
}

/// Finds the tenant.
pub async fn find(conn: &mut Conn, principal: &Principal, wish: &TenantWish) -> Result<Option<Tenant>> {
    let words = [&wish.organization, &wish.tenant, &wish.tenant_name];
    if words.into_iter().flatten().any(|w| w.contains('\0')) {
        // No name has that character, and the databases refuse it.
        return Err(denied(principal));
    }
    let own = match principal.kind {
        PrincipalKind::Anonymous | PrincipalKind::System => None,
        _ => Some(principal.organization_id),
    };
    if let Some(organization) = &wish.organization {
        let organization_id = organization_of(conn, organization).await?.ok_or_else(|| denied(principal))?;
        if own.is_some_and(|o| o != organization_id) {
            return Err(denied(principal));
        }
        if let Some(name) = &wish.tenant {
            return named(conn, organization_id, name, principal).await.map(Some);
        }
    }
    let Some(own) = own else { return of_nobody(conn, principal).await };
    if let Some(name) = &wish.tenant_name {
        return named(conn, own, name, principal).await.map(Some);
    }
    if let Some(id) = principal.tenant_id {
        let row = conn.query_opt(&format!("{SELECT} WHERE t.id = $1 AND o.id = $2"), params![id, own]).await?;
        let found = row.as_ref().map(tenant).transpose()?.flatten();
        return found.map(Some).ok_or_else(|| denied(principal));
    }
    only(conn, own).await
}

/// Nobody and the server belong to no organization; a tenant is known only when the credential names it.
async fn of_nobody(conn: &mut Conn, principal: &Principal) -> Result<Option<Tenant>> {
    let Some(id) = principal.tenant_id else { return Ok(None) };
    let row = conn.query_opt(&format!("{SELECT} WHERE t.id = $1"), params![id]).await?;
    Ok(row.as_ref().map(tenant).transpose()?.flatten())
}

async fn organization_of(conn: &mut Conn, text: &str) -> Result<Option<i64>> {
    let row = conn
        .query_opt(
            "SELECT id FROM organizations WHERE fold(name) = fold($1) OR key = $2 ORDER BY id LIMIT 1",
            params![text, key_of(text)],
        )
        .await?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

async fn named(conn: &mut Conn, organization_id: i64, text: &str, principal: &Principal) -> Result<Tenant> {
    let sql = format!("{SELECT} WHERE o.id = $1 AND (fold(t.name) = fold($2) OR t.key = $3) ORDER BY t.id LIMIT 1");
    let row = conn.query_opt(&sql, params![organization_id, text, key_of(text)]).await?;
    let found = row.as_ref().map(tenant).transpose()?.flatten();
    found.filter(|t| principal.tenant_id.is_none_or(|bound| bound == t.id)).ok_or_else(|| denied(principal))
}

async fn only(conn: &mut Conn, organization_id: i64) -> Result<Option<Tenant>> {
    let sql = format!("{SELECT} WHERE o.id = $1 AND t.is_active = 1 ORDER BY t.id LIMIT 2");
    let rows = conn.query(&sql, params![organization_id]).await?;
    match rows.as_slice() {
        [row] => tenant(row),
        _ => Ok(None),
    }
}
