//! Feeds of tenants and folders: which there are, who may use them, what is hidden where.

use crate::world::{column, package, suite};
use serde_json::{Value, json};

const ODATA: &str = "UiPath.Server.Configuration.OData";

suite! {
    async fn feeds_are_told(world: &World) {
        let admin = world.admin().without_folder();
        let (finance, key) = world.folder("Finance", None, true).await;
        let (below, _) = world.folder("Invoices", Some(finance), false).await;
        let (plain, plain_key) = world.folder("Plain", None, false).await;
        let of = |id: i64| format!("/api/PackageFeeds/GetFolderFeed?folderId={id}");
        assert_eq!(admin.get(&of(finance)).await.expect(200), json!(key));
        assert_eq!(admin.get(&of(below)).await.expect(200), json!(key));
        assert_eq!(admin.get(&of(plain)).await.expect(200), Value::Null);
        assert_eq!(admin.get(&of(plain)).await.bytes, b"null");
        admin.get(&of(999_999)).await.error(404, 1002);
        assert_eq!(admin.get("/api/PackageFeeds/GetFolderFeed").await.bytes, b"null");
        admin.get("/api/PackageFeeds/GetFolderFeed?folderId=x").await.error(400, 1009);
        let by_key = |key: &str| format!("/api/PackageFeeds/GetFolderFeedByKey?folderKey={key}");
        assert_eq!(admin.get(&by_key(&key)).await.expect(200), json!(key));
        assert_eq!(admin.get(&by_key(&plain_key)).await.expect(200), Value::Null);
        admin.get(&by_key("00000000-0000-4000-8000-000000000001")).await.error(404, 1002);
        let feeds = admin.get("/api/PackageFeeds/GetFeeds").await.expect(200);
        let shown: Vec<(&str, &str)> = feeds
            .as_array()
            .unwrap()
            .iter()
            .filter(|f| f["feedType"] != "PersonalWorkspace")
            .map(|f| (f["name"].as_str().unwrap(), f["purpose"].as_str().unwrap()))
            .collect();
        assert_eq!(shown, [
            ("Orchestrator Tenant Processes Feed", "Processes"),
            ("Orchestrator Tenant Libraries Feed", "Libraries"),
            ("Orchestrator Finance Feed", "Processes"),
        ]);
        assert!(feeds[0]["feedUrl"].as_str().unwrap().starts_with("http://localhost/nuget/v3/"));
        assert!(feeds.as_array().unwrap().iter().all(|f| f["apiKey"].is_null()));
        let libraries = admin.get("/api/PackageFeeds/GetLibraryFeeds").await.expect(200);
        assert_eq!(libraries.as_array().unwrap().len(), 1);
        let stranger = world.person("stranger", &[], None).await;
        assert_eq!(stranger.get("/api/PackageFeeds/GetFeeds").await.expect(200), json!([]));
        stranger.get(&of(finance)).await.error(404, 1002);
        world.anonymous().get(&of(finance)).await.error(401, 0);
        let other = world.other_tenant().await;
        other.get(&of(finance)).await.error(404, 1002);
    }

    async fn packages_of_folders_stay_there(world: &World) {
        let admin = world.admin();
        let (finance, feed) = world.folder("Finance", None, true).await;
        let (_, other_feed) = world.folder("Sales", None, true).await;
        let bytes = package("Bot", "1.0.0");
        admin.upload_to(Some(&feed), &bytes).await.expect(200);
        let list = |feed: &str| format!("/odata/Processes?feedId={feed}");
        let download = |feed: &str| format!("/odata/Processes/{ODATA}.DownloadPackage(key='Bot:1.0.0')?feedId={feed}");
        assert_eq!(admin.get("/odata/Processes").await.expect(200)["value"], json!([]));
        assert_eq!(column(&admin.get(&list(&feed)).await.expect(200), "Key"), ["Bot:1.0.0"]);
        assert_eq!(admin.get(&download(&feed)).await.bytes, bytes);
        admin.get(&download(&other_feed)).await.error(404, 1002);
        admin.get(&format!("/odata/Processes/{ODATA}.DownloadPackage(key='Bot:1.0.0')")).await.error(404, 1002);
        assert_eq!(admin.get(&list(&other_feed)).await.expect(200)["value"], json!([]));
        // The same version in several feeds is no clash, and deleting one leaves the others.
        admin.upload_to(Some(&other_feed), &bytes).await.expect(200);
        admin.upload(&bytes).await.expect(200);
        admin.upload_to(Some(&feed), &bytes).await.error(409, 1004);
        assert_eq!(admin.delete(&format!("/odata/Processes('Bot:1.0.0')?feedId={feed}")).await.status, 204);
        admin.get(&download(&feed)).await.error(404, 1002);
        assert_eq!(admin.get(&download(&other_feed)).await.bytes, bytes);
        // A folder without a feed of its own is no feed.
        let (_, shared_key) = world.folder("Plain", None, false).await;
        admin.get(&list(&shared_key)).await.error(404, 1002);
        // A process takes its package from the feed of its folder.
        let body = json!({"Name": "Bot", "ProcessKey": "Bot", "ProcessVersion": "1.0.0"});
        admin.in_folder(finance).post("/odata/Releases", body).await.error(404, 1677);
    }

    async fn rights_in_folders(world: &World) {
        let admin = world.admin();
        let (finance, feed) = world.folder("Finance", None, true).await;
        let (below, _) = world.folder("Invoices", Some(finance), false).await;
        let (elsewhere, other_feed) = world.folder("Sales", None, true).await;
        admin.upload_to(Some(&feed), &package("Bot", "1.0.0")).await.expect(200);
        let list = format!("/odata/Processes?feedId={feed}");
        let delete = format!("/odata/Processes('Bot:1.0.0')?feedId={feed}");
        let publisher = world.person("publisher", &[], Some((finance, &["Automation Publisher"]))).await;
        let user = world.person("user", &[], Some((below, &["Automation User"]))).await;
        let low = world.person("low", &[], Some((below, &["Automation Publisher"]))).await;
        let outsider = world.person("outsider", &["Tenant Administrator"], Some((elsewhere, &["Folder Administrator"]))).await;
        assert_eq!(column(&publisher.get(&list).await.expect(200), "Id"), ["Bot"]);
        publisher.upload_to(Some(&feed), &package("Bot", "2.0.0")).await.expect(200);
        publisher.delete(&delete).await.error(403, 0);
        // Whoever works below may see the packages that processes there are made of, and no more.
        assert_eq!(column(&user.get(&list).await.expect(200), "Id"), ["Bot"]);
        user.upload_to(Some(&feed), &package("Bot", "3.0.0")).await.error(403, 0);
        low.upload_to(Some(&feed), &package("Bot", "3.0.0")).await.error(403, 0);
        // Rights in the tenant or in other folders do not even tell that the feed exists.
        outsider.get(&list).await.error(404, 1002);
        outsider.upload_to(Some(&feed), &package("Bot", "3.0.0")).await.error(404, 1002);
        outsider.delete(&delete).await.error(404, 1002);
        outsider.get(&format!("/odata/Processes?feedId={other_feed}")).await.expect(200);
        let names = outsider.get("/api/PackageFeeds/GetFeeds").await.expect(200);
        let names: Vec<&str> = names.as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(names, [
            "Orchestrator Tenant Processes Feed",
            "Orchestrator Tenant Libraries Feed",
            "Orchestrator Sales Feed",
        ]);
        // Rights in the folder are none in the tenant's feed.
        publisher.get("/odata/Processes").await.error(403, 0);
        let admin_below = world.person("head", &[], Some((finance, &["Folder Administrator"]))).await;
        assert_eq!(admin_below.delete(&delete).await.status, 204);
    }

    async fn a_deleted_folder_takes_its_feed_along(world: &World) {
        let admin = world.admin();
        let (finance, feed) = world.folder("Finance", None, true).await;
        let (below, _) = world.folder("Invoices", Some(finance), false).await;
        admin.upload_to(Some(&feed), &package("Bot", "1.0.0")).await.expect(200);
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        admin.in_folder(below).release("Bot", "Bot", "1.0.0").await;
        admin.in_folder(finance).release("Bot", "Bot", "1.0.0").await;
        let kept = admin.release("Bot", "Bot", "1.0.0").await;
        assert_eq!(admin.delete(&format!("/odata/Folders({finance})")).await.status, 204);
        admin.get(&format!("/odata/Processes?feedId={feed}")).await.error(404, 1002);
        let mut conn = world.app.store.read().await.unwrap();
        for (sql, expected) in [
            ("SELECT COUNT(*) FROM releases", 1i64),
            ("SELECT COUNT(*) FROM package_versions", 1),
            ("SELECT COUNT(*) FROM packages", 1),
            ("SELECT COUNT(*) FROM release_versions", 1),
            ("SELECT COUNT(*) FROM package_entry_points", 2),
        ] {
            assert_eq!(conn.query_one(sql, &[]).await.unwrap().get::<i64>(0).unwrap(), expected, "{sql}");
        }
        admin.get(&format!("/odata/Releases({kept})")).await.expect(200);
    }
}
