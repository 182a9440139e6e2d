//! Sorting PostgreSQL's errors into [`DbError`].

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::error::{DbError, excerpt};

/// The error without a statement.
pub(crate) fn plain(error: &Error) -> DbError {
    of_statement(error, "")
}

/// The error of a statement. Details and hints are left out: they quote values.
pub(crate) fn of_statement(error: &Error, sql: &str) -> DbError {
    let Some(db) = error.as_db_error() else {
        return without_code(error, sql);
    };
    let code = db.code();
    match code {
        c if *c == SqlState::UNIQUE_VIOLATION => {
            DbError::Unique { constraint: db.constraint().unwrap_or("").to_owned() }
        }
        c if *c == SqlState::FOREIGN_KEY_VIOLATION || *c == SqlState::RESTRICT_VIOLATION => DbError::ForeignKey,
        c if *c == SqlState::CHECK_VIOLATION
            || *c == SqlState::NOT_NULL_VIOLATION
            || *c == SqlState::RAISE_EXCEPTION =>
        {
            DbError::Check
        }
        c if *c == SqlState::T_R_SERIALIZATION_FAILURE
            || *c == SqlState::T_R_DEADLOCK_DETECTED
            || *c == SqlState::LOCK_NOT_AVAILABLE
            || is_stale_plan(error) =>
        {
            DbError::Conflict
        }
        c if *c == SqlState::QUERY_CANCELED => DbError::Interrupted,
        c if *c == SqlState::CHARACTER_NOT_IN_REPERTOIRE || *c == SqlState::UNTRANSLATABLE_CHARACTER => {
            DbError::BadText
        }
        c if unavailable(c.code()) => DbError::Unavailable(db.message().to_owned()),
        // Messages of this class name tables and columns; others may quote values.
        c if c.code().starts_with("42") => internal(db.message(), sql),
        c => internal(&format!("SQLSTATE {}", c.code()), sql),
    }
}

/// A prepared statement that no longer fits the tables, or is unknown to the
/// server: preparing it anew helps.
pub(crate) fn is_stale_plan(error: &Error) -> bool {
    let Some(db) = error.as_db_error() else {
        return false;
    };
    let code = db.code();
    (*code == SqlState::FEATURE_NOT_SUPPORTED && db.routine() == Some("RevalidateCachedQuery"))
        || *code == SqlState::INVALID_SQL_STATEMENT_NAME
}

fn unavailable(code: &str) -> bool {
    // connection, authorisation, resources, operator, system, then: a transaction
    // the server ended for being idle, no such database, two kinds of corruption
    ["08", "28", "53", "57", "58", "25P03", "3D000", "XX001", "XX002"].iter().any(|class| code.starts_with(class))
}

fn without_code(error: &Error, sql: &str) -> DbError {
    let text = error.to_string();
    if text.starts_with("error serializing parameter")
        || text.starts_with("expected")
        || text.starts_with("invalid con")
    {
        let cause = error.source().map(|e| format!(": {e}")).unwrap_or_default();
        return internal(&format!("{text}{cause}"), sql);
    }
    if text.starts_with("error deserializing column") {
        let cause = error.source().map(ToString::to_string);
        return DbError::Decode(cause.unwrap_or(text));
    }
    // Everything else is of the connection.
    let cause = error.source().map(|e| format!(": {e}")).unwrap_or_default();
    DbError::Unavailable(format!("{text}{cause}"))
}

fn internal(message: &str, sql: &str) -> DbError {
    if sql.is_empty() {
        DbError::Internal(message.to_owned())
    } else {
        DbError::Internal(format!("{message} in: {}", excerpt(sql)))
    }
}
