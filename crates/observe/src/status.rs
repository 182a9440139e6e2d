//! Status probes and the version, for load balancers and clients.

use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Error, Result};
use serde_json::json;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("Status_Get", get);
    let version = own("Status_Version", "GET", "/api/Status/Version").anonymous().returns(200, "any");
    r.add(version, version_of);
}

/// 200 while this node should get traffic.
async fn get(call: &mut Call) -> Result<Output> {
    if call.app.stopping.is_cancelled() || !call.app.store.healthy() {
        return Err(Error::unavailable("this node does not take traffic"));
    }
    call.read().await?.query("SELECT 1", &[]).await?;
    Ok(Output::empty())
}

/// Product version. `deployment` is no known value on purpose: the vendor's command line then asks for the full set of
/// scopes, which the built-in client understands.
async fn version_of(call: &mut Call) -> Result<Output> {
    let version = call.app.settings.product_version.clone();
    Ok(Output::json(json!({"version": version, "deployment": "Bandmaster", "configsVersion": null})))
}
