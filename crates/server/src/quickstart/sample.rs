//! The sample package: made by the real `uipath` command where it is installed, else built here in the same layout.

use anyhow::{Context, Result, bail};
use bandmaster_packages::nupkg::build::PackageBuilder;
use serde_json::json;
use std::path::Path;
use tokio::process::Command;

static MAIN: &str = include_str!("../../assets/sample/main.py");
static PROJECT: &str = include_str!("../../assets/sample/pyproject.toml");
static CONFIGURATION: &str = include_str!("../../assets/sample/uipath.json");

/// A package ready for upload.
pub struct Package {
    /// Package id.
    pub id: &'static str,
    /// Version.
    pub version: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// Who made it, for the reader.
    pub made_by: &'static str,
}

/// Makes the sample package.
pub async fn package() -> Result<Package> {
    let (bytes, made_by) = match with_uipath().await? {
        Some(bytes) => (bytes, "made by uipath pack"),
        None => (built()?, "built in the layout of uipath pack, which is not installed"),
    };
    Ok(Package { id: "hello-bandmaster", version: "1.0.0", bytes, made_by })
}

/// The same package, built here.
fn built() -> Result<Vec<u8>> {
    let input = json!({"type": "object", "properties": {"name": {"type": "string", "default": "world"}}});
    let output = json!({
        "type": "object",
        "properties": {"greeting": {"type": "string"}, "letters": {"type": "integer"}},
        "required": ["greeting", "letters"],
    });
    let package = PackageBuilder::new("hello-bandmaster", "1.0.0")
        .description("The sample automation of the Bandmaster quickstart")
        .authors("Bandmaster")
        .requires_python(">=3.11")
        .dependency("uipath", "==2.14.44")
        .function("main", "main.py:main", input, output)
        .file("main.py", MAIN)
        .build()?;
    Ok(package)
}

/// Runs `uipath init` and `uipath pack`; none when there is no such command.
async fn with_uipath() -> Result<Option<Vec<u8>>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    for (name, text) in [("main.py", MAIN), ("pyproject.toml", PROJECT), ("uipath.json", CONFIGURATION)] {
        std::fs::write(root.join(name), text)?;
    }
    for arguments in [&["init"][..], &["pack", "--nolock"][..]] {
        match uipath(root, arguments).await? {
            None => return Ok(None),
            Some(output) if !output.status.success() => {
                let said = [output.stdout, output.stderr].concat();
                bail!("uipath {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&said).trim());
            }
            Some(_) => {}
        }
    }
    let file = root.join(".uipath/hello-bandmaster.1.0.0.nupkg");
    Ok(Some(std::fs::read(&file).context("uipath pack left no package")?))
}

async fn uipath(root: &Path, arguments: &[&str]) -> Result<Option<std::process::Output>> {
    let run = Command::new("uipath")
        .args(arguments)
        .current_dir(root)
        .env("UIPATH_TELEMETRY_ENABLED", "false")
        .output()
        .await;
    match run {
        Ok(output) => Ok(Some(output)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).context("uipath could not be run"),
    }
}
