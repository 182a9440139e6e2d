//! Passwords: the rules for new ones, and hashing with Argon2id (RFC 9106) on a bounded number of threads. How often
//! one may be tried is decided in `signin`.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use bandmaster_core::{Error, Ids, Result, Secret};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// Longest password in bytes that is hashed at all.
const LONGEST: usize = 1024;
/// Callers that may wait for a hashing thread.
const QUEUE: usize = 256;

/// How dear a hash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

impl Default for Cost {
    /// 19 MiB and two passes, which OWASP names as the least.
    fn default() -> Cost {
        Cost { memory_kib: 19 * 1024, passes: 2 }
    }
}

impl Cost {
    /// Next to nothing, for tests.
    pub fn least() -> Cost {
        Cost { memory_kib: 8, passes: 1 }
    }
}

/// What a new password must have. The defaults are those of the product.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Least number of characters.
    pub least_length: usize,
    /// A lower-case letter.
    pub lowercase: bool,
    /// An upper-case letter.
    pub uppercase: bool,
    /// A digit.
    pub digit: bool,
    /// A character that is neither letter nor digit.
    pub special: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { least_length: 8, lowercase: true, uppercase: false, digit: true, special: false }
    }
}

impl Policy {
    /// What the password lacks: codes and descriptions of the identity service. None: it is fine.
    pub fn lacks(&self, password: &str) -> Vec<(&'static str, String)> {
        let has = |what: fn(char) -> bool| password.chars().any(what);
        let mut lacks = Vec::new();
        if password.chars().count() < self.least_length {
            let text = format!("Passwords must be at least {} characters.", self.least_length);
            lacks.push(("PasswordTooShort", text));
        }
        if password.len() > LONGEST || password.chars().count() > 256 {
            lacks.push(("PasswordTooLong", "Passwords must be at most 256 characters.".to_owned()));
        }
        if self.lowercase && !has(char::is_lowercase) {
            lacks.push(("PasswordRequiresLower", "Passwords must have at least one lowercase letter.".to_owned()));
        }
        if self.uppercase && !has(char::is_uppercase) {
            lacks.push(("PasswordRequiresUpper", "Passwords must have at least one uppercase letter.".to_owned()));
        }
        if self.digit && !has(|c| c.is_ascii_digit()) {
            lacks.push(("PasswordRequiresDigit", "Passwords must have at least one digit.".to_owned()));
        }
        if self.special && !has(|c| !c.is_alphanumeric()) {
            let text = "Passwords must have at least one character that is neither letter nor digit.";
            lacks.push(("PasswordRequiresNonAlphanumeric", text.to_owned()));
        }
        lacks
    }

    /// Refuses a password that lacks something (400).
    pub fn check(&self, password: &Secret) -> Result<()> {
        match self.lacks(password.reveal()).into_iter().next() {
            Some((_, text)) => Err(Error::argument(text)),
            None => Ok(()),
        }
    }
}

/// A random password that satisfies any policy: 24 characters, about 130 bits.
pub fn generate(ids: &dyn Ids) -> Secret {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0u8; 24];
    ids.fill(&mut bytes);
    let mut text: String = bytes.iter().map(|b| char::from(LETTERS[usize::from(b % 32)])).collect();
    // One of each kind at fixed places; the rest stays random.
    text.replace_range(6..7, "-");
    text.replace_range(12..13, "K");
    text.replace_range(18..19, "7");
    text.replace_range(0..1, "b");
    Secret::new(text)
}

/// Hashes and checks passwords.
pub struct Hasher {
    cost: Cost,
    threads: Arc<Semaphore>,
    waiting: AtomicUsize,
    computed: AtomicU64,
    // What a password is checked against when there is no account, so that the answer takes as long. Nobody's
    // password: its hash was not computed from any.
    nobody: String,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It is not the password.
    No,
    /// It is.
    Yes,
    /// It is, and its hash has another cost than new ones: hash it again.
    Stale,
}

impl Hasher {
    /// A hasher that works on at most so many threads.
    pub fn new(cost: Cost, threads: usize) -> Hasher {
        Hasher {
            cost,
            threads: Arc::new(Semaphore::new(threads.max(1))),
            waiting: AtomicUsize::new(0),
            computed: AtomicU64::new(0),
            nobody: format!(
                "$argon2id$v=19$m={},t={},p=1$bm9ib2R5IGlzIGhlcmU$c29tZXRoaW5nIHRoYXQgbm8gcGFzc3dvcmQgZ2l2ZXM",
                cost.memory_kib, cost.passes
            ),
        }
    }

    /// How often Argon2 was computed: the work by which an attacker would measure.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Acquire)
    }

    /// The text form of a password's hash, with its salt and cost. It may be stored.
    pub async fn hash(&self, password: &Secret, ids: &dyn Ids) -> Result<String> {
        let mut salt = [0u8; 16];
        ids.fill(&mut salt);
        let (password, cost) = (password.clone(), self.cost);
        self.run(move || hash(&password, &salt, cost)).await?
    }

    /// Checks a password against a stored hash; without one it takes as long and fails.
    pub async fn check(&self, password: &Secret, stored: Option<&str>) -> Result<Match> {
        if password.reveal().len() > LONGEST {
            return Ok(Match::No);
        }
        let cost = self.cost;
        let (real, stored) = (stored.is_some(), stored.unwrap_or(&self.nobody).to_owned());
        let password = password.clone();
        let matched = self.run(move || check(&password, &stored, cost)).await?;
        if real { matched } else { Ok(Match::No) }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        struct Left<'a>(&'a AtomicUsize);
        impl Drop for Left<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let left = Left(&self.waiting);
        if before >= QUEUE {
            return Err(Error::unavailable("too many passwords wait to be hashed"));
        }
        let permit = self.threads.clone().acquire_owned().await.map_err(|e| Error::internal(e.to_string()))?;
        drop(left);
        self.computed.fetch_add(1, Ordering::AcqRel);
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
        .map_err(|e| Error::internal(format!("hashing a password ended abnormally: {e}")))
    }
}

fn context(cost: Cost) -> Result<Argon2<'static>> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|e| Error::internal(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &Secret, salt: &[u8], cost: Cost) -> Result<String> {
    let hash: PasswordHash = context(cost)?
        .hash_password_with_salt(password.reveal().as_bytes(), salt)
        .map_err(|e| Error::internal(format!("hashing a password failed: {e}")))?;
    Ok(hash.to_string())
}

fn check(password: &Secret, stored: &str, cost: Cost) -> Result<Match> {
    let parsed = PasswordHash::new(stored).map_err(|_| Error::internal("a stored password hash cannot be read"))?;
    let context = context(cost)?;
    if context.verify_password(password.reveal().as_bytes(), &parsed).is_err() {
        return Ok(Match::No);
    }
    let same = Params::try_from(&parsed)
        .is_ok_and(|p| p.m_cost() == cost.memory_kib && p.t_cost() == cost.passes && p.p_cost() == 1);
    Ok(if same { Match::Yes } else { Match::Stale })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::SeededIds;

    #[test]
    fn policy_names_what_is_missing() {
        let all = Policy { uppercase: true, special: true, ..Policy::default() };
        let cases: [(&Policy, &str, &[&str]); 7] = [
            (&Policy::default(), "abcdefg1", &[]),
            (&Policy::default(), "abcdef1", &["PasswordTooShort"]),
            (&Policy::default(), "ABCDEFG1", &["PasswordRequiresLower"]),
            (&Policy::default(), "abcdefgh", &["PasswordRequiresDigit"]),
            (&Policy::default(), "", &["PasswordTooShort", "PasswordRequiresLower", "PasswordRequiresDigit"]),
            (&all, "abcdefg1", &["PasswordRequiresUpper", "PasswordRequiresNonAlphanumeric"]),
            (&all, "äbcdefG1 ", &[]),
        ];
        for (policy, password, expected) in cases {
            let codes: Vec<_> = policy.lacks(password).into_iter().map(|(c, _)| c).collect();
            assert_eq!(codes, expected, "{password}");
        }
        assert_eq!(Policy::default().lacks(&"a1".repeat(200)).len(), 1);
        for seed in 0..50 {
            let made = generate(&SeededIds::new(seed));
            assert!(all.check(&made).is_ok(), "{}", made.reveal());
        }
    }

    #[tokio::test]
    async fn hashes_check_and_age() {
        let ids = SeededIds::new(1);
        let (old, new) = (Hasher::new(Cost::least(), 1), Hasher::new(Cost { memory_kib: 16, passes: 1 }, 1));
        let secret = Secret::new("Pa55word");
        let stored = old.hash(&secret, &ids).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$") && !stored.contains("Pa55word"));
        assert_ne!(stored, old.hash(&secret, &ids).await.unwrap(), "each has its own salt");
        assert_eq!(old.check(&secret, Some(&stored)).await.unwrap(), Match::Yes);
        assert_eq!(new.check(&secret, Some(&stored)).await.unwrap(), Match::Stale);
        assert_eq!(old.check(&Secret::new("Pa55wor"), Some(&stored)).await.unwrap(), Match::No);
        assert_eq!(old.check(&Secret::new("nobody"), None).await.unwrap(), Match::No);
        assert_eq!(old.check(&Secret::new("x".repeat(2000)), Some(&stored)).await.unwrap(), Match::No);
        assert!(old.check(&secret, Some("$argon2id$broken")).await.is_err());
    }
}
