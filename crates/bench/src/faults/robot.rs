//! The robot of the load: it journals every command, has Running accepted, and only then "starts a process", which is a
//! note in the journal. It goes on until all jobs have ended, also after the other clients have stopped.

use super::RESERVATION;
use super::lane::{Lane, Said};
use crate::robot::{Order, Robot};
use anyhow::Result;
use rand::RngExt;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// A process that "runs", or a command that is left lying until its reservation is over.
struct Run {
    order: Order,
    until: Instant,
}

/// The share of commands that are answered too late, when their job may be with somebody else.
const LATE: f64 = 0.03;

/// Talks to the server until the lane is over. The lane gives it the server's whereabouts; the robot has a connection of its own.
pub async fn work(mut lane: Lane, mut robot: Robot) {
    let mut known: HashSet<(String, String)> = HashSet::new();
    let mut running: Vec<Run> = Vec::new();
    let mut late: Vec<Run> = Vec::new();
    let mut stamp: Option<String> = None;
    let mut greeted = false;
    while reach(&lane, &mut robot).await {
        if !greeted {
            greeted = robot.start().await.is_ok();
            continue;
        }
        let held: Vec<String> = running.iter().map(|r| r.order.job_key.clone()).collect();
        let Ok(orders) = robot.heartbeat(&held).await else { continue };
        let mut now = Vec::new();
        for order in orders {
            if !known.insert((order.job_key.clone(), order.reservation.clone())) {
                continue;
            }
            if lane.chance(LATE) {
                late.push(Run { order, until: Instant::now() + RESERVATION + Duration::from_millis(50) });
            } else {
                now.push(order);
            }
        }
        let (due, waiting): (Vec<Run>, Vec<Run>) = late.into_iter().partition(|run| run.until <= Instant::now());
        late = waiting;
        for order in now.into_iter().chain(due.into_iter().map(|run| run.order)) {
            if accepted(&lane, &mut robot, &order).await {
                lane.world.journal.lock().runs.push((order.job_key.clone(), order.reservation.clone()));
                let span = Duration::from_millis(lane.random.random_range(0..150));
                running.push(Run { order, until: Instant::now() + span });
            }
        }
        let mut still = Vec::new();
        for run in running {
            if run.until > Instant::now() {
                still.push(run);
            } else {
                end(&lane, &mut robot, &run.order).await;
            }
        }
        running = still;
        if running.is_empty() && late.is_empty() {
            // A failed wait has the same consequence as one whose time passed: look again.
            if let Ok(new) = robot.wait(stamp.as_deref(), 1).await {
                stamp = new.or(stamp);
            }
        } else {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits for a server to talk to; false when the lane is over.
async fn reach(lane: &Lane, robot: &mut Robot) -> bool {
    loop {
        if lane.over() {
            return false;
        }
        let address = *lane.world.address.borrow();
        if let Some(address) = address {
            robot.client.redirect(address);
            if robot.client.connect().await.is_ok() {
                return true;
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Asks until there is a verdict; none when the lane is over.
async fn verdict(
    lane: &Lane,
    robot: &mut Robot,
    order: &Order,
    state: &str,
    output: Option<&str>,
) -> Option<Result<(), String>> {
    while reach(lane, robot).await {
        match robot.submit(order, state, output).await {
            Ok(verdict) => return Some(verdict),
            Err(_) => lane.world.journal.lock().silences += 1,
        }
    }
    None
}

async fn accepted(lane: &Lane, robot: &mut Robot, order: &Order) -> bool {
    match verdict(lane, robot, order, "Running", None).await {
        Some(Ok(())) => true,
        Some(Err(_)) => {
            lane.world.journal.lock().refused += 1;
            false
        }
        None => false,
    }
}

async fn end(lane: &Lane, robot: &mut Robot, order: &Order) {
    let mark = order.reservation.clone();
    let output = format!("{{\"Mark\":\"{mark}\"}}");
    match verdict(lane, robot, order, "Successful", Some(&output)).await {
        Some(Ok(())) => drop(lane.world.journal.lock().ends.insert(order.job_key.clone(), mark)),
        Some(Err(reason)) => {
            let text = format!("the end of job {} was refused: {reason}", order.job_key);
            lane.world.journal.problem(text);
        }
        None => {}
    }
}

/// Asks for the number of live jobs until there is none, at most this long; how many were left.
pub async fn drained(lane: &mut Lane, most: Duration) -> u64 {
    let path = format!(
        "/odata/Jobs?$filter={}&$top=1&$count=true",
        crate::http::escape("State eq 'Pending' or State eq 'Running'")
    );
    let deadline = Instant::now() + most;
    let mut left = u64::MAX;
    while Instant::now() < deadline && left > 0 {
        if let Said::Answer(reply) = lane.send(hyper::Method::GET, &path, "").await {
            left = reply.json()["@odata.count"].as_u64().unwrap_or(u64::MAX);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    left
}
