//! A bound query: every name resolved, every value typed. It can be inspected and narrowed by feature
//! code before it is printed as SQL. How it is printed or evaluated is not here.
//!
//! Truth has three values, as in OData and SQL. Comparisons always give true or false: `null` equals
//! `null` only, and is neither less nor greater than anything. Functions give null when an argument
//! is null, a Boolean property may be null, `and`/`or`/`not` follow Kleene. A row is kept when the
//! whole condition is true.

use crate::sql::Param;
use crate::syntax::Operator;
use bandmaster_model::entity::{EntityType, EnumType, Kind, Navigation, Property};

/// A value with its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// Stored as 0 or 1.
    Bool(bool),
    /// Integers and members of enumerations.
    Int(i64),
    /// Floating point.
    Real(f64),
    /// Compared folded.
    Text(String),
    /// Lower case with hyphens, compared as it is.
    Guid(String),
    /// Microseconds since 1970.
    DateTime(i64),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// As 64-bit integers: numbers, Booleans, moments, enumerations.
    Integer,
    /// As floating point numbers.
    Real,
    /// As folded text.
    Text,
    /// As text of GUIDs, which is always lower case.
    Guid,
}

/// Part of a moment, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    /// Of the Gregorian calendar.
    Year,
    /// 1 to 12
    Month,
    /// 1 to 31
    Day,
    /// 0 to 23
    Hour,
    /// 0 to 59
    Minute,
    /// 0 to 59
    Second,
    /// The first moment of the day.
    Date,
}

/// Where a property's value is found.
#[derive(Debug, Clone)]
pub struct PropertyPath {
    /// 0: the row itself; n: the variable of the n-th surrounding lambda, outermost first.
    pub variable: usize,
    /// To-one navigations to walk first.
    pub hops: Vec<&'static Navigation>,
    /// The property.
    pub property: &'static Property,
}

/// A value computed from a row.
#[derive(Debug, Clone)]
pub enum Scalar {
    /// A property.
    Property(PropertyPath),
    /// A constant.
    Constant(Constant),
    /// Number of characters.
    Length(Box<Scalar>),
    /// Text without blanks at both ends.
    Trim(Box<Scalar>),
    /// One text behind another.
    Concat(Box<Scalar>, Box<Scalar>),
    /// Characters from `start` (from 0) on, at most `length`.
    Substring {
        /// Of which text.
        text: Box<Scalar>,
        /// First character.
        start: i64,
        /// How many at most.
        length: Option<i64>,
    },
    /// Part of a moment.
    Part(DatePart, Box<Scalar>),
}

/// How a text is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    /// Anywhere.
    Contains,
    /// At the beginning.
    StartsWith,
    /// At the end.
    EndsWith,
}

/// A comparison of two values of one class.
#[derive(Debug, Clone)]
pub struct Compare {
    /// The operator.
    pub op: Operator,
    /// How.
    pub class: Class,
    /// Left side.
    pub left: Scalar,
    /// Right side.
    pub right: Scalar,
}

/// A condition.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// The same for every row.
    Always(bool),
    /// All of them.
    And(Vec<Predicate>),
    /// Any of them.
    Or(Vec<Predicate>),
    /// The opposite; null stays null.
    Not(Box<Predicate>),
    /// A comparison; never null.
    Compare(Compare),
    /// Whether a value is null (or, negated, is not).
    IsNull(Scalar, bool),
    /// Whether a value is one of these; never null.
    In {
        /// How it is compared.
        class: Class,
        /// The value.
        scalar: Scalar,
        /// Constants of that class.
        values: Vec<Constant>,
        /// Whether null counts as found.
        null: bool,
    },
    /// Whether a text holds another; null when one of them is.
    Text {
        /// Where.
        test: TextTest,
        /// The longer.
        text: Scalar,
        /// The shorter.
        part: Scalar,
    },
    /// A Boolean value; may be null.
    Flag(Scalar),
    /// Whether a condition is `value`, or (`negated`) is anything else; never null.
    Is {
        /// The condition.
        inner: Box<Predicate>,
        /// True or false.
        value: bool,
        /// The opposite question.
        negated: bool,
    },
    /// Whether two conditions give the same, null included; never null.
    Same {
        /// One condition.
        left: Box<Predicate>,
        /// The other.
        right: Box<Predicate>,
        /// The opposite question.
        negated: bool,
    },
    /// Whether any row (`all`: every row) reached over a to-many navigation fulfils the condition.
    Lambda {
        /// Where the walk begins, as in [`PropertyPath`].
        variable: usize,
        /// To-one navigations first.
        hops: Vec<&'static Navigation>,
        /// The to-many navigation.
        navigation: &'static Navigation,
        /// `all` instead of `any`.
        all: bool,
        /// The condition; none: any row at all.
        body: Option<Box<Predicate>>,
    },
    /// SQL of a feature; see [`Query::and_sql`].
    Sql {
        /// Text with `{t}` and `?`.
        fragment: &'static str,
        /// One for every `?`.
        params: Vec<Param>,
    },
}

/// One term of the order. Nulls are least.
#[derive(Debug, Clone)]
pub struct OrderTerm {
    /// What is ordered by.
    pub scalar: Scalar,
    /// How its values are ordered.
    pub class: Class,
    /// Greatest first.
    pub descending: bool,
}

/// A navigation to be written with the entity.
#[derive(Debug, Clone)]
pub struct Expand {
    /// Which.
    pub navigation: &'static Navigation,
    /// What of the target: filter, order, page (to-many only), selection, further expansions.
    pub query: Query,
}

/// A query over the rows of one type.
#[derive(Debug, Clone)]
pub struct Query {
    /// The type.
    pub ty: &'static EntityType,
    /// Which rows; `None`: all that are visible.
    pub filter: Option<Predicate>,
    /// In which order; the key is always appended, in the direction of the last term.
    pub order: Vec<OrderTerm>,
    /// How many rows at most.
    pub top: Option<u32>,
    /// How many are left out first, at most `i64::MAX`.
    pub skip: u64,
    /// Whether the caller asked for the total (`Some(false)`: asked for none).
    pub count: Option<bool>,
    /// Which properties, in the type's order; `None`: all.
    pub select: Option<Vec<&'static Property>>,
    /// Navigations to be written.
    pub expand: Vec<Expand>,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyValue {
    /// Of an integer key.
    Int(i64),
    /// Of a text or GUID key.
    Text(String),
}

impl KeyValue {
    /// Reads the key of a type from the text that stands between the parentheses (without its quotes).
    /// `None` when it cannot be a key of that type: then no such entity exists.
    pub fn of(ty: &EntityType, text: &str) -> Option<KeyValue> {
        let property = ty.key_property()?;
        if crate::text::unusable(text) {
            return None;
        }
        match property.kind {
            Kind::Int32 | Kind::Int64 => text.trim().trim_end_matches(['l', 'L']).parse().ok().map(KeyValue::Int),
            Kind::Enum(members) => members.number(text).map(KeyValue::Int),
            Kind::Guid => crate::syntax::guid(text.trim()).map(KeyValue::Text),
            Kind::Text => Some(KeyValue::Text(text.to_owned())),
            Kind::DateTime => crate::time::parse(text).map(KeyValue::Int),
            Kind::Bool | Kind::Double | Kind::Json => None,
        }
    }
}

/// The type of a value, for checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int,
    Real,
    Text,
    Guid,
    DateTime,
    Enum(&'static EnumType),
}

impl Type {
    pub fn of_kind(kind: Kind) -> Option<Type> {
        Some(match kind {
            Kind::Bool => Type::Bool,
            Kind::Int32 | Kind::Int64 => Type::Int,
            Kind::Double => Type::Real,
            Kind::Text => Type::Text,
            Kind::Guid => Type::Guid,
            Kind::DateTime => Type::DateTime,
            Kind::Enum(members) => Type::Enum(members),
            Kind::Json => return None,
        })
    }

    pub fn class(self) -> Class {
        match self {
            Type::Bool | Type::Int | Type::DateTime | Type::Enum(_) => Class::Integer,
            Type::Real => Class::Real,
            Type::Text => Class::Text,
            Type::Guid => Class::Guid,
        }
    }

    /// In words, with the article.
    pub fn described(self) -> String {
        match self {
            Type::Bool => "a Boolean value".to_owned(),
            Type::Int => "a whole number".to_owned(),
            Type::Real => "a number".to_owned(),
            Type::Text => "a text".to_owned(),
            Type::Guid => "a GUID".to_owned(),
            Type::DateTime => "a date and time".to_owned(),
            Type::Enum(members) => format!("a member of '{}'", members.name),
        }
    }
}

impl Scalar {
    /// A property of the row itself by its name; `None` when the type has none.
    pub fn property(ty: &EntityType, name: &str) -> Option<Scalar> {
        let property = ty.property(name)?;
        Some(Scalar::Property(PropertyPath { variable: 0, hops: Vec::new(), property }))
    }
}

impl Predicate {
    /// `name eq value` for a property of the row itself. A name that the type lacks, or JSON, gives a
    /// condition that no row fulfils.
    pub fn equals(ty: &EntityType, name: &str, value: Constant) -> Predicate {
        let class = ty.property(name).and_then(|p| Type::of_kind(p.kind)).map(Type::class);
        match (Scalar::property(ty, name), class) {
            (Some(left), Some(class)) => {
                Predicate::Compare(Compare { op: Operator::Equal, class, left, right: Scalar::Constant(value) })
            }
            _ => Predicate::Always(false),
        }
    }
}

impl Query {
    /// All visible rows of a type, all properties, in the order of the key.
    pub fn all(ty: &'static EntityType) -> Query {
        Query { ty, filter: None, order: Vec::new(), top: None, skip: 0, count: None, select: None, expand: Vec::new() }
    }

    /// Keeps only rows that also fulfil this condition.
    pub fn and(&mut self, predicate: Predicate) {
        self.filter = Some(match self.filter.take() {
            None => predicate,
            Some(Predicate::And(mut all)) => {
                all.push(predicate);
                Predicate::And(all)
            }
            Some(other) => Predicate::And(vec![other, predicate]),
        });
    }

    /// Keeps only rows that also fulfil this SQL condition, which must run on both databases. `{t}` stands
    /// for the alias of the type's table, every `?` for the next parameter (also inside quotes, so keep it out of
    /// them). With a wrong number of parameters no row is found.
    pub fn and_sql(&mut self, fragment: &'static str, params: Vec<Param>) {
        let fits = fragment.matches('?').count() == params.len();
        debug_assert!(fits, "parameters of {fragment}");
        self.and(if fits { Predicate::Sql { fragment, params } } else { Predicate::Always(false) });
    }

    /// Whether the property is to be written.
    pub fn selects(&self, property: &Property) -> bool {
        match &self.select {
            None => !property.hidden,
            Some(selected) => selected.iter().any(|p| p.name == property.name),
        }
    }
}
