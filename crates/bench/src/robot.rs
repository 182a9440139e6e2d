//! A robot that does nothing but talk: the calls of `docs/robot-protocol.md`, without any process behind them.

use crate::http::{Client, Reply};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A command to start a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The job.
    pub job_key: String,
    /// Under which it was handed out.
    pub reservation: String,
    /// The robot that is to run it.
    pub robot_key: String,
}

/// One connection of a machine's host.
#[derive(Clone)]
pub struct Robot {
    /// The connection. Clones are further ones.
    pub client: Client,
    robot_keys: Vec<String>,
}

impl Robot {
    /// A host with a machine's key.
    pub fn new(address: SocketAddr, machine_key: &str, host: &str) -> Result<Robot> {
        let client = Client::new(address)
            .with("x-robot-license", machine_key)?
            .with("x-robot-machine", host)?
            .with("x-robot-version", "25.10.0")?
            .with("x-robot-agent", "OS=Linux")?
            .with("x-uipath-installation-id", &uuid::Uuid::new_v4().to_string())?
            .with("x-bandmaster-agent", "1")?;
        Ok(Robot { client, robot_keys: Vec::new() })
    }

    /// Tells that the host is there, and learns which robots it may run.
    pub async fn start(&mut self) -> Result<()> {
        let answer = checked(self.client.post("/api/RobotsService/StartService", &json!({})).await?)?;
        let robots = answer["robots"].as_array().into_iter().flatten();
        self.robot_keys = robots.filter_map(|r| r["robotKey"].as_str().map(str::to_owned)).collect();
        Ok(())
    }

    /// Waits for something new after a stamp; none when the time passed. Without a stamp: the present one, at once.
    pub async fn wait(&mut self, stamp: Option<&str>, seconds: u32) -> Result<Option<String>> {
        let path = match stamp {
            Some(stamp) => {
                format!("/api/RobotsService/Wait?stamp={}&timeoutSeconds={seconds}", crate::http::escape(stamp))
            }
            None => "/api/RobotsService/Wait".to_owned(),
        };
        let reply = self.client.get(&path).await?;
        if reply.status == 204 {
            return Ok(None);
        }
        let answer = checked(reply)?;
        Ok(Some(answer["stamp"].as_str().context("no stamp")?.to_owned()))
    }

    /// A sign of life; the jobs to start.
    pub async fn heartbeat(&mut self, running: &[String]) -> Result<Vec<Order>> {
        let state = if running.is_empty() { "Available" } else { "Busy" };
        let beats: Vec<Value> = self.robot_keys.iter().map(|k| json!({"robotKey": k, "robotState": state})).collect();
        let body =
            json!({"heartbeats": beats, "commandState": "All", "serviceUserName": null, "runningJobKeys": running});
        let answer = checked(self.client.post("/api/RobotsService/HeartbeatV2", &body).await?)?;
        let commands = answer["commands"].as_array().into_iter().flatten();
        Ok(commands.filter_map(order).collect())
    }

    /// Tells a job's state under its reservation; whether the server accepted it, else why not.
    pub async fn submit(&mut self, order: &Order, state: &str, output: Option<&str>) -> Result<Result<(), String>> {
        let robot_state = if state == "Running" { "Busy" } else { "Available" };
        let body = json!([{"robotKey": order.robot_key, "robotState": robot_state, "jobKey": order.job_key,
            "jobState": state, "reservationId": order.reservation, "outputArguments": output}]);
        let answer = checked(self.client.post("/api/RobotsService/SubmitJobState", &body).await?)?;
        match answer[0]["accepted"].as_bool() {
            Some(true) => Ok(Ok(())),
            Some(false) => Ok(Err(answer[0]["reason"].as_str().unwrap_or_default().to_owned())),
            None => bail!("an answer without a verdict: {answer}"),
        }
    }
}

fn order(command: &Value) -> Option<Order> {
    let data = &command["data"];
    if data["type"].as_str() != Some("StartProcess") {
        return None;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Order {
        job_key: text(&data["jobKey"])?,
        reservation: text(&data["reservationId"])?,
        robot_key: text(&command["robotKey"])?,
    })
}

fn checked(reply: Reply) -> Result<Value> {
    if (200..300).contains(&reply.status) { Ok(reply.json()) } else { bail!("{} {}", reply.status, reply.text()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_to_start_are_orders() {
        let start = json!({"robotKey": "r", "data": {"type": "StartProcess", "jobKey": "j", "reservationId": "n"}});
        let expected = Order { job_key: "j".into(), reservation: "n".into(), robot_key: "r".into() };
        assert_eq!(order(&start), Some(expected));
        for other in
            [json!({"robotKey": "r"}), json!({"robotKey": "r", "data": {"type": "StopProcess", "jobKey": "j"}})]
        {
            assert_eq!(order(&other), None);
        }
    }
}
