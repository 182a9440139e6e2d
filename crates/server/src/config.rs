//! Configuration from one declaration: every setting of the server stands once in [`SERVER`], every one of the robot
//! agent once in [`ROBOT`]; flags, environment, file and the commented example are made from it.
//!
//! Precedence, highest first: flag `--name`, environment `BANDMASTER_NAME` (or `BANDMASTER_NAME_FILE`, the path of a
//! file that holds the value), file (`--config`, `BANDMASTER_CONFIG`), default. Unknown keys in a file are
//! refused. The robot's variables begin with `BANDMASTER_ROBOT_`, so that both may run on one host.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Flag,
    Number,
}

/// One setting.
struct Setting {
    name: &'static str,
    form: Form,
    default: &'static str,
    help: &'static str,
    /// An older or shorter name of its variable, which counts less.
    alias: Option<&'static str>,
}

/// The settings of one program.
#[derive(Clone, Copy)]
pub struct Program {
    /// What its variables begin with.
    prefix: &'static str,
    settings: &'static [Setting],
    /// Words over its example file.
    title: &'static str,
}

/// The server.
pub static SERVER: Program = Program { prefix: "BANDMASTER_", settings: SETTINGS, title: "Bandmaster" };

/// The robot agent.
pub static ROBOT: Program =
    Program { prefix: "BANDMASTER_ROBOT_", settings: ROBOT_SETTINGS, title: "The robot agent of Bandmaster" };

const fn text(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, form: Form::Text, default, help, alias: None }
}

const fn flag(name: &'static str, help: &'static str) -> Setting {
    Setting { name, form: Form::Flag, default: "false", help, alias: None }
}

const fn number(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, form: Form::Number, default, help, alias: None }
}

const fn aliased(setting: Setting, alias: &'static str) -> Setting {
    Setting { alias: Some(alias), ..setting }
}

/// Every setting of the robot agent. Defaults that are not told here are those of `bandmaster_robot::RobotConfig`.
static ROBOT_SETTINGS: &[Setting] = &[
    text("url", "", "Address of the server"),
    aliased(text("machine-key", "", "Key of the machine"), "BANDMASTER_MACHINE_KEY"),
    text("data", "", "The agent's own folder; default: bandmaster/robot below the user's data folder"),
    text("name", "", "Name under which this host appears; default: the system's"),
    text("run-as", "", "User that jobs run as; same: the agent's own; default: nobody when the agent is root"),
    text("python", "", "Python interpreter, 3.11 or newer; default: the first on PATH that fits"),
    text("uv", "auto", "auto: uv where it is on PATH, else venv and pip; off: never; or the path of uv"),
    aliased(text("index-url", "", "Package index in place of the public one"), "BANDMASTER_INDEX_URL"),
    text("extra-index-urls", "", "Further package indexes, separated by blanks, asked in addition"),
    number("heartbeat-seconds", "30", "Time between two heartbeats"),
    number("prepare-seconds", "1800", "How long the preparation of a Python environment may take"),
    number("environment-days", "30", "Prepared environments and packages go when unused for this many days"),
    number("environment-gib", "10", "The least used environments go when all together are larger than this"),
    number("log-spool-mib", "64", "Log lines kept of a job while the server is away"),
    text("log-level", "info", "error, warn, info, debug, trace, or module=level pairs"),
    text("log-format", "auto", "text, json, or auto: text on a terminal"),
];

/// Every setting of the server.
static SETTINGS: &[Setting] = &[
    text("data", "", "Folder for the database, keys and files; default: bandmaster below the user's data folder"),
    text("listen", "127.0.0.1:8080", "Address and port to listen on; port 0 takes a free one"),
    text("database", "", "postgres://… for PostgreSQL; default: SQLite in the data folder"),
    text("public-url", "", "Address under which clients reach the server; default: the host of each request"),
    flag("trust-proxy", "Believe X-Forwarded-Proto and X-Forwarded-Host of the peer"),
    text("tls-certificate", "", "PEM file with the certificate chain"),
    text("tls-key", "", "PEM file with the private key"),
    flag("insecure-http", "Allow an address that others can reach without TLS"),
    text("log-level", "info", "error, warn, info, debug, trace, or module=level pairs"),
    text("log-format", "auto", "text, json, or auto: text on a terminal"),
    text("api-version", "20.0", "API version reported to clients"),
    flag("strict-bodies", "Refuse bodies with unknown members, as the original does"),
    text("cors-origins", "", "Origins, separated by commas, that may call from a browser"),
    number("max-upload-mib", "1024", "Largest uploaded file in MiB"),
    number("read-connections", "4", "SQLite connections for reading"),
    number("pool-size", "16", "PostgreSQL connections"),
    number("reservation-seconds", "60", "How long a robot may take to accept a job"),
    number("lost-seconds", "180", "How long a robot may be silent before its jobs are given up"),
    number("log-retention-days", "0", "Log lines of robots older than this go; 0: they are kept for ever"),
    text("smtp-host", "", "Mail server, for organizations that have not set up one of their own"),
    number("smtp-port", "0", "Its port; 0: 587 with starttls, 465 with tls, 25 with none"),
    text("smtp-tls", "starttls", "starttls, tls, or none"),
    text("smtp-user", "", "Account at the mail server; none: no sign-in"),
    text("smtp-password", "", "Its password"),
    text("smtp-from", "", "Mail address of the sender"),
    text("smtp-from-name", "Bandmaster", "Name of the sender"),
    text(
        "outgoing-allowed",
        "",
        "Networks (10.2.0.0/16), addresses and host names, separated by commas, that may be reached besides the public \
         internet when a user names them: organizations' mail servers, identity providers, webhooks",
    ),
    text(
        "outgoing-authorities",
        "",
        "PEM file with certificate authorities trusted there besides those of the machine",
    ),
    number("outgoing-seconds", "10", "How long a connection to such an address may take"),
    text("ready-file", "", "File to write {url, pid, version} to once the server is ready"),
    text("admin-password", "", "Password of the user admin, used only at the first start"),
];

/// Effective values, with where each came from.
#[derive(Clone)]
pub struct Config {
    program: Program,
    values: BTreeMap<&'static str, (String, &'static str)>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Config(…)")
    }
}

/// Adds a flag for every setting of the server to a command.
pub fn flags(command: clap::Command) -> clap::Command {
    flags_of(&SERVER, command)
}

/// Adds a flag for every setting of a program to a command.
pub fn flags_of(program: &Program, mut command: clap::Command) -> clap::Command {
    for s in program.settings {
        let mut arg = clap::Arg::new(s.name).long(s.name).help(s.help).global(false);
        arg = match s.form {
            Form::Flag => arg.num_args(0..=1).default_missing_value("true").require_equals(true).value_name("BOOL"),
            Form::Number => arg.value_name("N"),
            Form::Text => arg.value_name("VALUE"),
        };
        // A password does not belong on a command line that every user of the machine can read.
        if !matches!(s.name, "admin-password" | "smtp-password") {
            command = command.arg(arg);
        }
    }
    command.arg(clap::Arg::new("config").long("config").value_name("FILE").help("Configuration file (TOML)"))
}

impl Config {
    /// Reads flags, environment (through `env`) and file of the server.
    pub fn load(matches: &clap::ArgMatches, env: impl Fn(&str) -> Option<String>) -> Result<Config> {
        Config::load_of(&SERVER, matches, env)
    }

    /// The same of a program.
    pub fn load_of(
        program: &Program,
        matches: &clap::ArgMatches,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Config> {
        let named = || env(&format!("{}CONFIG", program.prefix));
        let file = match matches.get_one::<String>("config").cloned().or_else(named) {
            Some(path) => read_file(program, Path::new(&path))?,
            None => BTreeMap::new(),
        };
        let mut values = BTreeMap::new();
        for s in program.settings {
            let variable = format!("{}{}", program.prefix, s.name.to_uppercase().replace('-', "_"));
            let flag = matches.try_get_one::<String>(s.name).ok().flatten().cloned();
            let (value, source) = if let Some(value) = flag {
                (value, "flag")
            } else if let Some(value) = env(&variable) {
                (value, "environment")
            } else if let Some(path) = env(&format!("{variable}_FILE")) {
                let text = std::fs::read_to_string(&path).with_context(|| format!("{variable}_FILE: {path}"))?;
                (text.trim_end_matches(['\n', '\r']).to_owned(), "environment")
            } else if let Some(value) = s.alias.and_then(&env) {
                (value, "environment")
            } else if let Some(value) = file.get(s.name) {
                (value.clone(), "file")
            } else {
                (s.default.to_owned(), "default")
            };
            check(s, &value)?;
            values.insert(s.name, (value, source));
        }
        Ok(Config { program: *program, values })
    }

    /// The defaults with some values of one's own.
    pub fn with(pairs: &[(&'static str, &str)]) -> Result<Config> {
        let mut values = BTreeMap::new();
        for s in SETTINGS {
            let own = pairs.iter().find(|(name, _)| *name == s.name).map(|(_, v)| (*v).to_owned());
            values.insert(s.name, (own.unwrap_or_else(|| s.default.to_owned()), "default"));
        }
        if let Some((name, _)) = pairs.iter().find(|(name, _)| !values.contains_key(name)) {
            bail!("there is no setting {name}");
        }
        Ok(Config { program: SERVER, values })
    }

    /// A text; none when it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(v, _)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// A switch.
    pub fn is(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A number.
    pub fn number(&self, name: &str) -> u64 {
        self.text(name).and_then(|v| v.parse().ok()).unwrap_or_default()
    }

    /// The same, logging warnings only unless a level was asked for.
    #[must_use]
    pub fn quiet(&self) -> Config {
        let mut quiet = self.clone();
        if let Some((level, "default")) = quiet.values.get_mut("log-level") {
            "warn".clone_into(level);
        }
        quiet
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        match self.text("data") {
            Some(path) => PathBuf::from(path),
            None if self.program.prefix == ROBOT.prefix => default_data().join("robot"),
            None => default_data(),
        }
    }

    /// What the robot agent is told, when these are its settings.
    pub fn robot(&self) -> Result<bandmaster_robot::RobotConfig> {
        let text = |name: &str| self.text(name).map(str::to_owned);
        let secret = |text: &str| bandmaster_robot::Secret::new(text);
        Ok(bandmaster_robot::RobotConfig {
            server_url: text("url").context("the server's address is needed: --url")?,
            machine_key: secret(
                self.text("machine-key").context("a machine key is needed: --machine-key or BANDMASTER_MACHINE_KEY")?,
            ),
            data_dir: self.data(),
            host_name: text("name"),
            run_as: text("run-as"),
            python: text("python").map(PathBuf::from),
            uv: text("uv").unwrap_or_else(|| "auto".to_owned()),
            index_url: self.text("index-url").map(secret),
            extra_index_urls: self
                .text("extra-index-urls")
                .unwrap_or_default()
                .split_whitespace()
                .map(secret)
                .collect(),
            heartbeat_seconds: self.number("heartbeat-seconds"),
            prepare_timeout_seconds: self.number("prepare-seconds"),
            environment_max_age_days: self.number("environment-days"),
            environment_max_bytes: self.number("environment-gib").saturating_mul(1 << 30),
            log_spool_max_bytes: self.number("log-spool-mib").saturating_mul(1 << 20),
            ..bandmaster_robot::RobotConfig::default()
        })
    }

    /// The effective values with their sources, secrets masked.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        for (name, (value, source)) in &self.values {
            let shown = if is_secret(name, value) { "…" } else { value };
            // Writing into a String does not fail.
            let _ = writeln!(out, "{name} = {shown:?}  # {source}");
        }
        out
    }

    /// The commented file with all defaults.
    pub fn example(program: &Program) -> String {
        let mut out = format!("# {}: every setting with its default.\n", program.title);
        for s in program.settings {
            let value = match s.form {
                Form::Text => format!("{:?}", s.default),
                Form::Flag | Form::Number => s.default.to_owned(),
            };
            let _ = writeln!(out, "\n# {}\n# {} = {value}", s.help, s.name);
        }
        out
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    let by_name = name.contains("password") || name == "machine-key";
    let by_value = matches!(name, "database" | "index-url" | "extra-index-urls") && value.contains('@');
    !value.is_empty() && (by_name || by_value)
}

fn check(s: &Setting, value: &str) -> Result<()> {
    let fits = match s.form {
        Form::Text if s.name == "public-url" => value.is_empty() || is_web_address(value),
        Form::Text => true,
        Form::Flag => value == "true" || value == "false",
        Form::Number => value.parse::<u64>().is_ok(),
    };
    if !fits {
        bail!("the setting {} cannot be {value:?}", s.name);
    }
    Ok(())
}

/// `http` or `https`, a host, perhaps a path; links are made by adding to it.
fn is_web_address(value: &str) -> bool {
    value.parse::<axum::http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'))
            && uri.query().is_none()
    })
}

fn read_file(program: &Program, path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("configuration file {}", path.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("configuration file {}", path.display()))?;
    let mut out = BTreeMap::new();
    for (name, value) in table {
        let Some(setting) = program.settings.iter().find(|s| s.name == name.replace('_', "-")) else {
            let near = program.settings.iter().find(|s| s.name.starts_with(name.get(..3).unwrap_or(&name)));
            let hint = near.map(|s| format!("; did you mean {}?", s.name)).unwrap_or_default();
            bail!("{}: there is no setting {name}{hint}", path.display());
        };
        let value = match value {
            toml::Value::String(s) => s,
            toml::Value::Boolean(b) => b.to_string(),
            toml::Value::Integer(i) => i.to_string(),
            _ => bail!("{}: the setting {name} takes a single value", path.display()),
        };
        out.insert(setting.name.to_owned(), value);
    }
    Ok(out)
}

fn default_data() -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".local/share")));
    base.unwrap_or_else(|| PathBuf::from(".")).join("bandmaster")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(args: &[&str], env: &[(&str, &str)]) -> Result<Config> {
        let matches = flags(clap::Command::new("t").no_binary_name(true)).try_get_matches_from(args)?;
        Config::load(&matches, |name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_nearest_source_wins() {
        let dir = std::env::temp_dir().join(format!("bandmaster-config-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("c.toml");
        std::fs::write(&file, "listen = \"0.0.0.0:1\"\npool_size = 3\nstrict-bodies = true\n").unwrap();
        let path = file.to_string_lossy().into_owned();
        let c = load(&["--config", &path, "--listen", "127.0.0.1:0"], &[("BANDMASTER_POOL_SIZE", "9")]).unwrap();
        assert_eq!(c.text("listen"), Some("127.0.0.1:0"));
        assert_eq!(c.number("pool-size"), 9);
        assert!(c.is("strict-bodies") && !c.is("trust-proxy"));
        std::fs::write(&file, "lisen = \"x\"\n").unwrap();
        assert!(load(&["--config", &path], &[]).unwrap_err().to_string().contains("did you mean listen?"));
        for bad in ["nonsense", "https://", "ftp://h", "https://h?x=1", "https://u@h"] {
            assert!(load(&["--public-url", bad], &[]).is_err(), "{bad}");
        }
        for good in ["", "http://h", "https://h:8443/base/"] {
            assert!(load(&["--public-url", good], &[]).is_ok(), "{good}");
        }
        std::fs::write(&file, "pool-size = \"many\"\n").unwrap();
        assert!(load(&["--config", &path], &[]).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_robot_has_its_own_settings_from_one_declaration_too() {
        let load = |args: &[&str], env: &[(&str, &str)]| -> Result<Config> {
            let command = flags_of(&ROBOT, clap::Command::new("t").no_binary_name(true));
            let matches = command.try_get_matches_from(args)?;
            Config::load_of(&ROBOT, &matches, |name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("r.toml").to_string_lossy().into_owned();
        let text = "environment-days = 3\nextra-index-urls = \"https://a/simple https://u:hunter2@b/simple\"\n";
        std::fs::write(&file, text).unwrap();
        let key = dir.path().join("key").to_string_lossy().into_owned();
        std::fs::write(&key, "hunter2\n").unwrap();
        let env = [
            ("BANDMASTER_ROBOT_CONFIG", file.as_str()),
            ("BANDMASTER_ROBOT_MACHINE_KEY_FILE", key.as_str()),
            ("BANDMASTER_ROBOT_ENVIRONMENT_GIB", "2"),
            ("BANDMASTER_INDEX_URL", "https://index/simple"),
            // The server's folder is none of the robot's business.
            ("BANDMASTER_DATA", "/var/lib/server"),
        ];
        let config = load(&["--url", "http://h", "--uv", "off"], &env).unwrap();
        assert!(!config.shown().contains("hunter2"), "{}", config.shown());
        let robot = config.robot().unwrap();
        assert_eq!(robot.server_url, "http://h");
        assert_eq!(robot.machine_key.expose(), "hunter2");
        assert_eq!((robot.uv.as_str(), robot.environment_max_age_days), ("off", 3));
        assert_eq!((robot.environment_max_bytes, robot.heartbeat_seconds), (2 << 30, 30));
        assert_eq!(robot.index_url.as_ref().map(|u| u.expose()), Some("https://index/simple"));
        assert_eq!(robot.extra_index_urls.len(), 2);
        assert!(robot.data_dir.ends_with("bandmaster/robot"), "{:?}", robot.data_dir);
        assert!(load(&["--url", "http://h"], &[]).unwrap().robot().is_err(), "no key");
        assert!(load(&["--machine-key", "k"], &[]).unwrap().robot().is_err(), "no address");
        // What stands in the declaration is what the agent does without any.
        let own = bandmaster_robot::RobotConfig::default();
        let made = load(&["--url", "http://h", "--machine-key", "k"], &[]).unwrap().robot().unwrap();
        let figures = |c: &bandmaster_robot::RobotConfig| {
            (
                c.uv.clone(),
                c.heartbeat_seconds,
                c.prepare_timeout_seconds,
                c.environment_max_age_days,
                c.environment_max_bytes,
                c.log_spool_max_bytes,
            )
        };
        assert_eq!(figures(&made), figures(&own));
    }

    #[test]
    fn secrets_are_masked_and_the_example_is_complete() {
        let c =
            load(&[], &[("BANDMASTER_DATABASE", "postgres://u:secret@h/d"), ("BANDMASTER_ADMIN_PASSWORD", "secret")]);
        assert!(!c.unwrap().shown().contains("secret"));
        let uncommented: String = Config::example(&SERVER)
            .lines()
            .filter_map(|l| l.strip_prefix("# "))
            .filter(|l| l.contains(" = "))
            .fold(String::new(), |t, l| t + l + "\n");
        assert!(uncommented.parse::<toml::Table>().is_ok(), "{uncommented}");
    }
}
