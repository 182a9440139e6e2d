//! How robot logs are listed. The original writes 0 as every `Id`; here it is the line's own, which orders lines of
//! one moment as they came in.

use bandmaster_model::{EntityType, EnumType, Kind, Property, Scope};

/// Levels of log lines.
pub static LEVEL: EnumType = EnumType {
    name: "LogLevel",
    members: &[("Trace", 0), ("Debug", 1), ("Info", 2), ("Warn", 3), ("Error", 4), ("Fatal", 5)],
};

/// A log line.
pub static LOG: EntityType = EntityType {
    name: "LogDto",
    set: "RobotLogs",
    table: "robot_logs",
    key: "Id",
    scope: Scope::Folder { column: "folder_id" },
    properties: &[
        Property::new("Level", Kind::Enum(&LEVEL), "level"),
        Property::new("WindowsIdentity", Kind::Text, "windows_identity"),
        Property::new("ProcessName", Kind::Text, "process_name"),
        Property::new("TimeStamp", Kind::DateTime, "at"),
        Property::new("Message", Kind::Text, "message"),
        Property::new("JobKey", Kind::Guid, "job_key"),
        Property::new("RawMessage", Kind::Text, "raw"),
        Property::new("RobotName", Kind::Text, "robot_name"),
        Property::new("HostMachineName", Kind::Text, "host_name"),
        Property::new("MachineId", Kind::Int64, "machine_id"),
        Property::absent("MachineKey", Kind::Guid),
        Property::absent("RuntimeType", Kind::Text),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};
