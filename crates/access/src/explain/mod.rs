//! `GET /api/access/explain`: why an account may, or may not, use an operation here.
//!
//! The verdict comes from the functions that the dispatcher and the gate themselves ask (`bandmaster_api::admission`,
//! `gate::of_row`), so it cannot differ from the answer to the real request. Where the roles behind it come from is
//! read beside it ([`grants`]).
//!
//! What the asker could not see is not told: another account needs Users.View and Roles.View, a folder that the asker
//! does not know answers like one that does not exist, and names of groups and folders beyond the asker's sight are
//! left out.

mod grants;
mod subject;

use crate::folders::rules::{self, Action};
use crate::gate::model::Model;
use bandmaster_api::address::Address;
use bandmaster_api::rights::{Level, level_of};
use bandmaster_api::{Call, Folder, FolderWish, Operation, Output, Registry, Rights, admission, folderwish, own};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, Scopes};
use bandmaster_model::FolderRule;
use bandmaster_odata::template::Route;
use bandmaster_store::Conn;
use serde_json::{Value, json};
use std::sync::Arc;
use subject::Subject;

/// Grants told of one permission; further ones add nothing to the verdict.
const MOST_GRANTS: usize = 20;

const TYPES: &str = "\
type AccessExplanation
  operation string
  method string
  path string
  userId int64
  account string
  folder AccessFolder
  allowed bool
  decidedBy enum(Gate|Operation)
  code string
  message string
  steps [AccessStep]
type AccessFolder
  id int64
  path string
type AccessStep
  step enum(Caller|Scope|Served|Folder|Permission)
  code string
  passed bool
  message string
  accepted [string]
  held [string]
  requirements [AccessRequirement]
type AccessRequirement
  anyOf [string]
  held bool
  missing [string]
  grants [AccessGrant]
type AccessGrant
  permission string
  through enum(Account|Group|Explorer|Robot|Machine|Server)
  group AccessNamed
  role AccessNamed
  level enum(Tenant|Folder)
  folder AccessFolder
  inherited bool
type AccessNamed
  id int64
  name string
";

/// Registers the operation.
pub fn register(r: &mut Registry) {
    r.types(TYPES);
    let row = own("Access_Explain", "GET", "/api/access/explain")
        .query("operation", "string")
        .query("method", "string")
        .query("path", "string")
        .query("userId", "int64")
        .query("folderId", "int64")
        .query("folderKey", "uuid")
        .query("folderPath", "string")
        .scopes("OR.Users,OR.Users.Read")
        .returns(200, "AccessExplanation");
    // The folder is part of the question: one that the asker does not see is an answer, not a refusal.
    r.add(row, explain).checks_itself().also(&[400, 403, 404]);
}

/// A piece of the way and whether it was passed.
struct Step {
    name: &'static str,
    code: &'static str,
    passed: bool,
    message: String,
    extra: Vec<(&'static str, Value)>,
}

impl Step {
    fn new(name: &'static str, passed: bool, code: &'static str, message: impl Into<String>) -> Step {
        Step { name, code, passed, message: message.into(), extra: Vec::new() }
    }

    fn json(&self) -> Value {
        let mut value = json!({"step": self.name, "code": self.code, "passed": self.passed, "message": self.message});
        for (name, member) in &self.extra {
            value[*name] = member.clone();
        }
        value
    }
}

async fn explain(call: &mut Call) -> Result<Output> {
    let operation = operation(call)?;
    let meant = folder_meant(call, &operation).await?;
    let mut conn = call.read().await?;
    let model = subject::model(call, &mut conn).await?;
    let subject = subject::of(call, &mut conn, &model).await?;
    let folder = match meant {
        Meant::Nothing => None,
        Meant::Unknown if subject.own => None,
        // Another account's: the asker must know the folder.
        Meant::Unknown => return Err(Error::folder()),
        Meant::Folder(ref folder) => {
            let known = call.rights.sees(folder.id)
                || model.tree.get(folder.id).is_some_and(|n| rules::knows(call, Action::View, n));
            match (known, subject.own) {
                (true, _) => Some(folder.clone()),
                (false, true) => None,
                (false, false) => return Err(Error::folder()),
            }
        }
    };
    let named = !matches!(meant, Meant::Nothing);
    let mut steps = vec![caller(&operation, &subject)];
    if subject.own {
        steps.push(scope(&operation, &subject));
    }
    if operation.handler.is_none() {
        steps.push(Step::new("Served", false, "NotServed", "This server does not serve the operation yet."));
    }
    let seen = folder.as_ref().filter(|f| subject.rights.sees(f.id));
    if operation.facts.folder != FolderRule::None {
        steps.push(folder_step(&operation, named, seen, folder.as_ref()));
    }
    let stopped = steps.iter().any(|s| !s.passed);
    // Without the folder there is no place to hold a permission in.
    if !stopped || named == seen.is_some() {
        steps.push(permission(call, &mut conn, &model, &operation, &subject, seen).await?);
    }
    let failed = steps.iter().find(|s| !s.passed);
    let by_operation = operation.handler_checks_permission
        || operation.handler_refuses_more
        || operation.facts.path.starts_with("/identity");
    let (code, message) = match failed {
        Some(step) => (step.code, step.message.clone()),
        None if by_operation => {
            ("LeftToOperation", "Let through; the operation itself decides by what it is asked to touch.".into())
        }
        None => ("Allowed", "Allowed.".to_owned()),
    };
    Ok(Output::json(json!({
        "operation": operation.facts.id,
        "method": operation.facts.method,
        "path": operation.facts.path,
        "userId": subject.rights.user_id,
        "account": subject.principal.name,
        "folder": folder.as_ref().map(|f| json!({"id": f.id, "path": f.path})),
        "allowed": failed.is_none(),
        "decidedBy": if failed.is_none() && by_operation { "Operation" } else { "Gate" },
        "code": code,
        "message": message,
        "steps": steps.iter().map(Step::json).collect::<Vec<_>>(),
    })))
}

/// The operation by its id, or by method and address.
fn operation(call: &Call) -> Result<Arc<Operation>> {
    let unknown = || Error::not_found("Operation");
    if let Some(id) = call.query("operation") {
        let found = call.served.operations().find(|o| o.facts.id.eq_ignore_ascii_case(id));
        return found.cloned().ok_or_else(unknown);
    }
    let path = call.query("path").ok_or_else(|| {
        Error::argument("Name an operation: operation with its id, or method and path with those of a request.")
    })?;
    let method = call.query("method").unwrap_or("GET").to_ascii_uppercase();
    let path = path.split('?').next().unwrap_or_default();
    match call.served.router().find(&method, &Address::parse(path).path) {
        Route::Match(found) | Route::Part(found, _) => Ok(found.target.clone()),
        Route::MethodNotAllowed(_) | Route::NotFound => Err(unknown()),
    }
}

/// The folder of the question.
enum Meant {
    /// None is named, or the operation does not look at folders.
    Nothing,
    /// One is named that there is not, or that the asker does not see.
    Unknown,
    /// This one, which the asker need not know.
    Folder(Folder),
}

async fn folder_meant(call: &Call, operation: &Operation) -> Result<Meant> {
    let Some(tenant) = call.tenant_if_any().filter(|_| operation.facts.folder != FolderRule::None) else {
        return Ok(Meant::Nothing);
    };
    let asked = FolderWish {
        path: call.query("folderPath").map(str::to_owned),
        encoded: false,
        key: call.query("folderKey").map(|k| parse_guid(k).unwrap_or_default()),
        id: call.int_query("folderId")?,
    };
    let wish = if asked.is_empty() { folderwish::folder(call.headers()) } else { Ok(asked) };
    let wish = match wish {
        Ok(wish) if wish.is_empty() => return Ok(Meant::Nothing),
        Ok(wish) => wish,
        Err(_) => return Ok(Meant::Unknown),
    };
    match call.app.gate.folder(&call.app, tenant, &Rights::everything(), &wish).await {
        Ok(folder) => Ok(Meant::Folder(folder)),
        Err(error) if error.status() < 500 => Ok(Meant::Unknown),
        Err(error) => Err(error),
    }
}

fn caller(operation: &Operation, subject: &Subject) -> Step {
    let step = |passed, code, message: &str| Step::new("Caller", passed, code, message);
    if !subject.can_call && operation.facts.caller != "none" {
        return step(
            false,
            "AccountOff",
            "The account is switched off or gone in the organization; it cannot sign in.",
        );
    }
    match (admission::caller(operation, &subject.principal), operation.facts.caller.as_str()) {
        (Ok(()), "none") => step(true, "Anybody", "Anybody may call it, also without credentials."),
        (Ok(()), "host") => step(true, "HostAdministrator", "The account administers the installation."),
        (Ok(()), _) => step(true, "Known", "The caller is known."),
        (Err(_), _) => step(false, "NotHostAdministrator", "Only administrators of the installation may call it."),
    }
}

fn scope(operation: &Operation, subject: &Subject) -> Step {
    let accepted = &operation.facts.scopes;
    let mut step = if accepted.is_empty() {
        Step::new("Scope", true, "NoScopeNeeded", "The operation asks for no scope.")
    } else if admission::scope(operation, &subject.principal) {
        Step::new("Scope", true, "ScopeHeld", "The token has a scope that the operation accepts.")
    } else {
        let text = format!("The token lacks a scope: one of {} is needed.", accepted.join(", "));
        Step::new("Scope", false, "ScopeMissing", text)
    };
    step.extra.push(("accepted", json!(accepted)));
    step.extra.push((
        "held",
        match &subject.principal.scopes {
            Scopes::All => json!([]),
            Scopes::These(held) => json!(held),
        },
    ));
    step
}

fn folder_step(operation: &Operation, named: bool, seen: Option<&Folder>, known: Option<&Folder>) -> Step {
    let step = |passed, code, message: String| Step::new("Folder", passed, code, message);
    match (seen, known) {
        (Some(f), _) => step(true, "FolderSeen", format!("The account is in the folder {}.", f.path)),
        (None, Some(f)) => step(
            false,
            "NotInFolder",
            format!("The account is not in the folder {}: neither itself nor through a group, there or above.", f.path),
        ),
        (None, None) if named => {
            step(false, "FolderUnknown", "There is no such folder, or the account is not in it.".into())
        }
        (None, None) if admission::folder(operation, None).is_err() => {
            step(false, "FolderMissing", "The operation works in a folder and none is named.".into())
        }
        (None, None) => {
            step(true, "NoFolderNamed", "No folder is named: the operation spans the folders of the account.".into())
        }
    }
}

async fn permission(
    call: &Call,
    conn: &mut Conn,
    model: &Model,
    operation: &Operation,
    subject: &Subject,
    folder: Option<&Folder>,
) -> Result<Step> {
    let asked = &operation.facts.permission;
    if asked.is_empty() {
        return Ok(Step::new("Permission", true, "NoPermissionNeeded", "The operation asks for no permission."));
    }
    let place = folder.map(|f| f.id);
    let mut requirements = Vec::new();
    let mut lacking = Vec::new();
    for any_of in &asked.0 {
        let held: Vec<&str> =
            any_of.iter().map(String::as_str).filter(|name| subject.rights.has(name, place)).collect();
        let missing: Vec<&str> = any_of.iter().map(String::as_str).filter(|name| !held.contains(name)).collect();
        if held.is_empty() {
            lacking.push(any_of.join(" or "));
        }
        let grants = ways(call, conn, model, subject, &held, folder).await?;
        requirements.push(json!({"anyOf": any_of, "held": !held.is_empty(), "missing": missing, "grants": grants}));
    }
    let gate_asks = admission::asks_for_permission(operation);
    let passed = admission::permission(operation, &subject.rights, place).is_ok();
    let (code, message) = if !gate_asks {
        let text = format!("The operation itself checks what it touches; it is described with {asked}.");
        ("CheckedByOperation", text)
    } else if passed {
        ("PermissionHeld", format!("What is asked for is held: {asked}."))
    } else {
        missing(subject, folder, &lacking.join(" and "))
    };
    let mut step = Step::new("Permission", passed, code, message);
    step.extra.push(("requirements", Value::Array(requirements)));
    Ok(step)
}

/// The code and the words for a permission that is not held.
fn missing(subject: &Subject, folder: Option<&Folder>, lacking: &str) -> (&'static str, String) {
    if subject.active == Some(false) {
        return ("AccountInactive", format!("The account is switched off in the tenant, so it lacks {lacking}."));
    }
    if subject.rights.user_id.is_none()
        && subject.active.is_none()
        && subject::comes_with(subject.principal.kind).is_none()
    {
        return ("NotInTenant", format!("The tenant does not have the account, so it lacks {lacking}."));
    }
    let place = folder.map_or_else(String::new, |f| format!(" in the folder {}", f.path));
    let text = format!(
        "The permission {lacking} is missing{place}: no role of the account or of its groups that counts here has it."
    );
    ("PermissionMissing", text)
}

/// How these permissions are held.
async fn ways(
    call: &Call,
    conn: &mut Conn,
    model: &Model,
    subject: &Subject,
    held: &[&str],
    folder: Option<&Folder>,
) -> Result<Vec<Value>> {
    let mut told = Vec::new();
    let place = folder.map(|f| f.id);
    if let Some(user) = subject.rights.user_id {
        // Names of groups are names of accounts.
        let groups = call.rights.has("Users.View", None);
        for grant in grants::of(conn, &model.tree, user, held, place).await? {
            let on = grant.folder.and_then(|id| model.tree.get(id));
            let shown = on.filter(|n| rules::knows(call, Action::View, n));
            let through_group = grant.holder.0 != user;
            told.push(json!({
                "permission": grant.permission,
                "through": if through_group { "Group" } else { "Account" },
                "group": (through_group && groups).then(|| json!({"id": grant.holder.0, "name": grant.holder.1})),
                "role": {"id": grant.role.0, "name": grant.role.1},
                "level": if grant.folder.is_some() { "Folder" } else { "Tenant" },
                "folder": shown.map(|n| json!({"id": n.id, "path": n.path})),
                "inherited": grant.folder.is_some() && place.is_some() && grant.folder != place,
            }));
        }
        if let Some(id) = place
            && grants::explores(conn, &model.tree, user, id).await?
        {
            told.extend(held.iter().filter(|n| level_of(n) == Some(Level::Folder)).map(|n| by_kind(n, "Explorer")));
        }
    }
    // What no role gives comes with the kind of caller.
    if let Some(kind) = subject::comes_with(subject.principal.kind) {
        let more: Vec<Value> = held
            .iter()
            .filter(|name| !told.iter().any(|t| t["permission"] == **name))
            .map(|name| by_kind(name, kind))
            .collect();
        told.extend(more);
    }
    told.truncate(MOST_GRANTS);
    Ok(told)
}

fn by_kind(permission: &str, through: &str) -> Value {
    let level = if level_of(permission) == Some(Level::Tenant) { "Tenant" } else { "Folder" };
    json!({"permission": permission, "through": through, "group": null, "role": null, "level": level,
        "folder": null, "inherited": false})
}
