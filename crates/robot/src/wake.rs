//! The long poll that tells the agent to send a heartbeat at once. It carries nothing else; an
//! agent whose server does not have it works with its regular heartbeats.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::client::{CallError, Client};

/// Wait before asking a server again that does not know the call.
const UNKNOWN_WAIT: Duration = Duration::from_secs(60);

/// Runs until the future is dropped.
pub(crate) async fn run(client: Arc<Client>, wake: Arc<Notify>) {
    let mut stamp: Option<String> = None;
    let mut backoff = client.backoff();
    loop {
        let wait = match client.wait(stamp.as_deref()).await {
            Ok(Some(new)) if Some(&new) != stamp.as_ref() => {
                stamp = Some(new);
                backoff = client.backoff();
                wake.notify_one();
                continue;
            }
            Ok(None) => {
                backoff = client.backoff();
                continue;
            }
            // The same stamp again at once, or none: not to be asked without a pause.
            Ok(Some(_)) => backoff.next(None),
            Err(CallError::Refused { status, message }) => {
                tracing::debug!(status, message, "the server offers no wake-ups");
                stamp = None;
                UNKNOWN_WAIT
            }
            Err(CallError::Away { message, retry_after }) => {
                tracing::debug!(message, "waiting for wake-ups failed");
                // A server that was away may have forgotten what the stamp meant.
                stamp = None;
                backoff.next(retry_after)
            }
        };
        tokio::time::sleep(wait).await;
    }
}
