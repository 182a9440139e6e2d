//! Which machine and which host a call comes from.

use bandmaster_api::Call;
use bandmaster_core::{Error, PrincipalKind, Result, codes};
use bandmaster_fleet::enums::platform;
use bandmaster_fleet::machines::{self, MachineRecord};
use bandmaster_fleet::sessions::{HostReport, HostSession};
use bandmaster_store::{Conn, fold};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A host that calls with the key of a machine.
pub(super) struct Host {
    /// The machine.
    pub machine: MachineRecord,
    /// What the host says about itself.
    pub report: HostReport,
}

/// The host that calls. Only machines may: anybody else is refused.
pub(super) async fn host(call: &Call, conn: &mut Conn, service_user: Option<&str>) -> Result<Host> {
    let machine = match (call.principal.kind, call.principal.machine_id) {
        (PrincipalKind::Machine, Some(id)) => machines::by_id(conn, call.tenant_id()?, id).await?,
        _ => return Err(Error::forbidden()),
    };
    let machine =
        machine.ok_or_else(|| Error::new(401, codes::INVALID_MACHINE_KEY, "The machine key is not known."))?;
    let report = HostReport {
        host_name: host_name(call)?,
        service_user_name: service_user.unwrap_or_default().to_owned(),
        installation_id: call
            .header("x-uipath-installation-id")
            .and_then(bandmaster_core::ids::parse_guid)
            .unwrap_or_default(),
        version: call.header("x-robot-version").map(str::to_owned),
        platform: platform(call.header("x-robot-agent").unwrap_or_default()),
        knows_fencing: knows_fencing(call),
    };
    Ok(Host { machine, report })
}

/// The agent is one that understands reservations.
pub(super) fn knows_fencing(call: &Call) -> bool {
    call.header("x-bandmaster-agent").is_some_and(|v| v.trim() == "1")
}

impl Host {
    /// Whether a session is one of this host's.
    pub fn owns(&self, session: &HostSession) -> bool {
        session.machine_id == self.machine.id
            && session.installation_id == self.report.installation_id
            && fold(&session.host_name) == self.folded()
    }

    /// The host's name for comparing.
    pub fn folded(&self) -> String {
        fold(&self.report.host_name)
    }
}

/// The name of the host, without what no name is stored with; the encoded header counts more.
pub(super) fn host_name(call: &Call) -> Result<String> {
    let name = given_name(call)?;
    let name: String = name.trim().chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).take(255).collect();
    if name.is_empty() {
        return Err(Error::argument("The name of the host is missing."));
    }
    Ok(name)
}

fn given_name(call: &Call) -> Result<String> {
    match call.header("x-robot-machine-encoded").filter(|v| !v.trim().is_empty()) {
        Some(encoded) => STANDARD
            .decode(encoded.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| Error::argument("The header X-ROBOT-MACHINE-ENCODED is no Base64 of a name.")),
        None => Ok(call.header("x-robot-machine").unwrap_or_default().to_owned()),
    }
}
