//! Package versions: NuGet's four numbers with a SemVer or a Python (PEP 440) suffix, and one order
//! over all of them. Not here: version ranges of dependencies, which are kept as text.

mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::PackageError;

/// Longest version in characters, the bound of the API contract.
pub(super) const MAX_CHARS: usize = 50;

/// A package version: kept as given, compared by meaning.
///
/// * up to four numbers; missing ones are 0, so `1.0` equals `1.0.0.0`;
/// * a SemVer pre-release after `-`, compared by SemVer 2 precedence without regard to case;
/// * or a Python suffix: `a1`, `b2`, `rc1`, `.post1`, `.dev3` and their combinations and long
///   spellings, ordered as PEP 440 does: dev, then a, b, rc, then the release, then post;
/// * build metadata after `+` is ignored, as is a `v` in front.
///
/// A Python and a SemVer suffix never make equal versions: `1.0.0rc1` and `1.0.0-rc.1` are two.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    release: [u64; 4],
    phase: Phase,
    /// What follows the numbers. Ends in `Piece::End` (or `Piece::Dev`, which takes its place)
    /// unless the phase is `Final`; so a shorter list never runs out against a longer one.
    pieces: Vec<Piece>,
}

/// Where a version stands relative to the release of the same numbers. The order matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    Dev,
    Pre,
    Final,
    Post,
}

/// One comparable piece of a suffix. The order of the variants is the order of versions: a dev
/// build comes before the thing it leads to (`End`), a post-release and longer SemVer lists after.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Piece {
    Dev(u64),
    End,
    /// The number of a Python `a`, `b` or `rc`; SemVer suffixes never hold one.
    Count(u64),
    Number(Digits),
    /// Lower case.
    Text(String),
    Post(u64),
}

/// A whole number of any length, without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Digits(String);

impl Ord for Digits {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Version {
    /// Reads a version of 1 to 50 characters; outer blanks are dropped. The error says what is
    /// wrong with the text.
    pub fn parse(text: &str) -> Result<Self, PackageError> {
        parse::version(text.trim()).map_err(|reason| PackageError::version(text, reason))
    }

    /// The version as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is a pre-release: a SemVer one, or a Python a, b, rc or dev.
    pub fn is_prerelease(&self) -> bool {
        matches!(self.phase, Phase::Dev | Phase::Pre) || self.pieces.iter().any(|p| matches!(p, Piece::Dev(_)))
    }

    /// NuGet's normal form in lower case: three numbers, a fourth only when it is not 0, no
    /// leading zeros, no build metadata. A Python suffix takes PEP 440's normal form. Two versions
    /// are equal exactly when their normal forms are the same text. It can be a few characters
    /// longer than 50.
    pub fn normalized(&self) -> String {
        let [major, minor, patch, revision] = self.release;
        let mut out = format!("{major}.{minor}.{patch}");
        if revision != 0 {
            let _ = write!(out, ".{revision}");
        }
        let semver = self.phase == Phase::Pre && !matches!(self.pieces.get(1), Some(Piece::Count(_)));
        let mut separator = if semver { "-" } else { "" };
        for piece in &self.pieces {
            let _ = match piece {
                Piece::End => Ok(()),
                Piece::Dev(n) => write!(out, ".dev{n}"),
                Piece::Post(n) => write!(out, ".post{n}"),
                Piece::Count(n) => write!(out, "{n}"),
                Piece::Number(n) => write!(out, "{separator}{}", n.0),
                Piece::Text(t) => write!(out, "{separator}{t}"),
            };
            if semver {
                separator = ".";
            }
        }
        out
    }

    /// A text of ASCII letters, digits, `-` and `!` whose byte order is the order of versions and
    /// whose equality is theirs. Stored beside the version, it lets SQL sort by version in any
    /// collation that compares bytes (SQLite's `BINARY`, PostgreSQL's `C`). At most 200 bytes.
    pub fn sort_key(&self) -> String {
        let mut key = String::with_capacity(24);
        for number in self.release {
            push_number(&mut key, &number.to_string());
        }
        key.push(match self.phase {
            Phase::Dev => '1',
            Phase::Pre => '3',
            Phase::Final => '5',
            Phase::Post => '7',
        });
        for piece in &self.pieces {
            match piece {
                Piece::Dev(n) => {
                    key.push('1');
                    push_number(&mut key, &n.to_string());
                }
                Piece::End => key.push('3'),
                Piece::Count(n) => {
                    key.push('4');
                    push_number(&mut key, &n.to_string());
                }
                Piece::Number(n) => {
                    key.push('5');
                    push_number(&mut key, &n.0);
                }
                // '!' sorts before every character of a text, so a prefix sorts first.
                Piece::Text(t) => {
                    key.push('6');
                    key.push_str(t);
                    key.push('!');
                }
                Piece::Post(n) => {
                    key.push('9');
                    push_number(&mut key, &n.to_string());
                }
            }
        }
        key
    }
}

/// Writes a number so that bytes compare as numbers do: its length as one letter, then its digits.
fn push_number(key: &mut String, digits: &str) {
    // At most 50 digits (the bound of a version), so the letter stays within ASCII letters.
    let length = u8::try_from(digits.len()).unwrap_or(MAX_CHARS as u8);
    key.push(char::from(b'@' + length));
    key.push_str(digits);
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.release, self.phase, &self.pieces).cmp(&(other.release, other.phase, &other.pieces))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.release.hash(state);
        self.phase.hash(state);
        self.pieces.hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Version {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
