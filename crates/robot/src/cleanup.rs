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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Clock;
    use crate::config::{RobotConfig, Secret};
    use crate::package::touch;
    use jiff::SignedDuration;

    const NOW: &str = "2026-03-01T00:00:00Z";

    async fn context(dir: &Path, max_bytes: u64) -> Context {
        Context::for_tests(RobotConfig {
            environment_max_age_days: 10,
            environment_max_bytes: max_bytes,
            clock: Clock::new(|| NOW.parse().unwrap()),
            ..RobotConfig::new("http://h", Secret::new("k"), dir.join("data"))
        })
        .await
    }

    fn age(path: &Path, days: i64) {
        let now: Timestamp = NOW.parse().unwrap();
        touch(path, now - SignedDuration::from_hours(24 * days)).unwrap();
    }

    fn environment(context: &Context, name: &str, days: Option<i64>) {
        let folder = context.environments.folder(name);
        fs::create_dir_all(folder.programs()).unwrap();
        fs::write(folder.programs().join("big"), vec![0; 1000]).unwrap();
        if let Some(days) = days {
            fs::write(folder.0.join(READY), "").unwrap();
            age(&folder.0.join(READY), days);
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = children(folder).unwrap().into_iter().map(|row| row.0).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_old_and_the_half_made_go() {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path(), 1 << 30).await;
        for (name, days) in [
            ("fresh", Some(9)),
            ("old", Some(11)),
            ("old-in-use", Some(11)),
            ("half", None),
            ("half-being-made", None),
            ("trash-x", None),
        ] {
            environment(&context, name, days);
        }
        for (name, days) in [("new.nupkg", 1), ("old.nupkg", 11)] {
            let path = context.folders.packages().join(name);
            fs::write(&path, "").unwrap();
            age(&path, days);
        }
        let _used = [context.environments.lease("old-in-use"), context.environments.lease("half-being-made")];
        caches(&context).unwrap();
        let left = names(&context.folders.environments());
        assert_eq!(left, ["fresh", "half-being-made", "old-in-use"]);
        assert_eq!(names(&context.folders.packages()), ["new.nupkg"]);
    }

    #[tokio::test]
    async fn the_least_used_go_when_there_are_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path(), 2500).await;
        for (name, days) in [("a", 3), ("b", 5), ("c", 1), ("d", 7)] {
            environment(&context, name, Some(days));
        }
        let _used = context.environments.lease("d");
        caches(&context).unwrap();
        // What is in use stays and counts.
        assert_eq!(names(&context.folders.environments()), ["c", "d"]);
    }

    #[tokio::test]
    async fn folders_of_unknown_jobs_go() {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path(), 0).await;
        for name in ["known", "unknown"] {
            fs::create_dir_all(context.folders.job(name).work()).unwrap();
        }
        job_folders(&context, &HashSet::from(["known".to_owned()])).unwrap();
        assert_eq!(names(&context.folders.jobs()), ["known"]);
    }
}
