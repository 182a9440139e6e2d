//! Jobs from the command to their outcome: environment, input, output, logs, faults.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use crate::rig::{Rig, package, until};
use crate::server::{MACHINE_KEY, ROBOT};

#[tokio::test(flavor = "multi_thread")]
async fn an_executable_runs_with_input_output_and_logs() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(
        1,
        r#"env > "$SHARED/env"; id -u > "$SHARED/uid"; pwd > "$SHARED/pwd"
           echo "$1 $PACKAGED"; echo wrong >&2
           i=0; while [ $i -lt 250 ]; do i=$((i+1)); echo "line $i"; done
           printf '{"got":%s}' "$(cat "$BANDMASTER_INPUT")" > "$BANDMASTER_OUTPUT"
           touch "$HOME/x" "$TMPDIR/y""#,
    );
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Successful", "{end}");
    assert_eq!(end["outputArguments"], r#"{"got":{"a":1}}"#);
    assert_eq!(end["robotState"], "Available");
    assert_eq!(end["reservationId"], "reservation1");

    // The end is reported after the log, so all of it is there, in order.
    let mut lines = vec!["argument yes".to_owned()];
    lines.extend((1..=250).map(|n| format!("line {n}")));
    assert_eq!(rig.log(&key, "Info"), lines);
    assert_eq!(rig.log(&key, "Error"), ["wrong"]);
    let record = rig.server.lock().logs[0].clone();
    for (name, value) in [
        ("processName", "Hello"),
        ("processVersion", "1.0.0"),
        ("robotName", "Robot"),
        ("machineName", "host"),
        ("logType", "Default"),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
    assert!(rig.server.lock().largest_batch <= 100);

    let text = rig.until_file("env").await;
    let env: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let url = format!("{}/Default/Default", rig.config.server_url);
    for (name, value) in [
        ("UIPATH_URL", url.as_str()),
        ("UIPATH_ACCESS_TOKEN", "job-token"),
        ("UIPATH_JOB_KEY", key.as_str()),
        ("UIPATH_ROBOT_KEY", ROBOT),
        ("PACKAGED", "yes"),
    ] {
        assert_eq!(env.get(name), Some(&value), "{name}");
    }
    // Nothing of the agent's own: neither its key nor what the test run has in its environment.
    assert!(!text.contains(MACHINE_KEY));
    assert!(!env.contains_key("CARGO_MANIFEST_DIR"));
    let folder = rig.until_file("pwd").await;
    assert!(folder.trim().ends_with(&format!("jobs/{key}/work")), "{folder}");
    let uid = rig.until_file("uid").await;
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let expected = if own == 0 { 65534 } else { own };
    assert_eq!(uid.trim(), expected.to_string(), "as root, jobs run as nobody");
    rig.check().await;
    agent.stop().await;
    assert_eq!(rig.server.lock().stopped, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_executable_is_faulted_with_its_last_words() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, r#"echo '{}' > "$BANDMASTER_OUTPUT"; echo last words >&2; exit 3"#);
    let end = rig.end(&key).await;
    assert_eq!(end["jobState"], "Faulted");
    assert_eq!(end["error"]["code"], "Robot.ProcessFailed");
    assert!(end["error"]["title"].as_str().unwrap().contains('3'));
    assert_eq!(end["error"]["detail"], "last words");
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_run_side_by_side() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    // Each waits for all the others.
    let script = r#"touch "$SHARED/$UIPATH_JOB_ID"
        while [ ! -e "$SHARED/1" ] || [ ! -e "$SHARED/2" ] || [ ! -e "$SHARED/3" ]; do sleep 0.01; done"#;
    let keys: Vec<_> = (1..=3).map(|number| rig.job(number, script)).collect();
    for key in &keys {
        assert_eq!(rig.end_state(key).await, "Successful");
    }
    // While they ran, heartbeats named them and called the robot busy.
    let beats = rig.server.lock().heartbeats.clone();
    assert!(beats.iter().all(|beat| beat["runningJobKeys"].is_array()));
    assert_eq!(beats[0]["commandState"], "All");
    rig.check().await;
    until("an idle heartbeat", || {
        let inner = rig.server.lock();
        let last = inner.heartbeats.last().unwrap();
        last["runningJobKeys"] == json!([]) && last["heartbeats"][0]["robotState"] == "Available"
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_is_named_in_heartbeats() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let key = rig.job(1, r#"touch "$SHARED/on"; while [ ! -e "$SHARED/go" ]; do sleep 0.01; done"#);
    rig.until_file("on").await;
    rig.server.nudge();
    until("a heartbeat with the job", || {
        let inner = rig.server.lock();
        let last = inner.heartbeats.last().unwrap();
        last["runningJobKeys"] == json!([key]) && last["heartbeats"][0]["robotState"] == "Busy"
    })
    .await;
    rig.touch("go");
    assert_eq!(rig.end_state(&key).await, "Successful");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_reservation_starts_nothing() {
    let rig = Rig::new().await;
    let script = r#"touch "$SHARED/ran$UIPATH_JOB_ID""#;
    let refused = rig.job(1, script);
    // Handed out, but another agent has the reservation by the time of the acceptance.
    rig.server.lock().jobs.get_mut(&refused).unwrap().refuse = true;
    let agent = rig.agent();
    until("the refusal", || rig.server.lock().jobs[&refused].refused == 1).await;
    // The command comes again with every heartbeat; it is not asked for again.
    let next = rig.job(2, script);
    assert_eq!(rig.end_state(&next).await, "Successful");
    let (refusals, ends) = {
        let inner = rig.server.lock();
        (inner.jobs[&refused].refused, inner.jobs[&refused].ends)
    };
    assert_eq!((refusals, ends), (1, 0));
    assert!(rig.shared("ran2").exists() && !rig.shared("ran1").exists());
    // A new reservation is a new chance.
    {
        let mut inner = rig.server.lock();
        let job = inner.jobs.get_mut(&refused).unwrap();
        job.refuse = false;
        job.command["reservationId"] = json!("another");
    }
    rig.server.nudge();
    assert_eq!(rig.end_state(&refused).await, "Successful");
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_says_why() {
    let mut rig = Rig::new().await;
    rig.config.python = Some("/no/such/python".into());
    let agent = rig.agent();
    let executable: &[u8] = br#"{"targetRuntime":"executable"}"#;
    let cases: [(&str, Vec<u8>, Value); 10] = [
        ("Robot.PackageInvalid", b"no zip".to_vec(), json!({})),
        ("Robot.PackageInvalid", package(&[("../../evil", b"x")]), json!({})),
        ("Robot.PackageInvalid", package(&[("operate.json", b"{")]), json!({})),
        ("Robot.PackageInvalid", package(&[("operate.json", executable)]), json!({})),
        (
            "Robot.PackageInvalid",
            package(&[("operate.json", executable), ("bandmaster.json", br#"{"command":["../../../bin/sh"]}"#)]),
            json!({}),
        ),
        ("Robot.NotRunnable", package(&[("project.json", b"{}")]), json!({})),
        ("Robot.NotRunnable", package(&[("operate.json", br#"{"targetRuntime":"pythonAgent"}"#)]), json!({})),
        ("Robot.PythonMissing", package(&[("uipath.json", b"{}")]), json!({})),
        ("Robot.PackageDamaged", package(&[]), json!({"packageSha256": "00"})),
        ("Robot.PackageDownload", package(&[]), json!({"packageVersion": "2.0.0"})),
    ];
    for (number, (code, package, members)) in (1..).zip(cases) {
        let key = rig.job_of(number, package, members);
        let end = rig.end(&key).await;
        assert_eq!(end["jobState"], "Faulted", "{end}");
        assert_eq!(end["error"]["code"], code, "{end}");
        assert!(!end["error"]["title"].as_str().unwrap().is_empty());
    }
    rig.check().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_command_does_not_stop_the_others() {
    let rig = Rig::new().await;
    let agent = rig.agent();
    let broken = rig.job_with(1, "true", json!({"packageId": 5}));
    let good = rig.job(2, "true");
    assert_eq!(rig.end_state(&good).await, "Successful");
    assert_eq!(rig.server.lock().jobs[&broken].accepted, 0);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_wake_ups_a_job_comes_with_the_next_heartbeat() {
    let mut rig = Rig::new().await;
    rig.config.heartbeat_seconds = 1;
    rig.server.lock().no_wake_ups = true;
    let agent = rig.agent();
    // The commands of the first heartbeats are known before there is a job.
    until("heartbeats", || rig.server.lock().heartbeats.len() > 1).await;
    let key = rig.job(1, "exit 0");
    assert_eq!(rig.end_state(&key).await, "Successful");
    rig.check().await;
    agent.stop().await;
}
