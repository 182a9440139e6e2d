//! Figures about queues.

use crate::items::{add, queue};
use crate::{finish, start};
use bandmaster_testkit::{Value, json, suite};
use std::time::Duration;

const STATUS: &str = "/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus";

suite! {
    async fn figures_add_up_however_far_they_are_folded(server: &TestServer) {
        let admin = server.admin();
        let q = queue(&admin, json!({"Name": "q", "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 1})).await;
        queue(&admin, json!({"Name": "empty", "OutputDataJsonSchema": "{}"})).await;
        for _ in 0..4 {
            add(&admin, json!({"Name": "q"})).await;
        }
        let results = [json!({"IsSuccessful": true}), json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x"}}),
            json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x", "Type": "BusinessException"}})];
        for result in results {
            let item = start(&admin, "q").await;
            server.clock.advance(Duration::from_millis(1_500));
            finish(&admin, &item["Id"], result).await.expect(200);
        }
        start(&admin, "q").await;
        server.clock.advance(Duration::from_secs(60));
        for _ in 0..2 {
            let status = admin.get(STATUS).await.expect(200);
            assert_eq!(status["@odata.count"], 2);
            let row = &status["value"][0];
            let expected = [("ItemsToProcess", json!(1)), ("ItemsInProgress", json!(1)), ("SuccessfulTransactionsNo", json!(1)),
                ("ApplicationExceptionsNo", json!(1)), ("BusinessExceptionsNo", json!(1)), ("TotalNumberOfTransactions", json!(3)),
                ("SuccessfulTransactionsProcessingTime", json!(1.5)), ("ProcessingMeanTime", json!(1.5)), ("QueueDefinitionName", json!("q")),
                ("LastProcessed", json!("2026-01-05T08:00:04.5Z")), ("QueueFoldersCount", json!(1))];
            for (name, value) in expected {
                assert_eq!(row[name], value, "{name}: {row}");
            }
            assert_eq!(status["value"][1]["OutputDataJsonSchemaExists"], true);
            assert_eq!(status["value"][1]["ItemsToProcess"], 0);
            for (days, kind, count) in [(0, "Minute", 60), (1, "Hour", 24), (7, "Day", 7)] {
                let path = format!("/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveLastDaysProcessingRecords(daysNo={days},queueDefinitionId={q})");
                let records = admin.get(&path).await.expect(200)["value"].as_array().unwrap().clone();
                assert_eq!((records.len(), &records[0]["ReportType"]), (count, &json!(kind)));
                let sum = |name: &str| records.iter().map(|r| r[name].as_i64().unwrap()).sum::<i64>();
                assert_eq!((sum("NumberOfSuccessfulTransactions"), sum("NumberOfRetriedItems"), sum("TotalNumberOfTransactions")), (1, 1, 3));
                let last = records.last().unwrap();
                assert_eq!((&last["NumberOfRemainingTransactions"], &last["NumberOfInProgressTransactions"]), (&json!(1), &json!(1)));
                assert_eq!(records[0]["NumberOfRemainingTransactions"], 0, "{days}");
            }
            while bandmaster_queues::figures::fold(server.app()).await.unwrap() {}
            server.clock.advance(Duration::from_secs(60));
        }
        let path = format!("/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveLastDaysProcessingRecords(daysNo=366,queueDefinitionId={q})");
        admin.get(&path).await.error(400, 1009);
        let path = "/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveLastDaysProcessingRecords(daysNo=1,queueDefinitionId=4711)";
        admin.get(path).await.error(404, 1002);
        let other = server.other_tenant().await;
        assert_eq!(other.get(STATUS).await.expect(200)["@odata.count"], 0);
        other.get(&path.replace("4711", &q.to_string())).await.error(404, 1002);
        let one = admin.get(&format!("{STATUS}?$filter=QueueDefinitionName eq 'empty'&$select=QueueDefinitionId")).await.expect(200);
        assert_eq!(one["@odata.count"], 1);
        assert_eq!(one["value"][0]["ItemsToProcess"], Value::Null);
    }
}
