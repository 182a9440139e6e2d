//! Enumerations of machines, robots and sessions: published names, stored numbers.

use bandmaster_model::EnumType;

/// Kinds of robots and runtimes. Several names share a number; the first one is written. The members that only
/// the cloud product has stay readable, so that a filter which names one is no error.
pub static ROBOT_TYPE: EnumType = EnumType {
    name: "RobotType",
    members: &[
        ("NonProduction", NON_PRODUCTION),
        ("Attended", ATTENDED),
        ("Unattended", UNATTENDED),
        ("Development", DEVELOPMENT),
        ("Studio", DEVELOPMENT),
        ("RpaDeveloper", DEVELOPMENT),
        ("StudioX", 4),
        ("CitizenDeveloper", 4),
        ("Headless", HEADLESS),
        ("StudioPro", 6),
        ("RpaDeveloperPro", 6),
        ("TestAutomation", TEST_AUTOMATION),
        ("AutomationCloud", 8),
        ("Serverless", 9),
        ("AutomationKit", 10),
        ("ServerlessTestAutomation", 11),
        ("AutomationCloudTestAutomation", 12),
        ("AttendedStudioWeb", 13),
        ("Hosting", 14),
        ("AssistantWeb", 15),
        ("ProcessOrchestration", 16),
        ("AgentService", 17),
        ("AppTest", 18),
        ("PerformanceTest", 19),
    ],
};

/// Runtime for trials.
pub const NON_PRODUCTION: i64 = 0;
/// A signed-in person's robot.
pub const ATTENDED: i64 = 1;
/// Runtime for unattended jobs.
pub const UNATTENDED: i64 = 2;
/// Runtime for development.
pub const DEVELOPMENT: i64 = 3;
/// Runtime without a desktop.
pub const HEADLESS: i64 = 5;
/// Runtime for tests.
pub const TEST_AUTOMATION: i64 = 7;

/// The runtime types that a machine can have slots of, in the order in which they are listed.
pub const RUNTIME_TYPES: [i64; 5] = [UNATTENDED, NON_PRODUCTION, TEST_AUTOMATION, HEADLESS, DEVELOPMENT];

/// Kinds of machines.
pub static MACHINE_TYPE: EnumType =
    EnumType { name: "MachineType", members: &[("Standard", STANDARD), ("Template", TEMPLATE)] };

/// One host, named like the machine.
pub const STANDARD: i64 = 0;
/// Any number of hosts.
pub const TEMPLATE: i64 = 1;

/// What a machine is for. Only the first and third are ever stored.
pub static MACHINE_SCOPE: EnumType = EnumType {
    name: "MachineScope",
    members: &[
        ("Default", SCOPE_DEFAULT),
        ("Shared", 1),
        ("PersonalWorkspace", SCOPE_WORKSPACE),
        ("Cloud", 3),
        ("Serverless", 4),
        ("AutomationCloudRobot", 5),
        ("ElasticRobot", 6),
        ("ProcessOrchestration", 7),
        ("AgentService", 8),
    ],
};

/// An ordinary machine.
pub const SCOPE_DEFAULT: i64 = 0;
/// The machine of a personal workspace, which the server looks after.
pub const SCOPE_WORKSPACE: i64 = 2;

/// Which jobs a machine takes.
pub static AUTOMATION_TYPE: EnumType =
    EnumType { name: "AutomationType", members: &[("Any", 0), ("Foreground", 1), ("Background", 2)] };

/// For which framework a machine runs packages.
pub static TARGET_FRAMEWORK: EnumType =
    EnumType { name: "TargetFramework", members: &[("Any", 0), ("Windows", 1), ("Portable", 2)] };

/// Protection of hosts, which this product does not look at.
pub static ENDPOINT_DETECTION: EnumType =
    EnumType { name: "EndpointDetectionStatus", members: &[("NotAvailable", 0), ("Mixed", 1), ("Enabled", 2)] };

/// How serverless machines are paid for; there are none here.
pub static SERVERLESS_LICENSING: EnumType =
    EnumType { name: "ServerlessLicensingModel", members: &[("RobotUnits", 0), ("LicenseSlots", 1)] };

/// Whether a robot belongs to a machine.
pub static HOSTING_TYPE: EnumType = EnumType { name: "HostingType", members: &[("Standard", 0), ("Floating", 1)] };

/// How a robot logs on to its host.
pub static CREDENTIAL_TYPE: EnumType = EnumType {
    name: "CredentialType",
    members: &[("Default", 0), ("SmartCard", 1), ("NCipher", 2), ("SafeNet", 3), ("NoCredential", CREDENTIAL_NONE)],
};

/// The robot logs on nowhere; its jobs run as the service's own account.
pub const CREDENTIAL_NONE: i64 = 4;

/// State of a session.
pub static SESSION_STATE: EnumType =
    EnumType { name: "RobotState", members: &[("Available", 0), ("Busy", 1), ("Disconnected", 2), ("Unknown", 3)] };

/// Operating system of a host.
pub static PLATFORM: EnumType = EnumType {
    name: "Platform",
    members: &[("Unknown", 0), ("Windows", PLATFORM_WINDOWS), ("Linux", PLATFORM_LINUX), ("OSX", PLATFORM_MAC)],
};

/// Windows.
pub const PLATFORM_WINDOWS: i64 = 1;
/// Linux.
pub const PLATFORM_LINUX: i64 = 2;
/// macOS.
pub const PLATFORM_MAC: i64 = 3;

/// Whether a host takes new jobs.
pub static MAINTENANCE_MODE: EnumType =
    EnumType { name: "MaintenanceMode", members: &[("Default", 0), ("Enabled", 1)] };

/// How running jobs are ended.
pub static STOP_STRATEGY: EnumType = EnumType { name: "StopStrategy", members: &[("SoftStop", 1), ("Kill", 2)] };

/// The platform behind an agent's `OS=…` text.
///
/// ```
/// use bandmaster_fleet::enums::{PLATFORM_LINUX, platform};
/// assert_eq!(platform("OS=Linux"), PLATFORM_LINUX);
/// assert_eq!(platform("something"), 0);
/// ```
pub fn platform(agent: &str) -> i64 {
    let lower = agent.to_ascii_lowercase();
    match lower.rsplit("os=").next().unwrap_or_default().trim() {
        system if system.starts_with("win") => PLATFORM_WINDOWS,
        system if system.starts_with("linux") => PLATFORM_LINUX,
        system if system.starts_with("mac") || system.starts_with("osx") || system.starts_with("darwin") => {
            PLATFORM_MAC
        }
        _ => 0,
    }
}
