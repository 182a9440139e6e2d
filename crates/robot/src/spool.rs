//! Log records on their way to the server: one file per job, written as they are read and emptied
//! as the server answers, so that they outlive an absent server and a restart of the agent.
//! Filling it is in `follow.rs`, emptying it in `ship.rs`.
//!
//! Nothing is flushed to the disk on purpose: a crash of the agent loses nothing, and what a crash
//! of the host loses is read again from the job's own files as long as they are there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::client::InNameOf;

/// Records in one delivery.
pub(crate) const BATCH_MAX: usize = 100;
/// Bytes in one delivery, unless a single record is larger.
const BATCH_BYTES: usize = 1 << 20;

/// The files that are followed, in the order in which they are read.
pub(crate) const SOURCES: [&str; 3] = ["log", "out", "err"];

/// How far each source has been read.
pub(crate) type Positions = [u64; SOURCES.len()];

/// One record to be kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Index into [`SOURCES`].
    #[serde(rename = "s")]
    pub source: usize,
    /// Where reading of the source goes on after it.
    #[serde(rename = "e")]
    pub end: u64,
    /// JSON text for the server.
    #[serde(rename = "r")]
    pub record: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    robot_key: String,
    folder_key: Option<String>,
    sent: u64,
    positions: Positions,
}

/// The next records to deliver.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub records: Vec<String>,
    to: u64,
    positions: Positions,
}

struct Inner {
    file: File,
    length: u64,
    meta: Meta,
    /// Read positions including what is not sent yet.
    read: Positions,
    finished: bool,
}

/// The spool of one job.
pub(crate) struct Spool {
    path: PathBuf,
    meta_path: PathBuf,
    limit: u64,
    inner: Mutex<Inner>,
    grown: Arc<Notify>,
    drained: watch::Sender<bool>,
}

impl Spool {
    /// Opens or makes a job's spool. `grown` is told whenever there is something to send.
    pub fn open(folder: &Path, key: &str, who: &InNameOf, limit: u64, grown: Arc<Notify>) -> io::Result<Self> {
        let meta_path = folder.join(format!("{key}.meta"));
        let mut meta: Meta = match fs::read(&meta_path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Meta::default(),
        };
        if !who.robot_key.is_empty() {
            meta.robot_key = who.robot_key.clone();
            meta.folder_key = who.folder_key.clone();
        }
        let path = folder.join(format!("{key}.jsonl"));
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&path)?;
        if meta.sent > file.metadata()?.len() {
            meta.sent = 0;
        }
        let (length, read) = scan(&mut file, &meta)?;
        // A crash can leave half a line at the end.
        file.set_len(length)?;
        let inner = Inner { file, length, meta, read, finished: false };
        let (drained, _) = watch::channel(false);
        let spool = Self { path, meta_path, limit, inner: Mutex::new(inner), grown, drained };
        spool.save_meta(&spool.lock().meta)?;
        Ok(spool)
    }

    /// Job keys of all spools in the folder, for those whose job has ended in a former life.
    pub fn keys(folder: &Path) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl")
                && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            {
                keys.push(stem.to_owned());
            }
        }
        Ok(keys)
    }

    /// Whom the records are delivered for.
    pub fn who(&self) -> InNameOf {
        let inner = self.lock();
        InNameOf { robot_key: inner.meta.robot_key.clone(), folder_key: inner.meta.folder_key.clone() }
    }

    /// Where reading of the sources goes on.
    pub fn positions(&self) -> Positions {
        self.lock().read
    }

    /// True while there is room; a full spool makes the follower wait.
    pub fn has_room(&self) -> bool {
        let inner = self.lock();
        inner.length - inner.meta.sent < self.limit
    }

    /// Keeps records.
    pub fn append(&self, lines: &[Line]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, line)?;
            bytes.push(b'\n');
        }
        let mut inner = self.lock();
        if let Err(error) = inner.file.write_all(&bytes) {
            // A full disk can leave half a line, which must not swallow the next one.
            let length = inner.length;
            inner.file.set_len(length)?;
            return Err(error);
        }
        inner.length += bytes.len() as u64;
        for line in lines {
            if let Some(position) = inner.read.get_mut(line.source) {
                *position = line.end.max(*position);
            }
        }
        drop(inner);
        self.grown.notify_one();
        Ok(())
    }

    /// The next records, none when all are sent.
    pub fn next_batch(&self) -> io::Result<Batch> {
        let inner = self.lock();
        let mut batch = Batch { records: Vec::new(), to: inner.meta.sent, positions: inner.meta.positions };
        let mut file = &inner.file;
        file.seek(SeekFrom::Start(inner.meta.sent))?;
        let mut reader = BufReader::new(file.take(inner.length - inner.meta.sent));
        let (mut text, mut bytes) = (String::new(), 0);
        while batch.records.len() < BATCH_MAX && bytes < BATCH_BYTES {
            text.clear();
            let size = reader.read_line(&mut text)?;
            if size == 0 {
                break;
            }
            batch.to += size as u64;
            bytes += size;
            let line: Line = serde_json::from_str(&text)?;
            if let Some(position) = batch.positions.get_mut(line.source) {
                *position = line.end.max(*position);
            }
            batch.records.push(line.record);
        }
        Ok(batch)
    }

    /// The batch is delivered (or will never be); the next one follows it.
    pub fn done_with(&self, batch: &Batch) -> io::Result<()> {
        let mut inner = self.lock();
        inner.meta.positions = batch.positions;
        inner.meta.sent = batch.to;
        if batch.to == inner.length {
            // First the note, then the cut: a crash between them only sends again.
            inner.meta.sent = 0;
            self.save_meta(&inner.meta)?;
            inner.file.set_len(0)?;
            inner.length = 0;
        } else {
            if batch.to > self.limit {
                self.compact(&mut inner)?;
            }
            self.save_meta(&inner.meta)?;
        }
        Ok(())
    }

    /// Drops the sent part of a file that is never empty.
    fn compact(&self, inner: &mut Inner) -> io::Result<()> {
        let temporary = self.path.with_extension("tmp");
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut to = OpenOptions::new().create_new(true).read(true).append(true).mode(0o600).open(&temporary)?;
        inner.file.seek(SeekFrom::Start(inner.meta.sent))?;
        let length = io::copy(&mut inner.file, &mut to)?;
        fs::rename(&temporary, &self.path)?;
        inner.file = to;
        inner.length = length;
        inner.meta.sent = 0;
        Ok(())
    }

    /// No more records will come.
    pub fn finish(&self) {
        self.lock().finished = true;
        self.grown.notify_one();
    }

    /// True when no more records will come.
    pub fn is_finished(&self) -> bool {
        self.lock().finished
    }

    /// Everything is sent: the files go.
    pub fn close(&self) {
        for path in [&self.path, &self.meta_path] {
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!(path = %path.display(), %error, "a log spool could not be removed");
            }
        }
        self.drained.send_replace(true);
    }

    /// Waits until the spool is closed.
    pub async fn drained(&self) {
        let mut drained = self.drained.subscribe();
        // The sender lives in `self`, so there is no error to handle.
        let _ = drained.wait_for(|drained| *drained).await;
    }

    fn save_meta(&self, meta: &Meta) -> io::Result<()> {
        let temporary = self.meta_path.with_extension("meta.tmp");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(&serde_json::to_vec(meta)?)?;
        fs::rename(&temporary, &self.meta_path)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The length of the whole lines, and the read positions after the unsent ones.
fn scan(file: &mut File, meta: &Meta) -> io::Result<(u64, Positions)> {
    let (mut length, mut positions) = (meta.sent, meta.positions);
    file.seek(SeekFrom::Start(meta.sent))?;
    let mut reader = BufReader::new(file);
    let mut text = Vec::new();
    loop {
        text.clear();
        let size = reader.read_until(b'\n', &mut text)?;
        let Ok(line) = serde_json::from_slice::<Line>(&text) else { break };
        if !text.ends_with(b"\n") {
            break;
        }
        length += size as u64;
        if let Some(position) = positions.get_mut(line.source) {
            *position = line.end.max(*position);
        }
    }
    Ok((length, positions))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path, limit: u64) -> Spool {
        let who = InNameOf { robot_key: "r".into(), folder_key: None };
        Spool::open(dir, "job", &who, limit, Arc::new(Notify::new())).unwrap()
    }

    fn lines(range: std::ops::Range<u64>) -> Vec<Line> {
        range.map(|n| Line { source: 1, end: n + 1, record: format!("r{n}") }).collect()
    }

    #[test]
    fn batches_come_in_order_and_the_file_empties() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path(), 1 << 20);
        spool.append(&lines(0..150)).unwrap();
        let first = spool.next_batch().unwrap();
        assert_eq!((first.records.len(), first.records[99].as_str()), (100, "r99"));
        // Until it is done with, the same comes again.
        assert_eq!(spool.next_batch().unwrap().records, first.records);
        spool.done_with(&first).unwrap();
        let second = spool.next_batch().unwrap();
        assert_eq!((second.records.len(), second.records[0].as_str()), (50, "r100"));
        spool.append(&lines(150..151)).unwrap();
        spool.done_with(&second).unwrap();
        let third = spool.next_batch().unwrap();
        assert_eq!(third.records, ["r150"]);
        spool.done_with(&third).unwrap();
        assert!(spool.next_batch().unwrap().records.is_empty());
        assert_eq!(fs::metadata(&spool.path).unwrap().len(), 0);
        assert_eq!(spool.positions(), [0, 151, 0]);
    }

    #[test]
    fn a_restart_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path(), 1 << 20);
        spool.append(&lines(0..150)).unwrap();
        spool.done_with(&spool.next_batch().unwrap()).unwrap();
        drop(spool);
        // A crash in the middle of a write.
        let path = dir.path().join("job.jsonl");
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"s\":1,").unwrap();
        assert_eq!(Spool::keys(dir.path()).unwrap(), ["job"]);
        let spool = open(dir.path(), 1 << 20);
        assert_eq!(spool.positions(), [0, 150, 0]);
        spool.append(&lines(150..151)).unwrap();
        let batch = spool.next_batch().unwrap();
        assert_eq!((batch.records.len(), batch.records[50].as_str()), (51, "r150"));
        assert_eq!(spool.who().robot_key, "r");
        spool.close();
        assert!(Spool::keys(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn it_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path(), 1000);
        assert!(spool.has_room());
        spool.append(&lines(0..200)).unwrap();
        assert!(!spool.has_room());
        spool.done_with(&spool.next_batch().unwrap()).unwrap();
        // What is sent is cut off although the file was never empty.
        let rest = fs::metadata(&spool.path).unwrap().len();
        let batch = spool.next_batch().unwrap();
        assert_eq!(batch.records[0], "r100");
        assert!(rest < 100 * 40, "{rest}");
        spool.append(&lines(200..201)).unwrap();
        spool.done_with(&batch).unwrap();
        assert_eq!(spool.next_batch().unwrap().records, ["r200"]);
    }
}
