//! Putting the features together: which operations, parts and duties make up the server, and what the first start
//! makes. The only place that knows all features.

use crate::config::Config;
use crate::data::DataFolder;
use crate::start::FirstStart;
use anyhow::Context;
use bandmaster_access as access;
use bandmaster_api::gate::FleetCredentials;
use bandmaster_api::housekeeping::Housekeeping;
use bandmaster_api::outgoing::{self, Outgoing};
use bandmaster_api::{App, Duty, Fates, Parts, Registry, Settings, Unit, UnitContext};
use bandmaster_automation as automation;
use bandmaster_core::clock::{DAY, SECOND};
use bandmaster_core::{Clock, Ids, KeyRing, Result, Secret};
use bandmaster_fleet as fleet;
use bandmaster_identity::{self as identity, BootstrapPlan, Identity};
use bandmaster_observe as observe;
use bandmaster_packages as packages;
use bandmaster_queues as queues;
use bandmaster_resources as resources;
use bandmaster_store::Store;
use rustls::pki_types::pem::PemObject;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// All operations of all features.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    identity::register(&mut registry);
    access::register(&mut registry);
    fleet::register(&mut registry);
    packages::register(&mut registry);
    automation::register(&mut registry);
    queues::register(&mut registry);
    resources::register(&mut registry);
    observe::register(&mut registry);
    registry
}

/// Settings that operations ask for.
pub fn settings(config: &Config, data: &DataFolder) -> Settings {
    Settings {
        public_url: config.text("public-url").map(|u| u.trim_end_matches('/').to_owned()),
        trust_proxy: config.is("trust-proxy"),
        api_version: config.text("api-version").unwrap_or("20.0").to_owned(),
        strict_bodies: config.is("strict-bodies"),
        max_upload_bytes: config.number("max-upload-mib").saturating_mul(1 << 20),
        files: data.files(),
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
        cors_origins: config
            .text("cors-origins")
            .map(|list| list.split(',').map(|o| o.trim().to_owned()).collect())
            .unwrap_or_default(),
        ..Settings::default()
    }
}

/// The mail server of the configuration.
pub fn mail(config: &Config) -> anyhow::Result<Option<identity::MailServer>> {
    identity::MailServer::parse(
        config.text("smtp-host"),
        config.number("smtp-port"),
        config.text("smtp-tls").unwrap_or("starttls"),
        (config.text("smtp-user"), config.text("smtp-password")),
        (config.text("smtp-from"), config.text("smtp-from-name")),
    )
    .map_err(|problem| anyhow::anyhow!("{problem}"))
}

/// The guarded client for addresses that users have chosen.
pub fn outgoing(config: &Config) -> anyhow::Result<Outgoing> {
    let allowed = outgoing::Allowed::parse(config.text("outgoing-allowed").unwrap_or_default())
        .map_err(|problem| anyhow::anyhow!("outgoing-allowed: {problem}"))?;
    let authorities = match config.text("outgoing-authorities") {
        Some(path) => {
            let read: Vec<_> = outgoing::CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .with_context(|| format!("outgoing-authorities: {path}"))?;
            anyhow::ensure!(!read.is_empty(), "outgoing-authorities: {path} holds no certificate");
            read
        }
        None => Vec::new(),
    };
    let patience = Duration::from_secs(config.number("outgoing-seconds").clamp(1, 60));
    Ok(Outgoing::new(allowed, authorities, patience))
}

/// What the server stands on.
pub struct Ground {
    /// Database.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub ids: Arc<dyn Ids>,
    /// Keys for secrets at rest.
    pub keys: KeyRing,
    /// The mail server of the configuration.
    pub mail: Option<identity::MailServer>,
    /// The guarded client.
    pub outgoing: Outgoing,
    /// Hash passwords at the least cost.
    pub cheap_hashes: bool,
}

/// The app and its duties.
pub struct Wired {
    /// The app.
    pub app: App,
    /// Background duties.
    pub duties: Vec<Arc<dyn Duty>>,
}

/// Puts the app together.
pub fn app(config: &Config, settings: Settings, ground: Ground) -> Wired {
    let mut options = identity::Options::default();
    if ground.cheap_hashes {
        options.cost = identity::password::Cost::least();
    }
    let who = Identity::new(options);
    let mut parts = Parts::default();
    parts.insert(who.clone());
    parts.insert(ground.outgoing);
    parts.insert::<Box<dyn identity::TenantDirectory>>(Box::new(access::Tenants));
    if let Some(mail) = ground.mail {
        parts.insert(identity::ServerMail(mail));
    }
    parts.insert::<Box<dyn identity::TenantAccounts>>(Box::new(access::Tenants));
    let running: Arc<dyn fleet::RunningJobs> = Arc::new(automation::Jobs);
    let robots = fleet::Fleet::new(Some(running.clone()));
    parts.insert::<Arc<dyn fleet::RunningJobs>>(running);
    parts.insert::<Box<dyn fleet::LiveJobs>>(Box::new(automation::Jobs));
    let uses: Vec<Box<dyn packages::releases::ReleaseUse>> = vec![Box::new(automation::Jobs)];
    parts.insert(uses);
    let micros = |name| i64::try_from(config.number(name)).unwrap_or(i64::MAX / SECOND).saturating_mul(SECOND);
    parts.insert(automation::JobSettings {
        reservation: micros("reservation-seconds"),
        lost_after: micros("lost-seconds"),
        ..automation::JobSettings::default()
    });
    parts.insert::<Box<dyn FleetCredentials>>(Box::new(fleet::Credentials));
    parts.insert::<Box<dyn access::parts::MachineFolders>>(Box::new(robots.clone()));
    parts.insert::<Box<dyn access::parts::RobotProvisioning>>(Box::new(robots.clone()));
    // Jobs come before the releases they refer to.
    let mut contents: Vec<Box<dyn access::parts::FolderContents>> = vec![
        Box::new(automation::Jobs),
        Box::new(packages::FolderReleases),
        Box::new(queues::contents::QueueContents),
        Box::new(observe::logs::LogContents),
        Box::new(robots.clone()),
    ];
    contents.extend(resources::folder_contents());
    parts.insert(contents);
    parts.insert(resources::attachments_part());
    parts.insert(resources::archives_part());
    let accounts: Vec<Box<dyn access::parts::AccountContents>> =
        vec![Box::new(automation::Jobs), Box::new(robots.clone())];
    parts.insert(accounts);
    // What refers to others comes before what it refers to; folders and accounts come last.
    let of_tenants: Vec<Box<dyn access::parts::TenantContents>> = vec![
        Box::new(automation::Jobs),
        Box::new(packages::TenantPackages),
        Box::new(queues::contents::QueueContents),
        Box::new(resources::TenantResources),
        Box::new(observe::TenantRecords),
        Box::new(robots.clone()),
        Box::new(access::TenantRows),
    ];
    parts.insert(of_tenants);
    let app = App {
        store: ground.store,
        clock: ground.clock,
        ids: ground.ids,
        keys: ground.keys,
        settings,
        nudges: bandmaster_api::nudges::Nudges::default(),
        metrics: bandmaster_api::metrics::Metrics::default(),
        stopping: CancellationToken::new(),
        authenticator: Box::new(who),
        gate: Box::new(access::AccessGate::new()),
        parts,
        gathered: Default::default(),
    };
    let mut duties: Vec<Arc<dyn Duty>> = vec![Arc::new(Housekeeping), Arc::new(identity::Upkeep::default())];
    duties.push(Arc::new(identity::Mailer::default()));
    duties.push(Arc::new(identity::ResetRequests));
    duties.push(Arc::new(access::TenantRemoval::default()));
    duties.extend(fleet::duties());
    duties.extend(automation::duties());
    duties.push(Arc::new(packages::PackageFiles));
    duties.extend(resources::duties());
    duties.extend(queues::duties());
    duties.push(Arc::new(observe::exports::ExportRuns));
    duties.push(Arc::new(observe::audit::chain::Sealing::default()));
    let days = i64::try_from(config.number("log-retention-days")).unwrap_or(i64::MAX);
    duties.push(Arc::new(observe::logs::LogAgeing { keep: days.saturating_mul(DAY) }));
    Wired { app, duties }
}

/// Makes organization, tenant, folder and administrator when there are none yet.
pub async fn first_start(app: &Arc<App>, password: Option<&str>) -> Result<Option<FirstStart>> {
    if identity::is_bootstrapped(&mut app.store.read().await?).await? {
        return Ok(None);
    }
    let who = Identity::of(app)?;
    let plan = BootstrapPlan::prepare(who, app, password.map(Secret::new)).await?;
    let user = plan.administrator.clone();
    let mut unit = Unit::begin(app, UnitContext::duty("first start"), Fates::default()).await?;
    // Two nodes may start at once on one database: the second finds the organization here.
    if identity::is_bootstrapped(&mut unit).await? {
        return Ok(None);
    }
    let made = identity::bootstrap(&mut unit, plan).await?;
    access::bootstrap(&mut unit, made.organization.id, Some(&made.administrator.key)).await?;
    unit.commit().await?;
    Ok(Some(FirstStart { user, password: made.password }))
}

/// A further organization that was made.
pub struct NewOrganization {
    /// Its tenant.
    pub tenant_id: i64,
    /// The tenant's folder `Shared`.
    pub folder_id: i64,
}

/// Makes a further organization with a tenant and the administrator `admin`.
pub async fn organization(unit: &mut Unit, name: &str, password_hash: &str) -> Result<NewOrganization> {
    let administrator = identity::users::NewUser {
        user_name: "admin",
        name: Some("Administrator"),
        password_hash: Some(password_hash),
        ..identity::users::NewUser::default()
    };
    let (organization, _, user) =
        identity::bootstrap::organization_with_administrator(unit, name, &administrator).await?;
    let tenant = access::bootstrap(unit, organization.id, Some(&user.key)).await?;
    Ok(NewOrganization { tenant_id: tenant.id, folder_id: tenant.folder_id })
}
