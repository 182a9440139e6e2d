//! Publishing over NuGet: the same upload under another address.

use super::access::{challenged, enter};
use crate::uploads::{Publisher, publish, receive};
use bandmaster_api::{Call, Fates, Output};
use bandmaster_core::{Error, Result, codes};

/// `PUT …/package`
pub(super) async fn push(call: &mut Call) -> Result<Output> {
    let outcome = pushed(call).await;
    challenged(call, outcome)
}

async fn pushed(call: &mut Call) -> Result<Output> {
    let entered = enter(call, "Create").await?;
    let mut uploads = receive(call, false).await?;
    let (Some(upload), None) = (uploads.pop(), uploads.pop()) else {
        return Err(Error::new(400, codes::INVALID_PACKAGE_COUNT, "Exactly one package can be pushed at once."));
    };
    let arrived = upload.file?;
    let fates = Fates::default();
    let publisher = match entered.by_key {
        None => Publisher::Caller(call),
        Some(context) => Publisher::Key { app: &call.app, context, fates: fates.clone() },
    };
    let made = publish(&publisher, &entered.feed, arrived).await;
    fates.settled().await?;
    made.map_err(|failure| failure.error)?;
    Ok(Output::empty().status(201))
}
