//! The token endpoint: reads the request, finds the client, lets the grant decide.

use super::client;
use super::failure::{Outcome, answered, refuse};
use super::form::Form;
use super::{code, device, grants, refresh};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;

/// `POST /identity/connect/token`.
pub async fn token(call: &mut Call) -> Result<Output> {
    answered(decide(call).await)
}

async fn decide(call: &Call) -> Outcome<Output> {
    let form = Form::body(call)?;
    match form.need("grant_type")? {
        "client_credentials" => grants::client_credentials(call, &form).await,
        "password" => {
            let (application, _) = client::authenticated(call, &form).await?;
            grants::password(call, &form, &application).await
        }
        "authorization_code" => {
            let (application, _) = client::authenticated(call, &form).await?;
            code::redeem(call, &form, &application).await
        }
        "refresh_token" => {
            let (application, _) = client::authenticated(call, &form).await?;
            refresh::refresh(call, &form, &application).await
        }
        device::GRANT => {
            let (application, _) = client::authenticated(call, &form).await?;
            device::redeem(call, &form, &application).await
        }
        _ => Err(refuse("unsupported_grant_type", "This grant type is not supported.")),
    }
}
