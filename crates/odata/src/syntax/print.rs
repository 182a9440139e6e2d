//! Prints syntax trees as texts that parse to the same trees. Nothing else depends on the printed form.

use super::{Expr, Filter, Literal, Name, Node, OrderItem};
use crate::time;
use std::fmt::{self, Display, Formatter};

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("null"),
            Literal::Bool(b) => write!(f, "{b}"),
            Literal::Int(i) => write!(f, "{i}"),
            // `{:?}` always has a point or an exponent, so it reads back as a real number.
            Literal::Real(r) => write!(f, "{r:?}"),
            Literal::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Literal::Guid(guid) => f.write_str(guid),
            Literal::DateTime(micros) => f.write_str(&time::format(*micros)),
            Literal::Date(micros) => f.write_str(&time::format_date(*micros)),
            Literal::Typed { name, text } => write!(f, "{name}'{}'", text.replace('\'', "''")),
        }
    }
}

fn path(f: &mut Formatter<'_>, names: &[Name]) -> fmt::Result {
    for (i, name) in names.iter().enumerate() {
        write!(f, "{}{name}", if i > 0 { "/" } else { "" })?;
    }
    Ok(())
}

/// Writes parts with a separator; those that bind no tighter than their surroundings get parentheses.
fn joined(f: &mut Formatter<'_>, parts: &[Node], separator: &str, grouped: fn(&Expr) -> bool) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        if grouped(&part.expr) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}

/// Whether an expression needs parentheses as a side of a comparison.
fn is_condition(expr: &Expr) -> bool {
    matches!(expr, Expr::Compare { .. } | Expr::In { .. } | Expr::And(_) | Expr::Or(_) | Expr::Not(_))
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Expr::Literal(literal) => write!(f, "{literal}"),
            Expr::Path(names) => path(f, names),
            Expr::Call { name, args } => {
                write!(f, "{name}(")?;
                joined(f, args, ",", is_condition)?;
                f.write_str(")")
            }
            Expr::Lambda { path: names, all, body } => {
                path(f, names)?;
                f.write_str(if *all { "/all(" } else { "/any(" })?;
                if let Some((variable, condition)) = body {
                    write!(f, "{variable}:{condition}")?;
                }
                f.write_str(")")
            }
            Expr::Compare { op, left, right } => {
                joined(f, std::slice::from_ref(&**left), "", is_condition)?;
                write!(f, " {} ", op.word())?;
                joined(f, std::slice::from_ref(&**right), "", is_condition)
            }
            Expr::In { left, list } => {
                joined(f, std::slice::from_ref(&**left), "", is_condition)?;
                f.write_str(" in (")?;
                for (i, (value, _)) in list.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { "," } else { "" })?;
                }
                f.write_str(")")
            }
            Expr::And(parts) => joined(f, parts, " and ", |e| matches!(e, Expr::And(_) | Expr::Or(_))),
            Expr::Or(parts) => joined(f, parts, " or ", |e| matches!(e, Expr::Or(_))),
            Expr::Not(inner) => write!(f, "not ({inner})"),
        }
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root)
    }
}

impl Display for OrderItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        joined(f, std::slice::from_ref(&self.node), "", is_condition)?;
        f.write_str(if self.descending { " desc" } else { "" })
    }
}
