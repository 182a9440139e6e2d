//! Text functions of the package reader: decoding files, cleaning what is stored, shortening what is
//! shown.

/// Longest piece of foreign text repeated in an error, in characters.
const CLIP_CHARS: usize = 100;

/// Foreign text made fit for an error: at most 100 characters, control characters replaced.
pub(crate) fn clip(text: &str) -> String {
    let mut out: String =
        text.chars().take(CLIP_CHARS).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().nth(CLIP_CHARS).is_some() {
        out.push('…');
    }
    out
}

/// The text of a file in UTF-8, or in UTF-16 with a byte order mark; the mark is dropped.
/// `None` when the bytes are neither.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).ok()
}

/// A value to be stored: outer blanks gone, control characters other than tab and line ends gone
/// (databases refuse NUL, and no field has a use for the others). `None` when nothing is left.
pub(crate) fn clean(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// A one-line value to be stored: as [`clean`], with line ends and tabs turned to blanks.
pub(crate) fn clean_line(text: &str) -> Option<String> {
    clean(&text.replace(['\t', '\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_the_encodings_seen_and_refuses_others() {
        let le = [0xFF, 0xFE, b'a', 0, 0xE9, 0];
        let be = [0xFE, 0xFF, 0, b'a', 0, 0xE9];
        assert_eq!(decode(b"\xEF\xBB\xBFa").as_deref(), Some("a"));
        assert_eq!(decode("aé".as_bytes()).as_deref(), Some("aé"));
        assert_eq!(decode(&le).as_deref(), Some("aé"));
        assert_eq!(decode(&be).as_deref(), Some("aé"));
        assert_eq!(decode(&le[..5]), None);
        assert_eq!(decode(b"a\xE9"), None);
    }

    #[test]
    fn cleans_and_clips() {
        assert_eq!(clean(" a\0b\r\n c \n").as_deref(), Some("ab\r\n c"));
        assert_eq!(clean(" \0 "), None);
        assert_eq!(clean_line("a\n\tb").as_deref(), Some("a  b"));
        assert_eq!(clip("a\nb"), "a\u{FFFD}b");
        assert_eq!(clip(&"x".repeat(101)), format!("{}…", "x".repeat(100)));
        assert_eq!(clip(&"x".repeat(100)), "x".repeat(100));
    }
}
