//! Making folders.

use super::assignment::assign_user;
use super::tree::Node;
use super::{find, rules};
use crate::changes::{acting_user, rights_changed_in};
use crate::kinds;
use crate::roles::{self, defaults};
use bandmaster_api::Unit;
use bandmaster_api::unit::Change;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;
use serde_json::Value;

/// A folder to be made. Names and descriptions were checked ([`rules::name`], [`rules::description`]).
#[derive(Debug, Clone, Default)]
pub struct NewFolder {
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The folder above.
    pub parent_id: Option<i64>,
    /// A feed of its own; only on the first level.
    pub own_feed: bool,
}

/// Makes a folder and assigns whoever makes it as its folder administrator. 404 for an unknown parent, 1001 when the
/// name is taken there, 2802, 2804 and 2836 as the rules say.
pub async fn create(unit: &mut Unit, tenant_id: i64, new: &NewFolder) -> Result<i64> {
    // First of all, so that changes of one tree happen one after another.
    rights_changed_in(unit, tenant_id).await?;
    let parent = match new.parent_id {
        Some(id) => Some(find(unit, tenant_id, id).await?.ok_or_else(|| Error::not_found("Folder"))?),
        None => None,
    };
    if let Some(parent) = &parent {
        rules::check_standard(parent)?;
    }
    rules::check_depth(parent.as_ref(), 1)?;
    let feed_type = feed(parent.as_ref(), new.own_feed)?;
    let (key, now) = (unit.guid(), unit.now());
    let made = unit
        .query_one(
            "INSERT INTO folders (key, tenant_id, parent_id, display_name, path, depth, description, folder_type, \
             feed_type, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $9) RETURNING id",
            params![
                key.as_str(),
                tenant_id,
                new.parent_id,
                new.name.as_str(),
                rules::path(parent.as_ref(), &new.name),
                parent.as_ref().map_or(0, |p| p.depth + 1),
                new.description.as_deref(),
                feed_type,
                now
            ],
        )
        .await;
    let id: i64 = match made {
        Err(e) if e.is_unique("folders_path") => return Err(Error::name_taken(&new.name)),
        made => made?.get(0)?,
    };
    let after = bandmaster_api::query::entity_json(unit, &super::entity::FOLDER, id, tenant_id).await?;
    unit.audit(Change {
        component: "Folders",
        action: "Create",
        id: Some(id),
        key: Some(&key),
        name: &new.name,
        before: None,
        after: after.map(Value::Object),
    })
    .await?;
    if let Some(user) = acting_user(unit, tenant_id)
        && let Some(role) = roles::find_by_name(unit, tenant_id, defaults::FOLDER_ADMINISTRATOR).await?
    {
        assign_user(unit, tenant_id, id, user, &[role.id]).await?;
    }
    Ok(id)
}

fn feed(parent: Option<&Node>, own: bool) -> Result<i64> {
    match parent {
        None if own => Ok(kinds::FEED_HIERARCHY),
        None => Ok(kinds::FEED_PROCESSES),
        Some(parent) if own && parent.feed_type != kinds::FEED_HIERARCHY => Err(Error::conflict(
            crate::codes::INCOMPATIBLE_FOLDER_PROPERTIES,
            "Only a first-level folder can have a feed of its own; the folders below it share that.",
        )),
        Some(parent) => Ok(parent.feed_type),
    }
}
