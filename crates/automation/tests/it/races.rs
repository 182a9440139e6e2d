//! Dispatchers, robots and people at the same time: nothing is given away twice, nothing is lost.

use crate::both;
use crate::world::*;
use bandmaster_api::App;
use bandmaster_api::{Fates, Unit, UnitContext};
use bandmaster_automation::dispatch::duty::dispatch;
use bandmaster_automation::dispatch::{Round, round};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

async fn filled(world: &World, hosts: i64, slots: i64, jobs: i64) -> String {
    let process = world.process("p", |_| {}).await;
    for name in ["ana", "bot", "cid"] {
        world.account(name).await;
    }
    let (_, key) = world.machine("pool", slots).await;
    world.start_many(&process, json!({"JobsCount": jobs})).await;
    for host in 0..hosts {
        world.host(&key, &format!("vm-{host}")).robot("StartService", json!({})).await.expect(200);
    }
    key
}

/// What must hold at any time.
async fn check(world: &World) {
    let twice =
        "SELECT COUNT(*) FROM (SELECT session_id, slot FROM job_slots GROUP BY session_id, slot HAVING COUNT(*) > 1) t";
    assert_eq!(world.number(twice).await, 0);
    let beyond = "SELECT COUNT(*) FROM job_slots j JOIN sessions s ON s.id = j.session_id WHERE j.slot >= s.slots";
    assert_eq!(world.number(beyond).await, 0);
    let torn = "SELECT COUNT(*) FROM jobs j LEFT JOIN job_slots s ON s.job_id = j.id WHERE \
        (j.waiting = 1 AND s.job_id IS NOT NULL) OR (j.waiting = 0 AND j.state IN (0, 1, 2, 3) AND s.job_id IS NULL) \
        OR (s.job_id IS NOT NULL AND s.reservation_id <> COALESCE(j.reservation_id, ''))";
    assert_eq!(world.number(torn).await, 0);
}

/// Places jobs without asking the gate: only the rows themselves keep order.
async fn rush(app: Arc<App>, organization: i64, tenant: i64) {
    for _ in 0..200 {
        let context = UnitContext::duty("rush").within(organization, tenant);
        let mut unit = Unit::begin(&app, context, Fates::default()).await.unwrap();
        match Round::new(&app, tenant).run(&mut unit, 3).await {
            Ok(0) => return,
            Ok(_) => match unit.commit().await {
                Err(e) if !e.is_repeatable() => panic!("{e:?}"),
                _ => {}
            },
            Err(e) if e.is_repeatable() => drop(unit),
            Err(e) => panic!("{e:?}"),
        }
    }
    panic!("it never ended");
}

both! {
    async fn dispatchers_share_the_work(world) {
        filled(&world, 4, 5, 50).await;
        let (here, there) = (world.app.clone(), world.second_node().await);
        let tenant = world.tenant;
        let runs: Vec<_> = [&here, &there, &here, &there]
            .into_iter()
            .map(|app| { let app = app.clone(); tokio::spawn(async move { dispatch(&app, tenant).await }) })
            .collect();
        let mut placed = 0;
        for run in runs {
            placed += run.await.unwrap().unwrap();
        }
        assert_eq!(placed, 20);
        assert_eq!(world.number("SELECT COUNT(*) FROM job_slots").await, 20);
        check(&world).await;
    }

    async fn the_rows_alone_suffice(world) {
        filled(&world, 4, 5, 50).await;
        let (here, there) = (world.app.clone(), world.second_node().await);
        let (organization, tenant) = (world.organization, world.tenant);
        let runs: Vec<_> = [&here, &there, &here, &there]
            .into_iter()
            .map(|app| tokio::spawn(rush(app.clone(), organization, tenant)))
            .collect();
        for run in runs {
            run.await.unwrap();
        }
        assert_eq!(world.number("SELECT COUNT(*) FROM job_slots").await, 20);
        check(&world).await;
    }

    async fn the_gate_lets_one_in(world) {
        filled(&world, 1, 1, 1).await;
        let mut first = world.unit().await;
        assert!(round::enter(&mut first, world.tenant, true).await.unwrap());
        if first.dialect() == bandmaster_store::Dialect::Postgres {
            first.commit().await.unwrap();
            let mut first = world.unit().await;
            assert!(round::enter(&mut first, world.tenant, false).await.unwrap());
            let mut second = world.unit().await;
            assert!(!round::enter(&mut second, world.tenant, false).await.unwrap());
            drop(second);
            first.commit().await.unwrap();
        } else {
            first.commit().await.unwrap();
        }
        let mut third = world.unit().await;
        assert!(round::enter(&mut third, world.tenant, false).await.unwrap());
        third.commit().await.unwrap();
    }

    async fn robots_dispatchers_and_stops_at_once(world) {
        let key = filled(&world, 3, 2, 60).await;
        let there = world.second_node().await;
        let tenant = world.tenant;
        let stopper = {
            let world = world.clone();
            tokio::spawn(async move {
                let rows = world.rows("SELECT id FROM jobs ORDER BY id", &[]).await;
                for row in rows.iter().step_by(3) {
                    let body = json!({"strategy": "Kill", "jobIds": [row.get::<i64>(0).unwrap()]});
                    world.admin().post("/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs", body).await.expect(200);
                }
            })
        };
        let robots: Vec<_> = (0..3)
            .map(|host| {
                let (world, key, there) = (world.clone(), key.clone(), there.clone());
                tokio::spawn(async move {
                    let agent = world.host(&key, &format!("vm-{host}"));
                    let (mut idle, mut ran) = (0, Vec::new());
                    while idle < 5 {
                        dispatch(&there, tenant).await.unwrap();
                        let commands = agent.beat(None).await;
                        let starts = commands.iter().filter(|c| c["data"]["type"] == "StartProcess");
                        let mut some = false;
                        for command in starts {
                            some = true;
                            if agent.report(command, "Running", json!({})).await {
                                ran.push(command["data"]["jobKey"].as_str().unwrap().to_owned());
                                assert!(agent.report(command, "Successful", json!({})).await);
                            }
                        }
                        idle = if some { 0 } else { idle + 1 };
                    }
                    ran
                })
            })
            .collect();
        stopper.await.unwrap();
        let mut ran = Vec::new();
        for robot in robots {
            ran.extend(robot.await.unwrap());
        }
        world.dispatch().await;
        check(&world).await;
        let distinct: HashSet<&String> = ran.iter().collect();
        assert_eq!(distinct.len(), ran.len(), "no job ran twice");
        let successful = world.number("SELECT COUNT(*) FROM jobs WHERE state = 5").await;
        assert_eq!(successful, i64::try_from(ran.len()).unwrap());
        let open = world.number("SELECT COUNT(*) FROM jobs WHERE state NOT IN (5, 6)").await;
        assert_eq!(open, 0, "all ran or were stopped");
    }
}
