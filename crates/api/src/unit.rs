//! The unit of work: the only way to change the database. It knows on whose behalf it runs, and it alone
//! makes audit entries and events, in the same transaction as the change they tell of.
//!
//! Await nothing but the unit's own calls between `begin` and `commit`: on SQLite a unit holds the one writer.

use crate::app::App;
use bandmaster_core::{Ids, Principal, PrincipalKind, Result};
use bandmaster_store::{Conn, Fate, params};
use serde_json::Value;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// On whose behalf and where a unit runs.
#[derive(Clone)]
pub struct UnitContext {
    /// Organization.
    pub organization_id: i64,
    /// Tenant, when there is one.
    pub tenant_id: Option<i64>,
    /// Folder, when there is one.
    pub folder_id: Option<i64>,
    /// The caller.
    pub principal: Principal,
    /// The caller's account in the tenant.
    pub user_id: Option<i64>,
    /// Operation or duty.
    pub operation: String,
    /// Trace id of the request.
    pub trace_id: Option<String>,
}

impl UnitContext {
    /// The context of a duty.
    pub fn duty(name: &str) -> UnitContext {
        UnitContext {
            organization_id: 0,
            tenant_id: None,
            folder_id: None,
            principal: Principal::system(0, None),
            user_id: None,
            operation: name.to_owned(),
            trace_id: None,
        }
    }

    /// The same for a tenant.
    #[must_use]
    pub fn within(mut self, organization_id: i64, tenant_id: i64) -> UnitContext {
        self.organization_id = organization_id;
        self.tenant_id = Some(tenant_id);
        self
    }
}

/// The fates of all units that a call began; its answer waits for them.
#[derive(Clone, Default)]
pub struct Fates {
    pending: Arc<Mutex<Vec<Fate>>>,
    commits: Arc<AtomicUsize>,
}

impl Fates {
    fn add(&self, fate: Fate) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(fate);
    }

    /// A unit that others began has committed work of this call.
    pub(crate) fn elsewhere(&self) {
        self.commits.fetch_add(1, Ordering::AcqRel);
    }

    /// How many units were committed.
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::Acquire)
    }

    /// Waits until all of them are durable or lost.
    pub async fn settled(&self) -> Result<()> {
        loop {
            let next = self.pending.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match next {
                Some(fate) => fate.settled().await?,
                None => return Ok(()),
            }
        }
    }
}

/// A change for the audit.
#[derive(Debug, Default)]
pub struct Change<'a> {
    /// Component, a word of the contract's `AuditComponent`.
    pub component: &'a str,
    /// Action, a word of the contract's `AuditAction`.
    pub action: &'a str,
    /// Id of the thing.
    pub id: Option<i64>,
    /// GUID of the thing.
    pub key: Option<&'a str>,
    /// Name of the thing.
    pub name: &'a str,
    /// What it was, without secrets.
    pub before: Option<Value>,
    /// What it is now, without secrets.
    pub after: Option<Value>,
}

/// A unit of work.
pub struct Unit {
    db: bandmaster_store::Unit,
    context: UnitContext,
    now: i64,
    ids: Arc<dyn Ids>,
    nudges: crate::nudges::Nudges,
    store: bandmaster_store::Store,
    topics: Vec<String>,
    fates: Fates,
}

impl Unit {
    /// Begins a unit. Requests use `Call::begin`, duties this.
    pub async fn begin(app: &App, context: UnitContext, fates: Fates) -> Result<Unit> {
        let db = app.store.begin().await?;
        fates.add(db.fate());
        Ok(Unit {
            db,
            context,
            now: app.clock.now(),
            ids: app.ids.clone(),
            nudges: app.nudges.clone(),
            store: app.store.clone(),
            topics: Vec::new(),
            fates,
        })
    }

    /// Runs something in a unit of its own and commits it; an error undoes it. For duties: what they do in one go.
    pub async fn run<T>(app: &App, context: UnitContext, work: impl AsyncFnOnce(&mut Unit) -> Result<T>) -> Result<T> {
        let mut unit = Unit::begin(app, context, Fates::default()).await?;
        let result = work(&mut unit).await?;
        unit.commit().await?;
        Ok(result)
    }

    /// The moment of the unit; the same for everything in it.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// A fresh GUID.
    pub fn guid(&self) -> String {
        self.ids.guid()
    }

    /// Where and for whom it runs.
    pub fn context(&self) -> &UnitContext {
        &self.context
    }

    /// The tenant's id; 0 outside of tenants.
    pub fn tenant_id(&self) -> i64 {
        self.context.tenant_id.unwrap_or(0)
    }

    /// Moves the unit into a tenant for what follows, with the caller's account there; answers where it was. For changes
    /// of an organization that reach into its tenants: what is written meanwhile is that tenant's.
    pub fn enter(&mut self, tenant_id: Option<i64>, user_id: Option<i64>) -> (Option<i64>, Option<i64>) {
        let c = &mut self.context;
        (std::mem::replace(&mut c.tenant_id, tenant_id), std::mem::replace(&mut c.user_id, user_id))
    }

    /// Makes an audit entry.
    pub async fn audit(&mut self, change: Change<'_>) -> Result<()> {
        let c = &self.context;
        let kind = match c.principal.kind {
            PrincipalKind::Anonymous => "Anonymous",
            PrincipalKind::User => "User",
            PrincipalKind::Application => "Application",
            PrincipalKind::Robot => "Robot",
            PrincipalKind::Machine => "Machine",
            PrincipalKind::System => "System",
        };
        let text = |v: Option<Value>| v.map(|v| v.to_string());
        self.db
            .execute(
                "INSERT INTO audit_entries (organization_id, tenant_id, folder_id, at, actor_kind, actor_key, actor_id, \
                 actor_name, client_id, component, action, entity_id, entity_key, entity_name, operation, trace_id, \
                 before_json, after_json) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
                params![
                    c.organization_id,
                    c.tenant_id,
                    c.folder_id,
                    self.now,
                    kind,
                    c.principal.key.as_str(),
                    c.user_id,
                    c.principal.name.as_str(),
                    c.principal.client_id.as_deref(),
                    change.component,
                    change.action,
                    change.id,
                    change.key,
                    change.name,
                    c.operation.as_str(),
                    c.trace_id.as_deref(),
                    text(change.before),
                    text(change.after)
                ],
            )
            .await?;
        Ok(())
    }

    /// Puts an event into the outbox: a fact that others may react to once the unit is committed.
    pub async fn event(
        &mut self,
        kind: &str,
        folder_id: Option<i64>,
        key: Option<&str>,
        payload: &Value,
    ) -> Result<()> {
        let (tenant, now, user) = (self.tenant_id(), self.now, self.context.user_id);
        self.db
            .execute(
                "INSERT INTO events (tenant_id, folder_id, at, kind, entity_key, actor_id, payload) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                params![tenant, folder_id, now, kind, key, user, payload.to_string()],
            )
            .await?;
        Ok(())
    }

    /// Wakes those who wait for the topic, once the unit is committed.
    pub fn nudge(&mut self, topic: impl Into<String>) {
        self.topics.push(topic.into());
    }

    /// Makes everything in the unit durable. Returns only when it is.
    pub async fn commit(self) -> Result<()> {
        let Unit { db, nudges, store, topics, fates, .. } = self;
        db.commit().await?;
        fates.commits.fetch_add(1, Ordering::AcqRel);
        for topic in topics {
            nudges.nudge(&topic);
            store.nudge(&topic);
        }
        Ok(())
    }
}

impl Deref for Unit {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.db
    }
}

impl DerefMut for Unit {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.db
    }
}
