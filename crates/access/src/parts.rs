//! What access asks of other features, as traits. Implementations are parts of the app; a missing part means
//! that there is nothing to ask.
//!
//! | part (type in `app.parts`) | asked for |
//! |---|---|
//! | `Box<dyn MachineFolders>` | the folders of a machine |
//! | `Box<dyn RobotProvisioning>` | the robots of accounts |
//! | `Vec<Box<dyn FolderContents>>` | what hinders or goes with the deletion of folders |
//! | `Vec<Box<dyn AccountContents>>` | what hinders or goes with the removal of accounts |
//! | `Vec<Box<dyn TenantContents>>` | what a deleted tenant leaves behind |

use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_store::{Conn, params};
use futures::future::BoxFuture;
use serde_json::Value;
use std::collections::HashMap;

/// Where machines work. Whoever changes an assignment calls [`crate::rights_changed`], since the answer is
/// kept with the machine's rights.
pub trait MachineFolders: Send + Sync + 'static {
    /// Every folder that the machine is assigned to, inherited assignments included.
    fn folders<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, machine_id: i64) -> BoxFuture<'a, Result<Vec<i64>>>;
}

/// An account whose robots are to be arranged.
#[derive(Debug, Clone)]
pub struct RobotOwner {
    /// `users.id`.
    pub user_id: i64,
    /// Tenant.
    pub tenant_id: i64,
    /// The account's key in the identity service.
    pub key: String,
    /// Its name in the tenant.
    pub user_name: String,
    /// Number of `UserDto.Type` (see [`crate::kinds`]).
    pub user_type: i64,
    /// May have an attended robot.
    pub attended: bool,
    /// May have an unattended robot.
    pub unattended: bool,
}

/// What a body says about an account's robots: the checked members of `UserDto.RobotProvision`
/// (`AttendedRobotDto`) and `UserDto.UnattendedRobot` (`UnattendedRobotDto`). `None`: not mentioned, leave alone;
/// a JSON null: take away.
#[derive(Debug, Clone, Default)]
pub struct RobotBlocks {
    /// The attended robot.
    pub attended: Option<Value>,
    /// The unattended robot; may carry a password.
    pub unattended: Option<Value>,
}

/// The robots of an account as they are shown: the same two objects without passwords, null where there is none.
#[derive(Debug, Clone, Default)]
pub struct ShownRobots {
    /// `AttendedRobotDto` or null.
    pub attended: Value,
    /// `UnattendedRobotDto` or null.
    pub unattended: Value,
}

/// Robots of accounts.
pub trait RobotProvisioning: Send + Sync + 'static {
    /// Called in the unit that creates or changes an account, also when only its switches changed (an account that
    /// may no longer have a robot loses it). Errors refuse the whole change.
    fn arrange<'a>(
        &'a self,
        app: &'a App,
        unit: &'a mut Unit,
        owner: &'a RobotOwner,
        blocks: &'a RobotBlocks,
    ) -> BoxFuture<'a, Result<()>>;

    /// The robots of accounts, by `users.id`.
    fn show<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        users: &'a [i64],
    ) -> BoxFuture<'a, Result<HashMap<i64, ShownRobots>>>;

    /// Those of the accounts whose robot runs a job.
    fn busy<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, users: &'a [i64]) -> BoxFuture<'a, Result<Vec<i64>>>;
}

/// Why a folder cannot be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// Jobs have not ended (error code 2824).
    JobsNotFinal,
    /// Something else; the words go into the message, for example `assets that robots use` (2823).
    Entities(String),
}

/// What a feature keeps in folders.
pub trait FolderContents: Send + Sync + 'static {
    /// Whether something in these folders keeps them from being deleted. Asked of every feature before any deletes.
    fn hindrance<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<Option<Hindrance>>>;

    /// Deletes the feature's rows in these folders. What is also linked to other folders stays there.
    fn delete<'a>(&'a self, unit: &'a mut Unit, folders: &'a [i64]) -> BoxFuture<'a, Result<()>>;
}

/// What a feature keeps about accounts of a tenant.
pub trait AccountContents: Send + Sync + 'static {
    /// Why the account cannot be removed, in words for the message (`triggers run as this account`).
    fn hindrance<'a>(&'a self, unit: &'a mut Unit, user_id: i64) -> BoxFuture<'a, Result<Option<String>>>;

    /// Deletes the feature's rows about the account.
    fn delete<'a>(&'a self, unit: &'a mut Unit, user_id: i64) -> BoxFuture<'a, Result<()>>;
}

/// A deleted tenant whose rows are being removed, bit by bit.
#[derive(Debug)]
pub struct Leaving {
    /// Its id.
    pub tenant_id: i64,
    /// Rows that one unit may remove.
    pub most: i64,
    /// How far the feature has come, for those that look through a table in pieces; 0 at the beginning.
    pub mark: i64,
}

/// What came of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Rows that are gone, without those that went along with them.
    pub rows: u64,
    /// Whether there may be more.
    pub more: bool,
}

impl Removed {
    /// For those that take whatever there is: some were found, so there may be more.
    pub fn found(rows: u64) -> Removed {
        Removed { rows, more: rows > 0 }
    }
}

/// What a feature keeps of tenants. Asked again and again once a tenant was deleted, in the order in which the features
/// stand among the parts: what refers to others comes first. Nobody can reach the tenant any more, but what was on its
/// way may still write; so everything is asked once more later.
pub trait TenantContents: Send + Sync + 'static {
    /// The feature, in a word.
    fn name(&self) -> &'static str;

    /// Removes some of the feature's rows, about [`Leaving::most`] of them. Every statement must find them by an index.
    fn remove<'a>(&'a self, unit: &'a mut Unit, leaving: &'a mut Leaving) -> BoxFuture<'a, Result<Removed>>;

    /// Removes what lies outside of the database, once all rows are gone. Not in a unit; may be called again.
    fn remove_files<'a>(&'a self, app: &'a App, tenant_id: i64) -> BoxFuture<'a, Result<()>> {
        let _ = (app, tenant_id);
        Box::pin(async { Ok(()) })
    }
}

/// Runs statements that delete rows of a tenant (`$1`), a bounded number (`$2`) each, one after another until one finds
/// rows. What a row refers to stands after it.
pub async fn remove_rows(unit: &mut Unit, leaving: &Leaving, statements: &[&'static str]) -> Result<Removed> {
    for sql in statements {
        let rows = unit.execute(sql, params![leaving.tenant_id, leaving.most]).await?;
        if rows > 0 {
            return Ok(Removed::found(rows));
        }
    }
    Ok(Removed::found(0))
}

/// The statement that deletes some rows of a table by its columns `id` and `tenant_id`, for [`parts::remove_rows`](remove_rows).
#[macro_export]
macro_rules! rows_of_tenant {
    ($table:literal) => {
        $crate::rows_of_tenant!($table, "id")
    };
    ($table:literal, $key:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE tenant_id = $1 LIMIT $2)"
        )
    };
}

/// The parts of one trait that the app has.
pub(crate) fn all<T: ?Sized + Send + Sync + 'static>(app: &App) -> &[Box<T>] {
    app.parts.get::<Vec<Box<T>>>().map_or(&[], Vec::as_slice)
}
