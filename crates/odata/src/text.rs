//! How text is compared: folded, so that case does not count.

pub use bandmaster_core::text::{fold, fold_char};

/// Whether a database must not be given this text: NUL ends a text on SQLite and is refused by
/// PostgreSQL; the replacement character is what a lenient decoder makes of bytes that are no text.
pub(crate) fn unusable(text: &str) -> bool {
    text.contains(['\0', char::REPLACEMENT_CHARACTER])
}
