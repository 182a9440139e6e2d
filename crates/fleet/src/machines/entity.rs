//! Machines as queries see them.
//!
//! The machine key is a credential, so there are two descriptions: with it for those who may view machines, and
//! without it for everything that only mentions a machine (jobs, folders, audit snapshots).

use crate::enums::{
    AUTOMATION_TYPE, ENDPOINT_DETECTION, MACHINE_SCOPE, MACHINE_TYPE, SERVERLESS_LICENSING, TARGET_FRAMEWORK,
};
use bandmaster_model::{EntityType, Kind, Property, Scope};

/// Versions of the connected hosts with their number, as JSON. Stored versions hold no character that JSON escapes.
const VERSIONS: &str = "(SELECT '[' || COALESCE(string_agg('{\"Count\":' || CAST(v.hosts AS TEXT) || ',\"Version\":\"' \
     || v.version || '\",\"MachineId\":' || CAST({t}.id AS TEXT) || '}', ',' ORDER BY v.version), '') || ']' \
     FROM (SELECT s.version AS version, COUNT(DISTINCT fold(s.host_name)) AS hosts FROM sessions s \
     WHERE s.machine_id = {t}.id AND s.connected = 1 AND s.version IS NOT NULL GROUP BY s.version) v)";

/// The robots that alone may use the machine, as JSON.
const USERS: &str = "(SELECT '[' || COALESCE(string_agg('{\"UserName\":\"' || \
     replace(replace(r.name, '\\', '\\\\'), '\"', '\\\"') || '\",\"RobotId\":' || CAST(r.id AS TEXT) || \
     ',\"HasTriggers\":false}', ',' ORDER BY r.id), '') || ']' \
     FROM machine_robots m JOIN robots r ON r.id = m.robot_id WHERE m.machine_id = {t}.id AND m.folder_id = 0)";

/// What is stored of the update policy; without one there is none to follow.
const POLICY: &str = "COALESCE({t}.update_policy, '{\"Type\":\"None\",\"SpecificVersion\":null}')";

/// Robots are not updated from here.
pub const UPDATE_INFO: &str = r#"{"updateStatus":"NotApplicable","reason":null,"targetUpdateVersion":null,"isCommunity":false,"statusInfo":null}"#;

macro_rules! machine {
    ($name:literal, $key:expr $(, $more:expr)*) => {
        EntityType {
            name: $name,
            set: "Machines",
            table: "machines",
            key: "Id",
            scope: Scope::Tenant { column: "tenant_id" },
            properties: &[
                $key,
                Property::new("Name", Kind::Text, "name"),
                Property::new("Description", Kind::Text, "description"),
                Property::new("Type", Kind::Enum(&MACHINE_TYPE), "type"),
                Property::new("Scope", Kind::Enum(&MACHINE_SCOPE), "scope"),
                Property::new("NonProductionSlots", Kind::Int32, "nonproduction_slots"),
                Property::new("UnattendedSlots", Kind::Int32, "unattended_slots"),
                Property::new("HeadlessSlots", Kind::Int32, "headless_slots"),
                Property::new("TestAutomationSlots", Kind::Int32, "testautomation_slots"),
                Property::computed("HostingSlots", Kind::Int32, "0"),
                Property::computed("AppTestSlots", Kind::Int32, "0"),
                Property::computed("PerformanceTestSlots", Kind::Int32, "0"),
                Property::computed("AutomationCloudSlots", Kind::Int32, "0"),
                Property::computed("AutomationCloudTestAutomationSlots", Kind::Int32, "0"),
                Property::new("Key", Kind::Guid, "key"),
                Property::computed("EndpointDetectionStatus", Kind::Enum(&ENDPOINT_DETECTION), "0"),
                Property::computed("RobotVersions", Kind::Json, VERSIONS),
                Property::computed("RobotUsers", Kind::Json, USERS),
                Property::new("AutomationType", Kind::Enum(&AUTOMATION_TYPE), "automation_type"),
                Property::new("TargetFramework", Kind::Enum(&TARGET_FRAMEWORK), "target_framework"),
                Property::absent("ServerlessLicensingModel", Kind::Enum(&SERVERLESS_LICENSING)),
                Property::computed("UpdatePolicy", Kind::Json, POLICY),
                Property::secret("ClientSecret"),
                Property::new("Tags", Kind::Json, "tags"),
                Property::absent("MaintenanceWindow", Kind::Json),
                Property::absent("VpnSettings", Kind::Json),
                $($more,)*
                Property::new("Id", Kind::Int64, "id"),
            ],
            navigations: &[],
        }
    };
}

const WITH_KEY: Property = Property::new("LicenseKey", Kind::Text, "license_key");
const WITHOUT_KEY: Property = Property::absent("LicenseKey", Kind::Text);

/// A machine with its key, for callers who may view machines.
pub static MACHINE: EntityType = machine!("MachineDto", WITH_KEY);

/// A machine whose key is not told. The target of navigations from other types.
pub static MACHINE_WITHOUT_KEY: EntityType = machine!("MachineDto", WITHOUT_KEY);

/// A machine as it is listed.
pub static EXTENDED_MACHINE: EntityType =
    machine!("ExtendedMachineDto", WITH_KEY, Property::computed("UpdateInfo", Kind::Json, UPDATE_INFO_SQL));

/// [`UPDATE_INFO`] as an SQL text.
const UPDATE_INFO_SQL: &str = "'{\"updateStatus\":\"NotApplicable\",\"reason\":null,\"targetUpdateVersion\":null,\
     \"isCommunity\":false,\"statusInfo\":null}'";

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    #[test]
    fn all_published_properties_are_there() {
        for ty in [&MACHINE, &MACHINE_WITHOUT_KEY, &EXTENDED_MACHINE] {
            for property in contract().type_def(ty.name).unwrap().properties() {
                assert!(ty.property(&property.name).is_some(), "{} of {}", property.name, ty.name);
            }
        }
        assert_eq!(UPDATE_INFO_SQL, format!("'{UPDATE_INFO}'"));
    }
}
