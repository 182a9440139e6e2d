//! The growing text of a statement, the tables it names and the predicates that hide what the caller
//! may not see.

use super::{Folders, Param, Visibility};
use crate::query::{Expand, KeyValue, Predicate, Query, Scalar};
use bandmaster_model::entity::{EntityType, Link, Navigation, Property, Scope, Source};
use std::fmt::Write;

/// Folders beyond this number are written into the text: SQLite takes at most 32,766 parameters.
const MOST_FOLDER_PARAMS: usize = 8_192;

/// A table in a FROM clause: 0 is `t`, others `t1`, `t2`, …
pub(super) type Alias = u32;

pub(super) struct Writer<'v> {
    pub text: String,
    pub params: Vec<Param>,
    visibility: &'v Visibility,
    aliases: Alias,
}

/// A joined table.
pub(super) struct Join {
    pub parent: Alias,
    pub navigation: &'static Navigation,
    pub alias: Alias,
}

/// The tables of one FROM clause.
pub(super) struct Level {
    pub alias: Alias,
    pub ty: &'static EntityType,
    pub joins: Vec<Join>,
}

impl Level {
    fn joined(&self, parent: Alias, navigation: &Navigation) -> Option<Alias> {
        self.joins.iter().find(|j| j.parent == parent && j.navigation.name == navigation.name).map(|j| j.alias)
    }
}

/// The FROM clauses that are open at a place: the statement's own, then one for every lambda around.
pub(super) struct Frame {
    pub levels: Vec<Level>,
}

impl Frame {
    /// The alias of the innermost type's table.
    pub fn alias(&self) -> Alias {
        self.levels.last().map_or(0, |l| l.alias)
    }

    /// The alias of the table reached from a variable over to-one navigations. All joins were collected before.
    pub fn reach(&self, variable: usize, hops: &[&'static Navigation]) -> Alias {
        let Some(level) = self.levels.get(variable) else { return 0 };
        hops.iter().fold(level.alias, |at, hop| level.joined(at, hop).unwrap_or(at))
    }

    fn join(&mut self, variable: usize, hops: &[&'static Navigation], writer: &mut Writer<'_>) {
        let Some(level) = self.levels.get_mut(variable) else { return };
        let mut at = level.alias;
        for hop in hops {
            at = match level.joined(at, hop) {
                Some(alias) => alias,
                None => {
                    let alias = writer.alias();
                    level.joins.push(Join { parent: at, navigation: hop, alias });
                    alias
                }
            };
        }
    }

    /// Finds the joins that a query's filter, order and expansions need at the outermost level.
    pub fn collect_query(&mut self, query: &Query, writer: &mut Writer<'_>) {
        self.collect(query.filter.as_ref(), 0, writer);
        self.collect_order(query, writer);
        self.collect_expand(&query.expand, writer);
    }

    /// Finds the joins of the order.
    pub fn collect_order(&mut self, query: &Query, writer: &mut Writer<'_>) {
        for term in &query.order {
            self.collect_scalar(&term.scalar, 0, writer);
        }
    }

    /// Finds the joins of to-one expansions.
    pub fn collect_expand(&mut self, expand: &[Expand], writer: &mut Writer<'_>) {
        self.collect_expand_at(expand, &mut Vec::new(), writer);
    }

    fn collect_expand_at(&mut self, expand: &[Expand], hops: &mut Vec<&'static Navigation>, writer: &mut Writer<'_>) {
        for item in expand.iter().filter(|e| matches!(e.navigation.link, Link::One { .. })) {
            hops.push(item.navigation);
            self.join(0, hops, writer);
            self.collect_expand_at(&item.query.expand, hops, writer);
            hops.pop();
        }
    }

    /// Finds the joins that a condition needs at that level, also inside of lambdas.
    pub fn collect(&mut self, predicate: Option<&Predicate>, level: usize, writer: &mut Writer<'_>) {
        let Some(predicate) = predicate else { return };
        match predicate {
            Predicate::Always(_) | Predicate::Sql { .. } => {}
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().for_each(|p| self.collect(Some(p), level, writer));
            }
            Predicate::Not(inner) | Predicate::Is { inner, .. } => self.collect(Some(inner), level, writer),
            Predicate::Same { left, right, .. } => {
                self.collect(Some(left), level, writer);
                self.collect(Some(right), level, writer);
            }
            Predicate::Compare(compare) => {
                self.collect_scalar(&compare.left, level, writer);
                self.collect_scalar(&compare.right, level, writer);
            }
            Predicate::IsNull(scalar, _) | Predicate::In { scalar, .. } | Predicate::Flag(scalar) => {
                self.collect_scalar(scalar, level, writer);
            }
            Predicate::Text { text, part, .. } => {
                self.collect_scalar(text, level, writer);
                self.collect_scalar(part, level, writer);
            }
            Predicate::Lambda { variable, hops, body, .. } => {
                if *variable == level {
                    self.join(level, hops, writer);
                }
                self.collect(body.as_deref(), level, writer);
            }
        }
    }

    fn collect_scalar(&mut self, scalar: &Scalar, level: usize, writer: &mut Writer<'_>) {
        match scalar {
            Scalar::Property(path) => {
                if path.variable == level {
                    self.join(level, &path.hops, writer);
                }
            }
            Scalar::Constant(_) => {}
            Scalar::Length(inner) | Scalar::Trim(inner) | Scalar::Part(_, inner) => {
                self.collect_scalar(inner, level, writer);
            }
            Scalar::Substring { text, .. } => self.collect_scalar(text, level, writer),
            Scalar::Concat(first, second) => {
                self.collect_scalar(first, level, writer);
                self.collect_scalar(second, level, writer);
            }
        }
    }
}

impl<'v> Writer<'v> {
    pub fn new(visibility: &'v Visibility) -> Writer<'v> {
        Writer { text: String::with_capacity(512), params: Vec::new(), visibility, aliases: 0 }
    }

    pub fn alias(&mut self) -> Alias {
        self.aliases += 1;
        self.aliases
    }

    /// The frame of the statement itself.
    pub fn root(&mut self, ty: &'static EntityType) -> Frame {
        Frame { levels: vec![Level { alias: 0, ty, joins: Vec::new() }] }
    }

    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn push_alias(&mut self, alias: Alias) {
        self.text.push('t');
        if alias > 0 {
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{alias}");
        }
    }

    pub fn column(&mut self, alias: Alias, column: &str) {
        self.push_alias(alias);
        self.text.push('.');
        self.text.push_str(column);
    }

    pub fn push_column(&mut self, frame: &Frame, column: &str) {
        self.column(frame.alias(), column);
    }

    /// An expression of the model, in parentheses, with the alias in place of `{t}`.
    pub fn push_expression(&mut self, expression: &str, alias: Alias) {
        self.text.push('(');
        self.fragment(expression, alias, &[]);
        self.text.push(')');
    }

    /// Text with the alias for `{t}` and the parameters for `?`.
    pub fn fragment(&mut self, fragment: &str, alias: Alias, params: &[Param]) {
        let mut params = params.iter();
        let mut rest = fragment;
        while let Some(at) = rest.find(['{', '?']) {
            let (before, from) = rest.split_at(at);
            self.text.push_str(before);
            if let Some(after) = from.strip_prefix("{t}") {
                self.push_alias(alias);
                rest = after;
                continue;
            }
            match (from.strip_prefix('?'), params.as_slice().first()) {
                (Some(after), Some(param)) => {
                    self.param(param.clone());
                    params.next();
                    rest = after;
                }
                _ => {
                    let (sign, after) = from.split_at(1);
                    self.text.push_str(sign);
                    rest = after;
                }
            }
        }
        self.text.push_str(rest);
    }

    /// A property's value; NULL for one that is stored nowhere.
    pub fn source(&mut self, property: &Property, alias: Alias) {
        match property.source {
            Source::Column(column) => self.column(alias, column),
            Source::Expression(expression) => self.push_expression(expression, alias),
            Source::Nothing => {
                let ty = match Type::of(property) {
                    Type::Int => "CAST(NULL AS BIGINT)",
                    Type::Real => "CAST(NULL AS DOUBLE PRECISION)",
                    Type::Text => "CAST(NULL AS TEXT)",
                };
                self.text.push_str(ty);
            }
        }
    }

    /// A placeholder. Its type is written out because PostgreSQL would else guess one from the surroundings
    /// that the value does not have.
    pub fn param(&mut self, param: Param) {
        let ty = match param {
            Param::Int(_) => "BIGINT",
            Param::Real(_) => "DOUBLE PRECISION",
            Param::Text(_) => "TEXT",
        };
        self.params.push(param);
        let _ = write!(self.text, "CAST(${} AS {ty})", self.params.len());
    }

    /// A text to be compared with `fold(…)`. To SQLite what is cast has the affinity of a column, which an index on an
    /// expression lacks, so that it would not be used; what is joined with another text has none.
    pub fn folded(&mut self, param: Param) {
        self.push("(");
        self.param(param);
        self.push(" || '')");
    }

    /// ` FROM table AS t LEFT JOIN …` for the innermost level.
    pub fn from(&mut self, frame: &Frame) {
        let Some(level) = frame.levels.last() else { return };
        self.push(" FROM ");
        self.table(level.ty.table, frame);
        self.joins(frame);
    }

    /// `table AS t` for the innermost level.
    pub fn table(&mut self, table: &str, frame: &Frame) {
        self.push(table);
        self.push(" AS ");
        self.push_alias(frame.alias());
    }

    /// ` LEFT JOIN …` for the innermost level.
    pub fn joins(&mut self, frame: &Frame) {
        let Some(level) = frame.levels.last() else { return };
        for join in &level.joins {
            let target = (join.navigation.target)();
            let (Link::One { local, remote } | Link::Many { local, remote }) = join.navigation.link;
            self.push(" LEFT JOIN ");
            self.push(target.table);
            self.push(" AS ");
            self.push_alias(join.alias);
            self.push(" ON ");
            self.column(join.alias, remote);
            self.push(" = ");
            self.column(join.parent, local);
            // What the caller may not see is as if it were not there, also on the way to something else.
            if !matches!(target.scope, Scope::Host | Scope::Within) {
                self.push(" AND ");
                self.scope(target, join.alias);
            }
        }
    }

    /// The predicate of what the caller sees of a type, for the innermost level.
    pub fn visible(&mut self, ty: &'static EntityType, frame: &Frame) {
        self.scope(ty, frame.alias());
    }

    pub fn scope(&mut self, ty: &'static EntityType, alias: Alias) {
        let visibility = self.visibility;
        match ty.scope {
            Scope::Host | Scope::Within => self.push("TRUE"),
            Scope::Organization { column } => self.owned(alias, column, visibility.organization),
            Scope::Tenant { column } => self.owned(alias, column, visibility.tenant),
            Scope::Folder { column } => {
                self.owned(alias, "tenant_id", visibility.tenant);
                if let Folders::These(folders) = &visibility.folders {
                    self.push(" AND ");
                    self.column(alias, column);
                    self.folders(folders);
                }
            }
            Scope::Linked { local, table, item, folder } => {
                self.owned(alias, "tenant_id", visibility.tenant);
                if let Folders::These(folders) = &visibility.folders {
                    self.push(" AND EXISTS (SELECT 1 FROM ");
                    self.push(table);
                    self.push(" AS link WHERE link.");
                    self.push(item);
                    self.push(" = ");
                    self.column(alias, local);
                    self.push(" AND link.");
                    self.push(folder);
                    self.folders(folders);
                    self.push(")");
                }
            }
        }
    }

    fn owned(&mut self, alias: Alias, column: &str, owner: i64) {
        self.column(alias, column);
        self.push(" = ");
        self.param(Param::Int(owner));
    }

    /// ` IN (…)`
    fn folders(&mut self, folders: &[i64]) {
        if folders.len() > MOST_FOLDER_PARAMS {
            self.push(" IN (");
            for (i, folder) in folders.iter().enumerate() {
                let _ = write!(self.text, "{}{folder}", if i > 0 { "," } else { "" });
            }
            return self.push(")");
        }
        self.values(folders.iter().map(|f| Param::Int(*f)));
    }

    /// ` IN (…)`, or ` = …` for one value. The list is filled up to a power of two by repeating the last
    /// value, so that few different texts arise and prepared statements are found again.
    pub fn values(&mut self, values: impl ExactSizeIterator<Item = Param>) {
        self.list(values, Writer::param);
    }

    /// The same for texts to be compared with `fold(…)`.
    pub fn folded_values(&mut self, values: impl ExactSizeIterator<Item = Param>) {
        self.list(values, Writer::folded);
    }

    fn list(&mut self, values: impl ExactSizeIterator<Item = Param>, write: fn(&mut Self, Param)) {
        let count = values.len();
        match count {
            0 => return self.push(" IN (NULL)"),
            1 => self.push(" = "),
            _ => self.push(" IN ("),
        }
        let mut last = None;
        for (i, value) in values.enumerate() {
            if i > 0 {
                self.push(", ");
            }
            last = (i + 1 == count).then(|| value.clone());
            write(self, value);
        }
        if let (Some(last), true) = (last, count > 1) {
            for _ in count..count.next_power_of_two() {
                self.push(", ");
                write(self, last.clone());
            }
            self.push(")");
        }
    }

    /// Whether a column holds one of these keys.
    pub fn among(&mut self, frame: &Frame, column: &str, keys: &[KeyValue]) {
        self.push_column(frame, column);
        self.values(keys.iter().map(|key| match key {
            KeyValue::Int(i) => Param::Int(*i),
            KeyValue::Text(t) => Param::Text(t.clone()),
        }));
    }
}

/// The storage type of a property.
enum Type {
    Int,
    Real,
    Text,
}

impl Type {
    fn of(property: &Property) -> Type {
        use bandmaster_model::entity::Kind;
        match property.kind {
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::DateTime | Kind::Enum(_) => Type::Int,
            Kind::Double => Type::Real,
            Kind::Text | Kind::Guid | Kind::Json => Type::Text,
        }
    }
}
