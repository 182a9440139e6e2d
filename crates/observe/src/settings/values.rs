//! Reading values: the user's, else the tenant's, else the installation's, else the default.

use super::catalogue;
use bandmaster_core::{KeyRing, Result, Secret};
use bandmaster_store::{Conn, fold, params};
use std::collections::BTreeMap;

/// A setting as it counts for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Name.
    pub name: String,
    /// Value; empty for secrets, which are not opened here.
    pub value: String,
    /// `Application`, `Tenant` or `User`: where the value stands. A default counts as the tenant's.
    pub scope: &'static str,
}

/// All settings that count for a tenant (and, if given, one of its accounts), in the order of their names.
pub async fn effective(conn: &mut Conn, tenant: i64, user: Option<i64>) -> Result<Vec<Effective>> {
    let mut found: BTreeMap<String, Effective> = catalogue::SETTINGS
        .iter()
        .map(|s| {
            let value = Effective { name: s.name.to_owned(), value: s.default.to_owned(), scope: "Tenant" };
            (fold(s.name), value)
        })
        .collect();
    // Farther levels first, so that nearer ones replace them.
    let rows = conn
        .query(
            "SELECT tenant_id, user_id, name, value FROM settings \
             WHERE (tenant_id = 0 AND user_id = 0) OR (tenant_id = $1 AND user_id IN (0, $2)) \
             ORDER BY tenant_id, user_id",
            params![tenant, user.unwrap_or(0)],
        )
        .await?;
    for row in rows {
        let (tenant_id, user_id): (i64, i64) = (row.get(0)?, row.get(1)?);
        let scope = match (tenant_id, user_id) {
            (0, _) => "Application",
            (_, 0) => "Tenant",
            _ => "User",
        };
        let name: String = row.get(2)?;
        let value = row.get::<Option<String>>(3)?.unwrap_or_default();
        let key = fold(&name);
        let name = found.get(&key).map_or(name, |known| known.name.clone());
        found.insert(key, Effective { name, value, scope });
    }
    Ok(found.into_values().collect())
}

/// Where a sealed value stands; it opens nowhere else.
pub(super) fn place(tenant: i64, user: i64, name: &str) -> String {
    format!("settings.value/{tenant}/{user}/{}", fold(name))
}

/// A secret setting, opened: the tenant's, else the installation's; none when it is set nowhere. For the server's own
/// use, never for an answer.
pub async fn secret(conn: &mut Conn, keys: &KeyRing, tenant: i64, name: &str) -> Result<Option<Secret>> {
    let row = conn
        .query_opt(
            "SELECT tenant_id, value_sealed FROM settings WHERE tenant_id IN (0, $1) AND user_id = 0 \
             AND fold(name) = fold($2) AND value_sealed IS NOT NULL ORDER BY tenant_id DESC LIMIT 1",
            params![tenant, name],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    keys.open_text(&row.get::<String>(1)?, &place(row.get(0)?, 0, name)).map(Some)
}
