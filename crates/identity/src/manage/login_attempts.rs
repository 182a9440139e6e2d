//! Attempts to sign in, per account: the identity service's list, and Orchestrator's older one.

use super::paging::{self, Page};
use super::users::named;
use crate::neighbours;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result, time};
use bandmaster_store::params;
use serde_json::{Value, json};

/// What attempts can be sorted by.
const SORTABLE: [(&str, &str); 4] =
    [("creationTime", "at"), ("id", "id"), ("result", "result"), ("clientIpAddress", "COALESCE(client_address, '')")];
/// Rows of the older list.
const MOST: i64 = 1_000;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("UserLoginAttempt_GetLoginAttempts", page).also(&[400, 403, 404]);
    r.serve("UserLoginAttempts_GetById", in_tenant).refuses_more().also(&[400, 403, 404]);
}

async fn page(call: &mut Call) -> Result<Output> {
    let (user, _) = named(call).await?;
    let page = Page::of(call, &SORTABLE, "id", true)?;
    let since = match call.query("since") {
        Some(text) => time::parse(text).ok_or_else(|| Error::argument("since is no date and time."))?,
        None => 0,
    };
    let mut conn = call.read().await?;
    let organization = crate::organizations::by_id(&mut conn, user.organization_id).await?;
    let total = conn
        .query_one("SELECT COUNT(*) FROM login_attempts WHERE user_id = $1 AND at >= $2", params![user.id, since])
        .await?;
    let sql = format!(
        "SELECT id, user_name, client_address, client_name, result, at FROM login_attempts \
         WHERE user_id = $1 AND at >= $2 ORDER BY {} LIMIT $3 OFFSET $4",
        page.order
    );
    let mut rows = Vec::new();
    for row in conn.query(&sql, params![user.id, since, page.top, page.skip]).await? {
        rows.push(json!({
            "id": row.get::<i64>(0)?,
            "partitionName": organization.as_ref().map(|o| &o.name),
            "userId": user.key,
            "userNameOrEmailAddress": row.get::<String>(1)?,
            "clientIpAddress": row.get::<Option<String>>(2)?,
            "clientName": null,
            "browserInfo": row.get::<Option<String>>(3)?,
            "result": row.get::<String>(4)?,
            "creationTime": time::iso(row.get(5)?),
            "partitionGlobalId": user.organization_key,
        }));
    }
    Ok(paging::answer(total.get(0)?, rows))
}

/// The attempts of an account of the tenant: everybody's own, and with the permission to view accounts those of all.
/// The path has the account's id in the tenant.
async fn in_tenant(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let key = account_key(call, id, "Users.View").await?;
    let sql = "SELECT a.id, a.client_address, a.client_name, a.result, a.at FROM login_attempts a \
         JOIN identity_users u ON u.id = a.user_id WHERE u.key = $1 ORDER BY a.at DESC, a.id DESC LIMIT $2";
    let mut rows: Vec<Value> = Vec::new();
    for row in call.read().await?.query(sql, params![key.as_str(), MOST]).await? {
        rows.push(json!({
            "Id": row.get::<i64>(0)?,
            "UserId": id,
            "ClientIpAddress": row.get::<Option<String>>(1)?,
            "ClientName": null,
            "BrowserInfo": row.get::<Option<String>>(2)?,
            "Result": older_word(&row.get::<String>(3)?),
            "CreationTime": time::iso(row.get(4)?),
        }));
    }
    call.computed("UserLoginAttempts", rows)
}

/// GUID of the tenant's account of that number: one's own, or with the permission anybody's. Without it every other
/// number is refused alike, with it an unknown one is a 404.
pub(super) async fn account_key(call: &Call, id: i64, permission: &str) -> Result<String> {
    if call.user_id() == Some(id) {
        return Ok(call.principal.key.clone());
    }
    if !call.rights.has(permission, None) {
        return Err(Error::forbidden());
    }
    let tenant_id = call.tenant_id()?;
    let key = neighbours::key_of(&call.app, &mut call.read().await?, tenant_id, id).await?;
    key.ok_or_else(|| Error::not_found("User"))
}

/// The word of the older list for a result.
fn older_word(result: &str) -> &'static str {
    match result {
        "success" => "Success",
        "userIsNotActive" => "UserIsNotActive",
        "lockedOut" => "LockedOut",
        "invalidUserNameTenancyName" => "InvalidUserNameOrEmailAddress",
        _ => "InvalidPassword",
    }
}
