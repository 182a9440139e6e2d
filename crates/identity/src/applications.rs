//! External applications: OAuth clients of an organization, with scopes of their own and scopes in a user's name. The
//! built-in ones belong to no organization.

use crate::{builtin, neighbours, scopes, watch};
use bandmaster_api::{App, Change, Unit};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, KeyRing, Result, Secret};
use bandmaster_store::{Conn, Row, params};
use serde_json::{Value, json};

/// Purpose of the keyed hash of secrets.
const PURPOSE: &str = "application-secret";

/// An external application.
#[derive(Debug, Clone)]
pub struct Application {
    /// Id.
    pub id: i64,
    /// GUID: the client id.
    pub key: String,
    /// Organization; none for built-in ones.
    pub organization_id: Option<i64>,
    /// Name.
    pub name: String,
    /// Whether it can keep a secret.
    pub is_confidential: bool,
    /// Whether it may stand for the account itself.
    pub is_first_party: bool,
    /// Where a person may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Scopes it has by itself.
    pub application_scopes: Vec<String>,
    /// Scopes it can have in a user's name.
    pub user_scopes: Vec<String>,
    /// When it was made.
    pub created_at: Micros,
}

const COLUMNS: &str = "SELECT id, key, organization_id, name, is_confidential, is_first_party, redirect_uris, created_at \
     FROM applications";

/// An application by its columns, as yet without scopes.
fn of_row(row: &Row) -> Result<Application> {
    let redirects: String = row.get(6)?;
    Ok(Application {
        id: row.get(0)?,
        key: row.get(1)?,
        organization_id: row.get(2)?,
        name: row.get(3)?,
        is_confidential: row.get(4)?,
        is_first_party: row.get(5)?,
        redirect_uris: serde_json::from_str(&redirects)
            .map_err(|_| Error::internal("an application's redirect addresses cannot be read"))?,
        application_scopes: Vec::new(),
        user_scopes: Vec::new(),
        created_at: row.get(7)?,
    })
}

impl Application {
    fn scopes_of(&mut self, kind: i64) -> &mut Vec<String> {
        if kind == 0 { &mut self.application_scopes } else { &mut self.user_scopes }
    }
}

async fn loaded(conn: &mut Conn, row: Option<Row>) -> Result<Option<Application>> {
    let Some(row) = row else { return Ok(None) };
    let mut application = of_row(&row)?;
    let scopes = conn
        .query(
            "SELECT kind, scope FROM application_scopes WHERE application_id = $1 ORDER BY scope",
            params![application.id],
        )
        .await?;
    for row in scopes {
        application.scopes_of(row.get(0)?).push(row.get(1)?);
    }
    Ok(Some(application))
}

/// The application of that client id. Removed ones are not found.
pub async fn by_key(conn: &mut Conn, key: &str) -> Result<Option<Application>> {
    let row = conn.query_opt(&format!("{COLUMNS} WHERE key = $1 AND is_deleted = 0"), params![key]).await?;
    loaded(conn, row).await
}

/// All applications of an organization, by name.
pub async fn all(conn: &mut Conn, organization_id: i64) -> Result<Vec<Application>> {
    let rows = conn
        .query(
            &format!("{COLUMNS} WHERE organization_id = $1 AND is_deleted = 0 ORDER BY fold(name), id"),
            params![organization_id],
        )
        .await?;
    let mut applications = Vec::with_capacity(rows.len());
    for row in rows {
        applications.extend(loaded(conn, Some(row)).await?);
    }
    Ok(applications)
}

/// A new application, or what an existing one becomes.
#[derive(Debug, Clone, Default)]
pub struct NewApplication {
    /// Name, 1 to 128 characters, unique in the organization.
    pub name: String,
    /// Whether it can keep a secret.
    pub is_confidential: bool,
    /// Where a person may be sent back to; needed with scopes in a user's name.
    pub redirect_uris: Vec<String>,
    /// Scopes it has by itself; only for confidential ones.
    pub application_scopes: Vec<String>,
    /// Scopes it can have in a user's name.
    pub user_scopes: Vec<String>,
}

impl NewApplication {
    /// Refuses what cannot be registered (400).
    pub fn check(&self) -> Result<()> {
        let refuse = |text: String| Err(Error::argument(text));
        if self.name.trim().is_empty() || self.name.chars().count() > 128 {
            return refuse("The name of an application has 1 to 128 characters.".into());
        }
        if let Some(unknown) = self.application_scopes.iter().chain(&self.user_scopes).find(|s| !scopes::is_resource(s))
        {
            return refuse(format!("The scope {} is not known.", unknown.chars().take(100).collect::<String>()));
        }
        if !self.is_confidential && !self.application_scopes.is_empty() {
            return refuse("An application without a secret has scopes of users only.".into());
        }
        if self.user_scopes.iter().any(|s| s == scopes::BY_ROLES) {
            return refuse(format!("{} is a scope of applications, not of users.", scopes::BY_ROLES));
        }
        if !self.user_scopes.is_empty() && self.redirect_uris.is_empty() {
            return refuse("Scopes of users need an address to send the user back to.".into());
        }
        if let Some(bad) = self.redirect_uris.iter().find(|u| !redirect_allowed(u)) {
            return refuse(format!(
                "The address {} cannot be redirected to: it must be https, http on the loopback interface, or a scheme of the application's own, without a fragment.",
                bad.chars().take(200).collect::<String>()
            ));
        }
        if self.redirect_uris.len() > 50 {
            return refuse("An application has at most 50 addresses.".into());
        }
        Ok(())
    }

    fn snapshot(&self) -> Value {
        json!({
            "name": self.name, "isConfidential": self.is_confidential, "redirectUri": self.redirect_uris,
            "applicationScopes": self.application_scopes, "userScopes": self.user_scopes,
        })
    }
}

/// Whether an address can be registered for redirects (RFC 9700, section 4.1; RFC 8252, section 7): https, http on
/// the loopback interface, or a private scheme that contains a full stop.
pub fn redirect_allowed(uri: &str) -> bool {
    if uri.len() > 2000 || !uri.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\'))
    {
        return false;
    }
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let authority = rest.strip_prefix("//").map(|r| r.split(['/', '?']).next().unwrap_or_default());
    match (scheme, authority) {
        ("https", Some(host)) => !host.is_empty() && !host.contains('@') && !host.contains('*'),
        ("http", Some(host)) => loopback(host),
        _ => {
            scheme.contains('.')
                && scheme.starts_with(|c: char| c.is_ascii_lowercase())
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'))
        }
    }
}

/// Whether an authority (`host:port`) is on the loopback interface.
pub(crate) fn loopback(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix("[::1]") {
        Some("") => ("::1", None),
        Some(rest) => ("::1", rest.strip_prefix(':')),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let known = matches!(host, "localhost" | "127.0.0.1" | "::1");
    let bare = authority.len() == host.len() || authority == "[::1]";
    known
        && port.map_or(bare, |p| {
            !p.is_empty() && p.parse::<u16>().is_ok_and(|n| n > 0) && p.bytes().all(|b| b.is_ascii_digit())
        })
}

/// Makes an application; a confidential one gets a first secret, which is told here and never again. 409 when the
/// name is taken.
pub async fn create(
    unit: &mut Unit,
    app: &App,
    organization_id: i64,
    new: &NewApplication,
) -> Result<(Application, Option<Secret>)> {
    new.check()?;
    let (key, now) = (unit.guid(), unit.now());
    let made = unit
        .query_one(
            "INSERT INTO applications (key, organization_id, name, is_confidential, redirect_uris, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            params![
                key.as_str(),
                organization_id,
                new.name.trim(),
                new.is_confidential,
                json!(new.redirect_uris).to_string(),
                now,
                now
            ],
        )
        .await;
    let id: i64 = match made {
        Err(e) if e.is_unique("applications_name") => return Err(Error::name_taken(&new.name)),
        other => other?.get(0)?,
    };
    write_scopes(unit, id, new).await?;
    let secret = match new.is_confidential {
        true => Some(add_secret(unit, app, id, None, None).await?.1),
        false => None,
    };
    audit(unit, "Create", id, &key, &new.name, None, Some(new.snapshot())).await?;
    let application = by_key(unit, &key).await?.ok_or_else(|| Error::internal("a new application is not there"))?;
    Ok((application, secret))
}

async fn write_scopes(unit: &mut Unit, id: i64, new: &NewApplication) -> Result<()> {
    for (kind, scopes) in [(0, &new.application_scopes), (1, &new.user_scopes)] {
        for scope in scopes {
            unit.execute(
                "INSERT INTO application_scopes (application_id, scope, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                params![id, scope.as_str(), kind],
            )
            .await?;
        }
    }
    Ok(())
}

/// Changes name, addresses and scopes. Tokens lose at once what is taken away. Whether it keeps a secret stays.
pub async fn update(unit: &mut Unit, application: &Application, new: &NewApplication) -> Result<Application> {
    new.check()?;
    if new.is_confidential != application.is_confidential {
        return Err(Error::argument("Whether an application is confidential is decided when it is made."));
    }
    let now = unit.now();
    let changed = unit
        .execute(
            "UPDATE applications SET name = $1, redirect_uris = $2, updated_at = $3 WHERE id = $4",
            params![new.name.trim(), json!(new.redirect_uris).to_string(), now, application.id],
        )
        .await;
    match changed {
        Err(e) if e.is_unique("applications_name") => return Err(Error::name_taken(&new.name)),
        other => other?,
    };
    unit.execute("DELETE FROM application_scopes WHERE application_id = $1", params![application.id]).await?;
    write_scopes(unit, application.id, new).await?;
    watch::raise(unit).await?;
    let before = NewApplication {
        name: application.name.clone(),
        is_confidential: application.is_confidential,
        redirect_uris: application.redirect_uris.clone(),
        application_scopes: application.application_scopes.clone(),
        user_scopes: application.user_scopes.clone(),
    };
    let (before, after) = (Some(before.snapshot()), Some(new.snapshot()));
    audit(unit, "Update", application.id, &application.key, &new.name, before, after).await?;
    by_key(unit, &application.key).await?.ok_or_else(|| Error::not_found("Application"))
}

/// Removes an application, from all tenants too: its tokens, codes and secrets are void at once. 409 when a tenant would
/// be left without an administrator.
pub async fn remove(unit: &mut Unit, app: &App, application: &Application) -> Result<()> {
    let now = unit.now();
    unit.execute("UPDATE applications SET is_deleted = 1, updated_at = $1 WHERE id = $2", params![now, application.id])
        .await?;
    for table in [
        "application_secrets",
        "application_consents",
        "authorization_codes",
        "device_authorizations",
        "refresh_tokens",
    ] {
        unit.execute(&format!("DELETE FROM {table} WHERE application_id = $1"), params![application.id]).await?;
    }
    unit.execute("DELETE FROM identity_group_members WHERE member_key = $1", params![application.key.as_str()]).await?;
    watch::raise(unit).await?;
    if let Some(organization_id) = application.organization_id {
        neighbours::tell_removed(app, unit, organization_id, &application.key).await?;
    }
    audit(unit, "Delete", application.id, &application.key, &application.name, None, None).await
}

async fn audit(
    unit: &mut Unit,
    action: &str,
    id: i64,
    key: &str,
    name: &str,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    unit.audit(Change { component: "ExternalApplication", action, id: Some(id), key: Some(key), name, before, after })
        .await
}

/// A secret of an application, without its value.
#[derive(Debug, Clone)]
pub struct SecretInfo {
    /// Id.
    pub id: i64,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Micros,
    /// When it ends.
    pub expires_at: Option<Micros>,
}

/// Gives an application one more secret. The value is told here and never again.
pub async fn add_secret(
    unit: &mut Unit,
    app: &App,
    application_id: i64,
    description: Option<&str>,
    expires_at: Option<Micros>,
) -> Result<(i64, Secret)> {
    let secret = Secret::new(app.ids.secret());
    // Only its hash goes anywhere.
    let hash = secret_hash(&app.keys, secret.reveal())?;
    let now = unit.now();
    let row = unit
        .query_one(
            "INSERT INTO application_secrets (application_id, secret_hash, description, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5) RETURNING id",
            params![application_id, hash, description, now, expires_at],
        )
        .await?;
    Ok((row.get(0)?, secret))
}

/// Puts a further secret into the audit.
pub async fn secret_added(unit: &mut Unit, application: &Application, secret_id: i64) -> Result<()> {
    let after = Some(json!({"secretAdded": secret_id}));
    audit(unit, "Update", application.id, &application.key, &application.name, None, after).await
}

/// Takes a secret away. False when there is none of that id.
pub async fn remove_secret(unit: &mut Unit, application: &Application, secret_id: i64) -> Result<bool> {
    let gone = unit
        .execute(
            "DELETE FROM application_secrets WHERE application_id = $1 AND id = $2",
            params![application.id, secret_id],
        )
        .await?;
    if gone > 0 {
        // Who has shown it is remembered.
        watch::raise(unit).await?;
        audit(
            unit,
            "Update",
            application.id,
            &application.key,
            &application.name,
            None,
            Some(json!({"secretRemoved": secret_id})),
        )
        .await?;
    }
    Ok(gone > 0)
}

/// The secrets of an application, oldest first.
pub async fn secrets(conn: &mut Conn, application_id: i64) -> Result<Vec<SecretInfo>> {
    let rows = conn
        .query(
            "SELECT id, description, created_at, expires_at FROM application_secrets WHERE application_id = $1 ORDER BY id",
            params![application_id],
        )
        .await?;
    rows.iter()
        .map(|r| Ok(SecretInfo { id: r.get(0)?, description: r.get(1)?, created_at: r.get(2)?, expires_at: r.get(3)? }))
        .collect()
}

/// An application that has shown one of its secrets.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// The application.
    pub application: Application,
    /// GUID of its organization; none for built-in ones.
    pub organization_key: Option<String>,
    /// When the secret ends.
    pub secret_expires_at: Option<Micros>,
}

/// The keyed hash under which a secret is stored.
pub(crate) fn secret_hash(keys: &KeyRing, secret: &str) -> Result<String> {
    keys.hash(secret, PURPOSE)
}

/// The confidential application of that client id, if the hash is that of one of its secrets and that has not ended.
/// One statement. All it reads is covered by the version of all credentials (`watch`), save the passing of time.
pub(crate) async fn proof(conn: &mut Conn, key: &str, secret_hash: &str, now: Micros) -> Result<Option<Proof>> {
    let rows = conn
        .query(
            "SELECT a.id, a.key, a.organization_id, a.name, a.is_confidential, a.is_first_party, a.redirect_uris, \
             a.created_at, s.expires_at, o.key, c.kind, c.scope \
             FROM application_secrets s JOIN applications a ON a.id = s.application_id \
             LEFT JOIN organizations o ON o.id = a.organization_id \
             LEFT JOIN application_scopes c ON c.application_id = a.id \
             WHERE s.secret_hash = $2 AND a.key = $1 AND a.is_deleted = 0 AND a.is_confidential = 1 \
             AND (s.expires_at IS NULL OR s.expires_at > $3) ORDER BY c.scope",
            params![key, secret_hash, now],
        )
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (secret_expires_at, organization_key) = (first.get(8)?, first.get(9)?);
    let mut application = of_row(first)?;
    for row in &rows {
        if let (Some(kind), Some(scope)) = (row.get::<Option<i64>>(10)?, row.get::<Option<String>>(11)?) {
            application.scopes_of(kind).push(scope);
        }
    }
    Ok(Some(Proof { application, organization_key, secret_expires_at }))
}

/// Makes the built-in applications that are missing.
pub(crate) async fn ensure_built_in(unit: &mut Unit) -> Result<()> {
    let now = unit.now();
    unit.execute(
        "INSERT INTO applications (key, organization_id, name, is_confidential, is_first_party, redirect_uris, \
         created_at, updated_at) VALUES ($1, NULL, $2, 0, 1, $3, $4, $5) ON CONFLICT DO NOTHING",
        params![builtin::PUBLIC_CLIENT, "Command line", json!(builtin::PUBLIC_CLIENT_REDIRECTS).to_string(), now, now],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_for_redirects() {
        for good in [
            "https://a.test/cb",
            "https://a.test:8443/cb?x=1",
            "http://localhost/cb",
            "http://localhost:8085/Temporary_Listen_Addresses",
            "http://127.0.0.1:1/",
            "http://[::1]:8080/cb",
            "http://[::1]",
            "com.example.app:/cb",
            "com.example.app://cb",
        ] {
            assert!(redirect_allowed(good), "{good}");
        }
        for bad in [
            "",
            "cb",
            "/cb",
            "//a.test/cb",
            "https://",
            "https:///cb",
            "https:a.test",
            "https://u@a.test/cb",
            "https://*.a.test/cb",
            "https://a.test/cb#x",
            "https://a.test/c b",
            "https://a.test/cb\n",
            "https://a.test\\@b.test",
            "http://a.test/cb",
            "http://localhost.evil.test/cb",
            "http://localhost:evil/cb",
            "http://localhost:/cb",
            "http://localhost:0/cb",
            "http://localhost:+80/cb",
            "http://localhost@evil.test/cb",
            "http://[::1]x/cb",
            "http://127.0.0.1.evil.test/",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
            "Com.Example:/cb",
            &format!("https://a.test/{}", "x".repeat(2000)),
        ] {
            assert!(!redirect_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn registrations_that_make_no_sense() {
        let list = |t: &str| scopes::parse(t).unwrap();
        let fine = NewApplication {
            name: "a".into(),
            is_confidential: true,
            redirect_uris: vec!["https://a.test/cb".into()],
            application_scopes: list("OR.Jobs OR.Default"),
            user_scopes: list("OR.Jobs"),
        };
        assert!(fine.check().is_ok());
        let broken = [
            NewApplication { name: " ".into(), ..fine.clone() },
            NewApplication { name: "n".repeat(129), ..fine.clone() },
            NewApplication { is_confidential: false, ..fine.clone() },
            NewApplication { redirect_uris: vec![], ..fine.clone() },
            NewApplication { user_scopes: list("OR.Default"), ..fine.clone() },
            NewApplication { user_scopes: list("OrchestratorApiUserAccess"), ..fine.clone() },
            NewApplication { application_scopes: list("OR.Nonsense"), ..fine.clone() },
        ];
        for new in broken {
            assert_eq!(new.check().unwrap_err().status(), 400, "{new:?}");
        }
    }
}
