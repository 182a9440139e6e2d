//! Authorization requests that ask for what there is not, or for less safety.

use super::*;

both! {
    async fn authorization_requests_are_held_to_what_is_safe(world: &World) {
        let mut stage = Stage::set(world).await;
        stage.code(world).await;
        let (long, public, foreign) = ("n".repeat(1001), stage.public.key.clone(), stage.foreign.key.clone());
        let other = stage.other.key.clone();
        let mut cases = Vec::new();
        for (name, more, expected) in [
            ("implicit flow", &[("response_type", "token")][..], Expected::Told("unsupported_response_type")),
            ("identity token only", &[("response_type", "id_token")], Expected::Told("unsupported_response_type")),
            ("hybrid flow", &[("response_type", "code id_token")], Expected::Told("unsupported_response_type")),
            ("hybrid flow with token", &[("response_type", "code token")], Expected::Told("unsupported_response_type")),
            ("code twice", &[("response_type", "code code")], Expected::Told("unsupported_response_type")),
            ("code in capitals", &[("response_type", "CODE")], Expected::Told("unsupported_response_type")),
            ("response type none", &[("response_type", "none")], Expected::Told("unsupported_response_type")),
            ("no response type", &[("response_type", "")], Expected::Told("invalid_request")),
            ("answer in the fragment", &[("response_mode", "fragment")], Expected::Told("invalid_request")),
            ("answer as a form", &[("response_mode", "form_post")], Expected::Told("invalid_request")),
            ("answer to another window", &[("response_mode", "web_message")], Expected::Told("invalid_request")),
            ("challenge taken away, method left", &[("code_challenge", "")], Expected::Told("invalid_request")),
            ("plain challenge", &[("code_challenge_method", "plain")], Expected::Told("invalid_request")),
            ("method left out (means plain)", &[("code_challenge_method", "")], Expected::Told("invalid_request")),
            ("method in small letters", &[("code_challenge_method", "s256")], Expected::Told("invalid_request")),
            ("unknown method", &[("code_challenge_method", "S512")], Expected::Told("invalid_request")),
            ("short challenge", &[("code_challenge", "abc")], Expected::Told("invalid_request")),
            ("padded challenge", &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=")], Expected::Told("invalid_request")),
            ("challenge of other letters", &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")], Expected::Told("invalid_request")),
            ("unregistered scope", &[("scope", "OR.Queues")], Expected::Told("invalid_scope")),
            ("wider scope than registered", &[("scope", "OR.Assets")], Expected::Told("invalid_scope")),
            ("write beside registered read", &[("scope", "OR.Assets.Write")], Expected::Told("invalid_scope")),
            ("scope that only begins alike", &[("scope", "OR.JobsX")], Expected::Told("invalid_scope")),
            ("scope in other letters", &[("scope", "or.jobs")], Expected::Told("invalid_scope")),
            ("first-party scope", &[("scope", "OR.Jobs OrchestratorApiUserAccess")], Expected::Told("invalid_scope")),
            ("scope of roles in a user's name", &[("scope", "OR.Default")], Expected::Told("invalid_scope")),
            ("scope with a quote", &[("scope", "OR.Jobs\"")], Expected::Told("invalid_scope")),
            ("scopes divided by a line break", &[("scope", "OR.Jobs\nOR.Queues")], Expected::Told("invalid_scope")),
            ("request object", &[("request", "eyJhbGciOiJub25lIn0.e30.")], Expected::Told("request_not_supported")),
            ("request by reference", &[("request_uri", "https://evil.test/r")], Expected::Told("request_uri_not_supported")),
            ("request by reference to the inside", &[("request_uri", "http://169.254.169.254/")], Expected::Told("request_uri_not_supported")),
            ("prompt none with more", &[("prompt", "none consent")], Expected::Told("invalid_request")),
            ("unknown prompt", &[("prompt", "create")], Expected::Told("invalid_request")),
            ("negative age", &[("max_age", "-1")], Expected::Told("invalid_request")),
            ("age beyond numbers", &[("max_age", "99999999999999999999")], Expected::Told("invalid_request")),
            ("endless nonce", &[("nonce", &long)], Expected::Told("invalid_request")),
            ("public client without a challenge", &[("client_id", &public), ("scope", "OR.Jobs"), ("code_challenge", ""), ("code_challenge_method", "")], Expected::Told("invalid_request")),
            ("client of another organization", &[("client_id", &foreign), ("scope", "OR.Jobs")], Expected::SignIn),
            ("client of another organization, quietly", &[("client_id", &foreign), ("scope", "OR.Jobs"), ("prompt", "none")], Expected::Told("login_required")),
            ("no consent, quietly", &[("client_id", &other), ("prompt", "none")], Expected::Told("consent_required")),
            ("public client's old consent, quietly", &[("client_id", &public), ("scope", "OR.Jobs"), ("prompt", "none")], Expected::Told("consent_required")),
            ("another organization by acr_values", &[("acr_values", "tenantName:Other")], Expected::SignIn),
            ("fresh sign-in", &[("prompt", "login")], Expected::SignIn),
            ("no client", &[("client_id", "")], Expected::Page),
            ("unknown client", &[("client_id", "11111111-1111-4111-8111-111111111111")], Expected::Page),
            ("client id with SQL", &[("client_id", "' OR '1'='1")], Expected::Page),
            ("client by name", &[("client_id", "app")], Expected::Page),
        ] {
            cases.push(case(name, ask(&stage.asking(more)), expected));
        }
        hold(world, &mut stage.browser, "requests", cases).await;
    }
}
