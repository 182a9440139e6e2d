//! A running server with a queue of many waiting items, made once and used by several benchmarks.

use crate::api::Api;
use crate::context::{Context, Database};
use crate::prefill;
use crate::product::{Product, Settings};
use anyhow::Result;
use serde_json::json;

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
        let settings = context.fresh(database).await?;
        let product = Product::start(&settings).await?;
        let mut api = Api::sign_in(&product).await?;
        let queue = api.queue(QUEUE, json!({})).await?;
        product.stop().await?;
        eprintln!("putting {items} items into {}", database.name());
        let tenant = 1;
        match &settings.database {
            None => prefill::sqlite(&database_file(&settings), tenant, queue, items)?,
            Some(url) => prefill::postgres(url, tenant, queue, items).await?,
        }
        let product = Product::start(&settings).await?;
        let api = Api::sign_in(&product).await?;
        Ok(Stage { product, api, queue, items, database })
    }
}

/// The SQLite file of a server.
pub fn database_file(settings: &Settings) -> std::path::PathBuf {
    settings.data.join("bandmaster.db")
}
