//! Bound queries over rows held in memory: the reference that both databases are tested against.
//!
//! A row holds cells by column name; a computed property is looked up under its expression's text.
//! SQL fragments of features cannot be evaluated here and count as null.

use crate::json::Cell;
use crate::query::{Class, Compare, Constant, DatePart, Predicate, Query, Scalar, TextTest};
use crate::sql::{Folders, Visibility};
use crate::syntax::Operator;
use crate::text::fold;
use crate::time::{self, DAY};
use bandmaster_model::entity::{EntityType, Link, Navigation, Property, Scope, Source};
use std::cmp::Ordering;
use std::collections::HashMap;

/// One row.
pub type Row = HashMap<String, Cell>;

/// Tables by name.
pub trait Data {
    /// All rows of a table; none for an unknown one.
    fn table(&self, name: &str) -> &[Row];
}

impl Data for HashMap<String, Vec<Row>> {
    fn table(&self, name: &str) -> &[Row] {
        self.get(name).map_or(&[], Vec::as_slice)
    }
}

/// The rows of a page, in order, and how many there are without paging.
pub fn select<'d>(query: &Query, visibility: &Visibility, data: &'d dyn Data) -> (Vec<&'d Row>, u64) {
    let world = World { data, visibility };
    let mut rows: Vec<&Row> = data
        .table(query.ty.table)
        .iter()
        .filter(|row| query.ty.scope != Scope::Within && world.visible(query.ty, row))
        .filter(|row| {
            let truth = query.filter.as_ref().map(|f| world.truth(f, &mut vec![row]));
            truth.is_none_or(|t| t == Some(true))
        })
        .collect();
    let total = rows.len() as u64;
    rows.sort_by(|left, right| {
        for term in &query.order {
            let (l, r) = (world.scalar(&term.scalar, &[left]), world.scalar(&term.scalar, &[right]));
            let order = ordered(term.class, &l, &r);
            if order != Ordering::Equal {
                return if term.descending { order.reverse() } else { order };
            }
        }
        let key = |row: &Row| query.ty.key_property().map_or(Cell::Null, |p| stored(p, row));
        let order = ordered(Class::Guid, &key(left), &key(right));
        if query.order.last().is_some_and(|t| t.descending) { order.reverse() } else { order }
    });
    let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
    let top = query.top.map_or(usize::MAX, |t| t as usize);
    (rows.into_iter().skip(skip).take(top).collect(), total)
}

/// The value of a property in a row.
pub fn stored(property: &Property, row: &Row) -> Cell {
    match property.source {
        Source::Column(name) | Source::Expression(name) => row.get(name).cloned().unwrap_or(Cell::Null),
        Source::Nothing => Cell::Null,
    }
}

struct World<'d> {
    data: &'d dyn Data,
    visibility: &'d Visibility,
}

fn int(row: &Row, column: &str) -> Option<i64> {
    match row.get(column) {
        Some(Cell::Int(i)) => Some(*i),
        _ => None,
    }
}

/// Null is least.
fn ordered(class: Class, left: &Cell, right: &Cell) -> Ordering {
    match (left, right) {
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Less,
        (_, Cell::Null) => Ordering::Greater,
        _ => compared(class, left, right).unwrap_or(Ordering::Equal),
    }
}

fn real(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Int(i) => Some(*i as f64),
        Cell::Real(r) => Some(*r),
        _ => None,
    }
}

fn compared(class: Class, left: &Cell, right: &Cell) -> Option<Ordering> {
    match (class, left, right) {
        (Class::Real, l, r) => real(l)?.partial_cmp(&real(r)?),
        (_, Cell::Int(l), Cell::Int(r)) => Some(l.cmp(r)),
        (Class::Text, Cell::Text(l), Cell::Text(r)) => Some(fold(l).cmp(&fold(r))),
        (_, Cell::Text(l), Cell::Text(r)) => Some(l.cmp(r)),
        _ => None,
    }
}

fn equal(class: Class, left: &Cell, right: &Cell) -> bool {
    matches!((left, right), (Cell::Null, Cell::Null)) || compared(class, left, right) == Some(Ordering::Equal)
}

fn constant(value: &Constant) -> Cell {
    match value {
        Constant::Bool(b) => Cell::Int(i64::from(*b)),
        Constant::Int(i) | Constant::DateTime(i) => Cell::Int(*i),
        Constant::Real(r) => Cell::Real(*r),
        Constant::Text(t) | Constant::Guid(t) => Cell::Text(t.clone()),
    }
}

impl<'d> World<'d> {
    fn visible(&self, ty: &EntityType, row: &Row) -> bool {
        let seen = |folder: Option<i64>| match &self.visibility.folders {
            Folders::All => true,
            Folders::These(folders) => folder.is_some_and(|f| folders.contains(&f)),
        };
        let ours = int(row, "tenant_id") == Some(self.visibility.tenant);
        match ty.scope {
            Scope::Host | Scope::Within => true,
            Scope::Organization { column } => int(row, column) == Some(self.visibility.organization),
            Scope::Tenant { column } => int(row, column) == Some(self.visibility.tenant),
            Scope::Folder { column } => ours && seen(int(row, column)),
            Scope::Linked { local, table, item, folder } => {
                let key = row.get(local).cloned().unwrap_or(Cell::Null);
                let linked = |link: &&Row| link.get(item).is_some_and(|i| equal(Class::Guid, i, &key));
                ours && (self.visibility.folders == Folders::All
                    || self.data.table(table).iter().filter(linked).any(|link| seen(int(link, folder))))
            }
        }
    }

    fn related(&self, navigation: &Navigation, row: &Row) -> impl Iterator<Item = &'d Row> {
        let (Link::One { local, remote } | Link::Many { local, remote }) = navigation.link;
        let target = (navigation.target)();
        let key = row.get(local).cloned().unwrap_or(Cell::Null);
        self.data.table(target.table).iter().filter(move |other| {
            key != Cell::Null
                && other.get(remote).is_some_and(|r| equal(Class::Guid, r, &key))
                && self.visible(target, other)
        })
    }

    fn walk<'r>(&self, rows: &[&'r Row], variable: usize, hops: &[&'static Navigation]) -> Option<&'r Row>
    where
        'd: 'r,
    {
        let mut at: &'r Row = rows.get(variable)?;
        for hop in hops {
            at = self.related(hop, at).next()?;
        }
        Some(at)
    }

    fn scalar(&self, scalar: &Scalar, rows: &[&Row]) -> Cell {
        let text = |s: &Scalar| match self.scalar(s, rows) {
            Cell::Text(t) => Some(t),
            _ => None,
        };
        let value = match scalar {
            Scalar::Property(path) => self.walk(rows, path.variable, &path.hops).map(|row| stored(path.property, row)),
            Scalar::Constant(value) => Some(constant(value)),
            Scalar::Length(t) => text(t).and_then(|t| i64::try_from(t.chars().count()).ok()).map(Cell::Int),
            Scalar::Trim(t) => text(t).map(|t| Cell::Text(t.trim_matches(' ').to_owned())),
            Scalar::Concat(a, b) => text(a).zip(text(b)).map(|(a, b)| Cell::Text(a + &b)),
            Scalar::Substring { text: t, start, length } => text(t).map(|t| {
                let start = usize::try_from(*start).unwrap_or(0);
                let length = length.and_then(|l| usize::try_from(l).ok()).unwrap_or(usize::MAX);
                Cell::Text(t.chars().skip(start).take(length).collect())
            }),
            Scalar::Part(part, moment) => match self.scalar(moment, rows) {
                Cell::Int(moment) => Some(Cell::Int(part_of(*part, moment))),
                _ => None,
            },
        };
        value.unwrap_or(Cell::Null)
    }

    fn truth<'r>(&self, predicate: &Predicate, rows: &mut Vec<&'r Row>) -> Option<bool>
    where
        'd: 'r,
    {
        match predicate {
            Predicate::Always(value) => Some(*value),
            Predicate::And(parts) => self.kleene(parts, rows, false),
            Predicate::Or(parts) => self.kleene(parts, rows, true),
            Predicate::Not(inner) => self.truth(inner, rows).map(|b| !b),
            Predicate::Compare(Compare { op, class, left, right }) => {
                let (l, r) = (self.scalar(left, rows), self.scalar(right, rows));
                let order = compared(*class, &l, &r);
                Some(match op {
                    Operator::Equal => equal(*class, &l, &r),
                    Operator::NotEqual => !equal(*class, &l, &r),
                    Operator::Greater => order == Some(Ordering::Greater),
                    Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                    Operator::Less => order == Some(Ordering::Less),
                    Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                })
            }
            Predicate::IsNull(scalar, negated) => Some((self.scalar(scalar, rows) == Cell::Null) != *negated),
            Predicate::In { class, scalar, values, null } => {
                let cell = self.scalar(scalar, rows);
                Some(match cell {
                    Cell::Null => *null,
                    cell => values.iter().any(|v| equal(*class, &cell, &constant(v))),
                })
            }
            Predicate::Text { test, text, part } => match (self.scalar(text, rows), self.scalar(part, rows)) {
                (Cell::Text(text), Cell::Text(part)) => {
                    let (text, part) = (fold(&text), fold(&part));
                    Some(match test {
                        TextTest::Contains => text.contains(&part),
                        TextTest::StartsWith => text.starts_with(&part),
                        TextTest::EndsWith => text.ends_with(&part),
                    })
                }
                _ => None,
            },
            Predicate::Flag(scalar) => match self.scalar(scalar, rows) {
                Cell::Int(i) => Some(i != 0),
                _ => None,
            },
            Predicate::Is { inner, value, negated } => Some((self.truth(inner, rows) == Some(*value)) != *negated),
            Predicate::Same { left, right, negated } => {
                Some((self.truth(left, rows) == self.truth(right, rows)) != *negated)
            }
            Predicate::Lambda { variable, hops, navigation, all, body } => {
                let Some(start) = self.walk(rows, *variable, hops) else { return Some(*all) };
                let found: Vec<&'d Row> = self.related(navigation, start).collect();
                let Some(body) = body else { return Some(!found.is_empty()) };
                let mut result = *all;
                for row in found {
                    rows.push(row);
                    let truth = self.truth(body, rows);
                    rows.pop();
                    if (truth == Some(true)) != *all {
                        result = !*all;
                        break;
                    }
                }
                Some(result)
            }
            Predicate::Sql { .. } => None,
        }
    }

    /// `and` ends with false, `or` with true.
    fn kleene<'r>(&self, parts: &[Predicate], rows: &mut Vec<&'r Row>, end: bool) -> Option<bool>
    where
        'd: 'r,
    {
        let mut result = Some(!end);
        for part in parts {
            match self.truth(part, rows) {
                Some(b) if b == end => return Some(end),
                Some(_) => {}
                None => result = None,
            }
        }
        result
    }
}

fn part_of(part: DatePart, moment: i64) -> i64 {
    let (year, month, day) = time::date_of(moment.div_euclid(DAY));
    let second = moment.rem_euclid(DAY) / 1_000_000;
    match part {
        DatePart::Year => year,
        DatePart::Month => month,
        DatePart::Day => day,
        DatePart::Hour => second / 3600,
        DatePart::Minute => second / 60 % 60,
        DatePart::Second => second % 60,
        DatePart::Date => moment - moment.rem_euclid(DAY),
    }
}
