//! How text is compared and searched: folded, so that case does not count, the same in Rust, SQLite and PostgreSQL.
//!
//! Each character is replaced by its simple lower-case form, one for one. That is what PostgreSQL's `lower` does with
//! the `C.UTF-8` collation; special cases (final sigma, `İ` becoming two characters) are left out on purpose, because
//! a page ordered by one engine may be checked by another.

/// A character in the form in which it is compared.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    // U+0130 alone has a longer full mapping; its simple one is the first character of it.
    c.to_lowercase().next().unwrap_or(c)
}

/// A text in the form in which it is compared, character by character as [`fold_char`].
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_char).collect()
}

/// Bytes as hexadecimal digits, two lower-case ones each.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where a part is looked for in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// At its beginning.
    Start,
    /// At its end.
    End,
    /// Anywhere in it.
    Anywhere,
}

/// The pattern that finds a part in a folded column: `fold(column) LIKE $1 ESCAPE '\'`. The part means itself,
/// wildcards included; NUL, which no stored text holds and PostgreSQL refuses, is left out.
pub fn like(part: &str, within: Within) -> String {
    let mut out = String::with_capacity(part.len() + 2);
    if within != Within::Start {
        out.push('%');
    }
    for c in part.chars().filter(|c| *c != '\0').map(fold_char) {
        if matches!(c, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    if within != Within::End {
        out.push('%');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_one_character_to_one() {
        for (text, folded) in [
            ("", ""),
            ("Invoice_42", "invoice_42"),
            ("ÄÖÜ ẞ ß", "äöü ß ß"),
            ("ΟΔΟΣ", "οδοσ"),
            ("ПРИВЕТ", "привет"),
            ("İI", "ii"),
            ("İx", "ix"),
            ("\u{212A}", "k"),
            ("日本", "日本"),
            ("Å", "å"),
        ] {
            assert_eq!(fold(text), folded);
            assert_eq!(folded.chars().count(), text.chars().count());
            assert_eq!(fold(&fold(text)), folded);
        }
    }

    #[test]
    fn patterns_mean_themselves() {
        for (part, within, pattern) in [
            ("An", Within::Start, "an%"),
            ("an", Within::Anywhere, "%an%"),
            ("aN", Within::End, "%an"),
            ("5%_\\", Within::Start, "5\\%\\_\\\\%"),
            ("", Within::Anywhere, "%%"),
            ("50%_a!", Within::Anywhere, "%50\\%\\_a!%"),
            ("ÄB", Within::Anywhere, "%äb%"),
            ("a\0b", Within::Start, "ab%"),
        ] {
            assert_eq!(like(part, within), pattern);
        }
    }
}
