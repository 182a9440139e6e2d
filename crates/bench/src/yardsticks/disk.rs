//! How long the disk takes to make a small write durable.

use anyhow::Result;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes a page to the end of a file in the folder and syncs it, this many times; how long each took.
pub fn fsyncs(folder: &Path, times: usize) -> Result<Vec<Duration>> {
    let path = folder.join("fsync-probe");
    let mut file = File::create(&path)?;
    let page = [7u8; 4096];
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        taken.push(begun.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(taken)
}
