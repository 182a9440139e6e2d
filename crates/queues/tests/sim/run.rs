//! One seed: a queue, some dozens of steps, and the comparison with the model after each.

use crate::model::{DELETED, Item, NEW, Queue, RUNNING, Refusal};
use crate::world::World;
use bandmaster_core::clock::{HOUR, MINUTE};
use bandmaster_core::time;
use bandmaster_store::params;
use bandmaster_testkit::{Value, json};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::hash::{DefaultHasher, Hash, Hasher};

const STATUS: &str = "/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus";
const PRIORITY: [&str; 3] = ["High", "Normal", "Low"];

struct Run<'a> {
    world: &'a World,
    chance: StdRng,
    name: String,
    id: i64,
    queue: Queue,
    /// Ids of the model's items.
    ids: Vec<i64>,
    trace: Vec<String>,
    loud: bool,
    begun: i64,
}

/// What an answer may be.
enum Expected {
    Done,
    Refused,
}

/// Runs a seed; a digest of what happened. Panics with the trace when the queue is not as it should be.
pub async fn seed(world: &World, seed: u64, loud: bool) -> u64 {
    let mut chance = StdRng::seed_from_u64(seed);
    let queue = Queue {
        auto_retry: chance.random_bool(0.6),
        most_retries: chance.random_range(0..3),
        retry_abandoned: chance.random_bool(0.3),
        unique: chance.random_bool(0.4),
        items: Vec::new(),
        chains: 0,
        successes: 0,
        application: 0,
        business: 0,
    };
    let name = format!("sim-{seed}-{}", world.now());
    let body = json!({"Name": name, "AcceptAutomaticallyRetry": queue.auto_retry, "MaxNumberOfRetries": queue.most_retries,
        "RetryAbandonedItems": queue.retry_abandoned, "EnforceUniqueReference": queue.unique});
    let (status, made) = world.call("POST", "/odata/QueueDefinitions", body, None).await;
    assert_eq!(status, 201, "{made}");
    let id = made["Id"].as_i64().expect("an id");
    let begun = world.now();
    let mut run =
        Run { world, chance, name, id, queue, ids: Vec::new(), trace: vec![format!("seed {seed}")], loud, begun };
    let steps = run.chance.random_range(20..50);
    for _ in 0..steps {
        run.step().await;
        run.compare().await;
    }
    run.recount().await;
    let mut digest = DefaultHasher::new();
    run.trace.hash(&mut digest);
    run.queue.items.len().hash(&mut digest);
    run.leave().await;
    digest.finish()
}

impl Run<'_> {
    fn note(&mut self, text: String) {
        if self.loud {
            println!("{text}");
        }
        self.trace.push(text);
    }

    fn wrong(&self, what: &str) -> ! {
        panic!(
            "{what}\n{}\n{:#?}\nBANDMASTER_SIM_SEED repeats it: {}",
            self.trace.join("\n"),
            self.queue,
            self.trace[0]
        )
    }

    /// Whether a server breaks off in this step, and after how many statements.
    fn breaks(&mut self) -> Option<u64> {
        self.chance.random_bool(0.2).then(|| self.chance.random_range(0..12))
    }

    async fn step(&mut self) {
        match self.chance.random_range(0..100) {
            0..22 => self.add().await,
            22..28 => self.add_many().await,
            28..50 => self.start().await,
            50..54 => self.start_new().await,
            54..74 => self.result().await,
            74..77 => self.progress().await,
            77..82 => self.review().await,
            82..87 => self.delete().await,
            _ => self.time_passes().await,
        }
    }

    /// Whether the call had its effect: `None` expected refusal, `Some(true)` done, `Some(false)` broken off.
    fn judge(&mut self, what: String, status: u16, broken: Option<u64>, expected: &Expected) -> bool {
        self.note(format!("{what} -> {status}{}", broken.map_or(String::new(), |n| format!(" (breaks after {n})"))));
        match (status, expected) {
            (200..300, Expected::Done) => true,
            (400..500, Expected::Refused) => false,
            (503, _) if broken.is_some() => false,
            _ => self.wrong("an unexpected answer"),
        }
    }

    fn new_item(&mut self) -> (Item, Value) {
        let now = self.world.now();
        let priority = self.chance.random_range(0..3);
        let minutes = |chance: &mut StdRng, p: f64, range| {
            chance.random_bool(p).then(|| now + chance.random_range::<i64, _>(range) * MINUTE)
        };
        let defer = minutes(&mut self.chance, 0.2, 1..300);
        let due = minutes(&mut self.chance, 0.3, 400..900);
        // Few names, so that they meet; in another case now and then.
        let reference = self.chance.random_bool(if self.queue.unique { 0.95 } else { 0.4 }).then(|| {
            let text = format!("ref-{}", self.chance.random_range(0..25));
            if self.chance.random_bool(0.2) { text.to_uppercase() } else { text }
        });
        let mut body = json!({"Name": self.name, "Priority": PRIORITY[usize::try_from(priority).expect("few")],
            "SpecificContent": {"n": self.ids.len()}});
        for (member, at) in [("DeferDate", defer), ("DueDate", due)] {
            if let Some(at) = at {
                body[member] = json!(time::iso(at));
            }
        }
        if let Some(text) = &reference {
            body["Reference"] = json!(text);
        }
        let item = Item {
            status: NEW,
            priority,
            due,
            defer,
            reference,
            retries: 0,
            by_hand: 0,
            review: 0,
            started: None,
            ended: None,
            exception: None,
            ancestor: None,
            ancestor_by_hand: None,
            chain: 0,
        };
        (item, body)
    }

    async fn add(&mut self) {
        let (item, body) = self.new_item();
        let broken = self.breaks();
        let mut after = self.queue.clone();
        let expected = if after.add(item).is_ok() { Expected::Done } else { Expected::Refused };
        let what = format!("add {}", shown(&body, &self.name));
        let path = "/odata/Queues/UiPathODataSvc.AddQueueItem";
        let (status, _) = self.world.call("POST", path, json!({"itemData": body}), broken).await;
        if self.judge(what, status, broken, &expected) {
            self.queue = after;
        }
    }

    async fn add_many(&mut self) {
        let modes = ["AllOrNothing", "StopOnFirstFailure", "ProcessAllIndependently"];
        let mode = modes[self.chance.random_range(0..3)];
        let mut after = self.queue.clone();
        let (mut bodies, mut failed) = (Vec::new(), Vec::new());
        for ordinal in 1..=self.chance.random_range(1..5) {
            let (item, mut body) = self.new_item();
            body.as_object_mut().expect("an object").remove("Name");
            bodies.push(body);
            if mode != "ProcessAllIndependently" && !failed.is_empty() {
                continue;
            }
            if let Err(reason) = after.add(item) {
                failed.push(json!({"Ordinal": ordinal, "ErrorCode": match reason {
                    Refusal::Taken => "DuplicateReference",
                    Refusal::NoReference => "TransactionReferenceRequired",
                }}));
            }
        }
        if mode == "AllOrNothing" && !failed.is_empty() {
            after = self.queue.clone();
        }
        let broken = self.breaks();
        let what = format!("add many, {mode}: {}", shown(&json!(bodies), &self.name));
        let body = json!({"queueName": self.name, "commitType": mode, "queueItems": bodies});
        let path = "/odata/Queues/UiPathODataSvc.BulkAddQueueItems";
        let (status, answer) = self.world.call("POST", path, body, broken).await;
        if self.judge(what, status, broken, &Expected::Done) {
            let mut told = answer["FailedItems"].clone();
            for failure in told.as_array_mut().expect("a list") {
                failure.as_object_mut().expect("an object").remove("ErrorMessage");
            }
            if told != json!(failed) {
                self.wrong(&format!("other failures than {}: {told}", json!(failed)));
            }
            self.queue = after;
        }
    }

    async fn start(&mut self) {
        let now = self.world.now();
        let wanted = self.chance.random_bool(0.15).then(|| format!("Ref-{}", self.chance.random_range(0..25)));
        let mut data = json!({"Name": self.name});
        if let Some(text) = &wanted {
            data["Reference"] = json!(text);
            data["ReferenceFilterOption"] = json!("Equals");
        }
        let broken = self.breaks();
        let next = self.queue.next(now, wanted.as_deref());
        let path = "/odata/Queues/UiPathODataSvc.StartTransaction";
        let (status, answer) = self.world.call("POST", path, json!({"transactionData": data}), broken).await;
        if !self.judge(format!("start {wanted:?}"), status, broken, &Expected::Done) {
            return;
        }
        match next {
            None if status == 204 => {}
            Some(n) if answer["Id"].as_i64() == Some(self.ids[n]) => self.queue.start(n, now),
            _ => self.wrong(&format!("it was the turn of {next:?}, not of {answer}")),
        }
    }

    /// An item that is in progress from the beginning.
    async fn start_new(&mut self) {
        let now = self.world.now();
        let (item, body) = self.new_item();
        let broken = self.breaks();
        let mut after = self.queue.clone();
        // The deferral is of no use to it, and a transaction names no priority.
        let added = after.add(Item { status: RUNNING, priority: 1, started: Some(now), defer: None, ..item });
        let expected = if added.is_ok() { Expected::Done } else { Expected::Refused };
        let what = format!("start new {}", shown(&body, &self.name));
        let path = "/odata/Queues/UiPathODataSvc.StartTransaction";
        let (status, _) = self.world.call("POST", path, json!({"transactionData": body}), broken).await;
        if self.judge(what, status, broken, &expected) {
            self.queue = after;
        }
    }

    /// An item: one in progress mostly, now and then any other, as of a robot that repeats itself.
    fn some(&mut self) -> Option<usize> {
        let running: Vec<usize> =
            (0..self.queue.items.len()).filter(|&n| self.queue.items[n].status == RUNNING).collect();
        if !running.is_empty() && self.chance.random_bool(0.85) {
            return Some(running[self.chance.random_range(0..running.len())]);
        }
        self.any()
    }

    fn any(&mut self) -> Option<usize> {
        let count = self.queue.items.len();
        (count > 0).then(|| self.chance.random_range(0..count))
    }

    async fn result(&mut self) {
        let Some(n) = self.some() else { return };
        let now = self.world.now();
        let mut after = self.queue.clone();
        let running = after.items[n].status == RUNNING;
        let (what, body) = match self.chance.random_range(0..10) {
            0..4 => {
                after.succeed(n, now);
                ("success", json!({"IsSuccessful": true, "Output": {"done": true}}))
            }
            4..7 => {
                after.fail(n, now, false);
                (
                    "application exception",
                    json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x", "Type": "ApplicationException"}}),
                )
            }
            7..9 => {
                after.fail(n, now, true);
                (
                    "business exception",
                    json!({"IsSuccessful": false, "ProcessingException": {"Reason": "x", "Type": "BusinessException"}}),
                )
            }
            _ => {
                let until = now + self.chance.random_range::<i64, _>(1..120) * MINUTE;
                after.defer(n, until);
                ("later", json!({"DeferDate": time::iso(until)}))
            }
        };
        let broken = self.breaks();
        let path = format!("/odata/Queues({})/UiPathODataSvc.SetTransactionResult", self.ids[n]);
        let (status, _) = self.world.call("POST", &path, json!({"transactionResult": body}), broken).await;
        let expected = if running { Expected::Done } else { Expected::Refused };
        if self.judge(format!("result of {n}: {what}"), status, broken, &expected) {
            self.queue = after;
        }
    }

    async fn progress(&mut self) {
        let Some(n) = self.some() else { return };
        let broken = self.breaks();
        let path = format!("/odata/QueueItems({})/UiPathODataSvc.SetTransactionProgress", self.ids[n]);
        let (status, _) = self.world.call("POST", &path, json!({"progress": "some"}), broken).await;
        let running = self.queue.items[n].status == RUNNING;
        let expected = if running { Expected::Done } else { Expected::Refused };
        self.judge(format!("progress of {n}"), status, broken, &expected);
    }

    async fn review(&mut self) {
        let Some(n) = self.any() else { return };
        let mut after = self.queue.clone();
        let by_hand = self.chance.random_bool(0.7);
        let may = if by_hand { after.repeat_by_hand(n) } else { after.verify(n) };
        let rows = self.world.rows("SELECT row_version FROM queue_items WHERE id = $1", params![self.ids[n]]).await;
        let version: String = rows[0].get(0).expect("a version");
        let broken = self.breaks();
        let word = if by_hand { "Retried" } else { "Verified" };
        let body = json!({"status": word, "queueItems": [{"Id": self.ids[n], "RowVersion": version}]});
        let path = "/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus";
        let (status, answer) = self.world.call("POST", path, body, broken).await;
        if self.judge(format!("review of {n}: {word}"), status, broken, &Expected::Done) {
            if answer["Success"] != json!(may) {
                self.wrong(&format!("expected {may}, not {answer}"));
            }
            if may {
                self.queue = after;
            }
        }
    }

    async fn delete(&mut self) {
        let Some(n) = self.any() else { return };
        let mut after = self.queue.clone();
        let expected = if after.delete(n) { Expected::Done } else { Expected::Refused };
        let broken = self.breaks();
        let path = format!("/odata/QueueItems({})", self.ids[n]);
        let (status, _) = self.world.call("DELETE", &path, Value::Null, broken).await;
        if self.judge(format!("delete {n}"), status, broken, &expected) {
            self.queue = after;
        }
    }

    async fn time_passes(&mut self) {
        let seconds = if self.chance.random_bool(0.2) {
            self.chance.random_range(80_000..100_000)
        } else {
            self.chance.random_range(1..9_000)
        };
        self.world.advance(seconds);
        let broken = self.breaks();
        let well = self.world.abandon(broken).await;
        self.note(format!("{seconds} s pass, abandoning: {well}"));
        if !well {
            if broken.is_none() {
                self.wrong("the duty failed");
            }
            // What it did not do now it does the next time.
            self.compare().await;
            if !self.world.abandon(None).await {
                self.wrong("the duty failed the second time");
            }
        }
        self.queue.abandon(self.world.now());
    }

    /// The rows of the queue are the model's items.
    async fn compare(&mut self) {
        let sql = "SELECT id, status, priority, due_at, defer_at, reference, retry_number, manual_retry_number, review_status, \
             started_at, ended_at, exception_type, ancestor_id, manual_ancestor_id, key FROM queue_items \
             WHERE queue_id = $1 ORDER BY id";
        let rows = self.world.rows(sql, params![self.id]).await;
        let mut chains: Vec<String> = Vec::new();
        let mut found = Vec::new();
        let ids: Vec<i64> = rows.iter().map(|r| r.get(0).expect("an id")).collect();
        let at = |id: Option<i64>| id.map(|id| ids.iter().position(|i| *i == id).expect("an ancestor of the queue"));
        for row in &rows {
            let key: String = row.get(14).expect("a key");
            let chain = chains.iter().position(|k| *k == key).unwrap_or_else(|| {
                chains.push(key);
                chains.len() - 1
            });
            found.push(Item {
                status: row.get(1).expect("int"),
                priority: row.get(2).expect("int"),
                due: row.get(3).expect("int"),
                defer: row.get(4).expect("int"),
                reference: row.get(5).expect("text"),
                retries: row.get(6).expect("int"),
                by_hand: row.get(7).expect("int"),
                review: row.get(8).expect("int"),
                started: row.get(9).expect("int"),
                ended: row.get(10).expect("int"),
                exception: row.get(11).expect("int"),
                ancestor: at(row.get(12).expect("int")),
                ancestor_by_hand: at(row.get(13).expect("int")),
                chain,
            });
        }
        if found != self.queue.items {
            let differs = (0..found.len().max(self.queue.items.len()))
                .find(|&n| found.get(n) != self.queue.items.get(n))
                .expect("a difference");
            self.wrong(&format!("item {differs} is {:#?}", found.get(differs)));
        }
        self.ids = ids;
    }

    /// Figures equal a recount, and every history leads from the beginning to the present state.
    async fn recount(&mut self) {
        // Half of the time from the rows that are not added up yet.
        if self.chance.random_bool(0.5) {
            self.world.fold().await;
        }
        let path = format!("{STATUS}?$filter=QueueDefinitionId%20eq%20{}", self.id);
        let (status, answer) = self.world.call("GET", &path, Value::Null, None).await;
        let row = &answer["value"][0];
        let expected = [
            ("ItemsToProcess", self.queue.count(NEW)),
            ("ItemsInProgress", self.queue.count(RUNNING)),
            ("SuccessfulTransactionsNo", self.queue.successes),
            ("ApplicationExceptionsNo", self.queue.application),
            ("BusinessExceptionsNo", self.queue.business),
        ];
        for (name, count) in expected {
            if status != 200 || row[name].as_i64().unwrap_or(0) != count {
                self.wrong(&format!("{name} should be {count}: {answer}"));
            }
        }
        for state in 0..=DELETED {
            let filter = format!("QueueDefinitionId%20eq%20{}%20and%20Status%20eq%20{state}", self.id);
            let path = format!("/odata/QueueItems?$filter={filter}&$top=0&$count=true");
            let (status, answer) = self.world.call("GET", &path, Value::Null, None).await;
            if status != 200 || answer["@odata.count"].as_i64() != Some(self.queue.count(state)) {
                self.wrong(&format!("{} items should have state {state}: {answer}", self.queue.count(state)));
            }
        }
        let sql = "SELECT item_id, was, status FROM queue_item_events WHERE queue_id = $1 ORDER BY item_id, id";
        let rows = self.world.rows(sql, params![self.id]).await;
        let mut last: Vec<Option<i64>> = vec![None; self.ids.len()];
        for row in &rows {
            let item: i64 = row.get(0).expect("int");
            let (was, is): (Option<i64>, i64) = (row.get(1).expect("int"), row.get(2).expect("int"));
            let Some(n) = self.ids.iter().position(|id| *id == item) else { self.wrong("a history of no item") };
            if was != last[n] {
                self.wrong(&format!("the history of {n} has a gap: {was:?} after {:?}", last[n]));
            }
            last[n] = Some(is);
        }
        for (n, item) in self.queue.items.iter().enumerate() {
            if last[n] != Some(item.status) {
                self.wrong(&format!("the history of {n} ends with {:?}", last[n]));
            }
        }
        let span = self.world.now() - self.begun;
        self.note(format!("after {} hours", span / HOUR));
    }

    /// Takes the items away, so that duties do not find them in the next seed.
    async fn leave(&mut self) {
        let (status, answer) =
            self.world.call("DELETE", &format!("/odata/QueueDefinitions({})", self.id), Value::Null, None).await;
        assert_eq!(status, 204, "{answer}");
    }
}

/// A body for the trace, without what differs from run to run.
fn shown(body: &Value, name: &str) -> String {
    body.to_string().replace(name, "q")
}
