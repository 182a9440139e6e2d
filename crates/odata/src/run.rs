//! From a query to JSON without doing I/O: [`Run`] says which statement to run next and is fed the rows.
//!
//! One statement for the page with all to-one navigations, then one for every to-many expansion (more only
//! beyond [`sql::CHUNK`] parents), never one a row.

use crate::json::{self, Cell, Children};
use crate::query::{Expand, KeyValue, Query};
use crate::sql::{self, CHUNK, Field, Shape, Statement, Visibility};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet, VecDeque};

/// Rows of one query of a run.
struct Stage {
    /// Statements still to be run.
    statements: VecDeque<Statement>,
    shape: Shape,
    rows: Vec<Vec<Cell>>,
    /// The stage whose rows these belong to, and the link column there.
    parent: Option<(usize, usize)>,
}

/// A query on its way to JSON.
///
/// ```
/// use bandmaster_odata::{Query, Run, json::Cell, sql::{Statement, Visibility}};
///
/// fn read(query: &Query, visibility: &Visibility, database: impl Fn(&Statement) -> Vec<Vec<Cell>>) -> usize {
///     let mut run = Run::page(query, visibility, 1_000);
///     while let Some(statement) = run.next() {
///         let rows = database(statement);
///         run.feed(rows);
///     }
///     run.finish().len()
/// }
/// ```
pub struct Run {
    visibility: Visibility,
    stages: Vec<Stage>,
}

impl Run {
    /// The rows of a list.
    pub fn page(query: &Query, visibility: &Visibility, default_top: u32) -> Run {
        Run::start(sql::page(query, visibility, default_top), visibility)
    }

    /// The row with a key: no entity or one.
    pub fn by_key(query: &Query, key: &KeyValue, visibility: &Visibility) -> Run {
        Run::start(sql::by_key(query, key, visibility), visibility)
    }

    fn start(statement: Statement, visibility: &Visibility) -> Run {
        let shape = statement.shape.clone();
        let first = Stage { statements: VecDeque::from([statement]), shape, rows: Vec::new(), parent: None };
        Run { visibility: visibility.clone(), stages: vec![first] }
    }

    /// The statement to run now; `None` when nothing is left to read.
    #[allow(clippy::should_implement_trait)] // It waits for `feed` in between, so it is no iterator.
    pub fn next(&self) -> Option<&Statement> {
        self.stages.iter().find_map(|s| s.statements.front())
    }

    /// Takes the rows of the statement that [`Run::next`] gave, in their order.
    pub fn feed(&mut self, rows: Vec<Vec<Cell>>) {
        let Some(index) = self.stages.iter().position(|s| !s.statements.is_empty()) else { return };
        let Some(stage) = self.stages.get_mut(index) else { return };
        stage.statements.pop_front();
        stage.rows.extend(rows);
        if !stage.statements.is_empty() {
            return;
        }
        let mut wanted = Vec::new();
        links(&stage.shape, &mut wanted);
        let mut more = Vec::new();
        for (link, expand) in wanted {
            let mut seen = HashSet::new();
            let keys: Vec<KeyValue> = stage
                .rows
                .iter()
                .filter_map(|row| row.get(link)?.key())
                .filter(|key| seen.insert(key.clone()))
                .collect();
            let statements: VecDeque<Statement> =
                keys.chunks(CHUNK).map(|chunk| sql::many(expand, &self.visibility, chunk)).collect();
            if let Some(shape) = statements.front().map(|s| s.shape.clone()) {
                more.push(Stage { statements, shape, rows: Vec::new(), parent: Some((index, link)) });
            }
        }
        self.stages.extend(more);
    }

    /// The entities, in the order of the page.
    pub fn finish(mut self) -> Vec<Map<String, Value>> {
        let mut found: HashMap<usize, Children> = HashMap::new();
        // Later stages belong to earlier ones.
        while let Some(stage) = self.stages.pop() {
            let children = found.remove(&self.stages.len()).unwrap_or_default();
            let objects = stage.rows.iter().map(|row| json::of_shape(&stage.shape, row, &children));
            let Some((parent, link)) = stage.parent else { return objects.collect() };
            let lists = found.entry(parent).or_default().entry(link).or_default();
            for (row, object) in stage.rows.iter().zip(objects) {
                if let Some(key) = row.first().and_then(Cell::key) {
                    lists.entry(key).or_default().push(Value::Object(object));
                }
            }
        }
        Vec::new()
    }
}

/// The to-many expansions of a shape, also those of its to-one navigations.
fn links<'s>(shape: &'s Shape, into: &mut Vec<(usize, &'s Expand)>) {
    for field in &shape.fields {
        match field {
            Field::Value { .. } => {}
            Field::One { shape, .. } => links(shape, into),
            Field::Many { link, expand, .. } => into.push((*link, expand)),
        }
    }
}
