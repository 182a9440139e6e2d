//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 cannot start.

use crate::config::{self, Config};
use crate::start::{self, Ambient};
use crate::{admin, backup, logging, quickstart, signals};
use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::process::ExitCode;

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn required(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).required(true).value_name(value).help(help)
}

fn optional(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// The command tree.
fn command() -> Command {
    let admin = |name: &'static str| config::flags(Command::new(name));
    let organization = || optional("organization", "NAME", "Organization by name or GUID; default: the first");
    Command::new("bandmaster")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A self-hosted control plane for software robots")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(config::flags(Command::new("serve").about("Run the server")))
        .subcommand(
            config::flags(Command::new("quickstart"))
                .about("Server, robot, sample package, process, job and result in one command")
                .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("End after the result")),
        )
        .subcommand(config::flags_of(&config::ROBOT, Command::new("robot").about("Run the robot agent")))
        .subcommand(
            Command::new("admin")
                .about("First steps and rescue, without the API")
                .subcommand_required(true)
                .subcommand(admin("show").about("Organization, tenants, folders and users as JSON"))
                .subcommand(
                    Command::new("application").subcommand_required(true).subcommand(
                        admin("create")
                            .about("Make an external application; prints client_id and client_secret")
                            .arg(required("name", "NAME", "Its name"))
                            .arg(required("scopes", "SCOPES", "Scopes, separated by blanks"))
                            .arg(optional("role", "ROLE", "Role in the tenant; default: Administrator"))
                            .arg(optional("folder", "PATH", "Folder it is assigned to; default: Shared"))
                            .arg(organization()),
                    ),
                )
                .subcommand(
                    Command::new("token").subcommand_required(true).subcommand(
                        admin("create")
                            .about("Make a personal access token; prints it")
                            .arg(required("user", "NAME", "Whose token"))
                            .arg(required("name", "NAME", "What it is for"))
                            .arg(required("scopes", "SCOPES", "Scopes, separated by blanks"))
                            .arg(organization()),
                    ),
                )
                .subcommand(
                    Command::new("robot").subcommand_required(true).subcommand(
                        admin("create")
                            .about("Make a robot account that runs jobs of a folder")
                            .arg(required("name", "NAME", "Its name"))
                            .arg(optional("folder", "PATH", "Folder it works in; default: Shared"))
                            .arg(organization()),
                    ),
                )
                .subcommand(
                    Command::new("organization").subcommand_required(true).subcommand(
                        admin("create")
                            .about("Make a further organization with its tenant and administrator")
                            .arg(required("name", "NAME", "Its name")),
                    ),
                )
                .subcommand(
                    Command::new("password").subcommand_required(true).subcommand(
                        admin("reset")
                            .about("Set a new password; prints it")
                            .arg(optional("user", "NAME", "Whose password; default: admin"))
                            .arg(organization()),
                    ),
                )
                .subcommand(
                    admin("backup").about("Copy database, keys and files while the server works").arg(required(
                        "to",
                        "DIR",
                        "Folder to make",
                    )),
                )
                .subcommand(
                    admin("verify-audit")
                        .about("Check the chain of audit entries; fails at the first one changed, removed or inserted")
                        .arg(optional("expect", "NUMBER:HASH", "A head of the chain that was noted earlier")),
                )
                .subcommand(admin("restore").about("Put a backup into an empty data folder").arg(required(
                    "from",
                    "DIR",
                    "The backup",
                ))),
        )
        .subcommand(
            Command::new("documents")
                .hide(true)
                .about("Write the generated documents")
                .arg(required("out", "DIR", "Where to"))
                .arg(optional("tested", "DIR", "Notes of the tests about operations they called")),
        )
        .subcommand(
            Command::new("config")
                .about("Settings")
                .subcommand_required(true)
                .subcommand(admin("show").about("Effective values and where they come from"))
                .subcommand(admin("check").about("Whether the settings are valid"))
                .subcommand(
                    Command::new("example").about("The commented file with all defaults").arg(
                        Arg::new("robot").long("robot").action(ArgAction::SetTrue).help("That of the robot agent"),
                    ),
                ),
        )
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bandmaster: no runtime: {error}");
            return ExitCode::from(3);
        }
    };
    let code = runtime.block_on(dispatch(&matches));
    // A read of standard input or a stuck file must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    logging::finish();
    code
}

async fn dispatch(matches: &ArgMatches) -> ExitCode {
    let outcome = match matches.subcommand() {
        Some(("serve", m)) => serve(m).await.map_err(|e| (3, e)),
        Some(("quickstart", m)) => run_quickstart(m).await.map_err(|e| (1, e)),
        Some(("robot", m)) => robot(m).await.map_err(|e| (1, e)),
        Some(("admin", m)) => run_admin(m).await.map_err(|e| (1, e)),
        Some(("documents", m)) => documents(m).map_err(|e| (1, e)),
        Some(("config", m)) => settings(m).map_err(|e| (2, e)),
        _ => Ok(ExitCode::from(2)),
    };
    outcome.unwrap_or_else(|(code, error)| {
        eprintln!("bandmaster: {error:#}");
        ExitCode::from(code)
    })
}

async fn serve(matches: &ArgMatches) -> Result<ExitCode> {
    let config = Config::load(matches, env)?;
    logging::start(&config)?;
    let prepared = start::prepare(&config, Ambient::default()).await?;
    let running = start::run(&config, prepared).await?;
    eprintln!("bandmaster {}", env!("CARGO_PKG_VERSION"));
    eprintln!("  data       {}", config.data().display());
    eprintln!("  listening  {}", running.url);
    eprintln!("  API        {}/swagger/index.html", running.url);
    eprintln!("  telemetry  none");
    if let Some(first) = &running.first {
        match &first.password {
            Some(password) => {
                eprintln!("\n  The user {} was made with the password {}", first.user, password.reveal());
                eprintln!("  It is shown this once; change it after you sign in.\n");
            }
            None => eprintln!("\n  The user {} was made with the password that was given.\n", first.user),
        }
    }
    signals::stop_asked().await;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn run_quickstart(matches: &ArgMatches) -> Result<ExitCode> {
    let config = Config::load(matches, env)?;
    logging::start(&config.quiet())?;
    let outcome = quickstart::run(&config, matches.get_flag("once")).await?;
    Ok(if outcome.successful { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn robot(matches: &ArgMatches) -> Result<ExitCode> {
    let settings = Config::load_of(&config::ROBOT, matches, env)?;
    let config = settings.robot()?;
    logging::start(&settings)?;
    let stop = tokio_util::sync::CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        signals::stop_asked().await;
        asked.cancel();
    });
    bandmaster_robot::run(config, stop).await?;
    Ok(ExitCode::SUCCESS)
}

async fn run_admin(matches: &ArgMatches) -> Result<ExitCode> {
    let (mut name, mut matches) = matches.subcommand().context("no command")?;
    let mut command = name.to_owned();
    while let Some((inner, m)) = matches.subcommand() {
        command = format!("{command} {inner}");
        (name, matches) = (inner, m);
    }
    debug_assert!(command.ends_with(name));
    let config = Config::load(matches, env)?;
    logging::start(&Config::with(&[("log-level", "warn")])?)?;
    let path = |name: &str| PathBuf::from(matches.get_one::<String>(name).cloned().unwrap_or_default());
    let answer = match command.as_str() {
        "backup" => backup::create(&config, &path("to")).await?,
        "restore" => backup::restore(&path("from"), &config.data()).await?,
        _ => {
            let mut request = Map::new();
            request.insert("command".into(), Value::String(command));
            for name in ["name", "scopes", "role", "folder", "user", "organization", "expect"] {
                if let Ok(Some(value)) = matches.try_get_one::<String>(name) {
                    request.insert(name.into(), Value::String(value.clone()));
                }
            }
            admin::command(&config, Value::Object(request)).await?
        }
    };
    print(&format!("{}\n", serde_json::to_string_pretty(&answer)?));
    // What was checked and found wrong is an answer, but no success.
    Ok(if answer["intact"] == Value::Bool(false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes to standard output. A reader that has seen enough and closed it is no error.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn documents(matches: &ArgMatches) -> Result<ExitCode> {
    let path = |name: &str| matches.get_one::<String>(name).map(PathBuf::from);
    crate::documents::write(&path("out").unwrap_or_default(), path("tested").as_deref())?;
    Ok(ExitCode::SUCCESS)
}

fn settings(matches: &ArgMatches) -> Result<ExitCode> {
    match matches.subcommand() {
        Some(("show", m)) => print(&Config::load(m, env)?.shown()),
        Some(("check", m)) => {
            Config::load(m, env)?;
            print("the settings are valid\n");
        }
        Some(("example", m)) if m.get_flag("robot") => print(&Config::example(&config::ROBOT)),
        _ => print(&Config::example(&config::SERVER)),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_tree_is_consistent() {
        super::command().debug_assert();
    }
}
