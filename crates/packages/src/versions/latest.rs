//! Which version of a package is the latest: the greatest that is no pre-release, else the greatest pre-release.

use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::params;

/// Marks the latest version of a package whose row the unit has locked, and tells its id; `None` when no version is
/// left.
pub(crate) async fn refresh(unit: &mut Unit, package_ref: i64) -> Result<Option<i64>> {
    let row = unit
        .query_opt(
            "SELECT id, is_latest FROM package_versions WHERE package_ref = $1 \
             ORDER BY is_prerelease, version_key DESC LIMIT 1",
            params![package_ref],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (id, marked): (i64, bool) = (row.get(0)?, row.get(1)?);
    if !marked {
        unit.execute(
            "UPDATE package_versions SET is_latest = 0 WHERE package_ref = $1 AND is_latest = 1",
            params![package_ref],
        )
        .await?;
        unit.execute("UPDATE package_versions SET is_latest = 1 WHERE id = $1", params![id]).await?;
    }
    Ok(Some(id))
}
