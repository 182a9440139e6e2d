//! Values that go into statements and come out of rows, the same for both
//! engines.
//!
//! Conventions of the schema: whole numbers, booleans (0 and 1) and times
//! (microseconds since 1970 in UTC) are `Int`; GUIDs are lower-case hyphenated
//! `Text`. Not here: how an engine binds and decodes them.

use crate::error::DbError;

/// One SQL value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// SQL NULL.
    #[default]
    Null,
    /// Whole number, boolean or time.
    Int(i64),
    /// Floating point number.
    Real(f64),
    /// Text; binding one with a NUL character is refused.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The kind in words, for messages that must not show the content.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Int(_) => "whole number",
            Value::Real(_) => "number",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
        }
    }

    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

macro_rules! from_whole {
    ($($t:ty),*) => { $(
        impl From<$t> for Value {
            fn from(v: $t) -> Self { Value::Int(i64::from(v)) }
        }
    )* };
}
from_whole!(i64, i32, i16, u32, u16, u8, bool);

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::Real(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::Text(v.to_owned())
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Value::Text(v)
    }
}
impl From<&String> for Value {
    fn from(v: &String) -> Self {
        Value::Text(v.clone())
    }
}
impl From<Vec<u8>> for Value {
    fn from(v: Vec<u8>) -> Self {
        Value::Bytes(v)
    }
}
impl From<&[u8]> for Value {
    fn from(v: &[u8]) -> Self {
        Value::Bytes(v.to_vec())
    }
}
impl From<&Value> for Value {
    fn from(v: &Value) -> Self {
        v.clone()
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}

/// Builds the parameter list of a statement: `params![id, name]` is `&[Value]`.
#[macro_export]
macro_rules! params {
    ($($v:expr),* $(,)?) => { &[$($crate::Value::from($v)),*] as &[$crate::Value] };
}

/// What [`Row::get`] can read a column as.
pub trait FromValue: Sized {
    /// Reads the value, or says what it held instead.
    fn from_value(value: &Value) -> Result<Self, DbError>;
}

fn mismatch<T>(wanted: &str, found: &Value) -> Result<T, DbError> {
    Err(DbError::Decode(format!("wanted {wanted}, found {}", found.kind())))
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Result<Self, DbError> {
        Ok(value.clone())
    }
}
impl FromValue for i64 {
    fn from_value(value: &Value) -> Result<Self, DbError> {
        match value {
            Value::Int(v) => Ok(*v),
            other => mismatch("a whole number", other),
        }
    }
}
macro_rules! narrow {
    ($($t:ty),*) => { $(
        impl FromValue for $t {
            fn from_value(value: &Value) -> Result<Self, DbError> {
                let wide = i64::from_value(value)?;
                <$t>::try_from(wide).map_err(|_| {
                    DbError::Decode(concat!("number outside ", stringify!($t)).to_owned())
                })
            }
        }
    )* };
}
narrow!(i32, i16, u32, u16, u8, u64, usize);

impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, DbError> {
        match value {
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            other => mismatch("0 or 1", other),
        }
    }
}
impl FromValue for f64 {
    fn from_value(value: &Value) -> Result<Self, DbError> {
        match value {
            Value::Real(v) => Ok(*v),
            // An average of whole numbers is whole on one engine and not on the other.
            #[allow(clippy::cast_precision_loss)]
            Value::Int(v) => Ok(*v as f64),
            other => mismatch("a number", other),
        }
    }
}
impl FromValue for String {
    fn from_value(value: &Value) -> Result<Self, DbError> {
        match value {
            Value::Text(v) => Ok(v.clone()),
            other => mismatch("text", other),
        }
    }
}
impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Result<Self, DbError> {
        match value {
            Value::Bytes(v) => Ok(v.clone()),
            other => mismatch("bytes", other),
        }
    }
}
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Result<Self, DbError> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

static NULL: Value = Value::Null;

/// One row of a result; columns are counted from 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    values: Vec<Value>,
}

impl Row {
    /// A row of these values.
    pub fn new(values: Vec<Value>) -> Self {
        Row { values }
    }

    /// Column `i` as `T`. `DbError::Decode` when it holds something else or does
    /// not exist.
    pub fn get<T: FromValue>(&self, i: usize) -> Result<T, DbError> {
        let Some(value) = self.values.get(i) else {
            return Err(DbError::Decode(format!("no column {i}")));
        };
        T::from_value(value).map_err(|e| match e {
            DbError::Decode(m) => DbError::Decode(format!("column {i}: {m}")),
            other => other,
        })
    }

    /// Column `i`; NULL when there is none.
    pub fn value(&self, i: usize) -> &Value {
        self.values.get(i).unwrap_or(&NULL)
    }

    /// Column `i` by value, leaving NULL behind; saves the copy of long texts.
    pub fn take(&mut self, i: usize) -> Value {
        self.values.get_mut(i).map(std::mem::take).unwrap_or_default()
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values in column order.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }
}

/// Refuses texts that PostgreSQL could not store, so that both engines accept
/// the same.
pub(crate) fn check_texts(params: &[Value]) -> Result<(), DbError> {
    for p in params {
        if let Value::Text(t) = p
            && t.as_bytes().contains(&0)
        {
            return Err(DbError::BadText);
        }
    }
    Ok(())
}
