//! Bare Argon2id checks of a password, with the cost that the server has for new hashes.

use crate::crowd::{EVERYBODYS, password_hash};
use anyhow::{Result, anyhow, bail};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use std::time::{Duration, Instant};

/// Checks a second on so many threads.
pub fn checks_a_second(threads: usize, span: Duration) -> Result<f64> {
    let stored = password_hash()?;
    let begun = Instant::now();
    let made: Result<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let parsed = PasswordHash::new(&stored).map_err(|e| anyhow!("the hash: {e}"))?;
                    let mut count = 0u64;
                    while begun.elapsed() < span {
                        // The cost is the hash's own.
                        if Argon2::default().verify_password(EVERYBODYS.as_bytes(), &parsed).is_err() {
                            bail!("the password does not fit");
                        }
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().map_err(|_| anyhow!("a thread failed"))?).sum()
    });
    Ok(made? as f64 / begun.elapsed().as_secs_f64())
}
