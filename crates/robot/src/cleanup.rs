//! Removing what is not needed any more: environments by age and size, packages by age, folders of
//! jobs that nobody knows. Blocking.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::context::Context;
use crate::environments::{READY, TRASH};

/// Removes old environments and packages.
pub(crate) fn caches(context: &Context) -> io::Result<()> {
    let config = &context.config;
    let age = Duration::from_secs(config.environment_max_age_days.saturating_mul(24 * 60 * 60));
    let oldest = config.clock.now().checked_sub(age).unwrap_or(Timestamp::MIN);
    let mut kept = Vec::new();
    for (name, path) in children(&context.folders.environments())? {
        if name.starts_with(TRASH) {
            fs::remove_dir_all(&path)?;
            continue;
        }
        // Without its mark it is half-made: in use by whoever makes it, or left by a crash.
        match last_use(&path.join(READY)) {
            Some(used) if used >= oldest => kept.push((used, size(&path)?, name)),
            _ => discard(context, &name)?,
        }
    }
    kept.sort();
    let mut total: u64 = kept.iter().map(|(_, size, _)| size).sum();
    for (_, size, name) in kept {
        if total <= config.environment_max_bytes {
            break;
        }
        if context.environments.discard(&name)? {
            tracing::info!(environment = name, "removed, the environments were too large");
            total -= size;
        }
    }
    for (_, path) in children(&context.folders.packages())? {
        if last_use(&path).is_none_or(|used| used < oldest) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Removes the folders of all jobs but these. Only while no new job can come.
pub(crate) fn job_folders(context: &Context, known: &HashSet<String>) -> io::Result<()> {
    for (name, path) in children(&context.folders.jobs())? {
        if !known.contains(&name) {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

fn discard(context: &Context, name: &str) -> io::Result<()> {
    if context.environments.discard(name)? {
        tracing::info!(environment = name, "removed an old or half-made environment");
    }
    Ok(())
}

fn children(folder: &Path) -> io::Result<Vec<(String, std::path::PathBuf)>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()))).collect()
}

fn last_use(path: &Path) -> Option<Timestamp> {
    let modified = fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
    Timestamp::try_from(modified).ok()
}

fn size(path: &Path) -> io::Result<u64> {
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Ok(meta.len());
    }
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        sum += size(&entry?.path())?;
    }
    Ok(sum)
}
