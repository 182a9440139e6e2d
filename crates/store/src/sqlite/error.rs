//! Sorting SQLite's errors into [`DbError`].

use rusqlite::ffi;
use rusqlite::{Connection, Error, ErrorCode};

use crate::error::{DbError, excerpt};

/// The error without a look at the schema.
pub(crate) fn plain(error: Error) -> DbError {
    classify(&error, "", None)
}

/// The error of a statement. With a connection the name of a violated unique
/// index is looked up.
pub(crate) fn of_statement(error: &Error, sql: &str, conn: &Connection) -> DbError {
    classify(error, sql, Some(conn))
}

fn classify(error: &Error, sql: &str, conn: Option<&Connection>) -> DbError {
    let (code, message) = match error {
        Error::SqliteFailure(code, message) => (code, message.as_deref().unwrap_or("")),
        Error::SqlInputError { error, msg, .. } => (error, msg.as_str()),
        other => return internal(&other.to_string(), sql),
    };
    match code.code {
        ErrorCode::ConstraintViolation => constraint(code.extended_code, message, sql, conn),
        ErrorCode::OperationInterrupted => DbError::Interrupted,
        ErrorCode::DiskFull => DbError::Unavailable("the disk is full".to_owned()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            DbError::Unavailable("the file is locked by another process".to_owned())
        }
        ErrorCode::SystemIoFailure => DbError::Unavailable(format!("input or output failed ({})", code.extended_code)),
        ErrorCode::OutOfMemory
        | ErrorCode::CannotOpen
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::PermissionDenied
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::NoLargeFileSupport => DbError::Unavailable(code.to_string()),
        _ => {
            let text = if message.is_empty() { code.to_string() } else { message.to_owned() };
            internal(&text, sql)
        }
    }
}

fn internal(message: &str, sql: &str) -> DbError {
    if sql.is_empty() {
        DbError::Internal(message.to_owned())
    } else {
        DbError::Internal(format!("{message} in: {}", excerpt(sql)))
    }
}

fn constraint(extended: i32, message: &str, sql: &str, conn: Option<&Connection>) -> DbError {
    match extended {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            DbError::Unique { constraint: unique_name(message, conn) }
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => DbError::ForeignKey,
        ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_NOTNULL | ffi::SQLITE_CONSTRAINT_TRIGGER => {
            DbError::Check
        }
        _ => internal(message, sql),
    }
}

/// SQLite names the columns (`t.a, t.b`) or, for an index on expressions, the
/// index; PostgreSQL names the index. The latter's names are given for both.
fn unique_name(message: &str, conn: Option<&Connection>) -> String {
    let what = message.rsplit(": ").next().unwrap_or(message);
    if let Some(index) = what.strip_prefix("index '") {
        return index.trim_end_matches('\'').to_owned();
    }
    let mut table = "";
    let mut columns = Vec::new();
    for part in what.split(", ") {
        if let Some((t, c)) = part.split_once('.') {
            table = t;
            columns.push(c.to_owned());
        }
    }
    if table.is_empty() {
        return what.to_owned();
    }
    conn.and_then(|c| index_of(c, table, &columns).ok().flatten())
        // The rowid itself has no index.
        .unwrap_or_else(|| format!("{table}_pkey"))
}

fn index_of(conn: &Connection, table: &str, columns: &[String]) -> Result<Option<String>, rusqlite::Error> {
    let mut indexes = conn.prepare_cached("SELECT name, origin FROM pragma_index_list(?1) WHERE \"unique\" = 1")?;
    let found: Vec<(String, String)> =
        indexes.query_map([table], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut info = conn.prepare_cached("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
    for (name, origin) in found {
        let of: Vec<Option<String>> = info.query_map([&name], |r| r.get(0))?.collect::<Result<_, _>>()?;
        if of.iter().flatten().eq(columns) && of.iter().all(Option::is_some) {
            return Ok(Some(match origin.as_str() {
                "u" => format!("{table}_{}_key", columns.join("_")),
                "pk" => format!("{table}_pkey"),
                _ => name,
            }));
        }
    }
    Ok(None)
}

/// Whether nothing more may be acknowledged after this error: a failed sync
/// leaves it unknown what is on the disk, and a later sync would not tell.
pub(crate) fn ends_acknowledgement(error: &Error, at_commit: bool) -> bool {
    let Some(code) = error.sqlite_error() else {
        return false;
    };
    code.code == ErrorCode::SystemIoFailure
        && (at_commit || matches!(code.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}
