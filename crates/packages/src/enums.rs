//! The enumerations of packages and processes, with the numbers under which the tables store them: positions in the
//! published lists.

use crate::nupkg::{PackageKind, TargetFramework};
use bandmaster_model::EnumType;

/// `ProjectType` of packages and libraries.
pub static PROJECT_TYPE: EnumType = EnumType {
    name: "PackageProjectType",
    members: &[
        ("Undefined", 0),
        ("Process", 1),
        ("ProcessLibrary", 2),
        ("BusinessProcess", 3),
        ("BusinessProcessLibrary", 4),
        ("TestAutomationProcess", 5),
        ("ProcessOrchestration", 6),
        ("BusinessProcessOrchestration", 7),
        ("WebApp", 8),
        ("BusinessWebApp", 9),
        ("Agent", 10),
        ("BusinessAgent", 11),
        ("Api", 12),
        ("MCPServer", 13),
        ("BusinessRules", 14),
        ("CaseManagement", 15),
    ],
};

/// `PackageType` of packages.
pub static PACKAGE_TYPE: EnumType = EnumType {
    name: "PackageType",
    members: &[
        ("Undefined", 0),
        ("Process", 1),
        ("ProcessLibrary", 2),
        ("ProcessOrchestration", 3),
        ("WebApp", 4),
        ("Agent", 5),
        ("TestAutomationProcess", 6),
        ("Api", 7),
        ("MCPServer", 8),
        ("BusinessRules", 9),
        ("CaseManagement", 10),
    ],
};

/// `ProcessType` of processes.
pub static PROCESS_TYPE: EnumType = EnumType {
    name: "ProcessType",
    members: &[
        ("Undefined", 0),
        ("Process", 1),
        ("ProcessOrchestration", 2),
        ("WebApp", 3),
        ("Agent", 4),
        ("TestAutomationProcess", PROCESS_TEST),
        ("Api", 6),
        ("MCPServer", 7),
        ("BusinessRules", 8),
        ("CaseManagement", 9),
    ],
};

/// A process made of test cases.
pub const PROCESS_TEST: i64 = 5;

/// What a package was built for.
pub static TARGET_FRAMEWORK: EnumType =
    EnumType { name: "TargetFramework", members: &[("Legacy", 0), ("Windows", 1), ("Portable", 2)] };

/// `JobPriority`, the band of a priority value.
pub static JOB_PRIORITY: EnumType =
    EnumType { name: "JobPriority", members: &[("Low", 0), ("Normal", 1), ("High", 2)] };

/// `RobotSize`; stored and shown only.
pub static ROBOT_SIZE: EnumType =
    EnumType { name: "RobotSize", members: &[("Small", 0), ("Standard", 1), ("Medium", 2), ("Large", 3)] };

/// `RemoteControlAccess`: what may be watched or controlled from afar; stored and shown only.
pub static REMOTE_CONTROL: EnumType =
    EnumType { name: "RemoteControlAccess", members: &[("None", 0), ("ReadOnly", 1), ("Full", 2)] };

/// Which videos of jobs are kept; stored and shown only.
pub static VIDEO_RECORDING: EnumType =
    EnumType { name: "VideoRecordingType", members: &[("None", 0), ("Failed", 1), ("All", 2)] };

/// What becomes of old jobs of a process.
pub static RETENTION_ACTION: EnumType =
    EnumType { name: "RetentionAction", members: &[("Delete", 0), ("Archive", 1), ("None", 2)] };

/// Which records a retention policy is about.
pub static RETENTION_TYPE: EnumType = EnumType { name: "RetentionType", members: &[("Final", 0), ("Stale", 1)] };

fn number(of: &EnumType, name: &str) -> i64 {
    of.number(name).unwrap_or(0)
}

/// Number of `ProjectType`.
pub fn project_type(kind: PackageKind) -> i64 {
    number(&PROJECT_TYPE, kind.project_type())
}

/// Number of `PackageType`.
pub fn package_type(kind: PackageKind) -> i64 {
    number(&PACKAGE_TYPE, kind.package_type())
}

/// Number of `ProcessType`.
pub fn process_type(kind: PackageKind) -> i64 {
    number(&PROCESS_TYPE, kind.process_type())
}

/// Number of `TargetFramework`.
pub fn target_framework(framework: TargetFramework) -> i64 {
    number(&TARGET_FRAMEWORK, framework.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::{TypeRef, contract};

    #[test]
    fn words_and_positions_are_the_published_ones() {
        for (ty, property, of) in [
            ("ProcessDto", "ProjectType", &PROJECT_TYPE),
            ("ProcessDto", "PackageType", &PACKAGE_TYPE),
            ("ProcessDto", "TargetFramework", &TARGET_FRAMEWORK),
            ("ReleaseDto", "ProcessType", &PROCESS_TYPE),
            ("ReleaseDto", "JobPriority", &JOB_PRIORITY),
            ("ReleaseDto", "RobotSize", &ROBOT_SIZE),
            ("ReleaseDto", "RemoteControlAccess", &REMOTE_CONTROL),
            ("VideoRecordingSettingsDto", "VideoRecordingType", &VIDEO_RECORDING),
            ("ReleaseRetentionSettingDto", "Action", &RETENTION_ACTION),
            ("ReleaseRetentionSettingDto", "Type", &RETENTION_TYPE),
        ] {
            let def = contract().type_def(ty).unwrap().property(property).unwrap();
            let TypeRef::Enum(words) = &def.ty else { panic!("{ty}.{property} is no enumeration") };
            let expected: Vec<(&str, i64)> = words.iter().map(String::as_str).zip(0..).collect();
            assert_eq!(of.members, expected, "{ty}.{property}");
        }
    }

    #[test]
    fn kinds_have_numbers() {
        for kind in [
            PackageKind::Undefined,
            PackageKind::Process,
            PackageKind::Library,
            PackageKind::BusinessProcess,
            PackageKind::BusinessLibrary,
            PackageKind::Tests,
            PackageKind::ProcessOrchestration,
            PackageKind::WebApp,
            PackageKind::Agent,
            PackageKind::Api,
            PackageKind::McpServer,
            PackageKind::BusinessRules,
            PackageKind::CaseManagement,
        ] {
            assert_eq!(PROJECT_TYPE.label(project_type(kind)), Some(kind.project_type()));
            assert_eq!(PACKAGE_TYPE.label(package_type(kind)), Some(kind.package_type()));
            assert_eq!(PROCESS_TYPE.label(process_type(kind)), Some(kind.process_type()));
        }
        assert_eq!(TARGET_FRAMEWORK.label(target_framework(TargetFramework::Portable)), Some("Portable"));
    }
}
