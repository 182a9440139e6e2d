//! Operations on the files of a bucket: addresses to write and read, one file, deleting. Lists are in `lists`.

use super::address::{self, Note};
use super::entity::{AUDIT_READS, FILE};
use super::path::FilePath;
use super::row::{self, Bucket};
use super::save;
use crate::files::sign::Verb;
use bandmaster_api::{Call, Change, Output, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_odata::sql::Param;
use bandmaster_store::params;
use serde_json::{Value, json};

/// Longest content type in characters.
const LONGEST_TYPE: usize = 255;

/// The bucket that the call names, seen from its folder.
pub async fn bucket(call: &Call, argument: &str) -> Result<Bucket> {
    let id = call.int_argument(argument)?;
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    row::linked(&mut call.read().await?, tenant, folder, id).await?.ok_or_else(row::missing)
}

fn path(call: &Call) -> Result<FilePath> {
    FilePath::parse(call.query("path").unwrap_or_default())
}

/// A media type as it may stand in a header. 400 otherwise.
pub fn content_type(text: &str) -> Result<String> {
    let text = text.trim();
    let plain = text.len() <= LONGEST_TYPE && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    let (kind, rest) = text.split_once('/').unwrap_or_default();
    if plain && !kind.is_empty() && !rest.is_empty() && !kind.contains(' ') {
        return Ok(text.to_owned());
    }
    Err(Error::argument("contentType is no media type such as text/plain."))
}

async fn record(
    unit: &mut Unit,
    bucket: &Bucket,
    action: &str,
    before: Option<Value>,
    after: Option<Value>,
) -> Result<()> {
    unit.audit(Change {
        component: "Buckets",
        action,
        id: Some(bucket.id),
        key: Some(&bucket.key),
        name: &bucket.name,
        before,
        after,
    })
    .await
}

/// Notes in the audit that an address was made; the address itself is a credential and is not kept.
pub async fn note_address(call: &Call, bucket: &Bucket, after: Value) -> Result<()> {
    let mut unit = call.begin().await?;
    record(&mut unit, bucket, "CreateBlobFileSas", None, Some(after)).await?;
    unit.commit().await
}

fn answer(access: Value) -> Result<Output> {
    match access {
        Value::Object(members) => Ok(Output::complex("BlobFileAccessDto", members)),
        _ => Err(Error::internal("an address is no object")),
    }
}

fn note(call: &Call, path: FilePath, content_type: Option<String>) -> Result<Note> {
    Ok(Note { path, content_type, folder: call.folder()?.id, user: call.user_id() })
}

/// `GetWriteUri`: an address that takes one file at one path; a file that is there is replaced.
pub async fn write_uri(call: &mut Call) -> Result<Output> {
    call.options()?;
    let (bucket, path, until) = (bucket(call, "key").await?, path(call)?, address::until(call)?);
    bucket.writable()?;
    let content_type = call.query("contentType").map(content_type).transpose()?;
    note_address(call, &bucket, json!({"FullPath": path.as_str(), "Access": "Write"})).await?;
    answer(address::made(call, Verb::Put, &bucket, &note(call, path, content_type)?, until)?)
}

/// `GetReadUri`: an address that gives one file; 404 when there is none.
pub async fn read_uri(call: &mut Call) -> Result<Output> {
    call.options()?;
    let (bucket, path, until) = (bucket(call, "key").await?, path(call)?, address::until(call)?);
    let sql = "SELECT 1 FROM bucket_files WHERE bucket_id = $1 AND path = $2";
    let found = call.read().await?.query_opt(sql, params![bucket.id, path.as_str()]).await?;
    found.ok_or_else(|| Error::not_found("BlobFile"))?;
    if bucket.has(AUDIT_READS) {
        note_address(call, &bucket, json!({"FullPath": path.as_str(), "Access": "Read"})).await?;
    }
    answer(address::made(call, Verb::Get, &bucket, &note(call, path, None)?, until)?)
}

/// `GetFile`: what is known of one file.
pub async fn one(call: &mut Call) -> Result<Output> {
    let (bucket, path) = (bucket(call, "key").await?, path(call)?);
    let params = vec![Param::Int(bucket.id), Param::from(path.as_str())];
    call.entity_where(&FILE, &call.visible(), "{t}.bucket_id = ? AND {t}.path = ?", params).await
}

/// `DeleteFile`: one file.
pub async fn delete(call: &mut Call) -> Result<Output> {
    let (seen, path, folder) = (bucket(call, "key").await?, path(call)?, call.folder()?.id);
    let mut unit = call.begin().await?;
    let bucket = row::hold(&mut unit, seen.id).await?;
    bucket.writable()?;
    let size = save::take_out(&mut unit, &bucket, &path, Some(folder)).await?;
    let size = size.ok_or_else(|| Error::not_found("BlobFile"))?;
    let before = json!({"FullPath": path.as_str(), "Size": size});
    record(&mut unit, &bucket, "DeleteBlobFile", Some(before), None).await?;
    unit.commit().await?;
    Ok(Output::empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn content_types_are_checked() {
        for (text, good) in [
            ("text/plain", true),
            (" text/plain; charset=utf-8", true),
            ("application/vnd.x+json", true),
            ("text", false),
            ("/plain", false),
            ("text/", false),
            ("a b/c", false),
            ("text/pl\nain", false),
            ("täxt/plain", false),
        ] {
            assert_eq!(super::content_type(text).is_ok(), good, "{text}");
        }
        assert!(super::content_type(&format!("a/{}", "x".repeat(254))).is_err());
    }
}
