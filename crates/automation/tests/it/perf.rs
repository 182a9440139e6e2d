//! Temporary.
use crate::both;
use crate::world::*;
use bandmaster_store::params;
use serde_json::json;
use std::time::Instant;

both! {
    async fn heads(world) {
        let process = world.process("p", |_| {}).await;
        let windows = world.process("w", |p| p.target_framework = 1).await;
        world.account("bot").await;
        let (_, key) = world.machine("pool", 1000).await;
        world.host(&key, "vm-1").robot("StartService", json!({})).await.expect(200);
        for _ in 0..10 { world.start_many(&windows, json!({"JobsCount": 10_000})).await; }
        world.sql("UPDATE jobs SET demand = replace(demand, 'null,null', 'null,1') WHERE 1=0", &[]).await;
        world.sql("UPDATE jobs SET demand = '[' || CAST(1 + id % 200 AS TEXT) || substr(demand, 3)", &[]).await;
        if world.app.store.dialect() == bandmaster_store::Dialect::Postgres { world.sql("ANALYZE jobs", &[]).await; }
        let t = Instant::now();
        world.dispatch().await;
        eprintln!("first dispatch {:?}", t.elapsed());
        let mut times = vec![]; let mut told = vec![]; let mut acc = vec![]; let mut end = vec![];
        let host = world.host(&key, "vm-1");
        for _ in 0..200 {
            let t = Instant::now();
            world.start(&process, json!({})).await;
            times.push(t.elapsed().as_micros());
            let c = host.beat(None).await;
            told.push(t.elapsed().as_micros());
            let t = Instant::now();
            assert!(host.report(&c[0], "Running", json!({})).await);
            acc.push(t.elapsed().as_micros());
            let t = Instant::now();
            assert!(host.report(&c[0], "Successful", json!({})).await);
            end.push(t.elapsed().as_micros());
        }
        for (n, t) in [("start", &mut times), ("told", &mut told), ("accept", &mut acc), ("end", &mut end)] {
            t.sort(); eprintln!("{n}: p50 {} p99 {} us", t[100], t[197]);
        }
        let t = Instant::now();
        for _ in 0..10 { world.dispatch().await; }
        eprintln!("dispatch {:?}", t.elapsed() / 10);
        let _ = params![1];
    }
}
