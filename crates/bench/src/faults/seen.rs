//! What the server holds in the end: read from the database of the stopped server, in the same SQL for both engines, and
//! partly from its API while it still ran.

use super::journal::Kind;
use crate::product::Settings;
use crate::stage::database_file;
use anyhow::Result;
use bandmaster_store::{Conn, Store, StoreConfig, params};
use std::collections::{BTreeMap, BTreeSet};

/// A queue item.
#[derive(Debug, Clone, Default)]
pub struct Item {
    /// Number of its state.
    pub status: i64,
    /// Reference.
    pub reference: String,
    /// Attempts before it.
    pub retry_number: i64,
    /// The attempt before.
    pub ancestor: Option<i64>,
    /// Output or exception, as JSON text.
    pub said: String,
    /// Its unique key, under which events name it.
    pub unique_key: String,
}

/// A job.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// Number of its state.
    pub state: i64,
    /// Reference of its start.
    pub reference: String,
    /// Output, as JSON text.
    pub output: String,
    /// How often its history says that it began to run.
    pub begun: i64,
    /// Audit entries that name it first.
    pub audited: i64,
}

/// Everything that is judged.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Items of the load's queue by id.
    pub items: BTreeMap<i64, Item>,
    /// Number of events by (kind, unique key of the item).
    pub events: BTreeMap<(String, String), i64>,
    /// Jobs by key.
    pub jobs: BTreeMap<String, Job>,
    /// Runtime slots still taken.
    pub slots: i64,
    /// Audit entries about the making of things, by (kind, name).
    pub audit: BTreeMap<(Kind, String), i64>,
    /// Things that the API lists.
    pub listed: BTreeSet<(Kind, String)>,
    /// Items of the load's queue by state, as the API counts them.
    pub counted: BTreeMap<i64, i64>,
    /// What the database says about its own soundness, and what the log says about the server's.
    pub damage: Vec<String>,
}

impl Seen {
    /// Reads the database of a stopped server.
    pub async fn read(&mut self, settings: &Settings, queue: i64) -> Result<()> {
        let store = Store::open(match &settings.database {
            None => StoreConfig::sqlite(database_file(settings)),
            Some(url) => StoreConfig::postgres(url.clone()),
        })
        .await?;
        let mut conn = store.read().await?;
        if settings.database.is_none() {
            for pragma in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
                for row in conn.query(pragma, params![]).await? {
                    let text: String = row.get(0)?;
                    if text != "ok" {
                        self.damage.push(format!("{pragma}: {text}"));
                    }
                }
            }
        }
        self.items(&mut conn, queue).await?;
        self.jobs(&mut conn).await?;
        self.things(&mut conn).await?;
        drop(conn);
        store.close().await;
        let log = std::fs::read_to_string(settings.log_file()).unwrap_or_default();
        self.damage.extend(log.lines().filter(|l| l.contains("panicked at")).map(str::to_owned));
        Ok(())
    }

    async fn items(&mut self, conn: &mut Conn, queue: i64) -> Result<()> {
        let sql = "SELECT id, status, COALESCE(reference, ''), retry_number, ancestor_id, \
                   COALESCE(output, exception, ''), unique_key FROM queue_items WHERE queue_id = $1";
        for row in conn.query(sql, params![queue]).await? {
            let item = Item {
                status: row.get(1)?,
                reference: row.get(2)?,
                retry_number: row.get(3)?,
                ancestor: row.get(4)?,
                said: row.get(5)?,
                unique_key: row.get(6)?,
            };
            self.items.insert(row.get(0)?, item);
        }
        let sql =
            "SELECT kind, entity_key, COUNT(*) FROM events WHERE kind LIKE 'queueItem.%' GROUP BY kind, entity_key";
        for row in conn.query(sql, params![]).await? {
            self.events.insert((row.get(0)?, row.get(1)?), row.get(2)?);
        }
        Ok(())
    }

    async fn jobs(&mut self, conn: &mut Conn) -> Result<()> {
        let sql = "SELECT key, state, reference, COALESCE(output_arguments, ''), \
                   (SELECT COUNT(*) FROM job_history h WHERE h.job_id = jobs.id AND h.state = 1), \
                   (SELECT COUNT(*) FROM audit_entries a WHERE a.entity_key = jobs.key AND a.action = 'StartJob') FROM jobs";
        for row in conn.query(sql, params![]).await? {
            let job = Job {
                state: row.get(1)?,
                reference: row.get(2)?,
                output: row.get(3)?,
                begun: row.get(4)?,
                audited: row.get(5)?,
            };
            self.jobs.insert(row.get(0)?, job);
        }
        self.slots = conn.query_one("SELECT COUNT(*) FROM job_slots", params![]).await?.get(0)?;
        Ok(())
    }

    async fn things(&mut self, conn: &mut Conn) -> Result<()> {
        let sql = "SELECT component, entity_name, COUNT(*) FROM audit_entries \
                   WHERE action = 'Create' AND component IN ('Assets', 'Queues') GROUP BY component, entity_name";
        for row in conn.query(sql, params![]).await? {
            let component: String = row.get(0)?;
            let kind = if component == "Assets" { Kind::Asset } else { Kind::Queue };
            self.audit.insert((kind, row.get(1)?), row.get(2)?);
        }
        Ok(())
    }
}
