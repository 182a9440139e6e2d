//! `/api/SamlCertificate`: this server does not sign in with SAML, so no organization has certificates for it, and
//! none can be set.

use super::{administered, scoped};
use bandmaster_api::{Call, Output, Registry};
use bandmaster_core::{Error, Result};

const SCOPES: [&str; 1] = ["PM.AuthSetting"];

/// Registers the operations. None of them changes anything.
pub fn register(r: &mut Registry) {
    for id in ["SamlCertificate_UpdatePrimaryCertificate", "SamlCertificate_UpdateSecondaryCertificate"] {
        scoped(r.serve(id, set), &SCOPES).reads().also(&[403]);
    }
    for id in
        ["SamlCertificate_GetCertificatePair", "SamlCertificate_SwitchToPrimary", "SamlCertificate_DeleteCertificate"]
    {
        scoped(r.serve(id, of_none), &SCOPES).reads().also(&[403]);
    }
}

async fn of_none(call: &mut Call) -> Result<Output> {
    administered(call, call.need_argument("partitionGlobalId")?).await?;
    Err(Error::not_found("SamlCertificate"))
}

async fn set(call: &mut Call) -> Result<Output> {
    let partition = call.body().need_text("partitionGlobalId")?.to_owned();
    administered(call, &partition).await?;
    Err(Error::argument("This server does not offer signing in with SAML."))
}
