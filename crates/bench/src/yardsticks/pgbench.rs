//! `pgbench` on one table: claim (`SKIP LOCKED`) and complete as two transactions; adding as one statement.

use crate::cluster::{Cluster, connect};
use crate::prefill::TEXT;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// Clients that claim.
pub const CLIENTS: usize = 32;

/// The two transactions. Each statement is one.
pub const CLAIMING: &str = "\
UPDATE item SET status = 1, started_at = now() WHERE id = \
(SELECT id FROM item WHERE status = 0 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, content \\gset
UPDATE item SET status = 3, ended_at = now(), output = '{\"Done\":\"yes\"}' WHERE id = :id AND status = 1;
";

/// Adds so many items of 1 kB in one statement, which makes their contents itself: nothing has to be sent.
pub fn adding(at_once: u64) -> String {
    format!(
        "INSERT INTO item (status, content) SELECT 0, '{{\"Number\":\"' || n || '\",\"Text\":\"' || \
         repeat(lpad(to_hex(n), 16, '0'), {}) || '\"}}' FROM generate_series(1::bigint, {at_once}::bigint) AS n RETURNING id;\n",
        TEXT / 16
    )
}

/// Makes the table in an empty database of the cluster.
pub async fn prepare(cluster: &Cluster, database: &str, items: u64) -> Result<()> {
    let client = connect(&cluster.create(database).await?).await?;
    let repeats = TEXT / 16;
    let sql = format!(
        "CREATE TABLE item (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status BIGINT NOT NULL, content TEXT NOT NULL, \
           output TEXT, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ);
         INSERT INTO item (status, content) SELECT 0, '{{\"Number\":\"' || n || '\",\"Text\":\"' || \
           repeat(lpad(to_hex(n), 16, '0'), {repeats}) || '\"}}' FROM generate_series(0::bigint, {items}::bigint - 1) AS n;
         CREATE INDEX item_waiting ON item (id) WHERE status = 0;"
    );
    client.batch_execute(&sql).await?;
    client.batch_execute("VACUUM ANALYZE item").await?;
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

/// Runs a script for some seconds; how often a second it was done.
pub async fn run(
    cluster: &Cluster,
    database: &str,
    script: &str,
    clients: usize,
    seconds: u64,
    scratch: &Path,
) -> Result<f64> {
    let file = scratch.join("script.sql");
    std::fs::write(&file, script)?;
    let output = cluster
        .program("pgbench", database)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--client", &clients.to_string()])
        .args(["--time", &seconds.to_string(), "--file"])
        .arg(&file)
        .output()
        .await
        .context("pgbench does not run: apt-get install postgresql")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    pairs(&text).with_context(|| format!("pgbench told no rate: {text}"))
}

fn pairs(text: &str) -> Option<f64> {
    text.lines().find_map(|l| l.strip_prefix("tps = "))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rate_is_read() {
        let text = "latency average = 8.1 ms\ntps = 3921.482993 (without initial connection time)\n";
        assert_eq!(super::pairs(text), Some(3921.482993));
        assert_eq!(super::pairs("nothing"), None);
    }
}
