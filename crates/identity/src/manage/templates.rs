//! `/api/MessageTemplate`: texts of messages, of the caller's organization.

use super::{at_home, scoped};
use crate::templates::{self, Template};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result};
use serde_json::{Value, json};

const READ: [&str; 2] = ["PM.MessageTemplate", "PM.MessageTemplate.Read"];
const WRITE: [&str; 2] = ["PM.MessageTemplate", "PM.MessageTemplate.Write"];

/// Registers the operations.
pub fn register(r: &mut Registry) {
    scoped(r.serve("MessageTemplate_GetTemplate", by_name), &READ).also(&[400, 403, 404]);
    scoped(r.serve("MessageTemplate_GetTemplate_By_Id", by_id), &READ).also(&[403, 404]);
    scoped(r.serve("MessageTemplate_UpdateTemplate", update), &WRITE).also(&[400, 403, 404]);
}

fn shown(template: &Template) -> Value {
    json!({"id": template.id, "name": template.name, "value": template.value})
}

/// The template that the path names. What is no number names none.
fn id(call: &Call) -> Result<i64> {
    call.int_argument("templateId").map_err(|_| Error::not_found("Template"))
}

async fn by_name(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let name = call.query("name").ok_or_else(|| Error::argument("The parameter name is missing."))?.to_owned();
    let found = templates::by_name(&mut call.read().await?, organization, &name).await?;
    Ok(Output::json(shown(&found.ok_or_else(|| Error::not_found("Template"))?)))
}

async fn by_id(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let found = templates::by_id(&mut call.read().await?, organization, id(call)?).await?;
    Ok(Output::json(shown(&found.ok_or_else(|| Error::not_found("Template"))?)))
}

async fn update(call: &mut Call) -> Result<Output> {
    let organization = at_home(call).await?;
    let (id, body) = (id(call)?, call.body());
    if body.int("id").is_some_and(|other| other != id && other != 0) {
        return Err(Error::argument("The ids in path and body differ."));
    }
    let value = body.text("value").ok_or_else(|| Error::argument("The field value is required."))?;
    let mut unit = call.begin().await?;
    let template = templates::change(&mut unit, organization, id, value).await?;
    unit.commit().await?;
    Ok(Output::json(shown(&template)))
}
