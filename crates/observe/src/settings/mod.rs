//! Settings: names with text values, at the level of the installation, a tenant or a user. Reading gives the nearest
//! value, else the built-in default; secrets are written but never read back.

mod catalogue;
mod execution;
mod license;
mod lists;
mod services;
mod values;
mod write;
pub mod zones;

pub use values::{Effective, effective, secret};

use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Error, Result};
use bandmaster_store::fold;
use serde_json::{Map, Value, json};

const ODATA: &str = "UiPath.Server.Configuration.OData";

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("Settings_Get", list);
    r.serve("Settings_GetById", one).also(&[404]);
    r.serve("Settings_PutById", write::one);
    r.serve("Settings_UpdateBulk", write::many);
    r.serve("Settings_DeleteBulk", write::remove);
    r.serve("Settings_UpdateUserSetting", write::own_value);
    r.serve("Settings_GetActivitySettings", activity);
    r.serve("Settings_GetWebSettings", web);
    r.serve("Settings_GetAuthenticationSettings", authentication);
    r.serve("Settings_GetTimezones", lists::time_zones);
    r.serve("Settings_GetLanguages", lists::languages);
    r.serve("Settings_GetExecutionSettingsConfigurationByScope", execution::configuration);
    r.serve("Settings_GetUpdateSettings", update);
    r.serve("Settings_GetLicense", license::license);
    let services = own("Settings_GetServicesSettings", "GET", &format!("/odata/Settings/{ODATA}.GetServicesSettings"))
        .returns(200, "ResponseDictionaryDto");
    r.add(services, services::settings).refuses_more();
}

async fn list(call: &mut Call) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let values = values::effective(&mut call.read().await?, tenant, call.user_id()).await?;
    let rows = values
        .into_iter()
        .map(|v| {
            let value = if catalogue::is_secret(&v.name) { String::new() } else { v.value };
            json!({"Name": v.name, "Value": value, "Scope": v.scope, "Id": v.name})
        })
        .collect();
    call.computed("Settings", rows)
}

async fn one(call: &mut Call) -> Result<Output> {
    // The options are checked though there is nothing to apply them to.
    call.options()?;
    let name = call.need_argument("key")?.to_owned();
    let tenant = call.tenant_id()?;
    let values = values::effective(&mut call.read().await?, tenant, call.user_id()).await?;
    let folded = fold(&name);
    let found = values.into_iter().find(|v| fold(&v.name) == folded);
    let found = found.ok_or_else(|| Error::not_found("Setting"))?;
    let value = if catalogue::is_secret(&found.name) { String::new() } else { found.value };
    Ok(Output::scalar("Edm.String", value))
}

async fn activity(call: &mut Call) -> Result<Output> {
    let mut value = Map::new();
    value.insert("ApiVersion".into(), json!(call.app.settings.api_version));
    // There is no SignalR hub; an empty address tells clients to do without.
    value.insert("SignalR".into(), json!({"url": "", "skipNegotiation": false}));
    Ok(Output::complex("ActivitySettingsDto", value))
}

fn dictionary(pairs: Vec<(String, String)>) -> Output {
    let (keys, values): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
    let mut value = Map::new();
    value.insert("Keys".into(), json!(keys));
    value.insert("Values".into(), json!(values));
    Output::complex("ResponseDictionaryDto", value)
}

async fn web(call: &mut Call) -> Result<Output> {
    let tenant = call.tenant_id()?;
    let values = values::effective(&mut call.read().await?, tenant, call.user_id()).await?;
    let shown = |name: &str| {
        let prefixes = ["Abp.Localization.", "Abp.Timing.", "Features.", "Scalability.", "Webhooks."];
        prefixes.iter().any(|p| name.starts_with(p)) && !catalogue::is_secret(name)
    };
    let mut pairs: Vec<(String, String)> =
        values.into_iter().filter(|v| shown(&v.name)).map(|v| (v.name, v.value)).collect();
    pairs.push(("Application.Version".into(), call.app.settings.product_version.clone()));
    pairs.push(("Application.ApiVersion".into(), call.app.settings.api_version.clone()));
    Ok(dictionary(pairs))
}

/// What a sign-in page needs; read before anybody is signed in, hence nothing of a tenant's own.
async fn authentication(_call: &mut Call) -> Result<Output> {
    let pairs = catalogue::SETTINGS
        .iter()
        .filter(|s| s.name.starts_with("Auth."))
        .map(|s| (s.name.to_owned(), s.default.to_owned()))
        .collect();
    Ok(dictionary(pairs))
}

async fn update(_call: &mut Call) -> Result<Output> {
    let value = json!({"UpdateServerSource": "Orchestrator", "UpdateServerUrl": null, "PollingInterval": 0});
    Ok(Output::complex("UpdateSettingsDto", as_map(value)))
}

pub(crate) fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
