//! The data folder: its layout, its lock, its keys.
//!
//! ```text
//! bandmaster.db   the database, when it is SQLite
//! keys            the key ring that seals secrets: without it they are lost
//! files/          packages, attachments
//! admin.sock      where `bandmaster admin` talks to the running server
//! lock            held by whoever uses the folder
//! ```

use anyhow::{Context, Result, bail};
use bandmaster_core::{Ids, KeyRing};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data folder.
#[derive(Debug, Clone)]
pub struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    /// Opens a folder, making it (for its owner only) when it is absent.
    pub fn open(root: PathBuf) -> Result<DataFolder> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&root).with_context(|| format!("data folder {}", root.display()))?;
        builder.create(root.join("files")).with_context(|| format!("data folder {}", root.display()))?;
        Ok(DataFolder { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The SQLite database.
    pub fn database(&self) -> PathBuf {
        self.root.join("bandmaster.db")
    }

    /// Packages and attachments.
    pub fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    /// The administrator's socket.
    pub fn socket(&self) -> PathBuf {
        self.root.join("admin.sock")
    }

    /// Takes the folder for this process; `None` when another one has it.
    pub fn lock(&self) -> Result<Option<File>> {
        let path = self.root.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(e)) => Err(e).with_context(|| path.display().to_string()),
        }
    }

    /// The key ring, made at the first start. A ring that others can read is refused.
    pub fn keys(&self, ids: &Arc<dyn Ids>) -> Result<KeyRing> {
        let path = self.root.join("keys");
        if !path.exists() {
            self.write_keys(&path, ids)?;
        }
        let mode = std::fs::metadata(&path)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("{} can be read by others (mode {:o}): chmod 600 it", path.display(), mode & 0o777);
        }
        let text = std::fs::read_to_string(&path)?;
        KeyRing::parse(&text, ids.clone()).map_err(|e| anyhow::anyhow!("{}: {e:?}", path.display()))
    }

    /// Written whole or not at all: half a key ring would lock away everything sealed with the other half.
    fn write_keys(&self, path: &Path, ids: &Arc<dyn Ids>) -> Result<()> {
        let line = KeyRing::fresh_line(ids.as_ref(), &format!("k{}", &ids.guid()[..8]));
        let draft = self.root.join("keys.new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        File::open(&self.root)?.sync_all()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::SeededIds;

    #[test]
    fn keys_are_made_once_and_locks_exclude() {
        let root = std::env::temp_dir().join(format!("bandmaster-data-{}", std::process::id()));
        let folder = DataFolder::open(root.clone()).unwrap();
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(1));
        let sealed = folder.keys(&ids).unwrap().seal(b"x", "c").unwrap();
        assert_eq!(folder.keys(&ids).unwrap().open(&sealed.0, "c").unwrap().as_slice(), b"x");
        let held = folder.lock().unwrap();
        assert!(held.is_some() && folder.lock().unwrap().is_none());
        drop(held);
        assert!(folder.lock().unwrap().is_some());
        std::fs::set_permissions(root.join("keys"), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(folder.keys(&ids).is_err());
        std::fs::remove_dir_all(root).unwrap();
    }
}
