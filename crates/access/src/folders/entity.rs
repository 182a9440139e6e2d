//! Folders as the API shows them.

use super::tree::Node;
use crate::kinds::{self, FEED_TYPE, FOLDER_TYPE, PERMISSION_MODEL, PROVISION_TYPE, label};
use bandmaster_model::entity::{EntityType, Kind, Property, Scope};
use serde_json::{Map, Value, json};

/// A folder. Every one is of today's kind: robots automatic, permissions of its own.
pub static FOLDER: EntityType = EntityType {
    name: "FolderDto",
    set: "Folders",
    table: "folders",
    key: "Id",
    scope: Scope::Folder { column: "id" },
    properties: &[
        Property::new("Key", Kind::Guid, "key"),
        Property::new("DisplayName", Kind::Text, "display_name"),
        Property::new("FullyQualifiedName", Kind::Text, "path"),
        Property::new("Description", Kind::Text, "description"),
        Property::new("FolderType", Kind::Enum(&FOLDER_TYPE), "folder_type"),
        Property::computed("IsPersonal", Kind::Bool, "CASE WHEN {t}.folder_type = 1 THEN 1 ELSE 0 END"),
        Property::computed("ProvisionType", Kind::Enum(&PROVISION_TYPE), "1"),
        Property::computed("PermissionModel", Kind::Enum(&PERMISSION_MODEL), "1"),
        Property::new("ParentId", Kind::Int64, "parent_id"),
        Property::computed(
            "ParentKey",
            Kind::Guid,
            "SELECT above.key FROM folders above WHERE above.id = {t}.parent_id",
        ),
        Property::new("FeedType", Kind::Enum(&FEED_TYPE), "feed_type"),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};

/// The members that all descriptions of a folder share (`CurrentUserFolderDto`).
pub fn brief(node: &Node, parent_key: Option<&str>) -> Map<String, Value> {
    let value = json!({
        "Key": node.key,
        "DisplayName": node.name,
        "FullyQualifiedName": node.path,
        "Description": node.description,
        "FolderType": label(&FOLDER_TYPE, node.folder_type),
        "ParentId": node.parent_id,
        "ParentKey": parent_key,
        "Id": node.id,
    });
    into_map(value)
}

/// All members of `FolderDto`.
pub fn full(node: &Node, parent_key: Option<&str>) -> Map<String, Value> {
    let mut map = brief(node, parent_key);
    map.insert("IsPersonal".into(), json!(node.is_personal()));
    map.insert("ProvisionType".into(), label(&PROVISION_TYPE, kinds::AUTOMATIC));
    map.insert("PermissionModel".into(), json!("FineGrained"));
    map.insert("FeedType".into(), label(&FEED_TYPE, node.feed_type));
    map
}

/// `SimpleFolderDto`.
pub fn simple(node: &Node) -> Value {
    json!({ "DisplayName": node.name, "FullyQualifiedName": node.path, "Id": node.id })
}

/// The members of a JSON object.
pub fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
