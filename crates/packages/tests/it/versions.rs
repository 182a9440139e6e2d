//! Processes and the versions of their packages.

use crate::world::{Client, package, suite};
use serde_json::{Value, json};

const ODATA: &str = "UiPath.Server.Configuration.OData";

fn act(id: i64, action: &str) -> String {
    format!("/odata/Releases({id})/{ODATA}.{action}")
}

/// Version in use and the whole history.
async fn versions(client: &Client, id: i64) -> (String, Vec<String>) {
    let shown = client.get(&format!("/odata/Releases({id})?$expand=ReleaseVersions,CurrentVersion")).await.expect(200);
    let history = shown["ReleaseVersions"].as_array().unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    assert_eq!(shown["CurrentVersion"]["VersionNumber"], shown["ProcessVersion"]);
    assert_eq!(shown["CurrentVersion"]["Id"], history.last().unwrap()["Id"]);
    (text(&shown["ProcessVersion"]), history.iter().map(|v| text(&v["VersionNumber"])).collect())
}

suite! {
    async fn back_and_forth(world: &World) {
        let admin = world.admin();
        for version in ["1.0.0", "1.1.0", "2.0.0-beta"] {
            admin.upload(&package("Bot", version)).await.expect(200);
        }
        let id = admin.release("Bot", "Bot", "1.0.0").await;
        let reply = admin.post(&act(id, "RollbackToPreviousReleaseVersion"), json!({})).await;
        reply.error(409, 1665);
        let latest = act(id, "UpdateToLatestPackageVersion?mergePackageTags=false");
        let reply = admin.post(&latest, json!({})).await.expect(200);
        assert_eq!(reply["value"], json!(id));
        assert!(reply["@odata.context"].as_str().unwrap().ends_with("#Edm.Int64"));
        assert_eq!(versions(&admin, id).await, ("1.1.0".into(), vec!["1.0.0".into(), "1.1.0".into()]));
        admin.post(&latest, json!({})).await.expect(200);
        assert_eq!(versions(&admin, id).await.1.len(), 2, "being there already is no change");
        let specific = act(id, "UpdateToSpecificPackageVersion");
        admin.post(&specific, json!({"packageVersion": "2.0.0-BETA"})).await.expect(200);
        admin.post(&act(id, "RollbackToPreviousReleaseVersion"), json!({})).await.expect(200);
        let (current, history) = versions(&admin, id).await;
        assert_eq!((current.as_str(), history.join(" ").as_str()), ("1.1.0", "1.0.0 1.1.0 2.0.0-beta 1.1.0"));
        admin.post(&specific, json!({"packageVersion": "1.0"})).await.expect(200);
        assert_eq!(versions(&admin, id).await.1.len(), 5, "a version used before counts anew");
        admin.post(&specific, json!({"packageVersion": "7.0"})).await.error(404, 1660);
        admin.post(&specific, json!({"packageVersion": "x y"})).await.error(400, 1675);
        admin.post(&specific, json!({})).await.error(400, 0);
        for action in ["UpdateToLatestPackageVersion", "RollbackToPreviousReleaseVersion"] {
            admin.post(&act(999, action), json!({})).await.error(404, 1002);
        }
        admin.without_folder().post(&latest, json!({})).await.error(400, 1101);
        admin.post(&act(id, "UpdateToLatestPackageVersion?mergePackageTags=maybe"), json!({})).await.error(400, 1009);
        let user = world.person("user", &[], Some((world.tenant.folder_id, &["Automation User"]))).await;
        user.post(&latest, json!({})).await.error(403, 0);
        // 1 created, 5 changes, each with an entry.
        let audit = world.audit().await;
        assert_eq!(audit.iter().filter(|(c, a, _)| c == "Processes" && a == "Update").count(), 4);
        // Versions that processes have left can go; one to which is rolled back is then missing.
        admin.delete("/odata/Processes('Bot:1.1.0')").await.expect(204);
        admin.post(&act(id, "RollbackToPreviousReleaseVersion"), json!({})).await.error(404, 1660);
    }

    async fn by_key(world: &World) {
        let admin = world.admin();
        for version in ["1.0.0", "1.1.0"] {
            admin.upload(&package("Bot", version)).await.expect(200);
        }
        let id = admin.release("Bot", "Bot", "1.0.0").await;
        let key = admin.get(&format!("/odata/Releases({id})")).await.expect(200)["Key"].as_str().unwrap().to_owned();
        let act = |action: &str, key: &str| format!("/odata/Releases/{ODATA}.{action}(identifier={key})");
        let reply = admin.post(&act("UpdateToLatestPackageVersionByKey", &key), json!({})).await.expect(200);
        assert_eq!(reply["value"], json!(key));
        admin.post(&act("RollbackToPreviousReleaseVersionByKey", &key.to_uppercase()), json!({})).await.expect(200);
        admin.post(&act("UpdateToSpecificPackageVersionByKey", &key), json!({"packageVersion": "1.1.0"})).await.expect(200);
        assert_eq!(versions(&admin, id).await.1.join(" "), "1.0.0 1.1.0 1.0.0 1.1.0");
        let none = "00000000-0000-4000-8000-000000000001";
        admin.post(&act("UpdateToLatestPackageVersionByKey", none), json!({})).await.error(404, 1002);
        admin.post(&act("UpdateToLatestPackageVersionByKey", "x"), json!({})).await.error(400, 1009);
        let update = format!("/odata/Releases/{ODATA}.UpdateByKey");
        let change = json!({"releaseKey": key, "processVersion": "1.0.0", "entryPointPath": "other", "inputArgs": "{\"a\":1}"});
        admin.post(&update, change).await.expect(200);
        let shown = admin.get(&format!("/odata/Releases({id})")).await.expect(200);
        assert_eq!(shown["ProcessVersion"], "1.0.0");
        assert_eq!(shown["EntryPointPath"], "other");
        assert_eq!(shown["InputArguments"], "{\"a\":1}");
        admin.post(&update, json!({"releaseKey": key, "inputArgs": ""})).await.expect(200);
        assert_eq!(admin.get(&format!("/odata/Releases({id})")).await.expect(200)["InputArguments"], Value::Null);
        for (body, status, code) in [
            (json!({"releaseKey": none}), 404, 1002),
            (json!({"releaseKey": "x"}), 400, 1009),
            (json!({}), 400, 0),
            (json!({"releaseKey": key, "entryPointPath": "nowhere"}), 400, 1009),
            (json!({"releaseKey": key, "processVersion": "9.0"}), 404, 1660),
            (json!({"releaseKey": key, "inputArgs": "[1]"}), 400, 1009),
        ] {
            let reply = admin.post(&update, body.clone()).await;
            assert_eq!((reply.status, reply.expect(status)["errorCode"].as_i64()), (status, Some(code)), "{body}");
        }
    }

    async fn many_at_once(world: &World) {
        let admin = world.admin();
        for (id, version) in [("Bot", "1.0.0"), ("Bot", "1.1.0"), ("Cat", "1.0.0"), ("Cat", "3.0.0")] {
            admin.upload(&package(id, version)).await.expect(200);
        }
        let (bot, cat) = (admin.release("Bot", "Bot", "1.0.0").await, admin.release("Cat", "Cat", "1.0.0").await);
        let bulk = format!("/odata/Releases/{ODATA}.UpdateToLatestPackageVersionBulk");
        let reply = admin.post(&bulk, json!({"releaseIds": [cat, bot, 999, bot]})).await.expect(200);
        assert_eq!((reply["Success"].as_bool(), &reply["FailedItems"]), (Some(false), &json!([999])));
        assert_eq!((versions(&admin, bot).await.0, versions(&admin, cat).await.0), ("1.1.0".into(), "3.0.0".into()));
        let reply = admin.post(&bulk, json!({"releaseIds": [bot], "mergePackageTags": true})).await.expect(200);
        assert_eq!((reply["Success"].as_bool(), &reply["FailedItems"]), (Some(true), &json!([])));
        admin.post(&bulk, json!({"releaseIds": []})).await.error(400, 1009);
        admin.post(&bulk, json!({"releaseIds": vec![1; 1001]})).await.error(400, 1009);
        admin.post(&bulk, json!({})).await.error(400, 0);
        let keys = admin.get("/odata/Releases?$orderby=Id").await.expect(200);
        let keys = crate::world::column(&keys, "Key");
        admin.upload(&package("Bot", "1.2.0")).await.expect(200);
        let bulk = format!("/odata/Releases/{ODATA}.UpdateToLatestPackageVersionBulkByKey");
        let none = "00000000-0000-4000-8000-000000000001";
        let reply = admin.post(&bulk, json!({"releaseKeys": [keys[0], none]})).await.expect(200);
        assert_eq!((reply["Success"].as_bool(), &reply["FailedItems"]), (Some(false), &json!([none])));
        assert_eq!(versions(&admin, bot).await.0, "1.2.0");
    }

    async fn follows_its_package(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let wish = json!({"Name": "follows", "ProcessKey": "Bot", "ProcessVersion": "1.0.0", "AutoUpdate": true});
        let follows = admin.post("/odata/Releases", wish).await.expect(201)["Id"].as_i64().unwrap();
        let stays = admin.release("stays", "Bot", "1.0.0").await;
        admin.upload(&package("Bot", "1.2.0")).await.expect(200);
        assert_eq!(versions(&admin, follows).await, ("1.2.0".into(), vec!["1.0.0".into(), "1.2.0".into()]));
        assert_eq!(versions(&admin, stays).await.0, "1.0.0");
        for version in ["1.1.0", "2.0.0-beta"] {
            admin.upload(&package("Bot", version)).await.expect(200);
        }
        assert_eq!(versions(&admin, follows).await.0, "1.2.0", "neither an older version nor a pre-release");
        // Its version is not chosen by hand meanwhile.
        let specific = act(follows, "UpdateToSpecificPackageVersion");
        admin.post(&specific, json!({"packageVersion": "1.1.0"})).await.error(409, 1693);
        admin.post(&act(follows, "RollbackToPreviousReleaseVersion"), json!({})).await.error(409, 1693);
        let path = format!("/odata/Releases({follows})");
        admin.patch(&path, json!({"ProcessVersion": "1.1.0"})).await.error(409, 1693);
        admin.patch(&path, json!({"ProcessVersion": "1.1.0", "AutoUpdate": false})).await.expect(200);
        assert_eq!(versions(&admin, follows).await.0, "1.1.0");
        admin.patch(&path, json!({"AutoUpdate": true})).await.expect(200);
        admin.post(&act(follows, "UpdateToLatestPackageVersion"), json!({})).await.expect(200);
        assert_eq!(versions(&admin, follows).await.0, "1.2.0");
        // A package of the same id in another feed is another package.
        let (_, feed) = world.folder("Finance", None, true).await;
        admin.upload_to(Some(&feed), &package("Bot", "5.0.0")).await.expect(200);
        assert_eq!(versions(&admin, follows).await.0, "1.2.0");
    }

    async fn entry_points_are_kept_where_they_exist(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        admin.upload(&package("Bot", "1.1.0")).await.expect(200);
        let single = bandmaster_packages::nupkg::build::PackageBuilder::new("Bot", "2.0.0")
            .function("start", "main.py:start", json!({}), json!({}))
            .build()
            .unwrap();
        admin.upload(&single).await.expect(200);
        let wish = json!({"Name": "b", "ProcessKey": "Bot", "ProcessVersion": "1.0.0", "EntryPointPath": "other"});
        let id = admin.post("/odata/Releases", wish).await.expect(201)["Id"].as_i64().unwrap();
        let specific = act(id, "UpdateToSpecificPackageVersion");
        let entry = async || {
            let shown = admin.get(&format!("/odata/Releases({id})?$expand=EntryPoint")).await.expect(200);
            assert_eq!(shown["EntryPoint"]["Path"], shown["EntryPointPath"]);
            assert_eq!(shown["EntryPoint"]["Id"], shown["EntryPointId"]);
            shown["EntryPointPath"].as_str().unwrap().to_owned()
        };
        admin.post(&specific, json!({"packageVersion": "1.1.0"})).await.expect(200);
        assert_eq!(entry().await, "other");
        admin.post(&specific, json!({"packageVersion": "2.0.0"})).await.expect(200);
        assert_eq!(entry().await, "start", "else the main one");
    }

    async fn one_after_another(world: &World) {
        let admin = world.admin();
        for version in ["1.0.0", "1.1.0", "1.2.0"] {
            admin.upload(&package("Bot", version)).await.expect(200);
        }
        let id = admin.release("Bot", "Bot", "1.0.0").await;
        let specific = act(id, "UpdateToSpecificPackageVersion");
        let moves: Vec<Value> = (0..8).map(|n| json!({"packageVersion": format!("1.{}.0", n % 3)})).collect();
        let replies = futures::future::join_all(moves.iter().map(|m| admin.post(&specific, m.clone()))).await;
        assert!(replies.iter().all(|r| r.status == 200));
        let (_, history) = versions(&admin, id).await;
        assert!(history.windows(2).all(|w| w[0] != w[1]), "{history:?}");
        // Making a process and deleting its package at once: one of them wins, and nothing dangles.
        for round in 0..4 {
            let version = format!("5.{round}.0");
            admin.upload(&package("Bot", &version)).await.expect(200);
            let wish = json!({"Name": format!("p{round}"), "ProcessKey": "Bot", "ProcessVersion": version});
            let gone = format!("/odata/Processes('Bot:{version}')");
            let (made, deleted) = tokio::join!(admin.post("/odata/Releases", wish), admin.delete(&gone));
            assert!(matches!((made.status, deleted.status), (201, 409) | (404, 204)), "{} {}", made.status, deleted.status);
        }
        let broken = admin.get("/odata/Releases?$filter=IsProcessDeleted eq true").await.expect(200);
        assert_eq!(broken["value"], json!([]));
    }
}
