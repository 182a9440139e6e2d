//! Naming providers: for administrators of the organization. A secret goes in and never comes out.

use super::discovery::{known, tried};
use super::provider::{self, Provider, Wanted, address};
use super::start::redirect_uri;
use crate::builtin;
use crate::groups;
use crate::manage::at_home;
use crate::organizations;
use bandmaster_api::{Call, Fields, Output, Registry, own};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, Secret, time};
use bandmaster_store::Conn;
use serde_json::{Value, json};

const PATH: &str = "/identity/api/IdentityProvider";
const READ: &str = "PM.AuthSetting,PM.AuthSetting.Read";
const WRITE: &str = "PM.AuthSetting,PM.AuthSetting.Write";

/// Registers the operations.
pub(super) fn register(r: &mut Registry) {
    r.types(
        "type IdentityProvider\n  id uuid\n  name string\n  issuer string\n  clientId string\n  hasSecret bool\n  scopes string\n  createAccounts bool\n  groupIds [uuid]\n  isEnabled bool\n  redirectUri string\n  createdOn datetime\n  updatedOn datetime\n\
         type IdentityProviderList\n  results [IdentityProvider]\n\
         type IdentityProviderRequest\n  partitionGlobalId uuid\n  name string\n  issuer string\n  clientId string\n  clientSecret string\n  scopes string\n  createAccounts bool\n  groupIds [uuid]\n  isEnabled bool\n\
         type IdentityProviderCheck\n  succeeded bool\n  error string\n",
    );
    let row =
        |id: &str, method: &str, path: &str, scopes: &str| own(id, method, path).tag("IdentityProvider").scopes(scopes);
    let one = format!("{PATH}/{{providerId}}");
    let check = format!("{one}/check");
    r.add(row("IdentityProvider_GetAll", "GET", PATH, READ).returns(200, "IdentityProviderList"), all).also(&[403]);
    r.add(
        row("IdentityProvider_Create", "POST", PATH, WRITE)
            .body("IdentityProviderRequest")
            .returns(201, "IdentityProvider"),
        create,
    )
    .also(&[400, 403, 409]);
    r.add(
        row("IdentityProvider_Get", "GET", &one, READ).path("providerId", "uuid").returns(200, "IdentityProvider"),
        get,
    )
    .also(&[403, 404]);
    r.add(
        row("IdentityProvider_Update", "PUT", &one, WRITE)
            .path("providerId", "uuid")
            .body("IdentityProviderRequest")
            .returns(200, "IdentityProvider"),
        update,
    )
    .also(&[400, 403, 404, 409]);
    r.add(row("IdentityProvider_Delete", "DELETE", &one, WRITE).path("providerId", "uuid").returns(204, "-"), delete)
        .also(&[403, 404]);
    r.add(
        row("IdentityProvider_Check", "POST", &check, WRITE)
            .path("providerId", "uuid")
            .returns(200, "IdentityProviderCheck"),
        check_one,
    )
    .reads()
    .also(&[403, 404, 503]);
}

fn shown(call: &Call, provider: &Provider) -> Value {
    json!({
        "id": provider.key,
        "name": provider.name,
        "issuer": provider.issuer,
        "clientId": provider.client_id,
        "hasSecret": provider.has_secret(),
        "scopes": provider.scopes,
        "createAccounts": provider.creates_accounts,
        "groupIds": provider.groups,
        "isEnabled": provider.is_enabled,
        "redirectUri": redirect_uri(call),
        "createdOn": time::iso(provider.created_at),
        "updatedOn": time::iso(provider.updated_at),
    })
}

/// The provider of the path, in the caller's own organization.
async fn named(call: &Call, conn: &mut Conn, organization_id: i64) -> Result<Provider> {
    let key = call.argument("providerId").and_then(parse_guid);
    let found = match key {
        Some(key) => provider::by_key(conn, &key).await?.filter(|p| p.organization_id == organization_id),
        None => None,
    };
    found.ok_or_else(|| Error::not_found("Provider"))
}

fn text(fields: &Fields<'_>, name: &str, most: usize) -> Result<Option<String>> {
    let Some(text) = fields.text(name).map(str::trim) else { return Ok(None) };
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Error::argument(format!("The field {name} has 1 to {most} characters.")));
    }
    Ok(Some(text.to_owned()))
}

fn needed(value: Option<String>, name: &str) -> Result<String> {
    value.ok_or_else(|| Error::argument(format!("The field {name} is required.")))
}

/// Scopes as words, `openid` among them.
fn scopes(text: &str) -> Result<String> {
    let fits = |w: &str| w.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let words: Vec<&str> = text.split_whitespace().collect();
    if !words.iter().all(|w| fits(w)) || !words.contains(&"openid") {
        return Err(Error::argument(
            "The field scopes lists words of a request for scopes; openid must be one of them.",
        ));
    }
    Ok(words.join(" "))
}

/// What the body wants, over what there is. In units: the groups are looked up.
async fn wanted(conn: &mut Conn, organization_id: i64, body: Fields<'_>, before: Option<&Provider>) -> Result<Wanted> {
    let listed = match (body.get("groupIds"), before) {
        (None, Some(before)) => before.groups.clone(),
        _ => body.list("groupIds").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    if listed.len() > 50 {
        return Err(Error::argument("The field groupIds has at most 50 elements."));
    }
    let given = body.get("groupIds").is_some();
    let mut keys = Vec::new();
    for text in listed {
        let group = match parse_guid(&text) {
            Some(key) => groups::by_key(conn, organization_id, &key).await?,
            None => None,
        };
        match group {
            Some(group) if group.name == builtin::ADMINISTRATORS => {
                return Err(Error::argument("Nobody becomes an administrator by signing in."));
            }
            Some(group) if keys.contains(&group.key) => {}
            Some(group) => keys.push(group.key),
            // What was named earlier may be gone since.
            None if !given => {}
            None => return Err(Error::argument("The field groupIds names a group that does not exist.")),
        }
    }
    let old = |of: fn(&Provider) -> String| before.map(of);
    let secret = match body.given("clientSecret") {
        None => None,
        Some(Value::String(text)) if text.len() > 1_000 => {
            return Err(Error::argument("The field clientSecret has at most 1000 characters."));
        }
        Some(value) => Some(Secret::new(value.as_str().unwrap_or_default())),
    };
    Ok(Wanted {
        name: needed(text(&body, "name", 64)?.or(old(|p| p.name.clone())), "name")?,
        client_id: needed(text(&body, "clientId", 256)?.or(old(|p| p.client_id.clone())), "clientId")?,
        secret,
        scopes: match text(&body, "scopes", 1_000)? {
            Some(text) => scopes(&text)?,
            None => old(|p| p.scopes.clone()).unwrap_or_else(|| "openid email profile".into()),
        },
        creates_accounts: body.bool("createAccounts").or(before.map(|p| p.creates_accounts)).unwrap_or(false),
        groups: keys,
        is_enabled: body.bool("isEnabled").or(before.map(|p| p.is_enabled)).unwrap_or(true),
    })
}

/// The organization that the body names must be the caller's own.
async fn own_organization(call: &Call, conn: &mut Conn) -> Result<i64> {
    let organization = at_home(call).await?;
    if let Some(named) = call.body().filled("partitionGlobalId") {
        let found = organizations::find(conn, named).await?;
        if found.is_none_or(|o| o.id != organization) {
            return Err(Error::forbidden());
        }
    }
    Ok(organization)
}

async fn all(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let list = provider::all(&mut call.read().await?, organization).await?;
    let results: Vec<Value> = list.iter().map(|p| shown(call, p)).collect();
    Ok(Output::json(json!({"results": results})))
}

async fn get(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let found = named(call, &mut call.read().await?, organization).await?;
    Ok(Output::json(shown(call, &found)))
}

async fn create(call: &mut Call) -> Result<Output> {
    let organization = own_organization(call, &mut call.read().await?).await?;
    let body = call.body();
    let issuer = needed(text(&body, "issuer", 1_000)?, "issuer")?;
    if address(&issuer).is_none_or(|url| url.query().is_some()) {
        return Err(Error::argument("The field issuer is an https address without a query."));
    }
    let mut unit = call.begin().await?;
    let new = wanted(&mut unit, organization, call.body(), None).await?;
    let made = provider::insert(&mut unit, &call.app, organization, &issuer, &new).await?;
    unit.commit().await?;
    Ok(Output::json(shown(call, &made)).status(201))
}

async fn update(call: &mut Call) -> Result<Output> {
    let organization = own_organization(call, &mut call.read().await?).await?;
    let mut unit = call.begin().await?;
    let before = named(call, &mut unit, organization).await?;
    if call.body().filled("issuer").is_some_and(|i| i.trim() != before.issuer) {
        return Err(Error::argument(
            "The issuer cannot change: accounts are linked to it. Name another provider instead.",
        ));
    }
    let new = wanted(&mut unit, organization, call.body(), Some(&before)).await?;
    let after = provider::update(&mut unit, &call.app, &before, &new).await?;
    unit.commit().await?;
    Ok(Output::json(shown(call, &after)))
}

async fn delete(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let mut unit = call.begin().await?;
    let found = named(call, &mut unit, organization).await?;
    provider::delete(&mut unit, &found).await?;
    unit.commit().await?;
    Ok(Output::empty().status(204))
}

/// Whether the provider answers as it should, in words.
async fn check_one(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let found = named(call, &mut call.read().await?, organization).await?;
    let known = known(&call.app)?;
    let Some(_line) = known.line(&found) else { return Err(Error::unavailable("the provider is slow")) };
    let error = tried(known, &call.app, &found).await?.err().map(|unfit| unfit.0);
    Ok(Output::json(json!({"succeeded": error.is_none(), "error": error})))
}
