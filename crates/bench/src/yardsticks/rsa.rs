//! Bare RSA-2048 signing (PKCS #1, SHA-256) on all cores.

use anyhow::{Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use std::time::{Duration, Instant};

/// Signatures a second of a text as long as a token's.
pub fn signatures_a_second(span: Duration) -> Result<f64> {
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no key"))?;
    let text = [b'x'; 800];
    let cores = std::thread::available_parallelism()?.get();
    let begun = Instant::now();
    let made: Result<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let random = SystemRandom::new();
                    let mut signature = vec![0; key.public_modulus_len()];
                    let mut count = 0u64;
                    while begun.elapsed() < span {
                        key.sign(&RSA_PKCS1_SHA256, &random, &text, &mut signature)
                            .map_err(|_| anyhow!("no signature"))?;
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
