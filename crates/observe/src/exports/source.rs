//! What can be exported.

use crate::audit::AUDIT_ENTRY;
use crate::logs::LOG;
use bandmaster_automation::jobs::JOB;
use bandmaster_core::{KeyRing, Result};
use bandmaster_model::EntityType;
use bandmaster_queues::items::ITEM;
use bandmaster_queues::items::content::{self, Part};
use serde_json::{Map, Value};

/// Opens what a row holds sealed.
pub type Open = fn(&KeyRing, &mut Map<String, Value>) -> Result<()>;

/// A kind of export.
#[derive(Debug)]
pub struct Source {
    /// Its number in `ExportType`.
    pub kind: i64,
    /// The type whose rows are written.
    pub ty: &'static EntityType,
    /// What the export's name begins with.
    pub label: &'static str,
    /// Component of the audit entry.
    pub component: &'static str,
    /// Needed for asking (with the operation's own check) and still for fetching.
    pub permission: &'static str,
    /// A condition on the rows; `?` is the parent.
    pub condition: Option<&'static str>,
    /// There are never any rows.
    pub empty: bool,
    /// Columns that repeat others.
    pub omit: &'static [&'static str],
    /// Properties that `open` needs.
    pub needs: &'static [&'static str],
    /// Opens sealed members.
    pub open: Option<Open>,
}

const PLAIN: Source = Source {
    kind: 0,
    ty: &LOG,
    label: "",
    component: "",
    permission: "",
    condition: None,
    empty: false,
    omit: &[],
    needs: &[],
    open: None,
};

/// The audit of the tenant.
pub static AUDIT: Source =
    Source { ty: &AUDIT_ENTRY, label: "AuditLogs", component: "Tenant", permission: "Audit.View", ..PLAIN };

/// The audit of test automation, which has no entries of its own here.
pub static TEST_AUDIT: Source = Source {
    kind: 1,
    ty: &AUDIT_ENTRY,
    label: "TestAutomationAuditLogs",
    component: "Tenant",
    permission: "Audit.View",
    empty: true,
    ..PLAIN
};

/// The items of a queue. Their contents are written once, as JSON.
pub static ITEMS: Source = Source {
    kind: 2,
    ty: &ITEM,
    label: "QueueItems",
    component: "Queues",
    permission: "Queues.View&Transactions.View",
    condition: Some("{t}.queue_id = ?"),
    omit: &["SpecificData", "OutputData", "AnalyticsData"],
    needs: &["Encrypted", "UniqueKey"],
    open: Some(open_contents),
    ..PLAIN
};

/// Lines of robots.
pub static LOGS: Source =
    Source { kind: 3, label: "RobotLogs", component: "Monitoring", permission: "Logs.View", ..PLAIN };

/// Jobs.
pub static JOBS: Source =
    Source { kind: 4, ty: &JOB, label: "Jobs", component: "Jobs", permission: "Jobs.View", ..PLAIN };

/// The source of a kind; none for kinds that are not made here.
pub fn of(kind: i64) -> Option<&'static Source> {
    [&AUDIT, &TEST_AUDIT, &ITEMS, &LOGS, &JOBS].into_iter().find(|s| s.kind == kind)
}

fn open_contents(keys: &KeyRing, row: &mut Map<String, Value>) -> Result<()> {
    if row.get("Encrypted").and_then(Value::as_bool) != Some(true) {
        return Ok(());
    }
    let unique_key = row.get("UniqueKey").and_then(Value::as_str).unwrap_or_default().to_owned();
    let parts = [
        (Part::Specific, "SpecificContent"),
        (Part::Output, "Output"),
        (Part::Analytics, "Analytics"),
        // The wrapped forms, when they were selected by name, hold the same stored text.
        (Part::Specific, "SpecificData"),
        (Part::Output, "OutputData"),
        (Part::Analytics, "AnalyticsData"),
    ];
    for (part, name) in parts {
        let stored = match row.get(name) {
            Some(Value::String(text)) if name.ends_with("Data") => text.clone(),
            Some(Value::Null) | None => continue,
            Some(value) => value.to_string(),
        };
        let clear = content::clear(keys, &stored, true, part, &unique_key)?;
        row.insert(name.to_owned(), serde_json::from_str(&clear).unwrap_or(Value::Null));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::entity::KIND;

    #[test]
    fn every_source_is_found_by_its_kind_and_names_what_its_type_has() {
        for source in [&AUDIT, &TEST_AUDIT, &ITEMS, &LOGS, &JOBS] {
            assert!(of(source.kind).is_some_and(|s| std::ptr::eq(s, source)));
            assert!(KIND.label(source.kind).is_some());
            for name in source.omit.iter().chain(source.needs) {
                assert!(source.ty.property(name).is_some(), "{name}");
            }
        }
        assert!(of(5).is_none());
    }
}
