//! The NuGet surface, used the way package managers do: service index first, then the addresses it names.

use crate::form::file;
use crate::world::{Client, World, column, package, suite};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The path of an absolute address on the server.
fn path(address: &str) -> String {
    address.strip_prefix("http://localhost").unwrap().to_owned()
}

/// The tenant's processes feed.
async fn feed(client: &Client, purpose: &str) -> String {
    let feeds = client.get("/api/PackageFeeds/GetFeeds").await.expect(200);
    let found = feeds.as_array().unwrap().iter().find(|f| f["purpose"] == purpose && f["folderId"].is_null());
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

/// The address of a resource.
fn resource(index: &Value, kind: &str) -> String {
    let found = index["resources"].as_array().unwrap().iter().find(|r| r["@type"] == kind);
    path(found.unwrap()["@id"].as_str().unwrap())
}

async fn key(world: &World) -> String {
    let key = bandmaster_packages::feeds::api_key(&world.app, world.organization_id, world.tenant.id).await.unwrap();
    key.reveal().to_owned()
}

suite! {
    async fn publish_and_restore(world: &World) {
        let admin = world.admin().without_folder();
        let feed = feed(&admin, "Processes").await;
        let index = admin.get(&format!("/nuget/v3/{feed}/index.json")).await.expect(200);
        assert_eq!(index["version"], "3.0.0");
        let bytes = package("Invoice.Bot", "1.0.3");
        let publish = resource(&index, "PackagePublish/2.0.0");
        admin.form("PUT", &publish, &[file("package", &bytes)]).await.expect(201);
        admin.form("PUT", &format!("{publish}/"), &[file("package.nupkg", &bytes)]).await.error(409, 1004);
        admin.form("PUT", &publish, &[file("package", &package("Invoice.Bot", "1.1.0-rc.1"))]).await.expect(201);
        admin.form("PUT", &publish, &[file("package", &package("Other", "2.0"))]).await.expect(201);
        World::assert_audited(&world.audit().await, "Packages", "Upload", "Invoice.Bot:1.0.3");
        let flat = resource(&index, "PackageBaseAddress/3.0.0");
        let versions = admin.get(&format!("{flat}invoice.bot/index.json")).await.expect(200);
        assert_eq!(versions, json!({"versions": ["1.0.3", "1.1.0-rc.1"]}));
        let got = admin.get(&format!("{flat}invoice.bot/1.0.3/invoice.bot.1.0.3.nupkg")).await;
        assert_eq!((got.status, got.bytes == bytes), (200, true));
        for missing in [
            "nobody/index.json",
            "invoice.bot/9.9.9/invoice.bot.9.9.9.nupkg",
            "invoice.bot/1.0.3/invoice.bot.nuspec",
            "invoice.bot/1.0.3/other.1.0.3.nupkg",
            "invoice.bot/x y/invoice.bot.x y.nupkg",
        ] {
            admin.get(&format!("{flat}{missing}")).await.error(404, 1002);
        }
        let registrations = resource(&index, "RegistrationsBaseUrl/3.6.0");
        let page = admin.get(&format!("{registrations}invoice.bot/index.json")).await.expect(200);
        let items = page["items"][0]["items"].as_array().unwrap();
        assert_eq!((page["count"].as_i64(), items.len()), (Some(1), 2));
        assert_eq!(page["items"][0]["lower"], "1.0.3");
        let entry = &items[0]["catalogEntry"];
        assert_eq!((entry["id"].as_str(), entry["version"].as_str()), (Some("Invoice.Bot"), Some("1.0.3")));
        assert_eq!(admin.get(&path(items[0]["packageContent"].as_str().unwrap())).await.bytes, bytes);
        let leaf = admin.get(&path(items[0]["@id"].as_str().unwrap())).await.expect(200);
        assert_eq!(leaf["catalogEntry"]["version"], "1.0.3");
        admin.get(&format!("{registrations}nobody/index.json")).await.error(404, 1002);
        admin.get(&format!("{registrations}invoice.bot/9.0.0.json")).await.error(404, 1002);
        admin.get(&format!("{registrations}invoice.bot/x")).await.error(404, 1002);
        let query = resource(&index, "SearchQueryService/3.5.0");
        let found = admin.get(&format!("{query}?q=invoice&prerelease=true&semVerLevel=2.0.0")).await.expect(200);
        assert_eq!(found["totalHits"], 1);
        let hit = &found["data"][0];
        assert_eq!((hit["id"].as_str(), hit["version"].as_str()), (Some("Invoice.Bot"), Some("1.0.3")));
        assert_eq!(hit["versions"].as_array().unwrap().len(), 2);
        let all = admin.get(&format!("{query}?take=1&skip=1")).await.expect(200);
        assert_eq!((all["totalHits"].as_i64(), all["data"].as_array().unwrap().len()), (Some(2), 1));
        admin.get(&format!("{query}?take=-1")).await.error(400, 1009);
        admin.get(&format!("{query}?take=x")).await.error(400, 1009);
        // What came in here is a package like any other.
        assert_eq!(column(&admin.get("/odata/Processes").await.expect(200), "Id"), ["Invoice.Bot", "Other"]);
        // Under the other layouts the addresses carry the prefix.
        let index = admin.get(&format!("/Acme/Default/orchestrator_/nuget/v3/{feed}/index.json")).await.expect(200);
        assert!(resource(&index, "SearchQueryService").starts_with("/Acme/Default/orchestrator_/nuget/v3/"));
        assert_eq!(admin.get(&resource(&index, "SearchQueryService")).await.status, 200);
    }

    async fn the_key_of_the_feeds(world: &World) {
        let admin = world.admin();
        let (feed, libraries) = (feed(&admin, "Processes").await, feed(&admin, "Libraries").await);
        let key = key(world).await;
        assert_eq!(self::key(world).await, key, "made once");
        let nobody = world.anonymous();
        let holder = nobody.with_header("X-NuGet-ApiKey", &key);
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("any:{password}")));
        let index = format!("/nuget/v3/{feed}/index.json");
        let refused = nobody.get(&index).await;
        refused.error(401, 0);
        assert!(refused.header("www-authenticate").unwrap().starts_with("Basic"));
        for wrong in ["x", "", &key[1..], &format!("{key}0")] {
            nobody.with_header("X-NuGet-ApiKey", wrong).get(&index).await.error(401, 0);
            nobody.with_header("Authorization", &basic(wrong)).get(&index).await.error(401, 0);
        }
        holder.get(&index).await.expect(200);
        nobody.with_header("Authorization", &basic(&key)).get(&index).await.expect(200);
        let publish = format!("/nuget/v3/{feed}/package");
        nobody.form("PUT", &publish, &[file("p", &package("Bot", "1.0.0"))]).await.error(401, 0);
        holder.form("PUT", &publish, &[file("p", &package("Bot", "1.0.0"))]).await.expect(201);
        holder.form("PUT", &publish, &[file("p", &package("Bot", "1.0.0"))]).await.error(409, 1004);
        holder.form("PUT", &publish, &[]).await.error(400, 1664);
        holder.form("PUT", &publish, &[file("a", &package("A", "1.0.0")), file("b", &package("B", "1.0.0"))]).await.error(400, 1664);
        holder.form("PUT", &publish, &[file("p", b"nonsense")]).await.error(400, 1654);
        assert_eq!(column(&admin.get("/odata/Processes").await.expect(200), "Id"), ["Bot"]);
        World::assert_audited(&world.audit().await, "Packages", "Upload", "Bot:1.0.0");
        holder.get(&format!("/nuget/v3/{libraries}/index.json")).await.expect(200);
        // It opens the tenant's own feeds and nothing else.
        let (_, folder_feed) = world.folder("Finance", None, true).await;
        for other in [folder_feed.as_str(), "00000000-0000-4000-8000-000000000001", "nonsense"] {
            holder.get(&format!("/nuget/v3/{other}/index.json")).await.error(404, 1002);
            holder.form("PUT", &format!("/nuget/v3/{other}/package"), &[file("p", &package("C", "1.0.0"))]).await.error(404, 1002);
        }
        holder.get("/odata/Processes").await.error(401, 0);
        let stored: String = {
            let mut conn = world.app.store.read().await.unwrap();
            conn.query_one("SELECT key_hash || key_sealed FROM feed_keys", &[]).await.unwrap().get(0).unwrap()
        };
        assert!(!stored.contains(&key));
    }

    async fn callers_with_rights(world: &World) {
        let admin = world.admin();
        let feed = feed(&admin, "Processes").await;
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let (finance, folder_feed) = world.folder("Finance", None, true).await;
        admin.upload_to(Some(&folder_feed), &package("Hidden", "1.0.0")).await.expect(200);
        let index = format!("/nuget/v3/{feed}/index.json");
        let content = format!("/nuget/v3/{feed}/flat/bot/1.0.0/bot.1.0.0.nupkg");
        let publish = format!("/nuget/v3/{feed}/package");
        let machine = world.machine();
        machine.get(&index).await.expect(200);
        assert_eq!(machine.get(&content).await.bytes, package("Bot", "1.0.0"));
        machine.form("PUT", &publish, &[file("p", &package("X", "1.0.0"))]).await.error(403, 0);
        machine.get(&format!("/nuget/v3/{folder_feed}/index.json")).await.error(404, 1002);
        let stranger = world.person("stranger", &[], None).await;
        stranger.get(&index).await.error(403, 0);
        let user = world.person("user", &[], Some((finance, &["Automation User"]))).await;
        user.get(&format!("/nuget/v3/{folder_feed}/flat/hidden/index.json")).await.expect(200);
        admin.with_scopes(&["OR.Jobs"]).get(&index).await.error(403, 0);
        let reading = admin.with_scopes(&["OR.Execution.Read"]);
        reading.get(&index).await.expect(200);
        reading.form("PUT", &publish, &[file("p", &package("X", "1.0.0"))]).await.error(403, 0);
        let other = world.other_tenant().await;
        other.get(&index).await.error(404, 1002);
        other.get(&content).await.error(404, 1002);
    }
}
