//! Telling everybody that rights changed, and small things that all changes of this crate share.

use bandmaster_api::Unit;
use bandmaster_core::{Error, Result};
use bandmaster_store::params;

/// Makes every node read the rights of the unit's tenant again: call it in each unit that changes roles,
/// assignments, accounts, folders, or the folders of machines.
pub async fn rights_changed(unit: &mut Unit) -> Result<()> {
    let tenant = unit.tenant_id();
    rights_changed_in(unit, tenant).await
}

/// The same for another tenant than the unit's own.
pub async fn rights_changed_in(unit: &mut Unit, tenant_id: i64) -> Result<()> {
    unit.execute("UPDATE tenants SET access_version = access_version + 1 WHERE id = $1", params![tenant_id]).await?;
    Ok(())
}

/// The same for all tenants of an organization: memberships of groups, accounts and names of organizations concern
/// them all.
pub async fn organization_rights_changed(unit: &mut Unit, organization_id: i64) -> Result<()> {
    unit.execute(
        "UPDATE tenants SET access_version = access_version + 1 WHERE organization_id = $1",
        params![organization_id],
    )
    .await?;
    Ok(())
}

/// The account on whose behalf the unit runs, when it is one of that tenant.
pub fn acting_user(unit: &Unit, tenant_id: i64) -> Option<i64> {
    unit.context().user_id.filter(|_| unit.tenant_id() == tenant_id)
}

/// Refuses texts that would not survive as part of a name: control characters.
pub fn check_name(text: &str, what: &str) -> Result<()> {
    if text.chars().any(char::is_control) {
        return Err(Error::argument(format!("{what} contains a character that is not allowed.")));
    }
    Ok(())
}
