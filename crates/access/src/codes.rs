//! Error codes of folders and accounts. Their names and order are the published ones; the numbers follow from
//! their position around 2818, which is known.

/// The name of a folder has characters or a length that it must not have.
pub const INVALID_FOLDER_DISPLAY_NAME: i32 = 2810;
/// Two folders differ in what they would have to share.
pub const INCOMPATIBLE_FOLDER_PROPERTIES: i32 = 2802;
/// No further level below this folder.
pub const MAXIMUM_FOLDER_HIERARCHY_DEPTH_REACHED: i32 = 2804;
/// Folders keep their way of provisioning robots.
pub const CANNOT_CHANGE_ROBOT_PROVISION_TYPE: i32 = 2805;
/// Folders keep their permission model.
pub const CANNOT_CHANGE_FOLDER_PERMISSION_MODEL: i32 = 2806;
/// A folder is moved, not edited, to come below another.
pub const CANNOT_EDIT_FOLDER_PARENT: i32 = 2807;
/// An account, role or folder of an assignment does not exist.
pub const ENTITIES_REQUIRED_FOR_ASSIGNMENT_NOT_FOUND: i32 = 2808;
/// A folder cannot come below its own descendant.
pub const CANNOT_MOVE_TO_DESCENDANT_FOLDER: i32 = 2820;
/// Something in the folder keeps it from being deleted.
pub const CANNOT_DELETE_ENTITIES_IN_HIERARCHY: i32 = 2823;
/// Jobs of the folder have not ended.
pub const NOT_IN_FINAL_STATE_JOBS_EXIST: i32 = 2824;
/// Only roles of their own make sense in folders of today.
pub const MODERN_FOLDERS_CANNOT_INHERIT_ROLES_FROM_TENANT: i32 = 2825;
/// Folders keep the feed that they were created with.
pub const CANNOT_CHANGE_FOLDER_FEED_TYPE: i32 = 2826;
/// A personal workspace cannot be made in that way.
pub const CANNOT_CREATE_PERSONAL_WORKSPACE: i32 = 2827;
/// The account is not assigned to the folder itself.
pub const CANNOT_UNASSIGN_FROM_FOLDER: i32 = 2830;
/// This folder stays where it is.
pub const CANNOT_MOVE_FOLDER: i32 = 2834;
/// Not with a folder of this type.
pub const FOLDER_TYPE_MISMATCH: i32 = 2836;
