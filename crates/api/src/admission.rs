//! The checks between a known caller and an operation's function. The dispatcher asks them of every request, and
//! whoever explains a refusal asks the same functions, so that an explanation cannot differ from the answer.
//!
//! Who the caller is, what it holds and which folder is meant are the gate's and the authenticator's business.

use crate::gate::Folder;
use crate::registry::Operation;
use crate::rights::Rights;
use bandmaster_core::{Error, Principal, Result, codes};
use bandmaster_model::FolderRule;

/// Whether that kind of caller may use the operation: 401 for nobody, 403 for operations of the installation.
pub fn caller(operation: &Operation, principal: &Principal) -> Result<()> {
    if operation.facts.caller == "none" {
        return Ok(());
    }
    if !principal.is_known() {
        return Err(Error::unauthenticated());
    }
    if operation.facts.caller == "host" && !principal.host {
        return Err(Error::forbidden());
    }
    Ok(())
}

/// Whether the credential's scopes cover the operation.
pub fn scope(operation: &Operation, principal: &Principal) -> bool {
    principal.scopes.cover(&operation.facts.scopes)
}

/// 1101 when the operation works in a folder and the request names none.
pub fn folder(operation: &Operation, folder: Option<&Folder>) -> Result<()> {
    if operation.facts.folder == FolderRule::Required && folder.is_none() {
        return Err(folder_required());
    }
    Ok(())
}

/// The answer to a request that names no folder where one is needed.
pub fn folder_required() -> Error {
    Error::new(400, codes::REQUIRED_ORGANIZATION_UNIT, "An organization unit is required for this action.")
}

/// Whether the dispatcher looks for permissions; else the operation's own function does, or none are needed.
pub fn asks_for_permission(operation: &Operation) -> bool {
    !operation.handler_checks_permission && !operation.facts.permission.is_empty()
}

/// 403 when what the operation asks for is not held in that folder (without one: in any).
pub fn permission(operation: &Operation, rights: &Rights, folder: Option<i64>) -> Result<()> {
    if asks_for_permission(operation) && !rights.grants(&operation.facts.permission, folder) {
        return Err(Error::forbidden());
    }
    Ok(())
}
