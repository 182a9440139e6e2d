//! The operations that move processes from version to version. None of a package's tags are kept by the server, so
//! `mergePackageTags` has nothing to merge.

use super::CHANGED;
use super::record::Named;
use super::versions::{Move, shift};
use bandmaster_api::{Call, Output, Registry, Unit};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result};
use serde_json::{Map, Value, json};

/// Processes that one bulk call may move.
const MOST_AT_ONCE: usize = 1_000;

/// Registers them.
pub(super) fn register(r: &mut Registry) {
    r.serve("Releases_UpdateToLatestPackageVersionById", latest).also(&[400, 404, 409]).events(CHANGED);
    r.serve("Releases_UpdateToSpecificPackageVersionById", specific).also(&[400, 404, 409]).events(CHANGED);
    r.serve("Releases_RollbackToPreviousReleaseVersionById", back).also(&[400, 404, 409]).events(CHANGED);
    r.serve("Releases_UpdateToLatestPackageVersionByKeyByIdentifier", latest_by_key)
        .also(&[400, 404, 409])
        .events(CHANGED);
    r.serve("Releases_UpdateToSpecificPackageVersionByKeyByIdentifier", specific_by_key)
        .also(&[400, 404, 409])
        .events(CHANGED);
    r.serve("Releases_RollbackToPreviousReleaseVersionByKeyByIdentifier", back_by_key)
        .also(&[400, 404, 409])
        .events(CHANGED);
    r.serve("Releases_UpdateToLatestPackageVersionBulk", latest_bulk).also(&[400, 404, 409]).events(CHANGED);
    r.serve("Releases_UpdateToLatestPackageVersionBulkByKey", latest_bulk_by_key)
        .also(&[400, 404, 409])
        .events(CHANGED);
}

/// Moves one process in a unit of its own.
async fn one(call: &Call, named: Named<'_>, to: Move<'_>) -> Result<()> {
    let folder = call.folder()?.id;
    call.bool_query("mergePackageTags")?;
    let mut unit = call.begin().await?;
    shift(&mut unit, folder, named, to).await?;
    unit.commit().await
}

async fn by_id(call: &Call, to: Move<'_>) -> Result<Output> {
    let id = call.int_argument("key")?;
    one(call, Named::Id(id), to).await?;
    Ok(Output::scalar("Edm.Int64", id))
}

async fn by_key(call: &Call, to: Move<'_>) -> Result<Output> {
    let key = call.guid_argument("identifier")?;
    one(call, Named::Key(&key), to).await?;
    Ok(Output::scalar("Edm.Guid", key))
}

async fn latest(call: &mut Call) -> Result<Output> {
    by_id(call, Move::Latest).await
}

async fn latest_by_key(call: &mut Call) -> Result<Output> {
    by_key(call, Move::Latest).await
}

async fn specific(call: &mut Call) -> Result<Output> {
    let body = call.body();
    by_id(call, Move::To(body.need_text("packageVersion")?)).await
}

async fn specific_by_key(call: &mut Call) -> Result<Output> {
    let body = call.body();
    by_key(call, Move::To(body.need_text("packageVersion")?)).await
}

async fn back(call: &mut Call) -> Result<Output> {
    by_id(call, Move::Back).await
}

async fn back_by_key(call: &mut Call) -> Result<Output> {
    by_key(call, Move::Back).await
}

fn at_most(count: usize) -> Result<()> {
    if count == 0 {
        return Err(Error::argument("The request names no process."));
    }
    if count > MOST_AT_ONCE {
        return Err(Error::argument(format!("At most {MOST_AT_ONCE} processes can be updated at once.")));
    }
    Ok(())
}

fn summary(ty: &str, failed: Vec<Value>) -> Output {
    let success = failed.is_empty();
    let message = if success { Value::Null } else { json!("Some processes could not be updated.") };
    let members = Map::from_iter([
        ("Success".to_owned(), Value::Bool(success)),
        ("Message".to_owned(), message),
        ("FailedItems".to_owned(), Value::Array(failed)),
    ]);
    Output::complex(ty, members)
}

/// Whether a process could be moved; what is not the process's own fault ends the whole call.
async fn tried(unit: &mut Unit, folder: i64, named: Named<'_>) -> Result<bool> {
    match shift(unit, folder, named, Move::Latest).await {
        Ok(_) => Ok(true),
        Err(error) if error.status() < 500 => Ok(false),
        Err(error) => Err(error),
    }
}

/// `POST …UpdateToLatestPackageVersionBulk`: each process for itself; the answer names those that failed.
async fn latest_bulk(call: &mut Call) -> Result<Output> {
    let mut ids = call.body().ints("releaseIds");
    at_most(ids.len())?;
    // The same order everywhere keeps two such calls from waiting for each other.
    ids.sort_unstable();
    ids.dedup();
    let folder = call.folder()?.id;
    let mut unit = call.begin().await?;
    let mut failed = Vec::new();
    for id in ids {
        if !tried(&mut unit, folder, Named::Id(id)).await? {
            failed.push(json!(id));
        }
    }
    unit.commit().await?;
    Ok(summary("BulkOperationResponseDtoOfInt64", failed))
}

/// `POST …UpdateToLatestPackageVersionBulkByKey`
async fn latest_bulk_by_key(call: &mut Call) -> Result<Output> {
    let mut keys: Vec<String> =
        call.body().list("releaseKeys").iter().filter_map(Value::as_str).filter_map(parse_guid).collect();
    at_most(keys.len())?;
    keys.sort_unstable();
    keys.dedup();
    let folder = call.folder()?.id;
    let mut unit = call.begin().await?;
    let mut failed = Vec::new();
    for key in keys {
        if !tried(&mut unit, folder, Named::Key(&key)).await? {
            failed.push(json!(key));
        }
    }
    unit.commit().await?;
    Ok(summary("BulkOperationResponseDtoOfGuid", failed))
}
