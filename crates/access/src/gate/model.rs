//! What all callers of a tenant share: the folder tree and what the roles permit in folders, as of one
//! access version.

use crate::folders::tree::Tree;
use bandmaster_api::PermissionSet;
use bandmaster_core::Result;
use bandmaster_store::{Conn, DbError, Dialect, Joint, Store, params};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Tree and roles of a tenant.
#[derive(Debug, Default)]
pub struct Model {
    /// The `tenants.access_version` that this is of.
    pub version: i64,
    /// The folders.
    pub tree: Tree,
    /// Folder permissions of mixed and folder roles, by role id.
    pub roles: HashMap<i64, PermissionSet>,
    /// Tenant permissions of mixed and tenant roles, by role id.
    pub tenant_roles: HashMap<i64, PermissionSet>,
}

/// Version of a tenant and whether it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// `tenants.access_version`.
    pub version: i64,
    /// Whether the tenant is switched on.
    pub active: bool,
}

/// Reads the standing; `None` when there is no such tenant.
pub async fn standing(conn: &mut Conn, tenant_id: i64) -> Result<Option<Standing>, DbError> {
    let row = conn.query_opt("SELECT access_version, is_active FROM tenants WHERE id = $1", params![tenant_id]).await?;
    row.map(|r| Ok(Standing { version: r.get(0)?, active: r.get(1)? })).transpose()
}

impl Model {
    /// Reads the model of a version. What changes meanwhile belongs to a later version, so at worst it is read again.
    pub async fn load(conn: &mut Conn, tenant_id: i64, version: i64) -> Result<Model> {
        let tree = Tree::load(conn, tenant_id).await?;
        let rows = conn
            .query(
                "SELECT p.role_id, p.permission, p.scope FROM role_permissions p JOIN roles r ON r.id = p.role_id \
                 WHERE r.tenant_id = $1 AND (r.type IN (0, 2) AND p.scope = 1 OR r.type IN (0, 1) AND p.scope = 0)",
                params![tenant_id],
            )
            .await?;
        let (mut roles, mut tenant_roles): (HashMap<i64, PermissionSet>, HashMap<i64, PermissionSet>) = <_>::default();
        for row in rows {
            let permission: String = row.get(1)?;
            let of = if row.get::<i64>(2)? == 0 { &mut tenant_roles } else { &mut roles };
            of.entry(row.get(0)?).or_default().insert(&permission);
        }
        Ok(Model { version, tree, roles, tenant_roles })
    }
}

/// The newest model of a tenant that this node has read, and the newest version that it has seen.
#[derive(Debug, Default)]
pub struct Kept {
    seen: AtomicI64,
    reading: Joint<Option<Standing>>,
    model: RwLock<Option<Arc<Model>>>,
    // After a change everybody needs the new model at once; one reads it for all.
    loading: tokio::sync::Mutex<()>,
}

impl Kept {
    /// Notes a version; tells whether it is newer than any before.
    pub fn note(&self, version: i64) -> bool {
        self.seen.fetch_max(version, Ordering::AcqRel) < version
    }

    /// The newest version seen.
    pub fn seen(&self) -> i64 {
        self.seen.load(Ordering::Acquire)
    }

    /// The standing as it is now. On PostgreSQL all who ask at the same time share one reading, which begins after they
    /// asked; on SQLite reading costs less than waiting.
    pub async fn standing(&self, store: &Store, tenant_id: i64) -> Result<Option<Standing>> {
        Ok(match store.dialect() {
            Dialect::Sqlite => standing(&mut store.read().await?, tenant_id).await?,
            Dialect::Postgres => {
                let store = store.clone();
                let read = move || {
                    let store = store.clone();
                    async move { standing(&mut store.read().await?, tenant_id).await }
                };
                self.reading.read(read).await?
            }
        })
    }

    /// The model, if it is at least of that version.
    pub fn at_least(&self, version: i64) -> Option<Arc<Model>> {
        let kept = self.model.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|m| m.version >= version).cloned()
    }

    /// The model of at least that version, read when it is not there.
    pub async fn model(&self, store: &Store, tenant_id: i64, version: i64) -> Result<Arc<Model>> {
        if let Some(model) = self.at_least(version) {
            return Ok(model);
        }
        let _turn = self.loading.lock().await;
        if let Some(model) = self.at_least(version) {
            return Ok(model);
        }
        let model = Arc::new(Model::load(&mut store.read().await?, tenant_id, version).await?);
        self.keep(&model);
        Ok(model)
    }

    /// Keeps a model unless a newer one is there.
    pub fn keep(&self, model: &Arc<Model>) {
        let mut kept = self.model.write().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|m| m.version <= model.version) {
            *kept = Some(model.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest() {
        let kept = Kept::default();
        assert!(kept.note(3) && !kept.note(3) && !kept.note(2) && kept.note(5));
        assert_eq!(kept.seen(), 5);
        let model = |version| Arc::new(Model { version, ..Model::default() });
        assert!(kept.at_least(0).is_none());
        kept.keep(&model(4));
        kept.keep(&model(3));
        assert_eq!(kept.at_least(4).map(|m| m.version), Some(4));
        assert!(kept.at_least(5).is_none());
    }
}
