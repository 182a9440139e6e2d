//! A public job queue on the same PostgreSQL, graphile-worker, beside claim and complete over HTTP: at its default settings, and
//! at those that its documentation names for the most jobs a second. Its jobs are trivial, the product's items have 1 kB.
//!
//! It is installed with npm into a folder of the run. Where there is no npm, this says so and measures nothing.

use crate::benches::claim::{alone, enough};
use crate::context::{Context, Database};
use crate::measure::{Line, median, rate};
use crate::stage::Stage;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What is installed; a fixed release, so that figures of different days can be compared.
const PACKAGE: &str = "graphile-worker@0.18.0";
/// The oldest Node.js (major, minor) that it says it runs on, and the package with one for machines that have an older.
const OLDEST: (u32, u32) = (22, 18);
const NODE: &str = "node@22";
const SCRIPT: &str = include_str!("peer.mjs");
/// At its best settings it gets so many times as many jobs, so that it runs long enough.
const MORE: u64 = 10;

/// Jobs that are added at once.
const BATCH: usize = 10_000;

fn adding(from: u64, to: u64) -> String {
    format!(
        "SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(SELECT json_populate_record(NULL::graphile_worker.job_spec, \
         json_build_object('identifier', 'trivial', 'payload', json_build_object('id', n))) \
         FROM generate_series({from}::bigint, {to}::bigint) AS n))"
    )
}

/// The peer at both settings, and the product.
pub async fn run(context: &Context, jobs: u64) -> Result<Vec<Line>> {
    let Some(peer) = Peer::install(&context.folder("peer")?).await? else {
        println!("left out: there is no npm (apt-get install nodejs npm)\n");
        return Ok(Vec::new());
    };
    let stage = Stage::prefilled(context, Database::Postgres, enough(context)).await?;
    let (mut product, mut default, mut best, mut seen) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
    for _ in 0..context.rounds {
        default.push(peer.work(context, "default", jobs).await?);
        product.push(alone(context, &stage, &mut seen).await?);
        best.push(peer.work(context, "best", jobs * MORE).await?);
    }
    let line = |setting: &str, theirs: &[f64], least: Option<f64>| {
        let ratios: Vec<f64> = product.iter().zip(theirs).map(|(p, t)| p / t).collect();
        let ratio = median(&ratios);
        Line {
            what: format!("claim and complete beside {PACKAGE} {setting}"),
            database: stage.database.name().into(),
            yardstick: rate(median(theirs), "jobs"),
            product: rate(median(&product), "pairs"),
            ratio: format!("{ratio:.2}"),
            goal: least.map_or_else(|| "–".into(), |least| format!("≥ {least:.0} × its jobs")),
            reached: least.map(|least| ratio >= least),
        }
    };
    Ok(vec![
        line("at its default settings", &default, Some(3.0)),
        line("with 24 jobs at once, a local queue of 500 and completion in batches", &best, None),
    ])
}

/// The installed peer.
struct Peer {
    folder: PathBuf,
    node: PathBuf,
}

impl Peer {
    /// Installs it; none where there is no npm.
    async fn install(folder: &Path) -> Result<Option<Peer>> {
        if Command::new("npm").arg("--version").output().await.is_err() {
            return Ok(None);
        }
        std::fs::write(folder.join("package.json"), r#"{"name": "peer", "private": true}"#)?;
        let own = version("node").await.filter(|own| *own >= OLDEST);
        let mut packages = vec![PACKAGE];
        if own.is_none() {
            packages.push(NODE);
        }
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-fund", "--no-audit", "--loglevel=error"]).args(&packages).current_dir(folder);
        let done = npm.output().await?;
        if !done.status.success() {
            bail!("npm install {}: {}", packages.join(" "), String::from_utf8_lossy(&done.stderr));
        }
        std::fs::write(folder.join("peer.mjs"), SCRIPT)?;
        let node = if own.is_some() { PathBuf::from("node") } else { folder.join("node_modules/.bin/node") };
        Ok(Some(Peer { folder: folder.to_owned(), node }))
    }

    /// Puts jobs into a fresh database and works them off; jobs a second.
    async fn work(&self, context: &Context, setting: &str, jobs: u64) -> Result<f64> {
        let (cluster, name) = (context.cluster()?, context.database_name());
        let url = cluster.create(&name).await?;
        self.script(context, &name, "prepare", jobs).await?;
        let client = crate::cluster::connect(&url).await?;
        // In batches, as its documentation says for many.
        for from in (1..=jobs).step_by(BATCH) {
            let to = jobs.min(from + BATCH as u64 - 1);
            client.batch_execute(&adding(from, to)).await?;
        }
        client.batch_execute("VACUUM ANALYZE").await?;
        client.batch_execute("CHECKPOINT").await?;
        let output = self.script(context, &name, setting, jobs).await?;
        let told: Value = serde_json::from_str(output.lines().last().unwrap_or_default()).context("no figures")?;
        match (told["jobs"].as_u64(), told["seconds"].as_f64()) {
            (Some(done), Some(seconds)) if done == jobs && seconds > 0.0 => Ok(done as f64 / seconds),
            _ => bail!("the peer did not do its {jobs} jobs: {output}"),
        }
    }

    async fn script(&self, context: &Context, database: &str, what: &str, jobs: u64) -> Result<String> {
        let mut command = Command::new(&self.node);
        command.args(["peer.mjs", what, &jobs.to_string()]).current_dir(&self.folder).kill_on_drop(true);
        command.env("PGHOST", context.cluster()?.host()).env("PGUSER", "bandmaster").env("PGDATABASE", database);
        let output = command.output().await.context("Node.js does not run")?;
        if !output.status.success() {
            bail!("{what}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Version (major, minor) of an installed Node.js.
async fn version(program: &str) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().await.ok()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_read() {
        assert_eq!(super::parse("v22.18.0\n"), Some((22, 18)));
        assert_eq!(super::parse("22"), None);
        assert!(super::parse("v20.20.2") < Some(super::OLDEST));
    }
}
