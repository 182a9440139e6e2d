//! Reads `$orderby`, `$select` and `$expand` with its nested options.

use super::filter::Parser;
use super::lexer::{Lexer, Token};
use super::{ExpandItem, Name, Nested, OrderItem, Position, SelectItem};
use crate::error::{Failure, shown};

/// Most items of one list; what a type can use is far less.
const MAX_ITEMS: usize = 500;
/// Deepest `$expand` in `$expand` that is read at all; what is allowed is decided when it is bound.
const MAX_NESTING: usize = 8;

fn names(lexer: &mut Lexer<'_>) -> Result<Vec<Name>, Failure> {
    let mut path = Vec::new();
    loop {
        let Token::Word(word) = lexer.token else {
            return Err(lexer.expected("a property"));
        };
        path.push(Name { text: word.to_owned(), at: Position(lexer.position()) });
        lexer.advance()?;
        if !lexer.take(b'/')? {
            return Ok(path);
        }
    }
}

fn many<'a, T>(
    lexer: &mut Lexer<'a>,
    mut item: impl FnMut(&mut Lexer<'a>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut items = Vec::new();
    if lexer.token == Token::End {
        return Ok(items);
    }
    loop {
        if items.len() == MAX_ITEMS {
            return Err(lexer.fail(format!("More than {MAX_ITEMS} items")));
        }
        items.push(item(lexer)?);
        if !lexer.take(b',')? {
            break;
        }
    }
    if lexer.token == Token::End { Ok(items) } else { Err(lexer.expected("',' or the end")) }
}

/// Reads `$orderby`; an empty text gives no terms.
pub(crate) fn orderby(text: &str, base: usize) -> Result<Vec<OrderItem>, Failure> {
    let mut parser = Parser::new(Lexer::new(text, base)?);
    let mut items = Vec::new();
    if parser.lexer.token == Token::End {
        return Ok(items);
    }
    loop {
        if items.len() == MAX_ITEMS {
            return Err(parser.lexer.fail(format!("More than {MAX_ITEMS} items")));
        }
        let node = parser.operand()?;
        let descending = parser.lexer.is_word("desc");
        if descending || parser.lexer.is_word("asc") {
            parser.lexer.advance()?;
        }
        items.push(OrderItem { node, descending });
        if !parser.lexer.take(b',')? {
            break;
        }
    }
    match parser.lexer.token {
        Token::End => Ok(items),
        _ => Err(parser.lexer.expected("'asc', 'desc', ',' or the end")),
    }
}

/// Reads `$select`; an empty text gives no items.
pub(crate) fn select(text: &str, base: usize) -> Result<Vec<SelectItem>, Failure> {
    many(&mut Lexer::new(text, base)?, |lexer| {
        if lexer.take(b'*')? {
            return Ok(SelectItem::All);
        }
        names(lexer).map(SelectItem::Path)
    })
}

/// Reads `$expand`; an empty text gives no items.
pub(crate) fn expand(text: &str, base: usize) -> Result<Vec<ExpandItem>, Failure> {
    expand_at(text, base, 0)
}

fn expand_at(text: &str, base: usize, nesting: usize) -> Result<Vec<ExpandItem>, Failure> {
    if nesting > MAX_NESTING {
        return Err(Failure::new(base, "$expand is nested too deep"));
    }
    many(&mut Lexer::new(text, base)?, |lexer| {
        let path = names(lexer)?;
        let mut options = Nested::default();
        if lexer.is(b'(') {
            let start = lexer.at + 1;
            let end =
                start + closing(lexer.rest().get(1..).unwrap_or_default()).ok_or_else(|| lexer.expected("')'"))?;
            let inner = text.get(start..end).unwrap_or_default();
            nested(inner, base + start, nesting, &mut options)?;
            lexer.jump(end + 1)?;
        }
        Ok(ExpandItem { path, options })
    })
}

/// Where the parenthesis that is open before `text` closes.
fn closing(text: &str) -> Option<usize> {
    split(text, b')').filter(|end| *end < text.len())
}

/// The first `mark` outside of quotes and inner parentheses, or the length; `None` when those do not match.
fn split(text: &str, mark: u8) -> Option<usize> {
    let (mut depth, mut quoted) = (0_usize, false);
    for (i, b) in text.bytes().enumerate() {
        if b == b'\'' {
            quoted = !quoted;
        } else if quoted {
            continue;
        } else if b == mark && depth == 0 {
            return Some(i);
        } else if b == b'(' {
            depth += 1;
        } else if b == b')' {
            depth = depth.checked_sub(1)?;
        }
    }
    (depth == 0 && !quoted).then_some(text.len())
}

fn nested(text: &str, base: usize, nesting: usize, into: &mut Nested) -> Result<(), Failure> {
    let mut seen: Vec<String> = Vec::new();
    let mut from = 0;
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let at = base + from;
        let length = split(rest, b';').ok_or_else(|| Failure::new(at, "Quotes or parentheses do not match"))?;
        let part = rest.get(..length).unwrap_or_default();
        if !part.trim().is_empty() {
            let (name, value) =
                part.split_once('=').ok_or_else(|| Failure::new(at, "Expected an option such as $select=Name"))?;
            let name = name.trim().to_ascii_lowercase();
            if seen.contains(&name) {
                return Err(Failure::named(at, &name, format!("The option '{}' stands twice", shown(&name))));
            }
            let value_at = at + part.len() - value.len();
            nested_option(&name, value, value_at, nesting, into)
                .map_err(|f| if f.at < at { Failure { at, ..f } } else { f })?;
            seen.push(name);
        }
        from += length + 1;
        if from > text.len() {
            return Ok(());
        }
    }
}

fn nested_option(name: &str, value: &str, at: usize, nesting: usize, into: &mut Nested) -> Result<(), Failure> {
    let number =
        || {
            value.trim().parse::<u64>().ok().filter(|n| *n <= i64::MAX as u64).ok_or_else(|| {
                Failure::named(at, name, format!("'{}' is not a number for {name}", shown(value.trim())))
            })
        };
    match name {
        "$filter" => into.filter = Some(super::filter(value, at)?),
        "$orderby" => into.orderby = orderby(value, at)?,
        "$select" => into.select = Some(select(value, at)?),
        "$expand" => into.expand = expand_at(value, at, nesting + 1)?,
        "$top" => into.top = Some((number()?, Position(at))),
        "$skip" => into.skip = Some(number()?),
        _ => {
            let name = shown(name);
            return Err(Failure::named(at, &name, format!("The option '{name}' is not supported inside $expand")));
        }
    }
    Ok(())
}
