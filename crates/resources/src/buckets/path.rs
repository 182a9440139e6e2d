//! Paths inside a bucket: how they are written, checked, and cut into parts. A path never becomes part of a path on
//! disk; the rules keep names that clients can turn into files, and that mean the same to everybody.

use super::codes;
use bandmaster_core::{Error, Result};

/// Most characters of a path, its leading slash not counted. What other stores of this kind allow.
pub const LONGEST: usize = 1_024;
/// Most characters of a part between slashes: what file systems allow.
pub const LONGEST_PART: usize = 255;
/// Stands behind every character that a path can have.
const LAST: char = '\u{10FFFF}';

/// A file's path: begins with a slash, and its parts are neither empty nor `.` nor `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(String);

fn refused(why: &str) -> Error {
    Error::new(400, codes::INVALID_BLOB_FILE_PATH, format!("The path is not valid: {why}."))
}

/// Parts separated by slashes, either way they lean. A leading slash says nothing.
fn parts(text: &str) -> Result<Vec<String>> {
    let text = text.replace('\\', "/");
    let text = text.strip_prefix('/').unwrap_or(&text);
    if text.chars().count() > LONGEST {
        return Err(refused(&format!("it has more than {LONGEST} characters")));
    }
    text.split('/').map(part).collect()
}

fn part(text: &str) -> Result<String> {
    if text.is_empty() {
        return Err(refused("a part between slashes is empty"));
    }
    if text == "." || text == ".." {
        return Err(refused("it has the part . or .."));
    }
    if text.chars().count() > LONGEST_PART {
        return Err(refused(&format!("a part has more than {LONGEST_PART} characters")));
    }
    if text.chars().any(|c| c.is_control() || c == LAST) {
        return Err(refused("it has a character that is not allowed"));
    }
    Ok(text.to_owned())
}

impl FilePath {
    /// Reads a path as clients write it. 400 with `INVALID_BLOB_FILE_PATH` otherwise.
    pub fn parse(text: &str) -> Result<FilePath> {
        Ok(FilePath(format!("/{}", parts(text)?.join("/"))))
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory, with a slash at its end.
    pub fn directory(&self) -> &str {
        self.0.rfind('/').and_then(|at| self.0.get(..=at)).unwrap_or("/")
    }

    /// What follows the directory.
    pub fn name(&self) -> &str {
        self.0.rfind('/').and_then(|at| self.0.get(at + 1..)).unwrap_or(&self.0)
    }
}

/// A directory as clients write it, with slashes at both ends; nothing, `/` and `\` are the root.
pub fn directory(text: Option<&str>) -> Result<String> {
    let text = text.unwrap_or_default();
    let text = text.strip_suffix(['/', '\\']).unwrap_or(text);
    if text.is_empty() { Ok("/".to_owned()) } else { Ok(format!("/{}/", parts(text)?.join("/"))) }
}

/// The beginning of paths as clients write it: any text, with one slash before it.
pub fn prefix(text: Option<&str>) -> Result<String> {
    let text = text.unwrap_or_default().replace('\\', "/");
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(refused("the prefix is too long, or has a character that is not allowed"));
    }
    Ok(format!("/{}", text.strip_prefix('/').unwrap_or(&text)))
}

/// An upper bound, byte by byte, of all paths with that beginning.
pub fn bound(prefix: &str) -> String {
    format!("{prefix}{LAST}")
}

/// A pattern with `*` and `?` as one of SQL's `LIKE` over folded names, with `!` as escape; `None` when everything fits.
pub fn pattern(glob: Option<&str>) -> Option<String> {
    let glob = glob.filter(|g| *g != "*")?;
    let mut out = String::with_capacity(glob.len());
    for c in bandmaster_store::fold(glob).chars().filter(|c| *c != '\0') {
        match c {
            '*' => out.push('%'),
            '?' => out.push('_'),
            '%' | '_' | '!' => out.extend(['!', c]),
            c => out.push(c),
        }
    }
    Some(out)
}

/// Whether a name fits a pattern with `*` and `?`, without regard to case.
pub fn fits(glob: Option<&str>, name: &str) -> bool {
    let Some(glob) = glob else { return true };
    let (glob, name): (Vec<char>, Vec<char>) =
        (bandmaster_store::fold(glob).chars().collect(), bandmaster_store::fold(name).chars().collect());
    // Where to go on when what follows the last star does not fit here.
    let (mut g, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g + 1, n + 1));
                g += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => (g, n) = (g + 1, n + 1),
            _ => match retry {
                Some((star, at)) => {
                    (g, n) = (star, at);
                    retry = Some((star, at + 1));
                }
                None => return false,
            },
        }
    }
    glob.get(g..).unwrap_or_default().iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_cut() {
        for (text, path, directory, name) in [
            ("a.txt", "/a.txt", "/", "a.txt"),
            ("/a.txt", "/a.txt", "/", "a.txt"),
            ("dir/sub/a b.txt", "/dir/sub/a b.txt", "/dir/sub/", "a b.txt"),
            ("dir\\a&b+c%20?.txt", "/dir/a&b+c%20?.txt", "/dir/", "a&b+c%20?.txt"),
            ("..a/b..", "/..a/b..", "/..a/", "b.."),
        ] {
            let read = FilePath::parse(text).unwrap();
            assert_eq!((read.as_str(), read.directory(), read.name()), (path, directory, name));
        }
        for text in
            ["", "/", "//a", "a//b", "a/", "..", "../a", "a/../b", "a/.", "a\\..\\b", "a\nb", "a\0", "\u{10FFFF}"]
        {
            assert_eq!(FilePath::parse(text).unwrap_err().code(), codes::INVALID_BLOB_FILE_PATH, "{text:?}");
        }
        assert!(FilePath::parse(&"x".repeat(LONGEST_PART)).is_ok());
        assert!(FilePath::parse(&"x".repeat(LONGEST_PART + 1)).is_err());
        let long = format!("{}/", "x".repeat(127)).repeat(8);
        assert_eq!(long.len(), LONGEST);
        assert!(FilePath::parse(&format!("{}y", &long[1..])).is_ok());
        assert!(FilePath::parse(&format!("{long}y")).is_err());
    }

    #[test]
    fn directories_and_prefixes_are_read() {
        for (text, expected) in [
            (None, "/"),
            (Some("/"), "/"),
            (Some("\\"), "/"),
            (Some("dir"), "/dir/"),
            (Some("/dir/sub/"), "/dir/sub/"),
            (Some("dir\\sub"), "/dir/sub/"),
        ] {
            assert_eq!(directory(text).unwrap(), expected);
        }
        assert!(directory(Some("..")).is_err() && directory(Some("//")).is_err());
        assert_eq!(prefix(None).unwrap(), "/");
        assert_eq!(prefix(Some("/dir/a")).unwrap(), "/dir/a");
        assert_eq!(prefix(Some("dir/a")).unwrap(), "/dir/a");
        assert!("/dir/\u{10FFFE}z" < bound("/dir/").as_str() && bound("/dir/").as_str() < "/dis");
    }

    #[test]
    fn globs_fit() {
        for (glob, name, expected) in [
            ("*", "a", true),
            ("*.txt", "A.TXT", true),
            ("*.txt", "a.txt.bak", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("%", "a", false),
            ("a_c", "abc", false),
        ] {
            assert_eq!(fits(Some(glob), name), expected, "{glob} {name}");
        }
        assert_eq!(pattern(Some("A*_?.t%")), Some("a%!__.t!%".into()));
        assert_eq!((pattern(Some("*")), pattern(None)), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_stays_inside(text in "(\\.{0,3}|[a-c]|[/\\\\]){0,12}|.{0,40}") {
            if let Ok(path) = FilePath::parse(&text) {
                proptest::prop_assert!(path.as_str().starts_with('/'));
                proptest::prop_assert!(path.as_str().split('/').skip(1).all(|p| !p.is_empty() && p != "." && p != ".."));
                proptest::prop_assert_eq!(&FilePath::parse(path.as_str()).unwrap(), &path);
                proptest::prop_assert_eq!(format!("{}{}", path.directory(), path.name()), path.as_str());
            }
        }
    }
}
