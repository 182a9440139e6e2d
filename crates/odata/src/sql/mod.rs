//! SQL text from a [`Query`]. One text for SQLite and PostgreSQL: placeholders `$1, $2, …` in the order
//! of the text, every value a parameter with its type written out, NULLs placed explicitly.
//!
//! Every statement carries the caller's [`Visibility`] for every table it touches; there is no function
//! here that leaves it out. Assumed of the databases: the function `fold`, tables with the columns that
//! the model names, integers of 64 bits, text compared byte by byte.

mod condition;
mod projection;
mod totals;
mod writer;

pub use projection::{Field, Shape};
pub use totals::{Counter, total};

use crate::query::{Class, Expand, KeyValue, OrderTerm, Predicate, Query};
use bandmaster_model::entity::{EntityType, Kind, Link, Property, Scope, Source};
use writer::{Frame, Writer};

/// Most keys in one statement of [`many`].
pub const CHUNK: usize = 1_000;

/// A value to be bound.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// As BIGINT.
    Int(i64),
    /// As DOUBLE PRECISION.
    Real(f64),
    /// As TEXT.
    Text(String),
}

impl From<i64> for Param {
    fn from(value: i64) -> Param {
        Param::Int(value)
    }
}

impl From<&str> for Param {
    fn from(value: &str) -> Param {
        Param::Text(value.to_owned())
    }
}

impl From<String> for Param {
    fn from(value: String) -> Param {
        Param::Text(value)
    }
}

/// What a column of a result is.
#[derive(Debug, Clone)]
pub struct Column {
    /// Navigations to walk, then the property; `Robot/Name`. For keys that are only read to find related rows,
    /// the navigation's name behind `#`.
    pub name: String,
    /// The property; none for helper columns.
    pub property: Option<&'static Property>,
}

/// A statement to run.
#[derive(Debug, Clone)]
pub struct Statement {
    /// SQL.
    pub text: String,
    /// Values of `$1`, `$2`, …
    pub params: Vec<Param>,
    /// The columns of the result, in their order.
    pub columns: Vec<Column>,
    /// How the columns make up an entity.
    pub shape: Shape,
}

/// The folders a caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folders {
    /// Every folder of the tenant.
    All,
    /// Only these; none when empty.
    These(Vec<i64>),
}

/// What a caller sees. Every statement is printed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visibility {
    /// The caller's tenant.
    pub tenant: i64,
    /// The caller's organization.
    pub organization: i64,
    /// The folders the caller sees in this request.
    pub folders: Folders,
}

/// `SELECT … FROM`, filter, order, page: the rows of a list. `default_top` counts when the query has no `$top`.
///
/// Where rows are skipped, or ordered by anything but the key, the keys of the page are found first and the rows read
/// after: a database computes every column also of rows that it skips, and may sort rows with all their columns.
pub fn page(query: &Query, visibility: &Visibility, default_top: u32) -> Statement {
    let mut writer = Writer::new(visibility);
    let top = query.top.unwrap_or(default_top);
    let mut columns = Vec::new();
    let shape = match row_key(query) {
        Some(key) => keys_first(query, key, top, &mut writer, &mut columns),
        None => {
            let mut frame = writer.root(query.ty);
            frame.collect_query(query, &mut writer);
            writer.push("SELECT ");
            let shape = projection::write(query, &mut frame, &mut writer, &mut columns);
            writer.chosen(query, top, &mut frame);
            shape
        }
    };
    writer.finish(columns, shape)
}

/// The key by which the rows of a page are read, where its keys are found first. Only an integer of a real table: then it
/// is the table's own, and finding a row by it is quick.
fn row_key(query: &Query) -> Option<&'static Property> {
    let ordered = query.order.first().is_some_and(|term| !condition::is_key(&term.scalar, query.ty));
    let key = query.ty.key_property()?;
    let own = matches!(key.kind, Kind::Int32 | Kind::Int64) && matches!(key.source, Source::Column(_));
    (own && (ordered || query.skip > 0) && !query.ty.table.starts_with('(')).then_some(key)
}

fn keys_first(
    query: &Query,
    key: &'static Property,
    top: u32,
    writer: &mut Writer<'_>,
    columns: &mut Vec<Column>,
) -> Shape {
    let mut rows = writer.root(query.ty);
    rows.collect_order(query, writer);
    rows.collect_expand(&query.expand, writer);
    writer.push("SELECT ");
    let shape = projection::write(query, &mut rows, writer, columns);
    writer.push(" FROM (SELECT ");
    let mut keys = writer.root(query.ty);
    keys.collect(query.filter.as_ref(), 0, writer);
    keys.collect_order(query, writer);
    writer.source(key, keys.alias());
    writer.push(" AS k");
    writer.chosen(query, top, &mut keys);
    // A cross join, which SQLite carries out from left to right: it knows nothing of how short the page is, and would
    // otherwise look for each row of the table in it.
    writer.push(") AS page CROSS JOIN ");
    writer.table(query.ty.table, &rows);
    writer.joins(&rows);
    writer.push(" WHERE ");
    writer.source(key, rows.alias());
    writer.push(" = page.k AND ");
    writer.listable(query.ty, &rows);
    writer.push(" ORDER BY ");
    writer.order(query, &mut rows);
    shape
}

/// One row, one column: how many rows the filter lets through, whatever page is asked for. With a cap, counting
/// stops at `cap + 1`.
pub fn count(query: &Query, visibility: &Visibility, cap: Option<u64>) -> Statement {
    let mut writer = Writer::new(visibility);
    let mut frame = writer.root(query.ty);
    frame.collect(query.filter.as_ref(), 0, &mut writer);
    writer.push(if cap.is_some() { "SELECT count(*) FROM (SELECT 1 AS one" } else { "SELECT count(*)" });
    writer.from(&frame);
    writer.push(" WHERE ");
    writer.listable(query.ty, &frame);
    writer.filter(query.filter.as_ref(), &mut frame);
    if let Some(cap) = cap {
        writer.push(" LIMIT ");
        writer.param(Param::Int(i64::try_from(cap.saturating_add(1)).unwrap_or(i64::MAX)));
        writer.push(") AS counted");
    }
    let column = Column { name: "#count".to_owned(), property: None };
    writer.finish(vec![column], Shape::default())
}

/// The key of the first row that the query's filter lets through, in an order that is written as SQL (`{t}`: the
/// table). It can stand as a subquery, and the order may name columns that no property shows.
pub fn first(query: &Query, visibility: &Visibility, order: &str) -> Statement {
    let mut writer = Writer::new(visibility);
    let mut frame = writer.root(query.ty);
    frame.collect(query.filter.as_ref(), 0, &mut writer);
    writer.push("SELECT ");
    match query.ty.key_property() {
        Some(key) => writer.source(key, frame.alias()),
        None => writer.push("NULL"),
    }
    writer.from(&frame);
    writer.push(" WHERE ");
    writer.listable(query.ty, &frame);
    writer.filter(query.filter.as_ref(), &mut frame);
    writer.push(" ORDER BY ");
    writer.fragment(order, frame.alias(), &[]);
    writer.push(" LIMIT 1");
    let column = Column { name: "#key".to_owned(), property: None };
    writer.finish(vec![column], Shape::default())
}

/// Two columns, a number and how many rows have it: the filter's rows by the value of an SQL expression (an integer,
/// never null; `{t}` is the table, `?` the next parameter), whatever page is asked for.
pub fn tally(query: &Query, visibility: &Visibility, expression: &'static str, params: &[Param]) -> Statement {
    let mut writer = Writer::new(visibility);
    let mut frame = writer.root(query.ty);
    frame.collect(query.filter.as_ref(), 0, &mut writer);
    writer.push("SELECT (");
    writer.fragment(expression, frame.alias(), params);
    writer.push(") AS c0, count(*) AS c1");
    writer.from(&frame);
    writer.push(" WHERE ");
    writer.listable(query.ty, &frame);
    writer.filter(query.filter.as_ref(), &mut frame);
    writer.push(" GROUP BY 1");
    let column = |name: &str| Column { name: name.to_owned(), property: None };
    writer.finish(vec![column("#value"), column("#count")], Shape::default())
}

/// The row with that key, if it is visible and the query's filter lets it through; order and page do not count.
pub fn by_key(query: &Query, key: &KeyValue, visibility: &Visibility) -> Statement {
    let mut writer = Writer::new(visibility);
    let mut frame = writer.root(query.ty);
    frame.collect(query.filter.as_ref(), 0, &mut writer);
    frame.collect_expand(&query.expand, &mut writer);
    let mut columns = Vec::new();
    writer.push("SELECT ");
    let shape = projection::write(query, &mut frame, &mut writer, &mut columns);
    writer.from(&frame);
    writer.push(" WHERE ");
    writer.key(query.ty, key, &frame);
    writer.push(" AND ");
    writer.listable(query.ty, &frame);
    writer.filter(query.filter.as_ref(), &mut frame);
    writer.finish(columns, shape)
}

/// The rows of a to-many expansion for at most [`CHUNK`] parents, whose keys are the values of the navigation's
/// local column. The first column of the result says whose row it is; rows of one parent stand in their order.
pub fn many(expand: &Expand, visibility: &Visibility, parents: &[KeyValue]) -> Statement {
    let (Link::Many { remote, .. } | Link::One { remote, .. }) = expand.navigation.link;
    let query = &expand.query;
    let paged = query.top.is_some() || query.skip > 0;
    let mut writer = Writer::new(visibility);
    let mut frame = writer.root(query.ty);
    frame.collect_query(query, &mut writer);
    let name = format!("#{}", expand.navigation.name);
    let mut columns = vec![Column { name, property: None }];
    if paged {
        writer.push("SELECT * FROM (");
    }
    writer.push("SELECT ");
    writer.push_column(&frame, remote);
    if paged {
        writer.push(" AS c0");
    }
    writer.push(", ");
    let shape = projection::write_named(query, &mut frame, &mut writer, &mut columns, paged);
    if paged {
        writer.push(", ROW_NUMBER() OVER (PARTITION BY ");
        writer.push_column(&frame, remote);
        writer.push(" ORDER BY ");
        writer.order(query, &mut frame);
        writer.push(") AS row_of_parent");
    }
    writer.from(&frame);
    writer.push(" WHERE ");
    writer.among(&frame, remote, parents);
    writer.push(" AND ");
    writer.visible(query.ty, &frame);
    writer.filter(query.filter.as_ref(), &mut frame);
    if paged {
        let skip = i64::try_from(query.skip).unwrap_or(i64::MAX);
        let last = query.top.map_or(i64::MAX, |top| skip.saturating_add(i64::from(top)));
        writer.push(") AS paged WHERE row_of_parent > ");
        writer.param(Param::Int(skip));
        writer.push(" AND row_of_parent <= ");
        writer.param(Param::Int(last));
        writer.push(" ORDER BY row_of_parent");
        columns.push(Column { name: "#row".to_owned(), property: None });
    } else {
        writer.push(" ORDER BY ");
        writer.order(query, &mut frame);
    }
    writer.finish(columns, shape)
}

impl Writer<'_> {
    fn finish(self, columns: Vec<Column>, shape: Shape) -> Statement {
        Statement { text: self.text, params: self.params, columns, shape }
    }

    /// From ` FROM` to the end of the page.
    fn chosen(&mut self, query: &Query, top: u32, frame: &mut Frame) {
        self.from(frame);
        self.push(" WHERE ");
        self.listable(query.ty, frame);
        self.filter(query.filter.as_ref(), frame);
        self.push(" ORDER BY ");
        self.order(query, frame);
        self.push(" LIMIT ");
        self.param(Param::Int(i64::from(top)));
        if query.skip > 0 {
            self.push(" OFFSET ");
            self.param(Param::Int(i64::try_from(query.skip).unwrap_or(i64::MAX)));
        }
    }

    /// The visibility of a type that is listed by itself; types that only stand within others show nothing.
    fn listable(&mut self, ty: &'static EntityType, frame: &Frame) {
        if ty.scope == Scope::Within { self.push("FALSE") } else { self.visible(ty, frame) }
    }

    fn filter(&mut self, filter: Option<&Predicate>, frame: &mut Frame) {
        if let Some(filter) = filter {
            self.push(" AND ");
            self.condition(filter, frame);
        }
    }

    fn key(&mut self, ty: &'static EntityType, key: &KeyValue, frame: &Frame) {
        let Some(property) = ty.key_property() else { return self.push("FALSE") };
        let folded = matches!(key, KeyValue::Text(_)) && property.kind == Kind::Text;
        if folded {
            self.push("fold(");
        }
        self.source(property, frame.alias());
        self.push(if folded { ") = " } else { " = " });
        match key {
            KeyValue::Int(i) => self.param(Param::Int(*i)),
            KeyValue::Text(t) if folded => self.folded(Param::Text(crate::text::fold(t))),
            KeyValue::Text(t) => self.param(Param::Text(t.clone())),
        }
    }

    /// The terms, then the key in the direction of the last term (so that an index over both can be walked
    /// one way). Terms behind the key cannot matter.
    fn order(&mut self, query: &Query, frame: &mut Frame) {
        for term in &query.order {
            self.order_term(query.ty, term, frame);
            if condition::is_key(&term.scalar, query.ty) && term.class != Class::Text {
                return;
            }
            self.push(", ");
        }
        match query.ty.key_property().map(|p| p.source) {
            Some(Source::Column(column)) => self.push_column(frame, column),
            Some(Source::Expression(text)) => self.push_expression(text, frame.alias()),
            _ => self.push("1"),
        }
        if query.order.last().is_some_and(|t| t.descending) {
            self.push(" DESC");
        }
    }

    fn order_term(&mut self, ty: &'static EntityType, term: &OrderTerm, frame: &mut Frame) {
        self.operand(&term.scalar, term.class, frame);
        // Without the clause PostgreSQL can walk an ordinary index.
        let never_null = condition::never_null(&term.scalar, ty);
        self.push(match (term.descending, never_null) {
            (false, false) => " ASC NULLS FIRST",
            (true, false) => " DESC NULLS LAST",
            (false, true) => "",
            (true, true) => " DESC",
        });
    }
}
