//! Package versions: how they are listed, read, downloaded and deleted, for packages (tag Processes) and libraries
//! alike. How they come in is in `crate::uploads`.

mod arguments;
mod delete;
pub(crate) mod download;
mod entity;
mod latest;
mod lists;
pub(crate) mod record;

pub(crate) use delete::{component, delete_feeds};
pub use entity::{ENTRY_POINT, LIBRARY, PACKAGE};
pub(crate) use latest::refresh;

use crate::feeds::Purpose;
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::Result;

/// Types of answers that the contract lacks.
const TYPES: &str = "\
type ODataValueOfIEnumerableOfEntryPointDto
  value [EntryPointDto]
";

const ODATA: &str = "UiPath.Server.Configuration.OData";

/// Registers the operations of the tags Processes and Libraries except uploads.
pub fn register(r: &mut Registry) {
    r.entity(&PACKAGE);
    r.entity(&LIBRARY);
    r.entity(&ENTRY_POINT);
    r.types(TYPES);
    r.serve("Processes_Get", packages).checks_itself().also(&[404]);
    r.serve("Processes_GetProcessVersionsByProcessid", package_versions).checks_itself().also(&[404]);
    r.serve("Processes_DownloadPackageByKey", download_package).checks_itself().also(&[404]);
    r.serve("Processes_DeleteById", delete_package).checks_itself().also(&[404, 409]);
    r.serve("Processes_GetArgumentsByKey", arguments::get).checks_itself().also(&[404]);
    r.serve("Processes_SetArguments", arguments::set).checks_itself().also(&[400, 404]);
    r.serve("Libraries_Get", libraries).also(&[404]);
    r.serve("Libraries_GetVersionsByPackageid", library_versions).also(&[404]);
    r.serve("Libraries_DownloadPackageByKey", download_library).also(&[404]);
    r.serve("Libraries_DeleteById", delete_library).also(&[404, 409]);
    let own = |id, function: &str| {
        own(id, "GET", &format!("/odata/Processes/{ODATA}.{function}(key='{{key}}')"))
            .tag("Processes")
            .scopes("OR.Execution,OR.Execution.Read")
            .permission("Packages.View|FolderPackages.View")
            .path("key", "string")
            .query("feedId", "uuid")
    };
    let all = "$expand $filter $select $orderby $top $skip $count";
    let entry_points = "ODataValueOfIEnumerableOfEntryPointDto";
    r.add(
        own("Processes_GetPackageEntryPoints", "GetPackageEntryPoints").options(all).returns(200, entry_points),
        lists::entry_points,
    )
    .checks_itself()
    .also(&[404]);
    r.add(
        own("Processes_GetPackageEntryPointsV2", "GetPackageEntryPointsV2").options(all).returns(200, entry_points),
        lists::entry_points,
    )
    .checks_itself()
    .also(&[404]);
    r.add(
        own("Processes_GetPackageMainEntryPoint", "GetPackageMainEntryPoint").returns(200, "EntryPointDto"),
        lists::main_entry_point,
    )
    .checks_itself()
    .also(&[404]);
    r.add(
        own("Processes_GetProcessVersion", "GetProcessVersion").options("$expand $select").returns(200, "ProcessDto"),
        lists::one_version,
    )
    .checks_itself()
    .also(&[404]);
}

async fn packages(call: &mut Call) -> Result<Output> {
    lists::latest(call, Purpose::Processes).await
}

async fn libraries(call: &mut Call) -> Result<Output> {
    lists::latest(call, Purpose::Libraries).await
}

async fn package_versions(call: &mut Call) -> Result<Output> {
    lists::versions(call, Purpose::Processes, "processId").await
}

async fn library_versions(call: &mut Call) -> Result<Output> {
    lists::versions(call, Purpose::Libraries, "packageId").await
}

async fn download_package(call: &mut Call) -> Result<Output> {
    download::download(call, Purpose::Processes).await
}

async fn download_library(call: &mut Call) -> Result<Output> {
    download::download(call, Purpose::Libraries).await
}

async fn delete_package(call: &mut Call) -> Result<Output> {
    delete::delete(call, Purpose::Processes).await
}

async fn delete_library(call: &mut Call) -> Result<Output> {
    delete::delete(call, Purpose::Libraries).await
}
