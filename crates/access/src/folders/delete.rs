//! Deleting folders with everything below them. Each feature says what hinders it and deletes what is its own.

use super::tree::Tree;
use super::{entity, rules};
use crate::changes::rights_changed_in;
use crate::parts::{self, FolderContents, Hindrance};
use bandmaster_api::query::entity_json;
use bandmaster_api::unit::Change;
use bandmaster_api::{App, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::Value;

/// Deletes a folder and the folders below it. 2824 while jobs have not ended, 2823 for what else hinders; an owned
/// personal workspace stays (2836).
pub async fn delete(app: &App, unit: &mut Unit, tenant_id: i64, id: i64) -> Result<()> {
    rights_changed_in(unit, tenant_id).await?;
    let tree = Tree::load(unit, tenant_id).await?;
    let node = tree.get(id).ok_or_else(|| Error::not_found("Folder"))?;
    if node.owner_user_id.is_some() {
        rules::check_standard(node)?;
    }
    let mut doomed = tree.subtree(id);
    let ids: Vec<i64> = doomed.iter().map(|n| n.id).collect();
    let features: &[Box<dyn FolderContents>] = parts::all(app);
    for feature in features {
        match feature.hindrance(unit, &ids).await? {
            None => {}
            Some(Hindrance::JobsNotFinal) => {
                return Err(Error::conflict(
                    crate::codes::NOT_IN_FINAL_STATE_JOBS_EXIST,
                    "Jobs in the folder or below it have not ended.",
                ));
            }
            Some(Hindrance::Entities(what)) => {
                return Err(Error::conflict(
                    crate::codes::CANNOT_DELETE_ENTITIES_IN_HIERARCHY,
                    format!("The folder cannot be deleted: {what}."),
                ));
            }
        }
    }
    for feature in features {
        feature.delete(unit, &ids).await?;
    }
    // Children first: a folder refers to the one above it.
    doomed.reverse();
    for folder in doomed {
        let before = entity_json(unit, &entity::FOLDER, folder.id, tenant_id).await?;
        unit.execute("DELETE FROM folders WHERE id = $1", params![folder.id]).await?;
        unit.audit(Change {
            component: "Folders",
            action: "Delete",
            id: Some(folder.id),
            key: Some(&folder.key),
            name: &folder.name,
            before: before.map(Value::Object),
            after: None,
        })
        .await?;
    }
    Ok(())
}
