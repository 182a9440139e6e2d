//! Delivering the spooled log records to the server, job after job in turns, in the order in which
//! each job wrote them.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use crate::client::{CallError, Client};
use crate::folders::blocking;
use crate::spool::Spool;

/// Runs until the future is dropped. `grown` is notified by every spool.
pub(crate) async fn run(client: Arc<Client>, mut new: mpsc::UnboundedReceiver<Arc<Spool>>, grown: Arc<Notify>) {
    let mut spools: Vec<Arc<Spool>> = Vec::new();
    loop {
        while let Ok(spool) = new.try_recv() {
            spools.push(spool);
        }
        let mut sent_any = false;
        let mut open = Vec::with_capacity(spools.len());
        for spool in std::mem::take(&mut spools) {
            match turn(&client, &spool).await {
                Turn::Sent => {
                    sent_any = true;
                    open.push(spool);
                }
                Turn::Empty => open.push(spool),
                Turn::Over => {}
            }
        }
        spools = open;
        if !sent_any {
            tokio::select! {
                () = grown.notified() => {}
                spool = new.recv() => match spool {
                    Some(spool) => spools.push(spool),
                    None => grown.notified().await,
                },
            }
        }
    }
}

enum Turn {
    Sent,
    Empty,
    Over,
}

/// One batch of one job.
async fn turn(client: &Client, spool: &Arc<Spool>) -> Turn {
    // Asked before the batch is read: what came in between is found by the next turn.
    let finished = spool.is_finished();
    let reader = spool.clone();
    let batch = match blocking(move || reader.next_batch()).await {
        Ok(batch) => batch,
        Err(error) => {
            tracing::error!(%error, "a log spool cannot be read and is given up");
            spool.close();
            return Turn::Over;
        }
    };
    if batch.records.is_empty() {
        if !finished {
            return Turn::Empty;
        }
        spool.close();
        return Turn::Over;
    }
    let who = spool.who();
    let sent = client.until_answered("log delivery", || client.submit_logs(&who, &batch.records)).await;
    if let Err(CallError::Refused { status, message }) = sent {
        let lines = batch.records.len();
        tracing::warn!(status, message, lines, "the server refuses log lines");
    }
    let writer = spool.clone();
    if let Err(error) = blocking(move || writer.done_with(&batch)).await {
        tracing::error!(%error, "a log spool cannot be written and is given up");
        spool.close();
        return Turn::Over;
    }
    Turn::Sent
}
