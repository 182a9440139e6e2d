//! The names of archive entries: one spelling for each, and a refusal for every name that could
//! leave the folder it is unpacked to. Whoever unpacks a package uses [`normalize`] too, so that
//! what was checked at upload is what is written later.

/// Longest entry name in bytes.
const MAX_BYTES: usize = 1024;

/// An entry's name in its one accepted spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName {
    /// Relative path with `/` between its segments, without a trailing one.
    pub path: String,
    /// Whether the name stands for a folder (it ended in a separator).
    pub is_folder: bool,
}

/// Brings an entry name to its accepted spelling: separators become `/`, percent-escapes are
/// decoded once, `.` segments and doubled separators go.
///
/// Refused, with the reason as the error: empty names, more than 1,024 bytes, control characters,
/// absolute paths, drive letters, `..` and the spellings Windows takes for it, escapes that are
/// not UTF-8.
pub fn normalize(raw: &str) -> Result<EntryName, &'static str> {
    let text = percent_decode(raw)?;
    if text.len() > MAX_BYTES {
        return Err("it is too long");
    }
    if text.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    let text = text.replace('\\', "/");
    if text.starts_with('/') {
        return Err("it is an absolute path");
    }
    let mut path = String::with_capacity(text.len());
    for segment in text.split('/') {
        if segment.is_empty() || segment == "." {
            continue;
        }
        // Windows ignores dots and blanks at the end of a name: "..", ".. " and "..." all climb.
        if segment.trim_end_matches(['.', ' ']).is_empty() {
            return Err("it holds a segment of dots or blanks only");
        }
        if let [letter, b':', ..] = segment.as_bytes()
            && letter.is_ascii_alphabetic()
        {
            return Err("it holds a drive letter");
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(segment);
    }
    if path.is_empty() {
        return Err("it is empty");
    }
    Ok(EntryName { path, is_folder: text.ends_with('/') || text.ends_with("/.") })
}

/// Decodes `%XX` once. A `%` that starts no escape stays as it is.
fn percent_decode(raw: &str) -> Result<String, &'static str> {
    if !raw.contains('%') {
        return Ok(raw.to_owned());
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, next) = match rest {
            [b'%', high, low, after @ ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high * 16 + low, after),
                _ => (*first, tail),
            },
            _ => (*first, tail),
        };
        out.push(byte);
        rest = next;
    }
    String::from_utf8(out).map_err(|_| "its percent-escapes are not UTF-8")
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepted_spellings() {
        for (raw, path, is_folder) in [
            ("a.nuspec", "a.nuspec", false),
            ("./package/x.psmdcp", "package/x.psmdcp", false),
            ("content\\Sub\\Flow.xaml", "content/Sub/Flow.xaml", false),
            ("content/My%20Flow.xaml", "content/My Flow.xaml", false),
            ("content/%E2%82%AC.txt", "content/€.txt", false),
            ("content/100%.txt", "content/100%.txt", false),
            ("content/100%zz.txt", "content/100%zz.txt", false),
            ("content/%252e.txt", "content/%2e.txt", false),
            ("content//a/./b", "content/a/b", false),
            ("content/", "content", true),
            ("content\\", "content", true),
            ("content/..a/b..", "content/..a/b..", false),
            ("content/ab:c", "content/ab:c", false),
            ("[Content_Types].xml", "[Content_Types].xml", false),
        ] {
            let found = normalize(raw).unwrap();
            assert_eq!((found.path.as_str(), found.is_folder), (path, is_folder), "{raw}");
        }
    }

    #[test]
    fn refused_spellings() {
        let long = "a".repeat(1025);
        for raw in [
            "",
            ".",
            "./",
            "..",
            "../a",
            "a/../b",
            "a\\..\\b",
            "a/%2e%2e/b",
            "a/%2E%2e%2fb",
            "a/.. /b",
            "a/.../b",
            "a/ /b",
            "/a",
            "\\a",
            "\\\\server\\share\\a",
            "%2fa",
            "%5Ca",
            "C:/a",
            "c:\\a",
            "c:a",
            "a/C:/b",
            "%43:/a",
            "a\0b",
            "a\nb",
            "a%00b",
            "a%ff",
            &long,
        ] {
            assert!(normalize(raw).is_err(), "{raw:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_stays_inside(raw in "[a.%/\\\\: 25ecfCE]{0,24}") {
            if let Ok(name) = normalize(&raw) {
                prop_assert!(!name.path.starts_with('/') && !name.path.ends_with('/'));
                for segment in name.path.split('/') {
                    prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
                    prop_assert!(!segment.contains('\\'));
                }
            }
        }

        #[test]
        fn never_panics(raw in any::<String>()) {
            let _ = normalize(&raw);
        }
    }
}
