//! Processes (called releases in the API): a package version deployed in a folder under a name.
//!
//! `entity` describes them for queries, `record` reads them for the program, `draft` reads bodies, `target` finds the
//! version and entry point that a draft means, `write` writes, `versions` moves processes from version to version,
//! `operations`, `moves`, `lists`, `resources` and `retention` answer. `start` is what jobs need of them.

mod blocks;
mod check;
mod draft;
mod entity;
mod events;
mod lists;
mod moves;
mod operations;
mod parts;
mod priority;
mod record;
mod resources;
mod retention;
mod start;
mod target;
mod versions;
mod write;

pub use entity::{FULL_RELEASE, RELEASE, RELEASE_RETENTION, RELEASE_VERSION, SIMPLE_RELEASE};
pub use parts::{Dependent, FolderReleases, ReleaseUse};
pub use retention::{Retention, policies};
pub use start::{ReleaseForStart, ReleaseWish, by_key, current, for_start, of_folder};
pub(crate) use versions::{deploy, follow};

use bandmaster_api::{Registry, own};
use bandmaster_model::{FolderRule, TypeBody, contract};

const ODATA: &str = "UiPath.Server.Configuration.OData";
const CHANGED: &[&str] = &["process.updated"];

/// The published type of a process with the retention policy, which clients of this version send and read along
/// with it; and what a package needs.
fn types() -> String {
    let mut text = String::from("type ReleaseWithRetentionDto\n");
    if let Some(def) = contract().type_def("ReleaseDto")
        && let TypeBody::Object(properties) = &def.body
    {
        for p in properties {
            let required = if p.required { " !" } else { "" };
            let length = match p.length {
                (None, None) => String::new(),
                (least, most) => {
                    let show = |n: Option<usize>| n.map(|n| n.to_string()).unwrap_or_default();
                    format!(" len={}..{}", show(least), show(most))
                }
            };
            text.push_str(&format!("  {} {}{required}{length}\n", p.name, p.ty));
        }
    }
    text.push_str(
        "  RetentionAction enum(Delete|Archive|None)\n  RetentionPeriod int32\n  RetentionBucketId int64\n\
         type ODataValueOfIEnumerableOfReleaseWithRetentionDto\n  value [ReleaseWithRetentionDto]\n\
         type PackageResourceDto\n  ResourceType string\n  ResourceName string\n  \
         FolderFullyQualifiedName string\n  ValidationResult string\n  Key string\n\
         type ODataValueOfIEnumerableOfPackageResourceDto\n  value [PackageResourceDto]\n",
    );
    text
}

/// Registers the operations of the tags Releases and ReleaseRetention.
pub fn register(r: &mut Registry) {
    for ty in [&RELEASE, &SIMPLE_RELEASE, &FULL_RELEASE, &RELEASE_VERSION] {
        r.entity(ty);
    }
    r.types(&types());
    retention::register(r);
    r.serve("Releases_Get", lists::list);
    r.serve("Releases_GetById", lists::get).also(&[404]);
    r.serve("Releases_Post", operations::create).also(&[404, 409]).events(&["process.created"]);
    r.serve("Releases_PutById", operations::replace).checks_itself().also(&[400, 404, 409]).events(CHANGED);
    r.serve("Releases_PatchById", operations::change).also(&[400, 404, 409]).events(CHANGED);
    r.serve("Releases_UpdateByKey", operations::update_by_key).also(&[404, 409]).events(CHANGED);
    r.serve("Releases_DeleteById", operations::delete).also(&[404, 409]).events(&["process.deleted"]);
    r.serve("Releases_DeleteByKey", operations::delete_by_key)
        .checks_itself()
        .also(&[400, 404, 409])
        .events(&["process.deleted"]);
    moves::register(r);
    register_unpublished(r);
}

fn register_unpublished(r: &mut Registry) {
    let read = |id, path: &str| {
        own(id, "GET", &format!("/odata/{path}"))
            .tag("Releases")
            .scopes("OR.Execution,OR.Execution.Read")
            .permission("Processes.View")
    };
    let write = |id, name: &str, permission| {
        own(id, "POST", &format!("/odata/Releases/{ODATA}.{name}"))
            .tag("Releases")
            .scopes("OR.Execution,OR.Execution.Write")
            .permission(permission)
            .folder(FolderRule::Required)
            .body("ReleaseWithRetentionDto")
    };
    r.add(
        read("Releases_ListReleases", &format!("Releases/{ODATA}.ListReleases"))
            .folder(FolderRule::Optional)
            .query("mandatoryPermissions", "[string]")
            .query("atLeastOnePermissions", "[string]")
            .options("$expand $filter $select $orderby $top $skip $count")
            .returns(200, "ODataValueOfIEnumerableOfReleaseWithRetentionDto"),
        lists::list_full,
    );
    r.add(
        read("Releases_GetRelease", &format!("Releases({{key}})/{ODATA}.GetRelease"))
            .folder(FolderRule::Required)
            .path("key", "int64")
            .options("$expand $select")
            .returns(200, "ReleaseWithRetentionDto"),
        lists::get_full,
    )
    .also(&[404]);
    r.add(
        read("Releases_GetByKey", &format!("Releases/{ODATA}.GetByKey(identifier={{identifier}})"))
            .folder(FolderRule::Optional)
            .path("identifier", "uuid")
            .options("$expand $select")
            .returns(200, "ReleaseDto"),
        lists::get_by_key,
    )
    .also(&[404]);
    r.add(
        read("Releases_GetResources", &format!("Releases({{key}})/{ODATA}.GetResources(processKey='{{processKey}}')"))
            .folder(FolderRule::Required)
            .path("key", "int64")
            .path("processKey", "string")
            .options("$expand $filter $select $orderby $top $skip $count")
            .returns(200, "ODataValueOfIEnumerableOfPackageResourceDto"),
        resources::list,
    )
    .also(&[404]);
    r.add(
        write("Releases_CreateRelease", "CreateRelease", "Processes.Create").returns(201, "ReleaseWithRetentionDto"),
        operations::create_full,
    )
    .also(&[400, 404, 409])
    .events(&["process.created"]);
    r.add(
        write("Releases_EditRelease", "EditRelease", "Processes.Edit").returns(200, "ReleaseWithRetentionDto"),
        operations::edit_full,
    )
    .also(&[400, 404, 409])
    .events(CHANGED);
}
