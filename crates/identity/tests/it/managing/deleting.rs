//! Deleting people: one, and many as one unit.

use super::{PASSWORD, SCOPES, delete, find, group, partition, person, signed_in};
use bandmaster_store::params;
use bandmaster_testkit::{json, suite};

const PATH: &str = "/identity/api/User";

suite! {
    async fn many_are_deleted_as_one(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application("PM.User.Write PM.User.Read", None).await;
        let (ana, bob) = (person(&app, &org, "ana", &[]).await, person(&app, &org, "bob", &[]).await);
        let token = signed_in(server, "ana", PASSWORD).await.unwrap();
        token.get(&format!("{PATH}/{ana}")).await.expect(200);
        let made = server.command(json!({"command": "organization create", "name": "Elsewhere", "password": PASSWORD})).await;
        assert!(made["folder_id"].is_number());
        let foreign = {
            let sql = "SELECT key FROM identity_users WHERE organization_id <> 1";
            let rows = server.app().store.read().await.unwrap().query(sql, params![]).await.unwrap();
            rows[0].get::<String>(0).unwrap()
        };
        let ids = json!([ana.to_uppercase(), bob, ana, foreign, "no-such-id", "00000000-0000-4000-8000-000000000001"]);
        let reply = delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": ids, "deleteCurrentUser": false, "isHostMode": false})).await;
        assert_eq!((reply.status, reply.bytes.len()), (204, 0));
        assert!(find(&app, &org, "ana").await.is_null() && find(&app, &org, "bob").await.is_null());
        token.get(&format!("{PATH}/{ana}")).await.expect(401);
        assert!(signed_in(server, "bob", PASSWORD).await.is_none());
        let sql = "SELECT is_deleted FROM identity_users WHERE key = $1";
        let row = server.app().store.read().await.unwrap().query_one(sql, params![foreign.as_str()]).await.unwrap();
        assert!(!row.get::<bool>(0).unwrap());
        // Their names are free again.
        person(&app, &org, "ana", &[]).await;
        let told = server.audit().await.into_iter().filter(|a| a["operation"] == "User_BulkDelete").count();
        assert_eq!(told, 2);
        // Doing it twice is fine.
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": ids})).await.expect(204);
    }

    async fn ids_are_texts(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application("PM.User", None).await;
        let ids = [person(&app, &org, "dolores", &[]).await, person(&app, &org, "quincy", &[]).await];
        let example = json!({"partitionGlobalId": org, "userIds": ["dol-2908", "qui-2609"]});
        delete(&app, PATH, example.clone()).await.expect(204);
        assert!(!find(&app, &org, "dolores").await.is_null());
        for (id, text) in ids.iter().zip(["dol-2908", "qui-2609"]) {
            let sql = "UPDATE identity_users SET key = $1 WHERE key = $2";
            let mut unit = server.app().store.begin().await.unwrap();
            unit.execute(sql, params![text, id.as_str()]).await.unwrap();
            unit.commit().await.unwrap();
        }
        delete(&app, PATH, example).await.expect(204);
        assert!(find(&app, &org, "dolores").await.is_null() && find(&app, &org, "quincy").await.is_null());
    }

    async fn the_last_administrator_stays(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application(SCOPES, None).await;
        let administrators = group(&app, &org, "Administrators").await;
        let admin = find(&app, &org, "admin").await["id"].as_str().unwrap().to_owned();
        let eve = person(&app, &org, "eve", &[]).await;
        let body = json!({"partitionGlobalId": org, "userIds": [eve, admin]});
        delete(&app, PATH, body).await.error(409, 1005);
        assert!(!find(&app, &org, "eve").await.is_null(), "refused whole");
        app.delete(&format!("{PATH}/{admin}")).await.error(409, 1005);
        app.put(&format!("{PATH}/{admin}"), json!({"groupIDsToRemove": [administrators]})).await.expect(400);
        let change = json!({"partitionGlobalId": org, "directoryUserIDsToRemove": [admin]});
        app.put(&format!("/identity/api/Group/{administrators}"), change.clone()).await.error(409, 1005);
        // With a second one the first may go, and the second then not.
        app.put(&format!("{PATH}/{eve}"), json!({"groupIDsToAdd": [administrators]})).await.expect(200);
        let other = signed_in(server, "eve", PASSWORD).await.unwrap();
        other.get(&format!("{PATH}/users/{org}")).await.expect(200);
        delete(&other, PATH, json!({"partitionGlobalId": org, "userIds": [eve]})).await.error(409, 1005);
        app.put(&format!("/identity/api/Group/{administrators}"), change).await.expect(200);
        app.put(&format!("{PATH}/{eve}"), json!({"isActive": false})).await.expect(400);
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": [eve]})).await.error(409, 1005);
        other.get(&format!("{PATH}/users/{org}")).await.expect(200);
    }

    async fn what_is_refused(server: &TestServer) {
        let org = partition(server).await;
        let app = server.application("PM.User", None).await;
        let ana = person(&app, &org, "ana", &[]).await;
        for (body, member) in [
            (json!({"userIds": [ana]}), "partitionGlobalId"),
            (json!({"partitionGlobalId": "x", "userIds": [ana]}), "partitionGlobalId"),
            (json!({"partitionGlobalId": org}), "userIds"),
            (json!({"partitionGlobalId": org, "userIds": null}), "userIds"),
            (json!({"partitionGlobalId": org, "userIds": [7]}), "userIds"),
            (json!({"partitionGlobalId": org, "userIds": "x"}), "userIds"),
            (json!([]), "$"),
        ] {
            let told = delete(&app, PATH, body.clone()).await.expect(400);
            assert!(told["errors"][member].is_array() && told["status"] == 400, "{body}: {told}");
        }
        app.delete(PATH).await.expect(400);
        let body = json!({"partitionGlobalId": org, "userIds": [ana]});
        let reader = server.application("PM.User.Read", None).await;
        delete(&reader, PATH, body.clone()).await.expect(403);
        delete(&server.anonymous(), PATH, body.clone()).await.expect(401);
        delete(&server.other_tenant().await, PATH, body.clone()).await.expect(403);
        let elsewhere = json!({"partitionGlobalId": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "userIds": [ana]});
        delete(&app, PATH, elsewhere).await.expect(403);
        let own = signed_in(server, "ana", PASSWORD).await.unwrap();
        delete(&own, PATH, body).await.expect(403);
        delete(&app, PATH, json!({"partitionGlobalId": org, "userIds": []})).await.expect(204);
        assert!(!find(&app, &org, "ana").await.is_null());
        let body = json!({"userIds": [ana]});
        delete(&app, &format!("{PATH}?partitionGlobalId={org}"), body).await.expect(204);
    }
}
