//! Errors of the endpoints that programs call, in the form of RFC 6749, section 5.2.

use bandmaster_api::Output;
use bandmaster_core::{Error, codes};
use serde_json::json;

/// Why an endpoint refused.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the protocol.
    OAuth {
        /// Its code.
        error: &'static str,
        /// Text for people.
        text: String,
        /// HTTP status.
        status: u16,
        /// The client used the Authorization header and is told so (RFC 6749, section 5.2).
        challenge: bool,
    },
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Other(error)
    }
}

impl From<bandmaster_store::DbError> for Failure {
    fn from(error: bandmaster_store::DbError) -> Failure {
        Failure::Other(error.into())
    }
}

/// What the parts of an endpoint answer.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// A refusal with status 400.
pub(crate) fn refuse(error: &'static str, text: impl Into<String>) -> Failure {
    Failure::OAuth { error, text: text.into(), status: 400, challenge: false }
}

/// The request is malformed.
pub(crate) fn invalid_request(text: impl Into<String>) -> Failure {
    refuse("invalid_request", text)
}

/// The grant (code, refresh token, password) is not valid; the text does not tell why.
pub(crate) fn invalid_grant() -> Failure {
    refuse("invalid_grant", "The grant is not valid, has ended or was issued to another client.")
}

/// The client did not prove who it is; unknown clients and wrong secrets look alike.
pub(crate) fn invalid_client(by_header: bool) -> Failure {
    Failure::OAuth {
        error: "invalid_client",
        text: "The client is unknown, or its secret does not fit.".into(),
        status: if by_header { 401 } else { 400 },
        challenge: by_header,
    }
}

/// The answer of an endpoint.
pub(crate) fn answered(outcome: Outcome<Output>) -> bandmaster_core::Result<Output> {
    match outcome {
        Ok(output) => Ok(output.header("pragma", "no-cache")),
        Err(Failure::Other(error)) => Err(error),
        Err(Failure::OAuth { error, text, status, challenge }) => {
            let body = json!({
                "error": error,
                "error_description": text,
                "message": text,
                "errorCode": codes::INVALID_REQUEST,
            });
            let output = Output::json(body).status(status);
            Ok(if challenge { output.header("www-authenticate", "Basic realm=\"identity\"") } else { output })
        }
    }
}
