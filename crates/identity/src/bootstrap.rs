//! The first start: an organization, its groups, its administrator, the built-in applications. The tenant belongs to
//! the access crate, which makes it in the same unit of work.

use crate::groups::{self, Group};
use crate::identity::Identity;
use crate::organizations::{self, Organization};
use crate::password::{self, Policy};
use crate::users::{self, NewUser, User};
use crate::{applications, builtin};
use bandmaster_api::{App, Unit};
use bandmaster_core::{Result, Secret};
use bandmaster_store::{Conn, params};

/// What the first start is to make. Prepared before the unit of work, because hashing takes its time.
pub struct BootstrapPlan {
    /// Name of the organization.
    pub organization: String,
    /// User name of the administrator.
    pub administrator: String,
    /// Must set a new password at the first sign-in (then the password alone opens no API).
    pub must_change_password: bool,
    hash: String,
    generated: Option<Secret>,
}

impl BootstrapPlan {
    /// A plan for the organization `Default` and its administrator `admin`, with the given password or a generated
    /// one. A given password must satisfy the policy.
    pub async fn prepare(identity: &Identity, app: &App, password: Option<Secret>) -> Result<BootstrapPlan> {
        let generated = password.is_none();
        let password = match password {
            Some(password) => {
                Policy::default().check(&password)?;
                password
            }
            None => password::generate(app.ids.as_ref()),
        };
        let hash = identity.hasher().hash(&password, app.ids.as_ref()).await?;
        Ok(BootstrapPlan {
            organization: "Default".into(),
            administrator: "admin".into(),
            must_change_password: false,
            hash,
            generated: generated.then_some(password),
        })
    }
}

/// What the first start has made.
pub struct Bootstrapped {
    /// The organization.
    pub organization: Organization,
    /// Its groups.
    pub groups: Vec<Group>,
    /// The administrator, who is also the installation's.
    pub administrator: User,
    /// The generated password, to be shown once. None when one was given.
    pub password: Option<Secret>,
}

/// Whether the first start has happened.
pub async fn is_bootstrapped(conn: &mut Conn) -> Result<bool> {
    Ok(conn.query_opt("SELECT 1 FROM organizations LIMIT 1", params![]).await?.is_some())
}

/// Makes what the first start makes.
pub async fn bootstrap(unit: &mut Unit, plan: BootstrapPlan) -> Result<Bootstrapped> {
    applications::ensure_built_in(unit).await?;
    let (organization, groups, administrator) = organization_with_administrator(
        unit,
        &plan.organization,
        &NewUser {
            user_name: &plan.administrator,
            name: Some("Administrator"),
            password_hash: Some(&plan.hash),
            must_change_password: plan.must_change_password,
            host: true,
            ..NewUser::default()
        },
    )
    .await?;
    Ok(Bootstrapped { organization, groups, administrator, password: plan.generated })
}

/// Makes a further organization with an administrator.
pub async fn organization_with_administrator(
    unit: &mut Unit,
    name: &str,
    administrator: &NewUser<'_>,
) -> Result<(Organization, Vec<Group>, User)> {
    let organization = organizations::create(unit, name).await?;
    let groups = groups::all(unit, organization.id).await?;
    let administrators: Vec<&Group> = groups.iter().filter(|g| g.name == builtin::ADMINISTRATORS).collect();
    let user = users::create_in_groups(unit, organization.id, administrator, &administrators).await?;
    Ok((organization, groups, user))
}
