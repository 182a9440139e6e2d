//! Answers that only the identity service gives: its results with `succeeded` and `errors`, and its validation form.
//! Both carry `message` and `errorCode` as well when they tell of a failure, like every other error body.

use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::DbError;
use serde_json::{Map, Value, json};

/// Why a handler stops early: an error for the usual envelope, or an answer of its own.
pub(super) enum Stop {
    Error(Error),
    Answer(Box<Output>),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Stop {
        Stop::Error(error.into())
    }
}

impl Stop {
    /// Turns an early end back into what a handler answers.
    pub(super) async fn caught(work: impl Future<Output = Result<Output, Stop>>) -> Result<Output> {
        match work.await {
            Ok(output) => Ok(output),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Answer(output)) => Ok(*output),
        }
    }

    /// A failure that the identity service tells with its own code.
    pub(super) fn failed(code: &str, text: impl Into<String>) -> Stop {
        failures(&[(code, text.into())])
    }
}

/// Several failures at once.
pub(super) fn failures(errors: &[(&str, String)]) -> Stop {
    Stop::Answer(Box::new(Output::json(failed_json(errors)).status(400)))
}

/// The body of a failure.
pub(super) fn failed_json(errors: &[(&str, String)]) -> Value {
    let list: Vec<Value> = errors.iter().map(|(code, text)| json!({"code": code, "description": text})).collect();
    let message = errors.first().map_or("The request was not carried out.", |(_, text)| text.as_str());
    json!({"succeeded": false, "errors": list, "message": message, "errorCode": codes::INVALID_ARGUMENT})
}

/// The body of a success.
pub(super) fn succeeded() -> Value {
    json!({"succeeded": true, "errors": []})
}

/// The validation form: what is wrong, member by member.
pub(super) fn invalid(call: &Call, problems: Vec<(String, String)>) -> Stop {
    let message = problems.first().map(|(_, text)| text.clone()).unwrap_or_default();
    let mut errors = Map::new();
    for (member, text) in problems {
        let list = errors.entry(member).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::String(text));
        }
    }
    let body = json!({
        "errors": errors,
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "Members of the request are not valid.",
        "status": 400,
        "traceId": call.trace_id,
        "message": message,
        "errorCode": codes::INVALID_REQUEST,
    });
    Stop::Answer(Box::new(Output::json(body).status(400)))
}
