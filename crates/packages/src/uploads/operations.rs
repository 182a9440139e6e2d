//! Answers to uploads: one row a file, or the error itself when the only file failed.

use super::form::receive;
use super::publish::{Failure, Publisher, publish};
use crate::feeds::{self, Feed, Purpose};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use serde_json::{Map, Value, json};

/// The context of the answer.
const SET: &str = "Collection(UiPath.Server.Configuration.OData.BulkItemDtoOfString)";

/// `POST …UploadPackage`
pub(super) async fn upload(call: &mut Call, purpose: Purpose) -> Result<Output> {
    let feed = feeds::of_call(call, purpose, "Create").await?;
    // Options that cannot be honoured must not be found out after the packages are in.
    call.computed(SET, Vec::new())?;
    let uploads = receive(call, true).await?;
    let only = uploads.len() == 1;
    let mut rows = Vec::with_capacity(uploads.len());
    let mut failed = false;
    for upload in uploads {
        match one(call, &feed, upload.file).await {
            Ok(shown) => rows.push(success(&shown)),
            Err(failure) if only || failure.error.status() >= 500 => return Err(failure.error),
            Err(failure) => {
                failed = true;
                rows.push(refusal(&upload.name, &failure));
            }
        }
    }
    let status = if failed || purpose == Purpose::Libraries { 207 } else { 200 };
    Ok(call.computed(SET, rows)?.status(status))
}

async fn one(call: &Call, feed: &Feed, file: Result<crate::files::Arrived>) -> Result<Map<String, Value>, Failure> {
    match file {
        Ok(arrived) => publish(&Publisher::Caller(call), feed, arrived).await,
        Err(error) => Err(Failure { key: None, error }),
    }
}

/// The row of a file that became a version. Clients read the body as JSON.
fn success(shown: &Map<String, Value>) -> Value {
    json!({"Key": shown.get("Key"), "Status": "OK", "Body": Value::Object(shown.clone()).to_string()})
}

fn refusal(name: &str, failure: &Failure) -> Value {
    let status = match failure.error.status() {
        404 => "NotFound",
        409 => "Conflict",
        413 => "RequestEntityTooLarge",
        _ => "BadRequest",
    };
    json!({"Key": failure.key.as_deref().unwrap_or(name), "Status": status, "Body": failure.error.message()})
}
