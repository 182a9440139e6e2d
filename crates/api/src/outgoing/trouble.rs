//! Why something outside was not reached, in words of ours: what the other side says may repeat secrets.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Not an absolute http or https address without a password in it, or longer than 2,000 characters.
    NoAddress,
    /// The name has no address.
    Unknown,
    /// An address that is neither public nor allowed by the configuration.
    NotAllowed,
    /// Nobody listens there.
    Refused,
    /// No way there.
    Unreachable,
    /// It took too long.
    TooLong,
    /// No trusted TLS connection.
    Tls,
    /// The answer is larger than asked for.
    TooLarge,
    /// What came back is no answer of the protocol.
    NotUnderstood,
}

impl Trouble {
    /// The words for a person.
    pub fn words(self) -> &'static str {
        match self {
            Trouble::NoAddress => "This is not an absolute http or https address.",
            Trouble::Unknown => "The host name cannot be resolved.",
            Trouble::NotAllowed => "The server's configuration does not allow connections to this address.",
            Trouble::Refused => "The connection was refused.",
            Trouble::Unreachable => "The host cannot be reached.",
            Trouble::TooLong => "The host took too long to answer.",
            Trouble::Tls => "No trusted TLS connection was possible.",
            Trouble::TooLarge => "The answer is too large.",
            Trouble::NotUnderstood => "The answer was not understood.",
        }
    }

    pub(super) fn of_io(error: &io::Error) -> Trouble {
        let inner = error.get_ref();
        if let Some(trouble) = inner.and_then(|e| e.downcast_ref::<Trouble>()) {
            return *trouble;
        }
        // The HTTP client wraps what TLS says once more.
        if let Some(wrapped) = inner.and_then(|e| e.downcast_ref::<io::Error>()) {
            return Trouble::of_io(wrapped);
        }
        match error.kind() {
            _ if inner.is_some_and(|e| e.is::<rustls::Error>()) => Trouble::Tls,
            io::ErrorKind::ConnectionRefused => Trouble::Refused,
            io::ErrorKind::TimedOut => Trouble::TooLong,
            _ => Trouble::Unreachable,
        }
    }

    pub(super) fn of_http(error: &reqwest::Error) -> Trouble {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(trouble) = error.downcast_ref::<Trouble>() {
                return *trouble;
            }
            if error.is::<rustls::Error>() {
                return Trouble::Tls;
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Trouble::of_io(error);
            }
            cause = error.source();
        }
        match () {
            () if error.is_timeout() => Trouble::TooLong,
            () if error.is_connect() => Trouble::Unreachable,
            () => Trouble::NotUnderstood,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl StdError for Trouble {}
