//! The arguments of a package's main entry point: read, and edited by hand.

use super::record::{self, main_entry};
use crate::feeds::{self, Purpose};
use bandmaster_api::query::refused;
use bandmaster_api::{Call, Change, Fields, Output};
use bandmaster_core::{Error, Result};
use bandmaster_odata::memory;
use bandmaster_store::params;
use serde_json::{Value, json};

/// `GET …GetArguments(key='Id:Version')`
pub(super) async fn get(call: &mut Call) -> Result<Output> {
    let feed = feeds::of_call(call, Purpose::Processes, "View").await?;
    let found = record::of_key(&mut call.read().await?, &feed, call.need_argument("key")?).await?;
    let shown = serde_json::from_str(&found.arguments).unwrap_or_else(|_| json!({"Input": null, "Output": null}));
    let options = call.options()?;
    let applied = match call.served.type_def("ArgumentMetadata") {
        Some(ty) => memory::apply_typed(&options, ty, vec![shown]),
        None => memory::apply(&options, vec![shown]),
    };
    match applied.map_err(|e| refused(&e))?.0.pop() {
        Some(Value::Object(members)) => Ok(Output::complex("ArgumentMetadata", members)),
        _ => Err(Error::internal("argument metadata is no object")),
    }
}

/// A list of arguments as JSON text; an empty text means none.
fn list<'a>(arguments: &Fields<'a>, name: &str) -> Result<Option<&'a str>> {
    let Some(text) = arguments.filled(name) else { return Ok(None) };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(_)) => Ok(Some(text)),
        _ => Err(Error::argument(format!("{name} is no list of arguments in JSON."))),
    }
}

/// `POST …SetArguments`: replaces the argument metadata of a version and of its main entry point. What the robot reads
/// from the package stays as it is.
pub(super) async fn set(call: &mut Call) -> Result<Output> {
    let feed = feeds::of_call(call, Purpose::Processes, "Edit").await?;
    let body = call.body();
    let key = body.need_text("key")?.to_owned();
    let arguments = body.fields("arguments").ok_or_else(|| Error::argument("The field arguments is required."))?;
    let (input, output) = (list(&arguments, "Input")?, list(&arguments, "Output")?);
    let text = json!({"Input": input, "Output": output}).to_string();
    let tenant = call.tenant_id()?;
    let mut unit = call.begin().await?;
    let version = record::of_key(&mut unit, &feed, &key).await?;
    let before = record::json(&mut unit, feed.purpose, tenant, version.id).await?;
    unit.execute("UPDATE package_versions SET arguments = $1 WHERE id = $2", params![text.as_str(), version.id])
        .await?;
    let entries = record::entries(&mut unit, version.id).await?;
    if let Some(entry) = main_entry(&version, &entries) {
        unit.execute(
            "UPDATE package_entry_points SET arguments = $1, input_arguments = $2, output_arguments = $3 WHERE id = $4",
            params![text.as_str(), input, output, entry.id],
        )
        .await?;
    }
    let after = record::json(&mut unit, feed.purpose, tenant, version.id).await?;
    let name = format!("{}:{}", version.package_id, version.version);
    unit.audit(Change {
        component: "Packages",
        action: "Update",
        id: Some(version.id),
        name: &name,
        before: before.map(Value::Object),
        after: after.map(Value::Object),
        ..Change::default()
    })
    .await?;
    unit.commit().await?;
    Ok(Output::empty())
}
