//! Providers as they are stored, and the links between accounts and what a provider calls them.

use bandmaster_api::outgoing::{self, Url};
use bandmaster_api::{App, Change, Unit};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, Secret};
use bandmaster_store::{Conn, Row, params};
use serde_json::{Value, json};

/// Providers that an organization may have.
const MOST: i64 = 10;

/// A provider.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub id: i64,
    pub key: String,
    pub organization_id: i64,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    secret_sealed: Option<String>,
    pub scopes: String,
    /// Whether people without an account get one.
    pub creates_accounts: bool,
    /// GUIDs of the groups of accounts that are made.
    pub groups: Vec<String>,
    pub is_enabled: bool,
    pub created_at: Micros,
    pub updated_at: Micros,
}

/// What an administrator says about a provider.
pub(super) struct Wanted {
    pub name: String,
    pub client_id: String,
    /// None keeps the secret that is there; an empty one removes it.
    pub secret: Option<Secret>,
    pub scopes: String,
    pub creates_accounts: bool,
    pub groups: Vec<String>,
    pub is_enabled: bool,
}

const COLUMNS: &str = "SELECT id, key, organization_id, name, issuer, client_id, secret_sealed, scopes, creates_accounts, \
     group_keys, is_enabled, created_at, updated_at FROM identity_providers";

impl Provider {
    fn from_row(row: &Row) -> Result<Provider> {
        let groups: String = row.get(9)?;
        Ok(Provider {
            id: row.get(0)?,
            key: row.get(1)?,
            organization_id: row.get(2)?,
            name: row.get(3)?,
            issuer: row.get(4)?,
            client_id: row.get(5)?,
            secret_sealed: row.get(6)?,
            scopes: row.get(7)?,
            creates_accounts: row.get(8)?,
            groups: serde_json::from_str(&groups).map_err(|_| Error::internal("a list of groups cannot be read"))?,
            is_enabled: row.get(10)?,
            created_at: row.get(11)?,
            updated_at: row.get(12)?,
        })
    }

    pub fn has_secret(&self) -> bool {
        self.secret_sealed.is_some()
    }

    /// The secret of the client, if it has one.
    pub fn secret(&self, app: &App) -> Result<Option<Secret>> {
        self.secret_sealed.as_ref().map(|sealed| app.keys.open_text(sealed, &context(&self.key))).transpose()
    }

    /// What the audit may know.
    fn snapshot(&self) -> Value {
        json!({
            "name": self.name, "issuer": self.issuer, "clientId": self.client_id, "hasSecret": self.has_secret(),
            "scopes": self.scopes, "createAccounts": self.creates_accounts, "groupIds": self.groups,
            "isEnabled": self.is_enabled,
        })
    }
}

fn context(key: &str) -> String {
    format!("identity_providers.secret_sealed/{key}")
}

/// An address of a provider: https, or this machine without TLS (for trying things out).
pub(super) fn address(text: &str) -> Option<Url> {
    let url = outgoing::address_of(text).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback());
    (url.fragment().is_none() && (url.scheme() == "https" || here)).then_some(url)
}

pub(super) async fn all(conn: &mut Conn, organization_id: i64) -> Result<Vec<Provider>> {
    let sql = format!("{COLUMNS} WHERE organization_id = $1 ORDER BY id");
    conn.query(&sql, params![organization_id]).await?.iter().map(Provider::from_row).collect()
}

/// The provider of that GUID, whichever organization it belongs to.
pub(super) async fn by_key(conn: &mut Conn, key: &str) -> Result<Option<Provider>> {
    let row = conn.query_opt(&format!("{COLUMNS} WHERE key = $1"), params![key]).await?;
    row.as_ref().map(Provider::from_row).transpose()
}

pub(super) async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Provider>> {
    let row = conn.query_opt(&format!("{COLUMNS} WHERE id = $1"), params![id]).await?;
    row.as_ref().map(Provider::from_row).transpose()
}

fn sealed(app: &App, key: &str, secret: Option<&Secret>) -> Result<Option<String>> {
    let given = secret.filter(|s| !s.reveal().is_empty());
    given.map(|s| Ok(app.keys.seal(s.reveal().as_bytes(), &context(key))?.0)).transpose()
}

pub(super) async fn insert(
    unit: &mut Unit,
    app: &App,
    organization_id: i64,
    issuer: &str,
    new: &Wanted,
) -> Result<Provider> {
    let counted = unit
        .query_one("SELECT COUNT(*) FROM identity_providers WHERE organization_id = $1", params![organization_id])
        .await?;
    if counted.get::<i64>(0)? >= MOST {
        return Err(Error::argument(format!("There can be at most {MOST} providers.")));
    }
    let (key, now) = (unit.guid(), unit.now());
    let sealed = sealed(app, &key, new.secret.as_ref())?;
    let made = unit
        .execute(
            "INSERT INTO identity_providers (key, organization_id, name, issuer, client_id, secret_sealed, scopes, \
             creates_accounts, group_keys, is_enabled, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
            params![
                key.as_str(),
                organization_id,
                new.name.as_str(),
                issuer,
                new.client_id.as_str(),
                sealed,
                new.scopes.as_str(),
                new.creates_accounts,
                json!(new.groups).to_string(),
                new.is_enabled,
                now
            ],
        )
        .await;
    match made {
        Err(e) if e.is_unique("identity_providers_name") => return Err(Error::name_taken(&new.name)),
        other => other?,
    };
    let made = by_key(unit, &key).await?.ok_or_else(|| Error::internal("a new provider is not there"))?;
    audit(unit, "Create", &made, None, Some(made.snapshot())).await?;
    Ok(made)
}

/// Changes everything but the issuer. Switching a provider off ends the sessions that began with it.
pub(super) async fn update(unit: &mut Unit, app: &App, before: &Provider, new: &Wanted) -> Result<Provider> {
    let sealed = match &new.secret {
        None => before.secret_sealed.clone(),
        given => sealed(app, &before.key, given.as_ref())?,
    };
    let now = unit.now();
    let changed = unit
        .execute(
            "UPDATE identity_providers SET name = $1, client_id = $2, secret_sealed = $3, scopes = $4, \
             creates_accounts = $5, group_keys = $6, is_enabled = $7, updated_at = $8 WHERE id = $9",
            params![
                new.name.as_str(),
                new.client_id.as_str(),
                sealed,
                new.scopes.as_str(),
                new.creates_accounts,
                json!(new.groups).to_string(),
                new.is_enabled,
                now,
                before.id
            ],
        )
        .await;
    match changed {
        Err(e) if e.is_unique("identity_providers_name") => return Err(Error::name_taken(&new.name)),
        other => other?,
    };
    if !new.is_enabled {
        end_sessions(unit, before.id).await?;
    }
    let after = by_id(unit, before.id).await?.ok_or_else(|| Error::not_found("Provider"))?;
    audit(unit, "Update", &after, Some(before.snapshot()), Some(after.snapshot())).await?;
    Ok(after)
}

/// Removes a provider with its links; sessions that began with it end.
pub(super) async fn delete(unit: &mut Unit, provider: &Provider) -> Result<()> {
    end_sessions(unit, provider.id).await?;
    unit.execute("DELETE FROM identity_providers WHERE id = $1", params![provider.id]).await?;
    audit(unit, "Delete", provider, Some(provider.snapshot()), None).await
}

async fn end_sessions(unit: &mut Unit, provider_id: i64) -> Result<()> {
    unit.execute("DELETE FROM browser_sessions WHERE provider_id = $1", params![provider_id]).await?;
    Ok(())
}

async fn audit(
    unit: &mut Unit,
    action: &str,
    provider: &Provider,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    let (id, key) = (Some(provider.id), Some(provider.key.as_str()));
    unit.audit(Change { component: "IdentityProvider", action, id, key, name: &provider.name, before, after }).await
}

/// Lets go of the links of an account that is removed.
pub(crate) async fn forget_person(unit: &mut Unit, user_id: i64) -> Result<()> {
    unit.execute("DELETE FROM outside_links WHERE user_id = $1", params![user_id]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_reached_over_tls() {
        for good in
            ["https://id.example.test", "https://id.example.test/realms/a", "http://127.0.0.1:8080", "http://[::1]/x"]
        {
            assert!(address(good).is_some(), "{good}");
        }
        for bad in [
            "http://id.example.test",
            "http://127.0.0.1.nip.io",
            "https://u:p@id.test",
            "https://id.test/#x",
            "id.test",
        ] {
            assert!(address(bad).is_none(), "{bad}");
        }
    }
}
