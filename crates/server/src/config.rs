//! Configuration from one declaration: every setting stands once in [`SETTINGS`]; flags, environment, file and
//! the commented example are made from it.
//!
//! Precedence, highest first: flag `--name`, environment `BANDMASTER_NAME` (or `BANDMASTER_NAME_FILE`, the path of a
//! file that holds the value), file (`--config`, `BANDMASTER_CONFIG`), default. Unknown keys in a file are
//! refused.

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
}

const fn text(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, form: Form::Text, default, help }
}

const fn flag(name: &'static str, help: &'static str) -> Setting {
    Setting { name, form: Form::Flag, default: "false", help }
}

const fn number(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, form: Form::Number, default, help }
}

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
    values: BTreeMap<&'static str, (String, &'static str)>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Config(…)")
    }
}

/// Adds a flag for every setting to a command.
pub fn flags(mut command: clap::Command) -> clap::Command {
    for s in SETTINGS {
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
    /// Reads flags, environment (through `env`) and file.
    pub fn load(matches: &clap::ArgMatches, env: impl Fn(&str) -> Option<String>) -> Result<Config> {
        let file = match matches.get_one::<String>("config").cloned().or_else(|| env("BANDMASTER_CONFIG")) {
            Some(path) => read_file(Path::new(&path))?,
            None => BTreeMap::new(),
        };
        let mut values = BTreeMap::new();
        for s in SETTINGS {
            let variable = format!("BANDMASTER_{}", s.name.to_uppercase().replace('-', "_"));
            let flag = matches.try_get_one::<String>(s.name).ok().flatten().cloned();
            let (value, source) = if let Some(value) = flag {
                (value, "flag")
            } else if let Some(value) = env(&variable) {
                (value, "environment")
            } else if let Some(path) = env(&format!("{variable}_FILE")) {
                let text = std::fs::read_to_string(&path).with_context(|| format!("{variable}_FILE: {path}"))?;
                (text.trim_end_matches(['\n', '\r']).to_owned(), "environment")
            } else if let Some(value) = file.get(s.name) {
                (value.clone(), "file")
            } else {
                (s.default.to_owned(), "default")
            };
            check(s, &value)?;
            values.insert(s.name, (value, source));
        }
        Ok(Config { values })
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
        Ok(Config { values })
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
            None => default_data(),
        }
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
    pub fn example() -> String {
        let mut out = String::from("# Bandmaster: every setting with its default.\n");
        for s in SETTINGS {
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
    !value.is_empty() && (name.contains("password") || (name == "database" && value.contains('@')))
}

fn check(s: &Setting, value: &str) -> Result<()> {
    let fits = match s.form {
        Form::Text => true,
        Form::Flag => value == "true" || value == "false",
        Form::Number => value.parse::<u64>().is_ok(),
    };
    if !fits {
        bail!("the setting {} cannot be {value:?}", s.name);
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("configuration file {}", path.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("configuration file {}", path.display()))?;
    let mut out = BTreeMap::new();
    for (name, value) in table {
        let Some(setting) = SETTINGS.iter().find(|s| s.name == name.replace('_', "-")) else {
            let near = SETTINGS.iter().find(|s| s.name.starts_with(name.get(..3).unwrap_or(&name)));
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
        std::fs::write(&file, "pool-size = \"many\"\n").unwrap();
        assert!(load(&["--config", &path], &[]).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn secrets_are_masked_and_the_example_is_complete() {
        let c =
            load(&[], &[("BANDMASTER_DATABASE", "postgres://u:secret@h/d"), ("BANDMASTER_ADMIN_PASSWORD", "secret")]);
        assert!(!c.unwrap().shown().contains("secret"));
        let uncommented: String = Config::example()
            .lines()
            .filter_map(|l| l.strip_prefix("# "))
            .filter(|l| l.contains(" = "))
            .fold(String::new(), |t, l| t + l + "\n");
        assert!(uncommented.parse::<toml::Table>().is_ok(), "{uncommented}");
    }
}
