//! `/api/ReferenceToken`: a person's own personal access tokens. The contract lacks them; the path is the one that
//! clients name, the shapes are ours.

use crate::pats::{self, NewToken, Token};
use crate::users::{self, User};
use crate::{builtin, scopes};
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::clock::DAY;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, PrincipalKind, Result, Scopes, Secret, time};
use serde_json::{Value, json};

/// Life of a token when the request does not say.
const USUAL_LIFE: i64 = 360 * DAY;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types(
        "type ReferenceTokenRequest\n  description string ! len=0..256\n  expiryTime datetime\n  scopes [string]\n\
         type ReferenceToken\n  id uuid\n  description string\n  scopes [string]\n  creationTime datetime\n  expiryTime datetime\n  lastUsedTime datetime\n  token string\n",
    );
    const ALL: &str = "/identity/api/ReferenceToken";
    r.add(own("ReferenceToken_GetAll", "GET", ALL).returns(200, "[ReferenceToken]"), list).also(&[403]);
    r.add(
        own("ReferenceToken_Create", "POST", ALL).body("ReferenceTokenRequest").returns(201, "ReferenceToken"),
        create,
    )
    .also(&[400, 403]);
    let one = |id: &str, method: &str, path: &str| own(id, method, path).path("id", "uuid");
    r.add(
        one("ReferenceToken_Regenerate", "POST", "/identity/api/ReferenceToken/{id}/regenerate")
            .returns(200, "ReferenceToken"),
        regenerate,
    )
    .also(&[403, 404]);
    r.add(one("ReferenceToken_Delete", "DELETE", "/identity/api/ReferenceToken/{id}").returns(204, "-"), remove)
        .also(&[403, 404]);
}

/// The person who calls. Only somebody who signed in may deal with tokens: no application, no job, and no token,
/// which would otherwise prolong itself.
async fn person(call: &Call) -> Result<User> {
    let p = &call.principal;
    let signed_in = p.kind == PrincipalKind::User
        && p.scopes == Scopes::All
        && p.job_key.is_none()
        && p.client_id.as_deref() == Some(builtin::PUBLIC_CLIENT);
    if !signed_in {
        return Err(Error::forbidden());
    }
    let mut conn = call.read().await?;
    users::by_key(&mut conn, &p.key).await?.ok_or_else(Error::unauthenticated)
}

fn shown(token: &Token, value: Option<&Secret>) -> Value {
    let all = token.scopes.iter().any(|s| s == scopes::EVERYTHING);
    json!({
        "id": token.key,
        "description": token.description,
        "scopes": if all { &[][..] } else { &token.scopes[..] },
        "creationTime": time::iso(token.created_at),
        "expiryTime": time::iso(token.expires_at),
        "lastUsedTime": token.last_used_at.map(time::iso),
        // Told once, to the one who made it.
        "token": value.map(Secret::reveal),
    })
}

async fn list(call: &mut Call) -> Result<Output> {
    let user = person(call).await?;
    let mut conn = call.read().await?;
    let tokens = pats::of(&mut conn, &user, call.now()).await?;
    Ok(Output::json(tokens.iter().map(|t| shown(t, None)).collect::<Vec<_>>()))
}

async fn create(call: &mut Call) -> Result<Output> {
    let user = person(call).await?;
    let body = call.body();
    let description = body.text("description").unwrap_or_default().to_owned();
    let mut wanted: Vec<String> = Vec::new();
    for scope in body.list("scopes").iter().filter_map(Value::as_str) {
        if !wanted.iter().any(|s| s == scope) {
            wanted.push(scope.to_owned());
        }
    }
    let expires_at = body.time("expiryTime").unwrap_or(call.now() + USUAL_LIFE);
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let new = NewToken { description: &description, scopes: wanted, expires_at };
    let (token, value) = pats::create(&mut unit, &app, &user, &new).await?;
    unit.commit().await?;
    Ok(Output::json(shown(&token, Some(&value))).status(201))
}

fn key(call: &Call) -> Result<String> {
    parse_guid(call.need_argument("id")?).ok_or_else(|| Error::not_found("Token"))
}

async fn regenerate(call: &mut Call) -> Result<Output> {
    let (user, key) = (person(call).await?, key(call)?);
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let (token, value) = pats::regenerate(&mut unit, &app, &user, &key).await?;
    unit.commit().await?;
    Ok(Output::json(shown(&token, Some(&value))))
}

async fn remove(call: &mut Call) -> Result<Output> {
    let (user, key) = (person(call).await?, key(call)?);
    let mut unit = call.begin().await?;
    pats::revoke(&mut unit, &user, &key).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}
