//! Binds values: properties, constants and the functions that give something other than a condition.

use super::condition::Binder;
use crate::error::{Failure, shown};
use crate::query::{Class, Compare, Constant, DatePart, Predicate, Scalar, Type};
use crate::syntax::{Expr, Literal, Name, Node, Operator, Position, guid};
use crate::time;

/// What an error calls a node.
pub(super) fn label(node: &Node) -> String {
    shown(&node.to_string())
}

/// How values of two types are compared with each other, if at all.
pub(super) fn common(left: Type, right: Type) -> Option<Class> {
    match (left, right) {
        (Type::Int | Type::Real, Type::Int | Type::Real) => {
            Some(if left == Type::Int && right == Type::Int { Class::Integer } else { Class::Real })
        }
        (Type::Text, Type::Guid) | (Type::Guid, Type::Text) => Some(Class::Text),
        _ => (left == right).then(|| left.class()),
    }
}

/// The literal as a value of a type.
pub(super) fn coerce(literal: &Literal, ty: Type, at: Position, name: &str) -> Result<Constant, Failure> {
    let value = match (ty, literal) {
        (Type::Int, Literal::Int(i)) => Some(Constant::Int(*i)),
        (Type::Int, Literal::Real(r)) if r.fract() == 0.0 && r.abs() < 9e18 => Some(Constant::Int(*r as i64)),
        (Type::Real, Literal::Int(i)) => Some(Constant::Real(*i as f64)),
        (Type::Real, Literal::Real(r)) => Some(Constant::Real(*r)),
        (Type::Text, Literal::Text(t) | Literal::Guid(t)) => Some(Constant::Text(t.clone())),
        (Type::Guid, Literal::Guid(g)) => Some(Constant::Guid(g.clone())),
        (Type::Guid, Literal::Text(t)) => guid(t.trim()).map(Constant::Guid),
        (Type::DateTime, Literal::DateTime(m) | Literal::Date(m)) => Some(Constant::DateTime(*m)),
        (Type::DateTime, Literal::Text(t)) => time::parse(t.trim()).map(Constant::DateTime),
        (Type::Bool, Literal::Bool(b)) => Some(Constant::Bool(*b)),
        (Type::Bool, Literal::Text(t)) if t.eq_ignore_ascii_case("true") => Some(Constant::Bool(true)),
        (Type::Bool, Literal::Text(t)) if t.eq_ignore_ascii_case("false") => Some(Constant::Bool(false)),
        (Type::Enum(members), Literal::Text(t) | Literal::Typed { text: t, .. }) => {
            members.number(t.trim()).map(Constant::Int)
        }
        (Type::Enum(members), Literal::Int(i)) => members.label(*i).map(|_| Constant::Int(*i)),
        _ => None,
    };
    value.ok_or_else(|| {
        let text =
            format!("{} is {}, it cannot be compared with {}", name, ty.described(), shown(&literal.to_string()));
        Failure::named(at.0, name, text)
    })
}

/// A whole number compared with a number that may have a fraction, as a comparison of whole numbers:
/// the databases do not agree on how to compare the two kinds beyond 2^53.
pub(super) fn whole_against_real(op: Operator, left: Scalar, real: f64) -> Predicate {
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    let inside = (-EDGE..EDGE).contains(&real);
    let (op, bound) = match op {
        Operator::Equal | Operator::NotEqual if !inside || real.fract() != 0.0 => {
            return Predicate::Always(op == Operator::NotEqual);
        }
        Operator::Equal | Operator::NotEqual => (op, real as i64),
        // Beyond the edges either every number that is not null fulfils it, or none.
        Operator::Less | Operator::LessOrEqual if !inside => {
            if real < 0.0 {
                return Predicate::Always(false);
            }
            (Operator::LessOrEqual, i64::MAX)
        }
        Operator::Greater | Operator::GreaterOrEqual if !inside => {
            if real > 0.0 {
                return Predicate::Always(false);
            }
            (Operator::GreaterOrEqual, i64::MIN)
        }
        _ if real.fract() == 0.0 => (op, real as i64),
        Operator::Less | Operator::LessOrEqual => (Operator::LessOrEqual, real.floor() as i64),
        Operator::Greater | Operator::GreaterOrEqual => (Operator::GreaterOrEqual, real.ceil() as i64),
    };
    Predicate::Compare(Compare { op, class: Class::Integer, left, right: Scalar::Constant(Constant::Int(bound)) })
}

fn date_part(name: &str) -> Option<DatePart> {
    Some(match name {
        "year" => DatePart::Year,
        "month" => DatePart::Month,
        "day" => DatePart::Day,
        "hour" => DatePart::Hour,
        "minute" => DatePart::Minute,
        "second" => DatePart::Second,
        "date" => DatePart::Date,
        _ => return None,
    })
}

impl Binder<'_> {
    /// Binds a value; null is none.
    pub fn value(&mut self, node: &Node) -> Result<(Scalar, Type), Failure> {
        match &node.expr {
            Expr::Path(path) => self.property(path).map(|(scalar, ty, _)| (scalar, ty)),
            Expr::Call { name, args } => self.call(name, args),
            Expr::Literal(literal) => {
                let (value, ty) = match literal {
                    Literal::Bool(b) => (Constant::Bool(*b), Type::Bool),
                    Literal::Int(i) => (Constant::Int(*i), Type::Int),
                    Literal::Real(r) => (Constant::Real(*r), Type::Real),
                    Literal::Text(t) => (Constant::Text(t.clone()), Type::Text),
                    Literal::Guid(g) => (Constant::Guid(g.clone()), Type::Guid),
                    Literal::DateTime(m) | Literal::Date(m) => (Constant::DateTime(*m), Type::DateTime),
                    Literal::Typed { .. } => {
                        let text = format!("{} means nothing without a property to compare it with", label(node));
                        return Err(Failure::new(node.at.0, text));
                    }
                    Literal::Null => return Err(Failure::new(node.at.0, "null cannot stand here")),
                };
                Ok((Scalar::Constant(value), ty))
            }
            _ => Err(Failure::new(node.at.0, "A condition cannot stand here")),
        }
    }

    /// Binds a text.
    pub fn text(&mut self, node: &Node) -> Result<Scalar, Failure> {
        let (scalar, ty) = self.value(node)?;
        if !matches!(ty, Type::Text | Type::Guid) {
            let name = label(node);
            return Err(Failure::named(node.at.0, &name, format!("{name} is {}, not a text", ty.described())));
        }
        Ok(scalar)
    }

    fn whole(&self, node: &Node) -> Result<i64, Failure> {
        match node.expr {
            Expr::Literal(Literal::Int(i)) if (0..=1_000_000_000).contains(&i) => Ok(i),
            _ => Err(Failure::new(node.at.0, "A number from 0 to 1000000000 must stand here")),
        }
    }

    /// Binds a function that gives a value.
    pub fn call(&mut self, name: &Name, args: &[Node]) -> Result<(Scalar, Type), Failure> {
        let lower = name.text.to_ascii_lowercase();
        let wrong = |wanted: &str| {
            let text = format!("The function '{lower}' takes {wanted}, not {} arguments", args.len());
            Err(Failure::named(name.at.0, &lower, text))
        };
        match (lower.as_str(), args) {
            // Comparisons fold anyway, so changing the case changes nothing.
            ("tolower" | "toupper", [text]) => Ok((self.text(text)?, Type::Text)),
            ("trim", [text]) => Ok((Scalar::Trim(Box::new(self.text(text)?)), Type::Text)),
            ("length", [text]) => Ok((Scalar::Length(Box::new(self.text(text)?)), Type::Int)),
            ("concat", [first, second]) => {
                let (first, second) = (self.text(first)?, self.text(second)?);
                Ok((Scalar::Concat(Box::new(first), Box::new(second)), Type::Text))
            }
            ("substring", [text, start, rest @ ..]) if rest.len() < 2 => {
                let (text, start) = (Box::new(self.text(text)?), self.whole(start)?);
                let length = rest.first().map(|n| self.whole(n)).transpose()?;
                Ok((Scalar::Substring { text, start, length }, Type::Text))
            }
            ("now", []) => match self.limits.now {
                Some(now) => Ok((Scalar::Constant(Constant::DateTime(now)), Type::DateTime)),
                None => Err(Failure::named(name.at.0, "now", "The function 'now' is not supported here")),
            },
            ("tolower" | "toupper" | "trim" | "length", _) => wrong("one argument"),
            ("concat", _) => wrong("two arguments"),
            ("substring", _) => wrong("two or three arguments"),
            ("now", _) => wrong("no argument"),
            (other, _) => match (date_part(other), args) {
                (Some(part), [moment]) => {
                    let (scalar, ty) = self.value(moment)?;
                    if ty != Type::DateTime {
                        let of = label(moment);
                        let text = format!("{of} is {}, not a date and time", ty.described());
                        return Err(Failure::named(moment.at.0, &of, text));
                    }
                    let result = if part == DatePart::Date { Type::DateTime } else { Type::Int };
                    Ok((Scalar::Part(part, Box::new(scalar)), result))
                }
                (Some(_), _) => wrong("one argument"),
                (None, _) => {
                    let text = shown(&name.text);
                    Err(Failure::named(name.at.0, &text, format!("The function '{text}' is not supported")))
                }
            },
        }
    }
}
