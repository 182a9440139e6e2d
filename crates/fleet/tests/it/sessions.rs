//! Sessions of hosts.

use crate::world::*;
use bandmaster_testkit::{json, suite};
use std::time::Duration;

suite! {
    async fn hosts_are_listed_with_their_state(server: &TestServer) {
        let admin = server.admin();
        let pool = machine(&admin, "pool", 2).await;
        admin.patch(&format!("/odata/Machines({pool})"), json!({"NonProductionSlots": 1})).await.expect(200);
        assign(&admin, &[pool], server.shared).await;
        let elsewhere = machine(&admin, "elsewhere", 1).await;
        connect(server, elsewhere, "far").await;
        assert_eq!(connect(server, pool, "pc-1").await.len(), 2);

        let here = admin.get("/odata/Sessions").await.expect(200);
        assert_eq!(column(&here, "HostMachineName"), [&json!("pc-1")], "one row a host, of the folder's machines only");
        let row = &rows(&here)[0];
        assert_eq!((&row["State"], &row["IsUnresponsive"], &row["Platform"]), (&json!("Available"), &json!(false), &json!("Linux")));
        assert_eq!((&row["OrganizationUnitId"], &row["FolderName"]), (&json!(server.shared), &json!("Shared")));
        let all = admin.get(&op("Sessions", "GetGlobalSessions?$orderby=HostMachineName desc")).await.expect(200);
        assert_eq!(column(&all, "HostMachineName"), [&json!("pc-1"), &json!("far")]);

        let runtimes = admin.get(&op("Sessions", "GetMachineSessionRuntimes?runtimeType=Unattended")).await.expect(200);
        assert_eq!(rows(&runtimes).len(), 2);
        let runtimes = admin.get(&op("Sessions", &format!("GetMachineSessionRuntimesByFolderId(folderId={})", server.shared))).await.expect(200);
        assert_eq!(column(&runtimes, "RuntimeType"), [&json!("Unattended"), &json!("NonProduction")]);
        assert_eq!((&rows(&runtimes)[0]["Runtimes"], &rows(&runtimes)[0]["UsedRuntimes"]), (&json!(2), &json!(0)));
        admin.get(&op("Sessions", "GetMachineSessionRuntimes?runtimeType=Nonsense")).await.error(400, 1009);
        let of_machine = admin.get(&op("Sessions", &format!("GetMachineSessions(key={pool})"))).await.expect(200);
        assert_eq!(rows(&of_machine).len(), 1);
        admin.get(&op("Sessions", "GetMachineSessions(key=987654)")).await.error(404, 1002);

        server.clock.advance(Duration::from_secs(60));
        let fresh = "/odata/Sessions?$top=10&$filter=State eq 'Available' and ReportingTime gt 2026-01-05T07:59:00Z&$select=State";
        let found = admin.get(fresh).await.expect(200);
        assert_eq!(found["value"], json!([{"State": "Available"}]));
        server.clock.advance(Duration::from_secs(61));
        let silent = admin.get("/odata/Sessions?$filter=IsUnresponsive eq true").await.expect(200);
        assert_eq!(rows(&silent).len(), 1);
        disconnect(server, pool, "pc-1").await;
        let gone = admin.get("/odata/Sessions?$filter=State eq 'Disconnected'&$count=true").await.expect(200);
        assert_eq!(gone["@odata.count"], 1);
        let names = admin.get(&op("Sessions", "GetUsernames")).await.expect(200);
        assert_eq!(names["value"], json!([]));
        admin.get(&op("Sessions", "GetUsernames?$filter=NoSuch eq 1")).await.error(400, 1000);
        admin.get("/odata/Sessions?$filter=NoSuch eq 1").await.error(400, 1000);
    }

    async fn maintenance_and_debugging_hold_for_the_host(server: &TestServer) {
        let admin = server.admin();
        let pool = machine(&admin, "pool", 1).await;
        admin.patch(&format!("/odata/Machines({pool})"), json!({"HeadlessSlots": 1})).await.expect(200);
        let ids = connect(server, pool, "pc-1").await;
        let body = json!({"sessionId": ids[1], "maintenanceMode": "Enabled", "stopJobsStrategy": "SoftStop"});
        admin.post(&op("Sessions", "SetMaintenanceMode"), body).await.expect(204);
        let runtimes = admin.get(&op("Sessions", "GetMachineSessionRuntimes")).await.expect(200);
        assert_eq!(column(&runtimes, "MaintenanceMode"), [&json!("Enabled"), &json!("Enabled")]);
        let entry = audited(server, "Sessions_SetMaintenanceMode").await;
        assert_eq!((&entry["component"], &entry["after"]["MaintenanceMode"]), (&json!("Sessions"), &json!("Enabled")));
        admin.post(&op("Sessions", "SetMaintenanceMode"), json!({"sessionId": ids[0], "maintenanceMode": "Default"})).await.expect(204);
        let runtimes = admin.get(&op("Sessions", "GetMachineSessionRuntimes")).await.expect(200);
        assert_eq!(column(&runtimes, "MaintenanceMode"), [&json!("Default"), &json!("Default")]);
        admin.post(&op("Sessions", "SetMaintenanceMode"), json!({"sessionId": 987_654})).await.error(404, 1242);
        admin.post(&op("Sessions", "SetMaintenanceMode"), json!({})).await.error(400, 1009);

        let debug = format!("/odata/Sessions({})/UiPath.Server.Configuration.OData.ToggleMachineSessionDebugMode", ids[0]);
        admin.post(&debug, json!({"enabled": true, "minutes": 15})).await.expect(204);
        let until = admin.get(&op("Sessions", "GetGlobalSessions?$select=DebugModeExpirationDate")).await.expect(200);
        assert_eq!(rows(&until)[0]["DebugModeExpirationDate"], "2026-01-05T08:15:00Z");
        server.clock.advance(Duration::from_secs(15 * 60));
        let until = admin.get(&op("Sessions", "GetGlobalSessions?$select=DebugModeExpirationDate")).await.expect(200);
        assert!(rows(&until)[0]["DebugModeExpirationDate"].is_null(), "it ends by itself");
        admin.post(&debug, json!({"enabled": false})).await.expect(204);
        audited(server, "Sessions_ToggleMachineSessionDebugModeById").await;
        for body in [json!({"enabled": true}), json!({"enabled": true, "minutes": 0}), json!({"enabled": true, "minutes": 100_000})] {
            admin.post(&debug, body).await.error(400, 1009);
        }
        admin.post(&debug.replace(&ids[0].to_string(), "987654"), json!({"enabled": false})).await.error(404, 1242);
    }

    async fn only_hosts_that_are_gone_can_be_removed(server: &TestServer) {
        let admin = server.admin();
        let pool = machine(&admin, "pool", 1).await;
        let (there, gone, silent) =
            (connect(server, pool, "there").await[0], connect(server, pool, "gone").await[0], connect(server, pool, "silent").await[0]);
        disconnect(server, pool, "gone").await;
        server.clock.advance(Duration::from_secs(121));
        connect(server, pool, "there").await;
        let delete = op("Sessions", "DeleteInactiveUnattendedSessions");
        admin.post(&delete, json!({"sessionIds": []})).await.error(400, 1009);
        admin.post(&delete, json!({"sessionIds": [gone, there]})).await.error(409, 1217);
        admin.post(&delete, json!({"sessionIds": [gone, 987_654]})).await.error(404, 1242);
        admin.post(&delete, json!({"sessionIds": [gone, silent]})).await.expect(204);
        let left = admin.get(&op("Sessions", "GetGlobalSessions")).await.expect(200);
        assert_eq!(column(&left, "Id"), [&json!(there)]);
        audited(server, "Sessions_DeleteInactiveUnattendedSessions").await;
    }

    async fn sessions_ask_for_their_permissions(server: &TestServer) {
        let admin = server.admin();
        let pool = machine(&admin, "pool", 1).await;
        assign(&admin, &[pool], server.shared).await;
        let id = connect(server, pool, "pc").await[0];
        let user = server.application("OR.Robots", Some("Automation User")).await;
        user.get(&op("Sessions", "GetMachineSessionRuntimes")).await.expect(403);
        user.get(&op("Sessions", &format!("GetMachineSessions(key={pool})"))).await.expect(403);
        user.post(&op("Sessions", "SetMaintenanceMode"), json!({"sessionId": id, "maintenanceMode": "Enabled"})).await.expect(403);
        user.post(&op("Sessions", "DeleteInactiveUnattendedSessions"), json!({"sessionIds": [id]})).await.expect(403);
        let here = user.get(&op("Sessions", &format!("GetMachineSessionRuntimesByFolderId(folderId={})", server.shared))).await.expect(200);
        assert_eq!(rows(&here).len(), 1, "who may start jobs sees the folder's runtimes");
        let hidden = folder(&admin, "Hidden", None).await;
        user.get(&op("Sessions", &format!("GetMachineSessionRuntimesByFolderId(folderId={hidden})"))).await.error(404, 1002);
        let other = server.other_tenant().await;
        assert!(rows(&other.get(&op("Sessions", "GetGlobalSessions")).await.expect(200)).is_empty());
        other.post(&op("Sessions", "SetMaintenanceMode"), json!({"sessionId": id, "maintenanceMode": "Enabled"})).await.error(404, 1242);
    }

    async fn sessions_of_persons_show_their_robot(server: &TestServer) {
        let admin = server.admin();
        let desk = machine(&admin, "desk", 1).await;
        let robot = person(server, desk, "laptop").await;
        connect(server, desk, "laptop").await;
        let state = format!("/odata/Sessions?$top=10&$filter=Robot/Id eq {robot}&$select=State");
        let found = admin.without_folder().get(&state).await.expect(200);
        assert_eq!((&found["value"], &found["@odata.count"]), (&json!([{"State": "Available"}]), &json!(1)));
        let found = admin.without_folder().get("/odata/Sessions?$filter=State eq 'Available'&$select=Robot&$expand=Robot").await.expect(200);
        assert_eq!(rows(&found).len(), 2, "the person and the host");
        assert_eq!(rows(&found)[0]["Robot"]["Id"], robot);
        assert!(rows(&found)[1]["Robot"].is_null());
        let plain = admin.get(&op("Sessions", "GetUserRobots")).await.expect(200);
        assert_eq!((rows(&plain).len(), &rows(&plain)[0]["Source"]), (1, &json!("Assistant")));
        assert!(rows(&plain)[0].get("Robot").is_none(), "not expanded");
        let users = admin.get("/odata/LicensesNamedUser/UiPath.Server.Configuration.OData.GetLicensesNamedUser(robotType='Attended')").await.expect(200);
        assert_eq!((&rows(&users)[0]["ActiveRobotId"], &rows(&users)[0]["MachineNames"]), (&json!(robot), &json!(["laptop"])));
    }
}
