//! The metadata document (`$metadata`) as XML (CSDL 4.0) and as JSON (CSDL JSON 4.01).
//!
//! Made from the same entity types that queries are bound against, the published complex types, and a list of
//! functions and actions. What is served decides what is described; nothing is read from anywhere else.

mod json;
mod xml;

pub use json::json;
pub use xml::xml;

use bandmaster_model::entity::{EntityType, Kind, Link};
use bandmaster_model::{TypeBody, TypeDef, TypeRef};
use std::collections::{BTreeMap, HashSet};

/// A function or an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Name without namespace.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// An action (POST) instead of a function (GET).
    pub action: bool,
    /// The type it is bound to (name of an entity type), and whether to the set (`true`) or to one entity.
    pub bound: Option<(String, bool)>,
    /// Name, type, and whether it must be given.
    pub parameters: Vec<(String, TypeRef, bool)>,
    /// What it returns.
    pub returns: Option<TypeRef>,
}

/// What is described.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// Namespace of the types and of the container.
    pub namespace: &'a str,
    /// Name of the entity container.
    pub container: &'a str,
    /// Entity types with their sets. Types of the same name are described once, by the first.
    pub entities: &'a [&'static EntityType],
    /// Complex types and enumerations; those that are named like an entity type only lend it the types of its
    /// JSON properties.
    pub types: Vec<&'a TypeDef>,
    /// Functions and actions.
    pub operations: Vec<Operation>,
}

/// A type name and whether it is a collection of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EdmType {
    name: String,
    collection: bool,
}

#[derive(Debug)]
struct Member {
    name: String,
    ty: EdmType,
    nullable: bool,
    navigation: bool,
}

#[derive(Debug)]
struct Structure {
    name: String,
    key: Option<String>,
    open: bool,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Call<'a> {
    operation: &'a Operation,
    parameters: Vec<Member>,
    returns: Option<EdmType>,
}

/// The document with all names resolved; both forms are written from it.
#[derive(Debug)]
struct Schema<'a> {
    namespace: &'a str,
    container: &'a str,
    enums: BTreeMap<String, Vec<(String, i64)>>,
    structures: Vec<Structure>,
    /// By namespace.
    calls: BTreeMap<&'a str, Vec<Call<'a>>>,
    /// Set and type.
    sets: Vec<(&'static str, &'static str)>,
    /// Paths of navigations with the set they lead to, by set.
    bindings: Vec<Vec<(&'static str, &'static str)>>,
}

impl<'a> Schema<'a> {
    fn of(document: &'a Document<'a>) -> Schema<'a> {
        let mut schema = Schema {
            namespace: document.namespace,
            container: document.container,
            enums: BTreeMap::new(),
            structures: Vec::new(),
            calls: BTreeMap::new(),
            sets: Vec::new(),
            bindings: Vec::new(),
        };
        let mut known: HashSet<&str> = document.entities.iter().map(|e| e.name).collect();
        known.extend(document.types.iter().map(|t| t.name.as_str()));
        let mut seen: HashSet<&str> = HashSet::new();
        let mut listed: HashSet<&str> = HashSet::new();
        for entity in document.entities {
            if !entity.set.is_empty() && listed.insert(entity.set) {
                schema.sets.push((entity.set, entity.name));
                let leads = |name: &str| document.entities.iter().find(|e| e.name == name && !e.set.is_empty());
                let bindings = entity.navigations.iter();
                schema.bindings.push(bindings.filter_map(|n| Some((n.name, leads((n.target)().name)?.set))).collect());
            }
            if seen.insert(entity.name) {
                let described = document.types.iter().find(|t| t.name == entity.name).copied();
                schema.entity(entity, described, &known);
            }
        }
        for ty in &document.types {
            if seen.insert(&ty.name) {
                schema.complex(ty, &known);
            }
        }
        for operation in &document.operations {
            let mut parameters = Vec::new();
            if let Some((ty, collection)) = &operation.bound {
                let name = if known.contains(ty.as_str()) { schema.own(ty) } else { "Edm.Untyped".to_owned() };
                let ty = EdmType { name, collection: *collection };
                parameters.push(Member { name: "bindingParameter".to_owned(), ty, nullable: false, navigation: false });
            }
            for (name, ty, required) in &operation.parameters {
                let ty = schema.resolve(ty, &known);
                parameters.push(Member { name: name.clone(), ty, nullable: !required, navigation: false });
            }
            let returns = operation.returns.as_ref().map(|t| schema.resolve(t, &known));
            schema.calls.entry(&operation.namespace).or_default().push(Call { operation, parameters, returns });
        }
        schema
    }

    fn own(&self, name: &str) -> String {
        format!("{}.{name}", self.namespace)
    }

    fn resolve(&self, ty: &TypeRef, known: &HashSet<&str>) -> EdmType {
        let name = match ty {
            TypeRef::List(inner) => {
                return EdmType { collection: true, ..self.resolve(inner, known) };
            }
            TypeRef::Bool => "Edm.Boolean".to_owned(),
            TypeRef::Int32 => "Edm.Int32".to_owned(),
            TypeRef::Int64 => "Edm.Int64".to_owned(),
            TypeRef::Double => "Edm.Double".to_owned(),
            TypeRef::String | TypeRef::Uri | TypeRef::Enum(_) => "Edm.String".to_owned(),
            TypeRef::Uuid => "Edm.Guid".to_owned(),
            TypeRef::DateTime => "Edm.DateTimeOffset".to_owned(),
            TypeRef::Bytes => "Edm.Binary".to_owned(),
            TypeRef::File => "Edm.Stream".to_owned(),
            TypeRef::Named(name) if known.contains(name.as_str()) => self.own(name),
            TypeRef::Any | TypeRef::Object | TypeRef::Map(_) | TypeRef::Named(_) => "Edm.Untyped".to_owned(),
        };
        EdmType { name, collection: false }
    }

    fn entity(&mut self, entity: &EntityType, described: Option<&TypeDef>, known: &HashSet<&str>) {
        let mut members = Vec::new();
        for property in entity.properties {
            let published = described.and_then(|d| d.property(property.name));
            let plain = |name: &str| EdmType { name: name.to_owned(), collection: false };
            let ty = match property.kind {
                Kind::Bool => plain("Edm.Boolean"),
                Kind::Int32 => plain("Edm.Int32"),
                Kind::Int64 => plain("Edm.Int64"),
                Kind::Double => plain("Edm.Double"),
                Kind::Text => plain("Edm.String"),
                Kind::Guid => plain("Edm.Guid"),
                Kind::DateTime => plain("Edm.DateTimeOffset"),
                Kind::Enum(members) => {
                    let values = members.members.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
                    self.enums.entry(members.name.to_owned()).or_insert(values);
                    plain(&self.own(members.name))
                }
                Kind::Json => published.map_or_else(|| plain("Edm.Untyped"), |p| self.resolve(&p.ty, known)),
            };
            let nullable = !property.name.eq_ignore_ascii_case(entity.key) && !published.is_some_and(|p| p.required);
            members.push(Member { name: property.name.to_owned(), ty, nullable, navigation: false });
        }
        for navigation in entity.navigations {
            let target = (navigation.target)().name;
            let name = if known.contains(target) { self.own(target) } else { "Edm.EntityType".to_owned() };
            let collection = matches!(navigation.link, Link::Many { .. });
            let ty = EdmType { name, collection };
            members.push(Member { name: navigation.name.to_owned(), ty, nullable: !collection, navigation: true });
        }
        let key = entity.key_property().map(|p| p.name.to_owned());
        self.structures.push(Structure { name: entity.name.to_owned(), key, open: false, members });
    }

    fn complex(&mut self, ty: &TypeDef, known: &HashSet<&str>) {
        match &ty.body {
            TypeBody::Enum(words) => {
                let values = words.iter().cloned().zip(0..).collect();
                self.enums.entry(ty.name.clone()).or_insert(values);
            }
            TypeBody::Object(properties) => {
                let members = properties
                    .iter()
                    .map(|p| Member {
                        name: p.name.clone(),
                        ty: self.resolve(&p.ty, known),
                        nullable: !p.required,
                        navigation: false,
                    })
                    .collect();
                let open = properties.is_empty();
                self.structures.push(Structure { name: ty.name.clone(), key: None, open, members });
            }
        }
    }
}
