//! Keeping an organization and the installation administrable: whoever takes rights away from accounts counts the
//! administrators before and after, one such change at a time.

use crate::{builtin, watch};
use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_store::{Conn, params};

/// How many people could administer when the change began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Administrators {
    organization_id: i64,
    of_organization: i64,
    of_installation: i64,
}

/// What would be lost.
pub(crate) const LAST: &str = "The last administrator cannot be removed.";

/// Begins a change that takes rights from accounts. Other such changes wait until the unit ends, so that two cannot
/// each spare the administrator whom the other removes.
pub(crate) async fn guard(unit: &mut Unit, organization_id: i64) -> Result<Administrators> {
    watch::raise(unit).await?;
    count(unit, organization_id).await
}

impl Administrators {
    /// Whether the change has left an administrator wherever there was one.
    pub(crate) async fn remain(self, unit: &mut Unit) -> Result<bool> {
        let left = count(unit, self.organization_id).await?;
        let kept = |before: i64, after: i64| before == 0 || after > 0;
        Ok(kept(self.of_organization, left.of_organization) && kept(self.of_installation, left.of_installation))
    }
}

async fn count(conn: &mut Conn, organization_id: i64) -> Result<Administrators> {
    let of_organization = conn
        .query_one(
            "SELECT COUNT(*) FROM identity_groups g JOIN identity_group_members m ON m.group_id = g.id \
             JOIN identity_users u ON u.key = m.member_key WHERE g.organization_id = $1 AND g.is_built_in = 1 \
             AND g.name = $2 AND u.organization_id = $1 AND u.kind = 0 AND u.is_active = 1 AND u.is_deleted = 0",
            params![organization_id, builtin::ADMINISTRATORS],
        )
        .await?;
    let of_installation = conn
        .query_one(
            "SELECT COUNT(*) FROM identity_users WHERE is_host = 1 AND kind = 0 AND is_active = 1 AND is_deleted = 0",
            params![],
        )
        .await?;
    Ok(Administrators {
        organization_id,
        of_organization: of_organization.get(0)?,
        of_installation: of_installation.get(0)?,
    })
}
