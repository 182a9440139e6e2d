//! JSON Schemas of queues: compiled once for every change of a queue, kept in a bounded cache, and held against
//! contents. Which schemas are accepted is decided in `check`.

mod check;

use crate::codes;
use crate::items::content::Part;
use bandmaster_core::{Error, Result, codes as core_codes};
use bandmaster_store::{Conn, params};
use jsonschema::{PatternOptions, Validator};
use moka::sync::Cache;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// Compiled queues that are kept. Versions are GUIDs, so what is kept is never stale.
static COMPILED: LazyLock<Cache<String, Arc<Schemas>>> = LazyLock::new(|| Cache::new(500));
/// Largest compiled regular expression in bytes.
const PATTERN: usize = 1 << 20;

/// The schemas of a queue, ready for use.
#[derive(Default)]
pub struct Schemas {
    specific: Option<Validator>,
    output: Option<Validator>,
    analytics: Option<Validator>,
}

/// Refuses a schema that is not accepted.
pub fn accept(member: &str, text: &str) -> Result<()> {
    compile(text).map(|_| ()).map_err(|why| {
        Error::new(
            400,
            core_codes::INVALID_QUEUE_SCHEMA_DEFINITION,
            format!("{member} is no JSON Schema that queues accept: {why}."),
        )
    })
}

fn compile(text: &str) -> Result<Validator, String> {
    let schema = check::read(text)?;
    // The linear engine: no pattern makes it slow. Nothing is ever fetched.
    let patterns = PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN);
    jsonschema::options()
        .offline()
        .with_pattern_options(patterns)
        .build(&schema)
        .map_err(|e| format!("it is wrong at '{}'", e.instance_path()))
}

/// The schemas of a queue at a version.
pub async fn of(conn: &mut Conn, queue: i64, version: &str) -> Result<Arc<Schemas>> {
    if let Some(kept) = COMPILED.get(version) {
        return Ok(kept);
    }
    let row = conn
        .query_opt(
            "SELECT specific_schema, output_schema, analytics_schema FROM queue_definitions \
             WHERE id = $1 AND schema_version = $2",
            params![queue, version],
        )
        .await?
        .ok_or_else(Error::clash)?;
    let compiled = |text: Option<String>| {
        text.map(|t| compile(&t).map_err(|e| Error::internal(format!("a stored schema: {e}")))).transpose()
    };
    let schemas = Arc::new(Schemas {
        specific: compiled(row.get(0)?)?,
        output: compiled(row.get(1)?)?,
        analytics: compiled(row.get(2)?)?,
    });
    COMPILED.insert(version.to_owned(), schemas.clone());
    Ok(schemas)
}

impl Schemas {
    /// What is wrong with a content (its JSON text; none counts as empty). The content itself is not told, since the
    /// text may be stored with the item.
    pub fn violation(&self, part: Part, text: Option<&str>) -> Option<String> {
        let (validator, what) = match part {
            Part::Specific => (self.specific.as_ref()?, "specific content"),
            Part::Output => (self.output.as_ref()?, "output"),
            Part::Analytics => (self.analytics.as_ref()?, "analytics data"),
        };
        let value: Value = serde_json::from_str(text.unwrap_or("{}")).unwrap_or(Value::Null);
        let error = validator.iter_errors(&value).next()?;
        let place: String = error.instance_path().to_string().chars().take(200).collect();
        let rule: String = error.schema_path().to_string().chars().take(200).collect();
        Some(format!("The {what} does not fit the queue's schema: rule '{rule}' at '{place}'."))
    }

    /// Refuses a content that does not fit.
    pub fn hold(&self, part: Part, text: Option<&str>) -> Result<()> {
        match self.violation(part, text) {
            None => Ok(()),
            Some(message) => Err(Error::new(400, core_codes::QUEUE_ITEM_SCHEMA_VIOLATION, message)),
        }
    }
}

/// The stored text of a schema by the name of its kind, for its download.
pub async fn text(conn: &mut Conn, queue: i64, kind: &str) -> Result<(String, &'static str)> {
    let (column, name) = match kind.to_ascii_lowercase().as_str() {
        "specificdata" | "0" => (0, "SpecificData"),
        "outputdata" | "1" => (1, "OutputData"),
        "analyticsdata" | "2" => (2, "AnalyticsData"),
        _ => {
            return Err(Error::new(
                400,
                codes::INVALID_QUEUE_SCHEMA_TYPE,
                "jsonSchemaType is one of SpecificData, OutputData and AnalyticsData.",
            ));
        }
    };
    let row = conn
        .query_opt(
            "SELECT specific_schema, output_schema, analytics_schema FROM queue_definitions WHERE id = $1",
            params![queue],
        )
        .await?;
    let text: Option<String> = match row {
        Some(row) => row.get(column)?,
        None => None,
    };
    let missing = || Error::new(404, codes::QUEUE_SCHEMA_NOT_FOUND, "The queue has no such schema.");
    Ok((text.ok_or_else(missing)?, name))
}
