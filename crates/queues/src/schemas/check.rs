//! Which JSON Schemas are accepted: small, shallow, without recursion, and complete in themselves. What a schema
//! refers to is never fetched; a schema that would need that is refused, as is one whose references, written out,
//! would make it large (short schemas can double themselves many times over).

use serde_json::Value;
use std::collections::HashMap;

/// Longest schema text in characters.
pub const LONGEST: usize = 100_000;
/// Deepest nesting of a schema, references written out: what compiles it and what holds contents against it recurses.
pub const DEEPEST: usize = 32;
/// Most parts of a schema, references written out.
pub const MOST_PARTS: u64 = 5_000;

/// Keywords whose members are names and not keywords.
const NAMED: &[&str] = &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];
/// Keywords that hold data.
const DATA: &[&str] = &["const", "enum", "default", "examples", "example"];
/// Keywords that make references depend on more than a place in the schema.
const REFUSED: &[&str] =
    &["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor", "$vocabulary"];
/// Known versions of the language.
const VERSIONS: &[&str] = &[
    "json-schema.org/draft-04/schema",
    "json-schema.org/draft-06/schema",
    "json-schema.org/draft-07/schema",
    "json-schema.org/draft/2019-09/schema",
    "json-schema.org/draft/2020-12/schema",
];

/// Reads a schema text, or tells what is wrong with it.
pub fn read(text: &str) -> Result<Value, String> {
    if text.chars().count() > LONGEST {
        return Err(format!("it has more than {LONGEST} characters"));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|e| format!("it is no JSON (line {}, column {})", e.line(), e.column()))?;
    let Value::Object(members) = &schema else { return Err("it is no JSON object".into()) };
    if let Some(version) = members.get("$schema") {
        let known = version.as_str().and_then(|v| v.split_once("://")).map(|(_, v)| v.trim_end_matches('#'));
        if !known.is_some_and(|v| VERSIONS.contains(&v)) {
            return Err("its $schema is none of the known versions".into());
        }
    }
    let mut walk = Walk { root: &schema, sizes: HashMap::new() };
    walk.part(&schema, 0, false, true)?;
    Ok(schema)
}

struct Walk<'a> {
    root: &'a Value,
    /// How large the target of each reference is; `None` while it is being looked at.
    sizes: HashMap<&'a str, Option<Size>>,
}

/// How large a part of a schema is, references written out.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Parts in it, itself included.
    parts: u64,
    /// Levels below it.
    height: usize,
}

impl Size {
    const ONE: Size = Size { parts: 1, height: 0 };

    /// With one more part directly below.
    fn with(self, below: Size) -> Size {
        Size { parts: self.parts.saturating_add(below.parts), height: self.height.max(below.height.saturating_add(1)) }
    }
}

fn not_too_deep(depth: usize) -> Result<(), String> {
    if depth > DEEPEST { Err(format!("it is nested more than {DEEPEST} levels deep")) } else { Ok(()) }
}

impl<'a> Walk<'a> {
    /// The size of a part of a schema that stands `depth` levels deep.
    fn part(&mut self, value: &'a Value, depth: usize, names: bool, root: bool) -> Result<Size, String> {
        not_too_deep(depth)?;
        let mut size = Size::ONE;
        match value {
            Value::Array(elements) => {
                for element in elements {
                    size = size.with(self.part(element, depth + 1, false, false)?);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let keyword = if names { "" } else { name.as_str() };
                    size = size.with(self.member(keyword, member, depth, root)?);
                }
            }
            _ => {}
        }
        if size.parts > MOST_PARTS {
            return Err(format!("it has more than {MOST_PARTS} parts, references written out"));
        }
        Ok(size)
    }

    fn member(&mut self, keyword: &str, member: &'a Value, depth: usize, root: bool) -> Result<Size, String> {
        if REFUSED.contains(&keyword) {
            return Err(format!("{keyword} is not supported"));
        }
        // An inner base address would change what the references beside it mean.
        if matches!(keyword, "$id" | "id") && member.is_string() && !root {
            return Err("only the whole schema may have an $id".into());
        }
        match (keyword, member) {
            ("$ref", Value::String(target)) => self.reference(target, depth),
            ("$ref", _) => Err("a $ref is no text".into()),
            (keyword, member) if DATA.contains(&keyword) => shallow(member, depth + 1),
            (keyword, member) => self.part(member, depth + 1, NAMED.contains(&keyword), false),
        }
    }

    fn reference(&mut self, target: &'a str, depth: usize) -> Result<Size, String> {
        if !target.starts_with("#/") {
            return Err("a $ref leads elsewhere than into the schema itself, or to the whole of it".into());
        }
        // Written in two ways, one place would be looked at here and another one be used.
        if target.contains('%') {
            return Err("a $ref has a percent sign".into());
        }
        match self.sizes.get(target) {
            Some(Some(size)) => {
                // It was looked at from somewhere else, perhaps from a lesser depth.
                not_too_deep(depth + 1 + size.height)?;
                return Ok(*size);
            }
            Some(None) => return Err("it refers to itself".into()),
            None => {}
        }
        let found = self.root.pointer(&target[1..]).ok_or("a $ref leads nowhere")?;
        self.sizes.insert(target, None);
        let size = self.part(found, depth + 1, false, false)?;
        self.sizes.insert(target, Some(size));
        Ok(size)
    }
}

/// Data may be anything that is not nested too deeply.
fn shallow(value: &Value, depth: usize) -> Result<Size, String> {
    not_too_deep(depth)?;
    let inner: Vec<&Value> = match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().try_fold(Size::ONE, |size, member| Ok(size.with(shallow(member, depth + 1)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn usual_schemas_pass_and_hostile_ones_do_not() {
        let good = [
            json!({}),
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://x.example.test/a.json", "type": "object"}),
            json!({"properties": {"$ref": {"type": "string"}, "enum": {"type": "object"}, "id": {"type": "string"}}}),
            json!({"properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "number"}}}),
            json!({"enum": [{"$ref": "http://x.example.test"}]}),
        ];
        for schema in good {
            read(&schema.to_string()).unwrap_or_else(|e| panic!("{schema}: {e}"));
        }
        let mut laughs = json!({"l0": {"type": "string"}});
        for level in 1..30 {
            let below = json!({"$ref": format!("#/$defs/l{}", level - 1)});
            laughs[format!("l{level}")] = json!({"allOf": [below.clone(), below]});
        }
        // Each link is shallow and was looked at before the next one; written out they are a tower.
        let mut tower = json!({"l00": {}});
        for level in 1..40 {
            tower[format!("l{level:02}")] = json!({"not": {"$ref": format!("#/$defs/l{:02}", level - 1)}});
        }
        let deep = |n: usize| (0..n).fold(json!({}), |inner, _| json!({"not": inner}));
        assert!(read(&deep(DEEPEST).to_string()).is_ok());
        let bad = [
            json!([]),
            json!(true),
            deep(DEEPEST + 1),
            json!({"$ref": "#"}),
            json!({"$ref": "https://x.example.test/a.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"$ref": "other.json#/a"}),
            json!({"$ref": "#/nowhere"}),
            json!({"$ref": 5}),
            json!({"$schema": "https://x.example.test/schema"}),
            json!({"properties": {"a": {"$id": "https://x.example.test/", "$ref": "#/properties/b"}, "b": {}}}),
            json!({"$dynamicRef": "#x"}),
            json!({"properties": {"a": {"$ref": "#/properties/a"}}}),
            json!({"properties": {"a": {"items": {"$ref": "#/properties/b"}}, "b": {"not": {"$ref": "#/properties/a"}}}}),
            json!({"$ref": "#/$defs/l29", "$defs": laughs}),
            json!({"$ref": "#/$defs/l39", "$defs": tower}),
            // `%41` is `A`: taken apart, it refers to itself.
            json!({"$ref": "#/$defs/A", "$defs": {"%41": {}, "A": {"$ref": "#/$defs/%41"}}}),
            json!({"allOf": vec![json!({}); 5_000]}),
            json!({"enum": [(0..40).fold(json!([]), |inner, _| json!([inner]))]}),
            json!({"title": "x".repeat(LONGEST)}),
        ];
        for schema in bad {
            assert!(read(&schema.to_string()).is_err(), "{}", &schema.to_string()[..60.min(schema.to_string().len())]);
        }
        assert!(read("{").is_err() && read("").is_err());
    }

    #[test]
    fn the_longest_text_passes_and_one_more_character_does_not() {
        let frame = r#"{"title":""}"#.len();
        assert!(read(&json!({"title": "x".repeat(LONGEST - frame)}).to_string()).is_ok());
        assert!(read(&json!({"title": "x".repeat(LONGEST - frame + 1)}).to_string()).is_err());
    }
}
