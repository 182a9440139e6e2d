//! Reading a list of any length in pages, without an offset: each page begins after the last row of the one before.
//! What is added or removed meanwhile shifts nothing, and where an index has the order, the last page costs as much as
//! the first.
//!
//! An order by something else than properties of the row itself has no such mark; then pages are counted off.

use bandmaster_api::query::complete;
use bandmaster_core::{Error, Result};
use bandmaster_model::{Kind, Property};
use bandmaster_odata::sql::Visibility;
use bandmaster_odata::syntax::Operator;
use bandmaster_odata::{Class, Compare, Constant, OrderTerm, Predicate, Query, Run, Scalar};
use bandmaster_store::Conn;
use serde_json::{Map, Value};

/// Rows of the first page. It grows and shrinks with what rows turn out to weigh.
const FIRST: u32 = 50;
/// Most rows of a page.
const MOST: u32 = 5_000;
/// What a page is to weigh, in bytes of what was written of it.
const WEIGHT: usize = 8 << 20;

/// A list being read.
pub struct Pages {
    query: Query,
    sees: Visibility,
    marks: Option<Vec<Mark>>,
    after: Option<Predicate>,
    /// Rows without a value for the first term come last and are still to be read.
    nulls_follow: bool,
    left: u64,
    rows: u32,
    ended: bool,
}

/// A term of the order by which a row's place can be told.
struct Mark {
    term: OrderTerm,
    property: &'static Property,
}

impl Pages {
    /// Reads what a query asks for: its filter, order, `skip` and `top`; the selection must hold the properties of the
    /// order and the key.
    pub fn new(query: Query, sees: Visibility) -> Pages {
        let left = query.top.map_or(u64::MAX, u64::from);
        Pages { marks: marks(&query), query, sees, after: None, nulls_follow: false, left, rows: FIRST, ended: false }
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self, conn: &mut Conn) -> Result<Vec<Map<String, Value>>> {
        loop {
            let rows = u32::try_from(self.left).unwrap_or(u32::MAX).min(self.rows);
            if self.ended || rows == 0 {
                return Ok(Vec::new());
            }
            let mut query = self.query.clone();
            query.top = Some(rows);
            if let Some(after) = &self.after {
                query.and(after.clone());
            }
            let found = complete(conn, Run::page(&query, &self.sees, rows)).await?;
            self.left = self.left.saturating_sub(found.len() as u64);
            let whole = u32::try_from(found.len()).is_ok_and(|n| n == rows);
            self.turn(found.last(), whole)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Where the page after this one begins.
    fn turn(&mut self, last: Option<&Map<String, Value>>, whole: bool) -> Result<()> {
        match (&self.marks, last) {
            (Some(marks), Some(last)) if whole => {
                (self.after, self.nulls_follow) = beyond(marks, last)?;
                self.query.skip = 0;
            }
            // A whole page that was cut by `left` is the last one anyway.
            (None, Some(_)) if whole => self.query.skip += u64::from(self.rows),
            (Some(marks), _) if self.nulls_follow => {
                self.after = marks.first().map(|m| Predicate::IsNull(m.term.scalar.clone(), false));
                self.nulls_follow = false;
            }
            _ => self.ended = true,
        }
        Ok(())
    }

    /// Tells what the last page weighed, so that the next one fits.
    pub fn weighed(&mut self, bytes: usize) {
        self.rows = if bytes > WEIGHT { (self.rows / 2).max(1) } else { (self.rows * 2).min(MOST) };
    }
}

fn marks(query: &Query) -> Option<Vec<Mark>> {
    let of = |term: &OrderTerm| match &term.scalar {
        Scalar::Property(path) if path.variable == 0 && path.hops.is_empty() => {
            Some(Mark { term: term.clone(), property: path.property })
        }
        _ => None,
    };
    let mut marks = query.order.iter().map(of).collect::<Option<Vec<_>>>()?;
    let key = query.ty.key_property()?;
    let class = if matches!(key.kind, Kind::Int32 | Kind::Int64) { Class::Integer } else { return None };
    let descending = query.order.last().is_some_and(|t| t.descending);
    marks.push(Mark {
        term: OrderTerm { scalar: Scalar::property(query.ty, query.ty.key)?, class, descending },
        property: key,
    });
    Some(marks)
}

/// The condition that a row stands behind this one: it is behind in one term and equal in all before. The second tells
/// whether rows without a value for the first term are left out of it though they come last: an index can be walked
/// from a value on, but not from a value on or from nothing.
fn beyond(marks: &[Mark], row: &Map<String, Value>) -> Result<(Option<Predicate>, bool)> {
    let mut equal = Vec::new();
    let mut any = Vec::new();
    let mut bound = None;
    for mark in marks {
        let value = constant(mark.property, row.get(mark.property.name))?;
        if equal.is_empty() && marks.len() > 1 {
            bound = match (&value, mark.term.descending) {
                (None, false) => None,
                (None, true) => Some(Predicate::IsNull(mark.term.scalar.clone(), false)),
                (Some(value), false) => Some(compare(&mark.term, Operator::GreaterOrEqual, value)),
                (Some(value), true) => Some(compare(&mark.term, Operator::LessOrEqual, value)),
            };
        }
        let mut all = equal.clone();
        all.push(behind(&mark.term, value.as_ref()));
        any.push(Predicate::And(all));
        equal.push(match value {
            None => Predicate::IsNull(mark.term.scalar.clone(), false),
            Some(value) => compare(&mark.term, Operator::Equal, &value),
        });
    }
    let first = marks.first();
    let cut = matches!((&bound, first), (Some(Predicate::Compare(_)), Some(m)) if m.term.descending);
    Ok((Some(Predicate::And(bound.into_iter().chain([Predicate::Or(any)]).collect())), cut))
}

fn compare(term: &OrderTerm, op: Operator, value: &Constant) -> Predicate {
    let (class, left) = (term.class, term.scalar.clone());
    Predicate::Compare(Compare { op, class, left, right: Scalar::Constant(value.clone()) })
}

/// Nulls are least.
fn behind(term: &OrderTerm, value: Option<&Constant>) -> Predicate {
    let null = |negated| Predicate::IsNull(term.scalar.clone(), negated);
    match (term.descending, value) {
        (false, None) => null(true),
        (false, Some(value)) => compare(term, Operator::Greater, value),
        (true, None) => Predicate::Always(false),
        (true, Some(value)) => Predicate::Or(vec![compare(term, Operator::Less, value), null(false)]),
    }
}

/// The stored value of a property as it was written.
fn constant(property: &Property, value: Option<&Value>) -> Result<Option<Constant>> {
    let value = match value {
        Some(Value::Null) => return Ok(None),
        Some(value) => value,
        None => return Err(Error::internal("the order of an export was not read")),
    };
    let text = value.as_str();
    let found = match property.kind {
        Kind::Bool => value.as_bool().map(Constant::Bool),
        Kind::Int32 | Kind::Int64 => value.as_i64().map(Constant::Int),
        Kind::Double => value.as_f64().map(Constant::Real),
        Kind::Text => text.map(|t| Constant::Text(t.to_owned())),
        Kind::Guid => text.map(|t| Constant::Guid(t.to_owned())),
        Kind::DateTime => text.and_then(bandmaster_odata::time::parse).map(Constant::DateTime),
        // A number without a word is written as itself.
        Kind::Enum(members) => text.and_then(|t| members.number(t).or_else(|| t.parse().ok())).map(Constant::Int),
        Kind::Json => None,
    };
    found.map(Some).ok_or_else(|| Error::internal("the order of an export has a value that cannot be compared"))
}
