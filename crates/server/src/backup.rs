//! Backup and restore of a data folder.
//!
//! A backup is a folder: the database (an online copy, consistent while the server works), the files, the key ring
//! (without it the secrets cannot be opened: guard it like the data folder itself), and a manifest with the hash of
//! each. Restore verifies every hash before it touches the target, and the database after.

use crate::admin;
use crate::config::Config;
use crate::data::DataFolder;
use anyhow::{Context, Result, bail};
use bandmaster_store::{Store, StoreConfig, schema};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "bandmaster.db";

/// Makes a backup of the configured data folder at `to`, which must not exist yet.
pub async fn create(config: &Config, to: &Path) -> Result<Value> {
    if config.text("database").is_some() {
        bail!("the database is PostgreSQL: use pg_dump for it, and copy the data folder for keys and files");
    }
    if to.exists() {
        bail!("{} exists already", to.display());
    }
    let data = DataFolder::open(config.data())?;
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(to)?;
    let to = to.canonicalize()?;
    let database = to.join(DATABASE);
    // Files first would miss those that the database names by then; files are never changed in place.
    admin::command(config, json!({"command": "backup", "to": database.to_string_lossy()})).await?;
    copy(&data.root().join("keys"), &to.join("keys"))?;
    for file in files_below(&data.files())? {
        copy(&data.files().join(&file), &to.join("files").join(&file))?;
    }
    let mut hashes = Map::new();
    for file in files_below(&to)? {
        hashes.insert(file.to_string_lossy().into_owned(), json!(hash(&to.join(&file))?));
    }
    let manifest = json!({"product": "bandmaster", "version": env!("CARGO_PKG_VERSION"), "sha256": hashes});
    std::fs::write(to.join(MANIFEST), serde_json::to_string_pretty(&manifest)?)?;
    std::fs::File::open(&to)?.sync_all()?;
    Ok(json!({"backup": to.to_string_lossy(), "files": hashes.len()}))
}

/// Puts a backup into an empty (or absent) data folder.
pub async fn restore(from: &Path, into: &Path) -> Result<Value> {
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(from.join(MANIFEST)).context("no manifest")?)?;
    let hashes = manifest["sha256"].as_object().context("the manifest names no files")?;
    for (name, expected) in hashes {
        let name = Path::new(name);
        if name.components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
            bail!("the manifest names a file outside of the backup: {}", name.display());
        }
        let found = hash(&from.join(name)).with_context(|| format!("{} is missing", name.display()))?;
        if expected.as_str() != Some(found.as_str()) {
            bail!("{} was altered or is damaged", name.display());
        }
    }
    if into.exists() && std::fs::read_dir(into)?.next().is_some() {
        bail!("{} is not empty", into.display());
    }
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(into)?;
    for name in hashes.keys() {
        copy(&from.join(name), &into.join(name))?;
    }
    let store = Store::open(StoreConfig::sqlite(into.join(DATABASE))).await?;
    store.migrate(schema::MIGRATIONS).await?;
    let rows = store.read().await?.query("PRAGMA integrity_check", &[]).await?;
    let verdict: String = rows.first().map(|r| r.get(0)).transpose()?.unwrap_or_default();
    store.close().await;
    if verdict != "ok" {
        bail!("the restored database is damaged: {verdict}");
    }
    Ok(json!({"restored": into.to_string_lossy(), "files": hashes.len()}))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(parent)?;
    }
    std::fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(())
}

fn hash(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
    Ok(bandmaster_core::text::hex(&hasher.finalize()))
}

/// All files below a folder, relative to it, in order.
fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        let path = root.join(&folder);
        if !path.exists() {
            continue;
        }
        for entry in std::fs::read_dir(&path)? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() { open.push(name) } else { out.push(name) }
        }
    }
    out.sort();
    Ok(out)
}
