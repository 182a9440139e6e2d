//! Taking an item by a filter.

use crate::items::{add, queue};
use bandmaster_testkit::{Client, Reply, Value, json, suite};

async fn choose(client: &Client, filter: &str, data: Value) -> Reply {
    let path = format!("/odata/Queues/UiPathODataSvc.StartTransaction?$filter={filter}");
    client.post(&path, json!({ "transactionData": data })).await
}

suite! {
    async fn the_next_item_that_fits_is_taken(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        queue(&admin, json!({"Name": "other"})).await;
        add(&admin, json!({"Name": "other", "Reference": "x0", "Priority": "High"})).await;
        for (reference, priority, due) in [
            ("x1", "Low", None), ("y1", "High", None), ("x2", "Normal", None), ("x3", "Low", Some("2026-02-01T00:00:00Z")),
        ] {
            add(&admin, json!({"Name": "q", "Reference": reference, "Priority": priority, "DueDate": due})).await;
        }
        let q = json!({"Name": "q"});
        let mut served = Vec::new();
        for filter in ["startswith(Reference,'X')", "DueDate eq null and Reference ne 'y1'", "Priority eq 'Low' or Priority eq 'High'",
            "QueueDefinition/Name eq 'q'"] {
            let reply = choose(&admin, filter, q.clone()).await.expect(200);
            assert_eq!((&reply["Status"], reply["StartProcessing"].is_string()), (&json!("InProgress"), true));
            served.push(reply["Reference"].as_str().unwrap().to_owned());
        }
        assert_eq!(served, ["x3", "x2", "y1", "x1"]);
        assert_eq!(choose(&admin, "Id gt 0", q.clone()).await.status, 204);
        let made = add(&admin, json!({"Name": "q", "Reference": "z"})).await;
        assert_eq!(choose(&admin, &format!("Key ne {}", made["Key"].as_str().unwrap()), q.clone()).await.status, 204);
        let both = json!({"Name": "q", "Reference": "Y", "ReferenceFilterOption": "StartsWith"});
        assert_eq!(choose(&admin, "Reference eq 'z'", both).await.status, 204);
        let both = json!({"Name": "q", "Reference": "Z", "ReferenceFilterOption": "StartsWith"});
        let taken = choose(&admin, &format!("UniqueKey eq {}", made["UniqueKey"].as_str().unwrap()), both).await.expect(200);
        assert_eq!(taken["Id"], made["Id"]);
        let history = admin.get(&format!("/odata/QueueItemEvents?$filter=QueueItemId eq {} and Action eq 'Status'", made["Id"])).await.expect(200);
        assert_eq!(history["@odata.count"], 1);
        assert_eq!(crate::world::kinds(server).await.last().unwrap(), "queueItem.transactionStarted");
    }

    async fn deferred_items_are_chosen_when_their_time_has_come(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        add(&admin, json!({"Name": "q", "Reference": "d", "DeferDate": "2026-01-05T09:00:00Z"})).await;
        assert_eq!(choose(&admin, "Reference eq 'd'", json!({"Name": "q"})).await.status, 204);
        server.clock.advance(std::time::Duration::from_secs(3600));
        assert_eq!(choose(&admin, "Reference eq 'd'", json!({"Name": "q"})).await.expect(200)["Reference"], "d");
    }

    async fn a_filter_is_bound_and_limited(server: &TestServer) {
        let admin = server.admin();
        queue(&admin, json!({"Name": "q"})).await;
        add(&admin, json!({"Name": "q", "Reference": "r"})).await;
        let long = vec!["Id gt 0"; 200].join(" and ");
        for wrong in ["Nonsense eq 1", "Id eq 'x'", "SpecificData eq 'x'", "(", long.as_str(), "Id gt 0&$orderby=Id", "Id gt 0&$top=1",
            "Id gt 0&$skip=1"] {
            choose(&admin, wrong, json!({"Name": "q"})).await.error(400, 1000);
        }
        choose(&admin, "Id gt 0", json!({"Name": "q", "SpecificContent": {"a": 1}})).await.error(400, 1009);
        choose(&admin, "Id gt 0", json!({"Name": "none"})).await.error(404, 1002);
        choose(&server.other_tenant().await, "Id gt 0", json!({"Name": "q"})).await.error(404, 1002);
        assert_eq!(choose(&admin, "Reference eq 'r'' or 1 eq 1'", json!({"Name": "q"})).await.status, 204);
    }
}
