//! The gate: tenant of a request, rights of a caller, folder of the headers.
//!
//! Every request reads one row, the tenant's `access_version`. Rights, folder tree and tenants are kept in memory
//! and are as good as that version is the same; whoever changes a right or the tree raises it
//! ([`crate::rights_changed`]), so a change holds from the next request on, on every node.

pub mod compute;
pub mod model;
mod resolve;
mod settle;
mod tenants;

use crate::parts::MachineFolders;
use bandmaster_api::{App, Folder, FolderWish, Gate, Rights, Tenant, TenantWish};
use bandmaster_core::{Error, Principal, PrincipalKind, Result};
use bandmaster_store::Conn;
use futures::future::BoxFuture;
use model::{Kept, Model, Standing};
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// Memory for the rights of callers; beyond that the least used go. Enough for 20,000 callers of a hundred folders each.
const RIGHTS_BYTES: u64 = 128 << 20;
/// What a caller takes besides its folders.
const CALLER_BYTES: usize = 512;
/// What a folder takes in a caller's rights: id, permissions, and the tree's own.
const FOLDER_BYTES: usize = 56;
/// Addresses whose tenant is kept.
const ADDRESSED: u64 = 20_000;
/// Tenants whose tree is kept.
const TENANTS: u64 = 2_000;
/// How long a tenant of an address is believed. Renames end it sooner, but not those of organizations.
const ADDRESSES: Duration = Duration::from_secs(60);
/// How often rights are read when they change meanwhile.
const READINGS: u32 = 3;

/// Bytes that somebody's rights take, about.
fn weight(rights: &Rights) -> u32 {
    let bytes = CALLER_BYTES + rights.folders.len() * FOLDER_BYTES + rights.assigned.len() * size_of::<i64>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Caller {
    tenant: i64,
    kind: PrincipalKind,
    key: String,
    machine: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Address {
    organization: i64,
    bound: Option<i64>,
    kind: PrincipalKind,
    wish: [Option<String>; 3],
}

/// The gate.
pub struct AccessGate {
    rights: Cache<Caller, (i64, Arc<Rights>)>,
    tenants: Cache<i64, Arc<Kept>>,
    addresses: Cache<Address, Tenant>,
    everything: Arc<Rights>,
    nothing: Arc<Rights>,
}

impl Default for AccessGate {
    fn default() -> AccessGate {
        AccessGate {
            rights: Cache::builder()
                .max_capacity(RIGHTS_BYTES)
                .weigher(|_, (_, rights): &(i64, Arc<Rights>)| weight(rights))
                .time_to_idle(Duration::from_secs(3600))
                .build(),
            tenants: Cache::new(TENANTS),
            addresses: Cache::builder().max_capacity(ADDRESSED).time_to_live(ADDRESSES).build(),
            everything: Arc::new(Rights::everything()),
            nothing: Arc::new(Rights::default()),
        }
    }
}

impl AccessGate {
    /// A gate that knows nothing yet.
    pub fn new() -> AccessGate {
        AccessGate::default()
    }

    fn kept(&self, tenant_id: i64) -> Arc<Kept> {
        self.tenants.get_with(tenant_id, Arc::default)
    }

    async fn standing(&self, app: &App, principal: &Principal, tenant_id: i64) -> Result<Standing> {
        let kept = self.kept(tenant_id);
        let standing = kept.standing(&app.store, tenant_id).await?.filter(|s| s.active);
        let standing = standing.ok_or_else(|| tenants::denied(principal))?;
        if kept.note(standing.version) {
            // What changed may have been the tenant's name.
            self.addresses.invalidate_all();
        }
        Ok(standing)
    }

    async fn current(&self, app: &App, principal: &Principal, tenant: &Tenant) -> Result<Arc<Rights>> {
        match principal.kind {
            PrincipalKind::System => return Ok(self.everything.clone()),
            PrincipalKind::Anonymous => return Ok(self.nothing.clone()),
            _ if principal.organization_id != tenant.organization_id => return Err(Error::forbidden()),
            _ => {}
        }
        let caller = Caller {
            tenant: tenant.id,
            kind: principal.kind,
            key: principal.key.clone(),
            machine: principal.machine_id,
        };
        let mut standing = self.standing(app, principal, tenant.id).await?;
        if let Some((version, rights)) = self.rights.get(&caller)
            && version == standing.version
        {
            return Ok(rights);
        }
        let mut reading = 0;
        loop {
            reading += 1;
            let model = self.kept(tenant.id).model(&app.store, tenant.id, standing.version).await?;
            let mut conn = app.store.read().await?;
            let rights = match principal.kind {
                PrincipalKind::Machine => machine(app, &mut conn, &model, principal, tenant).await?,
                _ => account(app, conn, &model, principal, tenant).await?,
            };
            let rights = Arc::new(rights);
            let now = self.standing(app, principal, tenant.id).await?;
            if now.version == standing.version {
                self.rights.insert(caller, (now.version, rights.clone()));
                return Ok(rights);
            }
            if reading == READINGS {
                // Something changes all the time. Each part was true during this request; it is not kept.
                return Ok(rights);
            }
            standing = now;
        }
    }

    async fn named(&self, app: &App, tenant: &Tenant, rights: &Rights, wish: &FolderWish) -> Result<Folder> {
        let kept = self.kept(tenant.id);
        let mut version = kept.seen();
        for attempt in 0..2 {
            let model = kept.model(&app.store, tenant.id, version.max(1)).await?;
            if let Some(node) = resolve::resolve(&model.tree, wish) {
                if !rights.sees(node.id) {
                    return Err(Error::folder());
                }
                return Ok(Folder {
                    id: node.id,
                    key: node.key.clone(),
                    path: node.path.clone(),
                    name: node.name.clone(),
                    parent_id: node.parent_id,
                });
            }
            // The server itself comes here without having asked for rights, which would have seen the newest version.
            match kept.standing(&app.store, tenant.id).await? {
                Some(s) if attempt == 0 && s.version > model.version => version = s.version,
                _ => break,
            }
        }
        Err(Error::folder())
    }
}

async fn machine(app: &App, conn: &mut Conn, model: &Model, principal: &Principal, tenant: &Tenant) -> Result<Rights> {
    let folders = match (app.parts.get::<Box<dyn MachineFolders>>(), principal.machine_id) {
        (Some(part), Some(machine)) => part.folders(conn, tenant.id, machine).await?,
        _ => Vec::new(),
    };
    Ok(compute::of_machine(model, &folders))
}

/// The rights of an account, which is taken in first where that is due.
async fn account(app: &App, conn: Conn, model: &Model, principal: &Principal, tenant: &Tenant) -> Result<Rights> {
    let (mut conn, row) = settle::settled(app, conn, principal, tenant).await?;
    let on_machine = principal.machine_id.is_some();
    of_row(&mut conn, model, row, principal.kind, on_machine).await
}

/// The rights of an account by its row in the tenant. Takes nobody in.
pub async fn of_row(
    conn: &mut Conn,
    model: &Model,
    row: Option<compute::AccountRow>,
    kind: PrincipalKind,
    on_machine: bool,
) -> Result<Rights> {
    match row {
        Some(row) if row.active => {
            let mut rights = compute::of_account(conn, model, row.id).await?;
            if kind == PrincipalKind::Robot {
                compute::add_robot(&mut rights, on_machine);
            }
            Ok(rights)
        }
        // Switched off in this tenant: known, but without any right.
        Some(row) => Ok(Rights { user_id: Some(row.id), ..Rights::default() }),
        None => Ok(Rights::default()),
    }
}

impl Gate for AccessGate {
    fn tenant<'a>(
        &'a self,
        app: &'a App,
        principal: &'a Principal,
        wish: &'a TenantWish,
    ) -> BoxFuture<'a, Result<Option<Tenant>>> {
        Box::pin(async move {
            let address = Address {
                organization: principal.organization_id,
                bound: principal.tenant_id,
                kind: principal.kind,
                wish: [wish.organization.clone(), wish.tenant.clone(), wish.tenant_name.clone()],
            };
            if let Some(tenant) = self.addresses.get(&address) {
                return Ok(Some(tenant));
            }
            let found = tenants::find(&mut app.store.read().await?, principal, wish).await?;
            if let Some(tenant) = &found {
                self.addresses.insert(address, tenant.clone());
            }
            Ok(found)
        })
    }

    fn rights<'a>(
        &'a self,
        app: &'a App,
        principal: &'a Principal,
        tenant: &'a Tenant,
    ) -> BoxFuture<'a, Result<Arc<Rights>>> {
        Box::pin(self.current(app, principal, tenant))
    }

    fn folder<'a>(
        &'a self,
        app: &'a App,
        tenant: &'a Tenant,
        rights: &'a Rights,
        wish: &'a FolderWish,
    ) -> BoxFuture<'a, Result<Folder>> {
        Box::pin(self.named(app, tenant, rights, wish))
    }
}
