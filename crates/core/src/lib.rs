//! The small things that every part of the server needs and none owns: time, randomness and ids
//! (injected, so that tests decide them), errors and their codes, secrets and their sealing, and the
//! principal on whose behalf a request runs. No I/O lives here.

pub mod clock;
pub mod codes;
pub mod csv;
pub mod error;
pub mod ids;
pub mod principal;
pub mod seal;
pub mod secret;
pub mod text;
pub mod time;

pub use clock::{Clock, MovableClock, SystemClock};
pub use error::{Error, Result};
pub use ids::{Ids, RandomIds, SeededIds};
pub use principal::{Principal, PrincipalKind, Scopes};
pub use seal::{KeyRing, Sealed};
pub use secret::Secret;
