//! Small helpers for statements.

use bandmaster_core::{Error, Result};
use bandmaster_store::Value;

/// Folders a path may have at most: seven levels are allowed, the rest is reserve.
const PATH_MOST: usize = 12;

/// Placeholders for the folders of a path, behind `$1`. A fixed number keeps the statement one of a few.
pub(crate) const PATH_PLACES: &str = "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13";

/// `first`, then the path padded to the number of [`PATH_PLACES`] with an id that no folder has.
pub(crate) fn path_params(first: i64, path: &[i64]) -> Result<Vec<Value>> {
    if path.len() > PATH_MOST {
        return Err(Error::internal("a folder lies deeper than folders can lie"));
    }
    let mut params = Vec::with_capacity(PATH_MOST + 1);
    params.push(Value::Int(first));
    params.extend(path.iter().map(|id| Value::Int(*id)));
    params.resize(PATH_MOST + 1, Value::Int(-1));
    Ok(params)
}

/// `1, 2, 3` for an `IN (…)` of ids; `-1`, which no row has, for none.
pub(crate) fn ids(ids: &[i64]) -> String {
    if ids.is_empty() {
        return "-1".into();
    }
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fill_their_places() {
        let params = path_params(9, &[9, 4, 1]).unwrap();
        assert_eq!(params.len(), PATH_PLACES.split(',').count() + 1);
        assert_eq!(params[..4], [Value::Int(9), Value::Int(9), Value::Int(4), Value::Int(1)]);
        assert!(path_params(1, &[1; PATH_MOST + 1]).is_err());
        assert_eq!(ids(&[3, 1]), "3, 1");
        assert_eq!(ids(&[]), "-1");
    }
}
