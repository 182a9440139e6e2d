//! Archiving: a batch of old items as one compressed file in a bucket.
//!
//! What an archive holds is what an export of the queue's items holds: the same columns, written the same way, and
//! beside them the comments on the items. The file's name carries the day, the items' ids and a digest of the items and
//! their versions. A batch that is written again after a crash therefore has the same name and content, and no batch
//! ever replaces another.

use crate::items::{ITEM, row};
use crate::parts::ArchiveFile;
use bandmaster_api::App;
use bandmaster_core::time::{Micros, iso};
use bandmaster_core::{Error, Result, csv, text};
use bandmaster_model::Property;
use bandmaster_store::{Conn, params};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Items of a batch at most.
const MOST_ITEMS: i64 = 2_000;
/// Characters of contents in a batch at most, unless a single item has more.
const MOST_TEXT: i64 = 32 << 20;
/// Members that repeat others.
const REPEATING: [&str; 3] = ["SpecificData", "OutputData", "AnalyticsData"];
/// Columns of the comments.
const COMMENT: [&str; 5] = ["QueueItemId", "CreationTime", "UserId", "UserName", "Text"];

/// The queue whose items are archived.
pub struct Archived<'a> {
    /// `queue_definitions.id`.
    pub queue: i64,
    /// Its GUID.
    pub key: &'a str,
    /// Items that ended before are taken.
    pub before: Micros,
    /// The day of the run.
    pub today: Micros,
}

/// A batch that has been read.
pub struct Batch {
    /// The file that holds it.
    pub file: ArchiveFile,
    /// Ids and versions of the items in it.
    pub items: Vec<(i64, String)>,
}

/// Old items of the queue, as many as a batch takes; `None` when there are none.
pub async fn next(app: &App, of: &Archived<'_>) -> Result<Option<Batch>> {
    let mut conn = app.store.read().await?;
    let ids = ids(&mut conn, of).await?;
    let (mut table, mut remarks) = (String::new(), String::new());
    let columns: Vec<&'static Property> =
        ITEM.properties.iter().filter(|p| !p.hidden && !REPEATING.contains(&p.name)).collect();
    let names: Vec<Value> = columns.iter().map(|p| json!(p.name)).collect();
    csv::line(&mut table, &names);
    csv::line(&mut remarks, &COMMENT.map(|name| json!(name)));
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        // It may have been deleted or taken up again since.
        let Some(item) = item(&mut conn, app, id, of.before).await? else { continue };
        csv::line(&mut table, columns.iter().map(|p| item.get(p.name).unwrap_or(&Value::Null)));
        comments(&mut conn, id, &mut remarks).await?;
        items.push((id, item.get("RowVersion").and_then(Value::as_str).unwrap_or_default().to_owned()));
    }
    drop(conn);
    if items.is_empty() {
        return Ok(None);
    }
    let path = path(of, &items);
    let content = tokio::task::spawn_blocking(move || packed(&[("QueueItems.csv", table), ("Comments.csv", remarks)]))
        .await
        .map_err(|e| Error::internal(format!("packing an archive: {e}")))??;
    Ok(Some(Batch { file: ArchiveFile { path, content_type: "application/zip", content }, items }))
}

/// The condition under which an item is old, for `$1` the queue or the item and `$2` the moment.
macro_rules! old {
    () => {
        "status IN (2, 3, 4, 5, 6) AND review_status <> 1 \
         AND COALESCE(changed_at, ended_at, started_at, created_at) < $2"
    };
}
pub(super) use old;

async fn ids(conn: &mut Conn, of: &Archived<'_>) -> Result<Vec<i64>> {
    let sql = concat!(
        "SELECT id, CAST(COALESCE(length(content), 0) + COALESCE(length(output), 0) + \
         COALESCE(length(analytics), 0) AS BIGINT) FROM queue_items WHERE queue_id = $1 AND ",
        old!(),
        " ORDER BY id LIMIT $3"
    );
    let rows = conn.query_long(sql, params![of.queue, of.before, MOST_ITEMS]).await?;
    let (mut ids, mut text) = (Vec::with_capacity(rows.len()), 0);
    for row in &rows {
        text += row.get::<i64>(1)?;
        if text > MOST_TEXT && !ids.is_empty() {
            break;
        }
        ids.push(row.get(0)?);
    }
    Ok(ids)
}

async fn item(conn: &mut Conn, app: &App, id: i64, before: Micros) -> Result<Option<Map<String, Value>>> {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        format!("SELECT {} FROM queue_items WHERE queue_items.id = $1 AND {}", *row::COLUMNS, old!())
    });
    let found = conn.query_opt(&SQL, params![id, before]).await?;
    found.map(|found| row::item(&app.keys, found)).transpose()
}

async fn comments(conn: &mut Conn, item: i64, out: &mut String) -> Result<()> {
    let sql = "SELECT created_at, user_id, author_name, text FROM queue_item_comments WHERE item_id = $1 ORDER BY id";
    for row in conn.query(sql, params![item]).await? {
        let at = iso(row.get(0)?);
        let (user, author, text): (Option<i64>, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        csv::line(out, &[json!(item), json!(at), json!(user), json!(author), json!(text)]);
    }
    Ok(())
}

/// `Archive/Queues/Queue-<key>/2026-01-07-<first id>-<last id>-<digest>.zip`
fn path(of: &Archived<'_>, items: &[(i64, String)]) -> String {
    let mut digest = Sha256::new();
    for (id, version) in items {
        digest.update(format!("{id} {version}\n"));
    }
    let mut short = text::hex(&digest.finalize());
    short.truncate(16);
    let day: String = iso(of.today).chars().take(10).collect();
    let edge = |item: Option<&(i64, String)>| item.map_or(0, |(id, _)| *id);
    format!("Archive/Queues/Queue-{}/{day}-{}-{}-{short}.zip", of.key, edge(items.first()), edge(items.last()))
}

/// Files in one archive. Nothing in it depends on when it was made.
fn packed(files: &[(&str, String)]) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| Error::internal(format!("packing an archive: {e}"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::DEFLATE)
            .last_modified_time(DateTime::default());
        archive.start_file(*name, options).map_err(|e| failed(&e))?;
        archive.write_all(content.as_bytes()).map_err(|e| failed(&e))?;
    }
    Ok(archive.finish().map_err(|e| failed(&e))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_for_the_same_items_only() {
        let today = bandmaster_core::time::parse("2026-01-07T00:00:00Z").unwrap();
        let of = Archived { queue: 1, key: "k", before: 0, today };
        let (a, b) = ((7, "v1".to_owned()), (9, "v2".to_owned()));
        let name = path(&of, &[a.clone(), b.clone()]);
        assert!(name.starts_with("Archive/Queues/Queue-k/2026-01-07-7-9-") && name.ends_with(".zip"));
        assert_eq!(name, path(&of, &[a.clone(), b.clone()]));
        assert_ne!(name, path(&of, &[a.clone(), (8, "v".into()), b.clone()]));
        assert_ne!(name, path(&of, &[a, (9, "v3".into())]));
    }

    #[test]
    fn packing_gives_the_same_bytes_each_time() {
        let files = [("a.csv", "x,y\r\n".repeat(1_000))];
        let once = packed(&files).unwrap();
        assert!(once.len() < 1_000 && once == packed(&files).unwrap());
    }
}
