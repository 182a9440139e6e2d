//! Syntax trees of `$filter`, `$orderby`, `$select` and `$expand`: what was written, before any name
//! is resolved. Reading is linear in the length of the text and bounded in depth.
//!
//! Meaning (types, names, limits that depend on a type) lives in `bind` and `memory`.

mod filter;
mod lexer;
mod lists;
mod print;

pub(crate) use filter::filter;
pub(crate) use lexer::guid;
pub(crate) use lists::{expand, orderby, select};

use std::fmt;

/// Deepest nesting of parentheses, `not`, function arguments and lambdas.
pub const MAX_DEPTH: usize = 64;
/// Longest text of one option in bytes.
pub const MAX_TEXT: usize = 32 * 1024;
/// Longest string literal in bytes; SQLite refuses longer patterns.
pub const MAX_LITERAL: usize = 16 * 1024;
/// Most values behind `in`.
pub const MAX_LIST: usize = 2_000;

/// Byte offset in the option's text. All positions are equal, so that trees compare by content.
#[derive(Debug, Clone, Copy, Default)]
pub struct Position(pub usize);

impl PartialEq for Position {
    fn eq(&self, _: &Position) -> bool {
        true
    }
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `5`, `5L`
    Int(i64),
    /// `1.5`, `1e3`, `2d`
    Real(f64),
    /// `'text'`
    Text(String),
    /// A GUID without quotes, in lower case with hyphens.
    Guid(String),
    /// Microseconds since 1970.
    DateTime(i64),
    /// A date without time, as its first microsecond.
    Date(i64),
    /// `Some.Type'text'`
    Typed {
        /// The name in front, for an enumeration its type.
        name: String,
        /// The text in quotes.
        text: String,
    },
}

/// A name as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub at: Position,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

impl Operator {
    /// The operator as written.
    pub fn word(self) -> &'static str {
        match self {
            Operator::Equal => "eq",
            Operator::NotEqual => "ne",
            Operator::Greater => "gt",
            Operator::GreaterOrEqual => "ge",
            Operator::Less => "lt",
            Operator::LessOrEqual => "le",
        }
    }

    /// The operator that says the same with the sides exchanged.
    pub fn mirrored(self) -> Operator {
        match self {
            Operator::Greater => Operator::Less,
            Operator::GreaterOrEqual => Operator::LessOrEqual,
            Operator::Less => Operator::Greater,
            Operator::LessOrEqual => Operator::GreaterOrEqual,
            same => same,
        }
    }
}

/// An expression with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub expr: Expr,
    /// Where it begins.
    pub at: Position,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A value.
    Literal(Literal),
    /// `Robot/Name`; at least one name.
    Path(Vec<Name>),
    /// `contains(Name,'x')`
    Call {
        /// The function's name.
        name: Name,
        /// Its arguments.
        args: Vec<Node>,
    },
    /// `Path/any(x: …)`, `Path/all(x: …)`, `Path/any()`
    Lambda {
        /// What is walked through; at least one name.
        path: Vec<Name>,
        /// `all` instead of `any`.
        all: bool,
        /// Variable and condition; none for `any()`.
        body: Option<(Name, Box<Node>)>,
    },
    /// `a eq b`
    Compare {
        /// The operator.
        op: Operator,
        /// Left side.
        left: Box<Node>,
        /// Right side.
        right: Box<Node>,
    },
    /// `a in (1,2)`
    In {
        /// What is looked for.
        left: Box<Node>,
        /// Where.
        list: Vec<(Literal, Position)>,
    },
    /// Two or more conditions, all of them.
    And(Vec<Node>),
    /// Two or more conditions, any of them.
    Or(Vec<Node>),
    /// The opposite.
    Not(Box<Node>),
}

/// A parsed `$filter`. `Display` prints a text that parses to the same tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The condition.
    pub root: Node,
    /// How many expressions it holds: comparisons, functions, `in`, `not`, lambdas, bare operands.
    pub nodes: usize,
}

/// One term of `$orderby`.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderItem {
    /// What is ordered by.
    pub node: Node,
    /// `desc`
    pub descending: bool,
}

/// One item of `$select`.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `*`
    All,
    /// A property, or a path into one; at least one name.
    Path(Vec<Name>),
}

/// One item of `$expand`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpandItem {
    /// Navigation property, or a path of them (`Robot/License` means `Robot($expand=License)`).
    pub path: Vec<Name>,
    /// Options in parentheses.
    pub options: Nested,
}

/// Options inside `$expand(...)`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Nested {
    /// `$filter`
    pub filter: Option<Filter>,
    /// `$orderby`
    pub orderby: Vec<OrderItem>,
    /// `$select`
    pub select: Option<Vec<SelectItem>>,
    /// `$expand`
    pub expand: Vec<ExpandItem>,
    /// `$top`
    pub top: Option<(u64, Position)>,
    /// `$skip`
    pub skip: Option<u64>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
