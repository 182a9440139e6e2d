//! Lists of what is in a bucket. Directories are only what paths have in common.

use super::address::{self, Note};
use super::entity::{AUDIT_READS, FILE};
use super::operations::{bucket, note_address};
use super::path::{self, FilePath};
use crate::files::sign::Verb;
use bandmaster_api::{Call, Output};
use bandmaster_core::time::iso;
use bandmaster_core::{Error, Result};
use bandmaster_odata::sql::Param;
use bandmaster_store::params;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Files of a page of `ListFiles` that does not say.
const PAGE: i64 = 500;
/// Most files of a page.
const LONGEST_PAGE: i64 = 1_000;
/// Directories that are looked at in one statement.
const AT_ONCE: i64 = 500;
/// Most children that `GetDirectories` tells; its options are applied in memory.
const MOST_CHILDREN: usize = 20_000;

/// `GetFiles`: files of a directory, with `recursive` also of those below.
pub async fn files(call: &mut Call) -> Result<Output> {
    let bucket = bucket(call, "key").await?;
    let directory = path::directory(call.query("directory"))?;
    let mut query = call.bound_query(&FILE)?;
    if call.bool_query("recursive")?.unwrap_or(false) {
        let bound = path::bound(&directory);
        query.and_sql(
            "{t}.bucket_id = ? AND {t}.path >= ? AND {t}.path < ?",
            vec![Param::Int(bucket.id), Param::Text(directory), Param::Text(bound)],
        );
    } else {
        query.and_sql("{t}.bucket_id = ? AND {t}.directory = ?", vec![Param::Int(bucket.id), Param::Text(directory)]);
    }
    if let Some(pattern) = path::pattern(call.query("fileNameGlob")) {
        query.and_sql("fold({t}.name) LIKE ? ESCAPE '!'", vec![Param::Text(pattern)]);
    }
    call.list_query(query, &call.visible()).await
}

/// `GetDirectories`: the children of a directory that have files in them or below.
pub async fn directories(call: &mut Call) -> Result<Output> {
    let bucket = bucket(call, "key").await?;
    let directory = path::directory(call.query("directory"))?;
    let glob = call.query("fileNameGlob");
    let mut rows = Vec::new();
    // Whole subtrees are skipped: where one child has been seen, the next is looked for behind it.
    let (mut from, bound) = (directory.clone(), path::bound(&directory));
    let mut conn = call.read().await?;
    loop {
        let sql = "SELECT DISTINCT directory FROM bucket_files \
                   WHERE bucket_id = $1 AND directory > $2 AND directory < $3 ORDER BY directory LIMIT $4";
        let found = conn.query(sql, params![bucket.id, from.as_str(), bound.as_str(), AT_ONCE]).await?;
        let mut last: Option<String> = None;
        for row in &found {
            let below: String = row.get(0)?;
            if last.as_ref().is_some_and(|child| below.starts_with(child.as_str())) {
                continue;
            }
            let rest = below.get(directory.len()..).unwrap_or_default();
            let name = rest.split('/').next().unwrap_or_default().to_owned();
            if path::fits(glob, &name) {
                if rows.len() >= MOST_CHILDREN {
                    let text = format!("There are more than {MOST_CHILDREN} directories; narrow fileNameGlob.");
                    return Err(Error::argument(text));
                }
                let full = format!("{directory}{name}");
                rows.push(json!({"FullPath": full, "ContentType": null, "Size": 0, "IsDirectory": true, "Id": full}));
            }
            last = Some(format!("{directory}{name}/"));
        }
        match last {
            Some(child) => from = path::bound(&child),
            None => break,
        }
    }
    drop(conn);
    call.computed(FILE.set, rows)
}

/// `ListFiles`: files whose path has a beginning, page by page; with `expiryInMinutes` also where to read each.
pub async fn pages(call: &mut Call) -> Result<Output> {
    let bucket = bucket(call, "id").await?;
    let prefix = path::prefix(call.query("prefix"))?;
    let take = match call.int_query("takeHint")?.unwrap_or(0) {
        0 => PAGE,
        n if n > 0 => n.min(LONGEST_PAGE),
        _ => return Err(Error::argument("takeHint is not negative.")),
    };
    let after = call.query("continuationToken").map(from_token).transpose()?.unwrap_or_default();
    let until = match call.int_query("expiryInMinutes")? {
        None | Some(0) => None,
        Some(_) => Some(address::until(call)?),
    };
    let sql = "SELECT path, content_type, size, written_at FROM bucket_files \
               WHERE bucket_id = $1 AND path > $2 AND path >= $3 AND path < $4 ORDER BY path LIMIT $5";
    let bound = path::bound(&prefix);
    let given = params![bucket.id, after.as_str(), prefix.as_str(), bound, take + 1];
    let mut rows = call.read().await?.query_long(sql, given).await?;
    let more = rows.len() as i64 > take;
    rows.truncate(usize::try_from(take).unwrap_or(0));
    let (mut items, mut last) = (Vec::with_capacity(rows.len()), String::new());
    for row in &rows {
        last = row.get(0)?;
        let access = match until {
            Some(until) => {
                let note = Note {
                    path: FilePath::parse(&last)?,
                    content_type: None,
                    folder: call.folder()?.id,
                    user: call.user_id(),
                };
                address::made(call, Verb::Get, &bucket, &note, until)?
            }
            None => Value::Null,
        };
        items.push(json!({
            "fullPath": last,
            "contentType": row.get::<Option<String>>(1)?,
            "size": row.get::<i64>(2)?,
            "lastModified": iso(row.get(3)?),
            "accessInfo": access,
        }));
    }
    if until.is_some() && bucket.has(AUDIT_READS) && !items.is_empty() {
        let after = json!({"Prefix": prefix, "Files": items.len(), "Access": "Read"});
        note_address(call, &bucket, after).await?;
    }
    let token = more.then(|| URL_SAFE_NO_PAD.encode(&last));
    Ok(Output::json(json!({"items": items, "continuationToken": token})))
}

fn from_token(token: &str) -> Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let path = bytes.and_then(|b| String::from_utf8(b).ok()).filter(|p| FilePath::parse(p).is_ok());
    path.ok_or_else(|| Error::argument("continuationToken is not one of this server."))
}
