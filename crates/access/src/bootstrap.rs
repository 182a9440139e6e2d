//! Making tenants: default roles, the organization's groups with what they may do, the folder `Shared`, the
//! administrator.

use crate::changes::rights_changed_in;
use crate::directory::{self, Account};
use crate::folders::{self, NewFolder};
use crate::kinds::DIRECTORY_GROUP;
use crate::roles::{self, defaults};
use crate::users;
use bandmaster_api::Unit;
use bandmaster_api::unit::Change;
use bandmaster_core::{Error, Result};
use bandmaster_store::{Conn, params};
use serde_json::json;

/// Name of the first tenant.
pub const FIRST_TENANT: &str = "Default";
/// Name of the folder that every tenant begins with.
pub const FIRST_FOLDER: &str = "Shared";

/// A tenant that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// The folder `Shared`.
    pub folder_id: i64,
    /// The administrator's record, when there is one.
    pub administrator_id: Option<i64>,
}

/// What a built-in group of the organization may do: tenant roles, roles in `Shared`.
const GROUPS: [(&str, &[&str], &[&str]); 6] = [
    ("Administrators", &[defaults::ADMINISTRATOR], &[defaults::FOLDER_ADMINISTRATOR]),
    ("Automation Users", &[defaults::ALLOW_AUTOMATION_USER], &[defaults::AUTOMATION_USER]),
    (
        "Automation Developers",
        &[defaults::ALLOW_AUTOMATION_USER, defaults::ALLOW_FOLDER_ADMINISTRATOR],
        &[defaults::AUTOMATION_USER, defaults::FOLDER_ADMINISTRATOR],
    ),
    ("Automation Express", &[defaults::ALLOW_AUTOMATION_USER], &[defaults::AUTOMATION_USER]),
    ("Citizen Developers", &[defaults::ALLOW_AUTOMATION_USER], &[defaults::AUTOMATION_USER]),
    ("Everyone", &[], &[]),
];

/// The first tenant of an organization that was just made, with its administrator (by the key of the account).
pub async fn bootstrap(unit: &mut Unit, organization_id: i64, administrator_key: Option<&str>) -> Result<NewTenant> {
    create_tenant(unit, organization_id, FIRST_TENANT, administrator_key).await
}

/// Makes a tenant. 1001 when the organization has one of that name (1 to 64 characters, no slash).
pub async fn create_tenant(
    unit: &mut Unit,
    organization_id: i64,
    name: &str,
    administrator_key: Option<&str>,
) -> Result<NewTenant> {
    let name = crate::tenants::checked_name(name)?;
    let (key, now) = (unit.guid(), unit.now());
    let made = unit
        .query_one(
            "INSERT INTO tenants (key, organization_id, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
             RETURNING id",
            params![key.as_str(), organization_id, name, now],
        )
        .await;
    let id: i64 = match made {
        Err(e) if e.is_unique("tenants_name") => return Err(Error::name_taken(name)),
        made => made?.get(0)?,
    };
    unit.audit(Change {
        component: "Tenant",
        action: "Create",
        id: Some(id),
        key: Some(&key),
        name,
        before: None,
        after: Some(json!({ "Name": name })),
    })
    .await?;
    roles::create_defaults(unit, id).await?;
    let shared = NewFolder { name: FIRST_FOLDER.to_owned(), ..NewFolder::default() };
    let folder_id = folders::create(unit, id, &shared).await?;
    for (group, tenant_roles, folder_roles) in GROUPS {
        let found = directory::by_name(unit, organization_id, group, Some(DIRECTORY_GROUP)).await?;
        if let Some(account) = found.first() {
            let user = take_in(unit, id, account, tenant_roles).await?;
            give_in_folder(unit, id, folder_id, user, folder_roles).await?;
        }
    }
    let administrator_id = match administrator_key {
        Some(key) => {
            let account = directory::by_key(unit, organization_id, key).await?;
            let account = account.ok_or_else(|| Error::internal("the administrator of a new tenant is unknown"))?;
            let user = take_in(unit, id, &account, &[defaults::ADMINISTRATOR]).await?;
            give_in_folder(unit, id, folder_id, user, &[defaults::FOLDER_ADMINISTRATOR]).await?;
            Some(user)
        }
        None => None,
    };
    rights_changed_in(unit, id).await?;
    Ok(NewTenant { id, key, folder_id, administrator_id })
}

async fn ids(conn: &mut Conn, tenant_id: i64, names: &[&str]) -> Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let role = roles::find_by_name(conn, tenant_id, name).await?;
        ids.push(role.ok_or_else(|| Error::internal(format!("the default role {name} is missing")))?.id);
    }
    Ok(ids)
}

async fn take_in(unit: &mut Unit, tenant_id: i64, account: &Account, names: &[&str]) -> Result<i64> {
    let user = users::ensure(unit, tenant_id, account).await?;
    let ids = ids(unit, tenant_id, names).await?;
    users::assign_roles(unit, tenant_id, user, &ids).await?;
    Ok(user)
}

async fn give_in_folder(unit: &mut Unit, tenant_id: i64, folder_id: i64, user_id: i64, names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let ids = ids(unit, tenant_id, names).await?;
    folders::assign_user(unit, tenant_id, folder_id, user_id, &ids).await
}
