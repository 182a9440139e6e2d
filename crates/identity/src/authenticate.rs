//! Who is calling: from the headers of a request to a principal. Bearer tokens (JSON Web Tokens and personal access
//! tokens), machine keys, robot keys.
//!
//! What was found is remembered under the hash of the token, with the version of all credentials at that time. While
//! the version stands, the next request costs a hash and a look-up; when it has risen, the database is asked again.

use crate::claims::{Claims, Subject};
use crate::identity::Identity;
use crate::principal::{self, fleet};
use crate::{jwt, pats, scopes, users};
use axum::http::{HeaderMap, header};
use bandmaster_api::{App, Authenticator};
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Principal, Result};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A credential that was found valid.
pub(crate) struct Verified {
    principal: Principal,
    claims: Option<Claims>,
    // The personal access token's id.
    token_id: Option<i64>,
    expires_at: Micros,
    version: i64,
}

impl Authenticator for Identity {
    fn authenticate<'a>(&'a self, app: &'a App, headers: &'a HeaderMap) -> crate::BoxFuture<'a, Result<Principal>> {
        Box::pin(authenticate(self, app, headers))
    }
}

fn void(why: &'static str) -> Error {
    Error::unauthenticated().because(why)
}

/// The one value of a header; several are as good as a wrong one.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(void("a credential header was sent twice"));
    }
    let text = value.to_str().map_err(|_| void("a credential header is no text"))?.trim();
    Ok(Some(text))
}

async fn authenticate(identity: &Identity, app: &App, headers: &HeaderMap) -> Result<Principal> {
    let machine_key = single(headers, "x-robot-license")?.filter(|k| !k.is_empty());
    let Some(authorization) = single(headers, header::AUTHORIZATION.as_str())? else {
        return match machine_key {
            Some(key) => machine(app, key).await,
            None => Ok(Principal::anonymous()),
        };
    };
    let (scheme, credential) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let credential = credential.trim();
    if credential.is_empty() {
        return Err(void("the credential is empty"));
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        bearer(identity, app, credential).await
    } else if scheme.eq_ignore_ascii_case("uirobot") {
        // A robot's key is shown in many places; only together with a machine's does it prove anything.
        let key = machine_key.ok_or_else(|| void("a robot key came without a machine key"))?;
        let machine = machine(app, key).await?;
        let Some(fleet) = fleet(app) else { return Err(void("there are no robots")) };
        let robot = fleet.robot_on_machine(app, &machine, credential).await?;
        robot.ok_or_else(|| void("the robot is unknown, or not on that machine"))
    } else {
        Err(void("the scheme of the credential is not known"))
    }
}

async fn machine(app: &App, key: &str) -> Result<Principal> {
    let Some(fleet) = fleet(app) else { return Err(void("there are no machines")) };
    fleet.machine_by_key(app, key).await?.ok_or_else(|| void("the machine key is not known"))
}

async fn bearer(identity: &Identity, app: &App, token: &str) -> Result<Principal> {
    let version = identity.watch().current(app).await?;
    let now = app.clock.now();
    let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let remembered = identity.verified().get(&hash);
    let found = match remembered {
        Some(found) if found.expires_at <= now => {
            identity.verified().invalidate(&hash);
            return Err(void("the token is over"));
        }
        // A machine's credentials are not counted by the version.
        Some(found) if found.version == version && !is_machine(&found) => found,
        Some(found) => renewed(identity, app, token, &hash, version, found.claims.clone()).await?,
        None => renewed(identity, app, token, &hash, version, None).await?,
    };
    if let Some(id) = found.token_id {
        identity.token_used(id, now);
    }
    if let Some(job) = &found.principal.job_key {
        let live = match fleet(app) {
            Some(fleet) => fleet.job_is_live(app, job).await?,
            None => false,
        };
        if !live {
            return Err(void("the token's job has ended"));
        }
    }
    Ok(found.principal.clone())
}

fn is_machine(found: &Verified) -> bool {
    found.claims.as_ref().is_some_and(|c| c.subject == Subject::Machine)
}

/// Asks the database, and remembers its answer. `claims`: those of a token whose signature was checked before.
async fn renewed(
    identity: &Identity,
    app: &App,
    token: &str,
    hash: &[u8; 32],
    version: i64,
    claims: Option<Claims>,
) -> Result<Arc<Verified>> {
    let outcome = if token.starts_with(pats::PREFIX) {
        personal(app, token, version).await
    } else {
        let claims = match claims {
            Some(claims) => Ok(claims),
            None => jwt::checked(app, token).await,
        };
        match claims {
            Ok(claims) => principal::of_claims(app, &claims).await.map(|principal| Verified {
                principal,
                expires_at: claims.expires_at,
                token_id: None,
                version,
                claims: Some(claims),
            }),
            Err(error) => Err(error),
        }
    };
    match outcome {
        Ok(found) => {
            let found = Arc::new(found);
            identity.verified().insert(*hash, found.clone());
            Ok(found)
        }
        Err(error) => {
            identity.verified().invalidate(hash);
            Err(error)
        }
    }
}

async fn personal(app: &App, value: &str, version: i64) -> Result<Verified> {
    let mut conn = app.store.read().await?;
    let token = pats::shown(&mut conn, &app.keys, value, app.clock.now()).await?;
    let token = token.ok_or_else(|| void("the personal access token is unknown, revoked or over"))?;
    let user = users::by_id(&mut conn, token.user_id).await?.filter(|u| u.is_active);
    let user = user.ok_or_else(|| void("the account is gone or may not sign in"))?;
    Ok(Verified {
        principal: principal::of_user(&user, scopes::effective(&token.scopes, true)),
        claims: None,
        token_id: Some(token.id),
        expires_at: token.expires_at,
        version,
    })
}
