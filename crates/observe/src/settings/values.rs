//! Reading values: the user's, else the tenant's, else the installation's, else the default.

use super::catalogue;
use bandmaster_core::Result;
use bandmaster_store::{Conn, params};
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
            (s.name.to_lowercase(), value)
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
        let key = name.to_lowercase();
        let name = found.get(&key).map_or(name, |known| known.name.clone());
        found.insert(key, Effective { name, value, scope });
    }
    Ok(found.into_values().collect())
}
