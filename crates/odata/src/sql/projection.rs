//! The select list, and how its columns make up an entity again.

use super::Column;
use super::writer::{Frame, Writer};
use crate::query::{Expand, Query};
use bandmaster_model::entity::{EntityType, Link, Navigation, Property, Source};

/// What an entity is made of, in the order in which it is written.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Members of the JSON object.
    pub fields: Vec<Field>,
}

/// A member of an entity.
#[derive(Debug, Clone)]
pub enum Field {
    /// A property.
    Value {
        /// Which.
        property: &'static Property,
        /// Its column in the row; none for properties that are stored nowhere.
        cell: Option<usize>,
    },
    /// An expanded to-one navigation.
    One {
        /// Name of the navigation.
        name: &'static str,
        /// A column that is null when there is no such entity.
        present: usize,
        /// What the entity is made of.
        shape: Box<Shape>,
    },
    /// An expanded to-many navigation.
    Many {
        /// Name of the navigation.
        name: &'static str,
        /// A column with the key under which the related rows are found.
        link: usize,
        /// What of the related rows is wanted.
        expand: Box<Expand>,
    },
}

/// Writes the select list of a query, without `SELECT`.
pub(super) fn write(query: &Query, frame: &mut Frame, writer: &mut Writer<'_>, columns: &mut Vec<Column>) -> Shape {
    write_named(query, frame, writer, columns, false)
}

/// The same; with `named`, columns are called `c0`, `c1`, … after their place.
pub(super) fn write_named(
    query: &Query,
    frame: &mut Frame,
    writer: &mut Writer<'_>,
    columns: &mut Vec<Column>,
    named: bool,
) -> Shape {
    let start = columns.len();
    let mut list = List { frame, writer, columns, named, start };
    let shape = list.entity(query, &mut Vec::new());
    if list.columns.len() == start {
        // An entity without a single column is still a row.
        list.next("1".to_owned(), None);
        list.writer.push("1");
        list.name();
    }
    shape
}

struct List<'l, 'v> {
    frame: &'l mut Frame,
    writer: &'l mut Writer<'v>,
    columns: &'l mut Vec<Column>,
    named: bool,
    /// Columns before this one are written already.
    start: usize,
}

impl List<'_, '_> {
    fn next(&mut self, name: String, property: Option<&'static Property>) -> usize {
        if self.columns.len() > self.start {
            self.writer.push(", ");
        }
        self.columns.push(Column { name, property });
        self.columns.len() - 1
    }

    fn name(&mut self) {
        if self.named {
            self.writer.push(&format!(" AS c{}", self.columns.len() - 1));
        }
    }

    fn entity(&mut self, query: &Query, hops: &mut Vec<&'static Navigation>) -> Shape {
        let alias = self.frame.reach(0, hops);
        let prefix: String = hops.iter().flat_map(|n| [n.name, "/"]).collect();
        let mut shape = Shape::default();
        for property in selected(query) {
            let cell = match property.source {
                Source::Nothing => None,
                _ if property.secret => None,
                _ => {
                    let at = self.next(format!("{prefix}{}", property.name), Some(property));
                    self.writer.source(property, alias);
                    self.name();
                    Some(at)
                }
            };
            shape.fields.push(Field::Value { property, cell });
        }
        for expand in &query.expand {
            let (Link::One { local, remote } | Link::Many { local, remote }) = expand.navigation.link;
            let name = expand.navigation.name;
            let one = matches!(expand.navigation.link, Link::One { .. });
            let cell = self.next(format!("{prefix}#{name}"), None);
            let field = if one {
                hops.push(expand.navigation);
                let target = self.frame.reach(0, hops);
                self.writer.column(target, remote);
                self.name();
                let inner = self.entity(&expand.query, hops);
                hops.pop();
                Field::One { name, present: cell, shape: Box::new(inner) }
            } else {
                self.writer.column(alias, local);
                self.name();
                Field::Many { name, link: cell, expand: Box::new(expand.clone()) }
            };
            shape.fields.push(field);
        }
        shape
    }
}

/// The properties to be written, in the type's order.
fn selected(query: &Query) -> impl Iterator<Item = &'static Property> {
    let ty: &'static EntityType = query.ty;
    let selection = query.select.clone();
    ty.properties.iter().filter(move |p| match &selection {
        None => !p.hidden,
        Some(s) => s.iter().any(|q| q.name == p.name),
    })
}
