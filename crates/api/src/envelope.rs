//! Error bodies. Every family carries `message` and `errorCode` beside its own members, so that one reader
//! serves all of them.

use bandmaster_core::Error;
use serde_json::{Value, json};

/// Which family of error body a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Orchestrator's own.
    Orchestrator,
    /// The identity service's problem details (RFC 9457).
    Identity,
}

/// The body of an error.
pub fn body(error: &Error, family: Family, trace_id: &str) -> Value {
    let (status, code, message) = (error.status(), error.code(), error.message());
    match (family, status) {
        (Family::Identity, _) => json!({
            "type": "about:blank",
            "title": message,
            "status": status,
            "errors": {},
            "traceId": trace_id,
            "message": message,
            "errorCode": code,
        }),
        (Family::Orchestrator, 401 | 403) => {
            let details = if status == 401 {
                "Sign in and send a valid access token."
            } else {
                "You may not perform this operation."
            };
            json!({
                "message": message,
                "errorCode": code,
                "traceId": trace_id,
                "result": null,
                "targetUrl": null,
                "success": false,
                "error": {"code": code, "message": message, "details": details, "validationErrors": null},
                "unAuthorizedRequest": true,
                "__abp": true,
            })
        }
        (Family::Orchestrator, _) => json!({
            "message": message,
            "errorCode": code,
            "traceId": trace_id,
            "resourceIds": null,
        }),
    }
}

/// The body of a refusal for want of a scope.
pub fn scope_body(accepted: &[String], held: &str, trace_id: &str) -> Value {
    let wanted = accepted.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(" or ");
    let message = format!("Scope(s) '{held}' is(are) invalid. Expect to have {wanted}.");
    json!({"errorMessage": message, "message": message, "errorCode": 0, "traceId": trace_id})
}
