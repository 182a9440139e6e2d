//! Following the chain from its first link to its last, beside the entries as they are now.

use super::{Head, content};
use bandmaster_core::{Error, Result};
use bandmaster_store::{Row, Store, params};

/// Links read at once.
const LINKS: i64 = 1_000;
/// Entries read at once.
const ENTRIES: i64 = 10_000;

/// A head that an operator wrote down earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Number of the link.
    pub sequence: i64,
    /// Its hash.
    pub hash: String,
}

impl Noted {
    /// Reads `number:hash`.
    ///
    /// # Errors
    /// 400 for another form.
    pub fn parse(text: &str) -> Result<Noted> {
        let wrong = || Error::argument("A noted head is written as number:hash, the hash with 64 hexadecimal digits.");
        let (sequence, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        let sequence = sequence.parse().map_err(|_| wrong())?;
        if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        Ok(Noted { sequence, hash: hash.to_ascii_lowercase() })
    }
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `changed`, `removed` or `inserted` (an entry); `link-changed`, `link-removed` (the chain itself); `other-head`
    /// (the chain is not the one whose head was noted).
    pub kind: &'static str,
    /// Number of the link, where one is concerned.
    pub sequence: Option<i64>,
    /// Id of the entry, where one is concerned.
    pub entry_id: Option<i64>,
    /// What it means.
    pub message: String,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The last link that was followed.
    pub head: Head,
    /// Entries that wait for their link; they are not covered by the check.
    pub unsealed: i64,
    /// The first thing wrong; none: all is as it was written.
    pub problem: Option<Problem>,
}

fn problem(kind: &'static str, sequence: Option<i64>, entry_id: Option<i64>, message: String) -> Problem {
    Problem { kind, sequence, entry_id, message }
}

/// Checks the whole chain. It may be running meanwhile: links that are added are followed too.
pub async fn verify(store: &Store, noted: Option<&Noted>) -> Result<Verdict> {
    let mut conn = store.read().await?;
    // Read first: what is sealed later lies above these.
    let closed = super::closed(&mut conn).await?;
    let watched = conn.query_opt("SELECT watched_id FROM audit_chain_state WHERE id = 1", params![]).await?;
    let watched: i64 = watched.map(|r| r.get(0)).transpose()?.unwrap_or(0);
    let mut head = Head { sequence: 0, hash: content::origin(), sealed_at: 0 };
    let mut greatest = 0;
    let mut found = None;
    let sql = format!(
        "SELECT c.sequence, c.entry_id, c.sealed_at, c.content_hash, c.hash, {} FROM audit_chain c \
         LEFT JOIN audit_entries a ON a.id = c.entry_id WHERE c.sequence > $1 ORDER BY c.sequence LIMIT $2",
        content::COLUMNS
    );
    // Links are numbered from 1 on; one before that is strange as well.
    let mut after = i64::MIN;
    'links: loop {
        let rows = conn.query(&sql, params![after, LINKS]).await?;
        for row in &rows {
            after = row.get(0)?;
            greatest = greatest.max(row.get::<i64>(1)?);
            found = check(row, &mut head, noted)?;
            if found.is_some() {
                break 'links;
            }
        }
        if rows.is_empty() {
            break;
        }
    }
    if found.is_none() && noted.is_some_and(|n| n.sequence > head.sequence) {
        let text = format!("The chain ends at link {}, before the link whose hash was noted.", head.sequence);
        found = Some(problem("other-head", Some(head.sequence), None, text));
    }
    if found.is_none() && greatest < watched {
        let text = format!("The chain once had links for entries up to {watched}; its end was removed.");
        found = Some(problem("link-removed", Some(head.sequence + 1), Some(watched), text));
    }
    let mut from = i64::MIN;
    while found.is_none() {
        let sql = "SELECT a.id, c.entry_id FROM audit_entries a LEFT JOIN audit_chain c ON c.entry_id = a.id \
                   WHERE a.id > $1 AND a.id <= $2 ORDER BY a.id LIMIT $3";
        let rows = conn.query(sql, params![from, closed, ENTRIES]).await?;
        for row in &rows {
            from = row.get(0)?;
            if row.get::<Option<i64>>(1)?.is_none() {
                let text =
                    format!("The entry {from} has no link although its time for that is over: no server wrote it.");
                found = Some(problem("inserted", None, Some(from), text));
                break;
            }
        }
        if rows.is_empty() {
            break;
        }
    }
    let unsealed = super::unsealed(&mut conn).await?;
    Ok(Verdict { head, unsealed, problem: found })
}

/// Checks one link against the one before and its entry.
fn check(row: &Row, head: &mut Head, noted: Option<&Noted>) -> Result<Option<Problem>> {
    let (sequence, entry_id, sealed_at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (content, hash): (String, String) = (row.get(3)?, row.get(4)?);
    let expected = head.sequence + 1;
    if sequence != expected {
        let text = format!("After link {} comes link {sequence}: {expected} is missing.", head.sequence);
        return Ok(Some(problem("link-removed", Some(expected), None, text)));
    }
    if content::link(&head.hash, sequence, entry_id, sealed_at, &content) != hash {
        let text = format!("The link {sequence} does not follow from the one before it: it was changed or moved.");
        return Ok(Some(problem("link-changed", Some(sequence), Some(entry_id), text)));
    }
    if noted.is_some_and(|n| n.sequence == sequence && n.hash != hash) {
        let text =
            format!("The link {sequence} has another hash than the one that was noted: the chain was made anew.");
        return Ok(Some(problem("other-head", Some(sequence), Some(entry_id), text)));
    }
    if row.get::<Option<i64>>(5)?.is_none() {
        let text = format!("The entry {entry_id} of link {sequence} is gone.");
        return Ok(Some(problem("removed", Some(sequence), Some(entry_id), text)));
    }
    if content::hash(row, 5)? != content {
        let text = format!("The entry {entry_id} of link {sequence} is not as it was when it was sealed.");
        return Ok(Some(problem("changed", Some(sequence), Some(entry_id), text)));
    }
    *head = Head { sequence, hash, sealed_at };
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noted_heads() {
        let hash = "AB".repeat(32);
        assert_eq!(Noted::parse(&format!(" 7:{hash}")).unwrap(), Noted { sequence: 7, hash: hash.to_lowercase() });
        for text in ["", "7", "7:", "x:00", "7:zz", &format!("7:{}", "0".repeat(63)), &format!("7:{}", "g".repeat(64))]
        {
            assert_eq!(Noted::parse(text).unwrap_err().status(), 400, "{text}");
        }
    }
}
