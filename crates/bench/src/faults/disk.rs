//! A disk that fills up: the data folder lies on a small file system in memory, in a mount namespace of its own. What was
//! acknowledged must be there; what was not may be refused in any orderly way. Needs root.

use super::load::QUEUE;
use crate::api::Api;
use crate::product::{Product, Settings};
use anyhow::{Context, Result, bail};
use bandmaster_store::{Store, StoreConfig, params};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tokio::process::Command;

/// Size of the file system.
const SIZE: &str = "size=24m";
/// Kept free until the disk is to have room again.
const BALLAST: usize = 6 << 20;
/// Requests that must be refused before room is made.
const REFUSALS: usize = 200;
/// The disk is full long before.
const MOST: usize = 100_000;

/// Whether this can run here.
pub fn possible() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
        && std::process::Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|s| s.success())
}

/// Both cases: the server's own output goes elsewhere, or to the disk that fills up as well. Everything that is wrong.
pub async fn run(binary: &Path) -> Result<Vec<String>> {
    let mut wrong = one(binary, false).await.context("with its output elsewhere")?;
    wrong.extend(one(binary, true).await.context("with its output on the same disk")?);
    Ok(wrong)
}

/// Runs [`inside`] in a namespace of its own.
async fn one(binary: &Path, output_too: bool) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    // The server's output goes beside its data folder.
    let small = if output_too { "" } else { "/server" };
    let script = format!(
        "mkdir -p \"$2{small}\" && mount -t tmpfs -o \"$1\" none \"$2{small}\" && \
         exec \"$3\" full-disk --inside \"$2\" --binary \"$4\""
    );
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh", SIZE])
        .args([folder.path(), &std::env::current_exe()?, binary])
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let verdict: Value = text.lines().last().and_then(|l| serde_json::from_str(l).ok()).with_context(|| {
        format!("the full disk ended with {}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr))
    })?;
    eprintln!("{}", verdict["summary"].as_str().unwrap_or_default());
    let wrong = verdict["wrong"].as_array().context("no verdict")?;
    Ok(wrong.iter().filter_map(|w| w.as_str().map(str::to_owned)).collect())
}

/// The run itself, with the data in `server` below the folder. Prints the verdict as JSON.
pub async fn inside(folder: &Path, binary: &Path) -> Result<()> {
    let data = folder.join("server");
    let settings = Settings {
        binary: binary.to_owned(),
        data: data.clone(),
        database: None,
        arguments: ["--log-level", "info"].map(str::to_owned).to_vec(),
    };
    let product = Product::start(&settings).await?;
    let mut api = Api::sign_in(&product).await?;
    let queue = api.queue(QUEUE, json!({})).await?;
    let ballast = data.join("ballast");
    std::fs::File::create(&ballast)?.write_all(&vec![1; BALLAST])?;

    let mut wrong = Vec::new();
    let mut acknowledged = BTreeSet::new();
    let mut refused = 0;
    let mut statuses = BTreeSet::new();
    for number in 0..MOST {
        let (id, status) = add(&mut api, number).await?;
        statuses.insert(status);
        match id {
            Some(id) => drop(acknowledged.insert(id)),
            None => refused += 1,
        }
        if refused >= REFUSALS {
            break;
        }
    }
    if refused < REFUSALS {
        bail!("the disk did not fill up");
    }
    // Reading goes on.
    let page = api.client.get("/odata/QueueItems?$top=1").await?;
    if page.status != 200 {
        wrong.push(format!("reading on a full disk: {} {}", page.status, page.text()));
    }
    std::fs::remove_file(&ballast)?;
    product.kill().await?;
    let product = Product::start(&settings).await.context("after the full disk")?;
    api.client.redirect(product.address()?);
    match add(&mut api, MOST).await? {
        (Some(id), _) => drop(acknowledged.insert(id)),
        (None, status) => wrong.push(format!("there is room again, and adding is refused with {status}")),
    }
    product.stop().await?;
    let store = Store::open(StoreConfig::sqlite(crate::stage::database_file(&settings))).await?;
    let mut conn = store.read().await?;
    let rows = conn.query("SELECT id FROM queue_items WHERE queue_id = $1", params![queue]).await?;
    let present = rows.iter().map(|row| row.get::<i64>(0)).collect::<Result<BTreeSet<_>, _>>()?;
    let missing: Vec<_> = acknowledged.difference(&present).collect();
    if !missing.is_empty() {
        wrong.push(format!("{} acknowledged items are missing: {missing:?}", missing.len()));
    }
    // Every request was answered here, so nothing may be there that was refused.
    let extra: Vec<_> = present.difference(&acknowledged).collect();
    if !extra.is_empty() {
        wrong.push(format!("{} items were refused and are there: {extra:?}", extra.len()));
    }
    let summary = format!(
        "full disk: {} items acknowledged, {refused} refused, statuses {statuses:?}, all answered",
        acknowledged.len()
    );
    println!("{}", json!({"summary": summary, "wrong": wrong}));
    Ok(())
}

async fn add(api: &mut Api, number: usize) -> Result<(Option<i64>, u16)> {
    let text = "x".repeat(2000);
    let item = json!({"itemData": {"Name": QUEUE, "SpecificContent": {"Number": number, "Text": text}}});
    let reply = api.client.post("/odata/Queues/UiPathODataSvc.AddQueueItem", &item).await.context("no answer")?;
    match reply.status {
        201 => Ok((Some(reply.json()["Id"].as_i64().context("no id")?), 201)),
        status if status >= 500 => Ok((None, status)),
        status => bail!("a full disk is answered with {status} {}", reply.text()),
    }
}
