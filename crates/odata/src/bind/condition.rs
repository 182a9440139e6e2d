//! Binds conditions: what is true or false of a row.

use super::{Limits, unknown};
use crate::error::{Failure, shown};
use crate::query::{Compare, OrderTerm, Predicate, PropertyPath, Scalar, TextTest, Type};
use crate::syntax::{Expr, Literal, Name, Node, Operator, Position};
use bandmaster_model::entity::{EntityType, Link, Navigation, Property};

/// What names mean at a place of an expression.
pub(super) struct Binder<'a> {
    pub limits: &'a Limits,
    /// The row itself, then one for every surrounding lambda.
    scopes: Vec<(Option<String>, &'static EntityType)>,
}

/// A path without its last name, resolved.
pub(super) struct Walk {
    pub variable: usize,
    pub hops: Vec<&'static Navigation>,
    pub ty: &'static EntityType,
}

/// Whether the expression can only be a condition, never a value to compare as such.
fn is_condition(node: &Node) -> bool {
    match &node.expr {
        Expr::Call { name, .. } => text_test(&name.text).is_some(),
        Expr::Lambda { .. } | Expr::Compare { .. } | Expr::In { .. } => true,
        Expr::And(_) | Expr::Or(_) | Expr::Not(_) => true,
        Expr::Literal(_) | Expr::Path(_) => false,
    }
}

/// The test a function stands for, and whether the shorter text comes first.
fn text_test(name: &str) -> Option<(TextTest, bool)> {
    const TESTS: [(&str, TextTest, bool); 4] = [
        ("contains", TextTest::Contains, false),
        ("startswith", TextTest::StartsWith, false),
        ("endswith", TextTest::EndsWith, false),
        ("substringof", TextTest::Contains, true),
    ];
    TESTS.into_iter().find(|(n, ..)| n.eq_ignore_ascii_case(name)).map(|(_, test, swapped)| (test, swapped))
}

impl<'a> Binder<'a> {
    pub fn new(ty: &'static EntityType, limits: &'a Limits) -> Binder<'a> {
        Binder { limits, scopes: vec![(None, ty)] }
    }

    /// Walks all names but the last. A single name that is a lambda's variable gives no last name.
    pub fn walk<'n>(&self, path: &'n [Name]) -> Result<(Walk, Option<&'n Name>), Failure> {
        let mut names = path;
        let mut variable = 0;
        if let Some((first, rest)) = path.split_first() {
            let named = |(name, _): &(Option<String>, &EntityType)| {
                name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&first.text))
            };
            if let Some(found) = self.scopes.iter().rposition(named) {
                (variable, names) = (found, rest);
            } else if first.text.eq_ignore_ascii_case("$it") {
                names = rest;
            }
        }
        let ty = self.scopes.get(variable).or(self.scopes.first()).map(|(_, ty)| *ty);
        let Some(ty) = ty else { return Err(Failure::new(0, "Nothing to look a name up in")) };
        let mut walk = Walk { variable, hops: Vec::new(), ty };
        let Some((last, before)) = names.split_last() else { return Ok((walk, None)) };
        for name in before {
            let Some(navigation) = walk.ty.navigation(&name.text) else {
                return Err(match walk.ty.property(&name.text) {
                    Some(p) => Failure::named(
                        name.at.0,
                        p.name,
                        format!("'{}' of '{}' has no parts to filter or order by", p.name, walk.ty.name),
                    ),
                    None => unknown(name, walk.ty),
                });
            };
            if matches!(navigation.link, Link::Many { .. }) {
                let text = format!("'{}' leads to many entities: use any or all", navigation.name);
                return Err(Failure::named(name.at.0, navigation.name, text));
            }
            walk.hops.push(navigation);
            walk.ty = (navigation.target)();
        }
        Ok((walk, Some(last)))
    }

    /// A path that ends in a property which may be filtered and ordered by.
    pub fn property(&self, path: &[Name]) -> Result<(Scalar, Type, &'static Property), Failure> {
        let (walk, last) = self.walk(path)?;
        let Some(last) = last.or(path.last()) else { return Err(Failure::new(0, "A path is empty")) };
        let Some(property) = walk.ty.property(&last.text) else {
            return Err(match walk.ty.navigation(&last.text) {
                Some(n) => {
                    let text = format!("'{}' is no value: name one of its properties, or use any or all", n.name);
                    Failure::named(last.at.0, n.name, text)
                }
                None => unknown(last, walk.ty),
            });
        };
        let ty = Type::of_kind(property.kind).filter(|_| property.filterable && !property.secret);
        let Some(ty) = ty else {
            let text = format!("'{}' of '{}' cannot be filtered or ordered by", property.name, walk.ty.name);
            return Err(Failure::named(last.at.0, property.name, text));
        };
        let path = PropertyPath { variable: walk.variable, hops: walk.hops, property };
        Ok((Scalar::Property(path), ty, property))
    }

    pub fn order_term(&mut self, node: &Node, descending: bool) -> Result<OrderTerm, Failure> {
        if is_condition(node) || matches!(node.expr, Expr::Literal(_)) {
            return Err(Failure::new(node.at.0, "Only a property or a function of one can be ordered by"));
        }
        let (scalar, ty) = self.value(node)?;
        Ok(OrderTerm { scalar, class: ty.class(), descending })
    }

    /// Binds a condition.
    pub fn condition(&mut self, node: &Node) -> Result<Predicate, Failure> {
        match &node.expr {
            Expr::And(parts) => Ok(Predicate::And(self.conditions(parts)?)),
            Expr::Or(parts) => Ok(Predicate::Or(self.conditions(parts)?)),
            Expr::Not(inner) => Ok(Predicate::Not(Box::new(self.condition(inner)?))),
            Expr::Compare { op, left, right } if is_condition(left) || is_condition(right) => {
                self.same(*op, left, right, node.at)
            }
            Expr::Compare { op, left, right } => self.compare(*op, left, right, node.at),
            Expr::In { left, list } => self.among(left, list),
            Expr::Call { name, args } => self.search(name, args),
            Expr::Lambda { path, all, body } => self.lambda(path, *all, body.as_ref()),
            Expr::Literal(Literal::Bool(value)) => Ok(Predicate::Always(*value)),
            Expr::Literal(_) => Err(Failure::new(node.at.0, "A value alone is no condition")),
            Expr::Path(path) => {
                let (scalar, ty, property) = self.property(path)?;
                if ty != Type::Bool {
                    let text = format!("'{}' is {}, not a condition", property.name, ty.described());
                    return Err(Failure::named(node.at.0, property.name, text));
                }
                Ok(Predicate::Flag(scalar))
            }
        }
    }

    fn conditions(&mut self, parts: &[Node]) -> Result<Vec<Predicate>, Failure> {
        parts.iter().map(|p| self.condition(p)).collect()
    }

    /// A comparison in which at least one side is a condition.
    fn same(&mut self, op: Operator, left: &Node, right: &Node, at: Position) -> Result<Predicate, Failure> {
        let negated = match op {
            Operator::Equal => false,
            Operator::NotEqual => true,
            _ => {
                return Err(Failure::new(
                    at.0,
                    format!("Conditions can only be compared by eq and ne, not {}", op.word()),
                ));
            }
        };
        let (left, right) = if matches!(left.expr, Expr::Literal(_)) { (right, left) } else { (left, right) };
        let first = Box::new(self.condition(left)?);
        match &right.expr {
            Expr::Literal(Literal::Bool(value)) => Ok(Predicate::Is { inner: first, value: *value, negated }),
            Expr::Literal(_) => Err(Failure::new(right.at.0, "A condition can only be compared with true or false")),
            _ => Ok(Predicate::Same { left: first, right: Box::new(self.condition(right)?), negated }),
        }
    }

    fn search(&mut self, name: &Name, args: &[Node]) -> Result<Predicate, Failure> {
        let Some((test, swapped)) = text_test(&name.text) else {
            let text = shown(&name.text);
            // Known functions get the better message, unknown ones the message that they are unknown.
            let message = match self.call(name, args) {
                Ok((Scalar::Property(path), Type::Bool)) => return Ok(Predicate::Flag(Scalar::Property(path))),
                Ok(_) => format!("The function '{text}' gives a value, not a condition"),
                Err(failure) => return Err(failure),
            };
            return Err(Failure::named(name.at.0, &text, message));
        };
        let [first, second] = args else {
            let text = format!("The function '{}' takes two arguments, not {}", name.text, args.len());
            return Err(Failure::named(name.at.0, &name.text, text));
        };
        let (text, part) = if swapped { (second, first) } else { (first, second) };
        Ok(Predicate::Text { test, text: self.text(text)?, part: self.text(part)? })
    }

    fn lambda(&mut self, path: &[Name], all: bool, body: Option<&(Name, Box<Node>)>) -> Result<Predicate, Failure> {
        let (walk, last) = self.walk(path)?;
        let Some(last) = last.or(path.last()) else { return Err(Failure::new(0, "A path is empty")) };
        let Some(navigation) = walk.ty.navigation(&last.text) else {
            return Err(match walk.ty.property(&last.text) {
                Some(p) => Failure::named(
                    last.at.0,
                    p.name,
                    format!("'{}' of '{}' cannot be filtered by its elements", p.name, walk.ty.name),
                ),
                None => unknown(last, walk.ty),
            });
        };
        if matches!(navigation.link, Link::One { .. }) {
            let text = format!("'{}' leads to one entity: use its properties without any or all", navigation.name);
            return Err(Failure::named(last.at.0, navigation.name, text));
        }
        let body = match body {
            None => None,
            Some((variable, condition)) => {
                self.scopes.push((Some(variable.text.clone()), (navigation.target)()));
                let bound = self.condition(condition);
                self.scopes.pop();
                Some(Box::new(bound?))
            }
        };
        Ok(Predicate::Lambda { variable: walk.variable, hops: walk.hops, navigation, all, body })
    }

    fn among(&mut self, left: &Node, list: &[(Literal, Position)]) -> Result<Predicate, Failure> {
        if is_condition(left) {
            return Err(Failure::new(left.at.0, "A condition cannot stand in front of 'in'"));
        }
        let (scalar, ty) = self.value(left)?;
        let name = super::value::label(left);
        let mut values = Vec::with_capacity(list.len());
        let mut null = false;
        for (literal, at) in list {
            match literal {
                Literal::Null => null = true,
                // No whole number equals a broken one.
                Literal::Real(r) if ty == Type::Int && r.fract() != 0.0 => {}
                other => values.push(super::value::coerce(other, ty, *at, &name)?),
            }
        }
        if values.is_empty() {
            return Ok(if null { Predicate::IsNull(scalar, false) } else { Predicate::Always(false) });
        }
        Ok(Predicate::In { class: ty.class(), scalar, values, null })
    }

    fn compare(&mut self, op: Operator, left: &Node, right: &Node, at: Position) -> Result<Predicate, Failure> {
        let null = |n: &Node| matches!(n.expr, Expr::Literal(Literal::Null));
        let constant = |n: &Node| matches!(n.expr, Expr::Literal(_));
        if null(left) || null(right) {
            let other = if null(left) { right } else { left };
            return Ok(match op {
                Operator::Equal | Operator::NotEqual => {
                    let negated = op == Operator::NotEqual;
                    if constant(other) {
                        Predicate::Always(null(other) != negated)
                    } else {
                        Predicate::IsNull(self.value(other)?.0, negated)
                    }
                }
                // The other side is still checked.
                _ => {
                    if !constant(other) {
                        self.value(other)?;
                    }
                    Predicate::Always(false)
                }
            });
        }
        let (op, left, right) =
            if constant(left) && !constant(right) { (op.mirrored(), right, left) } else { (op, left, right) };
        let (scalar, ty) = self.value(left)?;
        let ordering = !matches!(op, Operator::Equal | Operator::NotEqual);
        if ordering && ty == Type::Bool {
            let text = format!("{} is a Boolean value and has no order", super::value::label(left));
            return Err(Failure::named(at.0, &super::value::label(left), text));
        }
        if let (Expr::Literal(literal), false) = (&right.expr, constant(left)) {
            if let (Literal::Real(r), Type::Int) = (literal, ty) {
                return Ok(super::value::whole_against_real(op, scalar, *r));
            }
            let value = super::value::coerce(literal, ty, right.at, &super::value::label(left))?;
            return Ok(Predicate::Compare(Compare {
                op,
                class: ty.class(),
                left: scalar,
                right: Scalar::Constant(value),
            }));
        }
        let (other, other_ty) = self.value(right)?;
        let Some(class) = super::value::common(ty, other_ty) else {
            let text = format!("{} and {} cannot be compared", ty.described(), other_ty.described());
            return Err(Failure::named(at.0, &super::value::label(left), text));
        };
        Ok(Predicate::Compare(Compare { op, class, left: scalar, right: other }))
    }
}
