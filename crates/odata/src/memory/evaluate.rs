//! Conditions and values over one JSON object, typed by what is found.

use crate::error::{Failure, shown};
use crate::syntax::{Expr, Literal, Name, Node, Operator};
use crate::text::fold;
use crate::time::{self, DAY};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A value during evaluation.
#[derive(Debug, Clone)]
enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Moment(i64),
    /// Objects and lists: equal to nothing.
    Other,
}

/// A value by which rows are ordered. Values of different kinds have an order too, so that it is a total one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Null,
    Bool(bool),
    Number(f64, i64),
    Moment(i64),
    Text(String),
    Other,
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        fn rank(key: &Key) -> u8 {
            match key {
                Key::Null => 0,
                Key::Bool(_) => 1,
                Key::Number(..) => 2,
                Key::Moment(_) => 3,
                Key::Text(_) => 4,
                Key::Other => 5,
            }
        }
        match (self, other) {
            (Key::Bool(a), Key::Bool(b)) => a.cmp(b),
            (Key::Number(a, i), Key::Number(b, j)) => a.total_cmp(b).then(i.cmp(j)),
            (Key::Moment(a), Key::Moment(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

fn of_json(value: Option<&Value>) -> Val<'_> {
    match value {
        None | Some(Value::Null) => Val::Null,
        Some(Value::Bool(b)) => Val::Bool(*b),
        Some(Value::Number(n)) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Val::Int(i),
            (None, Some(r)) => Val::Real(r),
            (None, None) => Val::Other,
        },
        Some(Value::String(s)) => Val::Text(Cow::Borrowed(s)),
        Some(Value::Array(_) | Value::Object(_)) => Val::Other,
    }
}

fn of_literal(literal: &Literal) -> Val<'_> {
    match literal {
        Literal::Null => Val::Null,
        Literal::Bool(b) => Val::Bool(*b),
        Literal::Int(i) => Val::Int(*i),
        Literal::Real(r) => Val::Real(*r),
        Literal::Text(t) | Literal::Guid(t) | Literal::Typed { text: t, .. } => Val::Text(Cow::Borrowed(t)),
        Literal::DateTime(m) | Literal::Date(m) => Val::Moment(*m),
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let members = value.as_object()?;
    members.get(name).or_else(|| members.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

/// How two values that are not null stand to each other; `None` when they cannot be compared.
fn compare(left: &Val<'_>, right: &Val<'_>) -> Option<Ordering> {
    match (left, right) {
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Real(b)) => (*a as f64).partial_cmp(b),
        (Val::Real(a), Val::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Val::Real(a), Val::Real(b)) => a.partial_cmp(b),
        (Val::Moment(a), Val::Moment(b)) => Some(a.cmp(b)),
        (Val::Text(a), Val::Text(b)) => Some(fold(a).cmp(&fold(b))),
        (Val::Moment(a), Val::Text(b)) => time::parse(b).map(|b| a.cmp(&b)),
        // Numbers of enumerations may be written as text, in the list or in the condition.
        (Val::Int(a), Val::Text(b)) => b.trim().parse().ok().map(|b| a.cmp(&b)),
        (Val::Bool(a), Val::Text(b)) => b.to_ascii_lowercase().parse().ok().map(|b| a.cmp(&b)),
        (Val::Text(_), Val::Moment(_) | Val::Int(_) | Val::Bool(_)) => compare(right, left).map(Ordering::reverse),
        _ => None,
    }
}

fn holds(op: Operator, left: &Val<'_>, right: &Val<'_>) -> bool {
    let order = match (left, right) {
        (Val::Null, Val::Null) => return op == Operator::Equal,
        (Val::Null, _) | (_, Val::Null) => return op == Operator::NotEqual,
        _ => compare(left, right),
    };
    match op {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
    }
}

/// One row and the variables of the lambdas around.
pub(super) struct Evaluator<'a> {
    row: &'a Value,
    variables: Vec<(&'a str, &'a Value)>,
}

impl<'a> Evaluator<'a> {
    pub fn new(row: &'a Value) -> Evaluator<'a> {
        Evaluator { row, variables: Vec::new() }
    }

    fn find(&self, path: &[Name]) -> Option<&'a Value> {
        let (mut at, mut names) = (self.row, path);
        if let Some((first, rest)) = path.split_first() {
            if let Some((_, value)) = self.variables.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(&first.text)) {
                (at, names) = (*value, rest);
            } else if first.text.eq_ignore_ascii_case("$it") {
                names = rest;
            }
        }
        names.iter().try_fold(at, |at, name| member(at, &name.text))
    }

    /// The truth of a condition; `None` is null.
    pub fn condition<'n: 'a>(&mut self, node: &'n Node) -> Result<Option<bool>, Failure> {
        match &node.expr {
            Expr::And(parts) => self.kleene(parts, false),
            Expr::Or(parts) => self.kleene(parts, true),
            Expr::Not(inner) => Ok(self.condition(inner)?.map(|b| !b)),
            _ => match self.value(node)? {
                Val::Bool(b) => Ok(Some(b)),
                Val::Null => Ok(None),
                _ => Err(Failure::new(node.at.0, format!("{} is not a condition", shown(&node.to_string())))),
            },
        }
    }

    /// `and` ends with false, `or` with true.
    fn kleene<'n: 'a>(&mut self, parts: &'n [Node], end: bool) -> Result<Option<bool>, Failure> {
        let mut result = Some(!end);
        for part in parts {
            match self.condition(part)? {
                Some(b) if b == end => return Ok(Some(end)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn value<'n: 'a>(&mut self, node: &'n Node) -> Result<Val<'a>, Failure> {
        let truth = |b: Option<bool>| b.map_or(Val::Null, Val::Bool);
        Ok(match &node.expr {
            Expr::Literal(literal) => of_literal(literal),
            Expr::Path(path) => of_json(self.find(path)),
            Expr::Compare { op, left, right } => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                Val::Bool(holds(*op, &left, &right))
            }
            Expr::In { left, list } => {
                let left = self.value(left)?;
                Val::Bool(list.iter().any(|(literal, _)| holds(Operator::Equal, &left, &of_literal(literal))))
            }
            Expr::And(_) | Expr::Or(_) | Expr::Not(_) => truth(self.condition(node)?),
            Expr::Lambda { path, all, body } => {
                let items = self.find(path).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let Some((variable, condition)) = body else { return Ok(Val::Bool(!items.is_empty())) };
                let mut found = *all;
                for item in items {
                    self.variables.push((&variable.text, item));
                    let result = self.condition(condition);
                    self.variables.pop();
                    if (result? == Some(true)) != *all {
                        found = !*all;
                        break;
                    }
                }
                Val::Bool(found)
            }
            Expr::Call { name, args } => {
                let values: Result<Vec<Val<'a>>, Failure> = args.iter().map(|a| self.value(a)).collect();
                call(&name.text.to_ascii_lowercase(), &values?).ok_or_else(|| {
                    Failure::named(name.at.0, &name.text, format!("{} cannot be computed", shown(&node.to_string())))
                })?
            }
        })
    }

    /// The value by which the row is ordered.
    pub fn key<'n: 'a>(&mut self, node: &'n Node) -> Result<Key, Failure> {
        Ok(match self.value(node)? {
            Val::Null => Key::Null,
            Val::Bool(b) => Key::Bool(b),
            Val::Int(i) => Key::Number(i as f64, i),
            Val::Real(r) => Key::Number(r, 0),
            Val::Moment(m) => Key::Moment(m),
            // Moments do not sort as texts: they have as many digits as they need.
            Val::Text(t) => match time::scan(&t) {
                Some(s) if s.timed && s.length == t.len() => Key::Moment(s.micros),
                _ => Key::Text(fold(&t)),
            },
            Val::Other => Key::Other,
        })
    }
}

/// Functions of values; `None` when the arguments do not fit.
fn call<'a>(name: &str, args: &[Val<'a>]) -> Option<Val<'a>> {
    if args.iter().any(|a| matches!(a, Val::Null)) {
        return Some(Val::Null);
    }
    let text = |i: usize| match args.get(i) {
        Some(Val::Text(t)) => Some(t.as_ref()),
        _ => None,
    };
    let number = |i: usize| match args.get(i) {
        Some(Val::Int(n)) => usize::try_from(*n).ok(),
        _ => None,
    };
    let owned = |t: String| Some(Val::Text(Cow::Owned(t)));
    match name {
        "contains" => Some(Val::Bool(fold(text(0)?).contains(&fold(text(1)?)))),
        "substringof" => Some(Val::Bool(fold(text(1)?).contains(&fold(text(0)?)))),
        "startswith" => Some(Val::Bool(fold(text(0)?).starts_with(&fold(text(1)?)))),
        "endswith" => Some(Val::Bool(fold(text(0)?).ends_with(&fold(text(1)?)))),
        "tolower" => owned(fold(text(0)?)),
        "toupper" => owned(text(0)?.to_uppercase()),
        "trim" => owned(text(0)?.trim_matches(' ').to_owned()),
        "concat" => owned(format!("{}{}", text(0)?, text(1)?)),
        "length" => i64::try_from(text(0)?.chars().count()).ok().map(Val::Int),
        "indexof" => {
            let (whole, part) = (fold(text(0)?), fold(text(1)?));
            let found = whole.find(&part).and_then(|at| whole.get(..at));
            Some(Val::Int(found.map_or(-1, |before| i64::try_from(before.chars().count()).unwrap_or(i64::MAX))))
        }
        "substring" => {
            let length = if args.len() > 2 { number(2)? } else { usize::MAX };
            owned(text(0)?.chars().skip(number(1)?).take(length).collect())
        }
        part => {
            let moment = match args.first()? {
                Val::Moment(m) => *m,
                Val::Text(t) => time::parse(t)?,
                _ => return None,
            };
            let (year, month, day) = time::date_of(moment.div_euclid(DAY));
            let of_day = moment.rem_euclid(DAY) / 1_000_000;
            Some(match part {
                "year" => Val::Int(year),
                "month" => Val::Int(month),
                "day" => Val::Int(day),
                "hour" => Val::Int(of_day / 3600),
                "minute" => Val::Int(of_day / 60 % 60),
                "second" => Val::Int(of_day % 60),
                "date" => Val::Moment(moment - moment.rem_euclid(DAY)),
                _ => return None,
            })
        }
    }
}
