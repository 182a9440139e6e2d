//! Running one statement on a SQLite connection.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use crate::conn::Answer;
use crate::error::{DbError, excerpt};
use crate::value::{Row, Value};

/// Why a statement did not run to its end.
pub(crate) enum Failure {
    /// Refused before SQLite saw it run.
    Ours(DbError),
    /// SQLite's own error.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(e: rusqlite::Error) -> Self {
        Failure::Sqlite(e)
    }
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(v) => ValueRef::Integer(*v),
            Value::Real(v) => ValueRef::Real(*v),
            Value::Text(v) => ValueRef::Text(v.as_bytes()),
            Value::Bytes(v) => ValueRef::Blob(v),
        }))
    }
}

/// Runs the statement and collects its rows.
pub(crate) fn run(conn: &Connection, sql: &str, params: &[Value]) -> Result<Answer, Failure> {
    let mut statement = conn.prepare_cached(sql)?;
    bind(&mut statement, sql, params)?;
    collect(conn, &mut statement)
}

/// Runs the statement once for each row of parameters; the total of rows changed.
pub(crate) fn run_many(conn: &Connection, sql: &str, rows: &[Vec<Value>]) -> Result<u64, Failure> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut total = 0;
    for row in rows {
        bind(&mut statement, sql, row)?;
        total += collect(conn, &mut statement)?.affected;
    }
    Ok(total)
}

fn collect(conn: &Connection, statement: &mut Statement<'_>) -> Result<Answer, Failure> {
    let width = statement.column_count();
    let reads = statement.readonly();
    let mut rows = Vec::new();
    let mut cursor = statement.raw_query();
    while let Some(row) = cursor.next()? {
        let mut values = Vec::with_capacity(width);
        for i in 0..width {
            values.push(decode(row.get_ref(i)?));
        }
        rows.push(Row::new(values));
    }
    drop(cursor);
    let affected = if reads { rows.len() as u64 } else { conn.changes() };
    Ok(Answer { rows, affected })
}

fn decode(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(v) => Value::Int(v),
        ValueRef::Real(v) => Value::Real(v),
        ValueRef::Text(v) => Value::Text(String::from_utf8_lossy(v).into_owned()),
        ValueRef::Blob(v) => Value::Bytes(v.to_vec()),
    }
}

/// SQLite takes `$1` for a parameter *named* `$1` and numbers names by first
/// appearance, so the name is read. A cast as PostgreSQL writes it (`$1::bigint`)
/// is part of the name to SQLite and thereby has no effect there.
fn bind(statement: &mut Statement<'_>, sql: &str, params: &[Value]) -> Result<(), Failure> {
    let mut highest = 0;
    for at in 1..=statement.parameter_count() {
        let number = statement.parameter_name(at).and_then(number_of);
        let Some(value) = number.and_then(|n| params.get(n - 1)) else {
            return Err(Failure::Ours(DbError::Internal(format!("{} parameters for: {}", params.len(), excerpt(sql)))));
        };
        highest = highest.max(number.unwrap_or(0));
        statement.raw_bind_parameter(at, Bound(value))?;
    }
    if highest != params.len() {
        return Err(Failure::Ours(DbError::Internal(format!(
            "{} parameters, {highest} used by: {}",
            params.len(),
            excerpt(sql)
        ))));
    }
    Ok(())
}

fn number_of(name: &str) -> Option<usize> {
    let digits = name.strip_prefix(['$', '?'])?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let (number, rest) = digits.split_at(end);
    if !rest.is_empty() && !rest.starts_with("::") {
        return None;
    }
    number.parse().ok().filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::number_of;

    #[test]
    fn reads_parameter_numbers() {
        for (name, number) in [
            ("$1", Some(1)),
            ("?12", Some(12)),
            ("$3::bigint", Some(3)),
            ("$0", None),
            ("$1a", None),
            (":name", None),
            ("$", None),
        ] {
            assert_eq!(number_of(name), number, "{name}");
        }
    }
}
