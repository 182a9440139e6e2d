//! Folders by their old name.

use crate::harness::{has_members_of, suite};
use serde_json::json;

const ACTION: &str = "UiPath.Server.Configuration.OData";

suite! {
    async fn units_are_folders(server: &TestServer) {
        let admin = server.admin();
        let made = admin.post("/odata/OrganizationUnits", json!({"DisplayName": "Finance"})).await.expect(201);
        has_members_of("OrganizationUnitDto", &made);
        let id = made["Id"].as_i64().unwrap();
        admin.post("/odata/OrganizationUnits", json!({"DisplayName": "finance"})).await.error(409, 1001);
        admin.post("/odata/OrganizationUnits", json!({"DisplayName": "a/b"})).await.error(400, 2810);
        assert_eq!(admin.get(&format!("/odata/Folders({id})")).await.expect(200)["DisplayName"], "Finance");
        let list = admin.get("/odata/OrganizationUnits?$orderby=DisplayName").await.expect(200);
        assert_eq!(list["value"], json!([made_of(id, "Finance"), made_of(server.tenant.folder_id, "Shared")]));
        admin.get(&format!("/odata/OrganizationUnits({id})")).await.expect(200);
        admin.put(&format!("/odata/OrganizationUnits({id})"), json!({"DisplayName": "Money"})).await.expect(200);
        assert_eq!(admin.get(&format!("/odata/OrganizationUnits({id})")).await.expect(200)["DisplayName"], "Money");
        let key = server.person("ana", &[]).await;
        server.caller(&key).get("/odata/Permissions").await.expect(200);
        let user = server.user_id(&key).await;
        let me = server.tenant.administrator_id.unwrap();
        let set = format!("/odata/OrganizationUnits({id})/{ACTION}.SetUsers");
        admin.post(&set, json!({"addedUserIds": [user, me], "removedUserIds": [999_999]})).await.expect(204);
        let ids = admin.get(&format!("/odata/OrganizationUnits/{ACTION}.GetUserIdsForUnit(key={id})")).await.expect(200);
        assert_eq!(ids["value"], json!([me, user]));
        let users = admin.get(&format!("/odata/OrganizationUnits/{ACTION}.GetUsersForUnit(key={id})?$select=Id&$top=3")).await.expect(200);
        assert_eq!((&users["value"][0]["Id"], &users["value"][1]["Id"]), (&json!(me), &json!(user)));
        admin.post(&set, json!({"addedUserIds": [], "removedUserIds": [user]})).await.expect(204);
        admin.post(&set, json!({"addedUserIds": [999_999], "removedUserIds": []})).await.error(404, 2808);
        admin.delete(&format!("/odata/OrganizationUnits({id})")).await.expect(204);
        for path in [format!("/odata/OrganizationUnits({id})"), format!("/odata/OrganizationUnits/{ACTION}.GetUserIdsForUnit(key={id})"), format!("/odata/OrganizationUnits/{ACTION}.GetUsersForUnit(key={id})")] {
            admin.get(&path).await.error(404, 1002);
        }
        admin.put(&format!("/odata/OrganizationUnits({id})"), json!({"DisplayName": "x"})).await.error(404, 1002);
        admin.delete(&format!("/odata/OrganizationUnits({id})")).await.error(404, 1002);
        admin.post(&set, json!({"addedUserIds": [], "removedUserIds": []})).await.error(404, 1002);
        server.caller(&key).get("/odata/OrganizationUnits").await.error(403, 0);
    }
}

fn made_of(id: i64, name: &str) -> serde_json::Value {
    json!({"DisplayName": name, "Id": id})
}
