//! Inputs and outputs that are too large for a command or a report, and the package cache.

use serde_json::json;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn large_inputs_and_outputs_are_attachments() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let input = json!({"text": "x".repeat(200_000)}).to_string();
    let id = "00000009-0000-4000-8000-000000000000";
    rig.server.lock().attachments.insert(id.into(), input.clone().into_bytes());
    let key = rig.job_with(
        1,
        r#"cat "$BANDMASTER_INPUT" > "$BANDMASTER_OUTPUT""#,
        json!({"inputArguments": null, "inputFile": id}),
    );
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Successful", "{end}");
    assert!(end.get("outputArguments").is_none());
    let file = end["outputFile"].as_str().unwrap().to_owned();
    assert_ne!(file, id);
    assert_eq!(rig.server.lock().attachments[&file], input.as_bytes());
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_no_object_is_refused() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    for (number, input) in (1..).zip(["[1]", "{", "5"]) {
        let key = rig.job_with(number, "true", json!({"inputArguments": input}));
        assert_eq!(rig.end(&key).await["error"]["code"], "Robot.InputUnavailable");
    }
    let key = rig.job_with(9, "true", json!({"inputArguments": ""}));
    assert_eq!(rig.end_state(&key).await, "Successful");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_downloaded_once() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let first = rig.job(1, "true");
    assert_eq!(rig.end_state(&first).await, "Successful");
    for number in [2, 3] {
        let key = rig.job_with(number, "false", json!({"packageId": "package1"}));
        assert_eq!(rig.end_state(&key).await, "Successful");
    }
    assert_eq!(rig.server.lock().downloads, 1);
    // Another feed's package of the same name is another package.
    let key = rig.job_with(4, "true", json!({"packageId": "package1", "feedId": "other"}));
    assert_eq!(rig.end_state(&key).await, "Successful");
    assert_eq!(rig.server.lock().downloads, 2);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cannot_report_files_that_are_not_its_own() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, r#"ln -s /proc/self/status "$BANDMASTER_OUTPUT""#);
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Faulted");
    assert_eq!(end["error"]["code"], "Robot.OutcomeUnreadable");
    agent.stop().await;
}
