//! Managing external applications over HTTP.

use crate::world::{get, post};
use bandmaster_identity::builtin::PUBLIC_CLIENT;
use bandmaster_store::params;
use serde_json::{Value, json};

const PATH: &str = "/identity/api/ExternalClient";

both! {
    async fn from_making_to_removing(world: &World) {
        let admin = world.signed_in("admin").await;
        let body = json!({
            "partitionGlobalId": world.organization.key, "name": "app", "isConfidential": true,
            "redirectUri": "https://a.test/cb,https://b.test/cb",
            "scopes": [{"name": "OR.Queues", "type": 1}, {"name": "OR.Jobs", "type": 0}, {"name": "OR.Jobs", "type": "application"}],
        });
        let made = world.send(post(PATH).bearer(&admin).json(body.clone())).await.expect(201);
        let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
        assert_eq!(made["resources"], json!([{
            "name": "UiPath.Orchestrator", "displayName": "Orchestrator API Access", "description": "",
            "scopes": [
                {"name": "OR.Jobs", "displayName": "OR.Jobs", "description": "", "type": 0},
                {"name": "OR.Jobs", "displayName": "OR.Jobs", "description": "", "type": 1},
                {"name": "OR.Queues", "displayName": "OR.Queues", "description": "", "type": 1},
            ],
        }]));
        let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        assert_eq!(world.token(&fields).await.expect(200)["scope"], "OR.Jobs OR.Queues");
        world.send(post(PATH).bearer(&admin).json(body)).await.expect(409);

        let one = format!("{PATH}/{}/{id}", world.organization.key);
        let shown = world.send(get(&one).bearer(&admin)).await.expect(200);
        assert_eq!((&shown["secret"], &shown["redirectUri"]), (&json!(null), &json!("https://a.test/cb,https://b.test/cb")));
        assert_eq!(shown["secrets"][0]["secret"], Value::Null);
        let list = world.send(get(&format!("{PATH}/{}", world.organization.key)).bearer(&admin)).await.expect(200);
        assert_eq!(list.as_array().unwrap().len(), 1, "the built-in client is nobody's");

        let added = world.send(post(&format!("{one}/secret")).bearer(&admin).json(json!({"description": "two"}))).await.expect(201);
        let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", added["secret"].as_str().unwrap())];
        world.token(&fields).await.expect(200);
        let path = format!("{one}/secret/{}", added["id"]);
        assert_eq!(world.send(get(&path).method("DELETE").bearer(&admin)).await.status, 204);
        world.token(&fields).await.refused(400, "invalid_client");
        world.send(get(&path).method("DELETE").bearer(&admin)).await.expect(404);

        let change = post(&one).method("PUT").bearer(&admin).json(json!({"name": "renamed", "scopes": [{"name": "OR.Assets", "type": 1}]}));
        let changed = world.send(change).await.expect(200);
        assert_eq!((&changed["name"], &changed["isConfidential"], &changed["redirectUri"]), (&json!("renamed"), &json!(true), &json!("")));
        let delete = get(&one).method("DELETE").bearer(&admin);
        assert_eq!(world.send(delete.clone()).await.status, 204);
        world.send(delete).await.expect(404);
        world.send(get(&one).bearer(&admin)).await.expect(404);
        let told = world.rows("SELECT action, after_json FROM audit_entries WHERE component = 'ExternalApplication' ORDER BY id", params![]).await;
        let actions: Vec<String> = told.iter().map(|r| r.get(0).unwrap()).collect();
        assert_eq!(actions, ["Create", "Update", "Update", "Update", "Delete"]);
        assert!(told.iter().all(|r| !format!("{r:?}").contains(secret)));
    }

    async fn who_may(world: &World) {
        world.person("dana").await;
        let (other, _) = world.other_organization().await;
        let (admin, dana) = (world.signed_in("admin").await, world.signed_in("dana").await);
        let all = format!("{PATH}/{}", world.organization.key);
        world.send(get(&all)).await.expect(401);
        world.send(get(&all).bearer(&dana)).await.expect(403);
        world.send(get(&format!("{PATH}/{}", other.key)).bearer(&admin)).await.expect(403);
        world.send(get(&format!("{PATH}/11111111-1111-4111-8111-111111111111")).bearer(&admin)).await.expect(403);
        let body = json!({"partitionGlobalId": other.key, "name": "app", "isConfidential": true});
        world.send(post(PATH).bearer(&admin).json(body)).await.expect(403);
        let (app, secret) = world.confidential("manager", "PM.OAuthApp.Read").await;
        let fields = [("grant_type", "client_credentials"), ("client_id", app.key.as_str()), ("client_secret", &secret)];
        let token = world.token(&fields).await.text("access_token");
        world.send(get(&all).bearer(&token)).await.expect(200);
        let body = json!({"partitionGlobalId": world.organization.key, "name": "app", "isConfidential": true});
        world.send(post(PATH).bearer(&token).json(body)).await.expect(403);
        // What belongs to nobody or to others is not there.
        for id in [PUBLIC_CLIENT, "11111111-1111-4111-8111-111111111111"] {
            world.send(get(&format!("{all}/{id}")).bearer(&admin)).await.expect(404);
            world.send(get(&format!("{all}/{id}")).method("DELETE").bearer(&admin)).await.expect(404);
        }
    }

    async fn what_cannot_be_registered(world: &World) {
        let admin = world.signed_in("admin").await;
        for more in [
            json!({"name": ""}),
            json!({"name": "n".repeat(129)}),
            json!({"redirectUri": "http://a.test/cb"}),
            json!({"redirectUri": "https://a.test/cb#x"}),
            json!({"redirectUri": "javascript:alert(1)"}),
            json!({"scopes": [{"name": "OR.Nonsense", "type": 1}]}),
            json!({"scopes": [{"name": "OR.Jobs", "type": 5}]}),
            json!({"scopes": [{"name": "OR.Jobs", "type": 0}]}),
            json!({"scopes": [{"name": "OrchestratorApiUserAccess", "type": 1}]}),
            json!({"isConfidential": false, "scopes": [{"name": "OR.Jobs", "type": 1}]}),
            json!({"partitionGlobalId": "nonsense"}),
        ] {
            let mut body = json!({"partitionGlobalId": world.organization.key, "name": "app", "isConfidential": true});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = world.send(post(PATH).bearer(&admin).json(body)).await;
            assert_eq!(answer.status, 400, "{more}: {}", answer.body);
        }
    }

    async fn scopes_to_choose_from(world: &World) {
        let list = world.send(get("/identity/api/ExternalApiResource").bearer(&world.signed_in("admin").await)).await.expect(200);
        let names: Vec<&str> = list[0]["scopes"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"OR.Queues.Read") && names.contains(&"OR.Default") && !names.contains(&"OrchestratorApiUserAccess"));
    }
}
