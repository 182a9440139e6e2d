//! The operations with which an organization names its providers.

use super::{Administrator, PATH, Provider, SECRET};
use crate::browser::Browser;
use serde_json::{Value, json};

both! {
    async fn providers_are_named_changed_and_removed(world: &World) {
        let admin = Administrator::of(world).await;
        let body = json!({"partitionGlobalId": world.organization.key, "name": " ID ", "issuer": "https://id.example.test/a",
            "clientId": "bandmaster", "clientSecret": SECRET});
        let (status, made) = admin.send(world, "POST", PATH, body).await;
        assert_eq!(status, 201, "{made}");
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(made, json!({
            "id": id, "name": "ID", "issuer": "https://id.example.test/a", "clientId": "bandmaster", "hasSecret": true,
            "scopes": "openid email profile", "createAccounts": false, "groupIds": [], "isEnabled": true,
            "redirectUri": "http://bm.test/identity/account/outside/return",
            "createdOn": "2026-01-05T08:00:00Z", "updatedOn": "2026-01-05T08:00:00Z",
        }));
        let one = format!("{PATH}/{id}");
        assert_eq!(admin.send(world, "GET", &one, Value::Null).await, (200, made.clone()));
        assert_eq!(admin.send(world, "GET", PATH, Value::Null).await, (200, json!({"results": [made]})));
        // What is not named stays as it is, the secret too; an empty secret removes it.
        let (status, changed) = admin.send(world, "PUT", &one, json!({"name": "Other", "scopes": "openid  mail"})).await;
        assert_eq!((status, &changed["name"], &changed["scopes"], &changed["hasSecret"]), (200, &json!("Other"), &json!("openid mail"), &json!(true)));
        let (_, changed) = admin.send(world, "PUT", &one, json!({"clientSecret": ""})).await;
        assert_eq!((&changed["hasSecret"], &changed["clientId"]), (&json!(false), &json!("bandmaster")));
        assert_eq!(admin.send(world, "DELETE", &one, Value::Null).await.0, 204);
        for (method, path, body) in [("GET", &one, Value::Null), ("PUT", &one, json!({"name": "x"})), ("DELETE", &one, Value::Null)] {
            assert_eq!(admin.send(world, method, path, body).await.0, 404, "{method}");
        }
        let audit = world.rows("SELECT action, COALESCE(after_json, '') FROM audit_entries WHERE component = 'IdentityProvider' ORDER BY id", &[]).await;
        let actions: Vec<String> = audit.iter().map(|r| r.get(0).unwrap()).collect();
        assert_eq!(actions, ["Create", "Update", "Update", "Delete"]);
        assert!(audit.iter().all(|r| !r.get::<String>(1).unwrap().contains("planted")));
    }

    async fn what_makes_no_sense_is_refused(world: &World) {
        let admin = Administrator::of(world).await;
        let good = json!({"name": "ID", "issuer": "https://id.example.test", "clientId": "bandmaster"});
        let rows = world.rows("SELECT key FROM identity_groups WHERE name = 'Administrators'", &[]).await;
        let administrators: String = rows[0].get(0).unwrap();
        for wrong in [
            json!({"name": ""}), json!({"name": null}), json!({"name": "x".repeat(65)}), json!({"name": "a\u{7}b"}),
            json!({"issuer": null}), json!({"issuer": "http://id.example.test"}), json!({"issuer": "id.example.test"}),
            json!({"issuer": "https://id.example.test/?x"}), json!({"issuer": "https://id.example.test/#x"}),
            json!({"issuer": "https://u:p@id.example.test/"}), json!({"issuer": "javascript:x"}),
            json!({"clientId": null}), json!({"clientId": " "}), json!({"clientSecret": "x".repeat(1_001)}),
            json!({"scopes": "email"}), json!({"scopes": "openid \"x\""}),
            json!({"groupIds": ["3fa85f64-5717-4562-b3fc-2c963f66afa6"]}), json!({"groupIds": [administrators]}),
        ] {
            let mut body = good.clone();
            body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
            let (status, told) = admin.send(world, "POST", PATH, body).await;
            assert!(status == 400 && told["message"].is_string() && told["errorCode"].is_i64(), "{wrong}: {status} {told}");
        }
        let (_, made) = admin.send(world, "POST", PATH, good.clone()).await;
        let (status, told) = admin.send(world, "POST", PATH, json!({"name": "id", "issuer": "https://x.test", "clientId": "c"})).await;
        assert_eq!((status, &told["errorCode"]), (409, &json!(1001)));
        let one = format!("{PATH}/{}", made["id"].as_str().unwrap());
        assert_eq!(admin.send(world, "PUT", &one, json!({"issuer": "https://other.test"})).await.0, 400);
        assert_eq!(admin.send(world, "PUT", &one, json!({"issuer": "https://id.example.test"})).await.0, 200);
        assert_eq!(admin.send(world, "GET", &format!("{PATH}/nonsense"), Value::Null).await.0, 404);
        for n in 0..9 {
            let body = json!({"name": format!("n{n}"), "issuer": "https://x.test", "clientId": "c"});
            assert_eq!(admin.send(world, "POST", PATH, body).await.0, 201);
        }
        assert_eq!(admin.send(world, "POST", PATH, json!({"name": "more", "issuer": "https://x.test", "clientId": "c"})).await.0, 400);
    }

    async fn only_administrators_name_the_providers_of_their_organization(world: &World) {
        let (admin, provider) = (Administrator::of(world).await, Provider::start(world.now()).await);
        let made = admin.name(world, &provider, json!({})).await;
        let one = format!("{PATH}/{}", made["id"].as_str().unwrap());
        let (reader, stranger) = (Administrator::with(world, "PM.AuthSetting.Read").await, Administrator::with(world, "PM.Setting").await);
        assert_eq!(reader.send(world, "GET", &one, Value::Null).await.0, 200);
        assert_eq!(reader.send(world, "DELETE", &one, Value::Null).await.0, 403);
        assert_eq!(reader.send(world, "POST", &format!("{one}/check"), json!({})).await.0, 403);
        assert_eq!(stranger.send(world, "GET", PATH, Value::Null).await.0, 403);
        // Somebody of the organization who does not administer it.
        world.person("ana").await;
        let ana = world.signed_in("ana").await;
        for sent in [crate::world::get(PATH), crate::world::get(&one), crate::world::get(&one).method("DELETE")] {
            assert_eq!(world.send(sent.bearer(&ana)).await.status, 403);
        }
        assert_eq!(world.send(crate::world::get(PATH)).await.status, 401);
        // Another organization.
        let (other, _) = world.other_organization().await;
        let body = json!({"partitionGlobalId": other.key, "name": "x", "issuer": "https://x.test", "clientId": "c"});
        assert_eq!(admin.send(world, "POST", PATH, body).await.0, 403);
        let form = [("grant_type", "password"), ("client_id", bandmaster_identity::builtin::PUBLIC_CLIENT), ("username", "admin"),
            ("password", crate::world::PASSWORD), ("acr_values", "tenantName:Other")];
        let token = world.token(&form).await.text("access_token");
        assert_eq!(world.send(crate::world::get(PATH).bearer(&token)).await.expect(200), json!({"results": []}));
        for sent in [crate::world::get(&one), crate::world::get(&one).method("DELETE")] {
            assert_eq!(world.send(sent.bearer(&token)).await.status, 404);
        }
        // Its button is not on the other's page.
        let page = Browser::default().get(world, "/Other/identity_/account/login").await;
        assert!(page.status == 200 && !page.body.contains("class=\"button\""), "{}", page.body);
    }
}
