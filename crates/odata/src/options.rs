//! Query options: decoding the raw query, and reading the `$` options into syntax trees.
//!
//! Names are matched without regard to case. What the options mean for a type is not known here.

use crate::error::{Failure, ODataError, shown};
use crate::syntax::{self, ExpandItem, Filter, MAX_TEXT, OrderItem, SelectItem};
use crate::text::unusable;

/// Options that a client may have meant when the `$` is missing.
const BARE: &[&str] = &["filter", "orderby", "top", "skip", "select", "expand", "count"];
/// Standard options that are understood but not offered.
const REFUSED: &[&str] = &["$search", "$apply", "$compute", "$skiptoken", "$deltatoken", "$levels", "$index", "$id"];

/// What an operation allows.
#[derive(Debug, Clone, Copy)]
pub struct Allowed<'a> {
    /// The greatest `$top`; more is refused.
    pub max_top: u32,
    /// Names of the operation's own parameters that would else pass for an option without its `$`.
    pub own: &'a [&'a str],
}

impl Default for Allowed<'_> {
    fn default() -> Self {
        Allowed { max_top: 1_000, own: &[] }
    }
}

/// A text option as it came and as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// The text, for positions in errors.
    pub text: String,
    /// Its syntax tree.
    pub tree: T,
}

/// The OData options of a request, syntax only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryOptions {
    /// `$filter`
    pub filter: Option<Read<Filter>>,
    /// `$orderby`; no terms when empty
    pub orderby: Option<Read<Vec<OrderItem>>>,
    /// `$select`; absent when empty
    pub select: Option<Read<Vec<SelectItem>>>,
    /// `$expand`
    pub expand: Option<Read<Vec<ExpandItem>>>,
    /// `$top`, already held against the greatest allowed
    pub top: Option<u32>,
    /// `$skip`, at most `i64::MAX`
    pub skip: u64,
    /// `$count`
    pub count: Option<bool>,
    /// `$format` as written
    pub format: Option<String>,
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
}

/// Decodes `%xx` once. A `%` without two hex digits stands for itself, as browsers and servers have it.
pub(crate) fn percent_decode(text: &str, plus_is_blank: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        match b {
            b'%' => match (hex(bytes.get(i + 1)), hex(bytes.get(i + 2))) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    i += 2;
                }
                _ => out.push(b'%'),
            },
            b'+' if plus_is_blank => out.push(b' '),
            other => out.push(*other),
        }
        i += 1;
    }
    out
}

/// Splits and decodes a raw query (without `?`); `+` is a blank. Refuses bytes that are no text, and NUL.
pub fn query_pairs(raw: &str) -> Result<Vec<(String, String)>, ODataError> {
    let decode = |text: &str| {
        String::from_utf8(percent_decode(text, true))
            .ok()
            .filter(|t| !t.contains('\0'))
            .ok_or_else(|| ODataError::new("The query contains bytes that are no valid text"))
    };
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn number(name: &str, value: &str) -> Result<u64, ODataError> {
    // `parse` would take a leading plus.
    let text = value.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| plain && *n <= i64::MAX as u64).ok_or_else(|| {
        ODataError::option(name, format!("The value '{}' of {name} is not a whole number from 0 on", shown(value)))
    })
}

/// The trees of one option, each error placed in the option.
fn read<T>(name: &str, text: &str, reader: fn(&str, usize) -> Result<T, Failure>) -> Result<Read<T>, ODataError> {
    let tree = reader(text, 0).map_err(|f| f.in_option(name, text))?;
    Ok(Read { text: text.to_owned(), tree })
}

impl QueryOptions {
    /// Reads the options among decoded query pairs. Names that begin without `$` belong to the operation
    /// and are passed over, unless they are an option whose `$` was forgotten.
    ///
    /// # Errors
    /// Unknown, misspelt or doubled options, values that cannot be read, `$top` above the greatest.
    pub fn from_pairs(pairs: &[(String, String)], allowed: Allowed<'_>) -> Result<QueryOptions, ODataError> {
        let mut options = QueryOptions::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in pairs {
            let name = name.trim();
            if !name.starts_with('$') {
                let bare = BARE.iter().any(|b| b.eq_ignore_ascii_case(name));
                if bare && !allowed.own.iter().any(|o| o.eq_ignore_ascii_case(name)) {
                    return Err(ODataError::option(name, format!("Unknown option '{name}'; was '${name}' meant?")));
                }
                continue;
            }
            let lower = name.to_ascii_lowercase();
            if seen.contains(&lower) {
                return Err(ODataError::option(name, format!("The option '{}' stands twice", shown(name))));
            }
            if unusable(value) {
                return Err(ODataError::option(name, format!("The value of {} is no valid text", shown(name))));
            }
            if value.len() > MAX_TEXT {
                return Err(ODataError::option(name, format!("{} is longer than {MAX_TEXT} bytes", shown(name))));
            }
            options.take(&lower, value, allowed)?;
            seen.push(lower);
        }
        Ok(options)
    }

    fn take(&mut self, name: &str, value: &str, allowed: Allowed<'_>) -> Result<(), ODataError> {
        match name {
            "$filter" => self.filter = Some(read(name, value, syntax::filter)?),
            "$orderby" => self.orderby = Some(read(name, value, syntax::orderby)?),
            "$select" => self.select = Some(read(name, value, syntax::select)?).filter(|s| !s.tree.is_empty()),
            "$expand" => self.expand = Some(read(name, value, syntax::expand)?),
            "$top" => {
                let top = number(name, value)?;
                if top > u64::from(allowed.max_top) {
                    let most = allowed.max_top;
                    return Err(ODataError::option(name, format!("The value {top} of $top is above {most}")));
                }
                self.top = u32::try_from(top).ok();
            }
            "$skip" => self.skip = number(name, value)?,
            "$count" => {
                self.count = Some(match value.trim() {
                    v if v.eq_ignore_ascii_case("true") => true,
                    v if v.eq_ignore_ascii_case("false") => false,
                    v => {
                        let text = format!("The value '{}' of $count is neither true nor false", shown(v));
                        return Err(ODataError::option(name, text));
                    }
                });
            }
            // The older protocol's way to ask for the count.
            "$inlinecount" => {
                self.count = Some(match value.trim() {
                    v if v.eq_ignore_ascii_case("allpages") => true,
                    v if v.eq_ignore_ascii_case("none") => false,
                    _ => return Err(ODataError::option(name, "$inlinecount is neither allpages nor none")),
                });
            }
            "$format" => self.format = Some(value.trim().to_owned()),
            "$schemaversion" => {}
            _ if REFUSED.contains(&name) => {
                return Err(ODataError::option(name, format!("The option '{name}' is not supported")));
            }
            _ => {
                let name = shown(name);
                return Err(ODataError::option(&name, format!("Unknown option '{name}'")));
            }
        }
        Ok(())
    }
}
