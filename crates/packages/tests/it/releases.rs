//! The tag Releases: creating, reading, changing and deleting processes.

use crate::described::has_members_of;
use crate::world::{World, builder, column, package, studio, suite, unclear};
use bandmaster_packages::releases::Dependent;
use serde_json::{Value, json};

const ODATA: &str = "UiPath.Server.Configuration.OData";

fn body(name: &str, version: &str) -> Value {
    json!({"Name": name, "ProcessKey": "Bot", "ProcessVersion": version})
}

/// A body with more members.
fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

suite! {
    async fn creates_with_everything(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let entries = admin.get(&format!("/odata/Processes/{ODATA}.GetPackageEntryPoints(key='Bot:1.0.0')")).await;
        let other = entries.expect(200)["value"][1]["Id"].clone();
        let wish = with(body("Invoice bot", "1.0.0"), json!({
            "Description": "Posts invoices",
            "EntryPointId": other,
            "InputArguments": "{\"anything\": 1}",
            "EnvironmentVariables": "A=1\nB=two",
            "SpecificPriorityValue": 90,
            "AutoUpdate": false,
            "HiddenForAttendedUser": true,
            "RobotSize": "Medium",
            "AutomationHubIdeaUrl": "http://idea",
            "RemoteControlAccess": "ReadOnly",
            "Tags": [{"Name": "team", "Value": "finance"}],
            "ProcessSettings": {"AlwaysRunning": true},
            "VideoRecordingSettings": {"VideoRecordingType": "Failed", "MaxDurationSeconds": 60},
            "Arguments": {"Input": "ignored"},
            "Id": 77,
            "Key": "00000000-0000-4000-8000-000000000001",
        }));
        let made = admin.post("/odata/Releases", wish).await.expect(201);
        has_members_of("ReleaseDto", &made);
        for (name, value) in [
            ("Name", json!("Invoice bot")),
            ("ProcessKey", json!("Bot")),
            ("ProcessVersion", json!("1.0.0")),
            ("IsLatestVersion", json!(true)),
            ("IsProcessDeleted", json!(false)),
            ("EntryPointPath", json!("other")),
            ("EntryPointId", other),
            ("EnvironmentVariables", json!("A=1\nB=two")),
            ("JobPriority", json!("High")),
            ("SpecificPriorityValue", json!(90)),
            ("HiddenForAttendedUser", json!(true)),
            ("RobotSize", json!("Medium")),
            ("RemoteControlAccess", json!("ReadOnly")),
            ("ProcessType", json!("Process")),
            ("TargetFramework", json!("Portable")),
            ("SupportsMultipleEntryPoints", json!(true)),
            ("RequiresUserInteraction", json!(false)),
            ("OrganizationUnitId", json!(world.tenant.folder_id)),
            ("OrganizationUnitFullyQualifiedName", json!("Shared")),
            ("CreationTime", json!("2026-01-05T08:00:00Z")),
            ("Arguments", json!({"Input": "[]", "Output": "[]"})),
            ("Tags", json!([{"Name": "team", "DisplayName": "team", "Value": "finance", "DisplayValue": "finance"}])),
        ] {
            assert_eq!(made[name], value, "{name}");
        }
        assert_eq!(made["ProcessSettings"]["AlwaysRunning"], true);
        assert_eq!(made["ProcessSettings"]["Quality"], 100);
        assert_eq!(made["VideoRecordingSettings"]["MaxDurationSeconds"], 60);
        assert_ne!(made["Id"], 77);
        let expand = "$expand=CurrentVersion,ReleaseVersions,EntryPoint";
        let shown = admin.get(&format!("/odata/Releases({})?{expand}", made["Id"])).await.expect(200);
        assert_eq!(shown["CurrentVersion"]["VersionNumber"], "1.0.0");
        assert_eq!(shown["CurrentVersion"]["ReleaseName"], "Invoice bot");
        has_members_of("ReleaseVersionDto", &shown["CurrentVersion"]);
        assert_eq!(shown["ReleaseVersions"].as_array().unwrap().len(), 1);
        assert_eq!(shown["EntryPoint"]["Path"], "other");
        World::assert_audited(&world.audit().await, "Processes", "Create", "Invoice bot");
        let events = world.events().await;
        let (_, payload) = events.iter().find(|(k, _)| k == "process.created").unwrap();
        assert_eq!(payload["Releases"][0]["PackageKey"], "Bot:1.0.0");
    }

    async fn defaults(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let made = admin.post("/odata/Releases", body("b", "1.0")).await.expect(201);
        for (name, value) in [
            ("ProcessVersion", json!("1.0.0")),
            ("EntryPointPath", json!("main")),
            ("JobPriority", json!("Normal")),
            ("SpecificPriorityValue", json!(45)),
            ("ProcessSettings", json!(null)),
            ("VideoRecordingSettings", json!(null)),
            ("InputArguments", json!(null)),
            ("Tags", json!([])),
            ("RobotSize", json!(null)),
            ("RemoteControlAccess", json!("None")),
            ("AutoUpdate", json!(false)),
        ] {
            assert_eq!(made[name], value, "{name}");
        }
        assert!(made["Arguments"]["Input"].as_str().unwrap().contains("month"));
    }

    async fn wrong_wishes(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        admin.upload(&package("Cat", "1.0.0")).await.expect(200);
        admin.upload(&unclear("Maze", "1.0.0")).await.expect(200);
        let cat = admin.get(&format!("/odata/Processes/{ODATA}.GetPackageMainEntryPoint(key='Cat:1.0.0')")).await;
        let cat = cat.expect(200)["Id"].clone();
        let b = || body("b", "1.0.0");
        for (wish, status, code) in [
            (json!({}), 400, 1009),
            (json!({"Name": "b", "ProcessKey": "Bot"}), 400, 1009),
            (json!({"Name": "", "ProcessKey": "Bot", "ProcessVersion": "1.0.0"}), 400, 1009),
            (json!({"Name": "   ", "ProcessKey": "Bot", "ProcessVersion": "1.0.0"}), 400, 1009),
            (with(b(), json!({"Name": "x".repeat(257)})), 400, 1009),
            (with(b(), json!({"Name": "a\u{7}"})), 400, 1009),
            (with(b(), json!({"Name": 5})), 400, 1000),
            (body("b", "2.0.0"), 404, 1660),
            (body("b", "nonsense version"), 400, 1675),
            (with(b(), json!({"ProcessKey": "Nobody"})), 404, 1677),
            (with(b(), json!({"EntryPointId": cat})), 400, 1009),
            (with(b(), json!({"EntryPointId": 999_999})), 400, 1009),
            (with(b(), json!({"EntryPointPath": "nowhere"})), 400, 1009),
            (with(b(), json!({"InputArguments": "[]"})), 400, 1009),
            (with(b(), json!({"InputArguments": "{"})), 400, 1009),
            (with(b(), json!({"InputArguments": "{\"year\":1}"})), 400, 1009),
            (with(b(), json!({"InputArguments": "x".repeat(10_001)})), 400, 1009),
            (with(b(), json!({"EnvironmentVariables": "no line"})), 400, 1009),
            (with(b(), json!({"EnvironmentVariables": format!("A={}", "x".repeat(4_000))})), 400, 1009),
            (with(b(), json!({"SpecificPriorityValue": 0})), 400, 1009),
            (with(b(), json!({"SpecificPriorityValue": 101})), 400, 1009),
            (with(b(), json!({"JobPriority": "High", "SpecificPriorityValue": 5})), 400, 1009),
            (with(b(), json!({"JobPriority": "Highest"})), 400, 1000),
            (with(b(), json!({"ProcessSettings": {"Quality": 500}})), 400, 1009),
            (with(b(), json!({"Tags": [{"Value": "x"}]})), 400, 1009),
            (json!({"Name": "m", "ProcessKey": "Maze", "ProcessVersion": "1.0.0"}), 400, 1009),
        ] {
            let reply = admin.post("/odata/Releases", wish.clone()).await;
            let shown: String = wish.to_string().chars().take(150).collect();
            assert_eq!((reply.status, reply.expect(status)["errorCode"].as_i64()), (status, Some(code)), "{shown}");
        }
        assert_eq!(admin.get("/odata/Releases").await.expect(200)["value"], json!([]));
        let chosen = json!({"Name": "m", "ProcessKey": "maze", "ProcessVersion": "1.0.0", "EntryPointPath": "b.xaml"});
        let made = admin.post("/odata/Releases", chosen).await.expect(201);
        assert_eq!((made["EntryPointPath"].as_str(), made["ProcessKey"].as_str()), (Some("B.xaml"), Some("Maze")));
        assert_eq!(made["TargetFramework"], "Windows");
        admin.post("/odata/Releases", b()).await.expect(201);
        admin.post("/odata/Releases", body("B", "1.0.0")).await.error(409, 1001);
        admin.without_folder().post("/odata/Releases", b()).await.error(400, 1101);
        // The same name in another folder is no clash.
        let (elsewhere, _) = world.folder("Elsewhere", None, false).await;
        admin.in_folder(elsewhere).post("/odata/Releases", b()).await.expect(201);
    }

    async fn one_process_of_test_cases(world: &World) {
        let admin = world.admin();
        let project = json!({"name": "T", "main": "A.xaml", "entryPoints": [{"filePath": "A.xaml"}],
            "designOptions": {"outputType": "Tests"}});
        admin.upload(&studio("T", "1.0.0", &project)).await.expect(200);
        let wish = |name: &str| json!({"Name": name, "ProcessKey": "T", "ProcessVersion": "1.0.0"});
        let made = admin.post("/odata/Releases", wish("one")).await.expect(201);
        assert_eq!(made["ProcessType"], "TestAutomationProcess");
        admin.post("/odata/Releases", wish("two")).await.error(409, 1696);
    }

    async fn lists_and_reads(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let id = admin.release("Invoice bot", "Bot", "1.0.0").await;
        admin.release("Another", "Bot", "1.0.0").await;
        let (elsewhere, _) = world.folder("Elsewhere", None, false).await;
        let hidden = admin.in_folder(elsewhere).release("Hidden", "Bot", "1.0.0").await;
        let named = admin.get("/odata/Releases?$filter=Name eq 'invoice BOT'").await.expect(200);
        assert_eq!(column(&named, "Name"), ["Invoice bot"]);
        assert_eq!(column(&admin.get("/odata/Releases?$filter=contains(Name,'bot')&$orderby=Name").await.expect(200), "Name"), ["Invoice bot"]);
        assert_eq!(column(&admin.get("/odata/Releases?$filter=ProcessKey eq 'bot'&$orderby=Name").await.expect(200), "Name"), ["Another", "Invoice bot"]);
        assert_eq!(column(&admin.get("/odata/Releases?$filter=CurrentVersion/VersionNumber eq '1.0.0' and JobPriority eq 'Normal'&$top=1&$orderby=Id").await.expect(200), "Name"), ["Invoice bot"]);
        let key = named["value"][0]["Key"].as_str().unwrap();
        let by_key = admin.get(&format!("/odata/Releases/{ODATA}.GetByKey(identifier={key})")).await.expect(200);
        assert_eq!(by_key["Id"], json!(id));
        let full = admin.get(&format!("/odata/Releases({id})/{ODATA}.GetRelease")).await.expect(200);
        assert_eq!((full["RetentionAction"].as_str(), full["RetentionPeriod"].as_i64()), (Some("Delete"), Some(30)));
        let all = format!("/odata/Releases/{ODATA}.ListReleases?$orderby=Id");
        assert_eq!(column(&admin.get(&all).await.expect(200), "Name"), ["Invoice bot", "Another"]);
        // Without a folder: everything that the caller may see.
        let everywhere = admin.without_folder();
        assert_eq!(column(&everywhere.get("/odata/Releases?$orderby=Id").await.expect(200), "Name"), ["Invoice bot", "Another", "Hidden"]);
        let user = world.person("user", &[], Some((world.tenant.folder_id, &["Automation User"]))).await;
        let across = user.without_folder();
        assert_eq!(column(&across.get("/odata/Releases?$orderby=Id").await.expect(200), "Name"), ["Invoice bot", "Another"]);
        for (query, count) in [
            ("mandatoryPermissions=Processes.View&mandatoryPermissions=Jobs.Create", 2),
            ("mandatoryPermissions=Processes.View,Processes.Delete", 0),
            ("atLeastOnePermissions=Processes.Delete&atLeastOnePermissions=Jobs.Create", 2),
            ("atLeastOnePermissions=Processes.Delete", 0),
        ] {
            let list = across.get(&format!("/odata/Releases?{query}")).await.expect(200);
            assert_eq!(list["@odata.count"], json!(count), "{query}");
        }
        across.get("/odata/Releases?mandatoryPermissions=No.Such").await.error(400, 1105);
        // Another folder's process is absent here, another tenant's everywhere.
        admin.get(&format!("/odata/Releases({hidden})")).await.error(404, 1002);
        admin.get(&format!("/odata/Releases({hidden})/{ODATA}.GetRelease")).await.error(404, 1002);
        user.in_folder(elsewhere).get("/odata/Releases").await.error(400, 1100);
        let other = world.other_tenant().await;
        assert_eq!(other.without_folder().get("/odata/Releases").await.expect(200)["value"], json!([]));
        other.get(&format!("/odata/Releases({id})")).await.error(404, 1002);
        other.get(&format!("/odata/Releases/{ODATA}.GetByKey(identifier={key})")).await.error(404, 1002);
        let stranger = world.person("stranger", &["Tenant Administrator"], None).await.without_folder();
        stranger.get("/odata/Releases").await.error(403, 0);
    }

    async fn put_replaces_and_patch_merges(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        admin.upload(&package("Bot", "1.1.0")).await.expect(200);
        let wish = with(body("Bot", "1.0.0"), json!({"Description": "d", "InputArguments": "{\"month\":3}",
            "EnvironmentVariables": "A=1", "EntryPointPath": "main", "JobPriority": "Low",
            "Tags": [{"Name": "x"}], "HiddenForAttendedUser": true}));
        let made = admin.post("/odata/Releases", wish).await.expect(201);
        let path = format!("/odata/Releases({})", made["Id"]);
        world.clock.advance(std::time::Duration::from_secs(60));
        admin.patch(&path, json!({"Description": "new", "JobPriority": "High"})).await.expect(200);
        let shown = admin.get(&path).await.expect(200);
        for (name, value) in [
            ("Description", json!("new")),
            ("SpecificPriorityValue", json!(65)),
            ("InputArguments", json!("{\"month\":3}")),
            ("EnvironmentVariables", json!("A=1")),
            ("HiddenForAttendedUser", json!(true)),
            ("ProcessVersion", json!("1.0.0")),
            ("Key", made["Key"].clone()),
            ("CreationTime", json!("2026-01-05T08:00:00Z")),
            ("LastModificationTime", json!("2026-01-05T08:01:00Z")),
        ] {
            assert_eq!(shown[name], value, "{name}");
        }
        // What was read can be sent back, with another version.
        let mut read = shown.clone();
        read["ProcessVersion"] = json!("1.1.0");
        admin.put(&path, read).await.expect(200);
        let moved = admin.get(&format!("{path}?$expand=ReleaseVersions,EntryPoint")).await.expect(200);
        assert_eq!((moved["ProcessVersion"].as_str(), moved["IsLatestVersion"].as_bool()), (Some("1.1.0"), Some(true)));
        assert_eq!((moved["Description"].as_str(), moved["SpecificPriorityValue"].as_i64()), (Some("new"), Some(65)));
        assert_ne!(moved["EntryPointId"], shown["EntryPointId"], "the new version's own");
        assert_eq!(moved["EntryPoint"]["Path"], "main");
        assert_eq!(moved["ReleaseVersions"].as_array().unwrap().len(), 2);
        admin.put(&path, body("Renamed", "1.1.0")).await.expect(200);
        let bare = admin.get(&path).await.expect(200);
        for (name, value) in [
            ("Name", json!("Renamed")),
            ("Description", json!(null)),
            ("InputArguments", json!(null)),
            ("EnvironmentVariables", json!(null)),
            ("SpecificPriorityValue", json!(45)),
            ("HiddenForAttendedUser", json!(false)),
            ("Tags", json!([])),
            ("EntryPointPath", json!("main")),
        ] {
            assert_eq!(bare[name], value, "{name}");
        }
        let audit = world.audit().await;
        World::assert_audited(&audit, "Processes", "Update", "Renamed");
        assert_eq!(world.events().await.iter().filter(|(k, _)| k == "process.updated").count(), 3);
    }

    async fn refused_changes(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        admin.upload(&package("Cat", "1.0.0")).await.expect(200);
        let id = admin.release("one", "Bot", "1.0.0").await;
        admin.release("two", "Bot", "1.0.0").await;
        let path = format!("/odata/Releases({id})");
        for (change, status, code) in [
            (json!({"Name": "TWO"}), 409, 1001),
            (json!({"Name": ""}), 400, 1009),
            (json!({"ProcessKey": "Cat"}), 400, 1656),
            (json!({"ProcessVersion": "9.9"}), 404, 1660),
            (json!({"ProcessVersion": "x y"}), 400, 1675),
            (json!({"EntryPointPath": "nowhere"}), 400, 1009),
            (json!({"InputArguments": "{\"strange\":1}"}), 400, 1009),
            (json!({"Id": "x"}), 400, 1000),
        ] {
            let reply = admin.patch(&path, change.clone()).await;
            assert_eq!((reply.status, reply.expect(status)["errorCode"].as_i64()), (status, Some(code)), "{change}");
        }
        admin.put(&path, json!({"Name": "x"})).await.error(400, 1009);
        admin.put(&path, with(body("one", "1.0.0"), json!({"ProcessKey": "Cat"}))).await.error(400, 1656);
        admin.patch("/odata/Releases(999)", json!({"Name": "x"})).await.error(404, 1002);
        admin.put("/odata/Releases(999)", body("x", "1.0.0")).await.error(404, 1002);
        let (elsewhere, _) = world.folder("Elsewhere", None, false).await;
        admin.in_folder(elsewhere).patch(&path, json!({"Name": "x"})).await.error(404, 1002);
        admin.without_folder().patch(&path, json!({"Name": "x"})).await.error(400, 1101);
        world.other_tenant().await.patch(&path, json!({"Name": "x"})).await.error(404, 1002);
        let user = world.person("user", &[], Some((world.tenant.folder_id, &["Automation User"]))).await;
        user.patch(&path, json!({"Name": "x"})).await.error(403, 0);
        user.put(&path, body("x", "1.0.0")).await.error(403, 0);
        user.post("/odata/Releases", body("x", "1.0.0")).await.error(403, 0);
        user.delete(&path).await.error(403, 0);
        assert_eq!(admin.get(&path).await.expect(200)["Name"], "one");
    }

    async fn watching_needs_its_own_right(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let publisher = world.person("publisher", &[], Some((world.tenant.folder_id, &["Automation Publisher"]))).await;
        let watched = |name: &str| with(body(name, "1.0.0"), json!({"RemoteControlAccess": "Full"}));
        publisher.post("/odata/Releases", watched("a")).await.error(403, 0);
        let id = publisher.release("a", "Bot", "1.0.0").await;
        let path = format!("/odata/Releases({id})");
        publisher.patch(&path, json!({"RemoteControlAccess": "ReadOnly"})).await.error(403, 0);
        publisher.put(&path, watched("a")).await.error(403, 0);
        publisher.put(&path, body("a", "1.0.0")).await.expect(200);
        publisher.patch(&path, json!({"Description": "x", "RemoteControlAccess": "None"})).await.expect(200);
        admin.patch(&path, json!({"RemoteControlAccess": "Full"})).await.expect(200);
        publisher.patch(&path, json!({"Description": "y"})).await.expect(200);
        assert_eq!(admin.get(&path).await.expect(200)["RemoteControlAccess"], "Full");
        publisher.patch(&path, json!({"RemoteControlAccess": "None"})).await.error(403, 0);
    }

    async fn deletes_what_nothing_uses(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let id = admin.release("Bot", "Bot", "1.0.0").await;
        let path = format!("/odata/Releases({id})");
        let key = admin.get(&path).await.expect(200)["Key"].as_str().unwrap().to_owned();
        let by_key = |key: &str| format!("/api/Releases/DeleteByKey?key={key}");
        world.uses.set(id, Some(Dependent::Jobs));
        admin.delete(&path).await.error(409, 1666);
        admin.delete(&by_key(&key)).await.error(409, 1666);
        world.uses.set(id, Some(Dependent::Others("triggers".into())));
        let error = admin.delete(&path).await.error(409, 1012);
        assert!(error["message"].as_str().unwrap().contains("triggers"));
        world.uses.set(id, None);
        admin.in_folder(world.folder("Elsewhere", None, false).await.0).delete(&path).await.error(404, 1002);
        let user = world.person("user", &[], Some((world.tenant.folder_id, &["Automation User"]))).await;
        user.delete(&by_key(&key)).await.error(403, 0);
        let deleter = world.person("deleter", &[], Some((world.folder("Own", None, false).await.0, &["Folder Administrator"]))).await;
        deleter.without_folder().delete(&by_key(&key)).await.error(404, 1002);
        assert_eq!(admin.delete(&path).await.status, 204);
        admin.delete(&path).await.error(404, 1002);
        admin.get(&path).await.error(404, 1002);
        admin.release("Bot", "Bot", "1.0.0").await;
        let again = admin.get("/odata/Releases").await.expect(200)["value"][0]["Key"].as_str().unwrap().to_owned();
        assert_eq!(admin.without_folder().delete(&by_key(&again)).await.status, 204);
        admin.delete(&by_key(&again)).await.error(404, 1002);
        admin.delete("/api/Releases/DeleteByKey").await.error(400, 1009);
        admin.delete(&by_key("x")).await.error(400, 1009);
        let audit = world.audit().await;
        assert_eq!(audit.iter().filter(|(c, a, _)| c == "Processes" && a == "Delete").count(), 2);
        assert_eq!(world.events().await.iter().filter(|(k, _)| k == "process.deleted").count(), 2);
    }

    async fn with_retention_in_one_object(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let create = format!("/odata/Releases/{ODATA}.CreateRelease");
        let wish = with(body("Bot", "1.0.0"), json!({"RetentionAction": "None", "RetentionPeriod": 90, "RetentionBucketId": null}));
        let made = admin.post(&create, wish.clone()).await.expect(201);
        assert_eq!((made["RetentionAction"].as_str(), made["RetentionPeriod"].as_i64()), (Some("None"), Some(90)));
        let edit = format!("/odata/Releases/{ODATA}.EditRelease");
        let mut change = wish.clone();
        change["Id"] = made["Id"].clone();
        change["Description"] = json!("edited");
        change["RetentionPeriod"] = json!(10);
        let edited = admin.post(&edit, change).await.expect(200);
        assert_eq!((edited["Description"].as_str(), edited["RetentionPeriod"].as_i64()), (Some("edited"), Some(10)));
        let by_key = with(wish.clone(), json!({"Key": made["Key"], "RetentionAction": null, "RetentionPeriod": null}));
        let edited = admin.post(&edit, by_key).await.expect(200);
        assert_eq!((edited["Description"].is_null(), edited["RetentionPeriod"].as_i64()), (true, Some(10)));
        admin.post(&edit, wish).await.error(400, 1009);
        admin.post(&edit, with(body("x", "1.0.0"), json!({"Id": 999}))).await.error(404, 1002);
        admin.post(&create, with(body("y", "1.0.0"), json!({"RetentionPeriod": 0}))).await.error(400, 1009);
    }

    async fn what_a_package_needs(world: &World) {
        let admin = world.admin();
        let needs = builder("Bot", "1.0.0")
            .bindings(json!([
                {"resource": "queue", "key": "invoices.Shared", "value": {
                    "name": {"defaultValue": "invoices", "isExpression": false},
                    "folderPath": {"defaultValue": "Shared", "isExpression": false}}},
                {"resource": "asset", "key": "x", "value": {"name": {"defaultValue": "[x]", "isExpression": true}}},
            ]))
            .build()
            .unwrap();
        admin.upload(&needs).await.expect(200);
        let id = admin.release("Bot", "Bot", "1.0.0").await;
        let path = |id: i64, key: &str| format!("/odata/Releases({id})/{ODATA}.GetResources(processKey='{key}')");
        let rows = admin.get(&path(id, "Bot:1.0.0")).await.expect(200);
        assert_eq!(column(&rows, "ResourceType"), ["queue", "asset"]);
        assert_eq!(rows["value"][0]["ResourceName"], "invoices");
        assert_eq!(rows["value"][0]["FolderFullyQualifiedName"], "Shared");
        admin.get(&path(id, "Bot:2.0.0")).await.error(404, 1002);
        admin.get(&path(id, "nonsense")).await.error(404, 1002);
        admin.get(&path(999, "Bot:1.0.0")).await.error(404, 1002);
    }
}
