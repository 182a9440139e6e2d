//! JSON objects from rows: property order of the type, enumerations by name, moments as ISO 8601.

use crate::query::KeyValue;
use crate::sql::{Field, Shape, Statement};
use crate::time;
use bandmaster_model::entity::{Kind, Property};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL
    Null,
    /// Integers and Booleans.
    Int(i64),
    /// Floating point.
    Real(f64),
    /// Text.
    Text(String),
}

impl Cell {
    /// The cell as a key, to find related rows.
    pub fn key(&self) -> Option<KeyValue> {
        match self {
            Cell::Int(i) => Some(KeyValue::Int(*i)),
            Cell::Text(t) => Some(KeyValue::Text(t.clone())),
            Cell::Null | Cell::Real(_) => None,
        }
    }
}

/// The related entities of to-many expansions: for every link column of a shape, by the value of that column.
pub type Children = HashMap<usize, HashMap<KeyValue, Vec<Value>>>;

/// One property's value.
pub fn value(property: &Property, cell: &Cell) -> Value {
    match (property.kind, cell) {
        (_, Cell::Null) => Value::Null,
        (Kind::Bool, Cell::Int(i)) => Value::Bool(*i != 0),
        (Kind::Enum(members), Cell::Int(i)) => {
            members.label(*i).map_or_else(|| Value::String(i.to_string()), |name| Value::String(name.to_owned()))
        }
        (Kind::DateTime, Cell::Int(i)) => Value::String(time::format(*i)),
        (Kind::Double, Cell::Int(i)) => Number::from_f64(*i as f64).map_or(Value::Null, Value::Number),
        (_, Cell::Int(i)) => Value::from(*i),
        (_, Cell::Real(r)) => Number::from_f64(*r).map_or(Value::Null, Value::Number),
        // What was stored as JSON but is none is better shown as nothing than as an error of the whole list.
        (Kind::Json, Cell::Text(t)) => serde_json::from_str(t).unwrap_or(Value::Null),
        (_, Cell::Text(t)) => Value::String(t.clone()),
    }
}

fn object(shape: &Shape, row: &[Cell], children: &Children) -> Map<String, Value> {
    let cell = |i: usize| row.get(i).unwrap_or(&Cell::Null);
    let mut out = Map::with_capacity(shape.fields.len());
    for field in &shape.fields {
        let (name, value) = match field {
            Field::Value { property, cell: Some(at) } if !property.secret => {
                (property.name, value(property, cell(*at)))
            }
            Field::Value { property, .. } => (property.name, Value::Null),
            Field::One { name, present, shape } => match cell(*present) {
                Cell::Null => (*name, Value::Null),
                _ => (*name, Value::Object(object(shape, row, children))),
            },
            Field::Many { name, link, .. } => {
                let found = cell(*link).key().and_then(|key| children.get(link)?.get(&key));
                (*name, Value::Array(found.cloned().unwrap_or_default()))
            }
        };
        out.insert(name.to_owned(), value);
    }
    out
}

/// The JSON object of a row. To-many expansions come from `children` and are empty lists where it has none.
pub fn entity(statement: &Statement, row: &[Cell], children: &Children) -> Map<String, Value> {
    object(&statement.shape, row, children)
}

pub(crate) fn of_shape(shape: &Shape, row: &[Cell], children: &Children) -> Map<String, Value> {
    object(shape, row, children)
}
