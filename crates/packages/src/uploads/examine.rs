//! Reading an uploaded file off the serving threads, few at a time: proving an archive can take seconds of work.

use crate::files::Arrived;
use crate::nupkg::{self, Fingerprint, Limits, PackageError, PackageInfo};
use bandmaster_core::{Error, Result, codes};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use tokio::sync::Semaphore;

/// Archives that are read at the same time.
static READERS: Semaphore = Semaphore::const_new(2);

/// What an uploaded file is; 400 when it is no acceptable package.
pub(super) async fn examine(arrived: &Arrived) -> Result<(PackageInfo, Fingerprint)> {
    let _turn = READERS.acquire().await.map_err(|e| Error::internal(e.to_string()))?;
    let path = arrived.path().to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    read.map_err(|e| Error::internal(format!("reading a package ended abnormally: {e}")))?.map_err(refused)
}

fn read(path: &Path) -> Result<(PackageInfo, Fingerprint), PackageError> {
    let fingerprint = nupkg::sha256(File::open(path).map_err(PackageError::Io)?).map_err(PackageError::Io)?;
    let file = BufReader::new(File::open(path).map_err(PackageError::Io)?);
    Ok((nupkg::read(file, &Limits::default())?, fingerprint))
}

fn refused(error: PackageError) -> Error {
    if error.is_callers_fault() {
        Error::new(400, codes::INVALID_PACKAGE_DETAILS, error.to_string())
    } else {
        Error::unavailable(format!("an uploaded package cannot be read: {error:?}"))
    }
}
