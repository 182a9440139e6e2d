//! Type descriptions of the API: the names, types and limits of properties, read from the text form
//! in `facts/types.txt` (and from the additions that feature crates bring along).
//!
//! The text form: `type Name` or `enum Name A|B|C` begins a type; an indented line is a property:
//! `  Name type [!] [ro] [len=min..max] [range=min..max]`.

use std::fmt;

/// The type of a property, a parameter or a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeRef {
    /// Any JSON value.
    Any,
    /// A JSON object without a description.
    Object,
    /// `true` or `false`.
    Bool,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// Floating point number.
    Double,
    /// Text.
    String,
    /// A GUID, written lower case with hyphens.
    Uuid,
    /// A moment in UTC, ISO 8601.
    DateTime,
    /// An absolute address.
    Uri,
    /// Bytes in Base64.
    Bytes,
    /// A file's content as the whole body.
    File,
    /// A described type, by name.
    Named(String),
    /// One of these words.
    Enum(Vec<String>),
    /// A list.
    List(Box<TypeRef>),
    /// An object with free member names.
    Map(Box<TypeRef>),
}

impl TypeRef {
    /// Reads the text form, for example `[enum(A|B)]`. Unknown words are names of described types.
    pub fn parse(text: &str) -> TypeRef {
        if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            return TypeRef::List(Box::new(TypeRef::parse(inner)));
        }
        if let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            return TypeRef::Map(Box::new(TypeRef::parse(inner)));
        }
        if let Some(inner) = text.strip_prefix("enum(").and_then(|t| t.strip_suffix(')')) {
            return TypeRef::Enum(inner.split('|').map(str::to_owned).collect());
        }
        match text {
            "any" => TypeRef::Any,
            "object" => TypeRef::Object,
            "bool" => TypeRef::Bool,
            "int32" => TypeRef::Int32,
            "int64" => TypeRef::Int64,
            "double" | "number" => TypeRef::Double,
            "string" => TypeRef::String,
            "uuid" => TypeRef::Uuid,
            "datetime" => TypeRef::DateTime,
            "uri" => TypeRef::Uri,
            "bytes" => TypeRef::Bytes,
            "file" => TypeRef::File,
            name => TypeRef::Named(name.to_owned()),
        }
    }
}

impl fmt::Display for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeRef::Any => f.write_str("any"),
            TypeRef::Object => f.write_str("object"),
            TypeRef::Bool => f.write_str("bool"),
            TypeRef::Int32 => f.write_str("int32"),
            TypeRef::Int64 => f.write_str("int64"),
            TypeRef::Double => f.write_str("double"),
            TypeRef::String => f.write_str("string"),
            TypeRef::Uuid => f.write_str("uuid"),
            TypeRef::DateTime => f.write_str("datetime"),
            TypeRef::Uri => f.write_str("uri"),
            TypeRef::Bytes => f.write_str("bytes"),
            TypeRef::File => f.write_str("file"),
            TypeRef::Named(name) => f.write_str(name),
            TypeRef::Enum(words) => write!(f, "enum({})", words.join("|")),
            TypeRef::List(inner) => write!(f, "[{inner}]"),
            TypeRef::Map(inner) => write!(f, "{{{inner}}}"),
        }
    }
}

/// One property of a described type.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyDef {
    /// Name as the API writes it.
    pub name: String,
    /// Its type.
    pub ty: TypeRef,
    /// Must be present in a body that creates the thing.
    pub required: bool,
    /// Ignored in bodies.
    pub read_only: bool,
    /// Least and greatest number of characters (or elements).
    pub length: (Option<usize>, Option<usize>),
    /// Least and greatest value.
    pub range: (Option<i64>, Option<i64>),
}

/// What a type consists of.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeBody {
    /// An object with these properties.
    Object(Vec<PropertyDef>),
    /// One of these words.
    Enum(Vec<String>),
}

/// A described type.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDef {
    /// Its name in the API description.
    pub name: String,
    /// Its content.
    pub body: TypeBody,
}

impl TypeDef {
    /// The properties of an object type; none for an enum.
    pub fn properties(&self) -> &[PropertyDef] {
        match &self.body {
            TypeBody::Object(properties) => properties,
            TypeBody::Enum(_) => &[],
        }
    }

    /// The property of that name, without regard to case.
    pub fn property(&self, name: &str) -> Option<&PropertyDef> {
        self.properties().iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }
}

fn bounds<T: std::str::FromStr>(text: &str) -> (Option<T>, Option<T>) {
    match text.split_once("..") {
        Some((low, high)) => (low.parse().ok(), high.parse().ok()),
        None => (None, None),
    }
}

/// Reads the text form of a set of types. Blank lines and lines beginning with `#` are skipped.
pub fn parse_types(text: &str) -> Vec<TypeDef> {
    let mut types: Vec<TypeDef> = Vec::new();
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("type ") {
            types.push(TypeDef { name: rest.trim().to_owned(), body: TypeBody::Object(Vec::new()) });
        } else if let Some(rest) = line.strip_prefix("enum ") {
            let (name, words) = rest.split_once(' ').unwrap_or((rest, ""));
            let words = words.split('|').map(str::to_owned).collect();
            types.push(TypeDef { name: name.to_owned(), body: TypeBody::Enum(words) });
        } else if let Some(TypeDef { body: TypeBody::Object(properties), .. }) = types.last_mut() {
            properties.push(parse_property(line));
        }
    }
    types
}

fn parse_property(line: &str) -> PropertyDef {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default().to_owned();
    let ty = TypeRef::parse(words.next().unwrap_or("any"));
    let mut property =
        PropertyDef { name, ty, required: false, read_only: false, length: (None, None), range: (None, None) };
    for word in words {
        match word {
            "!" => property.required = true,
            "ro" => property.read_only = true,
            _ => {
                if let Some(b) = word.strip_prefix("len=") {
                    property.length = bounds(b);
                } else if let Some(b) = word.strip_prefix("range=") {
                    property.range = bounds(b);
                }
            }
        }
    }
    property
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_properties_with_limits() {
        let types = parse_types("# note\ntype A\n  Name string ! len=1..256\n  P int32 ro range=1..100\nenum E X|Y\n");
        assert_eq!(types.len(), 2);
        let name = types[0].property("NAME").unwrap();
        assert!(name.required && name.length == (Some(1), Some(256)));
        let p = types[0].property("p").unwrap();
        assert!(p.read_only && p.range == (Some(1), Some(100)));
        assert_eq!(types[1].body, TypeBody::Enum(vec!["X".into(), "Y".into()]));
    }

    #[test]
    fn type_text_reads_back() {
        for text in ["[enum(A|B)]", "{object}", "int64", "[AssetDto]", "{[string]}", "uuid"] {
            assert_eq!(TypeRef::parse(text).to_string(), text);
        }
    }
}
