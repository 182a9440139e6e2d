//! The schema's history: every migration, in order. The files stand beside each other whichever feature they
//! belong to, so that one number orders them all.

use crate::migration::Migration;

macro_rules! migrations {
    ($($number:literal $name:literal),* $(,)?) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../migrations/", $name, ".sql")),
        }),*]
    };
}

/// All migrations.
pub static MIGRATIONS: &[Migration] = migrations![
    1 "0001_identity",
    2 "0002_access",
    3 "0003_records",
    4 "0004_fleet",
    5 "0005_packages",
    6 "0006_automation",
    7 "0007_queues",
    8 "0008_resources",
    9 "0009_observe",
    10 "0010_exports",
    11 "0011_queue_leases",
    12 "0012_queue_actions",
    13 "0013_buckets",
    14 "0014_mail",
    15 "0015_oauth",
    16 "0016_audit_chain",
    17 "0017_queue_reads",
    18 "0018_outside_sign_in",
    19 "0019_device",
    20 "0020_tenant_removal",
    23 "0023_attended_jobs",
];
