//! Tokens of jobs: what the program inside a job calls the server with. They act for the account that the job runs as,
//! in its tenant, and are void as soon as the job has ended, however long they would have lived.

use crate::builtin::JOB_CLIENT;
use crate::claims::{Claims, Subject};
use crate::keys::CHECKS_AFTER;
use crate::users::{self, Kind};
use crate::{jwt, scopes};
use bandmaster_api::App;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, Secret};
use serde_json::Map;

/// For whom a job's token is.
#[derive(Debug, Clone)]
pub struct JobTokenRequest<'a> {
    /// GUID of the account that the job runs as: a person's or a robot account's.
    pub account_key: &'a str,
    /// Tenant of the job.
    pub tenant_id: i64,
    /// The job's GUID.
    pub job_key: &'a str,
    /// Life in microseconds, at most 31 days.
    pub lifetime: Micros,
    /// Scheme and host under which clients reach the server; without it the configured one.
    pub origin: Option<&'a str>,
}

/// Makes a job's token. 404 when the account does not exist or may not sign in.
pub async fn issue_job_token(app: &App, request: &JobTokenRequest<'_>) -> Result<Secret> {
    let mut conn = app.store.read().await?;
    let user = users::by_key(&mut conn, request.account_key).await?.filter(|u| u.is_active);
    drop(conn);
    let user = user.ok_or_else(|| Error::not_found("Account"))?;
    let now = app.clock.now();
    let claims = Claims {
        subject: if user.kind == Kind::Robot { Subject::Robot } else { Subject::User },
        sub: user.key.clone(),
        client_id: JOB_CLIENT.to_owned(),
        scopes: vec![scopes::EVERYTHING.to_owned()],
        organization: user.organization_key.clone(),
        tenant_id: Some(request.tenant_id),
        job_key: Some(request.job_key.to_owned()),
        // A changed password must not break a running job; a forbidden account does.
        stamp: None,
        sid: None,
        jti: app.ids.guid(),
        issued_at: now,
        expires_at: now + request.lifetime.clamp(0, CHECKS_AFTER),
        auth_time: None,
    };
    let origin = request.origin.or(app.settings.public_url.as_deref()).unwrap_or("http://localhost");
    let token = jwt::access_token(app, &format!("{origin}/identity"), &claims, Map::new()).await?;
    Ok(Secret::new(token))
}
