//! CSDL 4.0 as XML.

use super::{Call, Document, EdmType, Member, Schema, Structure};
use std::fmt::Write;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn type_name(ty: &EdmType) -> String {
    let name = escape(&ty.name);
    if ty.collection { format!("Collection({name})") } else { name }
}

// Writing to a String cannot fail, hence the ignored results below.

fn member(out: &mut String, member: &Member, element: &str) {
    let nullable = if member.nullable { "" } else { " Nullable=\"false\"" };
    // A collection of entities has no such attribute.
    let nullable = if member.navigation && member.ty.collection { "" } else { nullable };
    let _ = write!(out, "<{element} Name=\"{}\" Type=\"{}\"{nullable}/>", escape(&member.name), type_name(&member.ty));
}

fn structure(out: &mut String, structure: &Structure) {
    let element = if structure.key.is_some() { "EntityType" } else { "ComplexType" };
    let open = if structure.open { " OpenType=\"true\"" } else { "" };
    let _ = write!(out, "<{element} Name=\"{}\"{open}>", escape(&structure.name));
    if let Some(key) = &structure.key {
        let _ = write!(out, "<Key><PropertyRef Name=\"{}\"/></Key>", escape(key));
    }
    for m in &structure.members {
        member(out, m, if m.navigation { "NavigationProperty" } else { "Property" });
    }
    let _ = write!(out, "</{element}>");
}

fn call(out: &mut String, call: &Call<'_>) {
    let element = if call.operation.action { "Action" } else { "Function" };
    let bound = if call.operation.bound.is_some() { " IsBound=\"true\"" } else { "" };
    let _ = write!(out, "<{element} Name=\"{}\"{bound}>", escape(&call.operation.name));
    for parameter in &call.parameters {
        member(out, parameter, "Parameter");
    }
    match &call.returns {
        Some(ty) => {
            let _ = write!(out, "<ReturnType Type=\"{}\"/>", type_name(ty));
        }
        // A function must return something.
        None if !call.operation.action => out.push_str("<ReturnType Type=\"Edm.Untyped\"/>"),
        None => {}
    }
    let _ = write!(out, "</{element}>");
}

/// The document as XML.
pub fn xml(document: &Document<'_>) -> String {
    let schema = Schema::of(document);
    let mut out = String::with_capacity(64 * 1024);
    out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    out.push_str(
        "<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices>",
    );
    let open = |out: &mut String, namespace: &str| {
        let namespace = escape(namespace);
        let _ = write!(out, "<Schema Namespace=\"{namespace}\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">");
    };
    open(&mut out, schema.namespace);
    for (name, members) in &schema.enums {
        let _ = write!(out, "<EnumType Name=\"{}\">", escape(name));
        for (name, value) in members {
            let _ = write!(out, "<Member Name=\"{}\" Value=\"{value}\"/>", escape(name));
        }
        out.push_str("</EnumType>");
    }
    schema.structures.iter().for_each(|s| structure(&mut out, s));
    for c in schema.calls.get(schema.namespace).into_iter().flatten() {
        call(&mut out, c);
    }
    let _ = write!(out, "<EntityContainer Name=\"{}\">", escape(schema.container));
    for ((set, ty), bindings) in schema.sets.iter().zip(&schema.bindings) {
        let _ = write!(out, "<EntitySet Name=\"{}\" EntityType=\"{}\">", escape(set), escape(&schema.own(ty)));
        for (path, target) in bindings {
            let (path, target) = (escape(path), escape(target));
            let _ = write!(out, "<NavigationPropertyBinding Path=\"{path}\" Target=\"{target}\"/>");
        }
        out.push_str("</EntitySet>");
    }
    out.push_str("</EntityContainer></Schema>");
    for (namespace, calls) in schema.calls.iter().filter(|(n, _)| **n != schema.namespace) {
        open(&mut out, namespace);
        calls.iter().for_each(|c| call(&mut out, c));
        out.push_str("</Schema>");
    }
    out.push_str("</edmx:DataServices></edmx:Edmx>");
    out
}
