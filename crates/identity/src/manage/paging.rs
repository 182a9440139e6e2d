//! Pages of the identity service: `searchTerm`, `top`, `skip`, `sortBy`, `sortOrder`, answered with `totalCount` and
//! `results`.

use bandmaster_api::{Call, Output};
use bandmaster_core::text::{Within, like};
use bandmaster_core::{Error, Result};
use serde_json::{Value, json};

/// Rows when the request does not say.
const USUAL: i64 = 10;
/// Most rows of a page.
const MOST: i64 = 1_000;

/// What a request wants to see of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub top: i64,
    pub skip: i64,
    /// Ready for SQL; made of nothing but the given expressions.
    pub order: String,
    pub search: Option<String>,
}

impl Page {
    /// Reads the request's parameters. `sortable` names the properties and their SQL; the first is the usual one,
    /// `tie` decides among equals, `descending` is its usual direction.
    pub(super) fn of(call: &Call, sortable: &[(&str, &str)], tie: &str, descending: bool) -> Result<Page> {
        let number = |name: &str, usual: i64, most: i64| {
            let n = call.int_query(name)?.unwrap_or(usual);
            if (0..=most).contains(&n) {
                Ok(n)
            } else {
                Err(Error::argument(format!("{name} must be between 0 and {most}.")))
            }
        };
        let (top, skip) = (number("top", USUAL, MOST)?, number("skip", 0, i64::from(i32::MAX))?);
        let (column, usual) = match call.query("sortBy") {
            None => (sortable.first().map(|(_, c)| *c), descending),
            Some(name) => (sortable.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, c)| *c), false),
        };
        let column = column.ok_or_else(|| Error::argument("The list cannot be sorted by this property."))?;
        let descending = match call.query("sortOrder") {
            None => usual,
            Some(word) if word.eq_ignore_ascii_case("asc") || word == "0" => false,
            Some(word) if word.eq_ignore_ascii_case("desc") || word == "1" => true,
            Some(_) => return Err(Error::argument("sortOrder is neither asc nor desc.")),
        };
        let direction = if descending { "DESC" } else { "ASC" };
        let search = call.query("searchTerm").map(|t| like(t.trim(), Within::Anywhere));
        Ok(Page { top, skip, order: format!("{column} {direction}, {tie} {direction}"), search })
    }
}

/// A page.
pub(super) fn answer(total: i64, results: Vec<Value>) -> Output {
    Output::json(json!({"totalCount": total, "results": results}))
}
