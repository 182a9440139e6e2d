//! Checks options against a published type (or against the rows at hand) before anything is evaluated, so
//! that a mistake is one on an empty list too.

use super::unknown;
use crate::bind::Limits;
use crate::error::{Failure, ODataError, shown};
use crate::options::QueryOptions;
use crate::syntax::{ExpandItem, Expr, Literal, Name, Node, Operator, SelectItem, guid};
use crate::time;
use bandmaster_model::{TypeBody, TypeDef, TypeRef, contract};
use serde_json::Value;

/// What is known of the things that names are looked up in.
#[derive(Clone)]
pub(super) enum Known<'a> {
    /// Nothing: every name may exist.
    Anything,
    /// A published type.
    Type(&'a TypeDef),
    /// Rows; a name exists when one of them has it.
    Rows(&'a [Value]),
    /// A value of that type, without members.
    Leaf(&'a TypeRef),
}

/// Checks names, literals and limits of all options against a published type.
///
/// # Errors
/// Unknown names and functions, values that cannot be compared, the limits of [`Limits::default`].
pub fn check(options: &QueryOptions, ty: &TypeDef) -> Result<(), ODataError> {
    against(options, &Known::Type(ty), &Limits::default())
}

pub(super) fn against(options: &QueryOptions, known: &Known<'_>, limits: &Limits) -> Result<(), ODataError> {
    if let Some(filter) = &options.filter {
        let place = |f: Failure| f.in_option("$filter", &filter.text);
        if filter.tree.nodes > limits.nodes {
            let text =
                format!("The condition has {} expressions, at most {} are allowed", filter.tree.nodes, limits.nodes);
            return Err(place(Failure::new(0, text)));
        }
        Checker { root: known.clone(), variables: Vec::new() }.condition(&filter.tree.root).map_err(place)?;
    }
    if let Some(order) = &options.orderby {
        let place = |f: Failure| f.in_option("$orderby", &order.text);
        if let Some(extra) = order.tree.get(limits.order_terms) {
            return Err(place(Failure::new(extra.node.at.0, format!("More than {} terms", limits.order_terms))));
        }
        for term in &order.tree {
            if !matches!(term.node.expr, Expr::Path(_) | Expr::Call { .. }) {
                return Err(place(Failure::new(
                    term.node.at.0,
                    "Only a property or a function of one can be ordered by",
                )));
            }
            Checker { root: known.clone(), variables: Vec::new() }.value(&term.node).map_err(place)?;
        }
    }
    if let Some(select) = &options.select {
        for item in &select.tree {
            if let SelectItem::Path(path) = item
                && let Some(head) = path.first()
            {
                step(known, head).map_err(|f| f.in_option("$select", &select.text))?;
            }
        }
    }
    if let Some(expand) = &options.expand {
        expansions(&expand.tree, known, limits, 1).map_err(|f| f.in_option("$expand", &expand.text))?;
    }
    Ok(())
}

fn expansions(items: &[ExpandItem], known: &Known<'_>, limits: &Limits, depth: usize) -> Result<(), Failure> {
    for item in items {
        let mut at = known.clone();
        for (i, name) in item.path.iter().enumerate() {
            if depth + i > limits.expand_depth {
                let text = format!("$expand is deeper than {} levels", limits.expand_depth);
                return Err(Failure::named(name.at.0, &name.text, text));
            }
            at = element(step(&at, name)?);
        }
        expansions(&item.options.expand, &at, limits, depth + item.path.len())?;
        for selected in item.options.select.iter().flatten() {
            if let SelectItem::Path(path) = selected
                && let Some(head) = path.first()
            {
                step(&at, head)?;
            }
        }
        if let Some(filter) = &item.options.filter {
            Checker { root: at.clone(), variables: Vec::new() }.condition(&filter.root)?;
        }
        for term in &item.options.orderby {
            Checker { root: at.clone(), variables: Vec::new() }.value(&term.node)?;
        }
    }
    Ok(())
}

/// What stands inside a list; everything else is itself.
fn element(known: Known<'_>) -> Known<'_> {
    match known {
        Known::Leaf(TypeRef::List(inner)) => of_type(inner),
        other => other,
    }
}

fn of_type(ty: &TypeRef) -> Known<'_> {
    match ty {
        TypeRef::Any | TypeRef::Object | TypeRef::Map(_) => Known::Anything,
        TypeRef::Named(name) => match contract().type_def(name) {
            Some(def) if matches!(def.body, TypeBody::Object(_)) => Known::Type(def),
            _ => Known::Anything,
        },
        other => Known::Leaf(other),
    }
}

/// Looks one name up.
fn step<'a>(known: &Known<'a>, name: &Name) -> Result<Known<'a>, Failure> {
    match known {
        Known::Anything => Ok(Known::Anything),
        Known::Type(ty) => match ty.property(&name.text) {
            Some(property) => Ok(of_type(&property.ty)),
            None => Err(unknown(name.at.0, &name.text, &ty.name)),
        },
        Known::Rows(rows) => {
            let has = |row: &Value| match row {
                Value::Object(members) => members.keys().any(|k| k.eq_ignore_ascii_case(&name.text)),
                _ => true,
            };
            if rows.is_empty() || rows.iter().any(has) {
                Ok(Known::Anything)
            } else {
                Err(unknown(name.at.0, &name.text, "of this list"))
            }
        }
        Known::Leaf(_) => {
            let text = shown(&name.text);
            Err(Failure::named(name.at.0, &text, format!("Nothing has a part named '{text}' here")))
        }
    }
}

struct Checker<'a> {
    root: Known<'a>,
    variables: Vec<(String, Known<'a>)>,
}

impl<'a> Checker<'a> {
    fn path(&self, path: &[Name]) -> Result<Known<'a>, Failure> {
        let (mut at, mut names) = (self.root.clone(), path);
        if let Some((first, rest)) = path.split_first() {
            if let Some((_, known)) = self.variables.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(&first.text)) {
                (at, names) = (known.clone(), rest);
            } else if first.text.eq_ignore_ascii_case("$it") {
                names = rest;
            }
        }
        for name in names {
            at = step(&at, name)?;
        }
        Ok(at)
    }

    fn condition(&mut self, node: &Node) -> Result<(), Failure> {
        match &node.expr {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().try_for_each(|p| self.condition(p)),
            Expr::Not(inner) => self.condition(inner),
            Expr::Compare { op, left, right } => {
                let (l, r) = (self.value(left)?, self.value(right)?);
                let ordering = !matches!(op, Operator::Equal | Operator::NotEqual);
                for (known, side, other) in [(l, left, right), (r, right, left)] {
                    if let Known::Leaf(ty) = known {
                        if ordering && *ty == TypeRef::Bool {
                            let text = format!("{} is a Boolean value and has no order", shown(&side.to_string()));
                            return Err(Failure::named(node.at.0, &side.to_string(), text));
                        }
                        if let Expr::Literal(literal) = &other.expr {
                            accept(ty, literal, side, other.at.0)?;
                        }
                    }
                }
                Ok(())
            }
            Expr::In { left, list } => {
                if let Known::Leaf(ty) = self.value(left)? {
                    list.iter().try_for_each(|(literal, at)| accept(ty, literal, left, at.0))?;
                }
                Ok(())
            }
            Expr::Literal(Literal::Bool(_)) => Ok(()),
            Expr::Literal(_) => Err(Failure::new(node.at.0, "A value alone is no condition")),
            Expr::Path(path) => match self.path(path)? {
                Known::Leaf(ty) if *ty != TypeRef::Bool => {
                    let name = shown(&node.to_string());
                    Err(Failure::named(node.at.0, &name, format!("'{name}' is not a condition")))
                }
                _ => Ok(()),
            },
            Expr::Call { .. } | Expr::Lambda { .. } => self.value(node).map(|_| ()),
        }
    }

    fn value(&mut self, node: &Node) -> Result<Known<'a>, Failure> {
        match &node.expr {
            Expr::Literal(_) => Ok(Known::Anything),
            Expr::Path(path) => self.path(path),
            Expr::Call { name, args } => {
                let Some(least_most) = arity(&name.text) else {
                    let text = shown(&name.text);
                    return Err(Failure::named(name.at.0, &text, format!("The function '{text}' is not supported")));
                };
                if !least_most.contains(&args.len()) {
                    let text = shown(&name.text);
                    let message = format!("The function '{text}' does not take {} arguments", args.len());
                    return Err(Failure::named(name.at.0, &text, message));
                }
                args.iter().try_for_each(|a| self.value(a).map(|_| ()))?;
                Ok(Known::Anything)
            }
            Expr::Lambda { path, body, .. } => {
                let inside = element(self.path(path)?);
                if let Some((variable, condition)) = body {
                    self.variables.push((variable.text.clone(), inside));
                    let result = self.condition(condition);
                    self.variables.pop();
                    result?;
                }
                Ok(Known::Anything)
            }
            _ => self.condition(node).map(|()| Known::Anything),
        }
    }
}

/// How many arguments a function takes.
fn arity(name: &str) -> Option<std::ops::RangeInclusive<usize>> {
    Some(match name.to_ascii_lowercase().as_str() {
        "contains" | "startswith" | "endswith" | "substringof" | "concat" | "indexof" => 2..=2,
        "substring" => 2..=3,
        "tolower" | "toupper" | "trim" | "length" => 1..=1,
        "year" | "month" | "day" | "hour" | "minute" | "second" | "date" => 1..=1,
        _ => return None,
    })
}

fn accept(ty: &TypeRef, literal: &Literal, side: &Node, at: usize) -> Result<(), Failure> {
    let fits = match (ty, literal) {
        (_, Literal::Null) | (TypeRef::Any | TypeRef::Object | TypeRef::Named(_), _) => true,
        (TypeRef::Bool, Literal::Bool(_)) => true,
        (TypeRef::Bool, Literal::Text(t)) => t.eq_ignore_ascii_case("true") || t.eq_ignore_ascii_case("false"),
        (TypeRef::Int32 | TypeRef::Int64 | TypeRef::Double, Literal::Int(_) | Literal::Real(_)) => true,
        (TypeRef::String | TypeRef::Uri | TypeRef::Bytes, Literal::Text(_) | Literal::Guid(_)) => true,
        (TypeRef::Uuid, Literal::Guid(_)) => true,
        (TypeRef::Uuid, Literal::Text(t)) => guid(t.trim()).is_some(),
        (TypeRef::DateTime, Literal::DateTime(_) | Literal::Date(_)) => true,
        (TypeRef::DateTime, Literal::Text(t)) => time::parse(t.trim()).is_some(),
        (TypeRef::Enum(words), Literal::Text(t) | Literal::Typed { text: t, .. }) => {
            words.iter().any(|w| w.eq_ignore_ascii_case(t.trim())) || t.trim().parse::<u32>().is_ok()
        }
        (TypeRef::Enum(_), Literal::Int(i)) => *i >= 0,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let name = shown(&side.to_string());
    Err(Failure::named(at, &name, format!("{name} cannot be compared with {}", shown(&literal.to_string()))))
}
