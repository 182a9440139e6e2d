//! Many rows as one parameter of a statement: a JSON array of arrays, which each engine takes apart itself. One text
//! serves any number of rows, so it is prepared once.

use crate::conn::Dialect;
use crate::error::DbError;
use crate::value::{Value, check_texts};

/// What a column of the rows holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers, truth values, times.
    Int,
    /// Texts.
    Text,
}

/// A source for `FROM`: the rows that the text parameter `parameter` (`$1`) holds, as written by [`many`], with the
/// column `n` (counting from 0) and those named. Give it an alias.
pub fn each(dialect: Dialect, parameter: &str, columns: &[(&str, Kind)]) -> String {
    let picked: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, (name, kind))| match (dialect, kind) {
            (Dialect::Postgres, Kind::Int) => format!("CAST(e.v ->> {at} AS BIGINT) AS {name}"),
            (Dialect::Postgres, Kind::Text) => format!("e.v ->> {at} AS {name}"),
            (Dialect::Sqlite, _) => format!("e.value ->> {at} AS {name}"),
        })
        .collect();
    let picked = picked.join(", ");
    match dialect {
        Dialect::Sqlite => format!("(SELECT e.key AS n, {picked} FROM json_each({parameter}) AS e)"),
        Dialect::Postgres => format!(
            "(SELECT e.n - 1 AS n, {picked} FROM json_array_elements(CAST(CAST({parameter} AS TEXT) AS JSON)) \
             WITH ORDINALITY AS e (v, n))"
        ),
    }
}

/// The parameter for [`each`]. Numbers with fractions and bytes are refused, and texts that no column can hold.
pub fn many(rows: &[Vec<Value>]) -> Result<Value, DbError> {
    let mut out = String::with_capacity(64 * rows.len());
    for (n, row) in rows.iter().enumerate() {
        check_texts(row)?;
        out.push_str(if n == 0 { "[[" } else { ",[" });
        for (n, value) in row.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            match value {
                Value::Null => out.push_str("null"),
                Value::Int(number) => out.push_str(&number.to_string()),
                Value::Text(text) => out.push_str(&quoted(text)?),
                other => return Err(DbError::Internal(format!("{} among many rows", other.kind()))),
            }
        }
        out.push(']');
    }
    out.push_str(if rows.is_empty() { "[]" } else { "]" });
    Ok(Value::Text(out))
}

fn quoted(text: &str) -> Result<String, DbError> {
    serde_json::to_string(text).map_err(|e| DbError::Internal(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn rows_become_a_text() {
        let rows = [params![1, "a\"b", None::<i64>].to_vec(), params![-2, "", "ü"].to_vec()];
        assert_eq!(many(&rows).unwrap(), Value::Text("[[1,\"a\\\"b\",null],[-2,\"\",\"ü\"]]".into()));
        assert_eq!(many(&[]).unwrap(), Value::Text("[]".into()));
        assert_eq!(many(&[vec![Value::Text("\0".into())]]).unwrap_err(), DbError::BadText);
        assert!(many(&[vec![Value::Real(0.5)]]).is_err());
    }
}
