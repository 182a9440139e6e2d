//! Conditions and values as SQL.
//!
//! A condition is printed in one of two forms. The plain form may be NULL where the condition is false:
//! good enough at the top of a WHERE clause and under AND/OR there, and usable by indexes. The exact form
//! has precisely the condition's own truth value; it is needed below NOT and IS.

use super::Param;
use super::writer::{Frame, Level, Writer};
use crate::query::{Class, Compare, Constant, DatePart, Predicate, Scalar, TextTest};
use crate::syntax::Operator;
use crate::text::fold;
use crate::time::DAY;
use bandmaster_core::text::{Within, like};
use bandmaster_model::entity::{EntityType, Kind, Link, Scope};

/// Whether a value is the type's own key.
pub(super) fn is_key(scalar: &Scalar, ty: &EntityType) -> bool {
    matches!(scalar, Scalar::Property(p)
        if p.variable == 0 && p.hops.is_empty() && p.property.name.eq_ignore_ascii_case(ty.key))
}

/// Whether a value of the row itself is never null. What is reached over a navigation is null when nothing is there.
pub(super) fn never_null(scalar: &Scalar, ty: &EntityType) -> bool {
    let required = matches!(scalar, Scalar::Property(p) if p.variable == 0 && p.hops.is_empty() && p.property.required);
    required || is_key(scalar, ty)
}

fn sign(op: Operator) -> &'static str {
    match op {
        Operator::Equal => " = ",
        Operator::NotEqual => " <> ",
        Operator::Greater => " > ",
        Operator::GreaterOrEqual => " >= ",
        Operator::Less => " < ",
        Operator::LessOrEqual => " <= ",
    }
}

/// The constant as a parameter of a class.
fn bound(constant: &Constant, class: Class) -> Param {
    match constant {
        Constant::Bool(b) => Param::Int(i64::from(*b)),
        Constant::Int(i) if class == Class::Real => Param::Real(*i as f64),
        Constant::Int(i) | Constant::DateTime(i) => Param::Int(*i),
        Constant::Real(r) => Param::Real(*r),
        Constant::Text(t) | Constant::Guid(t) if class == Class::Text => Param::Text(fold(t)),
        Constant::Text(t) | Constant::Guid(t) => Param::Text(t.clone()),
    }
}

/// Where a text test looks.
fn within(test: TextTest) -> Within {
    match test {
        TextTest::StartsWith => Within::Start,
        TextTest::EndsWith => Within::End,
        TextTest::Contains => Within::Anywhere,
    }
}

/// The least text that is greater than every text with this beginning; none when there is no such text (the empty
/// beginning, or one of the greatest character alone). Texts are ordered by their bytes, which is the order of characters.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The step over the surrogates, which are no characters.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

impl Writer<'_> {
    /// Prints a condition in its plain form.
    pub fn condition(&mut self, predicate: &Predicate, frame: &mut Frame) {
        self.predicate(predicate, frame, false);
    }

    fn predicate(&mut self, predicate: &Predicate, frame: &mut Frame, exact: bool) {
        match predicate {
            Predicate::Always(value) => self.push(if *value { "TRUE" } else { "FALSE" }),
            Predicate::And(parts) => self.joined(parts, " AND ", "TRUE", frame, exact),
            Predicate::Or(parts) => self.joined(parts, " OR ", "FALSE", frame, exact),
            Predicate::Not(inner) => {
                self.push("NOT (");
                self.predicate(inner, frame, true);
                self.push(")");
            }
            Predicate::Compare(compare) => self.compare(compare, frame, exact),
            Predicate::IsNull(scalar, negated) => {
                self.raw(scalar, frame);
                self.push(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Predicate::In { class, scalar, values, null } => {
                self.push(if exact { "COALESCE(" } else { "(" });
                self.operand(scalar, *class, frame);
                let values = values.iter().map(|v| bound(v, *class));
                if *class == Class::Text {
                    self.folded_values(values)
                } else {
                    self.values(values)
                }
                if *null {
                    self.push(" OR ");
                    self.raw(scalar, frame);
                    self.push(" IS NULL");
                }
                self.push(if exact { ", FALSE)" } else { ")" });
            }
            Predicate::Text { test, text, part } => self.search(*test, text, part, frame),
            Predicate::Flag(scalar) => {
                self.raw(scalar, frame);
                self.push(" <> 0");
            }
            // True and null differ from false alike where the plain form is enough.
            Predicate::Is { inner, value: true, negated: false } if !exact => self.predicate(inner, frame, false),
            Predicate::Is { inner, value, negated } => {
                self.push("(");
                self.predicate(inner, frame, true);
                self.push(match (value, negated) {
                    (true, false) => ") IS TRUE",
                    (true, true) => ") IS NOT TRUE",
                    (false, false) => ") IS FALSE",
                    (false, true) => ") IS NOT FALSE",
                });
            }
            Predicate::Same { left, right, negated } => {
                self.push("((");
                self.predicate(left, frame, true);
                self.push(if *negated { ") IS DISTINCT FROM (" } else { ") IS NOT DISTINCT FROM (" });
                self.predicate(right, frame, true);
                self.push("))");
            }
            Predicate::Lambda { variable, hops, navigation, all, body } => {
                let (Link::Many { local, remote } | Link::One { local, remote }) = navigation.link;
                let outer = frame.reach(*variable, hops);
                let target = (navigation.target)();
                let alias = self.alias();
                frame.levels.push(Level { alias, ty: target, joins: Vec::new() });
                frame.collect(body.as_deref(), frame.levels.len() - 1, self);
                self.push(if *all { "NOT EXISTS (SELECT 1" } else { "EXISTS (SELECT 1" });
                self.from(frame);
                self.push(" WHERE ");
                self.column(alias, remote);
                self.push(" = ");
                self.column(outer, local);
                if !matches!(target.scope, Scope::Host | Scope::Within) {
                    self.push(" AND ");
                    self.scope(target, alias);
                }
                if let Some(body) = body {
                    self.push(" AND (");
                    self.predicate(body, frame, *all);
                    self.push(if *all { ") IS NOT TRUE" } else { ")" });
                }
                self.push(")");
                frame.levels.pop();
            }
            Predicate::Sql { fragment, params } => {
                self.push(if exact { "COALESCE((" } else { "(" });
                let alias = frame.levels.first().map_or(0, |l| l.alias);
                self.fragment(fragment, alias, params);
                self.push(if exact { "), FALSE)" } else { ")" });
            }
        }
    }

    fn joined(&mut self, parts: &[Predicate], word: &str, empty: &str, frame: &mut Frame, exact: bool) {
        if parts.is_empty() {
            return self.push(empty);
        }
        self.push("(");
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                self.push(word);
            }
            self.predicate(part, frame, exact);
        }
        self.push(")");
    }

    fn compare(&mut self, compare: &Compare, frame: &mut Frame, exact: bool) {
        let Compare { op, class, left, right } = compare;
        let constant = |s: &Scalar| matches!(s, Scalar::Constant(_));
        let word = match op {
            // Two nulls are equal, so `=` is only good when one side cannot be null.
            Operator::Equal if !constant(left) && !constant(right) => " IS NOT DISTINCT FROM ",
            Operator::NotEqual => " IS DISTINCT FROM ",
            other => sign(*other),
        };
        let guarded = exact && !word.starts_with(" IS") && !(constant(left) && constant(right));
        self.push(if guarded { "COALESCE(" } else { "(" });
        self.operand(left, *class, frame);
        self.push(word);
        self.operand(right, *class, frame);
        self.push(if guarded { ", FALSE)" } else { ")" });
    }

    fn search(&mut self, test: TextTest, text: &Scalar, part: &Scalar, frame: &mut Frame) {
        // Of the tests only this one can be answered by an index, and only as a range: SQLite uses none for LIKE with
        // ESCAPE, and a pattern that is a parameter says nothing while PostgreSQL plans.
        if let (
            TextTest::StartsWith,
            Scalar::Property(_),
            Scalar::Constant(Constant::Text(part) | Constant::Guid(part)),
        ) = (test, text, part)
            && let Some(end) = behind(&fold(part))
        {
            self.push("(");
            self.operand(text, Class::Text, frame);
            self.push(" >= ");
            self.folded(Param::Text(fold(part)));
            self.push(" AND ");
            self.operand(text, Class::Text, frame);
            self.push(" < ");
            self.folded(Param::Text(end));
            return self.push(")");
        }
        if let Scalar::Constant(Constant::Text(part) | Constant::Guid(part)) = part {
            self.push("(");
            self.operand(text, Class::Text, frame);
            self.push(" LIKE ");
            self.param(Param::Text(like(part, within(test))));
            return self.push(" ESCAPE '\\')");
        }
        // A pattern made of a column would have to be escaped in SQL, and may be too long for SQLite.
        match test {
            TextTest::Contains => {
                // An empty text is in every text, but replacing it changes nothing.
                self.push("(replace(");
                self.operand(text, Class::Text, frame);
                self.push(", ");
                self.operand(part, Class::Text, frame);
                self.push(", '') <> ");
                self.operand(text, Class::Text, frame);
                self.push(" OR (");
                self.operand(part, Class::Text, frame);
                self.push(" = '' AND ");
                self.operand(text, Class::Text, frame);
                self.push(" = ");
                self.operand(text, Class::Text, frame);
                self.push("))");
            }
            TextTest::StartsWith => {
                self.push("(substr(");
                self.operand(text, Class::Text, frame);
                self.push(", 1, length(");
                self.operand(part, Class::Text, frame);
                self.push(")) = ");
                self.operand(part, Class::Text, frame);
                self.push(")");
            }
            TextTest::EndsWith => {
                // The lengths are compared first since a start before the text means different things.
                self.push("(CASE WHEN length(");
                self.operand(text, Class::Text, frame);
                self.push(") < length(");
                self.operand(part, Class::Text, frame);
                self.push(") THEN FALSE ELSE substr(");
                self.operand(text, Class::Text, frame);
                self.push(", length(");
                self.operand(text, Class::Text, frame);
                self.push(") - length(");
                self.operand(part, Class::Text, frame);
                self.push(") + 1) = ");
                self.operand(part, Class::Text, frame);
                self.push(" END)");
            }
        }
    }

    /// A value in the form in which its class is compared.
    pub fn operand(&mut self, scalar: &Scalar, class: Class, frame: &mut Frame) {
        match (class, scalar) {
            (Class::Text, Scalar::Constant(constant)) => self.folded(bound(constant, class)),
            (_, Scalar::Constant(constant)) => self.param(bound(constant, class)),
            (Class::Text, _) => {
                self.push("fold(");
                self.raw(scalar, frame);
                self.push(")");
            }
            (Class::Real, Scalar::Property(path)) if path.property.kind == Kind::Double => self.raw(scalar, frame),
            (Class::Real, _) => {
                self.push("CAST(");
                self.raw(scalar, frame);
                self.push(" AS DOUBLE PRECISION)");
            }
            (Class::Integer | Class::Guid, _) => self.raw(scalar, frame),
        }
    }

    /// A value as it is stored or computed.
    fn raw(&mut self, scalar: &Scalar, frame: &mut Frame) {
        match scalar {
            Scalar::Property(path) => {
                let alias = frame.reach(path.variable, &path.hops);
                self.source(path.property, alias);
            }
            Scalar::Constant(constant) => self.param(bound(constant, Class::Guid)),
            Scalar::Length(text) => {
                self.push("length(");
                self.raw(text, frame);
                self.push(")");
            }
            Scalar::Trim(text) => {
                self.push("trim(");
                self.raw(text, frame);
                self.push(")");
            }
            Scalar::Concat(first, second) => {
                self.push("(");
                self.raw(first, frame);
                self.push(" || ");
                self.raw(second, frame);
                self.push(")");
            }
            Scalar::Substring { text, start, length } => {
                self.push("substr(");
                self.raw(text, frame);
                for number in [Some(start + 1), *length].into_iter().flatten() {
                    self.push(", CAST(");
                    self.param(Param::Int(number));
                    self.push(" AS INTEGER)");
                }
                self.push(")");
            }
            Scalar::Part(part, moment) => self.part(*part, moment, frame),
        }
    }

    /// Microseconds since the day began. Both databases truncate towards zero, hence the second remainder.
    fn of_day(&mut self, moment: &Scalar, frame: &mut Frame) {
        self.push("((");
        self.raw(moment, frame);
        self.push(&format!(" % {DAY} + {DAY}) % {DAY})"));
    }

    fn part(&mut self, part: DatePart, moment: &Scalar, frame: &mut Frame) {
        let clock = match part {
            DatePart::Hour => Some((3_600_000_000_i64, 24)),
            DatePart::Minute => Some((60_000_000, 60)),
            DatePart::Second => Some((1_000_000, 60)),
            _ => None,
        };
        if let Some((unit, modulus)) = clock {
            self.push("(");
            self.of_day(moment, frame);
            return self.push(&format!(" / {unit} % {modulus})"));
        }
        if part == DatePart::Date {
            self.push("(");
            self.raw(moment, frame);
            self.push(" - ");
            self.of_day(moment, frame);
            return self.push(")");
        }
        // The calendar, step by step as in `time::date_of`; nested selects keep the text short. Days are
        // counted from the year 0, so that nothing here is negative.
        let result = match part {
            DatePart::Year => "SELECT y + CASE WHEN m < 10 THEN 0 ELSE 1 END",
            DatePart::Month => "SELECT CASE WHEN m < 10 THEN m + 3 ELSE m - 9 END",
            _ => "SELECT d - (153 * m + 2) / 5 + 1",
        };
        self.push("(");
        self.push(result);
        self.push(
            " FROM (SELECT y, d, (5 * d + 2) / 153 AS m FROM (\
             SELECT e * 400 + y AS y, r - (365 * y + y / 4 - y / 100) AS d FROM (\
             SELECT e, r, (r - r / 1460 + r / 36524 - r / 146096) / 365 AS y FROM (\
             SELECT z / 146097 AS e, z % 146097 AS r FROM (SELECT (",
        );
        self.raw(moment, frame);
        self.push(" - ");
        self.of_day(moment, frame);
        self.push(&format!(") / {DAY} + 719468 AS z) AS q1) AS q2) AS q3) AS q4) AS q5)"));
    }
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn a_beginning_ends_before_the_next_character() {
        for (prefix, end) in [
            ("ab", Some("ac")),
            ("R-0", Some("R-1")),
            ("%", Some("&")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(behind(prefix).as_deref(), end, "{prefix}");
            if let Some(end) = end {
                assert!(prefix < end && format!("{prefix}\u{10ffff}\u{10ffff}").as_str() < end);
            }
        }
    }
}
