//! What access asks of other features, as traits. Implementations are parts of the app; a missing part means
//! that there is nothing to ask.
//!
//! | part (type in `app.parts`) | asked for |
//! |---|---|
//! | `Box<dyn MachineFolders>` | the folders of a machine |
//! | `Box<dyn RobotProvisioning>` | the robots of accounts |
//! | `Vec<Box<dyn FolderContents>>` | what hinders or goes with the deletion of folders |
//! | `Vec<Box<dyn AccountContents>>` | what hinders or goes with the removal of accounts |

use bandmaster_api::{App, Unit};
use bandmaster_core::Result;
use bandmaster_store::Conn;
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

/// The parts of one trait that the app has.
pub(crate) fn all<T: ?Sized + Send + Sync + 'static>(app: &App) -> &[Box<T>] {
    app.parts.get::<Vec<Box<T>>>().map_or(&[], Vec::as_slice)
}
