//! Jobs as queries see them.

use super::enums::{
    JOB_PRIORITY, JOB_STATE, JOB_TYPE, PROCESS_TYPE, REMOTE_CONTROL, SERVERLESS_JOB_TYPE, SOURCE_TYPE, STOP_STRATEGY,
};
use super::priority::BAND_SQL;
use bandmaster_fleet::enums::ROBOT_TYPE;
use bandmaster_fleet::machines::MACHINE_WITHOUT_KEY;
use bandmaster_fleet::robots::ROBOT;
use bandmaster_model::entity::Link;
use bandmaster_model::{EntityType, Kind, Navigation, Property, Scope};
use bandmaster_packages::releases::SIMPLE_RELEASE;

/// A job.
pub static JOB: EntityType = EntityType {
    name: "JobDto",
    set: "Jobs",
    table: "jobs",
    key: "Id",
    scope: Scope::Folder { column: "folder_id" },
    properties: &[
        Property::new("Key", Kind::Guid, "key"),
        Property::new("StartTime", Kind::DateTime, "started_at"),
        Property::new("EndTime", Kind::DateTime, "ended_at"),
        Property::new("State", Kind::Enum(&JOB_STATE), "state"),
        Property::absent("SubState", Kind::Text),
        Property::computed("JobPriority", Kind::Enum(&JOB_PRIORITY), BAND_SQL),
        Property::new("SpecificPriorityValue", Kind::Int32, "priority"),
        Property::absent("ResourceOverwrites", Kind::Text),
        Property::new("Source", Kind::Text, "source"),
        Property::new("SourceType", Kind::Enum(&SOURCE_TYPE), "source_type"),
        Property::new("BatchExecutionKey", Kind::Guid, "batch_key"),
        Property::new("Info", Kind::Text, "info"),
        Property::new("CreationTime", Kind::DateTime, "created_at").required(),
        Property::new("StartingScheduleId", Kind::Int64, "starting_schedule_id"),
        Property::new("ReleaseName", Kind::Text, "release_name"),
        Property::new("Type", Kind::Enum(&JOB_TYPE), "job_type"),
        Property::new("InputArguments", Kind::Text, "input_arguments"),
        Property::new("InputFile", Kind::Guid, "input_file"),
        Property::new("EnvironmentVariables", Kind::Text, "environment_variables"),
        Property::new("OutputArguments", Kind::Text, "output_arguments"),
        Property::new("OutputFile", Kind::Guid, "output_file"),
        Property::new("HostMachineName", Kind::Text, "host_name"),
        Property::computed("HasMediaRecorded", Kind::Bool, "0"),
        Property::computed("HasVideoRecorded", Kind::Bool, "0"),
        Property::new("PersistenceId", Kind::Guid, "persistence_id"),
        Property::new("ResumeVersion", Kind::Int32, "resume_version"),
        Property::computed(
            "StopStrategy",
            Kind::Enum(&STOP_STRATEGY),
            "COALESCE({t}.stop_strategy, {t}.timer_strategy)",
        ),
        Property::new("RuntimeType", Kind::Enum(&ROBOT_TYPE), "runtime_type"),
        Property::new("RequiresUserInteraction", Kind::Bool, "requires_user_interaction"),
        Property::new("ReleaseVersionId", Kind::Int64, "release_version_id"),
        Property::new("EntryPointPath", Kind::Text, "entry_point_path"),
        Property::new("OrganizationUnitId", Kind::Int64, "folder_id"),
        Property::computed(
            "OrganizationUnitFullyQualifiedName",
            Kind::Text,
            "(SELECT f.path FROM folders f WHERE f.id = {t}.folder_id)",
        ),
        Property::new("Reference", Kind::Text, "reference"),
        Property::new("ProcessType", Kind::Enum(&PROCESS_TYPE), "process_type"),
        Property::new("ProfilingOptions", Kind::Text, "profiling_options"),
        Property::new("ResumeOnSameContext", Kind::Bool, "resume_on_same_context"),
        Property::new("LocalSystemAccount", Kind::Text, "local_account"),
        Property::new("OrchestratorUserIdentity", Kind::Text, "account_name"),
        Property::new("RemoteControlAccess", Kind::Enum(&REMOTE_CONTROL), "remote_control_access"),
        Property::new("StartingTriggerId", Kind::Guid, "starting_trigger_id"),
        Property::new("MaxExpectedRunningTimeSeconds", Kind::Int64, "alert_running_seconds"),
        Property::absent("ServerlessJobType", Kind::Enum(&SERVERLESS_JOB_TYPE)),
        Property::new("ParentJobKey", Kind::Guid, "parent_job_key"),
        Property::new("ResumeTime", Kind::DateTime, "resumed_at"),
        Property::new("LastModificationTime", Kind::DateTime, "updated_at"),
        Property::new("JobError", Kind::Json, "error_json"),
        Property::new("ErrorCode", Kind::Text, "error_code"),
        Property::new("FpsProperties", Kind::Text, "fps_properties"),
        Property::new("TraceId", Kind::Text, "trace_id"),
        Property::new("ParentSpanId", Kind::Text, "parent_span_id"),
        Property::new("RootSpanId", Kind::Text, "root_span_id"),
        Property::new("AutopilotForRobots", Kind::Json, "autopilot"),
        Property::new("FpsContext", Kind::Text, "fps_context"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[
        Navigation { name: "Robot", target: || &ROBOT, link: Link::One { local: "robot_id", remote: "id" } },
        Navigation {
            name: "Release",
            target: || &SIMPLE_RELEASE,
            link: Link::One { local: "release_id", remote: "id" },
        },
        Navigation {
            name: "Machine",
            target: || &MACHINE_WITHOUT_KEY,
            link: Link::One { local: "machine_id", remote: "id" },
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_published_properties_are_there() {
        for property in bandmaster_model::contract().type_def("JobDto").unwrap().properties() {
            let found = JOB.property(&property.name).is_some() || JOB.navigation(&property.name).is_some();
            assert!(found, "{}", property.name);
        }
    }
}
