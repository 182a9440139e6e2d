//! Totals from counters: how many rows a filter lets through, added up from a few rows that are maintained beside the
//! table instead of counted over the table itself.

use super::writer::Writer;
use super::{Column, Shape, Statement, Visibility};
use crate::query::{Predicate, Query, Scalar};

/// Counters of the rows of a type: rows that stand for many of them, which have the same values in some properties.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    /// A table, or a SELECT in parentheses. It has the columns that the type's scope and the properties and navigations
    /// below need, under the names they have in the type's own table. Several rows may have the same values.
    pub table: &'static str,
    /// Its column with how many rows of the type a row stands for; it may be negative.
    pub items: &'static str,
    /// The properties of the type that it knows.
    pub properties: &'static [&'static str],
    /// The to-one navigations that can be walked from it.
    pub navigations: &'static [&'static str],
}

impl Counter {
    /// Whether it knows everything that a condition asks.
    fn answers(&self, predicate: &Predicate) -> bool {
        match predicate {
            Predicate::Always(_) => true,
            Predicate::And(parts) | Predicate::Or(parts) => parts.iter().all(|p| self.answers(p)),
            Predicate::Not(inner) | Predicate::Is { inner, .. } => self.answers(inner),
            Predicate::Same { left, right, .. } => self.answers(left) && self.answers(right),
            Predicate::Compare(compare) => self.knows(&compare.left) && self.knows(&compare.right),
            Predicate::IsNull(scalar, _) | Predicate::In { scalar, .. } | Predicate::Flag(scalar) => self.knows(scalar),
            Predicate::Text { text, part, .. } => self.knows(text) && self.knows(part),
            // Such conditions may read anything of the table.
            Predicate::Lambda { .. } | Predicate::Sql { .. } => false,
        }
    }

    fn knows(&self, scalar: &Scalar) -> bool {
        match scalar {
            Scalar::Property(path) => match path.hops.first() {
                Some(hop) => self.navigations.contains(&hop.name),
                None => self.properties.contains(&path.property.name),
            },
            Scalar::Constant(_) => true,
            Scalar::Length(inner) | Scalar::Trim(inner) | Scalar::Part(_, inner) => self.knows(inner),
            Scalar::Substring { text, .. } => self.knows(text),
            Scalar::Concat(first, second) => self.knows(first) && self.knows(second),
        }
    }
}

/// One row, one column: how many rows the filter lets through, whatever page is asked for. `None` when the filter asks for
/// what the counter does not know; then [`super::count`] counts.
pub fn total(query: &Query, visibility: &Visibility, counter: &Counter) -> Option<Statement> {
    if !query.filter.as_ref().is_none_or(|filter| counter.answers(filter)) {
        return None;
    }
    let mut writer = Writer::new(visibility);
    let mut frame = writer.root(query.ty);
    frame.collect(query.filter.as_ref(), 0, &mut writer);
    writer.push("SELECT CAST(COALESCE(sum(");
    writer.column(frame.alias(), counter.items);
    writer.push("), 0) AS BIGINT) FROM ");
    writer.table(counter.table, &frame);
    writer.joins(&frame);
    writer.push(" WHERE ");
    writer.listable(query.ty, &frame);
    writer.filter(query.filter.as_ref(), &mut frame);
    let column = Column { name: "#count".to_owned(), property: None };
    Some(writer.finish(vec![column], Shape::default()))
}
