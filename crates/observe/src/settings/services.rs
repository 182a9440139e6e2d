//! Addresses for robots: everything is at this server.

use super::dictionary;
use bandmaster_api::{Call, Output};
use bandmaster_core::{Error, PrincipalKind, Result};
use bandmaster_packages::feeds::{Feed, Purpose, url};

/// The addresses. Only machines and robots ask for them. Both package feeds take the machine's own key, so the feed's
/// key, which outlives a machine, is not given away here.
pub async fn settings(call: &mut Call) -> Result<Output> {
    if !matches!(call.principal.kind, PrincipalKind::Machine | PrincipalKind::Robot) {
        return Err(Error::forbidden());
    }
    let tenant = call.tenant()?;
    let feed = |purpose| url(&call.base, &Feed::of_tenant(&tenant.key, purpose).id);
    let pairs = [
        ("ConfigurationUrl", call.base.clone()),
        ("DeploymentUrl", feed(Purpose::Processes)),
        ("MonitoringUrl", call.base.clone()),
        // There is no hub for notifications.
        ("NotificationHubUrl", String::new()),
        ("LoggingUrl", call.base.clone()),
        ("QueuesSvcUrl", call.base.clone()),
        ("NuGet.Packages.ApiKey", String::new()),
        ("NuGetServiceApiKey", String::new()),
        ("ActivitiesFeed", feed(Purpose::Libraries)),
    ];
    Ok(dictionary(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}
