//! Crashes of the agent and absences of the server at the moments that matter: no job runs twice,
//! none stays without an end.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::rig::{Rig, runs, until};

/// Counts its starts, tells its pid, and waits to be let go.
const WAITER: &str = r#"echo started >> "$SHARED/starts"; echo $$ > "$SHARED/pid.new"
    mv "$SHARED/pid.new" "$SHARED/pid"; echo before
    while [ ! -e "$SHARED/go" ]; do sleep 0.01; done
    echo after; echo '{"x":1}' > "$BANDMASTER_OUTPUT""#;

fn starts(rig: &Rig) -> usize {
    fs::read_to_string(rig.shared("starts")).unwrap_or_default().lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_agent_adopts_a_running_job() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    let pid = rig.until_file("pid").await;
    agent.crash().await;
    assert!(runs(pid.trim()), "the job outlives its agent");
    let agent = rig.agent();
    until("a heartbeat that names the job", || {
        rig.server.lock().heartbeats.last().unwrap()["runningJobKeys"] == json!([key])
    })
    .await;
    rig.touch("go");
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Successful", "{end}");
    assert_eq!(end["outputArguments"], r#"{"x":1}"#);
    assert_eq!(rig.log(&key, "Info"), ["before", "after"]);
    assert_eq!(starts(&rig), 1);
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_job_can_still_be_stopped() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    let pid = rig.until_file("pid").await;
    agent.crash().await;
    let agent = rig.agent();
    rig.stop(&key, "Kill");
    assert_eq!(rig.end_state(&key).await, "Stopped");
    assert!(!runs(pid.trim()));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ended_without_an_agent_is_reported_from_its_outcome() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    let pid = rig.until_file("pid").await;
    // A stop by the user lets jobs go on just as a crash does.
    agent.stop().await;
    rig.touch("go");
    until("the process's end", || !runs(pid.trim())).await;
    let agent = rig.agent();
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Successful", "{end}");
    assert_eq!(rig.log(&key, "Info"), ["before", "after"]);
    assert_eq!(starts(&rig), 1);
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_died_without_an_agent_is_lost() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    let pid = noted(&rig, &key).await;
    agent.crash().await;
    let entry = journal(&rig, &key);
    let group = entry["process"]["pid"].as_u64().unwrap();
    let killed = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status().unwrap();
    assert!(killed.success());
    until("the process's end", || !runs(pid.trim())).await;
    let agent = rig.agent();
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Faulted");
    assert_eq!(end["error"]["code"], "Robot.ProcessLost");
    assert_eq!(starts(&rig), 1);
    rig.check().await;
    agent.stop().await;
}

/// The job's journal entry; null when there is none.
fn journal(rig: &Rig, key: &str) -> Value {
    let path = rig.data("journal").join(format!("{key}.json"));
    fs::read(path).map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
}

/// The process has started, and the agent has noted it.
async fn noted(rig: &Rig, key: &str) -> String {
    let pid = rig.until_file("pid").await;
    until("the note of the process", || journal(rig, key)["stage"] == "Running").await;
    pid
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_could_not_be_noted_is_never_repeated() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    let pid = noted(&rig, &key).await;
    agent.crash().await;
    // As if the crash had come between the start and the note of the process id.
    let mut entry = journal(&rig, &key);
    assert_eq!(entry["stage"], "Running");
    assert!(!entry.to_string().contains("job-token"), "a started job's token is not kept");
    entry["stage"] = json!("Starting");
    entry["process"] = Value::Null;
    fs::write(rig.data("journal").join(format!("{key}.json")), entry.to_string()).unwrap();
    let agent = rig.agent();
    let end = rig.end(&key).await;
    assert_eq!(end["error"]["code"], "Robot.ProcessLost");
    assert!(!runs(pid.trim()), "what is reported lost does not run on");
    assert_eq!(starts(&rig), 1);
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acceptance_is_asked_for_again() {
    let rig = Rig::new().await;
    rig.touch("go");
    let key = rig.job(1, WAITER);
    rig.server.lock().jobs.get_mut(&key).unwrap().lose_answer = true;
    let agent = rig.agent();
    until("the acceptance", || rig.server.lock().jobs[&key].accepted == 1).await;
    assert_eq!(starts(&rig), 0, "not before the answer");
    agent.crash().await;
    rig.server.set_away(false);
    let agent = rig.agent();
    assert_eq!(rig.end_state(&key).await, "Successful");
    assert_eq!(starts(&rig), 1);
    assert!(rig.server.lock().jobs[&key].accepted >= 2);
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_server_gets_everything_later() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    rig.until_file("pid").await;
    rig.server.set_away(true);
    rig.touch("go");
    until("the outcome in the journal", || journal(&rig, &key)["stage"] == "Ended").await;
    assert!(rig.server.lock().jobs[&key].end.is_none());
    rig.server.set_away(false);
    assert_eq!(rig.end_state(&key).await, "Successful");
    until("the log", || rig.log(&key, "Info") == ["before", "after"]).await;
    assert_eq!(rig.server.lock().jobs[&key].ends, 1);
    rig.check().await;
    // And the agent is back at work.
    let next = rig.job(2, "true");
    assert_eq!(rig.end_state(&next).await, "Successful");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_survives_agent_and_server() {
    let mut rig = Rig::new().await;
    rig.config.log_flush_milliseconds = 1;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    rig.until_file("pid").await;
    rig.server.set_away(true);
    rig.touch("go");
    until("the outcome in the journal", || journal(&rig, &key)["stage"] == "Ended").await;
    agent.crash().await;
    let agent = rig.agent();
    rig.server.set_away(false);
    let end = rig.end(&key).await;
    assert_eq!(end["outputArguments"], r#"{"x":1}"#);
    until("the log", || rig.log(&key, "Info") == ["before", "after"]).await;
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_starts_before_its_server() {
    let rig = Rig::new().await;
    rig.server.set_away(true);
    let agent = rig.agent();
    until("the data folder", || rig.data("installation").exists()).await;
    rig.server.set_away(false);
    let key = rig.job(1, "true");
    assert_eq!(rig.end_state(&key).await, "Successful");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_end_is_not_repeated_for_ever() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    rig.until_file("pid").await;
    // The server has given the job up meanwhile.
    rig.server.lock().jobs.get_mut(&key).unwrap().refuse = true;
    rig.touch("go");
    until("the report", || rig.server.lock().jobs[&key].ends == 1).await;
    rig.check().await;
    agent.stop().await;
}

/// An agent crashes while it prepares a job; gives the job's key.
async fn crash_in_preparation(rig: &Rig) -> String {
    rig.touch("go");
    rig.server.lock().no_packages = true;
    let agent = rig.agent();
    let key = rig.job(1, WAITER);
    until("the acceptance", || journal(rig, &key)["stage"] == "Accepted").await;
    agent.crash().await;
    rig.server.lock().no_packages = false;
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preparation_is_begun_again() {
    let rig = Rig::new().await;
    let key = crash_in_preparation(&rig).await;
    let agent = rig.agent();
    assert_eq!(rig.end_state(&key).await, "Successful");
    assert_eq!(starts(&rig), 1);
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_given_up_by_the_server_is_not_started_late() {
    let rig = Rig::new().await;
    let key = crash_in_preparation(&rig).await;
    rig.server.lock().jobs.get_mut(&key).unwrap().refuse = true;
    let agent = rig.agent();
    until("the refusal", || rig.server.lock().jobs[&key].refused > 0).await;
    rig.check().await;
    assert_eq!(starts(&rig), 0);
    agent.stop().await;
}
