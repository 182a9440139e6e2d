//! Case folding of text for comparison, the same in Rust, SQLite and
//! PostgreSQL.
//!
//! Each character is replaced by its simple lower-case form (one character for
//! one). That is what PostgreSQL's `lower` does with the `C.UTF-8` collation;
//! special cases (final sigma, `İ` becoming two characters) are left out on
//! purpose, because an index built by one engine must hold on the other.

/// `text` with every character in its simple lower-case form.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        // U+0130 alone has a longer full mapping; its simple one is the first of it.
        (Some(first), _) => first,
        (None, _) => c,
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn folds_one_character_to_one() {
        for (text, folded) in [
            ("", ""),
            ("Invoice_42", "invoice_42"),
            ("ÄÖÜ ẞ ß", "äöü ß ß"),
            ("ΟΔΟΣ", "οδοσ"),
            ("ЖУРНАЛ", "журнал"),
            ("İI", "ii"),
            ("日本", "日本"),
            ("Å", "å"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }
}
