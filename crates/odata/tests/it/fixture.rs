//! A model with one of everything: kinds, scopes, navigations to one and to many, computed and absent properties.

use bandmaster_model::entity::*;
use bandmaster_odata::memory::bound::Row;
use bandmaster_odata::sql::{Counter, Folders, Visibility};
use bandmaster_odata::{Allowed, Limits, ODataError, Query, QueryOptions, bind};

pub static STATE: EnumType = EnumType {
    name: "JobState",
    members: &[("Pending", 0), ("Running", 1), ("Stopping", 2), ("Faulted", 4), ("Successful", 5)],
};

pub static JOB: EntityType = EntityType {
    name: "JobDto",
    set: "Jobs",
    table: "jobs",
    key: "Id",
    scope: Scope::Folder { column: "folder_id" },
    properties: &[
        Property::new("Id", Kind::Int64, "id"),
        Property::new("Key", Kind::Guid, "key"),
        Property::new("Name", Kind::Text, "name"),
        Property::new("Info", Kind::Text, "info"),
        Property::new("State", Kind::Enum(&STATE), "state"),
        Property::new("Priority", Kind::Int32, "priority"),
        Property::new("Enabled", Kind::Bool, "enabled"),
        Property::new("Started", Kind::DateTime, "started"),
        Property::new("Score", Kind::Double, "score"),
        Property::computed("Busy", Kind::Bool, BUSY),
        Property::new("Data", Kind::Json, "data"),
        Property::absent("HostName", Kind::Text),
        Property::secret("Password"),
        Property::new("Hidden", Kind::Text, "info").unfilterable(),
    ],
    navigations: &[
        Navigation { name: "Robot", target: || &ROBOT, link: Link::One { local: "robot_id", remote: "id" } },
        Navigation { name: "Tags", target: || &TAG, link: Link::Many { local: "id", remote: "job_id" } },
    ],
};

/// Jobs by what they have in common; two rows for each, so that they have to be added up.
pub static JOBS_COUNTED: Counter = Counter {
    table: "(SELECT tenant_id, folder_id, state, priority, robot_id, count(*) + 1 AS items FROM jobs \
             GROUP BY tenant_id, folder_id, state, priority, robot_id \
             UNION ALL SELECT DISTINCT tenant_id, folder_id, state, priority, robot_id, -1 FROM jobs)",
    items: "items",
    properties: &["State", "Priority", "Busy"],
    navigations: &["Robot"],
};

pub const BUSY: &str = "CASE WHEN {t}.priority > 1 THEN 1 ELSE 0 END";

pub static ROBOT: EntityType = EntityType {
    name: "RobotDto",
    set: "Robots",
    table: "robots",
    key: "Id",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::new("Id", Kind::Int64, "id"),
        Property::new("Name", Kind::Text, "name"),
        Property::new("Version", Kind::Text, "version"),
    ],
    navigations: &[
        Navigation { name: "License", target: || &LICENSE, link: Link::One { local: "license_id", remote: "id" } },
        Navigation { name: "Jobs", target: || &JOB, link: Link::Many { local: "id", remote: "robot_id" } },
    ],
};

pub static LICENSE: EntityType = EntityType {
    name: "LicenseDto",
    set: "Licenses",
    table: "licenses",
    key: "Code",
    scope: Scope::Organization { column: "organization_id" },
    properties: &[Property::new("Code", Kind::Text, "id"), Property::new("Slots", Kind::Int32, "slots")],
    navigations: &[],
};

pub static TAG: EntityType = EntityType {
    name: "TagDto",
    set: "Tags",
    table: "tags",
    key: "Id",
    scope: Scope::Within,
    properties: &[
        Property::new("Id", Kind::Int64, "id"),
        Property::new("Label", Kind::Text, "label"),
        Property::new("Weight", Kind::Int32, "weight"),
    ],
    navigations: &[Navigation {
        name: "Robot",
        target: || &ROBOT,
        link: Link::One { local: "robot_id", remote: "id" },
    }],
};

pub static QUEUE: EntityType = EntityType {
    name: "QueueDto",
    set: "Queues",
    table: "queues",
    key: "Id",
    scope: Scope::Linked { local: "id", table: "queue_folders", item: "queue_id", folder: "folder_id" },
    properties: &[Property::new("Id", Kind::Int64, "id"), Property::new("Name", Kind::Text, "name")],
    navigations: &[],
};

pub static SYSTEM: EntityType = EntityType {
    name: "SystemDto",
    set: "Systems",
    table: "queues",
    key: "Id",
    scope: Scope::Host,
    properties: &[Property::new("Id", Kind::Int64, "id")],
    navigations: &[],
};

/// Tables with the types of their columns: `i`, `r` or `t`.
pub const TABLES: &[(&str, &[(&str, char)])] = &[
    (
        "jobs",
        &[
            ("id", 'i'),
            ("tenant_id", 'i'),
            ("folder_id", 'i'),
            ("key", 't'),
            ("name", 't'),
            ("info", 't'),
            ("state", 'i'),
            ("priority", 'i'),
            ("enabled", 'i'),
            ("started", 'i'),
            ("score", 'r'),
            ("data", 't'),
            ("robot_id", 'i'),
        ],
    ),
    ("robots", &[("id", 'i'), ("tenant_id", 'i'), ("name", 't'), ("version", 't'), ("license_id", 't')]),
    ("licenses", &[("id", 't'), ("organization_id", 'i'), ("slots", 'i')]),
    ("tags", &[("id", 'i'), ("job_id", 'i'), ("label", 't'), ("weight", 'i'), ("robot_id", 'i')]),
    ("queues", &[("id", 'i'), ("tenant_id", 'i'), ("name", 't')]),
    ("queue_folders", &[("queue_id", 'i'), ("folder_id", 'i')]),
];

/// Statements that make the tables, for both databases.
pub fn schema() -> Vec<String> {
    TABLES
        .iter()
        .map(|(table, columns)| {
            let columns: Vec<String> = columns
                .iter()
                .map(|(name, ty)| match ty {
                    'i' => format!("{name} BIGINT"),
                    'r' => format!("{name} DOUBLE PRECISION"),
                    _ => format!("{name} TEXT"),
                })
                .collect();
            format!("CREATE TABLE {table} ({})", columns.join(", "))
        })
        .collect()
}

pub fn cell(row: &Row, column: &str) -> bandmaster_odata::json::Cell {
    row.get(column).cloned().unwrap_or(bandmaster_odata::json::Cell::Null)
}

/// Tenant 1 of organization 9, folders 10 and 11.
pub fn sees() -> Visibility {
    Visibility { tenant: 1, organization: 9, folders: Folders::These(vec![10, 11]) }
}

pub fn sees_all() -> Visibility {
    Visibility { folders: Folders::All, ..sees() }
}

/// The options of a raw query.
pub fn options(raw: &str) -> Result<QueryOptions, ODataError> {
    QueryOptions::from_pairs(&bandmaster_odata::options::query_pairs(raw)?, Allowed::default())
}

/// A raw query bound to a type.
pub fn query_of(ty: &'static EntityType, raw: &str) -> Result<Query, ODataError> {
    bind(&options(raw)?, ty, &Limits { now: Some(1_700_000_000_000_000), ..Limits::default() })
}

pub fn query(raw: &str) -> Query {
    query_of(&JOB, raw).unwrap_or_else(|e| panic!("{raw}: {e}"))
}
