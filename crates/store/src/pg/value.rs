//! Binding [`Value`]s to PostgreSQL parameters and reading them from columns.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::pg::numeric;
use crate::value::Value;

type Failed = Box<dyn Error + Sync + Send>;

/// Microseconds between 1970 and PostgreSQL's own beginning of time, 2000.
const EPOCH: i64 = 946_684_800_000_000;

/// A parameter. It binds to whatever type the server wants where the content
/// allows it.
pub(crate) struct Bound<'a>(pub &'a Value);

impl std::fmt::Debug for Bound<'_> {
    // The driver prints parameters into its debug log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.kind())
    }
}

/// The type a generated statement's parameter is declared as.
pub(crate) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Int(_) => Type::INT8,
        Value::Real(_) => Type::FLOAT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        let done = match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Int(v) => put_int(*v, ty, out),
            Value::Real(v) => put_real(*v, ty, out),
            Value::Text(v) => put_text(v, ty, out),
            Value::Bytes(v) => (*ty == Type::BYTEA).then(|| out.put_slice(v)),
        };
        match done {
            Some(()) => Ok(IsNull::No),
            None => Err(format!("{} does not fit {ty}", self.0.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn put_int(v: i64, ty: &Type, out: &mut BytesMut) -> Option<()> {
    match *ty {
        Type::INT8 => out.put_i64(v),
        Type::INT4 => out.put_i32(i32::try_from(v).ok()?),
        Type::INT2 => out.put_i16(i16::try_from(v).ok()?),
        Type::OID => out.put_u32(u32::try_from(v).ok()?),
        Type::BOOL => out.put_u8(u8::from(v != 0)),
        #[allow(clippy::cast_precision_loss)]
        Type::FLOAT8 => out.put_f64(v as f64),
        #[allow(clippy::cast_precision_loss)]
        Type::FLOAT4 => out.put_f32(v as f32),
        Type::NUMERIC => out.put_slice(&numeric::encode(&v.to_string())?),
        Type::TEXT | Type::VARCHAR | Type::UNKNOWN => out.put_slice(v.to_string().as_bytes()),
        Type::TIMESTAMPTZ | Type::TIMESTAMP => out.put_i64(v.checked_sub(EPOCH)?),
        _ => return None,
    }
    Some(())
}

fn put_real(v: f64, ty: &Type, out: &mut BytesMut) -> Option<()> {
    match *ty {
        Type::FLOAT8 => out.put_f64(v),
        #[allow(clippy::cast_possible_truncation)]
        Type::FLOAT4 => out.put_f32(v as f32),
        Type::NUMERIC => out.put_slice(&numeric::encode(&v.to_string())?),
        _ => return None,
    }
    Some(())
}

fn put_text(v: &str, ty: &Type, out: &mut BytesMut) -> Option<()> {
    match *ty {
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
            out.put_slice(v.as_bytes());
        }
        Type::JSONB => {
            out.put_u8(1);
            out.put_slice(v.as_bytes());
        }
        Type::UUID => out.put_slice(&parse_uuid(v)?),
        _ => return None,
    }
    Some(())
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let hex: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    if hex.len() != 32 || !hex.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let number = u128::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?;
    Some(number.to_be_bytes())
}

fn print_uuid(raw: &[u8]) -> Option<String> {
    let number = u128::from_be_bytes(raw.try_into().ok()?);
    let hex = format!("{number:032x}");
    let part = |a, b| hex.get(a..b);
    Some(format!("{}-{}-{}-{}-{}", part(0, 8)?, part(8, 12)?, part(12, 16)?, part(16, 20)?, part(20, 32)?))
}

/// A column's content.
pub(crate) struct Column(pub Value);

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failed> {
        decode(ty, raw).map(Column).ok_or_else(|| format!("cannot read a column of type {ty}").into())
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failed> {
        Ok(Column(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn decode(ty: &Type, raw: &[u8]) -> Option<Value> {
    let text = |raw: &[u8]| Some(Value::Text(std::str::from_utf8(raw).ok()?.to_owned()));
    match *ty {
        Type::INT8 => Some(Value::Int(i64::from_be_bytes(raw.try_into().ok()?))),
        Type::INT4 => Some(Value::Int(i32::from_be_bytes(raw.try_into().ok()?).into())),
        Type::INT2 => Some(Value::Int(i16::from_be_bytes(raw.try_into().ok()?).into())),
        Type::OID => Some(Value::Int(u32::from_be_bytes(raw.try_into().ok()?).into())),
        Type::BOOL => Some(Value::Int(i64::from(*raw.first()? != 0))),
        Type::FLOAT8 => Some(Value::Real(f64::from_be_bytes(raw.try_into().ok()?))),
        Type::FLOAT4 => Some(Value::Real(f32::from_be_bytes(raw.try_into().ok()?).into())),
        Type::NUMERIC => numeric::decode(raw),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => text(raw),
        Type::JSONB => text(raw.strip_prefix(&[1])?),
        Type::BYTEA => Some(Value::Bytes(raw.to_vec())),
        Type::UUID => print_uuid(raw).map(Value::Text),
        Type::TIMESTAMPTZ | Type::TIMESTAMP => {
            let since = i64::from_be_bytes(raw.try_into().ok()?);
            since.checked_add(EPOCH).map(Value::Int)
        }
        Type::VOID => Some(Value::Null),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_uuid, print_uuid};

    #[test]
    fn uuids_come_back() {
        let text = "0190c7ab-1234-7abc-8def-0123456789ab";
        assert_eq!(print_uuid(&parse_uuid(text).unwrap()).unwrap(), text);
        for wrong in ["", "0190c7ab", "zz90c7ab-1234-7abc-8def-0123456789ab"] {
            assert_eq!(parse_uuid(wrong), None);
        }
    }
}
