//! Links of assets to folders.

use super::entity::ASSET;
use bandmaster_access::links::{self, Links};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;

static ASSETS: Links = Links {
    entity: &ASSET,
    what: "Asset",
    resource: "Assets",
    ids: "AssetIds",
    table: "assets",
    links: "asset_folders",
    item: "asset_id",
    unique: "asset_folders_name",
    elsewhere: "NOT EXISTS (SELECT 1 FROM asset_folders x WHERE x.asset_id = {t}.id AND x.folder_id = ?)",
};

/// Adds and removes links.
pub async fn share(call: &mut Call) -> Result<Output> {
    links::share(call, &ASSETS).await
}

/// The folders of an asset.
pub async fn folders(call: &mut Call) -> Result<Output> {
    links::folders(call, &ASSETS).await
}

/// Assets of all folders but one.
pub async fn across(call: &mut Call) -> Result<Output> {
    links::across(call, &ASSETS).await
}
