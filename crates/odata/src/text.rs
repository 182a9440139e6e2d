//! How text is compared: folded, so that case does not count.
//!
//! The same folding exists as the SQL function `fold` on both databases; all of them must agree, since
//! a page is ordered by one and may be checked by another.

/// A character in the form in which it is compared: its simple lower case, one character for one.
/// Only U+0130 has a longer lower case; its first character is its simple one.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    c.to_lowercase().next().unwrap_or(c)
}

/// A text in the form in which it is compared, character by character as [`fold_char`].
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_char).collect()
}

/// Whether a database must not be given this text: NUL ends a text on SQLite and is refused by
/// PostgreSQL; the replacement character is what a lenient decoder makes of bytes that are no text.
pub(crate) fn unusable(text: &str) -> bool {
    text.contains(['\0', char::REPLACEMENT_CHARACTER])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_without_changing_the_length() {
        for (from, to) in [
            ("ABC", "abc"),
            ("ÄÖÜ", "äöü"),
            ("ΣΑΣ", "σασ"),
            ("İx", "ix"),
            ("ẞ", "ß"),
            ("\u{212A}", "k"),
            ("ПРИВЕТ", "привет"),
            ("", ""),
        ] {
            assert_eq!(fold(from), to);
            assert_eq!(fold(from).chars().count(), from.chars().count());
            assert_eq!(fold(&fold(from)), fold(from));
        }
    }
}
