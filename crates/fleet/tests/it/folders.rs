//! Machines in folders.

use crate::world::*;
use bandmaster_testkit::{Value, json, suite};

async fn machine_in(client: &bandmaster_testkit::Client, folder: i64, machine: i64) -> Value {
    let answer = client
        .get(&op("Folders", &format!("GetMachinesForFolder(key={folder})?$filter=Id eq {machine}")))
        .await
        .expect(200);
    rows(&answer)[0].clone()
}

fn standing(row: &Value) -> (bool, bool) {
    (row["IsAssignedToFolder"].as_bool().unwrap(), row["IsInherited"].as_bool().unwrap())
}

suite! {
    async fn machines_come_into_folders_and_leave_them(server: &TestServer) {
        let admin = server.admin();
        let (a, b) = (machine(&admin, "a", 1).await, machine(&admin, "b", 1).await);
        let second = folder(&admin, "Second", None).await;
        admin.post(&op("Folders", "AssignMachines"), json!({"assignments": {"MachineIds": [a, b], "FolderIds": [server.shared, second]}})).await.expect(204);
        assign(&admin, &[a], second).await;
        assert_eq!(standing(&machine_in(&admin, second, a).await), (true, false));
        let entry = audited(server, "Folders_AssignMachines").await;
        assert_eq!((&entry["component"], &entry["action"]), (&json!("Folders"), &json!("Associate")));
        let update = op("Folders", "UpdateMachinesToFolderAssociations");
        admin.post(&update, json!({"associations": {"FolderId": second, "AddedMachineIds": [], "RemovedMachineIds": [a]}})).await.expect(204);
        assert_eq!(standing(&machine_in(&admin, second, a).await), (false, false));
        let assigned = admin.get(&op("Folders", &format!("GetMachinesForFolder(key={second})?$filter=(IsAssignedToFolder eq true) or (IsInherited eq true)"))).await.expect(200);
        assert_eq!(column(&assigned, "Id"), [&json!(b)]);
        let remove = format!("/odata/Folders({second})/UiPath.Server.Configuration.OData.RemoveMachinesFromFolder");
        admin.post(&remove, json!({"machineIds": [b]})).await.expect(204);
        admin.post(&remove, json!({"machineIds": [b]})).await.expect(204);
        assert_eq!(standing(&machine_in(&admin, second, b).await), (false, false));
        audited(server, "Folders_RemoveMachinesFromFolderById").await;

        let both = json!({"associations": {"FolderId": second, "AddedMachineIds": [a], "RemovedMachineIds": [a]}});
        admin.post(&update, both).await.error(400, 1009);
        admin.post(&update, json!({"associations": {"FolderId": 987_654, "AddedMachineIds": [a]}})).await.error(404, 1002);
        admin.post(&update, json!({"associations": {"FolderId": second, "AddedMachineIds": [987_654]}})).await.error(404, 2808);
        admin.post(&op("Folders", "AssignMachines"), json!({"assignments": {"MachineIds": [], "FolderIds": [second]}})).await.error(400, 1009);
        admin.post(&op("Folders", "AssignMachines"), json!({})).await.expect(400);
        admin.post(&op("Folders", "AssignMachines"), json!({"assignments": {"MachineIds": [a], "FolderIds": [second, 987_654]}})).await.error(404, 1002);
        assert_eq!(standing(&machine_in(&admin, second, a).await), (false, false), "all or none");
    }

    async fn machines_are_inherited_while_the_switch_is_on(server: &TestServer) {
        let admin = server.admin();
        let m = machine(&admin, "m", 1).await;
        let sub = folder(&admin, "Sub", Some(server.shared)).await;
        let deep = folder(&admin, "Deep", Some(sub)).await;
        assign(&admin, &[m], server.shared).await;
        assert_eq!(standing(&machine_in(&admin, deep, m).await), (false, false));
        let toggle = op("Folders", "ToggleFolderMachineInherit");
        admin.post(&toggle, json!({"MachineId": m, "FolderId": server.shared, "InheritEnabled": true})).await.expect(200);
        let row = machine_in(&admin, deep, m).await;
        assert_eq!((standing(&row), &row["InheritedFromFolderName"]), ((false, true), &json!("Shared")));
        assert_eq!(machine_in(&admin, server.shared, m).await["PropagateToSubFolders"], true);
        let assigned = admin.get(&op("Machines", &format!("GetAssignedMachines(folderId={deep})"))).await.expect(200);
        assert_eq!(column(&assigned, "Id"), [&json!(m)]);
        connect(server, m, "pc").await;
        let sessions = admin.in_folder(deep).get("/odata/Sessions").await.expect(200);
        assert_eq!(rows(&sessions).len(), 1);
        let remove = format!("/odata/Folders({deep})/UiPath.Server.Configuration.OData.RemoveMachinesFromFolder");
        admin.post(&remove, json!({"machineIds": [m]})).await.error(409, 2831);

        assign(&admin, &[m], deep).await;
        assert_eq!(standing(&machine_in(&admin, deep, m).await), (true, true));
        let below = admin.get(&op("Folders", &format!("GetSubfoldersWithAssignedMachine?rootFolderId={}&machineId={m}", server.shared))).await.expect(200);
        assert_eq!(column(&below, "Id"), [&json!(deep)]);
        admin.get(&op("Folders", "GetSubfoldersWithAssignedMachine")).await.error(400, 1009);
        admin.post(&toggle, json!({"MachineId": m, "FolderId": server.shared, "InheritEnabled": false})).await.expect(200);
        assert_eq!(standing(&machine_in(&admin, sub, m).await), (false, false));
        admin.post(&toggle, json!({"MachineId": m, "FolderId": sub, "InheritEnabled": true})).await.error(404, 2808);
        admin.post(&toggle, json!({"FolderId": sub})).await.error(400, 1009);
        let entry = audited(server, "Folders_ToggleFolderMachineInherit").await;
        assert_eq!((&entry["before"]["PropagateToSubFolders"], &entry["after"]["PropagateToSubFolders"]), (&json!(true), &json!(false)));
    }

    async fn a_move_is_foretold(server: &TestServer) {
        let admin = server.admin();
        let (own, old, new) = (machine(&admin, "own", 1).await, machine(&admin, "old", 1).await, machine(&admin, "new", 1).await);
        let (from, to) = (folder(&admin, "From", None).await, folder(&admin, "To", None).await);
        let moved = folder(&admin, "Moved", Some(from)).await;
        for (machine, place, inherit) in [(own, moved, false), (old, from, true), (new, to, true)] {
            assign(&admin, &[machine], place).await;
            let body = json!({"MachineId": machine, "FolderId": place, "InheritEnabled": inherit});
            admin.post(&op("Folders", "ToggleFolderMachineInherit"), body).await.expect(200);
        }
        let foretold = admin.get(&op("Folders", &format!("GetMoveFolderMachinesChanges?folderId={moved}&targetParentId={to}"))).await.expect(200);
        let mut shown: Vec<_> = rows(&foretold).iter().map(|r| [&r["MachineName"], &r["OldMachineFolderState"], &r["NewMachineFolderState"]].map(|v| v.as_str().unwrap())).collect();
        shown.sort_unstable();
        assert_eq!(shown, [["new", "NotAssigned", "Inherited"], ["old", "Inherited", "NotAssigned"]]);
        let top = admin.get(&op("Folders", &format!("GetMoveFolderMachinesChanges?folderId={moved}"))).await.expect(200);
        assert_eq!(column(&top, "MachineName"), [&json!("old")]);
        admin.get(&op("Folders", &format!("GetMoveFolderMachinesChanges?folderId={from}&targetParentId={moved}"))).await.error(409, 2820);
        admin.get(&op("Folders", "GetMoveFolderMachinesChanges?folderId=987654")).await.error(404, 1002);
        admin.get(&op("Folders", "GetMoveFolderMachinesChanges")).await.error(400, 1009);
    }

    async fn a_folder_can_keep_a_machine_for_robots(server: &TestServer) {
        let admin = server.admin();
        let robot = robot(server).await;
        let (m, far) = (machine(&admin, "m", 1).await, machine(&admin, "far", 1).await);
        assign(&admin, &[m], server.shared).await;
        let (_, _, user) = admin_account(server).await;
        let set = op("Folders", "SetMachineRobots");
        let body = json!({"MachineId": m, "FolderId": server.shared, "AddedRobotIds": [robot.id]});
        admin.post(&op("Folders", "AssignUsers"), json!({"assignments": {"UserIds": [user], "RolesPerFolder": [{"FolderId": server.shared, "RoleIds": []}]}})).await.expect(204);
        admin.post(&set, body).await.expect(204);
        let list = admin.get(&op("Folders", &format!("GetMachineRobots(folderId={},machineId={m})", server.shared))).await.expect(200);
        assert_eq!(list["value"], json!([{"UserName": "admin", "RobotId": robot.id, "HasTriggers": false}]));
        assert_eq!(machine_in(&admin, server.shared, m).await["HasMachineRobots"], true);
        audited(server, "Folders_SetMachineRobots").await;
        admin.post(&set, json!({"MachineId": m, "FolderId": server.shared, "RemovedRobotIds": [robot.id]})).await.expect(204);
        assert_eq!(machine_in(&admin, server.shared, m).await["HasMachineRobots"], false);
        admin.post(&set, json!({"MachineId": far, "FolderId": server.shared, "AddedRobotIds": [robot.id]})).await.error(409, 2828);
        admin.post(&set, json!({"MachineId": m, "FolderId": server.shared, "AddedRobotIds": [987_654]})).await.error(404, 2808);
        admin.post(&set, json!({"MachineId": 987_654, "FolderId": server.shared})).await.error(404, 1002);
        admin.post(&set, json!({"FolderId": server.shared})).await.expect(400);
    }

    async fn machines_in_folders_ask_for_their_permissions(server: &TestServer) {
        let admin = server.admin();
        let m = machine(&admin, "m", 1).await;
        let hidden = folder(&admin, "Hidden", None).await;
        let user = server.application("OR.Folders OR.Robots", Some("Automation User")).await;
        let body = json!({"assignments": {"MachineIds": [m], "FolderIds": [server.shared]}});
        user.post(&op("Folders", "AssignMachines"), body.clone()).await.expect(403);
        user.post(&op("Folders", "SetMachineRobots"), json!({"MachineId": m, "FolderId": server.shared})).await.expect(403);
        let keeper = server.application("OR.Folders", Some("Folder Administrator")).await;
        keeper.post(&op("Folders", "AssignMachines"), body).await.expect(204);
        let seen = keeper.get(&op("Folders", &format!("GetMachinesForFolder(key={})", server.shared))).await.expect(200);
        assert!(rows(&seen)[0]["LicenseKey"].is_null(), "machine keys are for those who may view machines");
        keeper.get(&op("Folders", &format!("GetMachinesForFolder(key={hidden})"))).await.error(404, 1002);
        let body = json!({"assignments": {"MachineIds": [m], "FolderIds": [hidden]}});
        keeper.post(&op("Folders", "AssignMachines"), body).await.error(404, 1002);
        let other = server.other_tenant().await;
        other.get(&op("Folders", &format!("GetMachinesForFolder(key={})", server.shared))).await.error(404, 1002);
        let body = json!({"assignments": {"MachineIds": [m], "FolderIds": [server.shared]}});
        other.post(&op("Folders", "AssignMachines"), body).await.error(404, 1002);
    }
}
