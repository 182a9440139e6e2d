//! Robots: what an account runs jobs with. An account has at most one attended robot (a person's own, at a
//! desktop) and one unattended robot (jobs that the server hands out).
//!
//! Robots are not made by hand; they come and go with the switches of their account (`provision`). `entity`
//! describes them for queries, `record` reads them for dispatch, `wish` reads bodies, `lists` and `changes` serve
//! the tag Robots.

pub mod changes;
pub mod entity;
mod events;
mod lists;
pub mod provision;
pub mod record;
mod wish;

pub use entity::{EXTENDED_ROBOT, ROBOT};
pub use provision::ensure_unattended;
pub use record::{RobotAccount, RunAs, by_id, by_key, of_folder, of_user, run_as};
pub use wish::RobotWish;

use bandmaster_api::Registry;

/// An account's own robot at a desktop.
pub const ATTENDED: i64 = 0;
/// An account's robot for jobs from the server.
pub const UNATTENDED: i64 = 1;

/// Registers the operations of the tag Robots.
pub fn register(r: &mut Registry) {
    r.entity(&entity::EXTENDED_ROBOT);
    r.serve("Robots_Get", lists::list);
    r.serve("Robots_GetById", lists::get).also(&[404]);
    r.serve("Robots_FindAllAcrossFolders", lists::all);
    r.serve("Robots_GetConfiguredRobots", lists::all);
    r.serve("Robots_GetFolderRobotsByFolderidAndMachineid", lists::of_folder_and_machine).checks_itself().also(&[404]);
    r.serve("Robots_GetRobotsFromFolderByFolderid", lists::from_folder).checks_itself().also(&[404]);
    r.serve("Robots_GetUsernames", lists::user_names);
    r.serve("Robots_GetMachineNameToLicenseKeyMappings", lists::machine_keys);
    r.serve("Robots_GetRobotsForProcessByProcessid", lists::for_process);
    r.serve("Robots_Post", changes::create_classic).audited().also(&[409]);
    r.serve("Robots_PutById", changes::update).events(&["robot.updated"]).also(&[400, 404, 409]);
    r.serve("Robots_PatchById", changes::update).events(&["robot.updated"]).also(&[400, 404, 409]);
    r.serve("Robots_DeleteById", changes::delete).events(&["robot.deleted"]).also(&[404, 409]);
    r.serve("Robots_DeleteBulk", changes::delete_bulk).events(&["robot.deleted"]).also(&[404, 409]);
    r.serve("Robots_ToggleEnabledStatus", changes::toggle).events(&["robot.updated"]).also(&[400, 404]);
    r.serve("Robots_ConvertToFloating", changes::convert).also(&[404]);
}
