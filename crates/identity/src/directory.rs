//! The organization's directory: people, robot accounts, groups and applications under one roof, for searches and for
//! members of groups. It only reads.

use crate::groups::Group;
use bandmaster_core::Result;
use bandmaster_core::text::{Within, like};
use bandmaster_core::time::Micros;
use bandmaster_store::{Conn, Row, params};

/// What an entry is; the numbers are those of the column `what`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Person,
    Robot,
    Group,
    Application,
}

impl What {
    fn number(self) -> i64 {
        match self {
            What::Person => 0,
            What::Robot => 1,
            What::Group => 2,
            What::Application => 3,
        }
    }
}

/// An entry of the directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub what: What,
    pub key: String,
    /// User name, or name of the group or application.
    pub name: String,
    pub first_name: Option<String>,
    pub surname: Option<String>,
    pub email: Option<String>,
    pub display_name: Option<String>,
    pub created_at: Micros,
}

// Members first: a directory of many accounts is never sorted for one of them.
const ENTRIES: &str = "SELECT what, key, name, first_name, surname, email, display_name, created_at FROM (\
     SELECT kind AS what, key, user_name AS name, name AS first_name, surname, email, display_name, created_at, \
     organization_id, is_active FROM identity_users WHERE is_deleted = 0 \
     UNION ALL SELECT 2, key, name, NULL, NULL, NULL, display_name, created_at, organization_id, 1 \
     FROM identity_groups \
     UNION ALL SELECT 3, key, name, NULL, NULL, NULL, name, created_at, organization_id, 1 FROM applications \
     WHERE is_deleted = 0 AND is_confidential = 1) e WHERE organization_id = $1";

impl Entry {
    fn from_row(row: &Row) -> Result<Entry> {
        Ok(Entry {
            what: match row.get::<i64>(0)? {
                0 => What::Person,
                1 => What::Robot,
                2 => What::Group,
                _ => What::Application,
            },
            key: row.get(1)?,
            name: row.get(2)?,
            first_name: row.get(3)?,
            surname: row.get(4)?,
            email: row.get(5)?,
            display_name: row.get(6)?,
            created_at: row.get(7)?,
        })
    }

    /// The name to show.
    pub(crate) fn shown_name(&self) -> String {
        let full =
            [&self.first_name, &self.surname].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        let filled = |t: &String| !t.trim().is_empty();
        self.display_name.clone().filter(filled).or(Some(full).filter(filled)).unwrap_or_else(|| self.name.clone())
    }
}

/// At most `limit` entries whose name, name to show or address begins so, by name.
pub(crate) async fn search(conn: &mut Conn, organization_id: i64, prefix: &str, limit: i64) -> Result<Vec<Entry>> {
    let sql = format!(
        "{ENTRIES} AND is_active = 1 AND (fold(name) LIKE $2 ESCAPE '\\' OR fold(display_name) LIKE $2 \
         ESCAPE '\\' OR fold(email) LIKE $2 ESCAPE '\\') ORDER BY fold(name), what LIMIT $3"
    );
    let rows = conn.query(&sql, params![organization_id, like(prefix, Within::Start), limit]).await?;
    rows.iter().map(Entry::from_row).collect()
}

/// The entry of that GUID.
pub(crate) async fn by_key(conn: &mut Conn, organization_id: i64, key: &str) -> Result<Option<Entry>> {
    let row = conn
        .query_opt(&format!("{ENTRIES} AND key = $2"), params![organization_id, key])
        .await
        .or_else(crate::organizations::absent_if_bad_text)?;
    row.as_ref().map(Entry::from_row).transpose()
}

/// The entry of that kind with that name or e-mail address.
pub(crate) async fn by_name(conn: &mut Conn, organization_id: i64, what: What, name: &str) -> Result<Option<Entry>> {
    let sql = format!(
        "{ENTRIES} AND what = $2 AND (fold(name) = fold($3) OR fold(email) = fold($3)) \
         ORDER BY CASE WHEN fold(name) = fold($3) THEN 0 ELSE 1 END LIMIT 1"
    );
    let row = conn
        .query_opt(&sql, params![organization_id, what.number(), name])
        .await
        .or_else(crate::organizations::absent_if_bad_text)?;
    row.as_ref().map(Entry::from_row).transpose()
}

/// The members of a group, by name. Everyone holds people and robot accounts without being told.
pub(crate) async fn members(conn: &mut Conn, group: &Group) -> Result<Vec<Entry>> {
    let rows = if group.holds_everybody() {
        let sql = format!("{ENTRIES} AND what IN (0, 1) ORDER BY fold(name), key");
        conn.query(&sql, params![group.organization_id]).await?
    } else {
        let sql = format!(
            "{ENTRIES} AND key IN (SELECT member_key FROM identity_group_members WHERE group_id = $2) \
             ORDER BY fold(name), key"
        );
        conn.query(&sql, params![group.organization_id, group.id]).await?
    };
    rows.iter().map(Entry::from_row).collect()
}
