//! The error of everything that reads a client's query. It is always the client's fault: 400, code 1000.

use std::fmt;

/// Why query options were refused. [`ODataError::message`] is made to stand behind
/// "Invalid OData query options: "; it names the option and the position by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ODataError {
    /// Complete text for the caller.
    pub message: String,
    /// Where in the option's text it stands, counted in characters from 0.
    pub position: Option<usize>,
    /// The offending name: of a property, a function or an option.
    pub name: Option<String>,
}

impl ODataError {
    /// An error that stands at no position.
    pub fn new(message: impl Into<String>) -> ODataError {
        ODataError { message: message.into(), position: None, name: None }
    }

    /// An error about the query option of that name.
    pub fn option(name: &str, message: impl Into<String>) -> ODataError {
        ODataError { message: message.into(), position: None, name: Some(name.to_owned()) }
    }
}

impl fmt::Display for ODataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ODataError {}

/// An error at a byte offset of a text that the caller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub at: usize,
    pub message: String,
    pub name: Option<String>,
}

impl Failure {
    pub fn new(at: usize, message: impl Into<String>) -> Failure {
        Failure { at, message: message.into(), name: None }
    }

    pub fn named(at: usize, name: &str, message: impl Into<String>) -> Failure {
        Failure { at, message: message.into(), name: Some(shown(name)) }
    }

    /// The same with the option's name and the position in characters.
    pub fn in_option(self, option: &str, text: &str) -> ODataError {
        let position = text.char_indices().take_while(|(i, _)| *i < self.at).count();
        ODataError {
            message: format!("{} ({option}, position {position})", self.message),
            position: Some(position),
            name: self.name,
        }
    }
}

/// A client's word, short enough to be repeated to it.
pub(crate) fn shown(word: &str) -> String {
    const LONGEST: usize = 80;
    if word.chars().nth(LONGEST).is_none() {
        return word.to_owned();
    }
    let mut short: String = word.chars().take(LONGEST).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let e = Failure::named("ä eq ".len(), "x", "No").in_option("$filter", "ä eq x");
        assert_eq!(e.position, Some(5));
        assert_eq!(e.to_string(), "No ($filter, position 5)");
        assert_eq!(e.name.as_deref(), Some("x"));
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(shown(&"ä".repeat(80)).chars().count(), 80);
        assert_eq!(shown(&"ä".repeat(90)).chars().count(), 81);
    }
}
