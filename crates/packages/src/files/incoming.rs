//! A package on its way in: bytes gathered in a temporary file that goes away by itself unless it is kept.

use super::{blocking, failed, flush_folder, fresh_name, make_folder, root};
use bandmaster_api::App;
use bandmaster_core::{Error, Result, codes};
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// Removes its file when dropped, unless it was told to leave it.
struct Temporary {
    path: PathBuf,
    stays: bool,
}

impl Temporary {
    fn new(path: PathBuf) -> Temporary {
        Temporary { path, stays: false }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.stays {
            // What cannot be removed now is the duty's business.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A file that is being received.
pub(crate) struct Arriving {
    file: File,
    place: Temporary,
    size: u64,
    limit: u64,
}

impl Arriving {
    /// Begins a file.
    pub(crate) async fn begin(app: &App) -> Result<Arriving> {
        let folder = root(app).join("incoming");
        let place = folder.join(format!("{}.part", fresh_name(app)));
        let made = blocking(move || make_folder(&folder)).await?;
        made.map_err(|e| failed("the folder for uploads cannot be made", &e))?;
        let file = File::create_new(&place).await.map_err(|e| failed("an upload cannot be stored", &e))?;
        Ok(Arriving { file, place: Temporary::new(place), size: 0, limit: app.settings.max_upload_bytes })
    }

    /// Appends bytes; 413 beyond the largest size of a file.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(Error::new(
                413,
                codes::INVALID_REQUEST,
                format!("The file is larger than the {} bytes accepted.", self.limit),
            ));
        }
        self.file.write_all(bytes).await.map_err(|e| failed("an upload cannot be stored", &e))
    }

    /// Ends the file and makes its bytes durable.
    pub(crate) async fn end(mut self) -> Result<Arrived> {
        self.file.flush().await.map_err(|e| failed("an upload cannot be stored", &e))?;
        self.file.sync_all().await.map_err(|e| failed("an upload cannot be stored", &e))?;
        Ok(Arrived { place: self.place })
    }
}

/// A file that was received whole. Dropped, it is gone.
pub(crate) struct Arrived {
    place: Temporary,
}

impl Arrived {
    /// Where it is, for reading.
    pub(crate) fn path(&self) -> &Path {
        &self.place.path
    }

    /// Gives it its final name, durably.
    pub(crate) async fn keep(mut self, app: &App, tenant_id: i64) -> Result<Stored> {
        let name = format!("{tenant_id}/{}.nupkg", fresh_name(app));
        let place = Temporary::new(root(app).join(&name));
        let (from, to) = (self.place.path.clone(), place.path.clone());
        let moved = blocking(move || {
            let folder = to.parent().unwrap_or(&to);
            make_folder(folder)?;
            std::fs::rename(&from, &to)?;
            flush_folder(folder)
        })
        .await?;
        moved.map_err(|e| failed("a package cannot be stored", &e))?;
        self.place.stays = true;
        Ok(Stored { name, place })
    }
}

/// A file under its final name. Dropped before [`Stored::settle`], it is removed again.
pub(crate) struct Stored {
    name: String,
    place: Temporary,
}

impl Stored {
    /// Its name, as the row has it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The row may exist: the file stays, whatever happens from here on. Call it before the unit is committed, since
    /// a commit can succeed though its outcome was not learned.
    pub(crate) fn settle(&mut self) {
        self.place.stays = true;
    }
}
