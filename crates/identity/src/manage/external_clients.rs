//! `/api/ExternalClient`: external applications of an organization, and `/api/ExternalApiResource`: the scopes they can
//! have. The contract lacks both; names and shapes are those that clients use.

use super::administered;
use crate::applications::{self, Application, NewApplication, SecretInfo};
use crate::scopes;
use bandmaster_api::{Call, Fields, Output, Registry, own};
use bandmaster_core::{Error, Result, Secret, time};
use bandmaster_store::Conn;
use serde_json::{Map, Value, json};

/// Number of a scope in a user's name.
const USER: i64 = 0;
/// Number of a scope of the application itself.
const APPLICATION: i64 = 1;

const READ: &str = "PM.OAuthApp,PM.OAuthApp.Read";
const WRITE: &str = "PM.OAuthApp,PM.OAuthApp.Write";

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.types(
        "type ExternalClientScope\n  name string !\n  type any\n\
         type ExternalClientRequest\n  partitionGlobalId uuid\n  name string ! len=1..128\n  isConfidential bool\n  redirectUri string\n  scopes [ExternalClientScope]\n\
         type ExternalClientSecretRequest\n  description string len=0..256\n  expiryTime datetime\n\
         type ExternalClientSecret\n  id int64\n  description string\n  secret string\n  creationTime datetime\n  expiryTime datetime\n\
         type ExternalApiScope\n  name string\n  displayName string\n  description string\n  type int32\n\
         type ExternalApiResource\n  name string\n  displayName string\n  description string\n  scopes [ExternalApiScope]\n\
         type ExternalClient\n  id uuid\n  name string\n  isConfidential bool\n  redirectUri string\n  secret string\n  creationTime datetime\n  resources [ExternalApiResource]\n  secrets [ExternalClientSecret]\n",
    );
    const ALL: &str = "/identity/api/ExternalClient/{partitionGlobalId}";
    const ONE: &str = "/identity/api/ExternalClient/{partitionGlobalId}/{id}";
    let partition = |id: &str, method: &str, path: &str| own(id, method, path).path("partitionGlobalId", "uuid");
    let one = |id: &str, method: &str, path: &str| partition(id, method, path).path("id", "uuid");
    r.add(partition("ExternalClient_GetAll", "GET", ALL).scopes(READ).returns(200, "[ExternalClient]"), list)
        .also(&[403]);
    r.add(one("ExternalClient_Get", "GET", ONE).scopes(READ).returns(200, "ExternalClient"), get).also(&[403, 404]);
    r.add(
        own("ExternalClient_Create", "POST", "/identity/api/ExternalClient")
            .scopes(WRITE)
            .body("ExternalClientRequest")
            .returns(201, "ExternalClient"),
        create,
    )
    .also(&[400, 403, 409]);
    r.add(
        one("ExternalClient_Update", "PUT", ONE)
            .scopes(WRITE)
            .body("ExternalClientRequest")
            .returns(200, "ExternalClient"),
        update,
    )
    .also(&[400, 403, 404, 409]);
    r.add(one("ExternalClient_Delete", "DELETE", ONE).scopes(WRITE).returns(204, "-"), remove).also(&[403, 404]);
    r.add(
        one("ExternalClient_AddSecret", "POST", &format!("{ONE}/secret"))
            .scopes(WRITE)
            .body("ExternalClientSecretRequest")
            .returns(201, "ExternalClientSecret"),
        add_secret,
    )
    .also(&[400, 403, 404]);
    r.add(
        one("ExternalClient_RemoveSecret", "DELETE", &format!("{ONE}/secret/{{secretId}}"))
            .path("secretId", "int64")
            .scopes(WRITE)
            .returns(204, "-"),
        remove_secret,
    )
    .also(&[403, 404]);
    r.add(
        own("ExternalApiResource_Get", "GET", "/identity/api/ExternalApiResource")
            .returns(200, "[ExternalApiResource]"),
        resources,
    );
}

async fn list(call: &mut Call) -> Result<Output> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let mut conn = call.read().await?;
    let mut out = Vec::new();
    for application in applications::all(&mut conn, organization).await? {
        out.push(shown(&mut conn, &application, None).await?);
    }
    Ok(Output::json(out))
}

async fn get(call: &mut Call) -> Result<Output> {
    let application = named(call).await?;
    let mut conn = call.read().await?;
    Ok(Output::json(shown(&mut conn, &application, None).await?))
}

/// The application that the path names, in an organization that the caller administers.
async fn named(call: &Call) -> Result<Application> {
    let organization = administered(call, call.need_argument("partitionGlobalId")?).await?;
    let key = bandmaster_core::ids::parse_guid(call.need_argument("id")?);
    let mut conn = call.read().await?;
    let found = match key {
        Some(key) => applications::by_key(&mut conn, &key).await?,
        None => None,
    };
    found.filter(|a| a.organization_id == Some(organization)).ok_or_else(|| Error::not_found("Application"))
}

async fn create(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let organization = administered(call, body.need_text("partitionGlobalId")?).await?;
    let new = wanted(&body, body.bool("isConfidential").unwrap_or(true))?;
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let (application, secret) = applications::create(&mut unit, &app, organization, &new).await?;
    let answer = shown(&mut unit, &application, secret.as_ref()).await?;
    unit.commit().await?;
    Ok(Output::json(answer).status(201))
}

async fn update(call: &mut Call) -> Result<Output> {
    let application = named(call).await?;
    let body = call.body();
    let new = wanted(&body, body.bool("isConfidential").unwrap_or(application.is_confidential))?;
    let mut unit = call.begin().await?;
    let application = applications::update(&mut unit, &application, &new).await?;
    let answer = shown(&mut unit, &application, None).await?;
    unit.commit().await?;
    Ok(Output::json(answer))
}

async fn remove(call: &mut Call) -> Result<Output> {
    let application = named(call).await?;
    let mut unit = call.begin().await?;
    applications::remove(&mut unit, &call.app, &application).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

async fn add_secret(call: &mut Call) -> Result<Output> {
    let application = named(call).await?;
    if !application.is_confidential {
        return Err(Error::argument("An application that is not confidential has no secrets."));
    }
    let body = call.body();
    let (description, expires) = (body.text("description").map(str::to_owned), body.time("expiryTime"));
    if expires.is_some_and(|at| at <= call.now()) {
        return Err(Error::argument("The secret would be over already."));
    }
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let (id, secret) =
        applications::add_secret(&mut unit, &app, application.id, description.as_deref(), expires).await?;
    applications::secret_added(&mut unit, &application, id).await?;
    let info = SecretInfo { id, description, created_at: unit.now(), expires_at: expires };
    unit.commit().await?;
    Ok(Output::json(secret_json(&info, Some(&secret))).status(201))
}

async fn remove_secret(call: &mut Call) -> Result<Output> {
    let application = named(call).await?;
    let id = call.int_argument("secretId")?;
    let mut unit = call.begin().await?;
    if !applications::remove_secret(&mut unit, &application, id).await? {
        return Err(Error::not_found("Secret"));
    }
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// What the body asks for. A scope without a type is one of the application when it is confidential, else of users.
fn wanted(body: &Fields<'_>, is_confidential: bool) -> Result<NewApplication> {
    let redirects = body.text("redirectUri").unwrap_or_default();
    let mut new = NewApplication {
        name: body.need_text("name")?.to_owned(),
        is_confidential,
        redirect_uris: redirects.split([',', ' ']).filter(|u| !u.is_empty()).map(str::to_owned).collect(),
        ..NewApplication::default()
    };
    for scope in body.list("scopes") {
        let name = scope.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = match scope.get("type") {
            None | Some(Value::Null) => {
                if is_confidential {
                    APPLICATION
                } else {
                    USER
                }
            }
            Some(Value::String(word)) if word.eq_ignore_ascii_case("user") || word == "0" => USER,
            Some(Value::String(word)) if word.eq_ignore_ascii_case("application") || word == "1" => APPLICATION,
            Some(Value::Number(n)) if n.as_i64() == Some(USER) => USER,
            Some(Value::Number(n)) if n.as_i64() == Some(APPLICATION) => APPLICATION,
            Some(_) => return Err(Error::argument("The type of a scope is user (0) or application (1).")),
        };
        let list = if kind == USER { &mut new.user_scopes } else { &mut new.application_scopes };
        if !list.contains(&name) {
            list.push(name);
        }
    }
    Ok(new)
}

async fn shown(conn: &mut Conn, application: &Application, secret: Option<&Secret>) -> Result<Value> {
    let secrets = applications::secrets(conn, application.id).await?;
    let scopes = application.user_scopes.iter().map(|s| (s.as_str(), USER));
    let scopes = scopes.chain(application.application_scopes.iter().map(|s| (s.as_str(), APPLICATION)));
    Ok(json!({
        "id": application.key,
        "name": application.name,
        "isConfidential": application.is_confidential,
        "redirectUri": application.redirect_uris.join(","),
        // Told once, to the one who made it.
        "secret": secret.map(Secret::reveal),
        "creationTime": time::iso(application.created_at),
        "resources": by_resource(scopes),
        "secrets": secrets.iter().map(|s| secret_json(s, None)).collect::<Vec<_>>(),
    }))
}

fn secret_json(info: &SecretInfo, secret: Option<&Secret>) -> Value {
    json!({
        "id": info.id,
        "description": info.description,
        "secret": secret.map(Secret::reveal),
        "creationTime": time::iso(info.created_at),
        "expiryTime": info.expires_at.map(time::iso),
    })
}

/// Scopes grouped by the API they belong to.
fn by_resource<'a>(scopes: impl Iterator<Item = (&'a str, i64)>) -> Vec<Value> {
    let mut groups: Vec<(&str, &str, Vec<Value>)> = vec![
        ("UiPath.Orchestrator", "Orchestrator API Access", Vec::new()),
        ("UiPath.PlatformManagement", "Platform Management API Access", Vec::new()),
        ("UiPath.Other", "Other", Vec::new()),
    ];
    for (scope, kind) in scopes {
        let at = if scope.starts_with("OR.") {
            0
        } else if scope.starts_with("PM.") {
            1
        } else {
            2
        };
        if let Some((_, _, list)) = groups.get_mut(at) {
            list.push(json!({"name": scope, "displayName": scope, "description": "", "type": kind}));
        }
    }
    let full = groups.into_iter().filter(|(_, _, list)| !list.is_empty());
    full.map(|(name, display, list)| {
        let mut group = Map::new();
        group.insert("name".into(), json!(name));
        group.insert("displayName".into(), json!(display));
        group.insert("description".into(), json!(""));
        group.insert("scopes".into(), Value::Array(list));
        Value::Object(group)
    })
    .collect()
}

async fn resources(_call: &mut Call) -> Result<Output> {
    let kinds = |scope: &'static str| {
        let user = (scope != scopes::BY_ROLES).then_some((scope, USER));
        user.into_iter().chain([(scope, APPLICATION)])
    };
    Ok(Output::json(by_resource(scopes::resources().flat_map(kinds))))
}
