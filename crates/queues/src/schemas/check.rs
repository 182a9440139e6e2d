//! Which JSON Schemas are accepted: small, shallow, without recursion, and complete in themselves. What a schema
//! refers to is never fetched; a schema that would need that is refused, as is one whose references, written out,
//! would make it large (short schemas can double themselves many times over).

use serde_json::{Map, Value};
use std::collections::HashMap;

/// Longest schema text in characters.
pub const LONGEST: usize = 100_000;
/// Deepest nesting of a schema.
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
    /// Parts below the target of each reference; `None` while it is being counted.
    sizes: HashMap<&'a str, Option<u64>>,
}

impl<'a> Walk<'a> {
    /// The number of parts of a schema, references written out.
    fn part(&mut self, value: &'a Value, depth: usize, names: bool, root: bool) -> Result<u64, String> {
        if depth > DEEPEST {
            return Err(format!("it is nested more than {DEEPEST} levels deep"));
        }
        let mut parts = 1u64;
        match value {
            Value::Array(elements) => {
                for element in elements {
                    parts = parts.saturating_add(self.part(element, depth + 1, false, false)?);
                }
            }
            Value::Object(members) => parts = parts.saturating_add(self.members(members, depth, names, root)?),
            _ => {}
        }
        if parts > MOST_PARTS {
            return Err(format!("it has more than {MOST_PARTS} parts, references written out"));
        }
        Ok(parts)
    }

    fn members(
        &mut self,
        members: &'a Map<String, Value>,
        depth: usize,
        names: bool,
        root: bool,
    ) -> Result<u64, String> {
        let mut parts = 0u64;
        for (name, member) in members {
            let keyword = if names { "" } else { name.as_str() };
            if REFUSED.contains(&keyword) {
                return Err(format!("{name} is not supported"));
            }
            // An inner base address would change what the references beside it mean.
            if matches!(keyword, "$id" | "id") && member.is_string() && !root {
                return Err("only the whole schema may have an $id".into());
            }
            let more = match (keyword, member) {
                ("$ref", Value::String(target)) => self.reference(target, depth)?,
                ("$ref", _) => return Err("a $ref is no text".into()),
                (keyword, member) if DATA.contains(&keyword) => shallow(member, depth + 1)?,
                (keyword, member) => self.part(member, depth + 1, NAMED.contains(&keyword), false)?,
            };
            parts = parts.saturating_add(more);
        }
        Ok(parts)
    }

    fn reference(&mut self, target: &'a str, depth: usize) -> Result<u64, String> {
        if !target.starts_with("#/") {
            return Err("a $ref leads elsewhere than into the schema itself, or to the whole of it".into());
        }
        match self.sizes.get(target) {
            Some(Some(size)) => return Ok(*size),
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
fn shallow(value: &Value, depth: usize) -> Result<u64, String> {
    if depth > DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} levels deep"));
    }
    let mut parts = 1u64;
    let inner: Vec<&Value> = match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    for member in inner {
        parts = parts.saturating_add(shallow(member, depth + 1)?);
    }
    Ok(parts)
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
