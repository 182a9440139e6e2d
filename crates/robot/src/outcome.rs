//! What a finished process means for its job. The outcome file decides; the exit code only says
//! why there is none, or, for plain executables, whether their output counts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::failure::{self, Failure};
use crate::folders::{Folders, JobFolder, write_durably};
use crate::journal::{Entry, Kind, Outcome, Output, StopReason};
use crate::wire::{JobError, JobState};

/// Bytes read of an outcome file.
const FILE_MAX: u64 = 64 << 20;
/// Characters of output arguments that the server takes in a state report; more become a file.
const OUTPUT_MAX: usize = 10_000;
/// Bytes of the error output that go into a job's error.
const TAIL: u64 = 4_000;

/// How the process ended, as far as the agent saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With this code; `None` when by a signal, or when only its absence was seen.
    Seen(Option<i32>),
    /// While no agent was there.
    Unseen,
}

/// Reads the outcome of a job whose process has ended. Blocking.
pub(crate) fn read(folders: &Folders, entry: &Entry, exit: Exit) -> Outcome {
    let job = folders.job(entry.key());
    let found = match entry.kind {
        Some(Kind::Executable) => of_executable(folders, &job, exit),
        _ => of_python(folders, &job),
    };
    let outcome = match found {
        Ok(Some(outcome)) => outcome,
        Ok(None) if exit == Exit::Unseen => failure::lost(),
        Ok(None) => without_outcome(&job, exit),
        Err(failure) => failure.outcome(),
    };
    match entry.stop {
        Some((_, reason)) if outcome.state != JobState::Successful => stopped(reason),
        _ => outcome,
    }
}

/// A job that ended because it was asked to.
pub(crate) fn stopped(reason: StopReason) -> Outcome {
    let info = match reason {
        StopReason::Command => "Stopped on request",
        StopReason::TimeLimit => "Stopped because the job's time limit was reached",
    };
    Outcome { state: JobState::Stopped, output: None, error: None, info: Some(info.into()) }
}

/// The Python runtime's outcome file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeFile {
    status: String,
    #[serde(default)]
    output: Value,
    /// Written instead of `output` when the arguments were asked for in a file of their own.
    output_arguments_file_path: Option<String>,
    error: Option<ErrorFile>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorFile {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    category: Option<String>,
    status: Option<i64>,
}

fn of_python(folders: &Folders, job: &JobFolder) -> Result<Option<Outcome>, Failure> {
    let runtime = job.work().join("__uipath");
    let Some(bytes) = read_file(folders, &runtime.join("output.json"))? else { return Ok(None) };
    let file: OutcomeFile = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error.to_string()))?;
    match file.status.to_ascii_lowercase().as_str() {
        "successful" => {
            let output = match &file.output_arguments_file_path {
                None => file.output,
                Some(path) => {
                    // Relative to the job's current folder, as the runtime writes it.
                    let bytes = read_file(folders, &job.work().join(path))?
                        .ok_or_else(|| unreadable("the file with the output arguments is missing"))?;
                    serde_json::from_slice(&bytes).map_err(|error| unreadable(&error.to_string()))?
                }
            };
            successful(job, &output).map(Some)
        }
        "faulted" => {
            let error = file.error.unwrap_or_default();
            let title = error.title.unwrap_or_else(|| "The job failed".into());
            const CATEGORIES: [&str; 3] = ["User", "System", "Deployment"];
            let category = error.category.as_deref().filter(|name| CATEGORIES.contains(name));
            Ok(Some(Outcome {
                state: JobState::Faulted,
                output: None,
                info: Some(title.clone()),
                error: Some(JobError {
                    code: error.code.unwrap_or_else(|| "Unknown".into()),
                    title,
                    detail: error.detail.unwrap_or_default(),
                    category: category.unwrap_or("Unknown").into(),
                    status: error.status.unwrap_or_default(),
                }),
            }))
        }
        "suspended" => Err(Failure::system(
            "Robot.SuspendNotSupported",
            "The job suspended itself, which this robot does not support yet",
            "The process asked to be suspended and resumed later. This robot runs a job in one go \
             and cannot resume it; the work done so far is not continued.",
        )),
        other => Err(unreadable(&format!("unknown status {other:?}"))),
    }
}

/// An executable has an outcome when its exit code is known: from the file that its starter wrote,
/// which is there also when no agent watched.
fn of_executable(folders: &Folders, job: &JobFolder, exit: Exit) -> Result<Option<Outcome>, Failure> {
    let noted = read_file(folders, &job.exit_code())?
        .and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse::<i32>().ok());
    let code = match (noted, exit) {
        (Some(code), _) | (None, Exit::Seen(Some(code))) => code,
        _ => return Ok(None),
    };
    if code != 0 {
        return Err(exit_failure(job, Some(code)));
    }
    let output = match read_file(folders, &job.output())? {
        None => Value::Object(serde_json::Map::new()),
        Some(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| unreadable(&format!("the output is not JSON: {error}")))?
        }
    };
    if !output.is_object() {
        return Err(unreadable("the output is not a JSON object"));
    }
    successful(job, &output).map(Some)
}

fn successful(job: &JobFolder, output: &Value) -> Result<Outcome, Failure> {
    let text = match output {
        Value::Null => "{}".to_owned(),
        output => output.to_string(),
    };
    let output = if text.chars().count() > OUTPUT_MAX {
        write_durably(&job.large_output(), text.as_bytes()).map_err(|error| disk(&error))?;
        Output::Large
    } else {
        Output::Text(text)
    };
    Ok(Outcome { state: JobState::Successful, output: Some(output), error: None, info: Some("Job completed".into()) })
}

fn without_outcome(job: &JobFolder, exit: Exit) -> Outcome {
    let code = match exit {
        Exit::Seen(code) => code,
        Exit::Unseen => None,
    };
    exit_failure(job, code).outcome()
}

fn exit_failure(job: &JobFolder, code: Option<i32>) -> Failure {
    let title = match code {
        Some(code) => format!("The process ended with exit code {code}"),
        None => "The process ended without leaving an outcome".to_owned(),
    };
    // Some programs tell what went wrong on the ordinary output only.
    let tails = [job.stderr(), job.stdout()].map(|path| tail(&path).unwrap_or_default());
    let detail = tails.into_iter().find(|tail| !tail.is_empty()).unwrap_or_else(|| "It wrote nothing.".to_owned());
    let mut failure = Failure::system("Robot.ProcessFailed", title, detail);
    failure.0.category = "User".into();
    failure
}

fn unreadable(reason: &str) -> Failure {
    let mut failure =
        Failure::system("Robot.OutcomeUnreadable", "The outcome that the process left cannot be read", reason);
    failure.0.category = "User".into();
    failure
}

fn disk(error: &io::Error) -> Failure {
    Failure::system("Robot.Disk", "The robot cannot use its job folder", error.to_string())
}

/// A job that leaves a link or a pipe where its outcome should be has an unreadable outcome.
fn read_file(folders: &Folders, path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    folders.read_of_job(path, FILE_MAX).map_err(|error| unreadable(&error.to_string()))
}

/// The last lines of a file, at most [`TAIL`] bytes.
pub(crate) fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = match text.split_once('\n') {
        Some((_, rest)) if length > TAIL => rest,
        _ => &text,
    };
    Ok(whole.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Stage;
    use crate::journal::tests::{KEY, entry};
    use crate::wire::StopKind;
    use serde_json::json;
    use std::fs;

    struct Bench {
        _dir: tempfile::TempDir,
        folders: Folders,
        job: JobFolder,
    }

    impl Bench {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folders = Folders::open(dir.path(), None).await.unwrap();
            let job = folders.job(KEY);
            fs::create_dir_all(job.work().join("__uipath")).unwrap();
            fs::create_dir_all(job.io()).unwrap();
            fs::write(job.stderr(), "first\nlast words\n").unwrap();
            Self { _dir: dir, folders, job }
        }

        fn read(&self, kind: Kind, stop: bool, exit: Exit) -> Outcome {
            let stop = stop.then_some((StopKind::SoftStop, StopReason::Command));
            let entry = Entry { kind: Some(kind), stop, ..entry(Stage::Running) };
            read(&self.folders, &entry, exit)
        }

        fn python(&self, output: &str, stop: bool, exit: Exit) -> Outcome {
            fs::write(self.job.work().join("__uipath/output.json"), output).unwrap();
            self.read(Kind::Python, stop, exit)
        }
    }

    fn code(outcome: &Outcome) -> &str {
        outcome.error.as_ref().map(|error| error.code.as_str()).unwrap_or_default()
    }

    #[tokio::test]
    async fn the_outcome_file_decides_not_the_exit_code() {
        let bench = Bench::new().await;
        let good = r#"{"output":{"b":1,"a":"ü"},"status":"successful"}"#;
        for exit in [Exit::Seen(Some(0)), Exit::Seen(Some(3)), Exit::Seen(None), Exit::Unseen] {
            for stop in [false, true] {
                let outcome = bench.python(good, stop, exit);
                assert_eq!(outcome.state, JobState::Successful);
                assert_eq!(outcome.output, Some(Output::Text(r#"{"b":1,"a":"ü"}"#.into())));
            }
        }
        let bad = r#"{"output":{},"status":"faulted","error":{"code":"Python.X","title":"T",
            "detail":"D","category":"User","status":null}}"#;
        let outcome = bench.python(bad, false, Exit::Seen(Some(0)));
        assert_eq!(outcome.state, JobState::Faulted);
        let error = outcome.error.unwrap();
        assert_eq!((error.code.as_str(), error.detail.as_str()), ("Python.X", "D"));
        assert_eq!((error.category.as_str(), error.status), ("User", 0));
        assert_eq!(bench.python(bad, true, Exit::Seen(None)).state, JobState::Stopped);
    }

    #[tokio::test]
    async fn strange_outcome_files() {
        let bench = Bench::new().await;
        for (text, expected) in [
            ("", "Robot.OutcomeUnreadable"),
            ("[]", "Robot.OutcomeUnreadable"),
            ("{}", "Robot.OutcomeUnreadable"),
            (r#"{"status":"odd"}"#, "Robot.OutcomeUnreadable"),
            (r#"{"status":"suspended","resume":{}}"#, "Robot.SuspendNotSupported"),
            (r#"{"status":"faulted"}"#, "Unknown"),
            (r#"{"status":"faulted","error":{"category":"Weird"}}"#, "Unknown"),
        ] {
            let outcome = bench.python(text, false, Exit::Seen(Some(0)));
            assert_eq!(outcome.state, JobState::Faulted, "{text}");
            assert_eq!(code(&outcome), expected, "{text}");
        }
        let outcome = bench.python(r#"{"status":"successful"}"#, false, Exit::Unseen);
        assert_eq!(outcome.output, Some(Output::Text("{}".into())));
    }

    #[tokio::test]
    async fn split_output_arguments() {
        let bench = Bench::new().await;
        let args = bench.job.work().join("__uipath/output.args.json");
        let text = r#"{"status":"successful","outputArgumentsFilePath":"__uipath/output.args.json"}"#;
        assert_eq!(code(&bench.python(text, false, Exit::Unseen)), "Robot.OutcomeUnreadable");
        fs::write(&args, r#"{"x":1}"#).unwrap();
        let outcome = bench.python(text, false, Exit::Unseen);
        assert_eq!(outcome.output, Some(Output::Text(r#"{"x":1}"#.into())));
        // A link instead of the file leads nowhere.
        fs::remove_file(&args).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &args).unwrap();
        assert_eq!(code(&bench.python(text, false, Exit::Unseen)), "Robot.OutcomeUnreadable");
    }

    #[tokio::test]
    async fn large_outputs_go_to_a_file() {
        let bench = Bench::new().await;
        for (length, large) in [(OUTPUT_MAX - 8, false), (OUTPUT_MAX - 7, true)] {
            // Characters count, not bytes.
            let output = json!({"a": "ü".repeat(length)}).to_string();
            let text = format!(r#"{{"status":"successful","output":{output}}}"#);
            let outcome = bench.python(&text, false, Exit::Unseen);
            assert_eq!(outcome.output == Some(Output::Large), large, "{length}");
            if large {
                assert_eq!(fs::read_to_string(bench.job.large_output()).unwrap(), output);
            }
        }
    }

    #[tokio::test]
    async fn no_outcome_file() {
        let bench = Bench::new().await;
        let outcome = bench.read(Kind::Python, false, Exit::Seen(Some(137)));
        let error = outcome.error.unwrap();
        assert!(error.title.contains("137") && error.detail.contains("last words"));
        let outcome = bench.read(Kind::Python, false, Exit::Unseen);
        assert_eq!(code(&outcome), "Robot.ProcessLost");
        assert_eq!(bench.read(Kind::Python, true, Exit::Unseen).state, JobState::Stopped);
    }

    #[tokio::test]
    async fn executables() {
        let bench = Bench::new().await;
        let run = |exit| bench.read(Kind::Executable, false, exit);
        assert_eq!(run(Exit::Seen(Some(0))).output, Some(Output::Text("{}".into())));
        assert_eq!(code(&run(Exit::Seen(Some(2)))), "Robot.ProcessFailed");
        assert_eq!(code(&run(Exit::Seen(None))), "Robot.ProcessFailed");
        assert_eq!(code(&run(Exit::Unseen)), "Robot.ProcessLost");
        fs::write(bench.job.output(), r#"{"x":1}"#).unwrap();
        assert_eq!(code(&run(Exit::Seen(Some(2)))), "Robot.ProcessFailed");
        assert_eq!(code(&run(Exit::Unseen)), "Robot.ProcessLost");
        fs::write(bench.job.exit_code(), "0").unwrap();
        for exit in [Exit::Unseen, Exit::Seen(None)] {
            assert_eq!(run(exit).output, Some(Output::Text(r#"{"x":1}"#.into())));
        }
        for bad in ["[1]", "{", "5"] {
            fs::write(bench.job.output(), bad).unwrap();
            assert_eq!(code(&run(Exit::Unseen)), "Robot.OutcomeUnreadable", "{bad}");
        }
        fs::write(bench.job.exit_code(), "7").unwrap();
        assert!(run(Exit::Unseen).error.unwrap().title.contains('7'));
    }

    #[test]
    fn tails_begin_with_a_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, "short\nlines\n").unwrap();
        assert_eq!(tail(&path).unwrap(), "short\nlines");
        fs::write(&path, "0123456789\n".repeat(1000)).unwrap();
        let text = tail(&path).unwrap();
        assert!(text.starts_with("0123456789\n") && text.len() as u64 <= TAIL);
    }
}
