//! The one error type of operations: what the caller is told (status, code, message) and, apart from it,
//! what the log is told.

use crate::codes;
use std::fmt;

/// Result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. The public half goes into the error envelope; the internal half only into the log.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: u16,
    code: i32,
    message: String,
    internal: Option<String>,
    retry_after: Option<u32>,
    repeatable: bool,
}

impl Error {
    /// An error with a status, a code (0: none) and a message for the caller.
    pub fn new(status: u16, code: i32, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            status,
            code,
            message: message.into(),
            internal: None,
            retry_after: None,
            repeatable: false,
        }))
    }

    /// 400: the body did not bind; `parameter` is the name of what was expected.
    pub fn unbound(parameter: &str) -> Error {
        Error::new(400, 0, format!("{parameter} must not be null"))
    }

    /// 400 with code 1009: an argument is wrong.
    pub fn argument(message: impl Into<String>) -> Error {
        Error::new(400, codes::INVALID_ARGUMENT, message)
    }

    /// 400 with code 1000: the request is wrong.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(400, codes::INVALID_REQUEST, message)
    }

    /// 404 with code 1002: no such thing here. `what` is its kind, for example `Asset`.
    pub fn not_found(what: &str) -> Error {
        Error::new(404, codes::ITEM_NOT_FOUND, format!("{what} does not exist."))
    }

    /// 409 with a code.
    pub fn conflict(code: i32, message: impl Into<String>) -> Error {
        Error::new(409, code, message)
    }

    /// 409 with code 1001: the name is taken.
    pub fn name_taken(name: &str) -> Error {
        let shown: String = name.chars().take(100).collect();
        Error::conflict(codes::NAME_ALREADY_USED, format!("The name {shown} is already used."))
    }

    /// 401: nobody is signed in, or the credential is not valid.
    pub fn unauthenticated() -> Error {
        Error::new(401, 0, "You are not authenticated!")
    }

    /// 403: a permission is missing.
    pub fn forbidden() -> Error {
        Error::new(403, 0, "You are not authorized!")
    }

    /// 400 with code 1100: the folder is unknown, or not the caller's; the answer does not tell which.
    pub fn folder() -> Error {
        Error::new(
            400,
            codes::INVALID_ORGANIZATION_UNIT,
            "Folder does not exist or the user does not have access to the folder.",
        )
    }

    /// 500: our fault. The caller is told nothing but that; the text goes to the log.
    pub fn internal(text: impl Into<String>) -> Error {
        let mut error = Error::new(500, 0, "An error has occurred.");
        error.0.internal = Some(text.into());
        error
    }

    /// 503: cannot be served at present; may be tried again.
    pub fn unavailable(text: impl Into<String>) -> Error {
        let mut error =
            Error::new(503, codes::SERVICE_UNAVAILABLE, "The service cannot do this at the moment. Try again later.");
        error.0.internal = Some(text.into());
        error.0.retry_after = Some(2);
        error
    }

    /// 503 after a clash with another transaction; the dispatcher repeats the operation before it answers so.
    pub fn clash() -> Error {
        let mut error = Error::unavailable("two transactions clashed");
        error.0.repeatable = true;
        error
    }

    /// Adds a text for the log.
    #[must_use]
    pub fn because(mut self, text: impl fmt::Display) -> Error {
        self.0.internal = Some(text.to_string());
        self
    }

    /// Tells the caller after how many seconds to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Error {
        self.0.retry_after = Some(seconds);
        self
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Number for the envelope's `errorCode`.
    pub fn code(&self) -> i32 {
        self.0.code
    }

    /// Text for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Text for the log.
    pub fn internal_text(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }

    /// Seconds for the `Retry-After` header.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.0.retry_after
    }

    /// Whether the whole operation may be tried again at once.
    pub fn is_repeatable(&self) -> bool {
        self.0.repeatable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {}): {}", self.0.status, self.0.code, self.0.message)?;
        match &self.0.internal {
            Some(text) => write!(f, " [{text}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
