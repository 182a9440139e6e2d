//! The tag Processes: upload, lists, downloads, deletion, arguments, entry points.

use crate::described::has_members_of;
use crate::form::{Part, file};
use crate::world::{World, builder, column, package, suite};
use serde_json::{Value, json};

const ODATA: &str = "UiPath.Server.Configuration.OData";

fn download(key: &str) -> String {
    format!("/odata/Processes/{ODATA}.DownloadPackage(key='{key}')")
}

suite! {
    async fn uploads_lists_and_downloads_the_same_bytes(world: &World) {
        let admin = world.admin().without_folder();
        let bytes = package("InvoiceBot", "1.0.3");
        let reply = admin.upload(&bytes).await.expect(200);
        let row = &reply["value"][0];
        assert_eq!((row["Key"].as_str(), row["Status"].as_str()), (Some("InvoiceBot:1.0.3"), Some("OK")));
        let body: Value = serde_json::from_str(row["Body"].as_str().unwrap()).unwrap();
        assert_eq!((body["Id"].as_str(), body["Version"].as_str()), (Some("InvoiceBot"), Some("1.0.3")));
        let list = admin.get("/odata/Processes").await.expect(200);
        let shown = &list["value"][0];
        has_members_of("ProcessDto", shown);
        assert_eq!(list["@odata.count"], 1);
        for (name, value) in [
            ("IsActive", json!(false)),
            ("IsLatestVersion", json!(true)),
            ("OldVersion", json!(null)),
            ("Key", json!("InvoiceBot:1.0.3")),
            ("Title", json!("InvoiceBot")),
            ("Description", json!("InvoiceBot does things")),
            ("Authors", json!("dana")),
            ("Published", json!("2026-01-05T08:00:00Z")),
            ("ProjectType", json!("Process")),
            ("PackageType", json!("Process")),
            ("TargetFramework", json!("Portable")),
            ("SupportsMultipleEntryPoints", json!(true)),
            ("MainEntryPointPath", json!("main")),
            ("RequiresUserInteraction", json!(false)),
            ("ResourceTags", json!([])),
        ] {
            assert_eq!(shown[name], value, "{name}");
        }
        let input: Value = serde_json::from_str(shown["Arguments"]["Input"].as_str().unwrap()).unwrap();
        assert_eq!(input, json!([{"name": "month", "type": "System.Int64", "required": true, "hasDefault": false}]));
        let reply = admin.get(&download("InvoiceBot:1.0.3")).await;
        assert_eq!((reply.status, reply.bytes == bytes), (200, true));
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        assert_eq!(reply.header("content-length"), Some(bytes.len().to_string().as_str()));
        assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"InvoiceBot.1.0.3.nupkg\""));
        // Case of the id and spelling of the version do not matter.
        assert_eq!(admin.get(&download("invoicebot:1.0.3.0")).await.bytes, bytes);
        World::assert_audited(&world.audit().await, "Packages", "Upload", "InvoiceBot:1.0.3");
        assert_eq!(world.stored().len(), 1);
    }

    async fn latest_version_and_options(world: &World) {
        let admin = world.admin().without_folder();
        for (id, version) in [("Bot", "1.9.0"), ("Bot", "1.10.0"), ("Bot", "2.0.0-beta"), ("Bot", "1.2.0"), ("Zebra", "1.0")] {
            admin.upload(&package(id, version)).await.expect(200);
        }
        admin.upload(&package("Only.Beta", "0.1.0-a")).await.expect(200);
        admin.upload(&package("Only.Beta", "0.1.0-b")).await.expect(200);
        let list = admin.get("/odata/Processes?$orderby=Id desc").await.expect(200);
        assert_eq!(column(&list, "Key"), ["Zebra:1.0", "Only.Beta:0.1.0-b", "Bot:1.10.0"]);
        assert_eq!(list["value"][2]["OldVersion"], "1.9.0");
        let path = format!("/odata/Processes/{ODATA}.GetProcessVersions(processId='bot')");
        let versions = admin.get(&path).await.expect(200);
        assert_eq!(column(&versions, "Version"), ["2.0.0-beta", "1.10.0", "1.9.0", "1.2.0"]);
        let latest: Vec<bool> =
            versions["value"].as_array().unwrap().iter().map(|v| v["IsLatestVersion"] == true).collect();
        assert_eq!(latest, [false, true, false, false]);
        let some = admin.get(&format!("{path}?$filter=Version ne '1.9.0'&$orderby=Version&$top=2&$select=Version")).await;
        assert_eq!(column(&some.expect(200), "Version"), ["1.10.0", "1.2.0"]);
        let none = format!("/odata/Processes/{ODATA}.GetProcessVersions(processId='nothing')");
        assert_eq!(admin.get(&none).await.expect(200)["value"], json!([]));
        let expanded = admin.get("/odata/Processes?$expand=EntryPoints&$filter=Id eq 'Bot'").await.expect(200);
        let entries = expanded["value"][0]["EntryPoints"].as_array().unwrap().clone();
        assert_eq!(entries.iter().map(|e| e["Path"].as_str().unwrap()).collect::<Vec<_>>(), ["main", "other"]);
        for (term, found) in [("zeb", vec!["Zebra"]), ("DOES THINGS", vec!["Bot", "Only.Beta", "Zebra"]), ("%", vec![])] {
            let list = admin.get(&format!("/odata/Processes?searchTerm={term}")).await.expect(200);
            assert_eq!(column(&list, "Id"), found, "{term}");
        }
        admin.get("/odata/Processes?$filter=NoSuch eq 1").await.error(400, 1000);
    }

    async fn several_files_at_once(world: &World) {
        let admin = world.admin();
        let (a, b) = (package("A", "1.0.0"), package("B", "1.0.0"));
        let path = format!("/odata/Processes/{ODATA}.UploadPackage");
        let reply = admin
            .form("POST", &path, &[
                Part { field: "uploads[]", file: Some("x/a.nupkg"), content: &a },
                Part { field: "note", file: None, content: b"hello" },
                Part { field: "file7", file: Some("b.NUPKG"), content: &b },
            ])
            .await
            .expect(200);
        assert_eq!(column(&reply, "Key"), ["A:1.0.0", "B:1.0.0"]);
        let c = package("C", "1.0.0");
        let parts = [file("a.nupkg", &a), file("c.nupkg", &c), file("d.txt", b"text"), file("e.nupkg", b"no zip")];
        let reply = admin.form("POST", &path, &parts).await.expect(207);
        assert_eq!(column(&reply, "Status"), ["Conflict", "OK", "BadRequest", "BadRequest"]);
        assert_eq!(column(&reply, "Key"), ["A:1.0.0", "C:1.0.0", "d.txt", "e.nupkg"]);
        assert_eq!(column(&admin.get("/odata/Processes").await.expect(200), "Id"), ["A", "B", "C"]);
        assert_eq!(world.stored().len(), 3);
    }

    async fn a_version_is_uploaded_once(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        admin.upload(&package("bot", "1.0")).await.error(409, 1004);
        admin.upload(&package("Bot", "1.0.0+build")).await.error(409, 1004);
        // A package keeps its kind.
        let agent = bandmaster_packages::nupkg::build::PackageBuilder::new("Bot", "2.0.0")
            .agent("main", "main.py:main", json!({}), json!({}))
            .build()
            .unwrap();
        let error = admin.upload(&agent).await.error(400, 1654);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("Process") && message.contains("Agent"), "{message}");
        assert_eq!(world.stored().len(), 1);
    }

    async fn two_uploads_of_one_version_at_the_same_time(world: &World) {
        let admin = world.admin();
        for round in 0..3 {
            let version = format!("{round}.0.0");
            let (one, two) = (package("Bot", &version), builder("Bot", &version).description("second").build().unwrap());
            let (a, b) = tokio::join!(admin.upload(&one), admin.upload(&two));
            let mut statuses = [a.status, b.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409]);
            let kept = if a.status == 200 { &one } else { &two };
            assert_eq!(&admin.get(&download(&format!("Bot:{version}"))).await.bytes, kept);
        }
        assert_eq!(world.stored().len(), 3);
        let many = (10..16).map(|n| package("Bot", &format!("{n}.0.0"))).collect::<Vec<_>>();
        let replies = futures::future::join_all(many.iter().map(|bytes| admin.upload(bytes))).await;
        assert!(replies.iter().all(|r| r.status == 200));
        assert_eq!(column(&admin.get("/odata/Processes").await.expect(200), "Key"), ["Bot:15.0.0"]);
    }

    async fn deletes_what_no_process_uses(world: &World) {
        let admin = world.admin();
        for version in ["1.0.0", "1.1.0", "1.2.0"] {
            admin.upload(&package("Bot", version)).await.expect(200);
        }
        let release = admin.release("Bot", "Bot", "1.1.0").await;
        admin.delete("/odata/Processes('Bot:1.1.0')").await.error(409, 1662);
        admin.delete("/odata/Processes('Bot')").await.error(409, 1662);
        assert_eq!(world.stored().len(), 3);
        assert_eq!(admin.delete("/odata/Processes('bot:1.2.0')").await.status, 204);
        let list = admin.get("/odata/Processes").await.expect(200);
        assert_eq!(column(&list, "Version"), ["1.1.0"], "the latest is found anew");
        assert_eq!(list["value"][0]["IsActive"], true);
        admin.get(&download("Bot:1.2.0")).await.error(404, 1002);
        admin.delete("/odata/Processes('Bot:1.2.0')").await.error(404, 1002);
        assert_eq!(world.stored().len(), 2);
        admin.delete(&format!("/odata/Releases({release})")).await.expect(204);
        assert_eq!(admin.delete("/odata/Processes('Bot')").await.status, 204);
        assert_eq!(admin.get("/odata/Processes").await.expect(200)["value"], json!([]));
        assert!(world.stored().is_empty());
        for key in ["Bot", "Bot:1.0.0", "a b:1", "Bot:", ":1", "Bot:x y"] {
            admin.delete(&format!("/odata/Processes('{key}')")).await.error(404, 1002);
        }
        let audit = world.audit().await;
        for name in ["Bot:1.2.0", "Bot:1.0.0", "Bot:1.1.0"] {
            World::assert_audited(&audit, "Packages", "Delete", name);
        }
        // The same version may come again.
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
    }

    async fn arguments_and_entry_points(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let of = |function: &str, key: &str| format!("/odata/Processes/{ODATA}.{function}(key='{key}')");
        let arguments = admin.get(&of("GetArguments", "Bot:1.0.0")).await.expect(200);
        assert!(arguments["Input"].as_str().unwrap().contains("month"));
        assert!(arguments["Output"].as_str().unwrap().contains("total"));
        admin.get(&format!("{}?$select=NoSuch", of("GetArguments", "Bot:1.0.0"))).await.error(400, 1000);
        for function in ["GetPackageEntryPoints", "GetPackageEntryPointsV2"] {
            let entries = admin.get(&of(function, "Bot:1.0.0")).await.expect(200);
            assert_eq!(column(&entries, "Path"), ["main", "other"]);
            has_members_of("EntryPointDto", &entries["value"][0]);
        }
        let main = admin.get(&of("GetPackageMainEntryPoint", "Bot:1.0.0")).await.expect(200);
        assert_eq!(main["Path"], "main");
        let version = admin.get(&of("GetProcessVersion", "Bot:1.0.0")).await.expect(200);
        assert_eq!(version["Key"], "Bot:1.0.0");
        for function in
            ["GetArguments", "GetPackageEntryPoints", "GetPackageMainEntryPoint", "GetProcessVersion", "DownloadPackage"]
        {
            for key in ["Bot:1.0.1", "Nobody:1.0.0", "nonsense", "a:b:c"] {
                admin.get(&of(function, key)).await.error(404, 1002);
            }
        }
        let set = format!("/odata/Processes/{ODATA}.SetArguments");
        let input = r#"[{"name":"year","type":"System.Int32"}]"#;
        admin.post(&set, json!({"key": "Bot:1.0.0", "arguments": {"Input": input}})).await.expect(200);
        let arguments = admin.get(&of("GetArguments", "Bot:1.0.0")).await.expect(200);
        assert_eq!((arguments["Input"].as_str(), &arguments["Output"]), (Some(input), &Value::Null));
        let main = admin.get(&of("GetPackageMainEntryPoint", "Bot:1.0.0")).await.expect(200);
        assert_eq!(main["InputArguments"], input);
        World::assert_audited(&world.audit().await, "Packages", "Update", "Bot:1.0.0");
        admin.post(&set, json!({"key": "Bot:9", "arguments": {}})).await.error(404, 1002);
        admin.post(&set, json!({"key": "Bot:1.0.0", "arguments": {"Input": "{}"}})).await.error(400, 1009);
        admin.post(&set, json!({"key": "Bot:1.0.0"})).await.error(400, 0);
    }

    async fn permissions_of_the_tenant_feed(world: &World) {
        let admin = world.admin();
        let bytes = package("Bot", "1.0.0");
        admin.upload(&bytes).await.expect(200);
        let reader = world.person("reader", &["Allow to be Automation User"], None).await.without_folder();
        let publisher = world.person("publisher", &["Allow to be Automation Publisher"], None).await;
        let stranger = world.person("stranger", &[], Some((world.tenant.folder_id, &["Folder Administrator"]))).await;
        assert_eq!(column(&reader.get("/odata/Processes").await.expect(200), "Id"), ["Bot"]);
        assert_eq!(reader.get(&download("Bot:1.0.0")).await.bytes, bytes);
        reader.upload(&package("Bot", "2.0.0")).await.error(403, 0);
        reader.delete("/odata/Processes('Bot:1.0.0')").await.error(403, 0);
        publisher.upload(&package("Bot", "2.0.0")).await.expect(200);
        publisher.delete("/odata/Processes('Bot:1.0.0')").await.error(403, 0);
        let set = format!("/odata/Processes/{ODATA}.SetArguments");
        publisher.post(&set, json!({"key": "Bot:1.0.0", "arguments": {}})).await.error(403, 0);
        // Rights in folders are none to the tenant's packages.
        stranger.get("/odata/Processes").await.error(403, 0);
        stranger.get(&download("Bot:1.0.0")).await.error(403, 0);
        stranger.upload(&package("Bot", "3.0.0")).await.error(403, 0);
        world.anonymous().get("/odata/Processes").await.error(401, 0);
        world.anonymous().upload(&bytes).await.error(401, 0);
        admin.with_scopes(&["OR.Jobs"]).get("/odata/Processes").await.expect(403);
        admin.with_scopes(&["OR.Execution.Read"]).get("/odata/Processes").await.expect(200);
        admin.with_scopes(&["OR.Execution.Read"]).upload(&bytes).await.expect(403);
        // A machine fetches what it is told to run.
        let machine = world.machine();
        assert_eq!(machine.get(&download("Bot:1.0.0")).await.bytes, bytes);
        machine.upload(&package("Bot", "4.0.0")).await.error(403, 0);
    }

    async fn tenants_are_apart(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let other = world.other_tenant().await;
        assert_eq!(other.get("/odata/Processes").await.expect(200)["value"], json!([]));
        other.get(&download("Bot:1.0.0")).await.error(404, 1002);
        other.delete("/odata/Processes('Bot:1.0.0')").await.error(404, 1002);
        other.upload(&package("Bot", "1.0.0")).await.expect(200);
        let feeds = admin.get("/api/PackageFeeds/GetFeeds").await.expect(200);
        let feed = feeds[0]["id"].as_str().unwrap();
        other.get(&format!("/odata/Processes?feedId={feed}")).await.error(404, 1002);
        other.get(&format!("{}?feedId={feed}", download("Bot:1.0.0"))).await.error(404, 1002);
        other.upload_to(Some(feed), &package("Bot", "2.0.0")).await.error(404, 1002);
        assert_eq!(column(&admin.get(&format!("/odata/Processes?feedId={feed}")).await.expect(200), "Id"), ["Bot"]);
        admin.get("/odata/Processes?feedId=nonsense").await.error(400, 1009);
    }
}
