//! Personal workspaces: what is published there is deployed there at once.

use crate::world::{World, column, package, suite, unclear, unit};
use serde_json::{Value, json};

/// The caller's workspace: folder id and feed.
async fn workspace(world: &World, name: &str) -> (i64, String) {
    let mut conn = world.app.store.read().await.unwrap();
    let sql = "SELECT f.id, f.key FROM folders f JOIN users u ON u.id = f.owner_user_id WHERE u.user_name = $1";
    let row = conn.query_one(sql, &[bandmaster_store::Value::from(name)]).await.unwrap();
    (row.get(0).unwrap(), row.get(1).unwrap())
}

async fn make_workspace(world: &World, name: &str) {
    let mut unit = unit(&world.app).await;
    let sql = "SELECT id FROM users WHERE user_name = $1 AND tenant_id = $2";
    let row = unit
        .query_one(sql, &[bandmaster_store::Value::from(name), bandmaster_store::Value::from(world.tenant.id)])
        .await
        .unwrap();
    bandmaster_access::workspaces::create(&mut unit, world.tenant.id, row.get(0).unwrap()).await.unwrap();
    unit.commit().await.unwrap();
}

suite! {
    async fn publishing_deploys(world: &World) {
        let dana = world.person("dana", &["Allow to be Automation User"], None).await;
        make_workspace(world, "dana").await;
        let (folder, feed) = workspace(world, "dana").await;
        dana.upload_to(Some(&feed), &package("agent-one", "0.0.1")).await.expect(200);
        // The vendor's command line sends the feed's GUID where the folder's id belongs.
        let there = dana.without_folder().with_header("X-UIPATH-OrganizationUnitId", &feed);
        let list = "/odata/Releases/UiPath.Server.Configuration.OData.ListReleases?$select=Id,Key,ProcessVersion&$top=25\
             &$filter=ProcessKey eq 'agent-one'";
        let shown = there.get(list).await.expect(200);
        assert_eq!(column(&shown, "ProcessVersion"), ["0.0.1"]);
        let id = shown["value"][0]["Id"].as_i64().unwrap();
        dana.upload_to(Some(&feed), &package("agent-one", "0.0.2")).await.expect(200);
        let shown = there.get(list).await.expect(200);
        assert_eq!(column(&shown, "ProcessVersion"), ["0.0.2"]);
        assert_eq!(shown["value"][0]["Id"], json!(id), "the same process");
        // Also a version that is not the greatest is what was published last.
        dana.upload_to(Some(&feed), &package("agent-one", "0.0.1.5")).await.expect(200);
        assert_eq!(column(&there.get(list).await.expect(200), "ProcessVersion"), ["0.0.1.5"]);
        let one = dana.in_folder(folder).get(&format!("/odata/Releases({id})?$expand=ReleaseVersions,EntryPoint")).await;
        let one = one.expect(200);
        let history: Vec<&str> = one["ReleaseVersions"].as_array().unwrap().iter().map(|v| v["VersionNumber"].as_str().unwrap()).collect();
        assert_eq!(history, ["0.0.1", "0.0.2", "0.0.1.5"]);
        assert_eq!((one["Name"].as_str(), one["EntryPoint"]["Path"].as_str()), (Some("agent-one"), Some("main")));
        let audit = world.audit().await;
        World::assert_audited(&audit, "Processes", "Create", "agent-one");
        let kinds: Vec<String> = world.events().await.into_iter().map(|(k, _)| k).filter(|k| k.starts_with("process.")).collect();
        assert_eq!(kinds, ["process.created", "process.updated", "process.updated"]);
    }

    async fn names_give_way(world: &World) {
        let dana = world.person("dana", &["Allow to be Automation User"], None).await;
        make_workspace(world, "dana").await;
        let (folder, feed) = workspace(world, "dana").await;
        let dana = dana.in_folder(folder);
        dana.upload_to(Some(&feed), &package("first", "1.0.0")).await.expect(200);
        let list = dana.get("/odata/Releases").await.expect(200);
        let id = list["value"][0]["Id"].as_i64().unwrap();
        dana.patch(&format!("/odata/Releases({id})"), json!({"Name": "Second"})).await.expect(200);
        dana.upload_to(Some(&feed), &package("second", "1.0.0")).await.expect(200);
        let list = dana.get("/odata/Releases?$orderby=Id").await.expect(200);
        assert_eq!(column(&list, "Name"), ["Second", "second 2"]);
        // A package whose main entry point is unclear waits for somebody to choose.
        dana.upload_to(Some(&feed), &unclear("third", "1.0.0")).await.expect(200);
        assert_eq!(dana.get("/odata/Releases").await.expect(200)["@odata.count"], 2);
    }

    async fn nobody_else_gets_in(world: &World) {
        world.person("dana", &[], None).await;
        make_workspace(world, "dana").await;
        let (folder, feed) = workspace(world, "dana").await;
        let eve = world.person("eve", &["Tenant Administrator"], None).await;
        eve.upload_to(Some(&feed), &package("x", "1.0.0")).await.error(404, 1002);
        eve.get(&format!("/odata/Processes?feedId={feed}")).await.error(404, 1002);
        eve.get(&format!("/api/PackageFeeds/GetFolderFeed?folderId={folder}")).await.error(404, 1002);
        let feeds = eve.get("/api/PackageFeeds/GetFeeds").await.expect(200);
        let has = |f: &Value| f["feedType"] == "PersonalWorkspace" && f["id"] == json!(feed);
        assert!(!feeds.as_array().unwrap().iter().any(has));
    }
}
