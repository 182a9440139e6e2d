//! Machines and their secrets.

use crate::world::*;
use bandmaster_testkit::{json, suite};

suite! {
    async fn a_machine_from_birth_to_death(server: &TestServer) {
        let admin = server.admin().without_folder();
        let body = json!({"Name": "FinancePool", "Description": "", "Type": "Template", "Scope": "Default",
            "UnattendedSlots": 2, "NonProductionSlots": 0, "HeadlessSlots": 0, "TestAutomationSlots": 1,
            "AutomationType": "Any", "TargetFramework": "Portable", "RobotUsers": [],
            "UpdatePolicy": {"Type": "None", "SpecificVersion": null},
            "Tags": [{"Name": "Site", "Value": "Ulm"}]});
        let made = admin.post("/odata/Machines", body).await.expect(201);
        let (id, license) = (made["Id"].as_i64().unwrap(), made["LicenseKey"].as_str().unwrap().to_owned());
        assert_eq!(license.len(), 36);
        assert!(made["ClientSecret"].as_str().unwrap().len() >= 40);
        assert_eq!((&made["Type"], &made["TargetFramework"]), (&json!("Template"), &json!("Portable")));

        let one = admin.get(&format!("/odata/Machines({id})")).await.expect(200);
        assert!(one["ClientSecret"].is_null(), "the secret is told once");
        for name in ["Name", "Description", "LicenseKey", "Key", "Type", "Scope", "UnattendedSlots", "Tags", "UpdatePolicy"] {
            assert_eq!(one[name], made[name], "{name}");
        }
        assert_eq!(one["Tags"][0]["DisplayName"], "Site");
        let entry = audited(server, "Machines_Post").await;
        assert_eq!((&entry["component"], &entry["action"], &entry["name"]), (&json!("Machines"), &json!("Create"), &json!("FinancePool")));
        let told = entry.to_string();
        assert!(!told.contains(&license) && !told.contains(made["ClientSecret"].as_str().unwrap()));

        let list = admin.get("/odata/Machines?$filter=Type eq 'Template' and UnattendedSlots ge 2&$select=Name,LicenseKey").await.expect(200);
        assert_eq!(rows(&list)[0], json!({"Name": "FinancePool", "LicenseKey": license}));

        admin.put(&format!("/odata/Machines({id})"), json!({"Name": "Pool", "UnattendedSlots": 5, "LicenseKey": license})).await.expect(200);
        admin.patch(&format!("/odata/Machines({id})"), json!({"Description": "new", "UpdatePolicy": {"Type": "LatestVersion"}})).await.expect(200);
        let one = admin.get(&format!("/odata/Machines({id})")).await.expect(200);
        assert_eq!((&one["Name"], &one["UnattendedSlots"], &one["TestAutomationSlots"]), (&json!("Pool"), &json!(5), &json!(1)));
        assert_eq!((&one["Description"], &one["UpdatePolicy"]["Type"]), (&json!("new"), &json!("LatestVersion")));
        let entry = audited(server, "Machines_PutById").await;
        assert_eq!((&entry["before"]["Name"], &entry["after"]["Name"]), (&json!("FinancePool"), &json!("Pool")));

        connect(server, id, "pc-1").await;
        let one = admin.get(&format!("/odata/Machines({id})")).await.expect(200);
        assert_eq!(one["RobotVersions"], json!([{"Count": 1, "Version": "25.10.1", "MachineId": id}]));

        admin.delete(&format!("/odata/Machines({id})")).await.expect(204);
        audited(server, "Machines_DeleteById").await;
        admin.get(&format!("/odata/Machines({id})")).await.error(404, 1002);
        admin.delete(&format!("/odata/Machines({id})")).await.error(404, 1002);
        let sessions = admin.get(&op("Sessions", "GetMachineSessionRuntimes")).await.expect(200);
        assert!(rows(&sessions).is_empty(), "its sessions are gone");
    }

    async fn bad_machines_are_refused(server: &TestServer) {
        let admin = server.admin().without_folder();
        let id = machine(&admin, "Pool", 1).await;
        let standard = admin.post("/odata/Machines", json!({"Name": "PC-7", "Type": "Standard"})).await.expect(201);
        let standard = standard["Id"].as_i64().unwrap();
        for (body, status, code) in [
            (json!({"Name": "pool"}), 409, 1001),
            (json!({"Name": " "}), 400, 1009),
            (json!({"UnattendedSlots": 1}), 400, 1009),
            (json!({"Name": "x", "UnattendedSlots": -1}), 400, 1239),
            (json!({"Name": "x", "Scope": "Serverless"}), 400, 1009),
            (json!({"Name": "x", "Type": "Nonsense"}), 400, 1000),
            (json!({"Name": "n".repeat(451)}), 400, 1009),
            (json!({"Name": "x", "RobotUsers": [{"RobotId": 987_654}]}), 404, 1002),
        ] {
            admin.post("/odata/Machines", body).await.error(status, code);
        }
        for (id, body, code) in [
            (id, json!({"Name": "Pool", "Type": "Standard"}), 1211),
            (id, json!({"Name": "PC-7"}), 1001),
            (id, json!({"Name": "Pool", "LicenseKey": "11111111-2222-4333-8444-555555555555"}), 1209),
            (id, json!({"Name": "Pool", "Key": "11111111-2222-4333-8444-555555555555"}), 1228),
            (standard, json!({"Name": "PC-8"}), 1208),
        ] {
            admin.put(&format!("/odata/Machines({id})"), body).await.error(409, code);
        }
        let list = admin.get("/odata/Machines?$orderby=Name").await.expect(200);
        assert_eq!(column(&list, "Name"), [&json!("PC-7"), &json!("Pool")], "nothing was left behind");
        admin.put("/odata/Machines(987654)", json!({"Name": "x"})).await.error(404, 1002);
        admin.get("/odata/Machines?$filter=NoSuch eq 1").await.error(400, 1000);
    }

    async fn machines_are_deleted_together_or_not_at_all(server: &TestServer) {
        let admin = server.admin().without_folder();
        let (a, b) = (machine(&admin, "a", 1).await, machine(&admin, "b", 1).await);
        let bulk = op("Machines", "DeleteBulk");
        admin.post(&bulk, json!({"machineIds": []})).await.error(400, 1009);
        admin.post(&bulk, json!({})).await.error(400, 1009);
        admin.post(&bulk, json!({"machineIds": [a, 987_654]})).await.error(404, 1002);
        admin.get(&format!("/odata/Machines({a})")).await.expect(200);
        admin.post(&bulk, json!({"machineIds": [a, b, a]})).await.expect(204);
        let list = admin.get("/odata/Machines").await.expect(200);
        assert!(rows(&list).is_empty());
    }

    async fn secrets_are_told_once_and_can_be_revoked(server: &TestServer) {
        let admin = server.admin().without_folder();
        let made = admin.post("/odata/Machines", json!({"Name": "m"})).await.expect(201);
        let license = made["LicenseKey"].as_str().unwrap().to_owned();
        let address = format!("/api/clientsecrets/{license}");
        let listed = admin.get(&address).await.expect(200);
        assert_eq!(listed.as_array().unwrap().len(), 1);
        let fresh = admin.post(&address, json!({})).await.expect(200);
        let secret = fresh["secret"].as_str().unwrap().to_owned();
        assert_ne!(secret, made["ClientSecret"]);
        let listed = admin.get(&address).await.expect(200);
        assert_eq!(listed.as_array().unwrap().len(), 2);
        assert!(!listed.to_string().contains(&secret) && listed[1]["secret"].is_null());
        assert_eq!(listed[1]["creationTime"], "2026-01-05T08:00:00Z");
        let entry = audited(server, "MachineSecrets_Post").await;
        assert!(!entry.to_string().contains(&secret) && !entry.to_string().contains(&license));

        let known = |secret: String| {
            let (app, license) = (server.app().clone(), license.clone());
            async move {
                use bandmaster_api::gate::FleetCredentials;
                bandmaster_fleet::Credentials.machine_by_secret(&app, &license, &secret).await.unwrap().is_some()
            }
        };
        assert!(known(secret.clone()).await);
        admin.delete(&format!("/api/clientsecrets/{}", fresh["id"])).await.expect(204);
        assert!(!known(secret).await, "a revoked secret proves nothing");
        assert!(known(made["ClientSecret"].as_str().unwrap().to_owned()).await);
        admin.delete(&format!("{address}/{}", listed[0]["id"])).await.expect(204);
        audited(server, "MachineSecrets_DeleteOfMachine").await;
        for address in ["/api/clientsecrets/987654", "/api/clientsecrets/nonsense"] {
            admin.delete(address).await.error(404, 1002);
        }
        admin.get("/api/clientsecrets/nonsense").await.error(404, 1002);
        let other = server.other_tenant().await;
        other.get(&address).await.error(404, 1002);
        other.post(&address, json!({})).await.error(404, 1002);
    }

    async fn another_tenants_machines_do_not_exist(server: &TestServer) {
        let admin = server.admin().without_folder();
        let id = machine(&admin, "mine", 1).await;
        let other = server.other_tenant().await.without_folder();
        assert!(rows(&other.get("/odata/Machines").await.expect(200)).is_empty());
        other.get(&format!("/odata/Machines({id})")).await.error(404, 1002);
        other.put(&format!("/odata/Machines({id})"), json!({"Name": "stolen"})).await.error(404, 1002);
        other.delete(&format!("/odata/Machines({id})")).await.error(404, 1002);
        other.get(&op("Sessions", &format!("GetMachineSessions(key={id})"))).await.error(404, 1002);
        machine(&other, "mine", 1).await;
    }

    async fn machines_ask_for_their_permissions(server: &TestServer) {
        let admin = server.admin();
        let id = machine(&admin, "m", 1).await;
        assign(&admin, &[id], server.shared).await;
        let user = server.application("OR.Machines OR.Folders", Some("Automation User")).await;
        user.get("/odata/Machines").await.expect(403);
        user.get(&format!("/odata/Machines({id})")).await.expect(403);
        user.post("/odata/Machines", json!({"Name": "x"})).await.expect(403);
        user.delete(&format!("/odata/Machines({id})")).await.expect(403);
        user.get("/api/clientsecrets/x").await.expect(403);
        // Who may start jobs in the folder sees its machines, without their keys.
        let seen = user.get(&op("Machines", &format!("GetAssignedMachines(folderId={})", server.shared))).await.expect(200);
        assert_eq!(column(&seen, "Id"), [&json!(id)]);
        assert!(rows(&seen)[0]["LicenseKey"].is_null());
        let seen = admin.get(&op("Machines", &format!("GetAssignedMachines(folderId={})", server.shared))).await.expect(200);
        assert!(rows(&seen)[0]["LicenseKey"].is_string());
        user.get(&op("Machines", "GetAssignedMachines(folderId=987654)")).await.error(404, 1002);
        let hidden = folder(&admin, "Hidden", None).await;
        user.get(&op("Machines", &format!("GetRuntimesForFolder(folderId={hidden})"))).await.error(404, 1002);
        let weak = server.application("OR.Assets", None).await;
        weak.get("/odata/Machines").await.expect(403);
        server.anonymous().get("/odata/Machines").await.expect(401);
    }

    async fn runtimes_of_a_folder_are_counted(server: &TestServer) {
        let admin = server.admin();
        let (pool, other) = (machine(&admin, "pool", 2).await, machine(&admin, "other", 3).await);
        assign(&admin, &[pool, other], server.shared).await;
        let count = async || {
            let answer = admin.get(&op("Machines", &format!("GetRuntimesForFolder(folderId={})", server.shared))).await.expect(200);
            let row = rows(&answer).iter().find(|r| r["Type"] == "Unattended").unwrap().clone();
            ["Total", "Connected", "Available"].map(|n| row[n].as_i64().unwrap())
        };
        assert_eq!(count().await, [5, 0, 0]);
        connect(server, pool, "pc-1").await;
        connect(server, pool, "pc-2").await;
        assert_eq!(count().await, [7, 4, 4]);
        disconnect(server, pool, "pc-2").await;
        assert_eq!(count().await, [7, 2, 2]);
        server.clock.advance(std::time::Duration::from_secs(121));
        assert_eq!(count().await, [7, 0, 0], "the silent one does not count");
        let none = admin.get(&op("Machines", &format!("GetRuntimesForFolder(folderId={})?$filter=Type eq 'Attended'", server.shared))).await;
        assert!(rows(&none.expect(200)).is_empty());
    }
}
