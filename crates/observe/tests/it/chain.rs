//! The chain of audit entries: everything is sealed soon, in any order of commits, and whatever is done to the tables
//! behind the server's back is found.

use bandmaster_api::unit::{Change, Fates, UnitContext};
use bandmaster_api::{Duty, Unit};
use bandmaster_observe::audit::chain::{self, Noted, Problem, Sealing, Verdict};
use bandmaster_store::{Dialect, Value, params};
use bandmaster_testkit::{TestServer, json, suite, wait};
use std::sync::Arc;

/// Writes entries, `each` in one unit.
async fn write(server: &TestServer, name: &str, each: usize) {
    let mut unit = Unit::begin(server.app(), UnitContext::duty(name), Fates::default()).await.unwrap();
    for n in 0..each {
        let name = format!("{name} {n}");
        let change = Change {
            component: "Queues",
            action: "Create",
            id: Some(7),
            key: None,
            name: &name,
            before: None,
            after: Some(json!({"Name": name})),
        };
        unit.audit(change).await.unwrap();
    }
    unit.commit().await.unwrap();
}

async fn number(server: &TestServer, sql: &str) -> i64 {
    server.app().store.read().await.unwrap().query_one(sql, params![]).await.unwrap().get(0).unwrap()
}

async fn sealed(server: &TestServer) {
    wait::until("all entries are sealed", async || {
        number(server, "SELECT COUNT(*) FROM audit_entries a WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry_id = a.id)").await == 0
    })
    .await;
}

/// Changes tables as nobody should, looks, and puts everything back.
async fn tampered(server: &TestServer, statements: &[&str], undo: &[&str]) -> Problem {
    run(server, statements).await;
    let found = verdict(server).await.problem;
    run(server, undo).await;
    assert_eq!(verdict(server).await.problem, None, "not put back after {statements:?}");
    found.unwrap_or_else(|| panic!("{statements:?} was not found"))
}

async fn run(server: &TestServer, statements: &[&str]) {
    let mut unit = server.app().store.begin().await.unwrap();
    for sql in statements {
        unit.execute(sql, params![]).await.unwrap();
    }
    unit.commit().await.unwrap();
}

async fn verdict(server: &TestServer) -> Verdict {
    chain::verify(&server.app().store, None).await.unwrap()
}

/// Lets the time pass after which what is there counts as complete, twice over.
async fn close(server: &TestServer) {
    for _ in 0..3 {
        server.clock.advance(std::time::Duration::from_secs(11 * 60));
        let before = number(server, "SELECT watched_at FROM audit_chain_state").await;
        wait::until("the bound has moved", async || {
            let state =
                number(server, "SELECT CASE WHEN watched_id = closed_id THEN 1 ELSE 0 END FROM audit_chain_state")
                    .await;
            state == 1 || number(server, "SELECT watched_at FROM audit_chain_state").await != before
        })
        .await;
    }
    assert!(number(server, "SELECT closed_id FROM audit_chain_state").await > 0);
}

suite! {
    async fn whatever_is_done_behind_the_back_is_found(server: &TestServer) {
        write(server, "some", 40).await;
        sealed(server).await;
        close(server).await;
        let all = number(server, "SELECT COUNT(*) FROM audit_entries").await;
        let before = verdict(server).await;
        assert_eq!((before.head.sequence, before.unsealed, &before.problem), (all, 0, &None));
        let ten = number(server, "SELECT entry_id FROM audit_chain WHERE sequence = 10").await;
        let twelve = number(server, "SELECT entry_id FROM audit_chain WHERE sequence = 12").await;
        // Changed, whatever column it is.
        for column in ["actor_name", "entity_name", "after_json", "before_json", "operation", "component", "action", "trace_id", "actor_key"] {
            let keep = server.app().store.read().await.unwrap()
                .query_one(&format!("SELECT {column} FROM audit_entries WHERE id = {ten}"), params![]).await.unwrap().get::<Option<String>>(0).unwrap();
            run(server, &[&format!("UPDATE audit_entries SET {column} = 'forged' WHERE id = {ten}")]).await;
            let found = verdict(server).await.problem.unwrap();
            assert_eq!((found.kind, found.entry_id, found.sequence), ("changed", Some(ten), Some(10)), "{column}");
            let mut unit = server.app().store.begin().await.unwrap();
            unit.execute(&format!("UPDATE audit_entries SET {column} = $1 WHERE id = {ten}"), params![keep.as_deref()]).await.unwrap();
            unit.commit().await.unwrap();
        }
        for column in ["at", "organization_id"] {
            let found = tampered(server, &[&format!("UPDATE audit_entries SET {column} = {column} + 1 WHERE id = {ten}")],
                &[&format!("UPDATE audit_entries SET {column} = {column} - 1 WHERE id = {ten}")]).await;
            assert_eq!((found.kind, found.entry_id), ("changed", Some(ten)));
        }
        // Reordered: two entries take each other's place.
        let swap = [format!("UPDATE audit_entries SET id = -1 WHERE id = {ten}"), format!("UPDATE audit_entries SET id = {ten} WHERE id = {twelve}"),
            format!("UPDATE audit_entries SET id = {twelve} WHERE id = -1")];
        let swap: Vec<&str> = swap.iter().map(String::as_str).collect();
        assert_eq!(tampered(server, &swap, &swap).await.entry_id, Some(ten));
        // Removed.
        let found = tampered(server, &[&format!("UPDATE audit_entries SET id = -9 WHERE id = {ten}")],
            &[&format!("UPDATE audit_entries SET id = {ten} WHERE id = -9")]).await;
        assert_eq!((found.kind, found.entry_id), ("removed", Some(ten)));
        // Inserted among the old.
        let insert = "INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_name, component, action, operation) VALUES (-5, 1, 1, 'User', 'x', 'Users', 'Create', 'x')";
        let found = tampered(server, &[insert], &["DELETE FROM audit_entries WHERE id = -5"]).await;
        assert_eq!((found.kind, found.entry_id), ("inserted", Some(-5)));
        // The chain itself.
        let found = tampered(server, &["UPDATE audit_chain SET sealed_at = sealed_at + 1 WHERE sequence = 10"], &["UPDATE audit_chain SET sealed_at = sealed_at - 1 WHERE sequence = 10"]).await;
        assert_eq!((found.kind, found.sequence), ("link-changed", Some(10)));
        let found = tampered(server, &["UPDATE audit_chain SET sequence = -7 WHERE sequence = 10"], &["UPDATE audit_chain SET sequence = 10 WHERE sequence = -7"]).await;
        assert_eq!(found.kind, "link-removed");
        // A link forged to fit a forged entry breaks the one after it; the head that was noted tells of a chain made anew.
        let noted = Noted { sequence: before.head.sequence, hash: before.head.hash.clone() };
        assert_eq!(chain::verify(&server.app().store, Some(&noted)).await.unwrap().problem, None);
        let other = Noted { hash: "ab".repeat(32), ..noted.clone() };
        assert_eq!(chain::verify(&server.app().store, Some(&other)).await.unwrap().problem.unwrap().kind, "other-head");
        let later = Noted { sequence: noted.sequence + 1, ..noted };
        assert_eq!(chain::verify(&server.app().store, Some(&later)).await.unwrap().problem.unwrap().kind, "other-head");
        // The end cut off, entries and links.
        run(server, &[&format!("DELETE FROM audit_entries WHERE id >= {twelve}"), "DELETE FROM audit_chain WHERE sequence >= 12"]).await;
        assert_eq!(verdict(server).await.problem.unwrap().kind, "link-removed");
    }

    async fn many_writers_are_sealed_once_each_by_two_sealers(server: &TestServer) {
        // The server's own duty is one; this is the other, as on a second node that believes to hold the lease as well.
        let second = Arc::new(Sealing::default());
        let writers: Vec<_> = (0..8).map(|w| async move {
            for n in 0..25 {
                write(server, &format!("writer {w}, {n}"), 1 + n % 4).await;
            }
        }).collect();
        let sealing = async {
            for _ in 0..60 {
                second.tick(server.app(), server.now() + 20_000_000).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(futures::future::join_all(writers), sealing);
        // The second goes; its lease ends.
        server.clock.advance(std::time::Duration::from_secs(60));
        sealed(server).await;
        let verdict = verdict(server).await;
        assert_eq!(verdict.problem, None);
        assert_eq!(verdict.head.sequence, number(server, "SELECT COUNT(*) FROM audit_entries").await);
        assert!(verdict.head.sequence > 400);
    }

    async fn an_entry_that_commits_late_is_sealed_later(server: &TestServer) {
        if server.app().store.dialect() == Dialect::Sqlite {
            return; // One writer: entries appear in the order of their ids.
        }
        let mut slow = Unit::begin(server.app(), UnitContext::duty("slow"), Fates::default()).await.unwrap();
        slow.audit(Change { component: "Queues", action: "Create", name: "slow", ..Change::default() }).await.unwrap();
        write(server, "fast", 3).await;
        sealed(server).await;
        slow.commit().await.unwrap();
        sealed(server).await;
        let sql = "SELECT sequence FROM audit_chain c JOIN audit_entries a ON a.id = c.entry_id WHERE a.entity_name = ";
        let slow = number(server, &format!("{sql}'slow'")).await;
        assert!(slow > number(server, &format!("{sql}'fast 2'")).await);
        assert_eq!(verdict(server).await.problem, None);
    }

    async fn sealing_keeps_up(server: &TestServer) {
        sealed(server).await;
        let rows: Vec<Vec<Value>> = (0..20_000i64).map(|n| params![n, format!("{{\"Name\":\"thing {n}\"}}")].to_vec()).collect();
        let mut unit = server.app().store.begin().await.unwrap();
        let sql = "INSERT INTO audit_entries (organization_id, at, actor_kind, actor_name, component, action, operation, after_json) VALUES (1, $1, 'User', 'x', 'Queues', 'Create', 'x', $2)";
        unit.execute_many(sql, &rows).await.unwrap();
        unit.commit().await.unwrap();
        // In far less than the patience of a wait, in a build without optimization.
        sealed(server).await;
        assert_eq!(verdict(server).await.problem, None);
    }

    async fn administrators_of_the_installation_note_the_head(server: &TestServer) {
        write(server, "some", 3).await;
        sealed(server).await;
        let head = server.admin().get("/api/audit/chain").await.expect(200);
        let verdict = verdict(server).await;
        assert_eq!((&head["sequence"], &head["hash"], &head["unsealed"]), (&json!(verdict.head.sequence), &json!(verdict.head.hash), &json!(0)));
        server.other_tenant().await.get("/api/audit/chain").await.error(403, 0);
        server.anonymous().get("/api/audit/chain").await.error(401, 0);
        let told = server.command(json!({"command": "verify-audit"})).await;
        assert_eq!((&told["intact"], &told["problem"]), (&json!(true), &json!(null)));
        let noted = told["head"].as_str().unwrap();
        assert_eq!(server.command(json!({"command": "verify-audit", "expect": noted})).await["intact"], true);
        let metrics = server.anonymous().get("/metrics").await;
        assert!(metrics.text().contains("bandmaster_audit_chain_sequence"));
    }
}
