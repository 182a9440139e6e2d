//! Accounts and credentials from the command line: applications, tokens, robot accounts, passwords, organizations.

use bandmaster_access::directory::Account;
use bandmaster_access::{folders, kinds, roles, users};
use bandmaster_api::{App, Unit, UnitContext};
use bandmaster_core::clock::DAY;
use bandmaster_core::{Error, Result, Secret};
use bandmaster_identity::{Identity, applications, organizations, password, pats, users as identities};
use bandmaster_store::{Conn, params};
use serde_json::{Value, json};
use std::sync::Arc;

/// A text of the request by its name.
pub type Text<'a> = dyn Fn(&str) -> Option<&'a str> + Sync + 'a;

/// A tenant, as the commands need it.
struct Place {
    organization_id: i64,
    tenant_id: i64,
}

/// The tenant of the named organization, else of the first one.
async fn place(conn: &mut Conn, organization: Option<&str>) -> Result<Place> {
    let found = match organization {
        Some(name) => organizations::find(conn, name).await?,
        None => organizations::first(conn).await?,
    };
    let organization = found.ok_or_else(|| Error::not_found("Organization"))?;
    let sql = "SELECT id FROM present_tenants WHERE organization_id = $1 ORDER BY id LIMIT 1";
    let row = conn.query_opt(sql, params![organization.id]).await?.ok_or_else(|| Error::not_found("Tenant"))?;
    Ok(Place { organization_id: organization.id, tenant_id: row.get(0)? })
}

async fn begin(app: &Arc<App>, place: &Place) -> Result<Unit> {
    let context = UnitContext::duty("admin").within(place.organization_id, place.tenant_id);
    Unit::begin(app, context, bandmaster_api::Fates::default()).await
}

fn list(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

fn account_of(key: &str, kind: i64, name: &str) -> Account {
    Account {
        key: key.to_owned(),
        user_type: kind,
        user_name: name.to_owned(),
        name: None,
        surname: None,
        email: None,
        display_name: Some(name.to_owned()),
    }
}

fn need<'a>(text: &Text<'a>, name: &str) -> Result<&'a str> {
    text(name).ok_or_else(|| Error::argument(format!("{name} is needed.")))
}

async fn role(conn: &mut Conn, tenant: i64, name: &str) -> Result<i64> {
    let found = roles::find_by_name(conn, tenant, name).await?;
    found.map(|r| r.id).ok_or_else(|| Error::not_found(&format!("Role {name}")))
}

/// An external application with scopes of its own, the role in the tenant, and an assignment to the folder. `role` may
/// be `none`.
pub async fn create_application(app: &Arc<App>, text: &Text<'_>) -> Result<Value> {
    let (name, scopes) = (need(text, "name")?, list(need(text, "scopes")?));
    let place = place(&mut app.store.read().await?, text("organization")).await?;
    let mut unit = begin(app, &place).await?;
    let new = applications::NewApplication {
        name: name.to_owned(),
        is_confidential: true,
        application_scopes: scopes,
        ..applications::NewApplication::default()
    };
    let (application, secret) = applications::create(&mut unit, app, place.organization_id, &new).await?;
    let account = account_of(&application.key, kinds::DIRECTORY_APPLICATION, name);
    let user = users::ensure(&mut unit, place.tenant_id, &account).await?;
    match text("role").unwrap_or(roles::defaults::ADMINISTRATOR) {
        "none" => {}
        wanted => {
            let id = role(&mut unit, place.tenant_id, wanted).await?;
            users::assign_roles(&mut unit, place.tenant_id, user, &[id]).await?;
        }
    }
    let folder_role = text("folder_role").unwrap_or(roles::defaults::FOLDER_ADMINISTRATOR);
    if folder_role != "none" {
        assign(&mut unit, place.tenant_id, user, text("folder"), folder_role).await?;
    }
    unit.commit().await?;
    let secret = secret.ok_or_else(|| Error::internal("a confidential application has no secret"))?;
    Ok(json!({"client_id": application.key, "client_secret": secret.reveal(), "name": name}))
}

async fn assign(unit: &mut Unit, tenant: i64, user: i64, folder: Option<&str>, role_name: &str) -> Result<i64> {
    let path = folder.unwrap_or("Shared");
    let folder = folders::find_by_path(unit, tenant, path).await?.ok_or_else(|| Error::not_found("Folder"))?;
    let id = role(unit, tenant, role_name).await?;
    folders::assign_user(unit, tenant, folder.id, user, &[id]).await?;
    Ok(folder.id)
}

/// A personal access token of a year.
pub async fn create_token(app: &Arc<App>, text: &Text<'_>) -> Result<Value> {
    let (user, name, scopes) = (need(text, "user")?, need(text, "name")?, list(need(text, "scopes")?));
    let mut conn = app.store.read().await?;
    let place = place(&mut conn, text("organization")).await?;
    let user = identities::find(&mut conn, place.organization_id, user).await?;
    let user = user.ok_or_else(|| Error::not_found("User"))?;
    drop(conn);
    let mut unit = begin(app, &place).await?;
    let expires_at = unit.now() + 360 * DAY;
    let new = pats::NewToken { description: name, scopes, expires_at };
    let (_, secret) = pats::create(&mut unit, app, &user, &new).await?;
    unit.commit().await?;
    Ok(json!({"token": secret.reveal(), "expires": bandmaster_core::time::iso(expires_at)}))
}

/// A new password for an account, made up here.
pub async fn reset_password(app: &Arc<App>, text: &Text<'_>) -> Result<Value> {
    let name = text("user").unwrap_or("admin");
    let mut conn = app.store.read().await?;
    let place = place(&mut conn, text("organization")).await?;
    let user = identities::find(&mut conn, place.organization_id, name).await?;
    let user = user.ok_or_else(|| Error::not_found("User"))?;
    drop(conn);
    let password = match text("password") {
        Some(given) => Secret::new(given),
        None => password::generate(app.ids.as_ref()),
    };
    let hash = Identity::of(app)?.hasher().hash(&password, app.ids.as_ref()).await?;
    let mut unit = begin(app, &place).await?;
    identities::set_password(&mut unit, &user, &hash, false).await?;
    identities::set_active(&mut unit, &user, true).await?;
    unit.commit().await?;
    Ok(json!({"user": name, "password": password.reveal()}))
}

/// A robot account with an unattended robot, assigned to the folder as Automation User.
pub async fn create_robot(app: &Arc<App>, text: &Text<'_>) -> Result<Value> {
    let name = need(text, "name")?;
    let place = place(&mut app.store.read().await?, text("organization")).await?;
    let mut unit = begin(app, &place).await?;
    let identity = match identities::find(&mut unit, place.organization_id, name).await? {
        Some(found) => found,
        None => {
            let new = identities::NewUser { user_name: name, robot: true, ..identities::NewUser::default() };
            identities::create(&mut unit, place.organization_id, &new).await?
        }
    };
    let account = account_of(&identity.key, kinds::DIRECTORY_ROBOT, name);
    let user = users::ensure(&mut unit, place.tenant_id, &account).await?;
    let tenant_role = role(&mut unit, place.tenant_id, roles::defaults::ALLOW_AUTOMATION_USER).await?;
    users::assign_roles(&mut unit, place.tenant_id, user, &[tenant_role]).await?;
    let folder = assign(&mut unit, place.tenant_id, user, text("folder"), roles::defaults::AUTOMATION_USER).await?;
    let owner = bandmaster_fleet::robots::provision::Owner { tenant_id: place.tenant_id, user_id: user, name };
    let robot = bandmaster_fleet::robots::ensure_unattended(&mut unit, &app.keys, owner).await?;
    unit.commit().await?;
    Ok(json!({"user_id": user, "robot_id": robot.id, "folder_id": folder}))
}

/// A further organization with a tenant, the folder `Shared` and an administrator.
pub async fn create_organization(app: &Arc<App>, text: &Text<'_>) -> Result<Value> {
    let name = need(text, "name")?;
    let (given, password) = match text("password") {
        Some(given) => (true, Secret::new(given)),
        None => (false, password::generate(app.ids.as_ref())),
    };
    let hash = Identity::of(app)?.hasher().hash(&password, app.ids.as_ref()).await?;
    let mut unit = Unit::begin(app, UnitContext::duty("admin"), bandmaster_api::Fates::default()).await?;
    let made = crate::wiring::organization(&mut unit, name, &hash).await?;
    unit.commit().await?;
    let mut answer =
        json!({"organization": name, "tenant_id": made.tenant_id, "folder_id": made.folder_id, "user": "admin"});
    if !given {
        answer["password"] = json!(password.reveal());
    }
    Ok(answer)
}
