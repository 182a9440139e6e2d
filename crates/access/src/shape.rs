//! `$select` for single objects that are computed.

use bandmaster_api::output::Content;
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result};
use serde_json::{Map, Value};

/// The members of an object that the request's options select; 400 for names that it does not have.
pub fn selected(call: &Call, object: Value) -> Result<Map<String, Value>> {
    let Output { content, .. } = call.computed("", vec![object])?;
    match content {
        Content::Page { mut rows, .. } => match rows.pop() {
            Some(Value::Object(map)) => Ok(map),
            // A filter on a single object may leave nothing of it.
            _ => Err(Error::invalid("Invalid OData query options: the condition leaves nothing.")),
        },
        _ => Ok(Map::new()),
    }
}
