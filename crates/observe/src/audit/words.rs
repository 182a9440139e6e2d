//! The words of the audit: their numbers for queries, and how they read in a sentence.
//!
//! Entries hold the words themselves. Numbers follow the contract's order; they are this server's own and stand in no
//! table.

use bandmaster_model::EnumType;

/// SQL that chooses by an entry's word.
macro_rules! case {
    ($column:literal, $($word:ident => $value:expr),*; $otherwise:literal) => {
        concat!("CASE {t}.", $column $(, " WHEN '", stringify!($word), "' THEN ", $value)*, " ELSE ", $otherwise, " END")
    };
}

macro_rules! words {
    ($($action:ident $action_number:literal $verb:literal,)* ; $($component:ident $number:literal $noun:literal $entity:ident,)*) => {
        /// What was done.
        pub static ACTION: EnumType =
            EnumType { name: "AuditAction", members: &[$((stringify!($action), $action_number)),*] };

        /// What it was done to.
        pub static COMPONENT: EnumType =
            EnumType { name: "AuditComponent", members: &[$((stringify!($component), $number)),*] };

        /// SQL: the number of an entry's action.
        pub const ACTION_NUMBER: &str = case!("action", $($action => $action_number),*; "0");

        /// SQL: the number of an entry's component.
        pub const COMPONENT_NUMBER: &str = case!("component", $($component => $number),*; "0");

        /// SQL: what kind of thing an entry is about, as programs call it.
        pub const ENTITY: &str = case!("component", $($component => concat!("'", stringify!($entity), "'")),*; "{t}.component");

        /// SQL: an entry as a sentence: who did what to which thing.
        pub const SENTENCE: &str = concat!(
            "{t}.actor_kind || ' ' || {t}.actor_name || ' ' || ",
            case!("action", $($action => concat!("'", $verb, "'")),*; "'changed'"),
            " || ' ' || ",
            case!("component", $($component => concat!("'", $noun, "'")),*; "{t}.component"),
            " || ' ' || COALESCE({t}.entity_name, '')"
        );
    };
}

words! {
    Unknown 0 "changed",
    Create 1 "created",
    Update 2 "updated",
    Delete 3 "deleted",
    StartJob 4 "started",
    StopJob 5 "stopped",
    Associate 6 "associated",
    Upload 7 "uploaded",
    ChangeStatus 8 "changed the status of",
    Import 9 "imported",
    ChangePassword 10 "changed the password of",
    Register 11 "registered",
    Toggle 12 "toggled",
    ResetPassword 13 "reset the password of",
    PasswordResetAttempt 14 "tried to reset the password of",
    Download 15 "downloaded",
    Acknowledge 16 "acknowledged",
    Activate 17 "activated",
    Assign 18 "assigned",
    BulkUpload 19 "uploaded in bulk",
    UpdateFeature 20 "updated the feature",
    ResumeJob 21 "resumed",
    Start 22 "started",
    End 23 "ended",
    Skip 24 "skipped",
    Unassign 25 "unassigned",
    Deactivate 26 "deactivated",
    CreateBlobFileSas 27 "asked for the address of a file in",
    DeleteBlobFile 28 "deleted a file in",
    Move 29 "moved",
    Set 30 "set",
    StartDelete 31 "began to delete",
    ExploreStart 32 "began to explore",
    ExploreEnd 33 "ended exploring",
    Save 34 "saved",
    Convert 35 "converted",
    Forward 36 "forwarded",
    BulkComplete 37 "completed in bulk",
    BulkSave 38 "saved in bulk",
    ForceStopJob 39 "killed",
    MigrateFolder 40 "migrated",
    EditTaskMetadata 41 "edited the metadata of",
    Archive 42 "archived",
    StartMigrateFolders 43 "began to migrate",
    ToggleUserFolderSubscription 44 "toggled the subscription to",
    StartUninstall 45 "began to uninstall",
    StartInstall 46 "began to install",
    VideoAccess 47 "watched the video of",
    AutomaticallyExploreEnd 48 "was made to end exploring",
    InstallState 49 "changed the installation of",
    FinishInstall 50 "installed",
    FinishUninstall 51 "uninstalled",
    ;
    Unknown 0 "thing" Unknown,
    Assets 1 "asset" Asset,
    Environments 2 "environment" Environment,
    Processes 3 "process" Release,
    Queues 4 "queue" QueueDefinition,
    Robots 5 "robot" Robot,
    Roles 6 "role" Role,
    Schedules 7 "trigger" ProcessSchedule,
    Users 8 "user" User,
    Comments 9 "comment" Comment,
    Units 10 "folder" Folder,
    Jobs 11 "job" Job,
    Settings 12 "setting" Setting,
    Packages 13 "package" Package,
    License 14 "license" License,
    Tenant 15 "tenant" Tenant,
    Machines 16 "machine" Machine,
    Libraries 17 "library" Library,
    Webhooks 18 "webhook" Webhook,
    ExecutionMedia 19 "execution media" ExecutionMedia,
    Monitoring 20 "monitoring data" Monitoring,
    CredentialStores 21 "credential store" CredentialStore,
    DefaultCredentialStores 22 "default credential store" DefaultCredentialStore,
    TaskCatalogs 23 "task catalog" TaskCatalog,
    Tasks 24 "task" Task,
    Maintenance 25 "maintenance" Maintenance,
    Folders 26 "folder" Folder,
    DirectoryService 27 "directory" DirectoryService,
    Buckets 28 "bucket" Bucket,
    Secrets 29 "secret" Secret,
    PersonalWorkspaces 30 "personal workspace" PersonalWorkspace,
    CloudSubscriptions 31 "cloud subscription" CloudSubscription,
    CloudSnapshots 32 "cloud snapshot" CloudSnapshot,
    Sessions 33 "session" Session,
    CredentialsProxies 34 "credentials proxy" CredentialsProxy,
    StudioWeb 35 "Studio Web project" StudioWeb,
    AutomationSolutions 36 "automation solution" AutomationSolution,
    RemoteControl 37 "remote control" RemoteControl,
    TaskSolutions 38 "task solution" TaskSolution,
    TaskDefinitions 39 "task definition" TaskDefinition,
    HttpTriggers 40 "API trigger" HttpTrigger,
    AutopilotForRobotsData 41 "Autopilot data" AutopilotForRobotsData,
    BusinessRules 42 "business rule" BusinessRule,
    IntegrationTriggers 43 "event trigger" IntegrationTrigger,
    JobAttachments 44 "attachment" JobAttachment,
    TestSets 45 "test set" TestSet,
    TestSetSchedules 46 "test schedule" TestSetSchedule,
    TestDataQueues 47 "test data queue" TestDataQueue,
    TestDataQueueItems 48 "test data queue item" TestDataQueueItem,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::{TypeRef, contract};

    #[test]
    fn the_words_are_those_of_the_contract() {
        let ty = contract().type_def("AuditLogDto").unwrap();
        for (property, list) in [("Action", &ACTION), ("Component", &COMPONENT)] {
            let TypeRef::Enum(words) = &ty.property(property).unwrap().ty else {
                panic!("{property} is no enumeration")
            };
            assert_eq!(
                list.members.iter().map(|(w, _)| *w).collect::<Vec<_>>(),
                words.iter().map(String::as_str).collect::<Vec<_>>()
            );
            assert!(list.members.iter().enumerate().all(|(n, (_, m))| i64::try_from(n) == Ok(*m)));
        }
    }
}
