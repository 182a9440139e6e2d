//! `GET /api/access/explain` against the real answers: over every served operation, several accounts and places the
//! verdict is what the gate does. And it tells nobody what it could not see.

use crate::probe::{call, guarded};
use bandmaster_model::FolderRule;
use bandmaster_testkit::{Client, Reply, TestServer, Value, all_scopes, json, suite};

/// What the gate said, as far as an answer tells.
fn refused_by_gate(reply: &Reply) -> Option<bool> {
    let code = reply.json()["errorCode"].as_i64();
    match (reply.status, code) {
        (401 | 403, _) | (400, Some(1100 | 1101)) => Some(true),
        // A body is read before folder and permission are looked at.
        (400, _) => None,
        _ => Some(false),
    }
}

async fn explained(asker: &Client, operation: &str, more: &str) -> Value {
    asker.get(&format!("/api/access/explain?operation={operation}{more}")).await.expect(200)
}

async fn user_of(server: &TestServer, client: &Client) -> i64 {
    explained(client, "Folders_Get", "").await["userId"]
        .as_i64()
        .unwrap_or_else(|| panic!("no account in {}", server.url))
}

/// Compares for one caller, without a folder, in `Shared` and in one that it does not see, but for the first `skip` of
/// these; gives how many answers were decided.
async fn compare(server: &TestServer, who: &str, client: &Client, asker: Option<(&Client, i64)>, skip: usize) -> usize {
    let hidden =
        server.admin().without_folder().post("/odata/Folders", json!({"DisplayName": format!("Hidden {who}")})).await;
    let hidden = hidden.expect(201)["Id"].as_i64().unwrap();
    let mut decided = 0;
    let mut wrong = Vec::new();
    for operation in guarded(server) {
        let id = operation.facts.id.as_str();
        if operation.facts.path.starts_with("/identity") {
            continue;
        }
        // Where headers are ignored, every place is the same.
        let places = if operation.facts.folder == FolderRule::None { 1 } else { 3 - skip };
        for folder in [None, Some(server.shared), Some(hidden)].into_iter().skip(skip).take(places) {
            let place = |c: &Client| folder.map_or_else(|| c.without_folder(), |f| c.in_folder(f));
            let told = match asker {
                None => explained(&place(client), id, "").await,
                Some((asker, user)) => explained(&place(asker), id, &format!("&userId={user}")).await,
            };
            let reply = call(&place(client), &operation).await;
            let Some(refused) = refused_by_gate(&reply) else { continue };
            // Another account's token is not asked about.
            let by_scope = asker.is_some() && reply.text().contains("Scope(s)");
            if told["decidedBy"] == "Operation" || by_scope {
                continue;
            }
            decided += 1;
            if told["allowed"] != json!(!refused) {
                wrong.push(format!("{who} {id} in {folder:?}: {} {} but {told}", reply.status, reply.text()));
            }
            let grants: usize =
                told["steps"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .flat_map(|s| s["requirements"].as_array().cloned().unwrap_or_default())
                    .map(|r| {
                        if r["held"] == true {
                            usize::from(r["grants"].as_array().is_none_or(Vec::is_empty))
                        } else {
                            0
                        }
                    })
                    .sum();
            if grants > 0 {
                wrong.push(format!("{who} {id} in {folder:?}: held, but no way is told: {told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    decided
}

suite! {
    async fn the_verdict_is_the_answer(server: &TestServer) {
        let admin = server.admin();
        let all = all_scopes();
        let robot = server.application(&all, Some("Automation User")).await;
        let boss = server.application(&all, Some("Folder Administrator")).await;
        let narrow = server.application("OR.Users OR.Queues OR.Jobs.Read", Some("Folder Administrator")).await;
        let bare = server.bare_application(&all).await;
        let mut decided = 0;
        decided += compare(server, "robot", &robot, None, 0).await;
        decided += compare(server, "narrow", &narrow, None, 1).await;
        decided += compare(server, "bare", &bare, None, 2).await;
        decided += compare(server, "boss, asked about by the administrator", &boss, Some((&admin, user_of(server, &boss).await)), 1).await;
        assert!(decided > 1_000, "only {decided} answers tell what the gate said");
    }

    async fn the_way_and_the_missing_piece_are_told(server: &TestServer) {
        let admin = server.admin();
        let app = server.application(&all_scopes(), Some("Automation User")).await;
        let told = explained(&app, "QueueDefinitions_Get", "").await;
        let permission = |told: &Value| told["steps"].as_array().unwrap().iter().find(|s| s["step"] == "Permission").cloned().unwrap();
        assert_eq!((&told["allowed"], &told["code"]), (&json!(true), &json!("Allowed")));
        let grant = permission(&told)["requirements"][0]["grants"][0].clone();
        assert_eq!((&grant["through"], &grant["role"]["name"], &grant["folder"]["path"], &grant["inherited"]),
            (&json!("Account"), &json!("Automation User"), &json!("Shared"), &json!(false)));
        let below = admin.without_folder().post("/odata/Folders", json!({"DisplayName": "Below", "ParentId": server.shared})).await.expect(201);
        let told = explained(&app, "QueueDefinitions_Get", &format!("&folderId={}", below["Id"])).await;
        assert_eq!((&told["folder"]["path"], &permission(&told)["requirements"][0]["grants"][0]["inherited"]), (&json!("Shared/Below"), &json!(true)));
        let told = explained(&app, "QueueDefinitions_Post", "").await;
        assert_eq!((&told["allowed"], &told["code"]), (&json!(false), &json!("PermissionMissing")));
        assert_eq!(permission(&told)["requirements"][0]["missing"], json!(["Queues.Create"]));
        assert!(told["message"].as_str().unwrap().contains("Queues.Create"));
        let told = explained(&server.application("OR.Users", Some("Automation User")).await, "QueueDefinitions_Get", "").await;
        assert_eq!(told["code"], "ScopeMissing");
        let by_path = app.get("/api/access/explain?method=post&path=/odata/QueueDefinitions").await.expect(200);
        assert_eq!((&by_path["operation"], &by_path["allowed"]), (&json!("QueueDefinitions_Post"), &json!(false)));
        let told = explained(&app.without_folder(), "Jobs_StartJobs", "").await;
        assert_eq!(told["code"], "FolderMissing");
        app.get("/api/access/explain?operation=Nothing_Get").await.error(404, 1002);
        app.get("/api/access/explain").await.error(400, 1009);
    }

    async fn it_reveals_nothing(server: &TestServer) {
        let admin = server.admin();
        let app = server.application(&all_scopes(), Some("Automation User")).await;
        let other = server.other_tenant().await;
        let hidden = admin.without_folder().post("/odata/Folders", json!({"DisplayName": "Hidden place"})).await.expect(201);
        // An unseen folder and one that does not exist answer alike.
        let at = |id: i64| format!("&folderId={id}");
        let unseen = explained(&app, "QueueDefinitions_Get", &at(hidden["Id"].as_i64().unwrap())).await;
        assert_eq!(unseen["code"], "FolderUnknown");
        assert_eq!(unseen, explained(&app, "QueueDefinitions_Get", &at(987_654_321)).await);
        // Another account needs the right to view users and roles; one of another tenant is none.
        let user = user_of(server, &app).await;
        app.get(&format!("/api/access/explain?operation=Jobs_Get&userId={}", user_of(server, &admin).await)).await.error(403, 0);
        let foreign = other.get(&format!("/api/access/explain?operation=Jobs_Get&userId={user}")).await;
        let nobody = other.get("/api/access/explain?operation=Jobs_Get&userId=987654321").await;
        assert_eq!(foreign.error(404, 1002)["message"], nobody.error(404, 1002)["message"]);
        let place = format!("/api/access/explain?operation=Jobs_Get&userId={}{}", user_of(server, &other).await, at(server.shared));
        let own = other.without_folder().get(&place).await.expect(200);
        assert_eq!(own["code"], "FolderUnknown");
        let about = admin.get(&format!("/api/access/explain?operation=Jobs_Get&userId={user}")).await.expect(200);
        assert_eq!(about["allowed"], true);
        assert!(about["steps"].as_array().unwrap().iter().all(|s| s["step"] != "Scope"));
        server.anonymous().get("/api/access/explain?operation=Jobs_Get").await.error(401, 0);
    }
}
