//! Package ids and the `id:version` keys of the API. Not here: versions (see `version`).

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{PackageError, Version};

/// Longest package id in characters, as in NuGet.
const MAX_CHARS: usize = 100;

/// A package id as given; compared without regard to case.
#[derive(Debug, Clone)]
pub struct PackageId(String);

impl PackageId {
    /// Reads an id: 1 to 100 letters, digits, `.`, `_`, `-` and `+`, the first of them a letter, a
    /// digit or `_`. More lenient than NuGet, which allows no two separators in a row and none at
    /// the end: Studio turns every blank of a project's name into a dot, and the Python packer
    /// takes the project's name as it is. Outer blanks are dropped.
    pub fn parse(text: &str) -> Result<Self, PackageError> {
        let id = text.trim();
        let Some(first) = id.chars().next() else {
            return Err(PackageError::id(text, "it is empty"));
        };
        if id.chars().count() > MAX_CHARS {
            return Err(PackageError::id(id, "it is longer than 100 characters"));
        }
        if !first.is_alphanumeric() && first != '_' {
            return Err(PackageError::id(id, "it has to begin with a letter, a digit or '_'"));
        }
        if !id.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')) {
            return Err(PackageError::id(id, "only letters, digits, '.', '_', '-' and '+' are allowed"));
        }
        Ok(Self(id.to_owned()))
    }

    /// The id as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id in lower case, the form ids are compared and looked up by.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl PartialEq for PackageId {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for PackageId {}

impl Hash for PackageId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of one package version, `id:version` in the API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PackageKey {
    /// The package.
    pub id: PackageId,
    /// Its version.
    pub version: Version,
}

impl PackageKey {
    /// Reads `id:version`. Neither half can hold a colon.
    pub fn parse(text: &str) -> Result<Self, PackageError> {
        let (id, version) = text.split_once(':').ok_or_else(|| PackageError::BadKey(super::text::clip(text)))?;
        Ok(Self { id: PackageId::parse(id)?, version: Version::parse(version)? })
    }

    /// The name under which the package is downloaded: `<id>.<version>.nupkg`.
    pub fn file_name(&self) -> String {
        format!("{}.{}.nupkg", self.id, self.version)
    }
}

impl fmt::Display for PackageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let longest = "a".repeat(100);
        for id in ["a", "demo-robot", "Invoice.Bot", "Two..Blanks", "ends.", "_x", "Ünïcode", "7zip", "C++", &longest]
        {
            assert_eq!(PackageId::parse(id).unwrap().as_str(), id);
        }
        let too_long = "a".repeat(101);
        for id in [
            "", "  ", ".", "..", ".a", "-a", "a b", "a/b", "a\\b", "a:b", "a'b", "a%b", "a\0b", "a?b", "a<b", &too_long,
        ] {
            assert!(PackageId::parse(id).is_err(), "{id:?} was accepted");
        }
        assert_eq!(PackageId::parse("ABC").unwrap(), PackageId::parse("abc").unwrap());
    }

    #[test]
    fn keys() {
        let key = PackageKey::parse("Invoice.Bot:1.0.3-Beta").unwrap();
        assert_eq!(key.id.as_str(), "Invoice.Bot");
        assert_eq!(key.version.to_string(), "1.0.3-Beta");
        assert_eq!(key.to_string(), "Invoice.Bot:1.0.3-Beta");
        assert_eq!(key.file_name(), "Invoice.Bot.1.0.3-Beta.nupkg");
        assert_eq!(key, PackageKey::parse("invoice.bot:1.0.3.0-beta").unwrap());
        for text in ["", "a", "a:", ":1.0.0", "a:b", "a:1.0.0:x", "a b:1.0"] {
            assert!(PackageKey::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
