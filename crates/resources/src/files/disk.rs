//! Files on disk: written beside their place, made durable, moved into it; read; removed.

use super::Area;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, codes};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs;
use tokio::io::AsyncWriteExt;

/// How long a sender may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// The files folder.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
    silence: Duration,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Why a stream did not arrive whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// The sender stopped, or the connection broke.
    Broken(String),
    /// The sender was silent for too long.
    Silent,
    /// More bytes than allowed; the limit.
    TooLarge(u64),
}

impl From<Cut> for Error {
    fn from(cut: Cut) -> Error {
        match cut {
            Cut::Broken(why) => Error::invalid("The file did not arrive whole.").because(why),
            Cut::Silent => Error::new(408, codes::INVALID_REQUEST, "The file took too long to arrive."),
            Cut::TooLarge(limit) => {
                Error::new(413, codes::INVALID_REQUEST, format!("The file is larger than {limit} bytes."))
            }
        }
    }
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |e| Error::unavailable(format!("a stored file: {what} failed: {e}"))
}

/// Counts and digests a stream while it passes.
struct Meter {
    size: u64,
    digest: Sha256,
    limit: u64,
    silence: Duration,
}

impl Meter {
    fn new(limit: u64, silence: Duration) -> Meter {
        Meter { size: 0, digest: Sha256::new(), limit, silence }
    }

    /// The next piece; `None` at the end.
    async fn next<E: Display>(
        &mut self,
        stream: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    ) -> Result<Option<Bytes>, Cut> {
        match tokio::time::timeout(self.silence, stream.next()).await {
            Err(_) => Err(Cut::Silent),
            Ok(None) => Ok(None),
            Ok(Some(Err(e))) => Err(Cut::Broken(e.to_string())),
            Ok(Some(Ok(piece))) => {
                self.size = self.size.saturating_add(piece.len() as u64);
                if self.size > self.limit {
                    return Err(Cut::TooLarge(self.limit));
                }
                self.digest.update(&piece);
                Ok(Some(piece))
            }
        }
    }

    fn end(self) -> Written {
        Written { size: self.size, sha256: bandmaster_core::text::hex(&self.digest.finalize()) }
    }
}

/// Size and digest of a stream that is stored nowhere.
pub async fn measure<E: Display>(
    mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
    limit: u64,
) -> Result<Written> {
    let mut meter = Meter::new(limit, SILENCE);
    while meter.next(&mut stream).await?.is_some() {}
    Ok(meter.end())
}

impl Place {
    /// The files folder at that path; it is made when the first file is written.
    pub fn new(root: &Path) -> Place {
        Place { root: root.to_path_buf(), silence: SILENCE }
    }

    /// Where a file is, or would be. Only GUIDs name files.
    pub fn path(&self, area: Area, id: &str) -> Result<PathBuf> {
        let id =
            parse_guid(id).ok_or_else(|| Error::internal("a stored file is named by something else than a GUID"))?;
        let first = id.get(..2).unwrap_or("00");
        Ok(self.root.join(area.name()).join(first).join(&id))
    }

    fn unfinished(&self, id: &str) -> Result<PathBuf> {
        let id =
            parse_guid(id).ok_or_else(|| Error::internal("a stored file is named by something else than a GUID"))?;
        Ok(self.root.join("unfinished").join(id))
    }

    /// Writes a stream into a new file: durable, file and name, when this returns. A stream that does not arrive
    /// whole, or is larger than `limit`, leaves nothing behind.
    pub async fn write<E: Display>(
        &self,
        area: Area,
        id: &str,
        mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
        limit: u64,
    ) -> Result<Written> {
        let (unfinished, finished) = (self.unfinished(id)?, self.path(area, id)?);
        folder(&unfinished).await.map_err(failed("making its folder"))?;
        let result = async {
            let file = fs::OpenOptions::new().write(true).create_new(true).open(&unfinished).await;
            let mut file = file.map_err(failed("creating it"))?;
            let mut meter = Meter::new(limit, self.silence);
            while let Some(piece) = meter.next(&mut stream).await? {
                file.write_all(&piece).await.map_err(failed("writing it"))?;
            }
            file.flush().await.map_err(failed("writing it"))?;
            file.sync_all().await.map_err(failed("making it durable"))?;
            drop(file);
            folder(&finished).await.map_err(failed("making its folder"))?;
            fs::rename(&unfinished, &finished).await.map_err(failed("moving it"))?;
            sync_parent(&finished).await.map_err(failed("making its name durable"))?;
            Ok(meter.end())
        }
        .await;
        if result.is_err() {
            remove_path(&unfinished).await.map_err(failed("removing it"))?;
        }
        result
    }

    /// Opens a file for reading; `None` when it is not there.
    pub async fn open(&self, area: Area, id: &str) -> Result<Option<fs::File>> {
        match fs::File::open(self.path(area, id)?).await {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("opening it")(e)),
        }
    }

    /// Removes a file, finished or not; it may be gone already.
    pub async fn remove(&self, area: Area, id: &str) -> Result<()> {
        for path in [self.unfinished(id)?, self.path(area, id)?] {
            remove_path(&path).await.map_err(failed("removing it"))?;
        }
        Ok(())
    }
}

async fn remove_path(path: &Path) -> io::Result<()> {
    match fs::remove_file(path).await {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Makes the folder of a path, with durable names up to the first folder that was there.
async fn folder(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if fs::metadata(parent).await.is_ok_and(|m| m.is_dir()) {
        return Ok(());
    }
    let made: Vec<PathBuf> = parent.ancestors().take_while(|p| !p.exists()).map(Path::to_path_buf).collect();
    fs::create_dir_all(parent).await?;
    for one in made {
        sync_parent(&one).await?;
    }
    Ok(())
}

/// Makes the name of a file durable. Other systems than Unix do that by themselves, or not at all.
async fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { fs::File::open(parent).await?.sync_all().await } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    const ID: &str = "6d9b1c70-2a3e-4b5d-9f10-0c1d2e3f4a5b";

    fn pieces(
        parts: &[Result<&'static str, &'static str>],
    ) -> impl Stream<Item = Result<Bytes, String>> + Unpin + use<> {
        let parts: Vec<_> =
            parts.iter().map(|p| p.map(|t| Bytes::from_static(t.as_bytes())).map_err(str::to_owned)).collect();
        stream::iter(parts)
    }

    fn files(root: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found
    }

    #[tokio::test]
    async fn a_file_is_written_read_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let place = Place::new(&root.path().join("files"));
        let written = place.write(Area::Attachments, ID, pieces(&[Ok("ab"), Ok("c")]), 3).await.unwrap();
        assert_eq!(written.size, 3);
        assert_eq!(written.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(measure(pieces(&[Ok("abc")]), 3).await.unwrap(), written);
        let path = place.path(Area::Attachments, ID).unwrap();
        assert!(path.ends_with(format!("attachments/6d/{ID}")));
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_eq!(files(root.path()), [path]);
        assert!(place.open(Area::Attachments, ID).await.unwrap().is_some());
        place.remove(Area::Attachments, ID).await.unwrap();
        place.remove(Area::Attachments, ID).await.unwrap();
        assert!(place.open(Area::Attachments, ID).await.unwrap().is_none());
        assert_eq!(files(root.path()), [] as [PathBuf; 0]);
    }

    #[tokio::test]
    async fn what_does_not_arrive_whole_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let place = Place::new(root.path());
        let cases = [(pieces(&[Ok("abc"), Err("cut")]), 400), (pieces(&[Ok("abc"), Ok("d")]), 413)];
        for (stream, status) in cases {
            let error = place.write(Area::Attachments, ID, stream, 3).await.unwrap_err();
            assert_eq!(error.status(), status);
            assert_eq!(files(root.path()), [] as [PathBuf; 0]);
        }
        place.write(Area::Attachments, ID, pieces(&[]), 3).await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_sender_is_given_up() {
        let root = tempfile::tempdir().unwrap();
        let silent = stream::pending::<Result<Bytes, String>>();
        let place = Place { silence: Duration::from_millis(1), ..Place::new(root.path()) };
        let error = place.write(Area::Attachments, ID, silent, 3).await.unwrap_err();
        assert_eq!(error.status(), 408);
        assert_eq!(files(root.path()), [] as [PathBuf; 0]);
    }

    #[test]
    fn only_guids_name_files() {
        let place = Place::new(Path::new("files"));
        for id in ["", "..", "../../etc/passwd", "/etc/passwd", "6d9b1c70-2a3e-4b5d-9f10-0c1d2e3f4a5b/../x", "a\\b"] {
            assert!(place.path(Area::Attachments, id).is_err(), "{id}");
            assert!(place.unfinished(id).is_err(), "{id}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_leaves_the_files_folder(id in ".{0,60}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(\\.\\./){1,4}[a-z]{1,8}") {
            let place = Place::new(Path::new("/root/files"));
            for path in [place.path(Area::Attachments, &id), place.unfinished(&id)].into_iter().flatten() {
                let plain = path.components().all(|c| !matches!(c, std::path::Component::ParentDir));
                proptest::prop_assert!(path.starts_with("/root/files") && plain);
                let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                proptest::prop_assert_eq!(parse_guid(name), Some(name.to_owned()));
            }
        }
    }
}
