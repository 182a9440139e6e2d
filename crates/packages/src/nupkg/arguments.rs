//! Arguments of entry points: the array form the API shows, made from project files and from JSON
//! Schema. Not here: checking the arguments a job is started with.
//!
//! The array form is what public clients read: inputs as `{"name","type","required","hasDefault"}`,
//! outputs as `{"name","type"}`, with .NET type names. Coded packages describe arguments in JSON
//! Schema and are shown in the same form, so that these clients work with them too.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value, json};

use super::json::{flag, line, list};
use super::text::clean_line;

/// `$ref`s followed in a row, and combinations looked into within each other.
const MAX_NESTING: usize = 16;
/// Combined schemas looked into for one schema.
const MAX_STEPS: usize = 10_000;

const OBJECT: &str = "System.Object";
const DICTIONARY: &str = "System.Collections.Generic.Dictionary`2[System.String,System.Object]";

/// One argument of an entry point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Name, as the workflow knows it.
    pub name: String,
    /// .NET type name, often assembly-qualified; as the project file has it, or mapped from JSON
    /// Schema.
    pub type_name: String,
    /// Whether a job cannot do without it. Of no meaning for outputs.
    pub required: bool,
    /// Whether the workflow has a default for it. Of no meaning for outputs.
    pub has_default: bool,
}

impl Argument {
    /// Reads the array form back. `None` when the text is no JSON array; elements without a name
    /// are left out.
    pub fn parse_list(text: &str) -> Option<Vec<Self>> {
        let value: Value = serde_json::from_str(text).ok()?;
        value.is_array().then(|| Self::from_project(&value))
    }

    /// The array form of inputs.
    pub fn inputs_json(list: &[Self]) -> String {
        let rows = list.iter().map(|a| {
            json!({
                "name": a.name,
                "type": a.type_name,
                "required": a.required,
                "hasDefault": a.has_default,
            })
        });
        Value::Array(rows.collect()).to_string()
    }

    /// The array form of outputs.
    pub fn outputs_json(list: &[Self]) -> String {
        let rows = list.iter().map(|a| json!({"name": a.name, "type": a.type_name}));
        Value::Array(rows.collect()).to_string()
    }

    /// Reads the `input` or `output` list of a Studio project file. Types are kept as written.
    pub(crate) fn from_project(rows: &Value) -> Vec<Self> {
        rows.as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| {
                Some(Self {
                    name: line(row, "name")?,
                    type_name: line(row, "type").unwrap_or_else(|| OBJECT.to_owned()),
                    required: flag(row, "required").unwrap_or(false),
                    has_default: flag(row, "hasDefault").unwrap_or(false),
                })
            })
            .collect()
    }

    /// Reads the properties of a JSON Schema in their order. A schema without properties (none, an
    /// untyped object, a plain text result) has no arguments that could be named.
    pub(crate) fn from_schema(schema: &Value) -> Vec<Self> {
        let mut walk = SchemaWalk::new(schema);
        walk.collect(walk.resolve(schema));
        walk.found
    }
}

/// One pass over a schema.
struct SchemaWalk<'a> {
    document: &'a Value,
    /// Combined schemas that may still be looked into. Circular ones would never end.
    steps: usize,
    names: HashSet<String>,
    found: Vec<Argument>,
}

impl<'a> SchemaWalk<'a> {
    fn new(document: &'a Value) -> Self {
        Self { document, steps: MAX_STEPS, names: HashSet::new(), found: Vec::new() }
    }

    fn step(&mut self) -> bool {
        let may = self.steps > 0;
        self.steps = self.steps.saturating_sub(1);
        may
    }

    /// Gathers the properties of a schema and of the schemas it combines with `allOf`.
    fn collect(&mut self, root: &'a Value) {
        let mut waiting = VecDeque::from([root]);
        while let Some(schema) = waiting.pop_front() {
            let required: HashSet<&str> = list(schema, "required").filter_map(Value::as_str).collect();
            let properties = schema.get("properties").and_then(Value::as_object);
            for (key, property) in properties.into_iter().flatten() {
                let Some(name) = clean_line(key) else {
                    continue;
                };
                if !self.names.insert(name.clone()) {
                    continue;
                }
                let target = self.resolve(property);
                let argument = Argument {
                    name,
                    type_name: self.type_name(property, MAX_NESTING).to_owned(),
                    required: required.contains(key.as_str()),
                    has_default: property.get("default").is_some() || target.get("default").is_some(),
                };
                self.found.push(argument);
            }
            for part in list(schema, "allOf") {
                if self.step() {
                    waiting.push_back(self.resolve(part));
                }
            }
        }
    }

    /// Follows `$ref`s within the document. What leads nowhere or in circles stays as it is.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut current = schema;
        for _ in 0..MAX_NESTING {
            let target = current
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|r| r.strip_prefix('#'))
                .and_then(|pointer| self.document.pointer(pointer));
            match target {
                Some(target) => current = target,
                None => break,
            }
        }
        current
    }

    /// The .NET type name for a schema.
    fn type_name(&mut self, schema: &'a Value, nesting: usize) -> &'static str {
        let schema = self.resolve(schema);
        let Some(members) = schema.as_object() else {
            return OBJECT;
        };
        if let Some(name) = stated_type(members) {
            return name;
        }
        if members.contains_key("properties") {
            return DICTIONARY;
        }
        if members.contains_key("items") {
            return "System.Object[]";
        }
        let values = match (members.get("const"), members.get("enum")) {
            (Some(value), _) => Some(std::slice::from_ref(value)),
            (None, Some(Value::Array(values))) => Some(values.as_slice()),
            _ => None,
        };
        if let Some(values) = values {
            return only(values.iter().filter_map(value_type));
        }
        let parts =
            ["anyOf", "oneOf", "allOf"].into_iter().find_map(|name| members.get(name).and_then(Value::as_array));
        let mut types = Vec::new();
        for part in parts.into_iter().flatten() {
            let part = self.resolve(part);
            if part.get("type").and_then(Value::as_str) == Some("null") {
                continue;
            }
            if nesting == 0 || !self.step() {
                return OBJECT;
            }
            types.push(self.type_name(part, nesting - 1));
        }
        only(types.into_iter())
    }
}

/// The type for the `type` member, `null` among several types left aside.
fn stated_type(members: &Map<String, Value>) -> Option<&'static str> {
    let format = members.get("format").and_then(Value::as_str);
    let map = |name: &str| match (name, format) {
        ("string", Some("date-time" | "date")) => Some("System.DateTime"),
        ("string", _) => Some("System.String"),
        ("integer", _) => Some("System.Int64"),
        ("number", _) => Some("System.Double"),
        ("boolean", _) => Some("System.Boolean"),
        ("array", _) => Some("System.Object[]"),
        ("object", _) => Some(DICTIONARY),
        _ => None,
    };
    match members.get("type")? {
        Value::String(name) => map(name),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str);
            Some(only(names.filter(|n| *n != "null").map(|n| map(n).unwrap_or(OBJECT))))
        }
        _ => None,
    }
}

/// The type of a listed value; `None` for null.
fn value_type(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "System.Boolean",
        Value::Number(n) if n.is_f64() => "System.Double",
        Value::Number(_) => "System.Int64",
        Value::String(_) => "System.String",
        Value::Array(_) => "System.Object[]",
        Value::Object(_) => DICTIONARY,
    })
}

/// The one type all have, or `System.Object`.
fn only(mut types: impl Iterator<Item = &'static str>) -> &'static str {
    match types.next() {
        Some(first) if types.all(|t| t == first) => first,
        _ => OBJECT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn schema_types() {
        let document = json!({
            "definitions": {
                "job-attachment": {"type": "object", "x-uipath-resource-kind": "JobAttachment",
                    "properties": {"ID": {"type": "string"}}},
                "loop": {"$ref": "#/definitions/loop"},
                "color": {"enum": ["red", "green"]},
            },
        });
        for (schema, expected) in [
            (json!({"type": "string"}), "System.String"),
            (json!({"type": "string", "format": "date-time"}), "System.DateTime"),
            (json!({"type": "string", "format": "uuid"}), "System.String"),
            (json!({"type": "integer"}), "System.Int64"),
            (json!({"type": "number"}), "System.Double"),
            (json!({"type": "boolean"}), "System.Boolean"),
            (json!({"type": "array", "items": {"type": "string"}}), "System.Object[]"),
            (json!({"items": {}}), "System.Object[]"),
            (json!({"type": "object"}), DICTIONARY),
            (json!({"properties": {}}), DICTIONARY),
            (json!({"type": ["null", "integer"]}), "System.Int64"),
            (json!({"type": ["string", "integer"]}), OBJECT),
            (json!({"anyOf": [{"type": "number"}, {"type": "null"}]}), "System.Double"),
            (json!({"oneOf": [{"type": "number"}, {"type": "string"}]}), OBJECT),
            (json!({"allOf": [{"$ref": "#/definitions/color"}]}), "System.String"),
            (json!({"enum": [1, 2, null]}), "System.Int64"),
            (json!({"enum": [1, "a"]}), OBJECT),
            (json!({"enum": []}), OBJECT),
            (json!({"const": 1.5}), "System.Double"),
            (json!({"$ref": "#/definitions/job-attachment"}), DICTIONARY),
            (json!({"$ref": "#/definitions/loop"}), OBJECT),
            (json!({"$ref": "#/definitions/none"}), OBJECT),
            (json!({"$ref": "other.json"}), OBJECT),
            (json!({"type": "unknown"}), OBJECT),
            (json!({}), OBJECT),
            (json!(true), OBJECT),
            (json!(null), OBJECT),
        ] {
            let mut walk = SchemaWalk::new(&document);
            assert_eq!(walk.type_name(&schema, MAX_NESTING), expected, "{schema}");
        }
    }

    #[test]
    fn schema_to_array_form() {
        let schema = json!({
            "type": "object",
            "properties": {
                "zeta": {"type": "string"},
                "alpha": {"type": "integer", "default": 3},
                "mode": {"$ref": "#/$defs/Mode"},
            },
            "allOf": [{"properties": {"more": {"type": "boolean"}, "zeta": {"type": "number"}},
                "required": ["more"]}],
            "required": ["zeta", "mode"],
            "$defs": {"Mode": {"type": "string", "enum": ["a"], "default": null}},
        });
        let found = Argument::from_schema(&schema);
        assert_eq!(
            Argument::inputs_json(&found),
            r#"[{"name":"zeta","type":"System.String","required":true,"hasDefault":false},"#.to_owned()
                + r#"{"name":"alpha","type":"System.Int64","required":false,"hasDefault":true},"#
                + r#"{"name":"mode","type":"System.String","required":true,"hasDefault":true},"#
                + r#"{"name":"more","type":"System.Boolean","required":true,"hasDefault":false}]"#
        );
        assert_eq!(Argument::outputs_json(&found[..1]), r#"[{"name":"zeta","type":"System.String"}]"#);
        let nested = json!({"$ref": "#/$defs/In",
            "$defs": {"In": {"properties": {"x": {"type": "integer"}}}}});
        assert_eq!(Argument::from_schema(&nested)[0].type_name, "System.Int64");
        let circular = json!({"properties": {"x": {"allOf": [{"$ref": "#"}]}},
            "allOf": [{"$ref": "#"}]});
        assert_eq!(Argument::from_schema(&circular).len(), 1);
        let self_ref = json!({"$ref": "#/properties/x"});
        let bushy = json!({"properties": {"x": {"anyOf": vec![self_ref; 100]}},
            "allOf": vec![json!({"$ref": "#"}); 100]});
        assert_eq!(Argument::from_schema(&bushy)[0].type_name, OBJECT);
        for empty in [
            json!(null),
            json!({}),
            json!({"type": "object"}),
            json!({"type": "string"}),
            json!([1]),
            json!({"properties": []}),
        ] {
            assert_eq!(Argument::from_schema(&empty), [], "{empty}");
        }
    }

    #[test]
    fn project_lists() {
        let list = json!([
            {"name": "month", "type": "System.Int32, mscorlib", "required": true, "hasDefault": false},
            {"name": "note"},
            {"type": "System.String"},
            7,
        ]);
        let found = Argument::from_project(&list);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].type_name, "System.Int32, mscorlib");
        assert!(found[0].required && !found[0].has_default);
        assert_eq!(found[1].type_name, OBJECT);
        assert_eq!(Argument::parse_list(&Argument::inputs_json(&found)), Some(found));
        assert_eq!(Argument::parse_list("{}"), None);
        assert_eq!(Argument::parse_list("x"), None);
    }

    /// Schemas of any shape, well-formed or not.
    fn schemas() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "(#|#/properties/type|string|object|null|array)".prop_map(Value::from),
        ];
        let key = "(\\$ref|type|properties|items|anyOf|allOf|enum|required|default|a)";
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_schema_ends_and_reads_back(schema in schemas()) {
            let found = Argument::from_schema(&schema);
            prop_assert_eq!(Argument::parse_list(&Argument::inputs_json(&found)), Some(found));
        }
    }
}
