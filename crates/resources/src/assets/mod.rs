//! Assets: named values that robots read while they run. An asset is one thing wherever it is linked; it has a value
//! for everybody, values for accounts, or both.
//!
//! `entity` describes them for queries, `value` and `plan` hold the rules of values, `rows` keeps them, `wish` reads
//! bodies, `write` and `links` serve people, `robot` serves robots.

mod contents;
mod entity;
pub mod kinds;
mod links;
mod plan;
mod robot;
mod rows;
mod value;
mod wish;
mod write;

pub use contents::AssetsOfFolders;
pub use entity::{ASSET, ROBOT_VALUE, USER_VALUE};

use crate::types;
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::Result;
use bandmaster_model::FolderRule;

/// Registers the operations.
pub(crate) fn register(r: &mut Registry) {
    r.entity(&ASSET);
    types::answers(r.serve("Assets_Get", list), types::ASSET_LIST);
    types::answers(r.serve("Assets_GetFiltered", filtered), types::ASSET_LIST);
    types::answers(r.serve("Assets_GetById", one).also(&[404]), types::ASSET);
    let create = r.serve("Assets_Post", write::create).also(&[409]);
    types::takes(create, types::ASSET);
    types::answers(create, types::ASSET);
    types::takes(r.serve("Assets_PutById", write::update).also(&[404, 409]), types::ASSET);
    r.serve("Assets_DeleteById", write::delete).also(&[404, 409]);
    // These look across folders; a header says nothing to them.
    types::answers(
        r.serve("Assets_GetAssetsAcrossFolders", links::across).folder(FolderRule::Optional),
        types::ASSET_LIST,
    );
    r.serve("Assets_GetFoldersForAssetById", links::folders).folder(FolderRule::Optional).also(&[404]);
    r.serve("Assets_ShareToFolders", links::share).folder(FolderRule::Optional);
    r.serve("Assets_GetRobotAssetByRobotidAndAssetname", robot::by_robot_key);
    r.serve("Assets_GetRobotAssetByRobotId", robot::by_robot_id);
    let read = r.serve("Assets_GetRobotAssetByNameForRobotKey", robot::read).reads();
    types::takes(read, types::READ_REQUEST);
    r.serve("Assets_SetRobotAssetByRobotKey", robot::write).also(&[200]);
}

/// The assets of a folder. Secrets are left out: clients of this operation do not know the type.
async fn list(call: &mut Call) -> Result<Output> {
    call.list_where(&ASSET, &call.visible(), "{t}.value_type <> 8", Vec::new()).await
}

/// The assets of a folder, all types. Names are compared without regard to case and are unique in a folder, so an
/// exact name finds its asset alone; searching in names and descriptions is `contains`.
async fn filtered(call: &mut Call) -> Result<Output> {
    call.list(&ASSET).await
}

async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&ASSET, id).await
}
