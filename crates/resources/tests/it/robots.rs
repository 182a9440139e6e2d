//! What robots read and write.

use crate::world::*;
use bandmaster_testkit::{Value, json, suite};

fn set_address() -> String {
    op("Assets", "SetRobotAssetByRobotKey")
}

suite! {
    async fn the_nearest_value_counts(server: &TestServer) {
        let admin = server.admin();
        let (ann, bob, eve) = (robot(server, "ann").await, robot(server, "bob").await, robot(server, "eve").await);
        let (pool, pool_key) = machine(server, "pool").await;
        let (lab, lab_key) = machine(server, "lab").await;
        let own = |user: i64, machine: Option<i64>, text: &str| json!({"UserId": user, "MachineId": machine, "StringValue": text});
        let values = json!([own(ann.user, Some(pool), "ann@pool"), own(ann.user, None, "ann"), own(bob.user, Some(pool), "bob@pool")]);
        let body = |name: &str, default: bool| json!({"Name": name, "ValueScope": "PerRobot", "ValueType": "Text", "HasDefaultValue": default,
            "StringValue": "all", "UserValues": values});
        admin.post("/odata/Assets", body("With", true)).await.expect(201);
        admin.post("/odata/Assets", body("Without", false)).await.expect(201);
        let cases = [
            (&ann, &pool_key, pool, Ok("ann@pool"), Ok("ann@pool")),
            (&ann, &lab_key, lab, Ok("ann"), Ok("ann")),
            (&bob, &pool_key, pool, Ok("bob@pool"), Ok("bob@pool")),
            (&bob, &lab_key, lab, Ok("all"), Err(1503)),
            (&eve, &pool_key, pool, Ok("all"), Err(1503)),
        ];
        for (robot, key, machine, with, without) in cases {
            let host = on_machine(server, robot, key);
            let program = program(server, robot, machine).await;
            for caller in [&host, &program] {
                for (name, want) in [("with", &with), ("WITHOUT", &without)] {
                    let reply = caller.post(&read_address(), reading(name, Some(robot))).await;
                    match want {
                        Ok(text) => assert_eq!(reply.expect(200)["StringValue"], *text),
                        Err(code) => { reply.error(404, *code); }
                    }
                }
                // The same without naming the robot: the caller's own account.
                assert_eq!(caller.post(&read_address(), reading("With", None)).await.expect(200)["StringValue"], with.unwrap());
            }
        }
        // People who look see the value for all machines.
        let by_key = format!("{}(robotId='{}',assetName='With')", op("Assets", "GetRobotAsset"), ann.key);
        assert_eq!(admin.get(&by_key).await.expect(200)["StringValue"], "ann");
        let by_id = |id: i64, name: &str| format!("{}(robotId={id},assetName='{name}')", op("Assets", "GetRobotAssetByRobotId"));
        assert_eq!(admin.get(&by_id(bob.id, "With")).await.expect(200)["StringValue"], "all");
        admin.get(&by_id(bob.id, "Without")).await.error(404, 1503);
        admin.get(&by_id(bob.id, "Nothing")).await.error(404, 1504);
        admin.get(&by_id(4711, "With")).await.error(404, 1002);
    }

    async fn passwords_are_told_to_their_robot_only(server: &TestServer) {
        let admin = server.admin();
        let (ann, bob) = (robot(server, "ann").await, robot(server, "bob").await);
        let (pool, pool_key) = machine(server, "pool").await;
        let body = json!({"Name": "Portal", "ValueScope": "PerRobot", "ValueType": "Credential", "HasDefaultValue": true,
            "CredentialUsername": "all", "CredentialPassword": "p-all", "UserValues": [{"UserId": ann.user, "CredentialUsername": "ann", "CredentialPassword": "p-ann"}]});
        let made = admin.post("/odata/Assets", body).await.expect(201);
        let host = on_machine(server, &ann, &pool_key);
        let program = program(server, &ann, pool).await;
        for caller in [&host, &program] {
            let read = caller.post(&read_address(), reading("Portal", Some(&ann))).await.expect(200);
            assert_eq!((&read["CredentialUsername"], &read["CredentialPassword"]), (&json!("ann"), &json!("p-ann")));
            for (name, want) in [("Name", json!("Portal")), ("ValueType", json!("Credential")), ("StringValue", json!("")), ("BoolValue", json!(false)),
                ("IntValue", json!(0)), ("SecretValue", json!("")), ("ExternalName", Value::Null), ("KeyValueList", json!([])),
                ("ConnectionData", Value::Null), ("Id", made["Id"].clone())] {
                assert_eq!(read[name], want, "{name}");
            }
            assert!(read["CredentialStoreId"].is_i64());
            // Another robot's key proves nothing, and neither does none.
            caller.post(&read_address(), reading("Portal", Some(&bob))).await.error(403, 1017);
            caller.post(&read_address(), reading("Portal", None)).await.error(403, 1017);
            // The management side shows none, not even to the robot.
            let by_id = format!("{}(robotId={},assetName='Portal')", op("Assets", "GetRobotAssetByRobotId"), ann.id);
            let seen = caller.get(&by_id).await.expect(200);
            assert_eq!((&seen["CredentialUsername"], &seen["CredentialPassword"]), (&json!("ann"), &json!("")));
        }
        admin.post(&read_address(), reading("Portal", Some(&ann))).await.error(403, 1017);
        server.application("OR.Assets", Some("Automation User")).await.post(&read_address(), reading("Portal", Some(&ann))).await.error(403, 1017);
        // A selection is honoured.
        let some = host.post(&format!("{}?$select=Name,CredentialUsername", read_address()), reading("Portal", Some(&ann))).await.expect(200);
        assert!(some.get("CredentialPassword").is_none() && some["CredentialUsername"] == "ann");
        host.post(&format!("{}?$select=Nonsense", read_address()), reading("Portal", Some(&ann))).await.error(400, 1000);
        let reads = server.audit().await.into_iter().filter(|e| e["operation"] == "Assets_GetRobotAssetByNameForRobotKey").count();
        assert_eq!(reads, 0, "reading is no change");
    }

    async fn direct_access_is_a_choice_of_the_asset(server: &TestServer) {
        let admin = server.admin();
        let ann = robot(server, "ann").await;
        let body = |name: &str, direct: bool| json!({"Name": name, "ValueScope": "Global", "ValueType": "Secret", "SecretValue": "s", "AllowDirectApiAccess": direct});
        admin.post("/odata/Assets", body("Open", true)).await.expect(201);
        admin.post("/odata/Assets", body("Closed", false)).await.expect(201);
        let app = server.application("OR.Assets", Some("Automation User")).await;
        let listed = app.get(&op("Assets", "GetFiltered?$filter=Name eq 'Open'&$top=1")).await.expect(200);
        assert_eq!(rows(&listed)[0]["AllowDirectApiAccess"], true);
        assert_eq!(app.post(&read_address(), reading("Open", None)).await.expect(200)["SecretValue"], "s");
        app.post(&read_address(), reading("Closed", None)).await.error(403, 1017);
        app.post(&read_address(), reading("Open", Some(&ann))).await.error(403, 1017);
        // Values that are no secrets are as open as the list is.
        admin.post("/odata/Assets", json!({"Name": "Text", "ValueScope": "Global", "ValueType": "Text", "StringValue": "t"})).await.expect(201);
        assert_eq!(app.post(&read_address(), reading("Text", None)).await.expect(200)["StringValue"], "t");
        assert_eq!(server.application("OR.Assets.Read", Some("Automation User")).await.post(&read_address(), reading("Text", None)).await.status, 403);
    }

    async fn what_is_not_there(server: &TestServer) {
        let admin = server.admin();
        let ann = robot(server, "ann").await;
        admin.post("/odata/Assets", json!({"Name": "a", "ValueScope": "Global", "ValueType": "Text", "StringValue": "t"})).await.expect(201);
        admin.post(&read_address(), reading("b", Some(&ann))).await.error(404, 1504);
        admin.post(&read_address(), json!({"assetName": "a", "robotKey": "no key"})).await.error(404, 1002);
        admin.post(&read_address(), json!({"robotKey": ann.key})).await.error(400, 0);
        admin.post(&read_address(), json!({"assetName": "", "robotKey": ann.key})).await.error(400, 1009);
        admin.post(&set_address(), json!({"robotKey": ann.key})).await.error(400, 0);
        // Another folder, another tenant.
        admin.in_folder(folder(server, "Elsewhere").await).post(&read_address(), reading("a", Some(&ann))).await.error(404, 1504);
        let other = server.other_tenant().await;
        other.post("/odata/Assets", json!({"Name": "a", "ValueScope": "Global", "ValueType": "Text", "StringValue": "t"})).await.expect(201);
        other.post(&read_address(), reading("a", Some(&ann))).await.error(404, 1002);
        let set = json!({"robotKey": ann.key, "robotAsset": {"Name": "a", "StringValue": "x"}});
        other.post(&set_address(), set.clone()).await.error(404, 1002);
        other.get(&format!("{}(robotId={},assetName='a')", op("Assets", "GetRobotAssetByRobotId"), ann.id)).await.error(404, 1002);
        server.application("OR.Assets", Some("Automation User")).await.post(&set_address(), set).await.error(403, 0);
    }

    async fn robots_write_the_value_that_counts(server: &TestServer) {
        let admin = server.admin();
        let (ann, bob) = (robot(server, "ann").await, robot(server, "bob").await);
        let (_, pool_key) = machine(server, "pool").await;
        let body = json!({"Name": "Counter", "ValueScope": "PerRobot", "ValueType": "Integer", "HasDefaultValue": true, "IntValue": 1,
            "UserValues": [{"UserId": ann.user, "IntValue": 10}]});
        let made = admin.post("/odata/Assets", body).await.expect(201);
        let set = |robot: &Robot, asset: Value| json!({"robotKey": robot.key, "robotAsset": asset});
        let reply = admin.post(&set_address(), set(&ann, json!({"Name": "Counter", "ValueType": "Integer", "IntValue": 11}))).await;
        assert_eq!(reply.expect(200), json!({}), "a client that always reads JSON gets some");
        admin.post(&set_address(), set(&bob, json!({"Name": "counter", "IntValue": 2}))).await.expect(200);
        let shown = admin.get(&format!("{}?$expand=UserValues", asset(&made["Id"]))).await.expect(200);
        assert_eq!((&shown["IntValue"], &shown["UserValues"][0]["IntValue"]), (&json!(2), &json!(11)));
        assert!(shown["LastModificationTime"].is_string());
        admin.post(&set_address(), set(&bob, json!({"Name": "Counter", "ValueType": "Text", "StringValue": "x"}))).await.error(400, 1009);
        admin.post(&set_address(), set(&bob, json!({"Name": "Nothing", "IntValue": 2}))).await.error(404, 1504);
        admin.post(&set_address(), set(&bob, json!({"Name": "n".repeat(129), "IntValue": 2}))).await.error(400, 1009);

        let body = json!({"Name": "Portal", "ValueScope": "Global", "ValueType": "Credential", "CredentialUsername": "u", "CredentialPassword": "p"});
        admin.post("/odata/Assets", body).await.expect(201);
        admin.post(&set_address(), set(&bob, json!({"Name": "Portal", "CredentialUsername": "v"}))).await.error(400, 1500);
        admin.post(&set_address(), set(&bob, json!({"Name": "Portal", "CredentialUsername": "v", "CredentialPassword": "q"}))).await.expect(200);
        let read = on_machine(server, &bob, &pool_key).post(&read_address(), reading("Portal", Some(&bob))).await.expect(200);
        assert_eq!((&read["CredentialUsername"], &read["CredentialPassword"]), (&json!("v"), &json!("q")));

        let body = json!({"Name": "Own", "ValueScope": "PerRobot", "ValueType": "Text", "UserValues": [{"UserId": ann.user, "StringValue": "x"}]});
        admin.post("/odata/Assets", body).await.expect(201);
        admin.post(&set_address(), set(&bob, json!({"Name": "Own", "StringValue": "y"}))).await.error(404, 1503);
        let entries: Vec<Value> = server.audit().await.into_iter().filter(|e| e["operation"] == "Assets_SetRobotAssetByRobotKey").collect();
        assert_eq!(entries.len(), 3);
        assert_eq!((&entries[1]["before"]["IntValue"], &entries[1]["after"]["IntValue"]), (&json!(1), &json!(2)));
    }
}
