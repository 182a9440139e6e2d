//! CSDL as JSON. Edm.String is the type of what names none, so it is left out as the format has it.

use super::{Call, Document, EdmType, Member, Schema, Structure};
use serde_json::{Map, Value, json as object};

fn typed(ty: &EdmType, nullable: bool) -> Map<String, Value> {
    let mut out = Map::new();
    if ty.collection {
        out.insert("$Collection".to_owned(), Value::Bool(true));
    }
    if ty.name != "Edm.String" {
        out.insert("$Type".to_owned(), Value::String(ty.name.clone()));
    }
    if nullable {
        out.insert("$Nullable".to_owned(), Value::Bool(true));
    }
    out
}

fn member(member: &Member) -> Value {
    let mut out = Map::new();
    if member.navigation {
        out.insert("$Kind".to_owned(), Value::from("NavigationProperty"));
    }
    out.extend(typed(&member.ty, member.nullable));
    Value::Object(out)
}

fn structure(structure: &Structure) -> Value {
    let mut out = Map::new();
    match &structure.key {
        Some(key) => {
            out.insert("$Kind".to_owned(), Value::from("EntityType"));
            out.insert("$Key".to_owned(), object!([key]));
        }
        None => {
            out.insert("$Kind".to_owned(), Value::from("ComplexType"));
        }
    }
    if structure.open {
        out.insert("$OpenType".to_owned(), Value::Bool(true));
    }
    out.extend(structure.members.iter().map(|m| (m.name.clone(), member(m))));
    Value::Object(out)
}

fn call(call: &Call<'_>) -> Value {
    let mut out = Map::new();
    out.insert("$Kind".to_owned(), Value::from(if call.operation.action { "Action" } else { "Function" }));
    if call.operation.bound.is_some() {
        out.insert("$IsBound".to_owned(), Value::Bool(true));
    }
    let parameters: Vec<Value> = call
        .parameters
        .iter()
        .map(|p| {
            let mut out = Map::new();
            out.insert("$Name".to_owned(), Value::String(p.name.clone()));
            out.extend(typed(&p.ty, p.nullable));
            Value::Object(out)
        })
        .collect();
    if !parameters.is_empty() {
        out.insert("$Parameter".to_owned(), Value::Array(parameters));
    }
    let returns = match &call.returns {
        Some(ty) => Some(typed(ty, true)),
        // A function must return something.
        None if !call.operation.action => {
            Some(typed(&EdmType { name: "Edm.Untyped".to_owned(), collection: false }, true))
        }
        None => None,
    };
    out.extend(returns.map(|r| ("$ReturnType".to_owned(), Value::Object(r))));
    Value::Object(out)
}

/// Operations of one name are one list.
fn calls(calls: &[Call<'_>], into: &mut Map<String, Value>) {
    for c in calls {
        let list = into.entry(c.operation.name.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(call(c));
        }
    }
}

/// The document as JSON.
pub fn json(document: &Document<'_>) -> Value {
    let schema = Schema::of(document);
    let mut own = Map::new();
    for (name, members) in &schema.enums {
        let mut out = Map::new();
        out.insert("$Kind".to_owned(), Value::from("EnumType"));
        out.extend(members.iter().map(|(n, v)| (n.clone(), Value::from(*v))));
        own.insert(name.clone(), Value::Object(out));
    }
    own.extend(schema.structures.iter().map(|s| (s.name.clone(), structure(s))));
    calls(schema.calls.get(schema.namespace).map_or(&[], Vec::as_slice), &mut own);
    let mut container = Map::new();
    container.insert("$Kind".to_owned(), Value::from("EntityContainer"));
    for ((set, ty), bindings) in schema.sets.iter().zip(&schema.bindings) {
        let mut entry = object!({ "$Collection": true, "$Type": schema.own(ty) });
        if let (Value::Object(entry), false) = (&mut entry, bindings.is_empty()) {
            let paths: Map<String, Value> = bindings.iter().map(|(p, t)| ((*p).to_owned(), Value::from(*t))).collect();
            entry.insert("$NavigationPropertyBinding".to_owned(), Value::Object(paths));
        }
        container.insert((*set).to_owned(), entry);
    }
    own.insert(schema.container.to_owned(), Value::Object(container));
    let mut out = Map::new();
    out.insert("$Version".to_owned(), Value::from("4.01"));
    out.insert("$EntityContainer".to_owned(), Value::String(schema.own(schema.container)));
    out.insert(schema.namespace.to_owned(), Value::Object(own));
    for (namespace, list) in schema.calls.iter().filter(|(n, _)| **n != schema.namespace) {
        let mut other = Map::new();
        calls(list, &mut other);
        out.insert((*namespace).to_owned(), Value::Object(other));
    }
    Value::Object(out)
}
