//! Settings that clients keep with the identity service: of an organization (mail server and the like) and of an
//! account (language, theme). What is secret is sealed and never shown again.

use bandmaster_api::{App, Change, Unit};
use bandmaster_core::{Error, Result, Secret};
use bandmaster_store::{Conn, params};
use serde_json::json;

/// Stands for a secret value that is there. Writing it back leaves the value as it is.
pub(crate) const MASK: &str = "*****";
/// Longest key in characters.
const LONGEST_KEY: usize = 256;
/// Longest value in bytes.
const LONGEST_VALUE: usize = 64 << 10;
/// Settings that one organization or account may have.
const MOST: i64 = 1_000;

/// Whose settings they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub organization_id: i64,
    /// Id and GUID of the account; none: the organization's.
    pub user: Option<(i64, &'a str)>,
}

/// A setting as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub id: i64,
    pub key: String,
    pub value: Option<String>,
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    key.ends_with("password") || key.ends_with("secret")
}

/// The setting of that key, in whatever case.
pub(crate) async fn read(conn: &mut Conn, owner: Owner<'_>, key: &str) -> Result<Option<Setting>> {
    let row = conn
        .query_opt(
            "SELECT id, name, value FROM identity_settings WHERE organization_id = $1 AND COALESCE(user_id, 0) = $2 \
             AND fold(name) = fold($3)",
            params![owner.organization_id, owner.user.map_or(0, |u| u.0), key],
        )
        .await
        .or_else(crate::organizations::absent_if_bad_text)?;
    let Some(row) = row else { return Ok(None) };
    let key: String = row.get(1)?;
    let value: Option<String> = row.get(2)?;
    let value = if is_secret(&key) { value.map(|_| MASK.to_owned()) } else { value };
    Ok(Some(Setting { id: row.get(0)?, key, value }))
}

/// The value of a secret setting, for the server's own use.
pub(crate) async fn secret(conn: &mut Conn, app: &App, owner: Owner<'_>, key: &str) -> Result<Option<Secret>> {
    let row = conn
        .query_opt(
            "SELECT value FROM identity_settings WHERE organization_id = $1 AND COALESCE(user_id, 0) = $2 \
             AND fold(name) = fold($3)",
            params![owner.organization_id, owner.user.map_or(0, |u| u.0), key],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed: Option<String> = row.get(0)?;
    sealed.map(|sealed| app.keys.open_text(&sealed, &context(owner, key))).transpose()
}

/// Writes a setting, which is made when it is missing. None empties it.
pub(crate) async fn write(
    unit: &mut Unit,
    app: &App,
    owner: Owner<'_>,
    key: &str,
    value: Option<&str>,
) -> Result<Setting> {
    if key.is_empty() || key.chars().count() > LONGEST_KEY || key.chars().any(char::is_control) {
        return Err(Error::argument(format!("The key of a setting has 1 to {LONGEST_KEY} characters.")));
    }
    if value.is_some_and(|v| v.len() > LONGEST_VALUE) {
        return Err(Error::argument(format!("The value of a setting has at most {LONGEST_VALUE} bytes.")));
    }
    let before = read(unit, owner, key).await?;
    let secret = is_secret(key);
    if let Some(before) = before.clone().filter(|_| secret && value == Some(MASK)) {
        return Ok(before);
    }
    let user_id = owner.user.map(|u| u.0);
    if before.is_none() {
        let counted = unit
            .query_one(
                "SELECT COUNT(*) FROM identity_settings WHERE organization_id = $1 AND COALESCE(user_id, 0) = $2",
                params![owner.organization_id, user_id.unwrap_or(0)],
            )
            .await?;
        if counted.get::<i64>(0)? >= MOST {
            return Err(Error::argument(format!("There can be at most {MOST} settings.")));
        }
    }
    let stored = match value {
        Some(plain) if secret => Some(app.keys.seal(plain.as_bytes(), &context(owner, key))?.0),
        plain => plain.map(str::to_owned),
    };
    let now = unit.now();
    unit.execute(
        "INSERT INTO identity_settings (organization_id, user_id, name, value, updated_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (organization_id, COALESCE(user_id, 0), fold(name)) DO UPDATE SET value = excluded.value, \
         updated_at = excluded.updated_at",
        params![owner.organization_id, user_id, key, stored, now],
    )
    .await?;
    let after = read(unit, owner, key).await?.ok_or_else(|| Error::internal("a setting is not there"))?;
    unit.audit(Change {
        component: "Setting",
        action: if before.is_some() { "Update" } else { "Create" },
        id: Some(after.id),
        key: owner.user.map(|u| u.1),
        name: &after.key,
        before: before.map(|b| json!({"value": b.value})),
        after: Some(json!({"value": after.value})),
    })
    .await?;
    Ok(after)
}

fn context(owner: Owner<'_>, key: &str) -> String {
    format!("identity-setting/{}/{}/{}", owner.organization_id, owner.user.map_or(0, |u| u.0), key.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_keys() {
        for (key, secret) in [
            ("Email.Smtp.Password", true),
            ("email.smtp.password", true),
            ("Auth.Google.ClientSecret", true),
            ("Email.Smtp.Host", false),
            ("UserTheme.Theme", false),
        ] {
            assert_eq!(is_secret(key), secret, "{key}");
        }
    }
}
