//! Clients that are not who they say, grants that are not theirs, and bodies that are no form (RFC 6749, sections 2.3
//! and 3.2).

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

both! {
    async fn clients_prove_who_they_are_and_keep_to_their_grants(world: &World) {
        let mut stage = Stage::set(world).await;
        let (id, secret) = (stage.app.key.clone(), stage.secret.clone());
        let base = [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", secret.as_str())];
        let good = world.token(&base).await;
        assert_eq!(good.status, 200);
        let machine = good.text("access_token");
        let [_, refresh, identity] = stage.tokens(world).await;
        let client = Expected::Refused(400, "invalid_client");
        let challenged = Expected::Refused(401, "invalid_client");
        let request = Expected::Refused(400, "invalid_request");
        let scope = Expected::Refused(400, "invalid_scope");
        let upper = secret.to_uppercase();
        let mut cases = Vec::new();
        for (name, more, expected) in [
            ("no secret", vec![("client_secret", "")], client),
            ("wrong secret", vec![("client_secret", "wrong")], client),
            ("secret cut", vec![("client_secret", &secret[1..])], client),
            ("secret in capitals", vec![("client_secret", &upper)], client),
            ("another client's secret", vec![("client_secret", &stage.other_secret)], client),
            ("secret of another organization's client", vec![("client_secret", &stage.foreign_secret)], client),
            ("id as the secret", vec![("client_secret", &id)], client),
            ("secret with SQL", vec![("client_secret", "' OR '1'='1")], client),
            ("no id", vec![("client_id", "")], request),
            ("unknown id", vec![("client_id", "11111111-1111-4111-8111-111111111111")], client),
            ("id with SQL", vec![("client_id", "' OR '1'='1")], client),
            ("client by name", vec![("client_id", "app")], client),
            ("public client with another's secret", vec![("client_id", &stage.public.key)], client),
            ("public client as itself", vec![("client_id", &stage.public.key), ("client_secret", "")], Expected::Refused(400, "unauthorized_client")),
            ("command line's client as itself", vec![("client_id", PUBLIC_CLIENT), ("client_secret", "")], Expected::Refused(400, "unauthorized_client")),
            ("assertion in place of a secret", vec![("client_secret", ""), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", &identity)], client),
            ("unregistered scope", vec![("scope", "OR.Queues")], scope),
            ("wider scope", vec![("scope", "OR.Assets")], scope),
            ("first-party scope", vec![("scope", "OrchestratorApiUserAccess")], scope),
            ("identity of nobody", vec![("scope", "openid")], scope),
            ("refresh token for nobody", vec![("scope", "offline_access")], scope),
            ("no grant type", vec![("grant_type", "")], request),
            ("unknown grant type", vec![("grant_type", "magic")], Expected::Refused(400, "unsupported_grant_type")),
            ("implicit grant", vec![("grant_type", "implicit")], Expected::Refused(400, "unsupported_grant_type")),
            ("grant type in capitals", vec![("grant_type", "CLIENT_CREDENTIALS")], Expected::Refused(400, "unsupported_grant_type")),
            ("assertion grant", vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &identity)], Expected::Refused(400, "unsupported_grant_type")),
            ("token exchange", vec![("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", &machine)], Expected::Refused(400, "unsupported_grant_type")),
            ("password at a third party's client", vec![("grant_type", "password"), ("username", "admin"), ("password", PASSWORD)], Expected::Refused(400, "unauthorized_client")),
            ("password at a public third party's client", vec![("client_id", &stage.public.key), ("client_secret", ""), ("grant_type", "password"), ("username", "admin"), ("password", PASSWORD)], Expected::Refused(400, "unauthorized_client")),
        ] {
            cases.push(case(name, token(&changed(&base, &more)), expected));
        }
        let bare = changed(&base, &[("client_id", ""), ("client_secret", "")]);
        let named = changed(&base, &[("client_secret", "")]);
        for (name, sent, expected) in [
            ("header: wrong secret", token(&bare).header("authorization", &basic(&id, "wrong")), challenged),
            ("header: no secret", token(&bare).header("authorization", &basic(&id, "")), challenged),
            ("header: unknown id", token(&bare).header("authorization", &basic("x", &secret)), challenged),
            ("header: no colon", token(&bare).header("authorization", &format!("Basic {}", STANDARD.encode(&id))), challenged),
            ("header: no Base64", token(&bare).header("authorization", "Basic %%%"), challenged),
            ("header: empty", token(&bare).header("authorization", "Basic "), challenged),
            ("header and secret in the form", token(&base).header("authorization", &basic(&id, &secret)), request),
            ("header of one client, id of another", token(&changed(&named, &[("client_id", &stage.other.key)])).header("authorization", &basic(&id, &secret)), request),
            ("two headers", token(&bare).header("authorization", &basic(&id, &secret)).header("authorization", &basic(&id, &secret)), request),
            ("bearer token in place of a secret", token(&named).bearer(&machine), client),
            ("id and secret in the address", post(&format!("/identity/connect/token?{}", encoded(&base))).form(&[]), request),
            ("secret in the address", post(&format!("/identity/connect/token?client_secret={secret}")).form(&named), client),
            ("JSON", post("/identity/connect/token").json(serde_json::json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret})), request),
            ("no content type", post("/identity/connect/token").raw(&encoded(&base), "text/plain"), request),
            ("multipart", post("/identity/connect/token").raw("--x\r\n\r\n--x--", "multipart/form-data; boundary=x"), request),
            ("NUL in a value", post("/identity/connect/token").raw(&format!("{}&x=%00", encoded(&base)), "application/x-www-form-urlencoded"), request),
            ("no UTF-8", post("/identity/connect/token").raw(&format!("{}&x=%ff", encoded(&base)), "application/x-www-form-urlencoded"), request),
            ("endless form", post("/identity/connect/token").raw(&format!("{}&x={}", encoded(&base), "a".repeat(70_000)), "application/x-www-form-urlencoded"), request),
            ("introspection by a public client", post("/identity/connect/introspect").form(&[("client_id", &stage.public.key), ("token", &refresh)]), client),
            ("introspection without a secret", post("/identity/connect/introspect").form(&[("client_id", &id), ("token", &refresh)]), client),
            ("introspection of another client's refresh token", post("/identity/connect/introspect").form(&[("client_id", &stage.other.key), ("client_secret", &stage.other_secret), ("token", &refresh)]), Expected::Inactive),
            ("introspection from another organization", post("/identity/connect/introspect").form(&[("client_id", &stage.foreign.key), ("client_secret", &stage.foreign_secret), ("token", &machine)]), Expected::Inactive),
            ("revocation without a secret", post("/identity/connect/revocation").form(&[("client_id", &id), ("token", &refresh)]), client),
            ("revocation by another client does nothing", post("/identity/connect/revocation").form(&[("client_id", &stage.other.key), ("client_secret", &stage.other_secret), ("token", &refresh)]), Expected::Status(200)),
            ("an application has no identity", get("/identity/connect/userinfo").bearer(&machine), Expected::Status(403)),
            ("identity token as an access token", get("/identity/connect/userinfo").bearer(&identity), Expected::Status(401)),
        ] {
            cases.push(case(name, sent, expected));
        }
        hold(world, &mut stage.browser, "clients", cases).await;
        let fields = [("grant_type", "refresh_token"), ("client_id", id.as_str()), ("client_secret", &secret), ("refresh_token", &refresh)];
        assert_eq!(world.token(&fields).await.status, 200, "the attacks left the token alone");
    }
}
