//! Words, literals and signs of an option's text. One pass, no look back; every error has a position.

use super::{Literal, MAX_LITERAL};
use crate::error::{Failure, shown};
use crate::time;

/// A piece of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A name or an operator; may contain dots.
    Word(&'a str),
    /// A value, never `null`, `true` or `false` (they are words until their place decides).
    Literal(Literal),
    /// One of `( ) , / : ; = * -`
    Sign(u8),
    End,
}

/// The text with the token that comes next.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    pub text: &'a str,
    /// Where the coming token begins.
    pub at: usize,
    /// The coming token.
    pub token: Token<'a>,
    /// Where the one after it may begin.
    next: usize,
    /// Added to positions: where this text begins within its option.
    base: usize,
}

/// The length of a GUID at the beginning, 0 without one.
fn guid_length(bytes: &[u8]) -> usize {
    const LENGTH: usize = 36;
    let Some(head) = bytes.get(..LENGTH) else { return 0 };
    let shaped = head.iter().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    let ends = !bytes.get(LENGTH).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_');
    if shaped && ends { LENGTH } else { 0 }
}

/// The text as a GUID in the form in which GUIDs are stored; braces around it are allowed.
pub(crate) fn guid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    (bare.len() == 36 && guid_length(bare.as_bytes()) == 36).then(|| bare.to_ascii_lowercase())
}

/// Operators may be followed by a text without a blank between.
fn is_operator(word: &str) -> bool {
    ["eq", "ne", "gt", "ge", "lt", "le"].iter().any(|o| o.eq_ignore_ascii_case(word))
}

fn of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '@')
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text that itself begins at `base` of its option.
    pub fn new(text: &'a str, base: usize) -> Result<Lexer<'a>, Failure> {
        let mut lexer = Lexer { text, at: 0, token: Token::End, next: 0, base };
        lexer.advance()?;
        Ok(lexer)
    }

    /// Where the coming token begins, within the option.
    pub fn position(&self) -> usize {
        self.base + self.at
    }

    pub fn fail(&self, message: impl Into<String>) -> Failure {
        Failure::new(self.position(), message)
    }

    /// "Expected … but found …".
    pub fn expected(&self, what: &str) -> Failure {
        let found = match &self.token {
            Token::End => return self.fail(format!("Expected {what} but the text ends")),
            Token::Word(w) => shown(w),
            Token::Literal(_) => shown(self.text.get(self.at..self.next).unwrap_or_default()),
            Token::Sign(s) => char::from(*s).to_string(),
        };
        self.fail(format!("Expected {what} but found '{found}'"))
    }

    /// Whether the coming token is that sign.
    pub fn is(&self, sign: u8) -> bool {
        self.token == Token::Sign(sign)
    }

    /// Whether the coming token is that word, without regard to case.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self.token, Token::Word(w) if w.eq_ignore_ascii_case(word))
    }

    /// Takes the sign if it is the coming token.
    pub fn take(&mut self, sign: u8) -> Result<bool, Failure> {
        let found = self.is(sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Takes the sign or fails.
    pub fn need(&mut self, sign: u8) -> Result<(), Failure> {
        if self.take(sign)? { Ok(()) } else { Err(self.expected(&format!("'{}'", char::from(sign)))) }
    }

    /// The byte that follows the coming token, blanks skipped.
    pub fn following(&self) -> Option<u8> {
        self.text.as_bytes().get(self.next..)?.iter().copied().find(|b| !b.is_ascii_whitespace())
    }

    /// The rest of the text from the coming token on.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Continues at a byte offset of the text (a character boundary).
    pub fn jump(&mut self, to: usize) -> Result<(), Failure> {
        self.next = to;
        self.advance()
    }

    /// Moves on to the next token.
    pub fn advance(&mut self) -> Result<(), Failure> {
        let rest = self.text.get(self.next..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        let rest = rest.get(blank..).unwrap_or_default();
        self.at = self.next + blank;
        let Some(first) = rest.chars().next() else {
            self.token = Token::End;
            self.next = self.text.len();
            return Ok(());
        };
        let bytes = rest.as_bytes();
        let (token, length) = match first {
            '(' | ')' | ',' | '/' | ':' | ';' | '=' | '*' => (Token::Sign(first as u8), 1),
            '\'' => {
                let (text, length) = self.quoted(rest)?;
                (Token::Literal(Literal::Text(text)), length)
            }
            '-' if bytes.get(1).is_some_and(u8::is_ascii_digit) => self.number(rest)?,
            '-' => (Token::Sign(b'-'), 1),
            _ if first.is_ascii_hexdigit() && guid_length(bytes) > 0 => {
                let length = guid_length(bytes);
                (Token::Literal(Literal::Guid(rest.get(..length).unwrap_or_default().to_ascii_lowercase())), length)
            }
            '0'..='9' => match time::scan(rest) {
                Some(t) if !rest.get(t.length..).is_some_and(|r| r.starts_with(of_word)) => {
                    let value = if t.timed { Literal::DateTime(t.micros) } else { Literal::Date(t.micros) };
                    (Token::Literal(value), t.length)
                }
                _ => self.number(rest)?,
            },
            _ if first.is_alphabetic() || matches!(first, '_' | '$') => {
                let length = rest.find(|c| !of_word(c)).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                match rest.get(length..).filter(|r| r.starts_with('\'') && !is_operator(word)) {
                    Some(quoted) => {
                        let (text, more) = self.quoted(quoted)?;
                        (Token::Literal(self.typed(word, text)?), length + more)
                    }
                    None => (Token::Word(word), length),
                }
            }
            other => return Err(self.fail(format!("The character '{other}' has no meaning here"))),
        };
        self.token = token;
        self.next = self.at + length;
        Ok(())
    }

    /// A text in quotes at the beginning of `rest`, and how many bytes it takes.
    fn quoted(&self, rest: &str) -> Result<(String, usize), Failure> {
        let mut text = String::new();
        let mut at = 1;
        loop {
            let tail = rest.get(at..).unwrap_or_default();
            let Some(quote) = tail.find('\'') else {
                return Err(self.fail("A text in quotes does not end"));
            };
            text.push_str(tail.get(..quote).unwrap_or_default());
            at += quote + 1;
            if rest.as_bytes().get(at) != Some(&b'\'') {
                break;
            }
            text.push('\'');
            at += 1;
        }
        if text.len() > MAX_LITERAL {
            return Err(self.fail(format!("A text is longer than {MAX_LITERAL} bytes")));
        }
        Ok((text, at))
    }

    /// `name'text'`: the older protocol's way to write GUIDs and moments, or a member of an enumeration.
    fn typed(&self, name: &str, text: String) -> Result<Literal, Failure> {
        let wrong = || Failure::named(self.position(), &text, format!("'{}' is not a valid {name}", shown(&text)));
        match name.to_ascii_lowercase().as_str() {
            "guid" => guid(&text).map(Literal::Guid).ok_or_else(wrong),
            "datetime" | "datetimeoffset" | "date" => time::parse(&text).map(Literal::DateTime).ok_or_else(wrong),
            "duration" | "time" | "timeofday" | "binary" | "x" | "geography" | "geometry" => {
                Err(Failure::named(self.position(), name, format!("Values of the type '{name}' are not supported")))
            }
            _ => Ok(Literal::Typed { name: name.to_owned(), text }),
        }
    }

    /// A number at the beginning of `rest`.
    fn number(&self, rest: &str) -> Result<(Token<'a>, usize), Failure> {
        let b = rest.as_bytes();
        let run = |from: usize| b.get(from..).map_or(0, |r| r.iter().take_while(|c| c.is_ascii_digit()).count());
        let mut length = usize::from(b.first() == Some(&b'-'));
        length += run(length);
        let mut real = false;
        if b.get(length) == Some(&b'.') && run(length + 1) > 0 {
            real = true;
            length += 1 + run(length + 1);
        }
        if matches!(b.get(length), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(b.get(length + 1), Some(b'+' | b'-')));
            let exponent = run(length + 1 + signed);
            if exponent > 0 {
                real = true;
                length += 1 + signed + exponent;
            }
        }
        let text = rest.get(..length).unwrap_or_default();
        match b.get(length) {
            Some(b'l' | b'L') => length += 1,
            Some(b'd' | b'D' | b'f' | b'F' | b'm' | b'M') => {
                real = true;
                length += 1;
            }
            _ => {}
        }
        let whole = rest.find(|c| !of_word(c) && c != '-').filter(|end| *end > length).unwrap_or(length);
        let written = shown(rest.get(..whole).unwrap_or_default());
        if rest.get(length..).is_some_and(|r| r.starts_with(of_word)) {
            return Err(Failure::named(self.position(), &written, format!("'{written}' is not a value")));
        }
        let value = if real {
            text.parse().ok().filter(|v: &f64| v.is_finite()).map(Literal::Real)
        } else {
            text.parse().ok().map(Literal::Int)
        };
        match value {
            Some(value) => Ok((Token::Literal(value), length)),
            None => Err(Failure::named(self.position(), &written, format!("The number '{written}' is out of range"))),
        }
    }
}
