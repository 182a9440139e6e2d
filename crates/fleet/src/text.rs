//! Texts that come from outside.

use bandmaster_core::{Error, Result};

/// A name: without blanks at its ends, not empty, without control characters. Its length was checked with the
/// body.
pub(crate) fn name(text: &str, field: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::argument(format!("The field {field} is required.")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::argument(format!("{field} contains a character that is not allowed.")));
    }
    Ok(text.to_owned())
}

/// A word that an agent reports about itself, cut to what is kept: printable, without quotes and backslashes, so
/// that it can stand in JSON as it is.
pub(crate) fn reported(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).take(most).collect()
}
