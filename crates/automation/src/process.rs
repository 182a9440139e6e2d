//! What jobs need to know of processes (releases), which belong to the packages crate: an interface, put into
//! `App::parts` as `Box<dyn Processes>`.

use bandmaster_api::App;
use bandmaster_core::{Error, Result};
use bandmaster_store::Conn;
use futures::future::BoxFuture;

/// How a request names a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    /// By its key.
    Key(&'a str),
    /// By its name, without regard to case.
    Name(&'a str),
}

/// A process as jobs start it: its present version with everything that goes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Id.
    pub id: i64,
    /// GUID.
    pub key: String,
    /// Its folder.
    pub folder_id: i64,
    /// Name.
    pub name: String,
    /// Id of the package.
    pub package_id: String,
    /// Version of the package.
    pub package_version: String,
    /// The row that tells when this version was taken into use.
    pub version_id: Option<i64>,
    /// GUID of the feed that holds the package.
    pub feed_key: Option<String>,
    /// The entry point that runs unless a job names another.
    pub entry_point_path: Option<String>,
    /// The entry points of the package.
    pub entry_points: Vec<String>,
    /// Arguments for every job, as a JSON object in text.
    pub input_arguments: Option<String>,
    /// `NAME=value` lines.
    pub environment_variables: Option<String>,
    /// Whether it needs a desktop.
    pub requires_user_interaction: bool,
    /// Number of `TargetFramework`.
    pub target_framework: i64,
    /// Number of `ProcessType`.
    pub process_type: i64,
    /// Priority of its jobs, 1 to 100.
    pub priority: i64,
    /// SHA-256 of the package file in lower-case hexadecimal digits.
    pub package_sha256: Option<String>,
}

/// Processes. Reading functions get the connection of whoever asks, so that inside a unit they see what the unit
/// sees.
pub trait Processes: Send + Sync + 'static {
    /// The process of a folder that a request names.
    fn find<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
        wish: Wish<'a>,
    ) -> BoxFuture<'a, Result<Option<Process>>>;

    /// The process of the tenant with that key, in whatever folder.
    fn by_key<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, key: &'a str) -> BoxFuture<'a, Result<Option<Process>>>;

    /// The processes of a folder, by name.
    fn of_folder<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
    ) -> BoxFuture<'a, Result<Vec<Process>>>;

    /// A process as it is now; none when it was deleted.
    fn current<'a>(&'a self, conn: &'a mut Conn, tenant_id: i64, id: i64) -> BoxFuture<'a, Result<Option<Process>>>;
}

/// The part.
pub fn processes(app: &App) -> Result<&dyn Processes> {
    app.parts
        .get::<Box<dyn Processes>>()
        .map(AsRef::as_ref)
        .ok_or_else(|| Error::internal("the app has no part that knows processes"))
}

/// TEMPORARY until the packages crate compiles.
pub static SIMPLE_RELEASE: bandmaster_model::EntityType = bandmaster_model::EntityType {
    name: "SimpleReleaseDto",
    set: "Releases",
    table: "releases",
    key: "Id",
    scope: bandmaster_model::Scope::Folder { column: "folder_id" },
    properties: &[
        bandmaster_model::Property::new("Key", bandmaster_model::Kind::Guid, "key"),
        bandmaster_model::Property::new("Name", bandmaster_model::Kind::Text, "name"),
        bandmaster_model::Property::new("Id", bandmaster_model::Kind::Int64, "id"),
    ],
    navigations: &[],
};
