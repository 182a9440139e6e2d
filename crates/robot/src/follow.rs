//! Reading a job's log files while they grow and turning their records into what the server takes.
//! How a file is cut into records is in `logline.rs`, where they go from here in `spool.rs`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::ambient::Clock;
use crate::config::RobotConfig;
use crate::folders::{Folders, blocking};
use crate::logline::{Level, Lines, Parser, Record};
use crate::spool::{Line, SOURCES, Spool};

/// Bytes read of one file before the next one has its turn.
const CHUNK: usize = 256 * 1024;
/// Looks without growth after which a record is taken as complete.
const QUIET_LOOKS: u32 = 2;
/// What the Python command line tool itself says about every run, at no one's request.
const NOISE: [&str; 2] = ["Resource overwrites config file not found:", "✓  Successful execution."];

/// What every record of a job says besides its message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    pub job_key: String,
    pub process_name: String,
    pub process_version: String,
    pub robot_name: String,
    pub machine_name: String,
    pub identity: String,
}

struct Source {
    path: PathBuf,
    /// A file that the job's own user writes must be opened with care.
    of_job: bool,
    file: Option<File>,
    parser: Parser,
    quiet: u32,
}

/// The follower of one job's files.
pub(crate) struct Follower {
    folders: Arc<Folders>,
    spool: Arc<Spool>,
    labels: Labels,
    zone: TimeZone,
    clock: Clock,
    sources: [Source; SOURCES.len()],
}

impl Follower {
    /// Goes on where the spool says that reading stopped. `log` is the file with headed records.
    pub fn new(folders: Arc<Folders>, spool: Arc<Spool>, labels: Labels, clock: Clock, log: PathBuf) -> Self {
        let job = folders.job(&labels.job_key);
        let positions = spool.positions();
        let source = |index: usize, path, of_job, lines| Source {
            path,
            of_job,
            file: None,
            parser: Parser::new(lines, positions.get(index).copied().unwrap_or_default()),
            quiet: 0,
        };
        let sources = [
            source(0, log, true, Lines::Headed),
            source(1, job.stdout(), false, Lines::Plain(Level::Info)),
            source(2, job.stderr(), false, Lines::Plain(Level::Error)),
        ];
        Self { folders, spool, labels, zone: TimeZone::system(), clock, sources }
    }

    /// Follows until `ended` is notified, then reads what is left.
    pub async fn run(self, config: &RobotConfig, ended: &Notify) {
        let mut follower = self;
        let mut last = false;
        loop {
            let step = blocking(move || {
                if let Err(error) = follower.look(last) {
                    tracing::warn!(job = follower.labels.job_key, %error, "reading log files");
                }
                Ok(follower)
            });
            match step.await {
                Ok(back) => follower = back,
                Err(error) => {
                    tracing::error!(%error, "following the log files ended");
                    return;
                }
            }
            if last {
                return;
            }
            last = tokio::select! {
                () = ended.notified() => true,
                () = tokio::time::sleep(config.log_poll()) => false,
            };
        }
    }

    /// One look at all files. The last one takes everything, as far as the spool has room.
    fn look(&mut self, last: bool) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        for index in 0..SOURCES.len() {
            loop {
                if !self.spool.has_room() {
                    return if last { self.note_loss() } else { Ok(()) };
                }
                let size = self.read(index, &mut buffer)?;
                let Some(source) = self.sources.get_mut(index) else { break };
                let mut records = source.parser.push(buffer.get(..size).unwrap_or_default());
                if last && size == 0 {
                    records.extend(source.parser.finish());
                } else if size == 0 {
                    source.quiet += 1;
                    if source.quiet >= QUIET_LOOKS && source.parser.has_open() {
                        records.extend(source.parser.close_record());
                    }
                } else {
                    source.quiet = 0;
                }
                self.keep(index, &records)?;
                if size == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(source) = self.sources.get_mut(index) else { return Ok(0) };
        if source.file.is_none() {
            let opened = if source.of_job { self.folders.open_of_job(&source.path) } else { File::open(&source.path) };
            match opened {
                Ok(file) => source.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                // A job that puts something strange in the place of its log has none.
                Err(error) if source.of_job => {
                    tracing::debug!(path = %source.path.display(), %error, "no readable log");
                    return Ok(0);
                }
                Err(error) => return Err(error),
            }
        }
        match &mut source.file {
            Some(file) => {
                file.seek(SeekFrom::Start(source.parser.position()))?;
                file.read(buffer)
            }
            None => Ok(0),
        }
    }

    fn keep(&self, source: usize, records: &[Record]) -> io::Result<()> {
        let now = self.clock.now();
        let lines: Vec<Line> = records
            .iter()
            .map(|record| Line { source, end: record.end, record: self.record(source, record, now) })
            .collect();
        self.spool.append(&lines)
    }

    fn record(&self, source: usize, record: &Record, now: Timestamp) -> String {
        let time = record.time.map_or(now, |time| self.to_utc(time, now));
        let noise = source != 0 && NOISE.iter().any(|noise| record.message.starts_with(noise));
        let level = if noise { Level::Trace } else { record.level };
        let name = SOURCES.get(source).copied().unwrap_or_default();
        self.text(level, &record.message, time, fingerprint(&self.labels.job_key, name, record.start))
    }

    fn text(&self, level: Level, message: &str, time: Timestamp, fingerprint: Uuid) -> String {
        let labels = &self.labels;
        json!({
            "message": message,
            "level": level.name(),
            "logType": "Default",
            "timeStamp": time.to_string(),
            "fingerprint": fingerprint.to_string(),
            "windowsIdentity": labels.identity,
            "machineName": labels.machine_name,
            "processName": labels.process_name,
            "processVersion": labels.process_version,
            "jobId": labels.job_key,
            "robotName": labels.robot_name,
        })
        .to_string()
    }

    /// The log is written in the host's local time.
    fn to_utc(&self, time: DateTime, now: Timestamp) -> Timestamp {
        self.zone.to_ambiguous_zoned(time).compatible().map_or(now, |time| time.timestamp())
    }

    /// The job is over, the server away and the spool full: the rest is given up, but not silently.
    fn note_loss(&self) -> io::Result<()> {
        let text = "The robot's log buffer was full while the server was away; \
                    further lines of this job are lost.";
        let id = fingerprint(&self.labels.job_key, "loss", 0);
        let record = self.text(Level::Warn, text, self.clock.now(), id);
        self.spool.append(&[Line { source: 0, end: 0, record }])
    }
}

/// The same record always has the same fingerprint, so delivering it twice is harmless.
fn fingerprint(job_key: &str, source: &str, start: u64) -> Uuid {
    let digest = Sha256::digest(format!("{job_key}/{source}/{start}"));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::InNameOf;
    use std::fs;
    use std::io::Write;

    const KEY: &str = crate::journal::tests::KEY;

    struct Bench {
        dir: tempfile::TempDir,
        folders: Arc<Folders>,
    }

    impl Bench {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folders = Arc::new(Folders::open(dir.path(), None).await.unwrap());
            fs::create_dir_all(folders.job(KEY).work()).unwrap();
            Self { dir, folders }
        }

        fn spool(&self, limit: u64) -> Arc<Spool> {
            let who = InNameOf::default();
            let folder = self.folders.spool();
            Arc::new(Spool::open(&folder, KEY, &who, limit, Arc::new(Notify::new())).unwrap())
        }

        fn follower(&self, spool: &Arc<Spool>) -> Follower {
            let labels = Labels { job_key: KEY.into(), ..Labels::default() };
            let clock = Clock::new(|| "2026-01-02T03:04:05Z".parse().unwrap());
            let log = self.folders.job(KEY).work().join("execution.log");
            let mut follower = Follower::new(self.folders.clone(), spool.clone(), labels, clock, log);
            follower.zone = TimeZone::UTC;
            follower
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.folders.job(KEY).root().join(name);
            let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    fn messages(spool: &Spool) -> Vec<(String, String, String)> {
        let batch = spool.next_batch().unwrap();
        let fields = batch.records.iter().map(|text| {
            let record: serde_json::Value = serde_json::from_str(text).unwrap();
            let field = |name: &str| record[name].as_str().unwrap().to_owned();
            (field("level"), field("message"), field("timeStamp"))
        });
        fields.collect()
    }

    #[tokio::test]
    async fn records_of_all_files_are_kept() {
        let bench = Bench::new().await;
        let spool = bench.spool(1 << 20);
        let mut follower = bench.follower(&spool);
        follower.look(false).unwrap();
        bench.write("work/execution.log", "[2026-11-24 09:43:39,380][WARNING] one\n  more\n");
        bench.write("stdout.log", "plain\n✓  Successful execution.\nhal");
        bench.write("stderr.log", "bad\n");
        follower.look(false).unwrap();
        let expected = |rows: &[(&str, &str, &str)]| {
            rows.iter().map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())).collect::<Vec<_>>()
        };
        let now = "2026-01-02T03:04:05Z";
        let mut rows = vec![("Info", "plain", now), ("Trace", "✓  Successful execution.", now), ("Error", "bad", now)];
        assert_eq!(messages(&spool), expected(&rows));
        // The record counts as complete once the file is quiet, the half line only at the end.
        follower.look(false).unwrap();
        follower.look(false).unwrap();
        rows.push(("Warn", "one\n  more", "2026-11-24T09:43:39.38Z"));
        assert_eq!(messages(&spool), expected(&rows));
        bench.write("stdout.log", "f");
        follower.look(true).unwrap();
        rows.push(("Info", "half", now));
        assert_eq!(messages(&spool), expected(&rows));
        drop(bench.dir);
    }

    #[tokio::test]
    async fn a_new_follower_repeats_nothing_and_leaves_nothing_out() {
        let bench = Bench::new().await;
        bench.write("stdout.log", "a\nb\n");
        let spool = bench.spool(1 << 20);
        bench.follower(&spool).look(false).unwrap();
        spool.done_with(&spool.next_batch().unwrap()).unwrap();
        drop(spool);
        bench.write("stdout.log", "c\n");
        let spool = bench.spool(1 << 20);
        bench.follower(&spool).look(true).unwrap();
        let texts: Vec<_> = messages(&spool).into_iter().map(|row| row.1).collect();
        assert_eq!(texts, ["c"]);
    }

    #[tokio::test]
    async fn fingerprints_depend_on_place_alone() {
        let bench = Bench::new().await;
        bench.write("stdout.log", "a\na\n");
        let spool = bench.spool(1 << 20);
        bench.follower(&spool).look(true).unwrap();
        let first = spool.next_batch().unwrap().records;
        assert_ne!(first[0], first[1]);
        spool.close();
        let spool = bench.spool(1 << 20);
        bench.follower(&spool).look(true).unwrap();
        assert_eq!(spool.next_batch().unwrap().records, first);
    }

    #[tokio::test]
    async fn a_full_spool_makes_reading_wait_and_tells_a_loss() {
        let bench = Bench::new().await;
        bench.write("stdout.log", &"x\n".repeat(10));
        bench.write("stderr.log", "late\n");
        let spool = bench.spool(100);
        let mut follower = bench.follower(&spool);
        follower.look(false).unwrap();
        assert_eq!(messages(&spool).len(), 10);
        spool.done_with(&spool.next_batch().unwrap()).unwrap();
        follower.look(false).unwrap();
        assert_eq!(messages(&spool)[0].1, "late");
        follower.look(true).unwrap();
        let rows = messages(&spool);
        assert_eq!(rows[1].0, "Warn");
        assert!(rows[1].1.contains("lost"));
    }
}
