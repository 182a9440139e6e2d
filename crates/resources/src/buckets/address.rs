//! Signed addresses of files in buckets: one for reading or writing one path, for a while. An address carries what its
//! use needs to know (`file`: path, content type, folder and user), all under the signature.
//!
//! Whoever holds an address needs no other credential, and it cannot be taken back. It ends with its time, with the
//! bucket, and for writing when the bucket becomes read-only.

use super::path::FilePath;
use super::row::Bucket;
use crate::files::Area;
use crate::files::sign::{self, Verb};
use bandmaster_api::Call;
use bandmaster_core::clock::MINUTE;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, codes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Minutes that an address holds when the request does not say.
const DEFAULT: i64 = 30;
/// Most minutes: a week, as with other stores.
const LONGEST: i64 = 7 * 24 * 60;

/// What an address is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub path: FilePath,
    /// What is to be written there.
    pub content_type: Option<String>,
    /// Folder from which the address was asked for.
    pub folder: i64,
    /// Account that asked.
    pub user: Option<i64>,
}

/// The end of an address from `expiryInMinutes`: 30 minutes for 0 or nothing, at most a week.
pub fn until(call: &Call) -> Result<Micros> {
    match call.int_query("expiryInMinutes")?.unwrap_or(0) {
        0 => Ok(call.now() + DEFAULT * MINUTE),
        minutes if (1..=LONGEST).contains(&minutes) => Ok(call.now() + minutes * MINUTE),
        _ => Err(Error::argument(format!("expiryInMinutes lies between 0 and {LONGEST}."))),
    }
}

/// `BlobFileAccessDto` for a file of a bucket.
pub fn made(call: &Call, verb: Verb, bucket: &Bucket, note: &Note, until: Micros) -> Result<Value> {
    let text = json!([note.path.as_str(), note.content_type, note.folder, note.user]).to_string();
    let file = URL_SAFE_NO_PAD.encode(text);
    let signed = sign::query(&call.app.keys, verb, Area::Buckets, &whole(&bucket.storage_key, &file), until)?;
    let uri = format!("{}/blob/{}/{}?file={file}&{signed}", call.origin, Area::Buckets.name(), bucket.storage_key);
    Ok(sign::described(verb, &uri))
}

/// What is signed. A GUID has no slash, so no two addresses share it.
fn whole(storage_key: &str, file: &str) -> String {
    format!("{storage_key}/{file}")
}

/// Checks the address of a call: the bucket's name in addresses, and the note. 403 when it is over or made up.
pub fn checked(call: &Call, verb: Verb) -> Result<(String, Note)> {
    let key = bandmaster_core::ids::parse_guid(call.need_argument("id")?).unwrap_or_default();
    let file = call.query("file").unwrap_or_default();
    let (expires, signature) = (call.query("expires"), call.query("signature"));
    sign::check(&call.app.keys, verb, Area::Buckets, &whole(&key, file), expires, signature, call.now())?;
    let note = read(file).ok_or_else(|| Error::new(403, codes::FORBIDDEN_OPERATION, "The address is not valid."))?;
    Ok((key, note))
}

fn read(file: &str) -> Option<Note> {
    let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(file).ok()?).ok()?;
    Some(Note {
        path: FilePath::parse(value.get(0)?.as_str()?).ok()?,
        content_type: value.get(1)?.as_str().map(str::to_owned),
        folder: value.get(2)?.as_i64()?,
        user: value.get(3)?.as_i64(),
    })
}
