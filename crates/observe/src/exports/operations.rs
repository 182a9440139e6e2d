//! Asking for exports and fetching them. An export is its requester's alone: for everybody else it does not exist.

use super::entity::{COMPLETED, EXPORT, FAILED};
use super::plan::{Plan, options_of};
use super::record::{self, Request};
use super::{KEPT_FOR, Source, TOPIC, source};
use crate::audit;
use axum::body::Body;
use bandmaster_api::query::{complete, entity_json, refused, visibility};
use bandmaster_api::{Call, Change, Folders, Output};
use bandmaster_core::clock::DAY;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, codes, time};
use bandmaster_model::{Permission, Scope};
use bandmaster_odata::sql::Param;
use bandmaster_odata::{KeyValue, Query, Run, memory};
use bandmaster_queues::definitions::QUEUE;
use bandmaster_resources::files::sign::{self, Verb};
use bandmaster_resources::files::{self, Area};
use bandmaster_store::params;
use serde_json::{Map, Value, json};
use tokio_util::io::ReaderStream;

/// How many exports a tenant may ask for within a day. The published service has such a limit, its figure is not
/// known; this one keeps a script in a loop from filling the disk.
const DAILY: i64 = 500;

/// Serves an operation that asks for an export of what its list shows with the same options. `parent` is whose rows
/// they are, where the source asks for that.
///
/// # Errors
/// 400 for options that do not fit the type, 409 when the tenant asked for too many within a day.
pub async fn request(call: &mut Call, source: &'static Source, parent: Option<i64>) -> Result<Output> {
    let (organization, tenant) = (call.tenant()?.organization_id, call.tenant_id()?);
    if call.principal.key.is_empty() {
        return Err(Error::forbidden());
    }
    let folders = match source.ty.scope {
        Scope::Tenant { .. } => Folders::These(Vec::new()),
        _ => call.visible(),
    };
    let own: Vec<&str> = call.operation.facts.params.iter().map(|p| p.name.as_str()).collect();
    let (sees, now) = (visibility(organization, tenant, &folders), call.now());
    // Wrong options are refused here and not found out later.
    Plan::new(source, call.query_pairs(), &own, sees, parent, now)?;
    let options = options_of(call.query_pairs());
    let name = name(source, now);
    let mut unit = call.begin().await?;
    if record::requested_since(&mut unit, tenant, now - DAY).await? >= DAILY {
        let text = format!("{DAILY} exports were asked for within a day. Try again later.");
        return Err(Error::conflict(codes::FORBIDDEN_OPERATION, text));
    }
    let requester = call.principal.key.as_str();
    let request = Request { source, requester, name: &name, folders: &folders, parent, options: &options };
    let id = record::insert(&mut unit, &request).await?;
    let shown: Map<String, Value> = options.into_iter().map(|(n, v)| (n, Value::from(v))).collect();
    let after = json!({"ExportId": id, "ParentId": parent, "Options": shown});
    // What leaves the system this way is in the audit, as downloads of packages are.
    unit.audit(Change {
        component: source.component,
        action: "Download",
        name: &name,
        after: Some(after),
        ..Change::default()
    })
    .await?;
    unit.nudge(TOPIC);
    let made = entity_json(&mut unit, &EXPORT, id, tenant).await?;
    unit.commit().await?;
    made.map(|value| Output::entity(EXPORT.set, value)).ok_or_else(|| Error::internal("an export is gone"))
}

/// `Jobs_2026-01-05_080000`, in UTC.
fn name(source: &Source, now: Micros) -> String {
    let moment: String = time::iso(now).chars().take(19).filter(|c| *c != ':').collect();
    format!("{}_{}", source.label, moment.replace('T', "_"))
}

/// The items of a queue that the folder has.
pub async fn items_of_queue(call: &mut Call) -> Result<Output> {
    let id = queue(call).await?;
    request(call, &source::ITEMS, Some(id)).await
}

/// The queue that the address names, if the caller sees it.
pub(super) async fn queue(call: &Call) -> Result<i64> {
    let id = call.int_argument("key")?;
    let sees = visibility(call.tenant()?.organization_id, call.tenant_id()?, &call.visible());
    let run = Run::by_key(&Query::all(&QUEUE), &KeyValue::Int(id), &sees);
    if complete(&mut call.read().await?, run).await?.is_empty() {
        return Err(Error::not_found("QueueDefinition"));
    }
    Ok(id)
}

/// Audit entries.
pub async fn audit(call: &mut Call) -> Result<Output> {
    let source = audit_named(call)?;
    request(call, source, None).await
}

/// The audit that the request names.
pub(super) fn audit_named(call: &Call) -> Result<&'static Source> {
    Ok(match audit::service(call)? {
        audit::Service::Orchestrator => &source::AUDIT,
        audit::Service::TestAutomation => &source::TEST_AUDIT,
    })
}

fn missing() -> Error {
    Error::not_found("Export")
}

/// GET: the caller's exports. The published service shows them only on a page of its console; programs want them too.
pub async fn list(call: &mut Call) -> Result<Output> {
    let params: Vec<Param> = vec![call.principal.key.as_str().into(), (call.now() - KEPT_FOR).into()];
    let condition = "{t}.requester_key = ? AND {t}.requested_at > ?";
    call.list_where(&EXPORT, &Folders::All, condition, params).await
}

/// GET: one export.
pub async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let params: Vec<Param> = vec![id.into(), call.principal.key.as_str().into(), (call.now() - KEPT_FOR).into()];
    let condition = "{t}.id = ? AND {t}.requester_key = ? AND {t}.requested_at > ?";
    let found = call.entity_where(&EXPORT, &Folders::All, condition, params).await;
    found.map_err(|e| if e.status() == 404 { missing() } else { e })
}

/// GET: where its file is. Whoever may no longer see what was exported gets no address any more.
pub async fn link(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    let tenant = call.tenant_id()?;
    let row = call
        .read()
        .await?
        .query_opt(
            "SELECT status, file_id, kind, folders FROM exports \
             WHERE id = $1 AND tenant_id = $2 AND requester_key = $3 AND requested_at > $4",
            params![id, tenant, call.principal.key.as_str(), call.now() - KEPT_FOR],
        )
        .await?
        .ok_or_else(missing)?;
    let (status, file, kind): (i64, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let folders = record::folders(row.get::<Option<String>>(3)?.as_deref())?;
    let source = source::of(kind).ok_or_else(missing)?;
    still_permitted(call, source, &folders)?;
    let file = match (status, file) {
        (COMPLETED, Some(file)) => file,
        (FAILED, _) => return Err(Error::conflict(codes::INVALID_REQUEST, "The export has failed.")),
        _ => return Err(Error::conflict(codes::INVALID_REQUEST, "The export is not completed yet.")),
    };
    let access = sign::access(&call.app.keys, &call.origin, Verb::Get, Area::Exports, &file, call.now())?;
    match selected(call, access)? {
        Value::Object(value) => Ok(Output::complex("BlobFileAccessDto", value)),
        _ => Err(Error::internal("an address is no object")),
    }
}

fn still_permitted(call: &Call, source: &Source, folders: &Folders) -> Result<()> {
    let permission = Permission::parse(source.permission);
    let held = match folders {
        Folders::These(ids) if !ids.is_empty() => ids.iter().all(|id| call.rights.grants(&permission, Some(*id))),
        _ => call.rights.grants(&permission, None),
    };
    if held { Ok(()) } else { Err(Error::forbidden()) }
}

/// `$select` of a value that is no row of a table.
fn selected(call: &Call, value: Value) -> Result<Value> {
    let options = call.options()?;
    let rows = match call.served.type_def("BlobFileAccessDto") {
        Some(ty) => memory::apply_typed(&options, ty, vec![value]),
        None => memory::apply(&options, vec![value]),
    };
    let (rows, _) = rows.map_err(|e| refused(&e))?;
    rows.into_iter().next().ok_or_else(missing)
}

/// GET at a signed address: the file.
pub async fn content(call: &mut Call) -> Result<Output> {
    let id = bandmaster_core::ids::parse_guid(call.need_argument("id")?).unwrap_or_default();
    let (expires, signature) = (call.query("expires"), call.query("signature"));
    sign::check(&call.app.keys, Verb::Get, Area::Exports, &id, expires, signature, call.now())?;
    let mut conn = call.read().await?;
    let row = conn
        .query_opt(
            "SELECT name FROM exports WHERE file_id = $1 AND status = $2 AND requested_at > $3",
            params![id.as_str(), COMPLETED, call.now() - KEPT_FOR],
        )
        .await?;
    let name: String = row.ok_or_else(missing)?.get(0)?;
    let stored = files::find(&mut conn, &id).await?.ok_or_else(missing)?;
    let file = files::place(&call.app).open(Area::Exports, &id).await?;
    let file = file.ok_or_else(|| missing().because("the stored file is missing"))?;
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 << 10));
    Ok(Output::stream("text/csv; charset=utf-8", Some(&format!("{name}.csv")), body, Some(stored.size)))
}
