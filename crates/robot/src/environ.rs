//! The environment variables of a job: the ones that the Python SDK expects, the ones that the
//! process asks for, and nothing of the agent's own. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::Secret;
use crate::folders::JobFolder;
use crate::wire::StartProcess;

/// Name of the variable by which a job's processes are found again.
pub(crate) const JOB_KEY: &str = "UIPATH_JOB_KEY";

/// Where programs are looked for after the environment's own folder.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Variables that the agent sets but a process may set otherwise.
const FREE: [&str; 7] =
    ["LANG", "LC_ALL", "TZ", "LOG_LEVEL", "PYTHONUNBUFFERED", "UIPATH_TELEMETRY_ENABLED", "UIPATH_TRACING_ENABLED"];

/// Where the variables come from.
pub(crate) struct Given<'a> {
    pub command: &'a StartProcess,
    pub robot_key: &'a str,
    /// `scheme://host[:port]` of the server.
    pub origin: &'a str,
    pub job: &'a JobFolder,
    /// The environment's folder for programs, put first on `PATH`.
    pub programs: Option<&'a Path>,
    /// The agent's time zone and language, which are no secret and which local times depend on.
    pub ambient: &'a [(String, String)],
    /// For every job of this agent.
    pub configured: &'a BTreeMap<String, String>,
    /// From the package itself.
    pub packaged: &'a BTreeMap<String, String>,
}

/// The whole environment of a job's process.
pub(crate) fn of_job(given: &Given<'_>) -> Vec<(String, String)> {
    let command = given.command;
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    own.insert("LANG".into(), "C.UTF-8".into());
    own.extend(given.ambient.iter().cloned());
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            own.insert(name.into(), value.into());
        }
    };
    let segment = |name: &Option<String>, id: &Option<String>| {
        name.clone().or_else(|| id.clone()).map(|text| escape_segment(&text))
    };
    let organization = segment(&command.organization_name, &command.organization_id);
    let tenant = segment(&command.tenant_name, &command.tenant_id);
    let url = match (organization, tenant) {
        (Some(organization), Some(tenant)) => format!("{}/{organization}/{tenant}", given.origin),
        _ => given.origin.to_owned(),
    };
    let job_id = command.job_id.map(|id| id.to_string());
    let path = match given.programs {
        Some(programs) => format!("{}:{PATH}", programs.display()),
        None => PATH.to_owned(),
    };
    set("UIPATH_URL", Some(&url));
    set("UIPATH_ACCESS_TOKEN", command.job_access_token.as_ref().map(Secret::expose));
    set(JOB_KEY, Some(&command.job_key));
    set("UIPATH_JOB_ID", job_id.as_deref());
    set("UIPATH_FOLDER_KEY", command.folder_key.as_deref());
    let folder = command.fully_qualified_folder_name.as_deref().or(command.folder_path.as_deref());
    set("UIPATH_FOLDER_PATH", folder);
    set("UIPATH_ROBOT_KEY", Some(given.robot_key));
    set("UIPATH_PROCESS_KEY", command.process_name.as_deref());
    set("UIPATH_PROCESS_UUID", command.process_key.as_deref());
    set("UIPATH_PROCESS_VERSION", Some(&command.package_version));
    set("UIPATH_ORGANIZATION_ID", command.organization_id.as_deref());
    set("UIPATH_TENANT_ID", command.tenant_id.as_deref());
    set("UIPATH_TENANT_NAME", command.tenant_name.as_deref());
    set("UIPATH_TRACE_ID", command.trace_id.as_deref());
    set("UIPATH_PARENT_SPAN_ID", command.parent_span_id.as_deref());
    set("UIPATH_TELEMETRY_ENABLED", Some("false"));
    set("UIPATH_TRACING_ENABLED", Some("false"));
    set("LOG_LEVEL", Some("INFO"));
    set("PYTHONUNBUFFERED", Some("1"));
    set("HOME", given.job.home().to_str());
    set("TMPDIR", given.job.tmp().to_str());
    set("BANDMASTER_INPUT", given.job.input().to_str());
    set("BANDMASTER_OUTPUT", given.job.output().to_str());
    set("BANDMASTER_ENTRY_POINT", command.entry_point_path.as_deref());
    set("PATH", Some(&path));

    let wished = lines(command.environment_variables.as_deref().unwrap_or_default());
    // The nearer to the job, the stronger: agent, package, process.
    let configured = given.configured.iter().map(|(name, value)| (name.clone(), value.clone()));
    let packaged = given.packaged.iter().map(|(name, value)| (name.clone(), value.clone()));
    for (name, value) in configured.chain(packaged).chain(wished) {
        if is_name(&name) && !value.contains('\0') && !is_protected(&name) {
            own.insert(name, value);
        }
    }
    own.into_iter().collect()
}

/// What says who the job is and where it lives is the agent's to set, also where it has no value
/// for this job.
fn is_protected(name: &str) -> bool {
    const NAMES: [&str; 4] = ["HOME", "TMPDIR", "PATH", "VIRTUAL_ENV"];
    const UIPATH: [&str; 15] = [
        "URL",
        "ACCESS_TOKEN",
        "JOB_KEY",
        "JOB_ID",
        "FOLDER_KEY",
        "FOLDER_PATH",
        "ROBOT_KEY",
        "PROCESS_KEY",
        "PROCESS_UUID",
        "PROCESS_VERSION",
        "ORGANIZATION_ID",
        "TENANT_ID",
        "TENANT_NAME",
        "TRACE_ID",
        "PARENT_SPAN_ID",
    ];
    if FREE.contains(&name) {
        return false;
    }
    NAMES.contains(&name)
        || name.starts_with("BANDMASTER_")
        || name.strip_prefix("UIPATH_").is_some_and(|rest| UIPATH.contains(&rest))
}

/// `KEY=VALUE` lines; others are left out.
fn lines(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_owned(), value.to_owned()))
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Names of organizations and tenants can hold blanks.
fn escape_segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::KEY;

    fn environment(command: &StartProcess) -> BTreeMap<String, String> {
        let configured = [("FOR_ALL", "1"), ("UIPATH_URL", "http://evil"), ("SHARED", "agent")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        let packaged = [("SHARED", "package"), ("PATH", "/evil")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        // The folders need not exist here.
        let job = JobFolder::at(Path::new("/d/jobs/x"));
        of_job(&Given {
            command,
            robot_key: "robot",
            origin: "http://h:8",
            job: &job,
            programs: Some(Path::new("/e/bin")),
            ambient: &[("TZ".to_owned(), "Europe/Rome".to_owned())],
            configured: &configured.into(),
            packaged: &packaged.into(),
        })
        .into_iter()
        .collect()
    }

    #[test]
    fn the_sdk_finds_what_it_needs() {
        let text = |text: &str| Some(text.to_owned());
        let variables = environment(&StartProcess {
            job_key: KEY.into(),
            job_id: Some(17),
            process_name: text("Hello"),
            process_key: text("release"),
            package_version: "1.0.0".into(),
            folder_key: text("fk"),
            folder_path: text("Shared"),
            organization_name: text("My Org"),
            organization_id: text("oid"),
            tenant_name: text("Default"),
            tenant_id: text("tid"),
            job_access_token: Some(Secret::new("token")),
            ..StartProcess::default()
        });
        for (name, value) in [
            ("UIPATH_URL", "http://h:8/My%20Org/Default"),
            ("UIPATH_ACCESS_TOKEN", "token"),
            ("UIPATH_JOB_KEY", KEY),
            ("UIPATH_JOB_ID", "17"),
            ("UIPATH_FOLDER_KEY", "fk"),
            ("UIPATH_FOLDER_PATH", "Shared"),
            ("UIPATH_ROBOT_KEY", "robot"),
            ("UIPATH_PROCESS_KEY", "Hello"),
            ("UIPATH_PROCESS_UUID", "release"),
            ("UIPATH_PROCESS_VERSION", "1.0.0"),
            ("UIPATH_ORGANIZATION_ID", "oid"),
            ("UIPATH_TENANT_ID", "tid"),
            ("UIPATH_TENANT_NAME", "Default"),
            ("UIPATH_TELEMETRY_ENABLED", "false"),
            ("UIPATH_TRACING_ENABLED", "false"),
            ("HOME", "/d/jobs/x/home"),
            ("PATH", "/e/bin:/usr/local/bin:/usr/bin:/bin"),
            ("TZ", "Europe/Rome"),
            ("FOR_ALL", "1"),
            ("SHARED", "package"),
        ] {
            assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!variables.contains_key("UIPATH_TRACE_ID"));
    }

    #[test]
    fn a_process_cannot_change_who_it_is() {
        let variables = environment(&StartProcess {
            job_key: KEY.into(),
            environment_variables: Some(
                "A=1\r\nB=x=y\nSHARED=process\nnonsense\n=v\n1X=2\nUIPATH_JOB_KEY=other\nHOME=/root\n\
                 UIPATH_TRACE_ID=t\nBANDMASTER_OUTPUT=/x\nLOG_LEVEL=DEBUG\nUIPATH_MINE=ok\nN=a\0b"
                    .into(),
            ),
            ..StartProcess::default()
        });
        for (name, value) in [
            ("A", Some("1")),
            ("B", Some("x=y")),
            ("SHARED", Some("process")),
            ("LOG_LEVEL", Some("DEBUG")),
            ("UIPATH_MINE", Some("ok")),
            ("UIPATH_JOB_KEY", Some(KEY)),
            ("HOME", Some("/d/jobs/x/home")),
            ("BANDMASTER_OUTPUT", Some("/d/jobs/x/io/output.json")),
            ("UIPATH_URL", Some("http://h:8")),
            ("UIPATH_TRACE_ID", None),
            ("UIPATH_ACCESS_TOKEN", None),
            ("1X", None),
            ("N", None),
        ] {
            assert_eq!(variables.get(name).map(String::as_str), value, "{name}");
        }
    }
}
