//! Robots.

use crate::world::*;
use bandmaster_testkit::{json, suite};

suite! {
    async fn robots_are_listed(server: &TestServer) {
        let admin = server.admin();
        let robot = robot(server).await;
        let all = admin.get(&op("Robots", "GetConfiguredRobots?$filter=Type eq '2' and ProvisionType eq 'Automatic'&$expand=User")).await.expect(200);
        assert_eq!(column(&all, "Id"), [&json!(robot.id)]);
        let row = &rows(&all)[0];
        assert_eq!((&row["Type"], &row["HostingType"], &row["Enabled"]), (&json!("Unattended"), &json!("Floating"), &json!(true)));
        assert_eq!((&row["User"]["UserName"], &row["Password"]), (&json!("admin"), &json!(null)));
        let all = admin.get(&op("Robots", "FindAllAcrossFolders?$filter=Robot/Id eq 1")).await;
        all.error(400, 1000);
        let one = admin.get(&format!("/odata/Robots({})", robot.id)).await.expect(200);
        assert_eq!(one["Name"], "admin");
        assert!(one.get("User").is_none(), "not expanded");
        admin.get("/odata/Robots(987654)").await.error(404, 1002);

        let tenant_wide = admin.without_folder().get("/odata/Robots?$filter=Name eq 'ADMIN'").await.expect(200);
        assert_eq!(tenant_wide["@odata.count"], 1);
        let far = folder(&admin, "Far", None).await;
        let (_, _, user) = admin_account(server).await;
        let leave = format!("/odata/Folders({far})/UiPath.Server.Configuration.OData.RemoveUserFromFolder");
        admin.post(&leave, json!({"userId": user})).await.expect(204);
        let there = admin.get(&op("Robots", &format!("GetRobotsFromFolder(folderId={far})"))).await.expect(200);
        assert!(rows(&there).is_empty(), "its account is not assigned there");
        let pool = machine(&admin, "pool", 1).await;
        admin.get(&op("Robots", &format!("GetFolderRobots(folderId=987654,machineId={pool})"))).await.error(404, 1002);
        admin.get(&op("Robots", &format!("GetFolderRobots(folderId={},machineId=987654)", server.shared))).await.error(404, 1002);
        let pairs = admin.get(&op("Robots", "GetMachineNameToLicenseKeyMappings")).await.expect(200);
        assert_eq!(rows(&pairs)[0]["Key"], "pool");
        assert_eq!(admin.get(&op("Robots", "GetUsernames")).await.expect(200)["value"], json!([]));
        let classic = admin.get(&op("Robots", "GetRobotsForProcess(processId='x')")).await.expect(200);
        assert!(rows(&classic).is_empty());
    }

    async fn robots_of_a_folder_are_those_of_its_members(server: &TestServer) {
        let admin = server.admin();
        let robot = robot(server).await;
        let sub = folder(&admin, "Sub", Some(server.shared)).await;
        let (_, _, user) = admin_account(server).await;
        admin.post(&op("Folders", "AssignUsers"), json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": server.shared, "RoleIds": []}]}})).await.expect(204);
        for id in [server.shared, sub] {
            let here = admin.get(&op("Robots", &format!("GetRobotsFromFolder(folderId={id})"))).await.expect(200);
            assert_eq!(column(&here, "Id"), [&json!(robot.id)]);
            assert_eq!(rows(&here)[0]["UserType"], "DirectoryUser");
        }
        let list = admin.in_folder(sub).get("/odata/Robots").await.expect(200);
        assert_eq!(rows(&list).len(), 1);

        // A machine that the tenant keeps for others is not for this robot.
        let pool = machine(&admin, "pool", 1).await;
        assign(&admin, &[pool], server.shared).await;
        let path = op("Robots", &format!("GetFolderRobots(folderId={},machineId={pool})", server.shared));
        assert_eq!(rows(&admin.get(&path).await.expect(200)).len(), 1);
        admin.patch(&format!("/odata/Machines({pool})"), json!({"RobotUsers": [{"RobotId": robot.id}]})).await.expect(200);
        let shown = admin.get(&format!("/odata/Machines({pool})")).await.expect(200);
        assert_eq!(shown["RobotUsers"], json!([{"UserName": "admin", "RobotId": robot.id, "HasTriggers": false}]));
        assert_eq!(rows(&admin.get(&path).await.expect(200)).len(), 1);
        let assigned = admin.get(&op("Machines", &format!("GetAssignedMachines(folderId={})?robotId={}", server.shared, robot.id))).await.expect(200);
        assert_eq!(rows(&assigned).len(), 1);
        admin.delete(&format!("/odata/Robots({})", robot.id)).await.expect(204);
        let shown = admin.get(&format!("/odata/Machines({pool})")).await.expect(200);
        assert_eq!(shown["RobotUsers"], json!([]));
    }

    async fn robots_are_switched_changed_and_deleted(server: &TestServer) {
        let admin = server.admin();
        let robot = robot(server).await;
        let id = robot.id;
        let toggle = op("Robots", "ToggleEnabledStatus");
        admin.post(&toggle, json!({"robotIds": [id], "enabled": false})).await.expect(200);
        assert_eq!(admin.get(&format!("/odata/Robots({id})")).await.expect(200)["Enabled"], false);
        let entry = audited(server, "Robots_ToggleEnabledStatus").await;
        assert_eq!((&entry["component"], &entry["action"]), (&json!("Robots"), &json!("Toggle")));
        let events = server.events().await;
        let last = events.last().unwrap();
        assert_eq!((&last["kind"], &last["payload"]["Robots"][0]["Id"]), (&json!("robot.updated"), &json!(id)));
        admin.post(&toggle, json!({"robotIds": [], "enabled": false})).await.error(400, 1009);
        admin.post(&toggle, json!({"robotIds": [id]})).await.error(400, 0);
        admin.post(&toggle, json!({"robotIds": [id, 987_654], "enabled": true})).await.error(404, 1002);
        assert_eq!(admin.get(&format!("/odata/Robots({id})")).await.expect(200)["Enabled"], false, "all or none");

        let body = json!({"Username": "corp\\bot", "Password": "s3cret-word", "LimitConcurrentExecution": true, "Description": "d"});
        admin.patch(&format!("/odata/Robots({id})"), body).await.expect(200);
        let one = admin.get(&format!("/odata/Robots({id})")).await.expect(200);
        assert_eq!((&one["Username"], &one["LimitConcurrentExecution"], &one["Description"]), (&json!("corp\\bot"), &json!(true), &json!("d")));
        assert!(one["Password"].is_null());
        assert!(!server.audit().await.iter().any(|e| e.to_string().contains("s3cret-word")));
        assert_eq!(admin.get(&op("Robots", "GetUsernames")).await.expect(200)["value"], json!(["corp\\bot"]));
        let full = json!({"Name": one["Name"], "Type": one["Type"], "HostingType": "Floating", "Enabled": true});
        admin.put(&format!("/odata/Robots({id})"), full).await.expect(200);
        for (body, code) in [
            (json!({"Name": "other"}), 1023),
            (json!({"Type": "Attended"}), 1023),
            (json!({"HostingType": "Standard"}), 1215),
            (json!({"MachineId": 1}), 1214),
        ] {
            admin.patch(&format!("/odata/Robots({id})"), body).await.error(409, code);
        }
        admin.patch(&format!("/odata/Robots({id})"), json!({"Username": "a\\b\\c"})).await.error(400, 1212);
        admin.patch("/odata/Robots(987654)", json!({"Description": "x"})).await.error(404, 1002);

        let classic = json!({"Name": "FinBot", "MachineName": "PC-7", "Username": "CORP\\bot1", "Type": "Unattended", "HostingType": "Standard"});
        admin.post("/odata/Robots", classic).await.error(409, 1106);
        admin.post(&op("Robots", "ConvertToFloating"), json!({"robotId": id})).await.error(409, 1215);
        admin.post(&op("Robots", "ConvertToFloating"), json!({"robotId": 987_654})).await.error(404, 1002);

        let bulk = op("Robots", "DeleteBulk");
        admin.post(&bulk, json!({"robotIds": []})).await.error(400, 1009);
        admin.post(&bulk, json!({"robotIds": [id, 987_654]})).await.error(404, 1002);
        admin.post(&bulk, json!({"robotIds": [id]})).await.expect(204);
        audited(server, "Robots_DeleteBulk").await;
        assert_eq!(server.events().await.last().unwrap()["kind"], "robot.deleted");
        admin.delete(&format!("/odata/Robots({id})")).await.error(404, 1002);
    }

    async fn robots_ask_for_their_permissions(server: &TestServer) {
        let robot = robot(server).await;
        let user = server.application("OR.Robots", Some("Automation User")).await;
        user.get("/odata/Robots").await.expect(403);
        user.get(&format!("/odata/Robots({})", robot.id)).await.expect(403);
        user.post(&op("Robots", "ToggleEnabledStatus"), json!({"robotIds": [robot.id], "enabled": false})).await.expect(403);
        user.delete(&format!("/odata/Robots({})", robot.id)).await.expect(403);
        user.get(&op("Robots", &format!("GetRobotsFromFolder(folderId={})", server.shared))).await.expect(200);
        let other = server.other_tenant().await;
        other.get(&format!("/odata/Robots({})", robot.id)).await.error(404, 1002);
        other.delete(&format!("/odata/Robots({})", robot.id)).await.error(404, 1002);
        other.post(&op("Robots", "ToggleEnabledStatus"), json!({"robotIds": [robot.id], "enabled": false})).await.error(404, 1002);
    }

    async fn robots_come_with_their_account(server: &TestServer) {
        let admin = server.admin();
        let (_, _, user) = admin_account(server).await;
        let path = format!("/odata/Users({user})");
        let block = json!({"UserName": "corp\\bot", "Password": "s3cret-word", "LimitConcurrentExecution": true,
            "ExecutionSettings": {"LoginToConsole": false, "ResolutionWidth": 1024, "TracingLevel": "Off"}});
        admin.patch(&path, json!({"MayHaveUnattendedSession": true, "UnattendedRobot": block})).await.expect(200);
        let shown = admin.get(&path).await.expect(200)["UnattendedRobot"].clone();
        assert_eq!((&shown["UserName"], &shown["Password"]), (&json!("corp\\bot"), &json!(null)));
        assert_eq!(shown["ExecutionSettings"]["ResolutionWidth"], 1024);
        let id = shown["RobotId"].as_i64().unwrap();
        let robot = admin.get(&op("Robots", &format!("FindAllAcrossFolders?$filter=Id eq {id}&$expand=User"))).await.expect(200);
        let robot = rows(&robot)[0].clone();
        assert_eq!((&robot["ExecutionSettings"]["TracingLevel"], &robot["User"]["Id"]), (&json!("Off"), &json!(user)));
        assert_eq!(server.events().await.iter().filter(|e| e["kind"] == "robot.created").count(), 1);
        assert!(!server.audit().await.iter().any(|e| e.to_string().contains("s3cret-word")));
        admin.patch(&path, json!({"UnattendedRobot": {"UserName": "a\\b\\c"}})).await.error(400, 1212);
        admin.patch(&path, json!({"MayHaveUnattendedSession": false})).await.expect(200);
        admin.get(&format!("/odata/Robots({id})")).await.error(404, 1002);
        assert!(admin.get(&path).await.expect(200)["UnattendedRobot"].is_null());
    }
}
