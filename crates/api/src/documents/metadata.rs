//! `$metadata`: the entity types, complex types, functions and actions of what is served, as XML or JSON.

use crate::registry::{Operation, Served};
use bandmaster_model::{EntityType, Place, TypeBody, TypeRef};
use bandmaster_odata::edm::{self, Document};
use bandmaster_odata::path;
use serde_json::Value;
use std::collections::BTreeSet;

const NAMESPACE: &str = "UiPath.Server.Configuration.OData";

/// The document in one of its forms.
pub enum Metadata {
    /// CSDL XML.
    Xml(String),
    /// CSDL JSON.
    Json(Value),
}

/// Describes what is served below `/odata`.
pub fn metadata(served: &Served, xml: bool) -> Metadata {
    let entities = served.entities();
    let operations: Vec<&Operation> = served
        .operations()
        .map(AsRef::as_ref)
        .filter(|o| o.handler.is_some() && !o.hidden && o.facts.path.starts_with("/odata/"))
        .collect();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for operation in &operations {
        let answers = operation.facts.responses.iter().filter_map(|(_, t)| t.as_ref());
        answers.chain(operation.facts.body.as_ref()).for_each(|t| collect(served, t, &mut wanted));
    }
    entities.iter().for_each(|e| collect(served, &TypeRef::Named(e.name.to_owned()), &mut wanted));
    let document = Document {
        namespace: NAMESPACE,
        container: "Default",
        entities,
        types: wanted.iter().filter_map(|n| served.type_def(n)).collect(),
        operations: operations.iter().filter_map(|o| described(served, entities, o)).collect(),
    };
    if xml { Metadata::Xml(edm::xml(&document)) } else { Metadata::Json(edm::json(&document)) }
}

/// Notes a type and all those it consists of. Envelopes of lists are not types of their own in OData.
fn collect(served: &Served, ty: &TypeRef, wanted: &mut BTreeSet<String>) {
    match ty {
        TypeRef::List(inner) | TypeRef::Map(inner) => collect(served, inner, wanted),
        TypeRef::Named(name) => {
            let Some(def) = served.type_def(name) else { return };
            let envelope = name.starts_with("ODataValueOf");
            if !envelope && !wanted.insert(name.clone()) {
                return;
            }
            if let TypeBody::Object(properties) = &def.body {
                properties.iter().for_each(|p| collect(served, &p.ty, wanted));
            }
        }
        _ => {}
    }
}

/// A function or action; none for the plain verbs on sets and entities.
fn described(served: &Served, entities: &[&'static EntityType], operation: &Operation) -> Option<edm::Operation> {
    let parsed = path::parse(&operation.facts.path).ok()?;
    let named = parsed.operation?;
    let action = operation.facts.method != "GET";
    let bound = entities
        .iter()
        .find(|e| e.set.eq_ignore_ascii_case(&parsed.set))
        .map(|e| (e.name.to_owned(), parsed.key.is_none()));
    let mut parameters = Vec::new();
    for (name, _) in &named.args {
        let found = operation.facts.params.iter().find(|p| p.name.eq_ignore_ascii_case(name));
        parameters.push((name.clone(), found.map_or(TypeRef::String, |p| p.ty.clone()), true));
    }
    if action && let Some(TypeRef::Named(body)) = &operation.facts.body {
        let members = served.type_def(body).map(|d| d.properties()).unwrap_or_default();
        parameters.extend(members.iter().map(|p| (p.name.clone(), p.ty.clone(), p.required)));
    } else if !action {
        let plain = operation.facts.params.iter().filter(|p| p.place == Place::Query && !p.name.starts_with('$'));
        parameters.extend(plain.map(|p| (p.name.clone(), p.ty.clone(), p.required)));
    }
    let returns = operation.facts.success().1.map(|t| unwrapped(served, t));
    let namespace = if named.namespace.is_empty() { NAMESPACE.to_owned() } else { named.namespace };
    Some(edm::Operation { name: named.name, namespace, action, bound, parameters, returns })
}

/// What stands in an envelope's `value`.
fn unwrapped(served: &Served, ty: &TypeRef) -> TypeRef {
    match ty {
        TypeRef::Named(name) if name.starts_with("ODataValueOf") => {
            served.type_def(name).and_then(|d| d.property("value")).map_or_else(|| ty.clone(), |p| p.ty.clone())
        }
        other => other.clone(),
    }
}
