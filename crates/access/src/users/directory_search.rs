//! Looking for accounts in the organization's directory, which has one domain.

use super::{find, find_by_key, find_by_name};
use crate::directory::{self, LOCAL_DOMAIN, object_type, type_of_word};
use crate::kinds;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::{Value, json};

/// Rows of a search.
const MOST: i64 = 50;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("DirectoryService_GetDomains", domains);
    r.serve("DirectoryService_SearchForUsersAndGroups", search).also(&[400]);
    r.serve("DirectoryService_GetDomainUserId", user_id).also(&[400, 404]);
    r.serve("DirectoryService_GetDirectoryPermissions", permissions).also(&[400, 404]);
}

async fn domains(_call: &mut Call) -> Result<Output> {
    Ok(Output::json(json!([{ "name": LOCAL_DOMAIN, "isDefault": true }])))
}

fn check_domain(call: &Call) -> Result<()> {
    match call.query("domain") {
        Some(domain) if !domain.eq_ignore_ascii_case(LOCAL_DOMAIN) => {
            Err(Error::argument(format!("There is no such domain; the directory's is '{LOCAL_DOMAIN}'.")))
        }
        _ => Ok(()),
    }
}

async fn search(call: &mut Call) -> Result<Output> {
    check_domain(call)?;
    let kind = call.query("searchContext").map_or(Some(-1), type_of_word);
    let kind = kind.ok_or_else(|| Error::argument("searchContext is none of the allowed values."))?;
    let prefix = call.query("prefix").unwrap_or_default().to_owned();
    let organization = call.tenant()?.organization_id;
    let found = directory::search(&mut call.read().await?, organization, kind, &prefix, MOST).await?;
    let rows: Vec<Value> = found
        .iter()
        .map(|a| {
            json!({
                "type": object_type(a.user_type),
                "source": "local",
                "domain": LOCAL_DOMAIN,
                "identifier": a.key,
                "identityName": a.user_name,
                "displayName": a.full_name().unwrap_or_else(|| a.user_name.clone()),
            })
        })
        .collect();
    Ok(Output::json(rows))
}

/// The tenant's record of an account of the directory; 404 while there is none.
async fn user_id(call: &mut Call) -> Result<Output> {
    check_domain(call)?;
    let tenant_id = call.tenant_id()?;
    let kind = match call.query("userType") {
        Some(word) => {
            let number = kinds::USER_TYPE.number(word);
            Some(number.ok_or_else(|| Error::argument("userType is none of the allowed values."))?)
        }
        None => None,
    };
    let mut conn = call.read().await?;
    let found = match (call.query("directoryIdentifier"), call.query("userName")) {
        (Some(identifier), _) => match identifier.rsplit('|').next().and_then(parse_guid) {
            Some(key) => find_by_key(&mut conn, tenant_id, &key).await?,
            None => None,
        },
        (None, Some(name)) => find_by_name(&mut conn, tenant_id, name, kind).await?.into_iter().next(),
        (None, None) => return Err(Error::argument("directoryIdentifier or userName is missing.")),
    };
    let user = found.filter(|u| kind.is_none_or(|k| k == u.user_type)).ok_or_else(|| Error::not_found("User"))?;
    Ok(Output::json(user.id))
}

/// What the groups of an account bring, group by group. The account is named by `userId` or `username`.
async fn permissions(call: &mut Call) -> Result<Output> {
    check_domain(call)?;
    let tenant_id = call.tenant_id()?;
    let mut conn = call.read().await?;
    let user = match (call.int_query("userId")?, call.query("username")) {
        (Some(id), _) => find(&mut conn, tenant_id, id).await?,
        (None, Some(name)) => find_by_name(&mut conn, tenant_id, name, None).await?.into_iter().next(),
        (None, None) => return Err(Error::argument("userId or username is missing.")),
    };
    let user = user.ok_or_else(|| Error::not_found("User"))?;
    let mut rows = Vec::new();
    for row in
        conn.query("SELECT group_id FROM user_groups WHERE user_id = $1 ORDER BY group_id", params![user.id]).await?
    {
        let Some(group) = find(&mut conn, tenant_id, row.get(0)?).await? else { continue };
        let mut units = Vec::new();
        let in_folders = conn
            .query(
                "SELECT f.id, f.display_name FROM folder_users fu JOIN folders f ON f.id = fu.folder_id \
                 WHERE fu.user_id = $1 ORDER BY f.id",
                params![group.id],
            )
            .await?;
        for folder in in_folders {
            units.push(json!({
                "userId": group.id,
                "userName": group.user_name,
                "organizationUnitId": folder.get::<i64>(0)?,
                "organizationUnitName": folder.get::<String>(1)?,
                "id": folder.get::<i64>(0)?,
            }));
        }
        let mut roles = Vec::new();
        let given = conn
            .query(
                "SELECT r.id, r.name, r.display_name, r.is_static, r.is_editable FROM roles r WHERE r.id IN \
                 (SELECT role_id FROM user_roles WHERE user_id = $1 UNION \
                 SELECT role_id FROM folder_user_roles WHERE user_id = $1) ORDER BY r.id",
                params![group.id],
            )
            .await?;
        for role in given {
            roles.push(json!({
                "id": role.get::<i64>(0)?,
                "name": role.get::<String>(1)?,
                "displayName": role.get::<String>(2)?,
                "groups": null,
                "isStatic": role.get::<bool>(3)?,
                "isEditable": role.get::<bool>(4)?,
            }));
        }
        rows.push(json!({ "directoryGroup": group.user_name, "organizationUnits": units, "roles": roles }));
    }
    Ok(Output::json(rows))
}
