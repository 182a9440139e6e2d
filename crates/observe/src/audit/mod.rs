//! The audit of a tenant: who changed what, when, from what to what. Entries are made with the change they tell of
//! (`bandmaster_api::Unit::audit`) and only ever read here; no operation changes or removes one.
//!
//! What happens in the organization beside its tenants (accounts, applications) stands in entries without a tenant and
//! is not shown here.

pub mod chain;
mod entity;
mod words;

pub use entity::{AUDIT_ENTITY, AUDIT_ENTRY};
pub use words::{ACTION, COMPONENT};

use bandmaster_api::{Call, Folders, Output, Registry};
use bandmaster_core::{Error, Result};
use bandmaster_odata::Predicate;
use serde_json::{Value, json};

/// Registers the operations of the tag AuditLogs besides those that give files, which are among the exports.
pub fn register(r: &mut Registry) {
    r.entity(&AUDIT_ENTRY);
    r.entity(&AUDIT_ENTITY);
    chain::register(r);
    r.serve("AuditLogs_Get", list);
    r.serve("AuditLogs_GetAuditLogDetailsByAuditlogid", details).also(&[404]);
}

/// Whose audit is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The tenant's.
    Orchestrator,
    /// That of test automation; it has no entries of its own here.
    TestAutomation,
}

/// Which audit the request names, in a header or as a parameter of its address.
///
/// # Errors
/// 400 for another word.
pub fn service(call: &Call) -> Result<Service> {
    const NAME: &str = "x-uipath-auditedservice";
    let named = call.query("auditedService").or_else(|| call.query(NAME)).or_else(|| call.header(NAME));
    match named.map(str::trim).filter(|n| !n.is_empty()) {
        None => Ok(Service::Orchestrator),
        Some(name) if name.eq_ignore_ascii_case("Orchestrator") => Ok(Service::Orchestrator),
        Some(name) if name.eq_ignore_ascii_case("TestAutomation") => Ok(Service::TestAutomation),
        Some(_) => Err(Error::argument("The audited service is neither Orchestrator nor TestAutomation.")),
    }
}

async fn list(call: &mut Call) -> Result<Output> {
    let mut query = call.bound_query(&AUDIT_ENTRY)?;
    if service(call)? == Service::TestAutomation {
        query.and(Predicate::Always(false));
    }
    let whole = query.select.is_none();
    let (mut rows, total) = call.rows(query, &Folders::All).await?;
    if whole {
        // The list of what was changed is part of the entry; it is filled when it is expanded.
        for row in &mut rows {
            row.entry("Entities").or_insert_with(|| json!([]));
        }
    }
    Ok(Output::page(AUDIT_ENTRY.set, rows.into_iter().map(Value::Object).collect(), total))
}

/// What one entry tells of, with its state before and after. An entry that is not the tenant's has nothing to tell.
async fn details(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("auditLogId")?;
    let mut query = call.bound_query(&AUDIT_ENTITY)?;
    if service(call)? == Service::TestAutomation {
        query.and(Predicate::Always(false));
    }
    query.and_sql("{t}.id = ?", vec![id.into()]);
    call.list_query(query, &Folders::All).await
}
