//! The language of an account.

use super::find;
use bandmaster_api::unit::Change;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::json;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("Users_ChangeCulture", own).also(&[400]);
    r.serve("Users_ChangeUserCultureById", others).also(&[400, 404]);
}

/// A tag like `de` or `pt-BR`.
fn culture(text: &str) -> Result<&str> {
    let fits = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if text.len() <= 35 && text.split('-').all(fits) {
        Ok(text)
    } else {
        Err(Error::argument("culture is no language tag."))
    }
}

async fn own(call: &mut Call) -> Result<Output> {
    let id = call.user_id().ok_or_else(Error::forbidden)?;
    change(call, id).await
}

async fn others(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    change(call, id).await
}

async fn change(call: &Call, id: i64) -> Result<Output> {
    let culture = culture(call.body().need_text("culture")?)?.to_owned();
    let tenant_id = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let user = find(&mut unit, tenant_id, id).await?.ok_or_else(|| Error::not_found("User"))?;
    let before =
        unit.query_one("SELECT culture FROM users WHERE id = $1", params![id]).await?.get::<Option<String>>(0)?;
    unit.execute("UPDATE users SET culture = $2 WHERE id = $1", params![id, culture.as_str()]).await?;
    unit.audit(Change {
        component: "Users",
        action: "Update",
        id: Some(id),
        key: Some(&user.key),
        name: &user.user_name,
        before: Some(json!({ "culture": before })),
        after: Some(json!({ "culture": culture })),
    })
    .await?;
    unit.commit().await?;
    Ok(Output::empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn tags() {
        for (text, good) in
            [("de", true), ("pt-BR", true), ("zh-Hant-TW", true), ("", false), ("de_DE", false), ("-", false)]
        {
            assert_eq!(super::culture(text).is_ok(), good, "{text}");
        }
    }
}
