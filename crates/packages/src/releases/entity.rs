//! Processes as queries see them: the published type, the same as jobs show it, and with the retention policy.

use super::priority::BAND_SQL;
use crate::enums::{
    JOB_PRIORITY, PROCESS_TYPE, REMOTE_CONTROL, RETENTION_ACTION, RETENTION_TYPE, ROBOT_SIZE, TARGET_FRAMEWORK,
};
use crate::versions::ENTRY_POINT;
use bandmaster_model::entity::Link;
use bandmaster_model::{EntityType, Kind, Navigation, Property, Scope};

const IS_LATEST: &str = "COALESCE((SELECT v.is_latest FROM package_versions v WHERE v.id = {t}.package_version_id), 0)";

/// The arguments of the entry point, those of the package's main one where there is none.
const ARGUMENTS: &str = "COALESCE((SELECT e.arguments FROM package_entry_points e WHERE e.id = {t}.entry_point_id), \
     (SELECT v.arguments FROM package_versions v WHERE v.id = {t}.package_version_id))";

macro_rules! release {
    ($name:literal $(, $more:expr)*) => {
        EntityType {
            name: $name,
            set: "Releases",
            table: "releases",
            key: "Id",
            scope: Scope::Folder { column: "folder_id" },
            properties: &[
                Property::new("Key", Kind::Guid, "key"),
                Property::new("ProcessKey", Kind::Text, "process_key"),
                Property::new("ProcessVersion", Kind::Text, "process_version"),
                Property::computed("IsLatestVersion", Kind::Bool, IS_LATEST),
                Property::computed(
                    "IsProcessDeleted",
                    Kind::Bool,
                    "CASE WHEN {t}.package_version_id IS NULL THEN 1 ELSE 0 END",
                ),
                Property::new("Description", Kind::Text, "description"),
                Property::new("Name", Kind::Text, "name"),
                Property::new("EntryPointId", Kind::Int64, "entry_point_id"),
                Property::new("EntryPointPath", Kind::Text, "entry_point_path"),
                Property::new("InputArguments", Kind::Text, "input_arguments"),
                Property::new("EnvironmentVariables", Kind::Text, "environment_variables"),
                Property::new("ProcessType", Kind::Enum(&PROCESS_TYPE), "process_type"),
                Property::new("SupportsMultipleEntryPoints", Kind::Bool, "multiple_entry_points"),
                Property::new("RequiresUserInteraction", Kind::Bool, "requires_user_interaction"),
                Property::new("IsConversational", Kind::Bool, "is_conversational"),
                Property::new("MinRequiredRobotVersion", Kind::Text, "min_robot_version"),
                Property::new("IsAttended", Kind::Bool, "is_attended"),
                Property::new("IsCompiled", Kind::Bool, "is_compiled"),
                Property::new("AutomationHubIdeaUrl", Kind::Text, "automation_hub_url"),
                Property::computed("Arguments", Kind::Json, ARGUMENTS),
                Property::new("ProcessSettings", Kind::Json, "process_settings"),
                Property::new("VideoRecordingSettings", Kind::Json, "video_settings"),
                Property::new("AutoUpdate", Kind::Bool, "auto_update"),
                Property::new("HiddenForAttendedUser", Kind::Bool, "hidden_for_attended"),
                Property::new("FeedId", Kind::Guid, "feed_id"),
                Property::computed("JobPriority", Kind::Enum(&JOB_PRIORITY), BAND_SQL),
                Property::new("SpecificPriorityValue", Kind::Int32, "priority"),
                Property::computed("FolderKey", Kind::Guid, "(SELECT f.key FROM folders f WHERE f.id = {t}.folder_id)"),
                Property::new("OrganizationUnitId", Kind::Int64, "folder_id"),
                Property::computed(
                    "OrganizationUnitFullyQualifiedName",
                    Kind::Text,
                    "(SELECT f.path FROM folders f WHERE f.id = {t}.folder_id)",
                ),
                Property::new("TargetFramework", Kind::Enum(&TARGET_FRAMEWORK), "target_framework"),
                Property::new("RobotSize", Kind::Enum(&ROBOT_SIZE), "robot_size"),
                Property::new("Tags", Kind::Json, "tags"),
                Property::new("RemoteControlAccess", Kind::Enum(&REMOTE_CONTROL), "remote_control"),
                Property::new("LastModificationTime", Kind::DateTime, "updated_at"),
                Property::new("LastModifierUserId", Kind::Int64, "updater_user_id"),
                Property::new("CreationTime", Kind::DateTime, "created_at"),
                Property::new("CreatorUserId", Kind::Int64, "creator_user_id"),
                $($more,)*
                Property::new("Id", Kind::Int64, "id"),
            ],
            navigations: &[
                Navigation {
                    name: "EntryPoint",
                    target: || &ENTRY_POINT,
                    link: Link::One { local: "entry_point_id", remote: "id" },
                },
                Navigation {
                    name: "CurrentVersion",
                    target: || &RELEASE_VERSION,
                    link: Link::One { local: "current_version_id", remote: "id" },
                },
                Navigation {
                    name: "ReleaseVersions",
                    target: || &RELEASE_VERSION,
                    link: Link::Many { local: "id", remote: "release_id" },
                },
            ],
        }
    };
}

/// A process.
pub static RELEASE: EntityType = release!("ReleaseDto");

/// A process as jobs and triggers show theirs.
pub static SIMPLE_RELEASE: EntityType = release!("SimpleReleaseDto");

/// A process with the retention policy of its jobs.
pub static FULL_RELEASE: EntityType = release!(
    "ReleaseWithRetentionDto",
    Property::new("RetentionAction", Kind::Enum(&RETENTION_ACTION), "retention_action"),
    Property::new("RetentionPeriod", Kind::Int32, "retention_period"),
    Property::new("RetentionBucketId", Kind::Int64, "retention_bucket_id")
);

/// A taking into use of a package version by a process.
pub static RELEASE_VERSION: EntityType = EntityType {
    name: "ReleaseVersionDto",
    set: "ReleaseVersions",
    table: "release_versions",
    key: "Id",
    scope: Scope::Within,
    properties: &[
        Property::new("ReleaseId", Kind::Int64, "release_id"),
        Property::new("VersionNumber", Kind::Text, "version"),
        Property::new("CreationTime", Kind::DateTime, "created_at"),
        Property::computed("ReleaseName", Kind::Text, "(SELECT r.name FROM releases r WHERE r.id = {t}.release_id)"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};

/// The retention policy of a process's jobs.
pub static RELEASE_RETENTION: EntityType = EntityType {
    name: "ReleaseRetentionSettingDto",
    set: "ReleaseRetention",
    table: "releases",
    key: "ReleaseId",
    scope: Scope::Folder { column: "folder_id" },
    properties: &[
        Property::new("ReleaseId", Kind::Int64, "id"),
        Property::new("Action", Kind::Enum(&RETENTION_ACTION), "retention_action"),
        Property::new("Period", Kind::Int32, "retention_period"),
        Property::new("BucketId", Kind::Int64, "retention_bucket_id"),
        Property::computed("Type", Kind::Enum(&RETENTION_TYPE), "0"),
    ],
    navigations: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    #[test]
    fn all_published_properties_are_there() {
        for ty in [&RELEASE, &SIMPLE_RELEASE, &RELEASE_VERSION, &RELEASE_RETENTION] {
            for property in contract().type_def(ty.name).unwrap().properties() {
                let found = ty.property(&property.name).is_some() || ty.navigation(&property.name).is_some();
                assert!(found, "{} of {}", property.name, ty.name);
            }
        }
    }
}
