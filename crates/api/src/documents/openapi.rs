//! The OpenAPI 3 description of what is served.

use crate::registry::{Operation, Served};
use bandmaster_model::{FolderRule, ParameterFacts, Place, PropertyDef, TypeBody, TypeRef};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Which description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Orchestrator's operations.
    Orchestrator,
    /// The identity service's.
    Identity,
}

/// The description of a part. `server` is the base address, `version` the API version.
pub fn openapi(served: &Served, part: Part, server: &str, version: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut wanted = BTreeSet::new();
    let mut scopes = BTreeSet::new();
    let mut operations: Vec<_> = served.operations().filter(|o| o.handler.is_some() && !o.hidden).collect();
    operations.sort_by(|a, b| (&a.facts.path, &a.facts.method).cmp(&(&b.facts.path, &b.facts.method)));
    for operation in operations {
        let identity = operation.facts.path.starts_with("/identity/");
        if identity != (part == Part::Identity) {
            continue;
        }
        scopes.extend(operation.facts.scopes.iter().cloned());
        let path = operation.facts.path.strip_prefix("/identity").unwrap_or(&operation.facts.path);
        let item = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        item[operation.facts.method.to_lowercase()] = describe(operation, &mut wanted);
    }
    let schemas = components(served, wanted);
    let title = if part == Part::Identity { "Bandmaster identity API" } else { "Bandmaster API" };
    let scopes: Map<String, Value> = scopes.into_iter().map(|s| (s.clone(), json!(scope_text(&s)))).collect();
    json!({
        "openapi": "3.0.4",
        "info": {"title": title, "version": version},
        "servers": [{"url": if part == Part::Identity { format!("{server}/identity") } else { server.to_owned() }}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"OAuth2": {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {"tokenUrl": format!("{server}/identity/connect/token"), "scopes": scopes},
                    "authorizationCode": {
                        "authorizationUrl": format!("{server}/identity/connect/authorize"),
                        "tokenUrl": format!("{server}/identity/connect/token"),
                        "scopes": scopes,
                    },
                },
            }},
        },
    })
}

fn scope_text(scope: &str) -> String {
    match scope.rsplit_once('.') {
        Some((family, "Read")) => format!("Read what belongs to {family}"),
        Some((family, "Write")) => format!("Change what belongs to {family}"),
        _ => format!("Read and change what belongs to {scope}"),
    }
}

fn describe(operation: &Operation, wanted: &mut BTreeSet<String>) -> Value {
    let facts = &operation.facts;
    let mut parameters: Vec<Value> = facts.params.iter().map(|p| parameter(p, wanted)).collect();
    if facts.folder != FolderRule::None {
        parameters.push(json!({
            "name": "X-UIPATH-OrganizationUnitId",
            "in": "header",
            "required": false,
            "description": "Id of the folder; its key or path may be sent in the sibling headers instead.",
            "schema": {"type": "integer", "format": "int64"},
        }));
    }
    let mut responses = Map::new();
    for (status, ty) in &facts.responses {
        responses.insert(status.to_string(), response(*status, ty.as_ref(), wanted));
    }
    if facts.responses.is_empty() {
        responses.insert("200".into(), response(200, None, wanted));
    }
    let mut errors: Vec<u16> = operation.also.clone();
    errors.push(400);
    if facts.caller != "none" {
        errors.extend([401, 403]);
    }
    for status in errors {
        responses.entry(status.to_string()).or_insert_with(|| json!({"description": status_text(status)}));
    }
    let mut text = Vec::new();
    if !facts.scopes.is_empty() {
        text.push(format!("OAuth scopes (any): {}.", facts.scopes.join(", ")));
    }
    if !facts.permission.is_empty() {
        text.push(format!("Permissions: {}.", facts.permission));
    }
    let mut out = json!({
        "operationId": facts.id,
        "tags": [facts.tag],
        "parameters": parameters,
        "responses": responses,
    });
    if !text.is_empty() {
        out["description"] = json!(text.join(" "));
    }
    if facts.deprecated {
        out["deprecated"] = json!(true);
    }
    if !facts.scopes.is_empty() {
        out["security"] = json!([{"OAuth2": facts.scopes[..1]}]);
    } else if facts.caller != "none" {
        out["security"] = json!([{"OAuth2": []}]);
    }
    if let Some(body) = &facts.body {
        out["requestBody"] = body_of(body, wanted);
    }
    out
}

fn body_of(body: &TypeRef, wanted: &mut BTreeSet<String>) -> Value {
    match body {
        TypeRef::Named(name) if name == "multipart" => json!({"content": {"multipart/form-data": {"schema": {
            "type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}}}}),
        TypeRef::Named(name) if name == "form" => {
            json!({"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}})
        }
        TypeRef::File => {
            json!({"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}})
        }
        ty => json!({"content": {"application/json": {"schema": schema(ty, wanted)}}}),
    }
}

fn response(status: u16, ty: Option<&TypeRef>, wanted: &mut BTreeSet<String>) -> Value {
    let mut out = json!({"description": status_text(status)});
    match ty {
        None => {}
        Some(TypeRef::File) => {
            out["content"] = json!({"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}});
        }
        Some(TypeRef::Named(name)) if name == "html" => {
            out["content"] = json!({"text/html": {"schema": {"type": "string"}}});
        }
        Some(ty) => out["content"] = json!({"application/json": {"schema": schema(ty, wanted)}}),
    }
    out
}

fn status_text(status: u16) -> &'static str {
    match status {
        200 => "Done",
        201 => "Created",
        202 => "Accepted",
        204 => "Done, nothing to return",
        207 => "Done in part",
        208 => "Done before",
        400 => "The request is wrong",
        401 => "No valid credentials",
        403 => "Not allowed",
        404 => "No such thing",
        409 => "Clashes with the present state",
        413 => "Too large",
        _ => "See the error body",
    }
}

fn parameter(p: &ParameterFacts, wanted: &mut BTreeSet<String>) -> Value {
    let place = if p.place == Place::Path { "path" } else { "query" };
    json!({
        "name": p.name,
        "in": place,
        "required": p.required || p.place == Place::Path,
        "schema": schema(&p.ty, wanted),
    })
}

/// The schema of a type; named types are referred to and noted in `wanted`.
fn schema(ty: &TypeRef, wanted: &mut BTreeSet<String>) -> Value {
    match ty {
        TypeRef::Any => json!({}),
        TypeRef::Object => json!({"type": "object"}),
        TypeRef::Bool => json!({"type": "boolean"}),
        TypeRef::Int32 => json!({"type": "integer", "format": "int32"}),
        TypeRef::Int64 => json!({"type": "integer", "format": "int64"}),
        TypeRef::Double => json!({"type": "number", "format": "double"}),
        TypeRef::String => json!({"type": "string"}),
        TypeRef::Uuid => json!({"type": "string", "format": "uuid"}),
        TypeRef::DateTime => json!({"type": "string", "format": "date-time"}),
        TypeRef::Uri => json!({"type": "string", "format": "uri"}),
        TypeRef::Bytes => json!({"type": "string", "format": "byte"}),
        TypeRef::File => json!({"type": "string", "format": "binary"}),
        TypeRef::Enum(words) => json!({"type": "string", "enum": words}),
        TypeRef::List(inner) => json!({"type": "array", "items": schema(inner, wanted)}),
        TypeRef::Map(inner) => json!({"type": "object", "additionalProperties": schema(inner, wanted)}),
        TypeRef::Named(name) => {
            wanted.insert(name.clone());
            json!({"$ref": format!("#/components/schemas/{name}")})
        }
    }
}

fn property(p: &PropertyDef, wanted: &mut BTreeSet<String>) -> Value {
    let mut out = schema(&p.ty, wanted);
    if out.get("$ref").is_some() {
        // A reference takes no siblings in OpenAPI 3.0.
        return json!({"allOf": [out], "nullable": !p.required});
    }
    if !p.required {
        out["nullable"] = json!(true);
    }
    if p.read_only {
        out["readOnly"] = json!(true);
    }
    let list = matches!(p.ty, TypeRef::List(_));
    let (least, most) = if list { ("minItems", "maxItems") } else { ("minLength", "maxLength") };
    if let Some(n) = p.length.0 {
        out[least] = json!(n);
    }
    if let Some(n) = p.length.1 {
        out[most] = json!(n);
    }
    if let Some(n) = p.range.0 {
        out["minimum"] = json!(n);
    }
    if let Some(n) = p.range.1 {
        out["maximum"] = json!(n);
    }
    out
}

/// Schemas of all wanted types and of those they name.
fn components(served: &Served, mut wanted: BTreeSet<String>) -> Map<String, Value> {
    let mut out: Map<String, Value> = Map::new();
    while let Some(name) = wanted.pop_first() {
        if out.contains_key(&name) {
            continue;
        }
        let Some(def) = served.type_def(&name) else { continue };
        let value = match &def.body {
            TypeBody::Enum(words) => json!({"type": "string", "enum": words}),
            TypeBody::Object(properties) => {
                let mut more = BTreeSet::new();
                let members: Map<String, Value> =
                    properties.iter().map(|p| (p.name.clone(), property(p, &mut more))).collect();
                let required: Vec<&str> = properties.iter().filter(|p| p.required).map(|p| p.name.as_str()).collect();
                wanted.extend(more);
                let mut object = json!({"type": "object", "properties": members});
                if !required.is_empty() {
                    object["required"] = json!(required);
                }
                object
            }
        };
        out.insert(name, value);
    }
    out.sort_keys();
    out
}
