//! Breaking off between two statements, as a process that dies there would: what was not committed is undone.
//!
//! Armed for the calling thread only, so it reaches what runs on a current-thread runtime.

use crate::error::DbError;
use std::cell::Cell;

thread_local! {
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// After that many more statements (a commit is one) every further one of this thread fails, until [`disarm`].
pub fn break_after(statements: u64) {
    LEFT.set(Some(statements));
}

/// Ends it; whether it has struck.
pub fn disarm() -> bool {
    LEFT.take() == Some(0)
}

/// Asked before each statement.
pub(crate) fn strike() -> Result<(), DbError> {
    match LEFT.get() {
        None => Ok(()),
        Some(0) => Err(DbError::Unavailable("broken off by a test".to_owned())),
        Some(left) => {
            LEFT.set(Some(left - 1));
            Ok(())
        }
    }
}
