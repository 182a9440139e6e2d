//! Stops: soft, hard, by time limit, before there is a process.

use serde_json::json;

use crate::rig::{Rig, runs, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_stop_lets_a_job_finish() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(
        1,
        r#"trap 'echo "{\"stopped\":true}" > "$BANDMASTER_OUTPUT"; exit 0' TERM
           touch "$SHARED/on"; while :; do sleep 0.01; done"#,
    );
    rig.until_file("on").await;
    rig.stop(&key, "SoftStop");
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Successful", "{end}");
    assert_eq!(end["outputArguments"], r#"{"stopped":true}"#);
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_finish_by_itself_is_stopped() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, r#"touch "$SHARED/on"; while :; do sleep 0.01; done"#);
    rig.until_file("on").await;
    rig.stop(&key, "SoftStop");
    let end = rig.end(&key).await;
    assert_eq!((end["jobState"].as_str(), end.get("error")), (Some("Stopped"), None));
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_takes_the_whole_tree() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    // One child in the group, one that left it, and none of them listens to a soft stop.
    let key = rig.job(
        1,
        r#"trap '' TERM
           sleep 600 & echo $! >> "$SHARED/pids.new"
           setsid sleep 600 & echo $! >> "$SHARED/pids.new"
           echo $$ >> "$SHARED/pids.new"
           mv "$SHARED/pids.new" "$SHARED/pids"
           while :; do sleep 0.01; done"#,
    );
    let pids = rig.until_file("pids").await;
    assert_eq!(pids.lines().count(), 3);
    rig.stop(&key, "SoftStop");
    until("the soft stop's delivery", || {
        let path = rig.data("journal").join(format!("{key}.json"));
        std::fs::read_to_string(path).unwrap_or_default().contains("SoftStop")
    })
    .await;
    assert!(pids.lines().all(runs));
    rig.stop(&key, "Kill");
    assert_eq!(rig.end_state(&key).await, "Stopped");
    for pid in pids.lines() {
        until("the end of the tree", || !runs(pid)).await;
    }
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_job_leaves_no_process_behind() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, r#"sleep 600 & echo $! > "$SHARED/pid""#);
    assert_eq!(rig.end_state(&key).await, "Successful");
    let pid = rig.until_file("pid").await;
    until("the end of the child", || !runs(pid.trim())).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_stops_and_then_kills() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job_with(
        1,
        r#"trap 'touch "$SHARED/asked"' TERM; while :; do sleep 0.01; done"#,
        json!({"timeLimitSeconds": 1, "stopGraceSeconds": 1}),
    );
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Stopped", "{end}");
    assert!(end["info"].as_str().unwrap().contains("time limit"));
    assert!(rig.shared("asked").exists(), "the soft stop came first");
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_job_is_prepared_starts_nothing() {
    let rig = Rig::new().await;
    rig.server.lock().no_packages = true;
    let agent = rig.agent();
    let key = rig.job(1, r#"touch "$SHARED/ran""#);
    until("the acceptance", || rig.server.lock().jobs[&key].accepted > 0).await;
    rig.stop(&key, "SoftStop");
    assert_eq!(rig.end_state(&key).await, "Stopped");
    rig.server.lock().no_packages = false;
    let next = rig.job(2, r#"touch "$SHARED/next""#);
    assert_eq!(rig.end_state(&next).await, "Successful");
    assert!(rig.shared("next").exists() && !rig.shared("ran").exists());
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_holds_in_the_preparation_too() {
    let rig = Rig::new().await;
    rig.server.lock().no_packages = true;
    let agent = rig.agent();
    let key = rig.job_with(1, "true", json!({"timeLimitSeconds": 0}));
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Stopped", "{end}");
    rig.check().await;
    agent.stop().await;
}
