//! Resource paths below `/odata`: sets, keys, bound operations with arguments, `$count`, `$value`, properties.
//!
//! The raw path is decoded here, exactly once, and is split before that, so that `%2F` and `%27` inside
//! a key are part of the key. Which operations exist is known to `template`.

use crate::options::percent_decode;
use crate::text::unusable;
use std::fmt;

/// Why a path was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// Text for the caller.
    pub message: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PathError {}

fn error<T>(message: &str) -> Result<T, PathError> {
    Err(PathError { message: message.to_owned() })
}

/// A key between parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyArg {
    /// The value, without quotes and with `''` undone.
    pub text: String,
    /// Whether it stood in quotes.
    pub quoted: bool,
}

/// A segment behind the set: a bound operation or, when it is neither qualified nor called, perhaps a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Name without its namespace.
    pub name: String,
    /// The namespace, empty when left out.
    pub namespace: String,
    /// Whether parentheses followed.
    pub called: bool,
    /// Arguments by name, decoded and without quotes; arguments that are `null` are left out.
    pub args: Vec<(String, String)>,
}

/// What stands at the end of a path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tail {
    /// Nothing.
    #[default]
    None,
    /// `$count`
    Count,
    /// `$value`
    Value,
    /// `$ref`
    Reference,
    /// `$metadata`
    Metadata,
    /// A property of the entity (and perhaps one of its parts), not resolved.
    Property(Vec<String>),
}

/// A path below the service root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourcePath {
    /// Name of the set; empty for the service root and for `$metadata`.
    pub set: String,
    /// The key; `Set()` has none.
    pub key: Option<KeyArg>,
    /// What follows set and key.
    pub operation: Option<Operation>,
    /// What stands at the end.
    pub tail: Tail,
}

/// Raw segments; a `/` between quotes within parentheses does not separate.
fn segments(path: &str) -> Vec<&str> {
    let bytes = path.as_bytes();
    let (mut all, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        let quote = *b == b'\'' || bytes.get(i..i + 3) == Some(b"%27");
        match b {
            _ if quote && depth > 0 => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b'/' if !quoted => {
                all.push(path.get(start..i).unwrap_or_default());
                start = i + 1;
                depth = 0;
            }
            _ => {}
        }
        i += 1;
    }
    all.push(path.get(start..).unwrap_or_default());
    all.retain(|s| !s.is_empty());
    all
}

pub(crate) fn decode(segment: &str) -> Result<String, PathError> {
    match String::from_utf8(percent_decode(segment, false)) {
        Ok(text) if !unusable(&text) => Ok(text),
        _ => error("The path contains bytes that are no valid text"),
    }
}

/// Name and content of the parentheses of a decoded segment.
fn parenthesised(segment: &str) -> Result<(&str, Option<&str>), PathError> {
    match segment.split_once('(') {
        None => Ok((segment, None)),
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(inner) => Ok((name, Some(inner))),
            None => error("A parenthesis in the path does not close"),
        },
    }
}

/// Splits at commas outside of quotes, brackets and parentheses.
fn arguments(text: &str) -> Result<Vec<&str>, PathError> {
    let (mut all, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_i32, false);
    for (i, b) in text.bytes().enumerate() {
        match b {
            b'\'' => quoted = !quoted,
            _ if quoted => {}
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                all.push(text.get(start..i).unwrap_or_default());
                start = i + 1;
            }
            _ => {}
        }
        if depth < 0 {
            return error("Brackets in the path do not match");
        }
    }
    if quoted || depth != 0 {
        return error("Quotes or brackets in the path do not match");
    }
    all.push(text.get(start..).unwrap_or_default());
    Ok(all)
}

/// A literal: `5`, `'it''s'`, `guid'…'`, or bare text.
fn literal(text: &str) -> Result<KeyArg, PathError> {
    let text = text.trim();
    let Some(open) = text.find('\'') else {
        return Ok(KeyArg { text: text.to_owned(), quoted: false });
    };
    let (prefix, quoted) = text.split_at(open);
    let inner = quoted.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
    let named = prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    match inner {
        // Undoubling is only right when no single quote is left.
        Some(inner) if named && !inner.replace("''", "").contains('\'') => {
            Ok(KeyArg { text: inner.replace("''", "'"), quoted: true })
        }
        // Lists such as `['a','b']` stay as they are.
        _ if text.starts_with('[') => Ok(KeyArg { text: text.to_owned(), quoted: false }),
        _ => error("Quotes in the path do not match"),
    }
}

/// Whether `name=value`: a name, then `=`.
fn named(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    plain.then_some((name, value))
}

fn key(inner: &str) -> Result<Option<KeyArg>, PathError> {
    if inner.trim().is_empty() {
        return Ok(None);
    }
    match arguments(inner)?.as_slice() {
        [one] => literal(named(one).map_or(*one, |(_, value)| value)).map(Some),
        _ => error("A key of several parts is not supported"),
    }
}

fn operation(name: &str, inner: Option<&str>) -> Result<Operation, PathError> {
    let (namespace, bare) = name.rsplit_once('.').unwrap_or(("", name));
    if bare.is_empty() {
        return error("A name is missing in the path");
    }
    let mut args = Vec::new();
    for part in inner.filter(|i| !i.trim().is_empty()).map(arguments).transpose()?.unwrap_or_default() {
        let Some((name, value)) = named(part) else {
            return error("An argument in the path has no name");
        };
        let value = literal(value)?;
        if value.quoted || !value.text.eq_ignore_ascii_case("null") {
            args.push((name.to_owned(), value.text));
        }
    }
    Ok(Operation { name: bare.to_owned(), namespace: namespace.to_owned(), called: inner.is_some(), args })
}

/// Reads a raw (still percent-encoded) path. A leading `odata` segment is passed over, repeated slashes
/// count as one.
///
/// # Errors
/// Bytes that are no text, unmatched quotes or parentheses, arguments without names, keys of several parts.
pub fn parse(path: &str) -> Result<ResourcePath, PathError> {
    let raw = segments(path);
    let mut parts = raw.as_slice();
    if let Some((first, rest)) = parts.split_first()
        && first.eq_ignore_ascii_case("odata")
    {
        parts = rest;
    }
    let mut result = ResourcePath::default();
    for (i, raw) in parts.iter().enumerate() {
        let segment = decode(raw)?;
        if result.tail != Tail::None && !matches!(result.tail, Tail::Property(_)) {
            return error("Nothing may follow this segment of the path");
        }
        if let Some(word) = segment.strip_prefix('$') {
            result.tail = match word.to_ascii_lowercase().as_str() {
                "metadata" if i == 0 => Tail::Metadata,
                "count" if i > 0 && result.tail == Tail::None => Tail::Count,
                "value" if i > 0 && result.tail == Tail::None => Tail::Value,
                "ref" if i > 0 && result.tail == Tail::None => Tail::Reference,
                _ => return error("The path has an unknown segment that begins with '$'"),
            };
            continue;
        }
        let (name, inner) = parenthesised(&segment)?;
        if i == 0 {
            if name.is_empty() {
                return error("A name is missing in the path");
            }
            result.set = name.to_owned();
            result.key = inner.map(key).transpose()?.flatten();
        } else if result.operation.is_none() {
            result.operation = Some(operation(name, inner)?);
        } else if inner.is_none() {
            match &mut result.tail {
                Tail::Property(path) => path.push(segment),
                tail => *tail = Tail::Property(vec![segment]),
            }
        } else {
            return error("The path is too long");
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A short form of a path, to compare tables.
    fn short(path: &str) -> String {
        match parse(path) {
            Err(_) => "error".to_owned(),
            Ok(p) => {
                let key =
                    p.key.map_or(String::new(), |k| format!(" key={}{}", k.text, if k.quoted { "q" } else { "" }));
                let operation = p.operation.map_or(String::new(), |o| {
                    let args: Vec<String> = o.args.iter().map(|(n, v)| format!("{n}:{v}")).collect();
                    format!(" {}.{}[{}]{}", o.namespace, o.name, args.join(";"), if o.called { "!" } else { "" })
                });
                let tail = if p.tail == Tail::None { String::new() } else { format!(" {:?}", p.tail) };
                format!("{}{key}{operation}{tail}", p.set)
            }
        }
    }

    #[test]
    fn reads_paths() {
        for (path, wanted) in [
            ("/odata/Jobs", "Jobs"),
            ("Jobs", "Jobs"),
            ("//odata///Jobs/", "Jobs"),
            ("/odata", ""),
            ("/odata/$metadata", " Metadata"),
            ("/odata/Jobs/$count", "Jobs Count"),
            ("/odata/Jobs(5)", "Jobs key=5"),
            ("/odata/Jobs(-5)", "Jobs key=-5"),
            ("/odata/Jobs()", "Jobs"),
            ("/odata/Jobs( )", "Jobs"),
            ("/odata/Jobs(Id=5)", "Jobs key=5"),
            ("/odata/Folders('12')", "Folders key=12q"),
            ("/odata/Processes('a:1.0')", "Processes key=a:1.0q"),
            ("/odata/Processes(%27a%3A1.0%27)", "Processes key=a:1.0q"),
            ("/odata/Processes('it''s')", "Processes key=it'sq"),
            ("/odata/Processes(%27it%27%27s%27)", "Processes key=it'sq"),
            ("/odata/Processes('a%2Fb')", "Processes key=a/bq"),
            ("/odata/Processes('a/b')", "Processes key=a/bq"),
            ("/odata/Processes(%27a/b%27)/$value", "Processes key=a/bq Value"),
            ("/odata/Processes('a(b')", "Processes key=a(bq"),
            ("/odata/Processes('a)b,c')", "Processes key=a)b,cq"),
            ("/odata/Processes('%2527')", "Processes key=%27q"),
            ("/odata/Processes('100%')", "Processes key=100%q"),
            ("/odata/Processes('a=b')", "Processes key=a=bq"),
            ("/odata/Processes('')", "Processes key=q"),
            (
                "/odata/Attachments(8066C309-cef8-4b47-9163-b273fc14cc43)",
                "Attachments key=8066C309-cef8-4b47-9163-b273fc14cc43",
            ),
            (
                "/odata/Attachments(guid'8066C309-cef8-4b47-9163-b273fc14cc43')",
                "Attachments key=8066C309-cef8-4b47-9163-b273fc14cc43q",
            ),
            ("/odata/Jobs(5)/Ns.Of.StopJob", "Jobs key=5 Ns.Of.StopJob[]"),
            ("/odata/Jobs/StartJobs()", "Jobs .StartJobs[]!"),
            ("/odata/Set(5)/N.F(a=1,b='x')", "Set key=5 N.F[a:1;b:x]!"),
            ("/odata/Set/N.F(b='x,''y', a = 1)", "Set N.F[b:x,'y;a:1]!"),
            ("/odata/Set/N.F(key='')", "Set N.F[key:]!"),
            ("/odata/Set/N.F(key=null)", "Set N.F[]!"),
            ("/odata/Set/N.F(key='null')", "Set N.F[key:null]!"),
            ("/odata/Users/N.Validate(userIds=[1,2])", "Users N.Validate[userIds:[1,2]]!"),
            ("/odata/Users/N.V(u=['a','b'])", "Users N.V[u:['a','b']]!"),
            ("/odata/Jobs(5)/State", "Jobs key=5 .State[]"),
            ("/odata/Jobs(5)/State/$value", "Jobs key=5 .State[] Value"),
            ("/odata/Jobs(5)/Robot/Name", "Jobs key=5 .Robot[] Property([\"Name\"])"),
            ("/odata/Jobs(5", "error"),
            ("/odata/Jobs(5)x", "error"),
            ("/odata/Jobs('5)", "error"),
            ("/odata/Jobs(1,2)", "error"),
            ("/odata/(5)", "error"),
            ("/odata/Jobs/N.(5)", "error"),
            ("/odata/Jobs/N.F(5)", "error"),
            ("/odata/Jobs('a'b')", "error"),
            ("/odata/Jobs('a''')", "Jobs key=a'q"),
            ("/odata/Jobs(%FF)", "error"),
            ("/odata/Jobs('%00')", "error"),
            ("/odata/Jobs('%ED%A0%80')", "error"),
            ("/odata/$batch", "error"),
            ("/odata/Jobs/$count/x", "error"),
        ] {
            assert_eq!(short(path), wanted, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(path in "\\PC{0,60}") {
            let _ = parse(&path);
        }

        #[test]
        fn any_signs_are_survived(path in "[/()'%a2F7,=\\[\\].$]{0,60}") {
            let _ = parse(&path);
        }

        #[test]
        fn any_key_comes_back(text in "[^\u{0}\u{FFFD}]{1,30}") {
            let encoded: String = text.replace('\'', "''").bytes().map(|b| format!("%{b:02X}")).collect();
            let found = parse(&format!("/odata/Set(%27{encoded}%27)/N.F(a='{encoded}')")).unwrap();
            prop_assert_eq!(found.key.unwrap().text, text.clone());
            prop_assert_eq!(&found.operation.unwrap().args[0].1, &text);
        }
    }
}
