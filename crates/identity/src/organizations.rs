//! Organizations. One of them has users, groups and applications of its own and knows nothing of the others'.

use crate::{builtin, groups, templates};
use bandmaster_api::{Change, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, DbError, Row, params};
use serde_json::json;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Id.
    pub id: i64,
    /// GUID; the claim `prt_id` and the API's `partitionGlobalId`.
    pub key: String,
    /// Name, as it stands in addresses.
    pub name: String,
}

impl Organization {
    fn from_row(row: &Row) -> Result<Organization> {
        Ok(Organization { id: row.get(0)?, key: row.get(1)?, name: row.get(2)? })
    }
}

/// Makes an organization with its built-in groups. The name is 1 to 128 characters, without `/`, unique.
pub async fn create(unit: &mut Unit, name: &str) -> Result<Organization> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 128 || name.contains(['/', '?', '#', '%', '\\']) {
        return Err(Error::argument("The name of an organization has 1 to 128 characters and no / ? # % or \\."));
    }
    let (key, now) = (unit.guid(), unit.now());
    let made = unit
        .query_one(
            "INSERT INTO organizations (key, name, created_at) VALUES ($1, $2, $3) RETURNING id",
            params![key.as_str(), name, now],
        )
        .await;
    let id = match made {
        Err(e) if e.is_unique("organizations_name") => return Err(Error::name_taken(name)),
        other => other?.get(0)?,
    };
    for group in builtin::GROUPS {
        groups::insert(unit, id, group, true).await?;
    }
    templates::insert_built_in(unit, id).await?;
    let organization = Organization { id, key, name: name.to_owned() };
    unit.audit(Change {
        component: "Organization",
        action: "Create",
        id: Some(id),
        key: Some(&organization.key),
        name,
        after: Some(json!({"name": name})),
        ..Change::default()
    })
    .await?;
    Ok(organization)
}

/// Gives the name of an organization free for another one: a number sign and its GUID follow it from now on, which no new
/// name can have. Its GUID still finds it.
pub async fn give_name_free(unit: &mut Unit, id: i64) -> Result<()> {
    let Some(organization) = by_id(unit, id).await? else { return Ok(()) };
    let end = format!(" #{}", organization.key);
    if organization.name.ends_with(&end) {
        return Ok(());
    }
    let name = format!("{}{end}", organization.name);
    unit.execute("UPDATE organizations SET name = $2 WHERE id = $1", params![id, name.as_str()]).await?;
    unit.audit(Change {
        component: "Organization",
        action: "Update",
        id: Some(id),
        key: Some(&organization.key),
        name: &organization.name,
        before: Some(json!({ "name": organization.name })),
        after: Some(json!({ "name": name })),
    })
    .await
}

const COLUMNS: &str = "SELECT id, key, name FROM organizations";

/// The organization of that GUID or name.
pub async fn find(conn: &mut Conn, name_or_key: &str) -> Result<Option<Organization>> {
    let key = bandmaster_core::ids::parse_guid(name_or_key).unwrap_or_default();
    let row = conn
        .query_opt(&format!("{COLUMNS} WHERE key = $1 OR fold(name) = fold($2) ORDER BY id"), params![key, name_or_key])
        .await
        .or_else(absent_if_bad_text)?;
    row.as_ref().map(Organization::from_row).transpose()
}

/// The organization of that id.
pub async fn by_id(conn: &mut Conn, id: i64) -> Result<Option<Organization>> {
    let row = conn.query_opt(&format!("{COLUMNS} WHERE id = $1"), params![id]).await?;
    row.as_ref().map(Organization::from_row).transpose()
}

/// The first organization: the one meant when a request names none.
pub async fn first(conn: &mut Conn) -> Result<Option<Organization>> {
    let row = conn.query_opt(&format!("{COLUMNS} ORDER BY id LIMIT 1"), params![]).await?;
    row.as_ref().map(Organization::from_row).transpose()
}

/// Whether there are several.
pub async fn several(conn: &mut Conn) -> Result<bool> {
    Ok(conn.query_one("SELECT COUNT(*) FROM organizations", params![]).await?.get::<i64>(0)? > 1)
}

/// A text that no database can hold names nothing, and is no reason for another answer.
pub(crate) fn absent_if_bad_text(error: DbError) -> Result<Option<Row>, DbError> {
    if error == DbError::BadText { Ok(None) } else { Err(error) }
}
