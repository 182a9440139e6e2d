//! Making a version of an uploaded file: its file in place first, then its rows, and in the same unit whatever
//! processes do because of it.

use super::examine::examine;
use super::insert::{exists, insert};
use crate::feeds::{Feed, Purpose};
use crate::files::{Arrived, Stored};
use crate::neighbours;
use crate::nupkg::{Fingerprint, PackageInfo};
use crate::releases;
use crate::versions::record;
use crate::versions::{component, refresh};
use bandmaster_api::{App, Call, Change, Fates, Unit, UnitContext};
use bandmaster_core::{Error, Result, codes};
use serde_json::{Map, Value};

/// How often a unit is tried after clashes of transactions.
const ATTEMPTS: u32 = 5;

/// On whose behalf packages are published.
pub(crate) enum Publisher<'a> {
    /// The caller of an operation.
    Caller(&'a Call),
    /// Whoever has the NuGet key of the tenant.
    Key {
        /// The server.
        app: &'a App,
        /// Where and as whom its units run.
        context: Box<UnitContext>,
        /// The fates of its units; whoever answers waits for them.
        fates: Fates,
    },
}

impl Publisher<'_> {
    fn app(&self) -> &App {
        match self {
            Publisher::Caller(call) => &call.app,
            Publisher::Key { app, .. } => app,
        }
    }

    fn tenant_id(&self) -> Result<i64> {
        match self {
            Publisher::Caller(call) => call.tenant_id(),
            Publisher::Key { context, .. } => {
                context.tenant_id.ok_or_else(|| Error::internal("packages are published in a tenant"))
            }
        }
    }

    async fn begin(&self) -> Result<Unit> {
        match self {
            Publisher::Caller(call) => call.begin().await,
            Publisher::Key { app, context, fates } => {
                Unit::begin(app, UnitContext::clone(context), fates.clone()).await
            }
        }
    }
}

/// Why a file did not become a version. The key is known once the package could be read.
pub(crate) struct Failure {
    /// `Id:Version`.
    pub(crate) key: Option<String>,
    /// The reason.
    pub(crate) error: Error,
}

/// Publishes a file; the version as the API shows it.
pub(crate) async fn publish(
    publisher: &Publisher<'_>,
    feed: &Feed,
    arrived: Arrived,
) -> Result<Map<String, Value>, Failure> {
    let (info, print) = examine(&arrived).await.map_err(|error| Failure { key: None, error })?;
    let made = make(publisher, feed, arrived, &info, &print).await;
    made.map_err(|error| Failure { key: Some(info.key().to_string()), error })
}

/// Refuses packages in the wrong kind of feed.
fn check_kind(feed: &Feed, info: &PackageInfo) -> Result<()> {
    let refuse = |message: String| Err(Error::new(400, codes::INVALID_PACKAGE_DETAILS, message));
    let library = info.kind.is_library();
    match feed.purpose {
        Purpose::Processes if library => {
            refuse(format!("{} is a library and belongs to the libraries; no process can be made of it.", info.id))
        }
        // Packages that tell nothing of themselves may well be libraries made by hand.
        Purpose::Libraries if !library && info.kind.project_type() != "Undefined" => {
            refuse(format!("{} is no library but a package of type {}.", info.id, info.kind.package_type()))
        }
        _ => Ok(()),
    }
}

async fn make(
    publisher: &Publisher<'_>,
    feed: &Feed,
    arrived: Arrived,
    info: &PackageInfo,
    print: &Fingerprint,
) -> Result<Map<String, Value>> {
    check_kind(feed, info)?;
    let (app, tenant_id) = (publisher.app(), publisher.tenant_id()?);
    // Most refusals are repeated uploads; they need not go through the disk.
    let known = record::find(&mut app.store.read().await?, &feed.id, info.id.as_str(), &info.version).await?;
    if known.is_some() {
        return Err(exists(info));
    }
    let mut stored = arrived.keep(app, tenant_id).await?;
    let mut attempt = 1;
    loop {
        match once(publisher, tenant_id, feed, info, print, &mut stored).await {
            // The dispatcher cannot repeat an upload, whose body has been read.
            Err(e) if e.is_repeatable() && attempt < ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn once(
    publisher: &Publisher<'_>,
    tenant_id: i64,
    feed: &Feed,
    info: &PackageInfo,
    print: &Fingerprint,
    stored: &mut Stored,
) -> Result<Map<String, Value>> {
    let mut unit = publisher.begin().await?;
    let shown = within(&mut unit, tenant_id, feed, info, print, stored).await?;
    stored.settle();
    unit.commit().await?;
    Ok(shown)
}

async fn within(
    unit: &mut Unit,
    tenant_id: i64,
    feed: &Feed,
    info: &PackageInfo,
    print: &Fingerprint,
    stored: &Stored,
) -> Result<Map<String, Value>> {
    if let Some(folder) = &feed.folder
        && neighbours::key_of_folder(unit, folder.id).await?.is_none()
    {
        // Deleted while the upload was on its way; nothing would ever show its rows.
        return Err(Error::not_found("Feed"));
    }
    let made = insert(unit, tenant_id, feed, info, print, stored.name()).await?;
    let latest = refresh(unit, made.package_ref).await?;
    if feed.purpose == Purpose::Processes {
        if let Some(latest) = latest {
            releases::follow(unit, feed, info.id.as_str(), latest).await?;
        }
        if let Some(folder) = feed.folder.as_ref().filter(|f| f.personal) {
            releases::deploy(unit, folder.id, made.version_id).await?;
        }
    }
    let shown = record::json(unit, feed.purpose, tenant_id, made.version_id).await?;
    let shown = shown.ok_or_else(|| Error::internal("a package vanished while it was made"))?;
    let name = info.key().to_string();
    unit.audit(Change {
        component: component(feed.purpose),
        action: "Upload",
        id: Some(made.version_id),
        name: &name,
        after: Some(Value::Object(shown.clone())),
        ..Change::default()
    })
    .await?;
    Ok(shown)
}
