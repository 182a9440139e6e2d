//! The organization's directory as a tenant sees it: people, robot accounts, groups and applications that can
//! be taken in. It is read through the views `directory_accounts` and `user_groups`; nothing here writes to it.

use crate::kinds::{DIRECTORY_APPLICATION, DIRECTORY_GROUP, DIRECTORY_ROBOT, DIRECTORY_USER};
use bandmaster_core::Result;
use bandmaster_core::text::{Within, like};
use bandmaster_store::{Conn, Row, params};

/// The name of the one directory of an organization.
pub const LOCAL_DOMAIN: &str = "autogen";

/// An account of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// GUID in the identity service.
    pub key: String,
    /// Number of `UserDto.Type`; one of the directory kinds of [`crate::kinds`].
    pub user_type: i64,
    /// Name, unique among its kind.
    pub user_name: String,
    /// First name.
    pub name: Option<String>,
    /// Family name.
    pub surname: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Name for people.
    pub display_name: Option<String>,
}

impl Account {
    /// First and family name, else the display name.
    pub fn full_name(&self) -> Option<String> {
        let parts: Vec<&str> =
            [&self.name, &self.surname].into_iter().flatten().map(|s| s.trim()).filter(|s| !s.is_empty()).collect();
        if parts.is_empty() { self.display_name.clone().filter(|n| !n.is_empty()) } else { Some(parts.join(" ")) }
    }
}

const COLUMNS: &str = "SELECT key, type, user_name, name, surname, email, display_name FROM directory_accounts ";

fn account(row: &Row) -> Result<Account> {
    Ok(Account {
        key: row.get(0)?,
        user_type: row.get(1)?,
        user_name: row.get(2)?,
        name: row.get(3)?,
        surname: row.get(4)?,
        email: row.get(5)?,
        display_name: row.get(6)?,
    })
}

/// The account with that key, if the organization has it.
pub async fn by_key(conn: &mut Conn, organization_id: i64, key: &str) -> Result<Option<Account>> {
    let sql = format!("{COLUMNS} WHERE organization_id = $1 AND key = $2");
    conn.query_opt(&sql, params![organization_id, key]).await?.as_ref().map(account).transpose()
}

/// Accounts of that name (or e-mail address), without regard to case.
pub async fn by_name(
    conn: &mut Conn,
    organization_id: i64,
    name: &str,
    user_type: Option<i64>,
) -> Result<Vec<Account>> {
    let sql = format!(
        "{COLUMNS} WHERE organization_id = $1 AND (fold(user_name) = fold($2) OR fold(email) = fold($2)) \
         AND (CAST($3 AS BIGINT) < 0 OR type = $3) ORDER BY type, user_name"
    );
    let rows = conn.query(&sql, params![organization_id, name, user_type.unwrap_or(-1)]).await?;
    rows.iter().map(account).collect()
}

/// At most `limit` accounts whose name, display name or e-mail address begins so. `user_type` −1: any.
pub async fn search(
    conn: &mut Conn,
    organization_id: i64,
    user_type: i64,
    prefix: &str,
    limit: i64,
) -> Result<Vec<Account>> {
    let sql = format!(
        "{COLUMNS} WHERE organization_id = $1 AND is_active = 1 AND (CAST($2 AS BIGINT) < 0 OR type = $2) AND \
         (fold(user_name) LIKE $3 ESCAPE '\\' OR fold(display_name) LIKE $3 ESCAPE '\\' \
         OR fold(email) LIKE $3 ESCAPE '\\') ORDER BY fold(user_name), type LIMIT $4"
    );
    let rows = conn.query(&sql, params![organization_id, user_type, like(prefix, Within::Start), limit]).await?;
    rows.iter().map(account).collect()
}

/// Number of the directory's kinds as `DirectoryObjectDto.type` writes it: 0 User, 1 Group, 3 Robot,
/// 4 ExternalApplication.
pub fn object_type(user_type: i64) -> i64 {
    match user_type {
        DIRECTORY_GROUP => 1,
        DIRECTORY_ROBOT => 3,
        DIRECTORY_APPLICATION => 4,
        _ => 0,
    }
}

/// The kind behind a word of search contexts and role queries (`Users`, `User`, `Groups`, …); −1 for all kinds,
/// `None` for words that no directory account answers to.
pub fn type_of_word(word: &str) -> Option<i64> {
    Some(match word.to_ascii_lowercase().as_str() {
        "all" => -1,
        "user" | "users" => DIRECTORY_USER,
        "group" | "groups" => DIRECTORY_GROUP,
        "robot" | "robots" => DIRECTORY_ROBOT,
        "externalapplication" | "externalapplications" => DIRECTORY_APPLICATION,
        _ => return None,
    })
}

/// Whether the account would be in a group that the tenant knows, so that it may come in by itself. `Everyone`
/// holds people and robot accounts.
pub async fn comes_by_group(conn: &mut Conn, tenant_id: i64, account: &Account) -> Result<bool> {
    let row = conn
        .query_opt(
            "SELECT 1 FROM users g JOIN identity_groups ig ON ig.key = g.key \
             WHERE g.tenant_id = $1 AND g.type = 3 AND g.is_active = 1 AND (\
             EXISTS (SELECT 1 FROM identity_group_members m WHERE m.group_id = ig.id AND m.member_key = $2) \
             OR (ig.is_built_in = 1 AND ig.name = 'Everyone' AND CAST($3 AS BIGINT) IN (2, 4))) LIMIT 1",
            params![tenant_id, account.key.as_str(), account.user_type],
        )
        .await?;
    Ok(row.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names() {
        let a = |n: Option<&str>, s: Option<&str>, d: Option<&str>| Account {
            name: n.map(Into::into),
            surname: s.map(Into::into),
            display_name: d.map(Into::into),
            ..Account::default()
        };
        assert_eq!(a(Some("Ana"), Some("Pop"), None).full_name().as_deref(), Some("Ana Pop"));
        assert_eq!(a(Some(" "), None, Some("Bot 1")).full_name().as_deref(), Some("Bot 1"));
        assert_eq!(a(None, None, None).full_name(), None);
    }

    #[test]
    fn words_of_searches() {
        for (word, kind) in
            [("All", Some(-1)), ("users", Some(2)), ("Group", Some(3)), ("Robots", Some(4)), ("Machine", None)]
        {
            assert_eq!(type_of_word(word), kind, "{word}");
        }
    }
}
