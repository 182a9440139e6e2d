//! The endpoints of OAuth 2.0 and OpenID Connect below `/identity`. RFC 6749 with what RFC 9700 makes of it, 7636,
//! 7009, 7662, 8252, 8414, 8628, 9207.

pub(crate) mod authorize;
mod client;
mod code;
mod consent;
pub(crate) mod device;
mod discovery;
mod endsession;
mod failure;
pub(crate) mod form;
mod grants;
mod introspection;
pub(crate) mod issue;
pub(crate) mod login;
pub(crate) mod pkce;
pub(crate) mod redirect;
mod refresh;
mod request;
mod revocation;
mod token;
mod userinfo;

use bandmaster_api::{Registry, own};

/// Registers the endpoints.
pub fn register(r: &mut Registry) {
    r.types(
        "type TokenAnswer\n  access_token string\n  expires_in int32\n  token_type string\n  scope string\n  refresh_token string\n  id_token string\n\
         type IntrospectionAnswer\n  active bool\n  scope string\n  client_id string\n  username string\n  token_type string\n  exp int64\n  iat int64\n  nbf int64\n  sub string\n  aud string\n  iss string\n  jti string\n  prt_id string\n",
    );
    device::register(r);
    let page =
        |id: &str, method: &str, path: &str| own(id, method, path).tag("SignIn").anonymous().returns(200, "html");
    let plain = |id: &str, method: &str, path: &str| own(id, method, path).tag("OAuth").anonymous();

    r.add(
        plain("OAuth_Discovery", "GET", "/identity/.well-known/openid-configuration").returns(200, "object"),
        discovery::document,
    );
    r.add(
        plain("OAuth_ServerMetadata", "GET", "/identity/.well-known/oauth-authorization-server").returns(200, "object"),
        discovery::document,
    );
    r.add(
        plain("OAuth_Keys", "GET", "/identity/.well-known/openid-configuration/jwks").returns(200, "object"),
        discovery::keys,
    );

    r.add(
        plain("OAuth_Token", "POST", "/identity/connect/token").body("form").returns(200, "TokenAnswer"),
        token::token,
    )
    .telemetry()
    .also(&[400, 401, 429]);
    r.add(
        plain("OAuth_Revocation", "POST", "/identity/connect/revocation").body("form").returns(200, "-"),
        revocation::revoke,
    )
    .telemetry()
    .also(&[400, 401]);
    r.add(
        plain("OAuth_Introspection", "POST", "/identity/connect/introspect")
            .body("form")
            .returns(200, "IntrospectionAnswer"),
        introspection::introspect,
    )
    .reads()
    .also(&[400, 401]);
    r.add(
        own("OAuth_UserInfo", "GET", "/identity/connect/userinfo").tag("OAuth").returns(200, "object"),
        userinfo::userinfo,
    );
    r.add(
        own("OAuth_PostUserInfo", "POST", "/identity/connect/userinfo")
            .tag("OAuth")
            .body("form")
            .returns(200, "object"),
        userinfo::userinfo,
    )
    .reads();

    r.add(page("SignIn_Authorize", "GET", "/identity/connect/authorize"), authorize::authorize).hidden();
    r.add(page("SignIn_PostAuthorize", "POST", "/identity/connect/authorize").body("form"), authorize::authorize)
        .telemetry()
        .hidden();
    r.add(page("SignIn_Login", "GET", "/identity/account/login"), login::show).hidden();
    r.add(page("SignIn_PostLogin", "POST", "/identity/account/login").body("form"), login::submit).telemetry().hidden();
    r.add(page("SignIn_PostPassword", "POST", "/identity/account/password").body("form"), login::change_password)
        .hidden();
    r.add(page("SignIn_PostConsent", "POST", "/identity/account/consent").body("form"), consent::submit)
        .telemetry()
        .hidden();
    r.add(page("SignIn_EndSession", "GET", "/identity/connect/endsession"), endsession::show).hidden();
    r.add(page("SignIn_PostEndSession", "POST", "/identity/connect/endsession").body("form"), endsession::submit)
        .telemetry()
        .hidden();
}
