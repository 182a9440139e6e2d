//! How many passwords may be tried on one account. An attempt that counts is held against the real password; all others
//! are refused after the same work. So that nobody is locked out by somebody else, failures count for the network they
//! come from:
//!
//! - a network from which the account's owner has signed in before (within the 90 days that attempts are kept) has ten
//!   failures in a row, then five minutes of rest, and at most twenty in an hour;
//! - any other network has ten in an hour, and all those networks together have twenty.
//!
//! A sign-in that succeeds clears its own network's count and no other. A new password clears all.

use crate::users::User;
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_core::clock::{HOUR, SECOND};
use bandmaster_core::time::Micros;
use bandmaster_store::params;

/// Failures in a row after which a network must rest; also what a stranger's network has in an hour.
pub const MOST_FAILURES: usize = 10;
/// How long it rests.
pub const LOCKED_FOR: Micros = 300 * SECOND;
/// Failures in an hour, of a known network, and of all strange ones together.
pub const MOST_IN_AN_HOUR: usize = 20;

/// Whether an attempt counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// It is held against the password.
    pub open: bool,
    /// Nobody has signed in to the account from that network.
    pub stranger: bool,
}

/// A failure of the last hour.
struct Failure {
    id: i64,
    network: String,
    at: Micros,
    stranger: bool,
}

/// `success`: the id of the network's last attempt that succeeded. What came before it is forgiven.
fn decide(failures: &[Failure], network: &str, success: Option<i64>, now: Micros) -> Entry {
    let own = failures.iter().filter(|f| f.network == network && success.is_none_or(|id| f.id > id));
    let (count, newest) = own.fold((0, Micros::MIN), |(n, newest), f| (n + 1, newest.max(f.at)));
    if success.is_some() {
        let rests = count > 0 && count % MOST_FAILURES == 0 && newest + LOCKED_FOR > now;
        return Entry { open: count < MOST_IN_AN_HOUR && !rests, stranger: false };
    }
    let strangers = failures.iter().filter(|f| f.stranger).count();
    Entry { open: count < MOST_FAILURES && strangers < MOST_IN_AN_HOUR, stranger: true }
}

/// Decides about an attempt on an account from a network. The caller must write the attempt down in the same unit.
pub(crate) async fn entry(unit: &mut Unit, user: &User, network: &str) -> Result<Entry> {
    let now = unit.now();
    // Attempts on one account wait for each other here: the next one sees what this one has written.
    let row = unit
        .query_opt(
            "UPDATE identity_users SET failed_attempts = failed_attempts + 1 WHERE id = $1 RETURNING password_changed_at",
            params![user.id],
        )
        .await?;
    let Some(row) = row else { return Ok(Entry { open: false, stranger: true }) };
    let since = (now - HOUR + 1).max(row.get::<Option<Micros>>(0)?.unwrap_or_default());
    let rows = unit
        .query(
            "SELECT id, network, at, from_stranger FROM login_attempts \
             WHERE user_id = $1 AND at >= $2 AND result = 'invalidPassword'",
            params![user.id, since],
        )
        .await?;
    let mut failures = Vec::with_capacity(rows.len());
    for row in &rows {
        failures.push(Failure { id: row.get(0)?, network: row.get(1)?, at: row.get(2)?, stranger: row.get(3)? });
    }
    let known = unit
        .query_opt(
            "SELECT id FROM login_attempts WHERE user_id = $1 AND network = $2 AND result = 'success' \
             ORDER BY at DESC, id DESC LIMIT 1",
            params![user.id, network],
        )
        .await?;
    let success = known.map(|r| r.get::<i64>(0)).transpose()?;
    Ok(decide(&failures, network, success, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_share_and_the_owner_rests() {
        let now = 1_000_000 * SECOND;
        let of = |network: &str, n: usize, stranger: bool| {
            (0..n).map(|_| Failure { id: 5, network: network.to_owned(), at: now, stranger }).collect::<Vec<_>>()
        };
        let open = |failures: &[Failure], network: &str, known: Option<i64>, at: Micros| {
            decide(failures, network, known, at).open
        };
        assert!(open(&of("a", 9, true), "a", None, now) && !open(&of("a", 10, true), "a", None, now));
        // A stranger does not rest for five minutes, but for the hour.
        assert!(!open(&of("a", 10, true), "a", None, now + LOCKED_FOR));
        assert!(open(&of("a", 10, true), "b", None, now));
        let many: Vec<Failure> = [of("a", 10, true), of("b", 10, true)].into_iter().flatten().collect();
        assert!(!open(&many, "c", None, now) && open(&many, "home", Some(1), now));
        // What somebody else did is not the owner's failure, and the other way round.
        assert!(open(&of("home", 20, false), "c", None, now));
        let home = of("home", 10, false);
        assert!(!open(&home, "home", Some(1), now + LOCKED_FOR - 1) && open(&home, "home", Some(1), now + LOCKED_FOR));
        assert!(open(&home, "home", Some(5), now), "a success clears the network");
        assert!(
            open(&of("home", 19, false), "home", Some(1), now)
                && !open(&of("home", 20, false), "home", Some(1), now + LOCKED_FOR)
        );
    }
}
