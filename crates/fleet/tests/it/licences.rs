//! Licences: everything is licensed, and a machine's runtimes can be switched off.

use crate::world::*;
use bandmaster_testkit::{json, suite};

suite! {
    async fn everything_is_licensed(server: &TestServer) {
        let admin = server.admin();
        let pool = machine(&admin, "pool", 2).await;
        let path = "/odata/LicensesRuntime/UiPath.Server.Configuration.OData.GetLicensesRuntime(robotType='Unattended')";
        let idle = admin.get(path).await.expect(200);
        assert_eq!((&rows(&idle)[0]["IsOnline"], &rows(&idle)[0]["Runtimes"]), (&json!(false), &json!(2)));
        connect(server, pool, "pc-1").await;
        let row = rows(&admin.get(path).await.expect(200))[0].clone();
        assert_eq!((&row["HostMachineName"], &row["IsLicensed"], &row["Enabled"], &row["IsOnline"]), (&json!("pc-1"), &json!(true), &json!(true), &json!(true)));
        admin.get(&path.replace("Unattended", "Nonsense")).await.expect(400);
        let none = admin.get("/odata/LicensesNamedUser/UiPath.Server.Configuration.OData.GetLicensesNamedUser(robotType='Attended')").await.expect(200);
        assert!(rows(&none).is_empty());
        let granted = admin.post("/api/Licensing/Acquire", json!({"reference": "run-8811", "type": "AIUnits", "count": 5})).await.expect(200);
        assert_eq!(granted, json!({"isSuccess": true, "errorCode": null, "errorMessage": null}));
        admin.put("/api/Licensing/Release", json!({"reference": "run-8811", "type": "AIUnits", "count": 5})).await.expect(200);
        admin.post("/api/Licensing/Acquire", json!({"reference": "x", "type": "y", "count": -1})).await.error(400, 1009);
        admin.post("/api/Licensing/Acquire", json!(null)).await.error(400, 0);
    }

    async fn runtimes_can_be_switched_off(server: &TestServer) {
        let admin = server.admin();
        let pool = machine(&admin, "pool", 2).await;
        assign(&admin, &[pool], server.shared).await;
        connect(server, pool, "pc-1").await;
        let toggle = "/odata/LicensesRuntime('pool')/UiPath.Server.Configuration.OData.ToggleEnabled";
        admin.post(toggle, json!({"key": "pool", "robotType": "Unattended", "enabled": false})).await.expect(200);
        let sessions = admin.get("/odata/Sessions").await.expect(200);
        assert_eq!(rows(&sessions)[0]["LicenseErrorCode"], "RuntimeDisabled");
        audited(server, "LicensesRuntime_ToggleEnabledByKey").await;
        admin.post(toggle, json!({"key": "pool", "robotType": "Unattended", "enabled": true})).await.expect(200);
        let sessions = admin.get("/odata/Sessions").await.expect(200);
        assert!(rows(&sessions)[0]["LicenseErrorCode"].is_null());
        admin.post(toggle, json!({"key": "pool", "robotType": "Attended", "enabled": true})).await.error(400, 1009);
        let unknown = toggle.replace("'pool'", "'none'");
        admin.post(&unknown, json!({"key": "none", "robotType": "Unattended", "enabled": true})).await.error(404, 1002);
    }
}
