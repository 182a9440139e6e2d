//! Package files: downloaded once, kept by feed, id and version, and checked against the hash that
//! the command names. Unpacking is in `unpack.rs`, what to do with the content in `plan.rs`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::client::{CallError, Client, InNameOf};
use crate::failure::Failure;
use crate::folders::blocking;
use crate::wire::StartProcess;

/// A package on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub path: PathBuf,
    /// SHA-256 of the file, in lower-case hex.
    pub sha256: String,
}

/// Brings the command's package into the cache folder. While the server is away it waits.
pub(crate) async fn fetch(
    client: &Client,
    who: &InNameOf,
    cache: &Path,
    command: &StartProcess,
    limit: u64,
    now: Timestamp,
) -> Result<Package, Failure> {
    let feed = command.feed_id.as_deref();
    let path = cache.join(file_name(feed, &command.package_id, &command.package_version));
    let wanted = command.package_sha256.as_deref().map(str::to_ascii_lowercase);
    let fits = |sha256: &str| wanted.as_deref().is_none_or(|wanted| wanted == sha256);

    if let Some(sha256) = hash(path.clone()).await.map_err(disk)?
        && fits(&sha256)
    {
        // The age by which the cache is cleaned counts from the last use.
        touch(&path, now).map_err(disk)?;
        return Ok(Package { path, sha256 });
    }
    let part = path.with_extension(format!("{}.part", command.job_key));
    let answer = client
        .until_answered("package download", || {
            let package = (command.package_id.as_str(), command.package_version.as_str(), feed);
            client.download_package(who, package, &part, limit)
        })
        .await;
    if let Err(error) = answer {
        let _ = fs::remove_file(&part);
        return Err(refused(command, &error));
    }
    let sha256 = hash(part.clone()).await.map_err(disk)?.unwrap_or_default();
    if !fits(&sha256) {
        let _ = fs::remove_file(&part);
        return Err(Failure::deployment(
            "Robot.PackageDamaged",
            "The package is not the one that was published",
            format!("its SHA-256 is {sha256}, expected {}", wanted.unwrap_or_default()),
        ));
    }
    fs::rename(&part, &path).map_err(disk)?;
    Ok(Package { path, sha256 })
}

fn refused(command: &StartProcess, error: &CallError) -> Failure {
    Failure::deployment(
        "Robot.PackageDownload",
        format!("The package {} {} could not be downloaded", command.package_id, command.package_version),
        error.to_string(),
    )
}

fn disk(error: io::Error) -> Failure {
    Failure::system("Robot.Disk", "The robot cannot use its package folder", error.to_string())
}

/// Notes the time of a use; cleaning goes by it.
pub(crate) fn touch(path: &Path, now: Timestamp) -> io::Result<()> {
    File::options().append(true).open(path)?.set_modified(now.into())
}

async fn hash(path: PathBuf) -> io::Result<Option<String>> {
    blocking(move || {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Some(hex(&hasher.finalize()))),
                size => hasher.update(buffer.get(..size).unwrap_or_default()),
            }
        }
    })
    .await
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A short name for people followed by a hash of the parts for the machine: ids and versions come
/// from outside and may hold anything.
pub(crate) fn safe_name(title: &str, parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let title: String = title
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .collect();
    let hash = hex(&hasher.finalize());
    format!("{}-{}", title.trim_start_matches('.'), hash.get(..20).unwrap_or(&hash))
}

fn file_name(feed: Option<&str>, id: &str, version: &str) -> String {
    // Ids of packages do not differ by case.
    let id = id.to_lowercase();
    let parts = [feed.unwrap_or_default(), &id, version];
    format!("{}.nupkg", safe_name(&format!("{id}-{version}"), &parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_harmless_component() {
        for (id, version) in [("../../etc/passwd", "1"), ("a/b", "..\\1"), (".hidden", "1\n2"), ("ü", "")] {
            let name = file_name(Some("feed"), id, version);
            assert_eq!(Path::new(&name).components().count(), 1, "{name}");
            assert!(!name.starts_with('.') && name.is_ascii() && !name.contains(['/', '\\', '\n']));
        }
        // What differs only where the title is cleaned must still differ.
        assert_ne!(file_name(None, "a/b", "1"), file_name(None, "a_b", "1"));
        assert_ne!(file_name(None, "a", "b-1"), file_name(None, "a-b", "1"));
        assert_ne!(file_name(Some("x"), "a", "1"), file_name(None, "a", "1"));
        assert_eq!(file_name(None, "Hello", "1"), file_name(None, "hello", "1"));
    }
}
