//! From a command to a process that is ready to start: package, unpacked content, input, and what
//! the package says it is. Starting and watching it is in `job.rs`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::client::InNameOf;
use crate::context::Context;
use crate::environ::{self, Given};
use crate::environments::{Lease, Wanted};
use crate::failure::Failure;
use crate::folders::{JobFolder, blocking, make_folder};
use crate::journal::{Entry, Kind};
use crate::package::{self, Package};
use crate::process::Spec;
use crate::requirements;
use crate::unpack::{Limits, unpack_content};

/// Notes an executable's exit code where a later agent finds it. A stop goes to the whole group;
/// the starter itself ignores it, to write down what the executable made of it.
const STARTER: &str = r#"trap : TERM INT HUP
note=$1
shift
"$@"
code=$?
printf %s "$code" > "$note"
exit "$code""#;

/// Bytes read of the package's own JSON files.
const JSON_MAX: u64 = 16 << 20;

/// What is to be started.
pub(crate) struct Plan {
    pub kind: Kind,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(String, String)>,
    /// The environment's name for the journal, and what keeps it there.
    pub environment: Option<String>,
    pub lease: Option<Lease>,
}

impl Plan {
    /// The process to start in the job's folder. Makes its output files.
    pub fn spec(&self, context: &Context, job: &JobFolder) -> io::Result<Spec> {
        let file = |path| {
            use std::os::unix::fs::OpenOptionsExt;
            fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)
        };
        Ok(Spec {
            program: self.program.clone(),
            args: self.args.clone(),
            folder: job.work(),
            env: self.env.clone(),
            stdout: file(job.stdout())?,
            stderr: file(job.stderr())?,
            user: context.folders.user().cloned(),
        })
    }
}

/// What kinds of packages there are.
#[derive(Clone, Copy)]
enum Runtime {
    Python,
    RobotFramework,
    Executable,
}

/// What `bandmaster.json` in an executable package says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Executable {
    command: Vec<String>,
    env: BTreeMap<String, String>,
}

/// Prepares a job from nothing; what an earlier try left is removed.
pub(crate) async fn make(context: &Context, entry: &Entry) -> Result<Plan, Failure> {
    let command = &entry.command;
    let who = context.in_name_of(entry);
    let package = package::fetch(
        &context.client,
        &who,
        &context.folders.packages(),
        command,
        context.config.package_max_bytes,
        context.config.clock.now(),
    )
    .await?;
    let input = input(context, &who, entry).await?;
    let job = context.folders.job(entry.key());
    lay_out(&job, &package, input).await?;
    let operate = read_json(&job.work().join("operate.json"))?;
    let plan = match runtime(&job, operate.as_ref())? {
        Runtime::Python => python(context, entry, &job, &package, operate.as_ref()).await?,
        Runtime::RobotFramework => robot_framework(context, entry, &job, &package, operate.as_ref()).await?,
        Runtime::Executable => executable(context, entry, &job)?,
    };
    let folders = context.folders.clone();
    // Last, so that nothing of the job's user can change the files while they are laid out.
    blocking(move || match folders.user() {
        Some(user) => {
            [job.work(), job.home(), job.tmp(), job.io()].iter().try_for_each(|path| give(path, user.uid, user.gid))
        }
        None => Ok(()),
    })
    .await
    .map_err(disk)?;
    Ok(plan)
}

/// The input arguments as JSON text.
async fn input(context: &Context, who: &InNameOf, entry: &Entry) -> Result<Vec<u8>, Failure> {
    let failure =
        |detail: String| Failure::system("Robot.InputUnavailable", "The job's input could not be read", detail);
    let bytes = match &entry.command.input_file {
        Some(id) => context
            .client
            .until_answered("input", || context.client.read_attachment(who, id))
            .await
            .map_err(|error| failure(error.to_string()))?,
        None => match entry.command.input_arguments.as_deref() {
            None | Some("") => b"{}".to_vec(),
            Some(text) => text.into(),
        },
    };
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(Value::Object(_)) => Ok(bytes),
        Ok(Value::Null) => Ok(b"{}".to_vec()),
        Ok(_) => Err(failure("it is not a JSON object".into())),
        Err(error) => Err(failure(error.to_string())),
    }
}

async fn lay_out(job: &JobFolder, package: &Package, input: Vec<u8>) -> Result<(), Failure> {
    let (job, archive) = (job.clone(), package.path.clone());
    blocking(move || {
        match fs::remove_dir_all(job.root()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        make_folder(job.root(), 0o711)?;
        for own in [job.work(), job.home(), job.tmp(), job.io()] {
            make_folder(&own, 0o700)?;
        }
        fs::write(job.input(), input)?;
        let archive = fs::File::open(archive)?;
        Ok(unpack_content(archive, &job.work(), Limits::default()))
    })
    .await
    .map_err(disk)?
    .map_err(|reason| Failure::deployment("Robot.PackageInvalid", "The package cannot be unpacked", reason))
}

/// What runs the package.
fn runtime(job: &JobFolder, operate: Option<&Value>) -> Result<Runtime, Failure> {
    let text = |name: &str| {
        let value = operate.and_then(|operate| operate.get(name)).and_then(Value::as_str);
        value.unwrap_or_default().to_lowercase()
    };
    let has = |name: &str| job.work().join(name).is_file();
    let (runtime, content) = (text("targetRuntime"), text("contentType"));
    match (runtime.as_str(), content.as_str()) {
        ("executable", _) | ("", "executable") => Ok(Runtime::Executable),
        ("python", _) => Ok(Runtime::Python),
        ("robotframework", _) => Ok(Runtime::RobotFramework),
        ("", _) if has("bandmaster.json") => Ok(Runtime::Executable),
        ("", _) if has("uipath.json") || has("pyproject.toml") => Ok(Runtime::Python),
        _ => {
            let what = match (runtime.as_str(), content.as_str()) {
                ("", "") => "It names no runtime; projects made in Studio need the vendor's robot.".into(),
                ("", content) => format!("Its content type is {content:?}."),
                (runtime, _) => format!("Its target runtime is {runtime:?}."),
            };
            Err(Failure::deployment(
                "Robot.NotRunnable",
                "This robot cannot run the package",
                format!("It runs Python packages, Robot Framework suites and executables. {what}"),
            ))
        }
    }
}

/// The package's Python environment, made if need be, and its folder for programs.
async fn environment(
    context: &Context,
    entry: &Entry,
    job: &JobFolder,
    package: &Package,
    operate: Option<&Value>,
    (runtime, program): (&str, &str),
) -> Result<(String, Lease, PathBuf), Failure> {
    let work = job.work();
    let pyproject = read_text(&work.join("pyproject.toml"))?;
    let lock = read_text(&work.join("uv.lock"))?;
    let requirements = requirements::requirements(runtime, pyproject.as_deref(), operate).map_err(|error| {
        Failure::deployment("Robot.PackageInvalid", "The package's dependencies cannot be read", error)
    })?;
    let wanted = Wanted {
        package_id: &entry.command.package_id,
        package_version: &entry.command.package_version,
        content: &package.sha256,
        program,
        requirements,
        constraints: lock.as_deref().map(requirements::pins).unwrap_or_default(),
    };
    let (name, lease) = context.environments.ensure(&context.config, &wanted).await?;
    let programs = context.environments.folder(&name).programs();
    Ok((name, lease, programs))
}

/// The job's entry point, else the package's main one.
fn entry_point<'a>(entry: &'a Entry, operate: Option<&'a Value>) -> Result<Option<&'a str>, Failure> {
    let main = operate.and_then(|operate| operate.get("main")).and_then(Value::as_str);
    let wished = entry.command.entry_point_path.as_deref().filter(|path| !path.is_empty());
    match wished.or(main) {
        // It would be read as an option.
        Some(name) if name.starts_with('-') => {
            Err(Failure::deployment("Robot.PackageInvalid", "The entry point has an impossible name", name))
        }
        name => Ok(name),
    }
}

fn in_environment(context: &Context, entry: &Entry, job: &JobFolder, programs: &Path) -> Vec<(String, String)> {
    let mut env = variables(context, entry, job, Some(programs), &BTreeMap::new());
    env.push(("VIRTUAL_ENV".into(), programs.parent().unwrap_or(programs).display().to_string()));
    env
}

async fn python(
    context: &Context,
    entry: &Entry,
    job: &JobFolder,
    package: &Package,
    operate: Option<&Value>,
) -> Result<Plan, Failure> {
    let tool = ("uipath", "uipath");
    let entry_point = entry_point(entry, operate)?;
    let (name, lease, programs) = environment(context, entry, job, package, operate, tool).await?;
    let mut args: Vec<OsString> = vec!["run".into()];
    args.extend(entry_point.map(OsString::from));
    args.extend(["-f".into(), job.input().into_os_string()]);
    Ok(Plan {
        kind: Kind::Python,
        program: programs.join("uipath"),
        args,
        env: in_environment(context, entry, job, &programs),
        environment: Some(name),
        lease: Some(lease),
    })
}

/// The entry point is a file or folder with suites; the input arguments become variables. It ends
/// with the number of failed tests, so its outcome is that of an executable.
async fn robot_framework(
    context: &Context,
    entry: &Entry,
    job: &JobFolder,
    package: &Package,
    operate: Option<&Value>,
) -> Result<Plan, Failure> {
    // The first version that reads variables from JSON.
    let tool = ("robotframework>=6.1", "robot");
    let suites = entry_point(entry, operate)?.unwrap_or(".");
    let (name, lease, programs) = environment(context, entry, job, package, operate, tool).await?;
    let mut args = starter(job);
    args.push(programs.join("robot").into_os_string());
    args.extend(["--consolecolors", "off", "--outputdir"].map(OsString::from));
    args.extend([job.io().join("robot").into_os_string(), "--variablefile".into()]);
    args.extend([job.input().into_os_string(), suites.into()]);
    Ok(Plan {
        kind: Kind::Executable,
        program: "/bin/sh".into(),
        args,
        env: in_environment(context, entry, job, &programs),
        environment: Some(name),
        lease: Some(lease),
    })
}

/// Arguments of the shell that starts a program and notes its exit code.
fn starter(job: &JobFolder) -> Vec<OsString> {
    let mut args: Vec<OsString> = ["-c", STARTER, "bandmaster-start"].map(OsString::from).into();
    args.push(job.exit_code().into_os_string());
    args
}

fn executable(context: &Context, entry: &Entry, job: &JobFolder) -> Result<Plan, Failure> {
    let invalid = |detail: String| {
        Failure::deployment(
            "Robot.PackageInvalid",
            "The package does not say what to run",
            format!("bandmaster.json: {detail}"),
        )
    };
    let text = read_json(&job.work().join("bandmaster.json"))?.ok_or_else(|| invalid("the file is missing".into()))?;
    let declared: Executable = serde_json::from_value(text).map_err(|error| invalid(error.to_string()))?;
    let (first, rest) = declared.command.split_first().ok_or_else(|| invalid("it has no \"command\"".into()))?;
    let mut args = starter(job);
    args.push(program(job, first).map_err(invalid)?);
    args.extend(rest.iter().map(OsString::from));
    Ok(Plan {
        kind: Kind::Executable,
        program: "/bin/sh".into(),
        args,
        env: variables(context, entry, job, None, &declared.env),
        environment: None,
        lease: None,
    })
}

/// A name without a slash is looked for on `PATH`, a relative one is a file of the package, which
/// archives often bring without its permission to run.
fn program(job: &JobFolder, name: &str) -> Result<OsString, String> {
    if name.is_empty() || name.contains('\0') {
        return Err("the command is empty".into());
    }
    let path = Path::new(name);
    if !name.contains('/') || path.is_absolute() {
        return Ok(name.into());
    }
    if path.components().any(|part| matches!(part, Component::ParentDir)) {
        return Err(format!("the command {name:?} is not in the package"));
    }
    let file = job.work().join(path);
    match fs::symlink_metadata(&file) {
        Ok(meta) if meta.is_file() => {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
            Ok(file.into_os_string())
        }
        _ => Err(format!("the command {name:?} is not in the package")),
    }
}

fn variables(
    context: &Context,
    entry: &Entry,
    job: &JobFolder,
    programs: Option<&Path>,
    packaged: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let ambient: Vec<_> = ["TZ", "LANG", "LC_ALL"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    environ::of_job(&Given {
        command: &entry.command,
        robot_key: &entry.robot_key,
        origin: &context.client.origin(),
        job,
        programs,
        ambient: &ambient,
        configured: &context.config.job_environment,
        packaged,
    })
}

fn read_text(path: &Path) -> Result<Option<String>, Failure> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(disk)?,
    };
    let mut text = String::new();
    let read = io::Read::read_to_string(&mut io::Read::take(file, JSON_MAX), &mut text);
    match read {
        // Editors on Windows begin their files with a byte order mark.
        Ok(_) => Ok(Some(text.trim_start_matches('\u{feff}').to_owned())),
        Err(error) => Err(invalid_file(path, &error.to_string())),
    }
}

fn read_json(path: &Path) -> Result<Option<Value>, Failure> {
    match read_text(path)? {
        None => Ok(None),
        Some(text) => serde_json::from_str(&text).map(Some).map_err(|error| invalid_file(path, &error.to_string())),
    }
}

fn invalid_file(path: &Path, reason: &str) -> Failure {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Failure::deployment("Robot.PackageInvalid", "A file of the package cannot be read", format!("{name}: {reason}"))
}

fn disk(error: io::Error) -> Failure {
    Failure::system("Robot.Disk", "The robot cannot use its job folder", error.to_string())
}

fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    lchown(path, Some(uid), Some(gid))
}
