//! Whole items straight from statements that return them, for the paths that are walked most: one fixed text, and the
//! content read once. What it makes is what the generic query makes (`show`); a test holds them together.

use super::content::{self, Part};
use super::entity::ITEM;
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_model::Property;
use bandmaster_model::entity::Source;
use bandmaster_odata::json::{self, Cell};
use bandmaster_store::{Row, Value as DbValue};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The three contents: their part, the object's member and the text's.
const CONTENTS: [(Part, &str, &str); 3] = [
    (Part::Specific, "SpecificContent", "SpecificData"),
    (Part::Output, "Output", "OutputData"),
    (Part::Analytics, "Analytics", "AnalyticsData"),
];

/// Properties that are written, in their order, with the column of the row that holds them.
static SHOWN: LazyLock<Vec<(&'static Property, Option<usize>)>> = LazyLock::new(|| {
    let mut columns = 0;
    let shown = ITEM.properties.iter().filter(|p| !p.hidden);
    shown
        .map(|p| {
            let read = p.source != Source::Nothing && !CONTENTS.iter().any(|(_, _, text)| *text == p.name);
            columns += usize::from(read);
            (p, read.then(|| columns - 1))
        })
        .collect()
});

/// What a statement on `queue_items` has to return, with names `c0`, `c1`, …
pub static COLUMNS: LazyLock<String> = LazyLock::new(|| columns(|_| None));

/// The same where some properties are known beforehand: `known` gives the SQL text that stands for them.
pub fn columns(known: impl Fn(&str) -> Option<&'static str>) -> String {
    let read = SHOWN.iter().filter_map(|(p, at)| at.map(|at| (p, at)));
    let texts: Vec<String> = read
        .map(|(p, at)| match (known(p.name), p.source) {
            (Some(text), _) => format!("{text} AS c{at}"),
            (None, Source::Expression(text)) => format!("({}) AS c{at}", text.replace("{t}", "queue_items")),
            (None, Source::Column(name)) => format!("queue_items.{name} AS c{at}"),
            (None, Source::Nothing) => format!("NULL AS c{at}"),
        })
        .collect();
    texts.join(", ")
}

/// The name under which [`COLUMNS`] returns a property.
pub fn column(name: &str) -> String {
    let at = SHOWN.iter().find(|(p, _)| p.name == name).and_then(|(_, at)| *at);
    at.map_or_else(|| "NULL".into(), |at| format!("c{at}"))
}

fn cell(row: &mut Row, at: usize) -> Cell {
    match row.take(at) {
        DbValue::Int(i) => Cell::Int(i),
        DbValue::Real(r) => Cell::Real(r),
        DbValue::Text(t) => Cell::Text(t),
        DbValue::Null | DbValue::Bytes(_) => Cell::Null,
    }
}

fn at(name: &str) -> usize {
    SHOWN.iter().find(|(p, _)| p.name == name).and_then(|(_, at)| *at).unwrap_or(usize::MAX)
}

/// What the history needs to know of a row that returned [`COLUMNS`].
pub struct Seen {
    /// Id.
    pub id: i64,
    /// Unique key.
    pub unique_key: String,
    /// Number of its review state.
    pub review: i64,
    /// Reviewer.
    pub reviewer: Option<i64>,
}

/// The same, read.
pub fn seen(row: &Row) -> Result<Seen> {
    static AT: LazyLock<[usize; 4]> = LazyLock::new(|| ["Id", "UniqueKey", "ReviewStatus", "ReviewerUserId"].map(at));
    let [id, key, review, reviewer] = *AT;
    Ok(Seen { id: row.get(id)?, unique_key: row.get(key)?, review: row.get(review)?, reviewer: row.get(reviewer)? })
}

/// The item of a row that returned [`COLUMNS`].
pub fn item(keys: &KeyRing, mut row: Row) -> Result<Map<String, Value>> {
    let unique_key: String = row.get(at("UniqueKey"))?;
    let encrypted: bool = row.get(at("Encrypted"))?;
    let mut out = Map::with_capacity(SHOWN.len());
    let mut texts: [Value; 3] = [const { Value::Null }; 3];
    for (property, at) in SHOWN.iter() {
        let content = CONTENTS.iter().position(|(_, object, _)| *object == property.name);
        let value = match (content, at) {
            (Some(n), Some(at)) => match row.get::<Option<String>>(*at)? {
                Some(stored) => {
                    let (part, _, _) = CONTENTS[n];
                    let clear = content::clear(keys, &stored, encrypted, part, &unique_key)?;
                    texts[n] = Value::String(format!("{{\"DynamicProperties\":{clear}}}"));
                    serde_json::from_str(&clear).map_err(|e| Error::internal(format!("a stored content: {e}")))?
                }
                None => Value::Null,
            },
            (_, Some(at)) => json::value(property, &cell(&mut row, *at)),
            (_, None) => Value::Null,
        };
        out.insert(property.name.to_owned(), value);
    }
    for ((_, _, name), text) in CONTENTS.iter().zip(texts) {
        out.insert((*name).to_owned(), text);
    }
    Ok(out)
}
