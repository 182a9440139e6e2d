//! `GET /api/audit/chain`: the head, to be noted where those who can write the database cannot.
//!
//! The chain is one for the whole installation, so only its administrators see how long it is.

use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::{Result, time};
use serde_json::json;

/// Registers the operation.
pub fn register(r: &mut Registry) {
    r.types("type AuditChainHead\n  sequence int64\n  hash string\n  sealedAt datetime\n  unsealed int64\n");
    let row = own("AuditLogs_GetChainHead", "GET", "/api/audit/chain")
        .tag("AuditLogs")
        .host()
        .scopes("OR.Audit,OR.Audit.Read")
        .returns(200, "AuditChainHead");
    r.add(row, chain);
}

async fn chain(call: &mut Call) -> Result<Output> {
    let mut conn = call.read().await?;
    let head = super::head(&mut conn).await?;
    let unsealed = super::unsealed(&mut conn).await?;
    Ok(Output::json(json!({
        "sequence": head.sequence,
        "hash": head.hash,
        "sealedAt": (head.sequence > 0).then(|| time::iso(head.sealed_at)),
        "unsealed": unsealed,
    })))
}
