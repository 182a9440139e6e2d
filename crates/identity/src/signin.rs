//! Signing in with user name and password: the record of attempts, and what slows guessing (`lockout` for an account,
//! `throttle` for an address). Unknown accounts, wrong passwords, locked and forbidden accounts are answered alike and
//! after the same work.

use crate::identity::Identity;
use crate::lockout::{self, Entry};
use crate::organizations::{self, Organization};
use crate::password::Match;
use crate::portal::TenantDirectory;
use crate::throttle::network;
use crate::users::{self, Kind, User};
use bandmaster_api::Call;
use bandmaster_core::{Result, Secret};
use bandmaster_store::params;
use std::net::IpAddr;

/// Where somebody wants to sign in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The organization; none when it could not be made out.
    pub organization: Option<Organization>,
    /// The tenant that was named, if one was.
    pub tenant_id: Option<i64>,
}

/// An attempt to sign in.
pub(crate) struct Attempt<'a> {
    pub place: &'a Place,
    pub user_name: &'a str,
    pub password: &'a Secret,
}

/// Why it failed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Account and password do not fit, or the account may not sign in; it is not told which.
    Wrong,
    /// The address must wait so many seconds.
    Slow(u32),
    /// They fit, but a new password must be set first.
    MustChange(Box<User>),
}

/// What everybody is told whose sign-in failed.
pub(crate) const WRONG: &str = "Invalid username/email address or password.";

/// The address of the client: the peer's, or the one that a trusted proxy reports.
pub(crate) fn client_address(call: &Call) -> Option<IpAddr> {
    let forwarded = call.app.settings.trust_proxy.then(|| call.header("x-forwarded-for")).flatten();
    // The last entry is the one the proxy itself has seen.
    forwarded.and_then(|f| f.rsplit(',').next()).and_then(|a| a.trim().parse().ok()).or(call.peer)
}

/// The place that a name means: an organization or a tenant by name or GUID. Without a name it is the one in the
/// address, else the first organization.
pub(crate) async fn place(call: &Call, name: Option<&str>) -> Result<Place> {
    let name = name.map(str::trim).filter(|n| !n.is_empty()).or_else(|| call.addressed_organization());
    let mut conn = call.read().await?;
    let Some(name) = name else {
        return Ok(Place { organization: organizations::first(&mut conn).await?, tenant_id: None });
    };
    let organization = organizations::find(&mut conn, name).await?;
    drop(conn);
    let directory = call.app.parts.get::<Box<dyn TenantDirectory>>();
    let tenants = match directory {
        Some(directory) => directory.named(&call.app, name).await?,
        None => Vec::new(),
    };
    if organization.is_some() {
        let own = tenants.iter().find(|t| organization.as_ref().is_some_and(|o| o.id == t.organization_id));
        return Ok(Place { tenant_id: own.map(|t| t.id), organization });
    }
    // A tenant's name alone must be unambiguous.
    match tenants.as_slice() {
        [tenant] => {
            let mut conn = call.read().await?;
            let organization = organizations::by_id(&mut conn, tenant.organization_id).await?;
            Ok(Place { organization, tenant_id: Some(tenant.id) })
        }
        _ => Ok(Place::default()),
    }
}

/// Signs somebody in.
pub(crate) async fn with_password(call: &Call, attempt: Attempt<'_>) -> Result<Result<User, Refused>> {
    let identity = Identity::of(&call.app)?;
    let address = client_address(call);
    if let Some(seconds) = identity.throttle().wait(address, call.now()) {
        return Ok(Err(Refused::Slow(seconds)));
    }
    let user = match &attempt.place.organization {
        Some(organization) => {
            let mut conn = call.read().await?;
            let user = users::find(&mut conn, organization.id, attempt.user_name).await?;
            user.filter(|u| u.kind == Kind::Person)
        }
        None => None,
    };
    // The failure is written down before the password is looked at, so that many attempts at once count as many.
    let (record, open) = begin(call, &attempt, user.as_ref(), address).await?;
    let stored = user.as_ref().filter(|_| open).and_then(|u| u.password_hash.as_deref());
    let matched = identity.hasher().check(attempt.password, stored).await?;
    let user = match (matched, user) {
        (Match::Yes | Match::Stale, Some(user)) if user.is_active => user,
        (Match::Yes | Match::Stale, Some(_)) => {
            note(call, record, "userIsNotActive").await?;
            identity.throttle().failed(address, call.now());
            return Ok(Err(Refused::Wrong));
        }
        _ => {
            identity.throttle().failed(address, call.now());
            return Ok(Err(Refused::Wrong));
        }
    };
    let fresh = match matched {
        Match::Stale => Some(identity.hasher().hash(attempt.password, call.app.ids.as_ref()).await?),
        _ => None,
    };
    let mut unit = call.begin().await?;
    let now = unit.now();
    unit.execute(
        "UPDATE identity_users SET last_login_at = $1, password_hash = COALESCE($2, password_hash) WHERE id = $3",
        params![now, fresh, user.id],
    )
    .await?;
    unit.execute("UPDATE login_attempts SET result = 'success' WHERE id = $1", params![record]).await?;
    unit.commit().await?;
    if user.must_change_password { Ok(Err(Refused::MustChange(Box::new(user)))) } else { Ok(Ok(user)) }
}

/// Counts the attempt as a failure until it proves otherwise. Answers the record's id, and whether the account is open
/// to attempts at all.
async fn begin(
    call: &Call,
    attempt: &Attempt<'_>,
    user: Option<&User>,
    address: Option<IpAddr>,
) -> Result<(i64, bool)> {
    let mut unit = call.begin().await?;
    let now = unit.now();
    let network = network(address);
    let entry = match user {
        Some(user) => lockout::entry(&mut unit, user, &network).await?,
        None => Entry { open: false, stranger: true },
    };
    let result = match (user, entry.open) {
        (None, _) => "invalidUserNameTenancyName",
        (Some(_), false) => "lockedOut",
        (Some(_), true) => "invalidPassword",
    };
    let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(256).collect::<String>();
    let row = unit
        .query_one(
            "INSERT INTO login_attempts (organization_id, user_id, user_name, at, result, client_address, client_name, \
             network, from_stranger) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
            params![
                attempt.place.organization.as_ref().map_or(0, |o| o.id),
                user.map(|u| u.id),
                cut(attempt.user_name),
                now,
                result,
                address.map(|a| a.to_string()),
                call.header("user-agent").map(cut),
                network,
                entry.stranger
            ],
        )
        .await?;
    let record = row.get(0)?;
    unit.commit().await?;
    Ok((record, entry.open))
}

/// Writes down an attempt to sign in with a provider outside, and that the person was there if it succeeded.
pub(crate) async fn outside(
    call: &Call,
    organization_id: i64,
    user: Option<&User>,
    shown: &str,
    result: &str,
) -> Result<()> {
    let address = client_address(call);
    let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(256).collect::<String>();
    let mut unit = call.begin().await?;
    let now = unit.now();
    unit.execute(
        "INSERT INTO login_attempts (organization_id, user_id, user_name, at, result, client_address, client_name, \
         network, from_stranger) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
        params![
            organization_id,
            user.map(|u| u.id),
            cut(shown),
            now,
            result,
            address.map(|a| a.to_string()),
            call.header("user-agent").map(cut),
            network(address)
        ],
    )
    .await?;
    if let Some(user) = user.filter(|_| result == "success") {
        unit.execute("UPDATE identity_users SET last_login_at = $1 WHERE id = $2", params![now, user.id]).await?;
    }
    unit.commit().await
}

async fn note(call: &Call, record: i64, result: &str) -> Result<()> {
    let mut unit = call.begin().await?;
    unit.execute("UPDATE login_attempts SET result = $1 WHERE id = $2", params![result, record]).await?;
    unit.commit().await
}
