//! What processes ask of other features, and what other features ask of processes, as parts of the app.
//!
//! | part (type in `app.parts`) | asked for |
//! |---|---|
//! | `Vec<Box<dyn ReleaseUse>>` | what keeps a process from being deleted |
//!
//! [`FolderReleases`] is this crate's answer to the access crate.

use crate::neighbours;
use crate::versions::delete_feeds;
use bandmaster_access::parts::{FolderContents, Hindrance};
use bandmaster_api::{App, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_store::params;
use futures::future::BoxFuture;

/// Why a process cannot be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependent {
    /// Jobs of it wait or run (code 1666).
    Jobs,
    /// Something else refers to it; the words go into the message, for example `triggers` (code 1012).
    Others(String),
}

/// What a feature keeps about processes.
pub trait ReleaseUse: Send + Sync + 'static {
    /// What keeps the process from being deleted. Asked in the unit that would delete it.
    fn dependent<'a>(&'a self, unit: &'a mut Unit, release_id: i64) -> BoxFuture<'a, Result<Option<Dependent>>>;
}

/// Refuses while something uses the process.
pub(super) async fn check_unused(app: &App, unit: &mut Unit, release_id: i64) -> Result<()> {
    for part in app.parts.get::<Vec<Box<dyn ReleaseUse>>>().into_iter().flatten() {
        match part.dependent(unit, release_id).await? {
            None => {}
            Some(Dependent::Jobs) => {
                return Err(Error::conflict(codes::HAS_RUNNING_JOBS, "Jobs of the process wait or run."));
            }
            Some(Dependent::Others(what)) => {
                return Err(Error::conflict(
                    codes::HAS_DEPENDENT_ITEMS,
                    format!("The process cannot be deleted: {what} refer to it."),
                ));
            }
        }
    }
    Ok(())
}

/// Processes of folders, and the packages of feeds that the folders own.
pub struct FolderReleases;

impl FolderContents for FolderReleases {
    fn hindrance<'a>(&'a self, _unit: &'a mut Unit, _folders: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>> {
        // Jobs that have not ended are told of by those who own them.
        Box::pin(async { Ok(None) })
    }

    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut feeds = Vec::new();
            for folder in folders {
                unit.execute("DELETE FROM releases WHERE folder_id = $1", params![*folder]).await?;
                feeds.extend(neighbours::key_of_folder(unit, *folder).await?);
            }
            // Only a folder whose key is a feed has packages under it.
            delete_feeds(unit, &feeds).await
        })
    }
}
