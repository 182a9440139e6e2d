//! Whether a host can be reached, asked before a webhook is stored: a TCP connection, and for https a handshake. Nothing
//! is sent over it.

use bandmaster_api::outgoing::{self, Trouble};
use bandmaster_api::{Call, Outgoing, Output, Registry};
use bandmaster_core::{Error, Result};
use serde_json::json;

/// Registers the operation.
pub fn register(r: &mut Registry) {
    r.serve("Status_VerifyHostAvailibility", verify);
}

/// `GET /api/Status/VerifyHostAvailibility?url=…`. A host that cannot be reached, or must not be, is an answer and no
/// error. A bad certificate is told as such only after the host was reached.
async fn verify(call: &mut Call) -> Result<Output> {
    let text = call.query("url").ok_or_else(|| Error::argument("The query parameter url is missing."))?;
    let url = outgoing::address_of(text).map_err(|t| Error::argument(t.words()))?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(Error::argument(Trouble::NoAddress.words()));
    };
    let out = Outgoing::of(&call.app)?;
    let (reached, trouble) = match out.connect(host, port).await {
        Err(trouble) => (false, Some(trouble)),
        Ok(_) if url.scheme() != "https" => (true, None),
        Ok(stream) => (true, out.tls(host, stream).await.err()),
    };
    Ok(Output::json(json!({
        "canConnect": reached,
        "hasBadSsl": trouble == Some(Trouble::Tls),
        "connectionError": trouble.map(Trouble::words),
    })))
}
