//! Message templates: the texts of the mails that an organization's people get, as the organization wants them. A
//! template is HTML; `{{name}}`, `{{link}}` and `{{until}}` in it are filled in, its `<title>` becomes the subject.

use bandmaster_api::{Change, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, Row, params};
use serde_json::json;

/// Longest text in bytes.
const LONGEST: usize = 256 << 10;

/// The template of invitations.
pub(crate) const INVITATION: &str = "UserInvitation";
/// The template of mails to who forgot the password.
pub(crate) const NEW_PASSWORD: &str = "PasswordReset";

/// The templates of a new organization.
const BUILT_IN: [(&str, &str); 2] = [
    (
        INVITATION,
        "<p>Hello {{name}},</p><p>an account was made for you. Choose a password here to use it: \
         <a href=\"{{link}}\">{{link}}</a></p><p>The link can be used once, until {{until}}.</p>",
    ),
    (
        NEW_PASSWORD,
        "<p>Hello {{name}},</p><p>choose a new password here: <a href=\"{{link}}\">{{link}}</a></p>\
         <p>The link can be used once, until {{until}}. If you did not ask for it, you need do nothing.</p>",
    ),
];

/// The text of a template as new organizations get it.
pub(crate) fn built_in(name: &str) -> &'static str {
    BUILT_IN.iter().find(|(n, _)| *n == name).map_or("", |(_, text)| text)
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pub id: i64,
    pub name: String,
    pub value: String,
}

fn template(row: &Row) -> Result<Template> {
    Ok(Template { id: row.get(0)?, name: row.get(1)?, value: row.get(2)? })
}

/// Makes the templates of a new organization.
pub(crate) async fn insert_built_in(unit: &mut Unit, organization_id: i64) -> Result<()> {
    let now = unit.now();
    for (name, value) in BUILT_IN {
        unit.execute(
            "INSERT INTO message_templates (organization_id, name, value, updated_at) VALUES ($1, $2, $3, $4)",
            params![organization_id, name, value, now],
        )
        .await?;
    }
    Ok(())
}

/// The organization's template of that id.
pub(crate) async fn by_id(conn: &mut Conn, organization_id: i64, id: i64) -> Result<Option<Template>> {
    let sql = "SELECT id, name, value FROM message_templates WHERE organization_id = $1 AND id = $2";
    conn.query_opt(sql, params![organization_id, id]).await?.as_ref().map(template).transpose()
}

/// The organization's template of that name.
pub(crate) async fn by_name(conn: &mut Conn, organization_id: i64, name: &str) -> Result<Option<Template>> {
    let sql = "SELECT id, name, value FROM message_templates WHERE organization_id = $1 AND fold(name) = fold($2)";
    let row =
        conn.query_opt(sql, params![organization_id, name]).await.or_else(crate::organizations::absent_if_bad_text)?;
    row.as_ref().map(template).transpose()
}

/// Changes a template's text.
pub(crate) async fn change(unit: &mut Unit, organization_id: i64, id: i64, value: &str) -> Result<Template> {
    if value.len() > LONGEST {
        return Err(Error::argument(format!("A template has at most {LONGEST} bytes.")));
    }
    let before = by_id(unit, organization_id, id).await?.ok_or_else(|| Error::not_found("Template"))?;
    let now = unit.now();
    unit.execute(
        "UPDATE message_templates SET value = $1, updated_at = $2 WHERE organization_id = $3 AND id = $4",
        params![value, now, organization_id, id],
    )
    .await?;
    unit.audit(Change {
        component: "MessageTemplate",
        action: "Update",
        id: Some(id),
        key: None,
        name: &before.name,
        before: Some(json!({"value": before.value})),
        after: Some(json!({"value": value})),
    })
    .await?;
    Ok(Template { value: value.to_owned(), ..before })
}
