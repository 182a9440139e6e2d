//! A running server with a queue of many waiting items, made once and used by several benchmarks.

use crate::api::Api;
use crate::context::{Context, Database};
use crate::prefill::{self, Fill};
use crate::product::{Product, Settings};
use anyhow::Result;
use serde_json::json;
use std::time::Instant;

/// The queue's name.
pub const QUEUE: &str = "bench";

/// The server, and what is needed to call it.
pub struct Stage {
    /// The server.
    pub product: Product,
    /// A caller.
    pub api: Api,
    /// Id of the queue.
    pub queue: i64,
    /// How many items were put into it.
    pub items: u64,
    /// On which database.
    pub database: Database,
}

impl Stage {
    /// A fresh server with this many waiting items of 1 kB.
    pub async fn prefilled(context: &Context, database: Database, items: u64) -> Result<Stage> {
        Stage::filled(context, database, Fill::waiting(items)).await
    }

    /// A fresh server with such a queue.
    pub async fn filled(context: &Context, database: Database, fill: Fill) -> Result<Stage> {
        let settings = context.fresh(database).await?;
        let product = Product::start(&settings).await?;
        let mut api = Api::sign_in(&product).await?;
        let queue = api.queue(QUEUE, json!({})).await?;
        product.stop().await?;
        let begun = Instant::now();
        prefill::fill(&settings, queue, fill).await?;
        let (Fill { waiting, history, size }, seconds) = (fill, begun.elapsed().as_secs());
        let past = if history > 0 { format!(" and {history} rows of history") } else { String::new() };
        eprintln!("put {waiting} {} items{past} into {} in {seconds} s", size.told(), database.name());
        let product = Product::start(&settings).await?;
        let api = Api::sign_in(&product).await?;
        Ok(Stage { product, api, queue, items: waiting, database })
    }

    /// Ends the server and, unless they are to stay, removes its data: several large queues may not fit on the disk.
    pub async fn discard(self, context: &Context) -> Result<()> {
        let settings = self.product.settings().clone();
        self.product.kill().await?;
        if context.kept() {
            return Ok(());
        }
        std::fs::remove_dir_all(&settings.data)?;
        match &settings.database {
            Some(url) => context.cluster()?.remove(url).await,
            None => Ok(()),
        }
    }
}

/// The SQLite file of a server.
pub fn database_file(settings: &Settings) -> std::path::PathBuf {
    settings.data.join("bandmaster.db")
}
