//! Values of accounts: setting, replacing, keeping passwords.

use crate::world::*;
use bandmaster_testkit::{Value, json, suite};

/// A credential of an account, with or without password.
fn credential(user: i64, machine: Option<i64>, name: &str, password: &str) -> Value {
    json!({"UserId": user, "MachineId": machine, "ValueType": "Credential", "CredentialUsername": name, "CredentialPassword": password})
}

fn body(default: bool, values: &[Value]) -> Value {
    json!({"Name": "Portal", "ValueScope": "PerRobot", "ValueType": "Credential", "HasDefaultValue": default,
        "CredentialUsername": "all", "CredentialPassword": "", "UserValues": values})
}

fn with_password(mut body: Value) -> Value {
    body["CredentialPassword"] = json!("p-all");
    body
}

suite! {
    async fn values_of_accounts_are_shown_without_secrets(server: &TestServer) {
        let admin = server.admin();
        let (ann, bob) = (robot(server, "ann").await, robot(server, "bob").await);
        let (machine, _) = machine(server, "pool").await;
        let values = [credential(ann.user, None, "ann", "p1"), credential(ann.user, Some(machine), "ann@pool", "p2"), credential(bob.user, None, "bob", "p3")];
        let made = admin.post("/odata/Assets", with_password(body(true, &values))).await.expect(201);
        assert!(made.get("UserValues").is_none(), "only when expanded");
        let address = asset(&made["Id"]);
        for path in [format!("{address}?$expand=UserValues"), op("Assets", "GetFiltered?$expand=UserValues"), "/odata/Assets?$expand=UserValues,RobotValues".into()] {
            let answer = admin.get(&path).await.expect(200);
            let shown = if path.starts_with(&address) { &answer } else { &rows(&answer)[0] };
            let values = shown["UserValues"].as_array().unwrap();
            let told: Vec<_> = values.iter().map(|v| (v["UserName"].clone(), v["MachineName"].clone(), v["CredentialUsername"].clone())).collect();
            assert_eq!(told, [
                (json!("ann"), Value::Null, json!("ann")),
                (json!("ann"), json!("pool"), json!("ann@pool")),
                (json!("bob"), Value::Null, json!("bob")),
            ]);
            for value in values {
                assert_eq!((&value["CredentialPassword"], &value["ValueType"], &value["StringValue"]), (&json!(""), &json!("Credential"), &json!("")));
                assert!(value["CredentialStoreId"].is_i64() && value["Id"].is_i64());
            }
            assert_eq!(values[1]["MachineId"], machine);
        }
        let old = admin.get(&format!("{address}?$expand=RobotValues")).await.expect(200);
        let told: Vec<_> = old["RobotValues"].as_array().unwrap().iter().map(|v| (v["RobotId"].clone(), v["RobotName"].clone(), v["Value"].clone())).collect();
        assert_eq!(told, [(json!(ann.id), json!("ann"), json!("username: ann")), (json!(bob.id), json!("bob"), json!("username: bob"))]);
        let filtered = admin.get(&op("Assets", "GetFiltered?$filter=UserValues/any(v: v/UserName eq 'bob')")).await.expect(200);
        assert_eq!(rows(&filtered).len(), 1);
    }

    async fn put_replaces_the_set_and_keeps_passwords(server: &TestServer) {
        let admin = server.admin();
        let (ann, bob, eve) = (robot(server, "ann").await, robot(server, "bob").await, robot(server, "eve").await);
        let (machine, machine_key) = machine(server, "pool").await;
        let values = [credential(ann.user, None, "ann", "p-ann"), credential(bob.user, None, "bob", "p-bob")];
        let made = admin.post("/odata/Assets", with_password(body(true, &values))).await.expect(201);
        let address = asset(&made["Id"]);
        let ids = |answer: Value| -> Vec<Value> { answer["UserValues"].as_array().unwrap().iter().map(|v| v["Id"].clone()).collect() };
        let before = ids(admin.get(&format!("{address}?$expand=UserValues")).await.expect(200));

        // Ann stays as she is, Bob gets a new password, Eve is new; the one for everybody stays.
        let values = [credential(ann.user, None, "ann", ""), credential(bob.user, None, "bob2", "q-bob"), credential(eve.user, Some(machine), "eve", "p-eve")];
        admin.put(&address, body(true, &values)).await.expect(200);
        let after = ids(admin.get(&format!("{address}?$expand=UserValues")).await.expect(200));
        assert_eq!(after[..2], before[..], "values keep their ids");
        for (robot, user, password) in [(&ann, "ann", "p-ann"), (&bob, "bob2", "q-bob"), (&eve, "eve", "p-eve")] {
            let caller = on_machine(server, robot, &machine_key);
            let read = caller.post(&read_address(), reading("Portal", Some(robot))).await.expect(200);
            assert_eq!((&read["CredentialUsername"], &read["CredentialPassword"]), (&json!(user), &json!(password)));
        }
        // Bob goes: he gets what everybody gets.
        admin.put(&address, body(true, &[credential(ann.user, None, "", "")])).await.expect(200);
        let caller = on_machine(server, &bob, &machine_key);
        let read = caller.post(&read_address(), reading("Portal", Some(&bob))).await.expect(200);
        assert_eq!((&read["CredentialUsername"], &read["CredentialPassword"]), (&json!("all"), &json!("p-all")));

        // Refusals change nothing.
        let unknown = credential(4711, None, "x", "p");
        let group: i64 = {
            let list = admin.without_folder().get("/odata/Users?$filter=Type eq 'DirectoryGroup'&$top=1").await.expect(200);
            rows(&list)[0]["Id"].as_i64().unwrap()
        };
        for (values, code) in [
            (vec![credential(ann.user, None, "other", "")], 1500),
            (vec![credential(bob.user, None, "bob", "")], 1501),
            (vec![credential(ann.user, Some(machine), "ann", "")], 1501),
            (vec![unknown], 1009),
            (vec![credential(group, None, "x", "p")], 1009),
            (vec![credential(ann.user, Some(4711), "x", "p")], 1009),
            (vec![credential(ann.user, None, "a", "p"), credential(ann.user, None, "b", "p")], 1009),
            (vec![json!({"UserId": ann.user, "ValueType": "Text", "StringValue": "x"})], 1009),
            (vec![json!({"CredentialUsername": "x", "CredentialPassword": "p"})], 1009),
        ] {
            admin.put(&address, body(true, &values)).await.error(400, code);
        }
        let shown = admin.get(&format!("{address}?$expand=UserValues")).await.expect(200);
        assert_eq!(shown["UserValues"].as_array().unwrap().len(), 1);
        assert_eq!(shown["UserValues"][0]["CredentialUsername"], "ann");
        // Saying nothing of accounts leaves them; the scope Global ends them.
        let mut silent = body(true, &[]);
        silent.as_object_mut().unwrap().remove("UserValues");
        admin.put(&address, silent.clone()).await.expect(200);
        let shown = admin.get(&format!("{address}?$expand=UserValues")).await.expect(200);
        assert_eq!(shown["UserValues"].as_array().unwrap().len(), 1);
        silent["ValueScope"] = json!("Global");
        admin.put(&address, silent).await.expect(200);
        let shown = admin.get(&format!("{address}?$expand=UserValues")).await.expect(200);
        assert_eq!((&shown["UserValues"], &shown["ValueScope"]), (&json!([]), &json!("Global")));
        let read = caller.post(&read_address(), reading("Portal", Some(&bob))).await.expect(200);
        assert_eq!(read["CredentialPassword"], "p-all");
    }

    async fn secrets_follow_the_same_rules(server: &TestServer) {
        let admin = server.admin();
        let ann = robot(server, "ann").await;
        let (_, machine_key) = machine(server, "pool").await;
        let body = |default: Option<&str>, own: Option<&str>| json!({"Name": "Token", "ValueScope": "PerRobot", "ValueType": "Secret",
            "HasDefaultValue": true, "SecretValue": default, "UserValues": [{"UserId": ann.user, "SecretValue": own}]});
        admin.post("/odata/Assets", body(None, Some("own"))).await.error(400, 1505);
        admin.post("/odata/Assets", body(Some("all"), None)).await.error(400, 1506);
        let made = admin.post("/odata/Assets", body(Some("all"), Some("own"))).await.expect(201);
        admin.put(&asset(&made["Id"]), body(None, None)).await.expect(200);
        let caller = on_machine(server, &ann, &machine_key);
        let read = caller.post(&read_address(), reading("token", Some(&ann))).await.expect(200);
        assert_eq!((&read["SecretValue"], &read["CredentialPassword"]), (&json!("own"), &json!("")));
        admin.put(&asset(&made["Id"]), body(None, Some("new"))).await.expect(200);
        let read = caller.post(&read_address(), reading("token", Some(&ann))).await.expect(200);
        assert_eq!(read["SecretValue"], "new");
    }

    async fn old_clients_write_values_of_robots(server: &TestServer) {
        let admin = server.admin();
        let ann = robot(server, "ann").await;
        let body = |robot: i64, value: &str| json!({"Name": "Old", "ValueScope": "PerRobot", "ValueType": "Text",
            "RobotValues": [{"RobotId": robot, "ValueType": "Text", "StringValue": value}]});
        admin.post("/odata/Assets", body(4711, "x")).await.error(400, 1009);
        let made = admin.post("/odata/Assets", body(ann.id, "x")).await.expect(201);
        assert_eq!(made["HasDefaultValue"], false);
        admin.put(&asset(&made["Id"]), body(ann.id, "y")).await.expect(200);
        let shown = admin.get(&format!("{}?$expand=UserValues,RobotValues", asset(&made["Id"]))).await.expect(200);
        assert_eq!((&shown["UserValues"][0]["UserId"], &shown["UserValues"][0]["Value"]), (&json!(ann.user), &json!("y")));
        assert_eq!(shown["RobotValues"][0]["RobotId"], ann.id);
    }

    async fn values_go_with_their_account_and_machine(server: &TestServer) {
        let admin = server.admin();
        let (ann, bob) = (robot(server, "ann").await, robot(server, "bob").await);
        let (machine, _) = machine(server, "pool").await;
        let text = |user: i64, machine: Option<i64>| json!({"UserId": user, "MachineId": machine, "StringValue": "x"});
        let body = json!({"Name": "a", "ValueScope": "PerRobot", "ValueType": "Text",
            "UserValues": [text(ann.user, None), text(bob.user, Some(machine)), text(bob.user, None)]});
        let made = admin.post("/odata/Assets", body).await.expect(201);
        let left = || async {
            let shown = admin.get(&format!("{}?$expand=UserValues", asset(&made["Id"]))).await.expect(200);
            shown["UserValues"].as_array().unwrap().iter().map(|v| (v["UserId"].clone(), v["MachineId"].clone())).collect::<Vec<_>>()
        };
        admin.without_folder().delete(&format!("/odata/Users({})", ann.user)).await.expect(204);
        assert_eq!(left().await, [(json!(bob.user), json!(machine)), (json!(bob.user), Value::Null)]);
        let body = json!({"machineIds": [machine]});
        admin.post(&format!("/odata/Folders({})/UiPath.Server.Configuration.OData.RemoveMachinesFromFolder", server.shared), body).await.expect(204);
        admin.without_folder().delete(&format!("/odata/Machines({machine})")).await.expect(204);
        assert_eq!(left().await, [(json!(bob.user), Value::Null)]);
    }
}
