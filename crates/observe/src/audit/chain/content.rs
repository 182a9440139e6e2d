//! What is hashed, byte by byte. This form is part of the data: it never changes, a new one would get a new mark.

use bandmaster_core::Result;
use bandmaster_core::text::hex;
use bandmaster_store::Row;
use sha2::{Digest, Sha256};

/// The columns of an entry that are hashed, of a table called `a`, in this order.
pub const COLUMNS: &str = "a.id, a.organization_id, a.tenant_id, a.folder_id, a.at, a.actor_id, a.entity_id, \
     a.actor_kind, a.actor_key, a.actor_name, a.client_id, a.component, a.action, a.entity_key, a.entity_name, \
     a.operation, a.trace_id, a.before_json, a.after_json";

/// Numbers among the columns; they come first.
const NUMBERS: usize = 7;
/// All columns.
pub const COUNT: usize = 19;

/// What stands for the hash before the first link.
pub fn origin() -> String {
    "0".repeat(64)
}

/// The hash of an entry's content; `first` is the place of [`COLUMNS`] in the row. Each column is a mark, and for
/// texts their length, so that no two contents give the same bytes.
pub fn hash(row: &Row, first: usize) -> Result<String> {
    let mut sha = Sha256::new();
    sha.update(b"bandmaster audit entry 1\0");
    for column in 0..COUNT {
        if column < NUMBERS {
            match row.get::<Option<i64>>(first + column)? {
                Some(number) => {
                    sha.update(b"i");
                    sha.update(number.to_be_bytes());
                }
                None => sha.update(b"n"),
            }
        } else {
            match row.get::<Option<String>>(first + column)? {
                Some(text) => {
                    sha.update(b"t");
                    sha.update((text.len() as u64).to_be_bytes());
                    sha.update(text.as_bytes());
                }
                None => sha.update(b"n"),
            }
        }
    }
    Ok(hex(&sha.finalize()))
}

/// The hash of a link.
pub fn link(before: &str, sequence: i64, entry_id: i64, sealed_at: i64, content: &str) -> String {
    let mut sha = Sha256::new();
    sha.update(b"bandmaster audit link 1\0");
    for number in [sequence, entry_id, sealed_at] {
        sha.update(number.to_be_bytes());
    }
    for text in [before, content] {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text.as_bytes());
    }
    hex(&sha.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_link_counts() {
        let of = |before: &str, s, e, at, content: &str| link(before, s, e, at, content);
        let all = [
            of("a", 1, 2, 3, "c"),
            of("b", 1, 2, 3, "c"),
            of("a", 2, 2, 3, "c"),
            of("a", 1, 3, 3, "c"),
            of("a", 1, 2, 4, "c"),
            of("a", 1, 2, 3, "d"),
            of("ac", 1, 2, 3, ""),
            of("", 1, 2, 3, "ac"),
        ];
        let different: std::collections::HashSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        // Written down: a change of the form would break every chain there is.
        assert_eq!(of(&origin(), 1, 2, 3, "c").len(), 64);
        assert_eq!(hex(&[0, 15, 255]), "000fff");
    }

    #[test]
    fn the_columns_are_counted() {
        assert_eq!(COLUMNS.split(',').count(), COUNT);
    }
}
