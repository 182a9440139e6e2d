//! What can go wrong at the database, in the few kinds a caller can act on.
//!
//! Not here: how each engine's errors are sorted into these kinds
//! (`sqlite::error`, `pg::error`).

/// A failed database call.
///
/// Messages name tables, constraints and statements, never the values of
/// parameters: they end up in logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// A unique index or key refused the row. `constraint` is the index's name;
    /// for a constraint without one it is PostgreSQL's default name
    /// (`table_column_key`, `table_pkey`) on both engines.
    #[error("a row with the same values exists ({constraint})")]
    Unique {
        /// Name of the index or constraint.
        constraint: String,
    },
    /// A foreign key refused the change.
    #[error("a referenced row is missing or still in use")]
    ForeignKey,
    /// A CHECK or NOT NULL constraint refused the row.
    #[error("a value breaks a rule of the table")]
    Check,
    /// The unit lost a race (serialisation, deadlock) or its group was lost
    /// through another's fault. The whole unit may be repeated.
    #[error("the unit of work was undone by a concurrent one and may be repeated")]
    Conflict,
    /// The statement ran into its time limit.
    #[error("the statement exceeded its time limit")]
    Interrupted,
    /// The database cannot serve now: disk full, I/O error, connection lost,
    /// writer stopped after a failed sync, store closed. Answer 503.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A text parameter holds a NUL character, which PostgreSQL cannot store;
    /// refused on both engines before anything is sent. Answer 400.
    #[error("a text holds a NUL character")]
    BadText,
    /// A column does not hold what the caller asked for.
    #[error("unexpected column content: {0}")]
    Decode(String),
    /// Migrations and database do not fit: a changed or an unknown file.
    #[error("migration refused: {0}")]
    Migration(String),
    /// A defect in a statement or in this program.
    #[error("database error: {0}")]
    Internal(String),
}

impl DbError {
    /// Whether repeating the whole unit may succeed at once.
    pub fn is_conflict(&self) -> bool {
        matches!(self, DbError::Conflict)
    }

    /// Whether the error is of the given unique index.
    pub fn is_unique(&self, name: &str) -> bool {
        matches!(self, DbError::Unique { constraint } if constraint == name)
    }
}

/// The beginning of a statement for an error message: one line, bounded.
/// Statements hold placeholders, so no value can be in it.
pub(crate) fn excerpt(sql: &str) -> String {
    let mut out = String::new();
    for word in sql.split_whitespace() {
        if out.len() + word.len() > 240 {
            out.push_str(" …");
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
