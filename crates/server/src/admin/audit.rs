//! `verify-audit`: is every audit entry as it was written, is none missing, was none added?

use bandmaster_api::App;
use bandmaster_core::{Result, time};
use bandmaster_observe::audit::chain::{Noted, verify as check};
use serde_json::{Value, json};
use std::sync::Arc;

/// Checks the chain; `expect` is a head noted earlier (`number:hash`). `intact` tells the outcome, `problem` the first
/// thing wrong.
pub async fn verify(app: &Arc<App>, expect: Option<&str>) -> Result<Value> {
    let noted = expect.map(Noted::parse).transpose()?;
    let verdict = check(&app.store, noted.as_ref()).await?;
    let problem = verdict
        .problem
        .as_ref()
        .map(|p| json!({"kind": p.kind, "sequence": p.sequence, "entry_id": p.entry_id, "message": p.message}));
    Ok(json!({
        "intact": verdict.problem.is_none(),
        "checked": verdict.head.sequence,
        "head": format!("{}:{}", verdict.head.sequence, verdict.head.hash),
        "sealed_at": (verdict.head.sequence > 0).then(|| time::iso(verdict.head.sealed_at)),
        "unsealed": verdict.unsealed,
        "problem": problem,
    }))
}
