//! The token endpoint: client authentication, client credentials, password, malformed requests.

use crate::world::{get, parts, post};
use bandmaster_identity::applications::NewApplication;
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_identity::{applications, scopes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

both! {
    async fn an_application_acts_as_itself(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Assets.Read OR.Jobs").await;
        let fields = [("grant_type", "client_credentials"), ("client_id", &app.key), ("client_secret", &secret)];
        let answer = world.token(&fields).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.expect(200);
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
        assert_eq!(body["scope"], "OR.Assets.Read OR.Jobs");
        assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none() && body.get("errorCode").is_none());
        let token = body["access_token"].as_str().unwrap();
        let (header, claims) = parts(token);
        assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("at+jwt")));
        assert_eq!(claims["iss"], "http://bm.test/identity");
        assert_eq!(claims["prt_id"], json!(world.organization.key));
        assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(app.key), &json!(app.key)));
        assert_eq!(claims["sub_type"], "service.external");
        assert_eq!(claims["scope"], json!(["OR.Assets.Read", "OR.Jobs"]));
        let who = world.who(token).await.expect(200);
        assert_eq!((&who["kind"], &who["name"], &who["host"]), (&json!("Application"), &json!("app"), &json!(false)));
        world.send(get("/api/assets").bearer(token)).await.expect(200);

        let narrow = [&fields[..], &[("scope", "OR.Jobs.Read")]].concat();
        let body = world.token(&narrow).await.expect(200);
        assert_eq!(body["scope"], "OR.Jobs.Read");
        let refused = world.send(get("/api/assets").bearer(body["access_token"].as_str().unwrap())).await.expect(403);
        assert!(refused["errorMessage"].as_str().unwrap().contains("OR.Jobs.Read"));
        for beyond in ["OR.Assets", "OR.Queues", "OR.Jobs OR.Queues", "openid", "offline_access", "OrchestratorApiUserAccess", "OR.Jobs\u{7}"] {
            world.token(&[&fields[..], &[("scope", beyond)]].concat()).await.refused(400, "invalid_scope");
        }
        let by_roles = world.token(&[&fields[..], &[("scope", "OR.Default")]].concat()).await.expect(200);
        world.send(get("/api/assets").bearer(by_roles["access_token"].as_str().unwrap())).await.expect(200);
        world.advance(3600);
        world.who(token).await.expect(401);
    }

    async fn clients_prove_who_they_are(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let (other, other_secret) = world.confidential("other", "OR.Jobs").await;
        let grant = ("grant_type", "client_credentials");
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let good = basic(&format!("{}:{secret}", app.key));
        let with = |header: &str, fields: &[(&str, &str)]| {
            post("/identity/connect/token").header("authorization", header).form(&[&[grant], fields].concat())
        };
        world.send(with(&good, &[])).await.expect(200);
        world.send(with(&good.replace("Basic", "bAsIc"), &[("client_id", &app.key)])).await.expect(200);
        // A GUID in capitals is the same client.
        world.token(&[grant, ("client_id", &app.key.to_uppercase()), ("client_secret", &secret)]).await.expect(200);

        for header in [
            basic(&format!("{}:wrong", app.key)),
            basic(&format!("{}:", app.key)),
            basic(&app.key),
            basic(&format!("{}:{other_secret}", app.key)),
            basic(":x"),
            basic("x:y:z"),
            "Basic".into(),
            "Basic !!!".into(),
            "Basic =".into(),
            format!("Basic {}", STANDARD.encode([0xff, 0xfe, b':', b'x'])),
        ] {
            let answer = world.send(with(&header, &[])).await;
            if header == "Basic" {
                answer.refused(400, "invalid_request");
                continue;
            }
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"identity\""), "{header}");
            answer.refused(401, "invalid_client");
        }
        world.send(with(&good, &[("client_secret", &secret)])).await.refused(400, "invalid_request");
        world.send(with(&good, &[("client_id", &other.key)])).await.refused(400, "invalid_request");
        world.send(with(&good, &[]).header("authorization", &good)).await.refused(400, "invalid_request");

        let unknown = "11111111-1111-4111-8111-111111111111";
        let mut texts = Vec::new();
        for (id, secret) in [(app.key.as_str(), "wrong"), (unknown, "wrong"), (&other.key, secret.as_str()), ("no guid", "x")] {
            let body = world.token(&[grant, ("client_id", id), ("client_secret", secret)]).await.refused(400, "invalid_client");
            texts.push(body);
        }
        assert!(texts.windows(2).all(|w| w[0] == w[1]), "unknown clients and wrong secrets look alike");
        world.token(&[grant, ("client_id", &app.key)]).await.refused(400, "invalid_client");
        world.token(&[grant]).await.refused(400, "invalid_request");
        world.token(&[grant, ("client_id", PUBLIC_CLIENT)]).await.refused(400, "unauthorized_client");
        world.token(&[grant, ("client_id", PUBLIC_CLIENT), ("client_secret", "x")]).await.refused(400, "invalid_client");
    }

    async fn what_is_remembered_of_a_client_is_forgotten_on_every_node(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Jobs OR.Assets").await;
        let other = world.another_node();
        let form = [("grant_type", "client_credentials"), ("client_id", app.key.as_str()), ("client_secret", &secret)];
        let narrow = NewApplication {
            name: "app".into(),
            is_confidential: true,
            application_scopes: scopes::parse("OR.Assets").unwrap(),
            ..NewApplication::default()
        };
        for _ in 0..2 {
            assert_eq!(world.token(&form).await.text("scope"), "OR.Assets OR.Jobs");
            assert_eq!(other.token(&form).await.text("scope"), "OR.Assets OR.Jobs");
        }
        let mut unit = world.unit().await;
        applications::update(&mut unit, &app, &narrow).await.unwrap();
        unit.commit().await.unwrap();
        // The clock stands: nothing is forgotten by growing old.
        assert_eq!(other.token(&form).await.text("scope"), "OR.Assets");
        assert_eq!(world.token(&form).await.text("scope"), "OR.Assets");
        let mut conn = world.app.store.read().await.unwrap();
        let known = applications::secrets(&mut conn, app.id).await.unwrap();
        drop(conn);
        let mut unit = world.unit().await;
        let (_, second) = applications::add_secret(&mut unit, &world.app, app.id, None, None).await.unwrap();
        assert!(applications::remove_secret(&mut unit, &app, known[0].id).await.unwrap());
        unit.commit().await.unwrap();
        let fresh = [form[0], form[1], ("client_secret", second.reveal())];
        for node in [&other, &world.node] {
            node.token(&form).await.refused(400, "invalid_client");
            node.token(&fresh).await.expect(200);
        }
        let mut unit = world.unit().await;
        applications::remove(&mut unit, &world.app, &app).await.unwrap();
        unit.commit().await.unwrap();
        for node in [&other, &world.node] {
            node.token(&fresh).await.refused(400, "invalid_client");
        }
    }

    async fn secrets_come_and_go(world: &World) {
        let (app, first) = world.confidential("app", "OR.Jobs").await;
        let mut unit = world.unit().await;
        let until = world.now() + 60_000_000;
        let (_, second) = applications::add_secret(&mut unit, &world.app, app.id, Some("two"), Some(until)).await.unwrap();
        unit.commit().await.unwrap();
        let ask = async |secret: &str| {
            world.token(&[("grant_type", "client_credentials"), ("client_id", &app.key), ("client_secret", secret)]).await
        };
        ask(&first).await.expect(200);
        ask(second.reveal()).await.expect(200);
        world.advance(60);
        ask(second.reveal()).await.refused(400, "invalid_client");
        let mut conn = world.app.store.read().await.unwrap();
        let known = applications::secrets(&mut conn, app.id).await.unwrap();
        drop(conn);
        let mut unit = world.unit().await;
        assert!(applications::remove_secret(&mut unit, &app, known[0].id).await.unwrap());
        unit.commit().await.unwrap();
        ask(&first).await.refused(400, "invalid_client");
        // The database never sees a secret.
        let stored = world.rows("SELECT secret_hash FROM application_secrets", &[]).await;
        assert!(stored.iter().all(|r| !r.get::<String>(0).unwrap().contains(&first)));
    }

    async fn malformed_requests_are_refused(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let path = "/identity/connect/token";
        let form = "application/x-www-form-urlencoded";
        let good = format!("grant_type=client_credentials&client_id={}&client_secret={secret}", app.key);
        world.send(post(path).raw(&good, "application/x-www-form-urlencoded; charset=utf-8")).await.expect(200);
        for (body, content_type) in [
            ("", form),
            (good.as_str(), "application/json"),
            (good.as_str(), "text/plain"),
            ("{\"grant_type\":\"client_credentials\"}", "application/json"),
            (&good.replace("grant_type=client_credentials&", ""), form),
            (&format!("{good}&client_secret={secret}"), form),
            (&format!("{good}&scope=OR.Jobs&scope=OR.Jobs"), form),
            ("grant_type=%ff", form),
            ("grant_type=a%00b", form),
            (&format!("{good}&x={}", "y".repeat(70_000)), form),
        ] {
            world.send(post(path).raw(body, content_type)).await.refused(400, "invalid_request");
        }
        for grant in ["implicit", "urn:ietf:params:oauth:grant-type:token-exchange", "Password", "' OR 1=1"] {
            world.token(&[("grant_type", grant), ("client_id", &app.key), ("client_secret", &secret)]).await
                .refused(400, "unsupported_grant_type");
        }
        assert_eq!(world.send(get(path)).await.status, 405);
        let body = "grant_type=client_credentials&client_id=%C3%28";
        world.send(post(path).raw(body, form)).await.refused(400, "invalid_request");
    }

    async fn every_address_of_the_service_answers(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let fields = [("grant_type", "client_credentials"), ("client_id", app.key.as_str()), ("client_secret", &secret)];
        for path in ["/identity/connect/token", "/identity_/connect/token", "/Default/identity_/connect/token", "//identity//connect/token"] {
            world.send(post(path).form(&fields)).await.expect(200);
        }
    }

    async fn an_application_loses_at_once_what_is_taken_away(world: &World) {
        let (app, secret) = world.confidential("app", "OR.Assets OR.Jobs").await;
        let fields = [("grant_type", "client_credentials"), ("client_id", app.key.as_str()), ("client_secret", &secret)];
        let token = world.token(&fields).await.text("access_token");
        world.send(get("/api/assets").bearer(&token)).await.expect(200);
        let new = NewApplication {
            name: "app".into(),
            is_confidential: true,
            redirect_uris: app.redirect_uris.clone(),
            application_scopes: scopes::parse("OR.Jobs").unwrap(),
            user_scopes: vec![],
        };
        let mut unit = world.unit().await;
        let app = applications::update(&mut unit, &app, &new).await.unwrap();
        unit.commit().await.unwrap();
        world.send(get("/api/assets").bearer(&token)).await.expect(403);
        world.who(&token).await.expect(200);
        let mut unit = world.unit().await;
        applications::remove(&mut unit, &world.app, &app).await.unwrap();
        unit.commit().await.unwrap();
        world.who(&token).await.expect(401);
        world.token(&fields).await.refused(400, "invalid_client");
    }

    async fn passwords_are_for_first_party_clients(world: &World) {
        world.person("dana").await;
        let (app, secret) = world.confidential("app", "OR.Jobs").await;
        let fields = [
            ("grant_type", "password"), ("client_id", app.key.as_str()), ("client_secret", &secret),
            ("username", "dana"), ("password", crate::world::PASSWORD),
        ];
        world.token(&fields).await.refused(400, "unauthorized_client");
        let answer = world.password("DANA@example.test", crate::world::PASSWORD).await;
        let body = answer.expect(200);
        assert!(body.get("refresh_token").is_none());
        let who = world.who(body["access_token"].as_str().unwrap()).await.expect(200);
        assert_eq!((&who["name"], &who["scopes"], &who["host"]), (&json!("dana"), &json!("all"), &json!(false)));
        let admin = world.who(&world.signed_in("admin").await).await.expect(200);
        assert_eq!(admin["host"], true);
        let narrow = [
            ("grant_type", "password"), ("client_id", PUBLIC_CLIENT), ("username", "dana"),
            ("password", crate::world::PASSWORD), ("scope", "openid OR.Assets.Read offline_access Unknown.Thing"),
        ];
        let body = world.token(&narrow).await.expect(200);
        assert_eq!(body["scope"], "openid OR.Assets.Read");
        assert!(body["id_token"].is_string() && body.get("refresh_token").is_none());
        let who = world.who(body["access_token"].as_str().unwrap()).await.expect(200);
        assert_eq!(who["scopes"], json!(["openid", "OR.Assets.Read"]));
        // An identity token opens nothing.
        world.who(body["id_token"].as_str().unwrap()).await.expect(401);
    }

    async fn organizations_keep_apart(world: &World) {
        let (other, _) = world.other_organization().await;
        world.person("dana").await;
        let ask = async |fields: &[(&str, &str)], path: &str| {
            let all = [&[("grant_type", "password"), ("client_id", PUBLIC_CLIENT), ("password", crate::world::PASSWORD)], fields].concat();
            world.send(post(path).form(&all)).await
        };
        let path = "/identity/connect/token";
        let acr = format!("tenant:{}", other.key);
        for (fields, organization) in [
            (vec![("username", "admin")], world.organization.id),
            (vec![("username", "admin"), ("acr_values", "tenantName:Other")], other.id),
            (vec![("username", "admin"), ("acr_values", acr.as_str())], other.id),
            (vec![("username", "admin"), ("tenancyName", "Production")], world.organization.id),
        ] {
            let token = ask(&fields, path).await.text("access_token");
            assert_eq!(world.who(&token).await.expect(200)["organization"], organization, "{fields:?}");
        }
        let token = ask(&[("username", "admin")], "/Other/identity_/connect/token").await.text("access_token");
        assert_eq!(world.who(&token).await.expect(200)["organization"], other.id);
        ask(&[("username", "dana"), ("tenancyName", "Other")], path).await.refused(400, "invalid_grant");
        ask(&[("username", "admin"), ("tenancyName", "Nowhere")], path).await.refused(400, "invalid_grant");
    }
}
