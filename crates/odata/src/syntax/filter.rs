//! Reads `$filter`: recursive descent, bounded by depth, so that no text can exhaust the stack.

use super::lexer::{Lexer, Token};
use super::{Expr, Filter, Literal, MAX_DEPTH, MAX_LIST, Name, Node, Operator, Position};
use crate::error::{Failure, shown};

/// Words that stand between operands but that this product does not evaluate.
const ARITHMETIC: &[&str] = &["add", "sub", "mul", "div", "divby", "mod", "has"];

/// Reads a whole condition. `base` is where the text begins within its option.
pub(crate) fn filter(text: &str, base: usize) -> Result<Filter, Failure> {
    let mut parser = Parser { lexer: Lexer::new(text, base)?, nodes: 0, depth: 0 };
    if parser.lexer.token == Token::End {
        return Err(parser.lexer.fail("The condition is empty"));
    }
    let root = parser.or()?;
    match parser.lexer.token {
        Token::End => Ok(Filter { root, nodes: parser.nodes }),
        _ => Err(parser.lexer.expected("an operator or the end")),
    }
}

pub(super) struct Parser<'a> {
    pub lexer: Lexer<'a>,
    nodes: usize,
    depth: usize,
}

fn operator(word: &str) -> Option<Operator> {
    const ALL: [Operator; 6] = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Less,
        Operator::LessOrEqual,
    ];
    ALL.into_iter().find(|o| o.word().eq_ignore_ascii_case(word))
}

/// `null`, `true`, `false`.
fn keyword(word: &str) -> Option<Literal> {
    if word.eq_ignore_ascii_case("null") {
        Some(Literal::Null)
    } else if word.eq_ignore_ascii_case("true") {
        Some(Literal::Bool(true))
    } else if word.eq_ignore_ascii_case("false") {
        Some(Literal::Bool(false))
    } else {
        None
    }
}

impl<'a> Parser<'a> {
    pub fn new(lexer: Lexer<'a>) -> Parser<'a> {
        Parser { lexer, nodes: 0, depth: 0 }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        if self.depth >= MAX_DEPTH {
            return Err(self.lexer.fail(format!("The condition is nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Node, Failure> {
        self.joined("or", Self::and, Expr::Or)
    }

    fn and(&mut self) -> Result<Node, Failure> {
        self.joined("and", Self::not, Expr::And)
    }

    fn joined(
        &mut self,
        word: &str,
        operand: fn(&mut Self) -> Result<Node, Failure>,
        join: fn(Vec<Node>) -> Expr,
    ) -> Result<Node, Failure> {
        let at = Position(self.lexer.position());
        let first = operand(self)?;
        if !self.lexer.is_word(word) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.lexer.is_word(word) {
            self.lexer.advance()?;
            all.push(operand(self)?);
        }
        Ok(Node { expr: join(all), at })
    }

    fn not(&mut self) -> Result<Node, Failure> {
        // `not` may also be called like a function: `not(…)`. A property of that name is not reachable.
        if !self.lexer.is_word("not") {
            return self.comparison();
        }
        let at = Position(self.lexer.position());
        self.lexer.advance()?;
        self.nodes += 1;
        let inner = self.deeper(Self::not)?;
        Ok(Node { expr: Expr::Not(Box::new(inner)), at })
    }

    fn comparison(&mut self) -> Result<Node, Failure> {
        let at = Position(self.lexer.position());
        let grouped = self.lexer.is(b'(');
        let left = self.operand()?;
        let Token::Word(word) = self.lexer.token else {
            if !grouped && !matches!(left.expr, Expr::Call { .. } | Expr::Lambda { .. }) {
                self.nodes += 1;
            }
            return Ok(left);
        };
        if let Some(op) = operator(word) {
            self.nodes += 1;
            self.lexer.advance()?;
            let right = Box::new(self.operand()?);
            return Ok(Node { expr: Expr::Compare { op, left: Box::new(left), right }, at });
        }
        if word.eq_ignore_ascii_case("in") {
            self.nodes += 1;
            self.lexer.advance()?;
            let list = self.list()?;
            return Ok(Node { expr: Expr::In { left: Box::new(left), list }, at });
        }
        if ARITHMETIC.iter().any(|a| a.eq_ignore_ascii_case(word)) {
            let at = self.lexer.position();
            return Err(Failure::named(at, word, format!("The operator '{word}' is not supported")));
        }
        if !grouped && !matches!(left.expr, Expr::Call { .. } | Expr::Lambda { .. }) {
            self.nodes += 1;
        }
        Ok(left)
    }

    fn list(&mut self) -> Result<Vec<(Literal, Position)>, Failure> {
        self.lexer.need(b'(')?;
        let mut list = Vec::new();
        loop {
            let at = Position(self.lexer.position());
            let literal = match &mut self.lexer.token {
                Token::Literal(value) => std::mem::replace(value, Literal::Null),
                Token::Word(word) => keyword(word).ok_or_else(|| self.lexer.expected("a value"))?,
                _ => return Err(self.lexer.expected("a value")),
            };
            if list.len() == MAX_LIST {
                return Err(self.lexer.fail(format!("More than {MAX_LIST} values stand behind 'in'")));
            }
            list.push((literal, at));
            self.lexer.advance()?;
            if !self.lexer.take(b',')? {
                break;
            }
        }
        self.lexer.need(b')')?;
        Ok(list)
    }

    /// A value, a path, a call, a lambda, or a condition in parentheses.
    pub fn operand(&mut self) -> Result<Node, Failure> {
        let at = Position(self.lexer.position());
        match &mut self.lexer.token {
            Token::Literal(value) => {
                let value = std::mem::replace(value, Literal::Null);
                self.lexer.advance()?;
                Ok(Node { expr: Expr::Literal(value), at })
            }
            Token::Sign(b'(') => {
                self.lexer.advance()?;
                let inner = self.deeper(Self::or)?;
                self.lexer.need(b')')?;
                Ok(inner)
            }
            Token::Sign(b'-') => Err(self.lexer.fail("The sign '-' may only stand in front of a number")),
            Token::Word(word) => {
                let word = *word;
                let followed = self.lexer.following();
                if !matches!(followed, Some(b'/' | b'('))
                    && let Some(value) = keyword(word)
                {
                    self.lexer.advance()?;
                    return Ok(Node { expr: Expr::Literal(value), at });
                }
                self.path(at)
            }
            _ => Err(self.lexer.expected("a property, a function or a value")),
        }
    }

    fn name(&mut self) -> Result<Name, Failure> {
        let Token::Word(word) = self.lexer.token else {
            return Err(self.lexer.expected("a name"));
        };
        let name = Name { text: word.to_owned(), at: Position(self.lexer.position()) };
        self.lexer.advance()?;
        Ok(name)
    }

    fn path(&mut self, at: Position) -> Result<Node, Failure> {
        let mut path = Vec::new();
        loop {
            let name = self.name()?;
            if self.lexer.is(b'(') {
                return if path.is_empty() { self.call(name, at) } else { self.lambda(path, &name, at) };
            }
            path.push(name);
            if !self.lexer.take(b'/')? {
                return Ok(Node { expr: Expr::Path(path), at });
            }
        }
    }

    fn call(&mut self, name: Name, at: Position) -> Result<Node, Failure> {
        self.nodes += 1;
        self.lexer.need(b'(')?;
        let mut args = Vec::new();
        if !self.lexer.is(b')') {
            loop {
                args.push(self.deeper(Self::operand)?);
                if !self.lexer.take(b',')? {
                    break;
                }
            }
        }
        self.lexer.need(b')')?;
        Ok(Node { expr: Expr::Call { name, args }, at })
    }

    fn lambda(&mut self, path: Vec<Name>, word: &Name, at: Position) -> Result<Node, Failure> {
        self.nodes += 1;
        let all = word.text.eq_ignore_ascii_case("all");
        if !all && !word.text.eq_ignore_ascii_case("any") {
            let text = shown(&word.text);
            return Err(Failure::named(
                word.at.0,
                &text,
                format!("Behind a path only any and all may be called, not '{text}'"),
            ));
        }
        self.lexer.need(b'(')?;
        if !all && self.lexer.take(b')')? {
            return Ok(Node { expr: Expr::Lambda { path, all, body: None }, at });
        }
        let variable = self.name()?;
        self.lexer.need(b':')?;
        let body = self.deeper(Self::or)?;
        self.lexer.need(b')')?;
        Ok(Node { expr: Expr::Lambda { path, all, body: Some((variable, Box::new(body))) }, at })
    }
}
