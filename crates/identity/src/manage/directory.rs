//! `/api/Directory`: looking for people, groups, robot accounts and applications. The contract lacks it; names and
//! shapes are those that clients use.

use super::users::stored_id;
use super::{administered, belonging};
use crate::directory::{self, Entry, What};
use crate::groups as memberships;
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Error, Result, time};
use serde_json::{Map, Value, json};

/// Rows of a search.
const MOST: i64 = 50;
/// Names resolved at once.
const NAMES: usize = 20;
/// Who may look somebody up.
const LOOK_UP: &str = "PM.User,PM.User.Read,PM.Group,PM.Group.Read,PM.RobotAccount,PM.RobotAccount.Read,OR.Users,\
     OR.Users.Read,OR.Tasks,OR.Tasks.Read,OR.Tasks.Write,OR.Folders,OR.Folders.Read";

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types(
        "type DirectorySearchEntry\n  source string\n  identifier string\n  identityName string\n  name string\n  displayName string\n  email string\n  domain string\n  type int32\n  objectType string\n\
         type DirectoryScope\n  name string\n  isDefault bool\n\
         type DirectoryQuestion\n  entityId string\n  entityName string\n  entityType string\n\
         type DirectoryNames\n  entityNames [string]\n  entityType string\n\
         type DirectoryMember\n  objectType string\n  source string\n  identifier string\n  name string\n  displayName string\n  email string\n  firstName string\n  lastName string\n  jobTitle string\n  companyName string\n  city string\n  department string\n  extensionUserAttributes {string}\n  externalId string\n  creationTime datetime\n  applicationId string\n\
         type AccountProfile\n  id uuid\n  userName string\n  name string\n  surname string\n  displayName string\n  email string\n  partitionGlobalId uuid\n  groupIDs [uuid]\n  isOrganizationAdministrator bool\n",
    );
    let at = |id: &str, method: &str, path: &str| {
        own(id, method, &format!("/identity/api/Directory/{path}/{{partitionGlobalId}}"))
            .path("partitionGlobalId", "uuid")
            .scopes(LOOK_UP)
    };
    r.add(
        at("Directory_Search", "GET", "Search").query("startsWith", "string").returns(200, "[DirectorySearchEntry]"),
        search,
    )
    .also(&[403]);
    r.add(at("Directory_Scopes", "GET", "Scopes").returns(200, "[DirectoryScope]"), scopes).also(&[403]);
    r.add(
        at("Directory_Resolve", "POST", "Resolve").body("DirectoryQuestion").returns(200, "DirectoryMember"),
        resolve,
    )
    .reads()
    .also(&[400, 403, 404]);
    r.add(
        at("Directory_BulkResolveByName", "POST", "BulkResolveByName")
            .body("DirectoryNames")
            .returns(200, "{DirectoryMember}"),
        resolve_names,
    )
    .reads()
    .also(&[400, 403]);
    r.add(own("Account_Profile", "GET", "/identity/api/Account/Profile").returns(200, "AccountProfile"), profile)
        .also(&[403]);
}

fn object_type(what: What) -> &'static str {
    match what {
        What::Person => "DirectoryUser",
        What::Robot => "DirectoryRobotUser",
        What::Group => "DirectoryGroup",
        What::Application => "DirectoryApplication",
    }
}

/// An entry as a member of a group.
pub(super) fn member_json(entry: &Entry) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("objectType", json!(object_type(entry.what)));
    put("source", json!("local"));
    put("identifier", json!(entry.key));
    put("name", json!(entry.name));
    put("displayName", json!(entry.shown_name()));
    put("email", json!(entry.email));
    match entry.what {
        What::Person => {
            put("firstName", json!(entry.first_name));
            put("lastName", json!(entry.surname));
            for nothing in ["jobTitle", "companyName", "city", "department", "extensionUserAttributes", "externalId"] {
                put(nothing, Value::Null);
            }
            put("creationTime", json!(time::iso(entry.created_at)));
        }
        What::Application => {
            put("applicationId", json!(entry.key));
        }
        What::Robot | What::Group => {}
    }
    Value::Object(out)
}

async fn search(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let prefix = call.query("startsWith").unwrap_or_default().trim().to_owned();
    let found = directory::search(&mut call.read().await?, organization, &prefix, MOST).await?;
    let number = |what: What| match what {
        What::Person => 0,
        What::Group => 1,
        What::Robot => 3,
        What::Application => 4,
    };
    let row = |e: &Entry| {
        json!({
            "source": "local", "identifier": e.key, "identityName": e.name, "name": e.name,
            "displayName": e.shown_name(), "email": e.email, "domain": null, "type": number(e.what),
            "objectType": object_type(e.what),
        })
    };
    Ok(Output::json(found.iter().map(row).collect::<Vec<_>>()))
}

async fn scopes(call: &mut Call) -> Result<Output> {
    belonging(call, call.need_argument("partitionGlobalId")?).await?;
    Ok(Output::json(json!([{"name": "autogen", "isDefault": true}])))
}

/// The kind that a word of a request means.
fn meant(word: Option<&str>) -> Result<What> {
    let word = word.unwrap_or("user").to_ascii_lowercase();
    Ok(match word.as_str() {
        "user" | "directoryuser" | "0" => What::Person,
        "group" | "directorygroup" | "1" => What::Group,
        "robot" | "robotaccount" | "directoryrobotuser" | "3" => What::Robot,
        "application" | "externalapplication" | "directoryapplication" | "4" => What::Application,
        _ => return Err(Error::argument("entityType is none of user, group, robot and application.")),
    })
}

/// One entry by its id or name. Everybody of the organization may ask: those who work together know each other.
async fn resolve(call: &mut Call) -> Result<Output> {
    let organization = belonging(call, call.need_argument("partitionGlobalId")?).await?;
    let body = call.body();
    let what = meant(body.text("entityType"))?;
    let mut conn = call.read().await?;
    let found = match (body.filled("entityId"), body.filled("entityName")) {
        (Some(id), _) => directory::by_key(&mut conn, organization, &stored_id(id)).await?,
        (None, Some(name)) => directory::by_name(&mut conn, organization, what, name).await?,
        (None, None) => return Err(Error::argument("entityId or entityName is needed.")),
    };
    let found = found.filter(|e| e.what == what).ok_or_else(|| Error::not_found("Entry"))?;
    Ok(Output::json(member_json(&found)))
}

async fn resolve_names(call: &mut Call) -> Result<Output> {
    let organization = belonging(call, call.need_argument("partitionGlobalId")?).await?;
    let body = call.body();
    let (names, what) = (body.list("entityNames"), meant(body.text("entityType"))?);
    if names.len() > NAMES {
        return Err(Error::argument(format!("At most {NAMES} names can be resolved at once.")));
    }
    let mut conn = call.read().await?;
    let mut out = Map::new();
    for name in names.iter().filter_map(Value::as_str) {
        let found = directory::by_name(&mut conn, organization, what, name).await?;
        out.insert(name.to_owned(), found.as_ref().map_or(Value::Null, member_json));
    }
    Ok(Output::json(Value::Object(out)))
}

/// The person who calls.
async fn profile(call: &mut Call) -> Result<Output> {
    let p = &call.principal;
    let mut conn = call.read().await?;
    let user = crate::users::by_text(&mut conn, &p.key).await?.ok_or_else(Error::forbidden)?;
    let groups = memberships::keys_of(&mut conn, user.organization_id, &user.key).await?;
    let administers = memberships::is_administrator(&mut conn, user.organization_id, &user.key).await?;
    Ok(Output::json(json!({
        "id": user.key, "userName": user.user_name, "name": user.name, "surname": user.surname,
        "displayName": user.shown_name(), "email": user.email, "partitionGlobalId": user.organization_key,
        "groupIDs": groups, "isOrganizationAdministrator": administers,
    })))
}
