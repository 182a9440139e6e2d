//! Sessions: hosts that are (or were) connected with a machine's key, and people's robots at their desktops.
//!
//! A host has one row a runtime type. Whether it is available, busy or unresponsive is worked out from the last
//! report and the running jobs when somebody asks; only connects, disconnects and reports are stored.
//! `record` reads sessions and judges them, `report` writes what hosts report, `show` makes the API's objects,
//! `lists` and `changes` serve the tag Sessions, `health` tells when a host has fallen silent, `stale`
//! forgets those of long ago.

mod changes;
mod events;
pub mod health;
mod lists;
pub mod record;
pub mod report;
mod show;
pub mod stale;

pub use record::{HostSession, Obstacle, SILENCE, Wanted, by_id, eligible, of_host};
pub use report::{HostReport, begin_user, end_user, heartbeat, heartbeat_users, start, stop};

use bandmaster_api::{Registry, own};
use bandmaster_model::FolderRule;

/// Registers the operations of the tag Sessions.
pub fn register(r: &mut Registry) {
    r.serve("Sessions_Get", lists::of_folder);
    r.serve("Sessions_GetGlobalSessions", lists::global);
    r.serve("Sessions_GetMachineSessionsByKey", lists::of_machine).also(&[404]);
    r.serve("Sessions_GetMachineSessionRuntimes", lists::runtimes);
    r.serve("Sessions_GetMachineSessionRuntimesByFolderId", lists::runtimes_of_folder).checks_itself().also(&[404]);
    r.serve("Sessions_GetUsernames", lists::user_names);
    r.serve("Sessions_SetMaintenanceMode", changes::maintenance).also(&[400, 404]);
    r.serve("Sessions_ToggleMachineSessionDebugModeById", changes::debug).also(&[404]);
    r.serve("Sessions_DeleteInactiveUnattendedSessions", changes::delete_inactive).also(&[400, 404, 409]);
    r.add(
        own("Sessions_GetUserRobots", "GET", "/odata/Sessions/UiPath.Server.Configuration.OData.GetUserRobots")
            .tag("Sessions")
            .scopes("OR.Robots,OR.Robots.Read")
            .permission("Robots.View|Users.View")
            .folder(FolderRule::Optional)
            .options("$expand $filter $select $orderby $top $skip $count")
            .returns(200, "ODataValueOfIEnumerableOfSessionDto"),
        lists::of_users,
    );
}
