//! What clients find out by themselves: the server's metadata (RFC 8414, OpenID Connect Discovery) and its keys.

use super::{device, issue};
use crate::identity::Identity;
use crate::scopes;
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use serde_json::json;

/// `GET /identity/.well-known/openid-configuration`.
pub async fn document(call: &mut Call) -> Result<Output> {
    let issuer = issue::issuer(call);
    let at = |path: &str| format!("{issuer}{path}");
    let mut known: Vec<&str> = scopes::PERSONAL.to_vec();
    known.push(scopes::EVERYTHING);
    known.extend(scopes::resources());
    Ok(Output::json(json!({
        "issuer": issuer,
        "jwks_uri": at("/.well-known/openid-configuration/jwks"),
        "authorization_endpoint": at("/connect/authorize"),
        "token_endpoint": at("/connect/token"),
        "userinfo_endpoint": at("/connect/userinfo"),
        "device_authorization_endpoint": at("/connect/deviceauthorization"),
        "end_session_endpoint": at("/connect/endsession"),
        "revocation_endpoint": at("/connect/revocation"),
        "introspection_endpoint": at("/connect/introspect"),
        "scopes_supported": known,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported":
            ["authorization_code", "client_credentials", "refresh_token", "password", device::GRANT],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "claims_supported":
            ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "first_name", "last_name", "preferred_username", "email", "prt_id"],
        "prompt_values_supported": ["none", "login", "consent"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
    }))
    .header("cache-control", "public, max-age=300"))
}

/// `GET /identity/.well-known/openid-configuration/jwks`.
pub async fn keys(call: &mut Call) -> Result<Output> {
    let set = Identity::of(&call.app)?.keys().published(&call.app).await?;
    Ok(Output::json(set).header("cache-control", "public, max-age=300"))
}
