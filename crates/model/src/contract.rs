//! The published operations and types as facts: names, types, statuses, scopes, permissions. They are
//! the list of what there is to serve; what is served is decided by the registry of operations.

use crate::types::{TypeDef, TypeRef, parse_types};
use std::collections::HashMap;
use std::sync::LazyLock;

static OPERATIONS: &str = include_str!("../facts/operations.tsv");
static TYPES: &str = include_str!("../facts/types.txt");

/// Where a parameter stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Inside the path, also as an argument of a function.
    Path,
    /// In the query.
    Query,
}

/// A parameter of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterFacts {
    /// Name; query options keep their `$`.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Its type.
    pub ty: TypeRef,
    /// Whether a request without it is refused.
    pub required: bool,
}

/// Whether an operation works inside a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderRule {
    /// Folder headers are ignored.
    None,
    /// A folder header narrows the operation; without one it spans the caller's folders.
    Optional,
    /// Without a folder header the request is refused (error code 1101).
    Required,
}

/// Permissions an operation asks for: every group must hold, a group holds when one of its names does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permission(pub Vec<Vec<String>>);

impl Permission {
    /// Reads `A.View|B.View&C.Edit`: `|` binds closer than `&`. `-` and the empty text ask for nothing.
    pub fn parse(text: &str) -> Permission {
        if text.is_empty() || text == "-" {
            return Permission::default();
        }
        Permission(text.split('&').map(|g| g.split('|').map(|n| n.trim().to_owned()).collect()).collect())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a caller for whom `holds` answers is let through.
    pub fn granted(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.0.iter().all(|group| group.iter().any(|name| holds(name)))
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups: Vec<String> = self.0.iter().map(|g| g.join(" or ")).collect();
        f.write_str(&groups.join(" and "))
    }
}

/// One operation as published (or, for the project's own, as it describes itself).
#[derive(Debug, Clone, PartialEq)]
pub struct OperationFacts {
    /// Unique name, for example `Assets_Post`.
    pub id: String,
    /// HTTP method in capitals.
    pub method: String,
    /// Path below the API root with `{parameters}`.
    pub path: String,
    /// Chapter.
    pub tag: String,
    /// `none` (anonymous), `user` or `host`.
    pub caller: String,
    /// Any one of these OAuth scopes suffices.
    pub scopes: Vec<String>,
    /// Permissions asked for.
    pub permission: Permission,
    /// Folder rule.
    pub folder: FolderRule,
    /// Parameters in path and query.
    pub params: Vec<ParameterFacts>,
    /// The type of the body. `None`: no body. Forms and files are `TypeRef::Named("multipart"|"form")`.
    pub body: Option<TypeRef>,
    /// Statuses with the type of the answer.
    pub responses: Vec<(u16, Option<TypeRef>)>,
    /// API versions that publish it; empty for the project's own.
    pub versions: Vec<u32>,
    /// Marked as outdated.
    pub deprecated: bool,
}

impl OperationFacts {
    /// The first 2xx status with its type; 200 when none is stated.
    pub fn success(&self) -> (u16, Option<&TypeRef>) {
        self.responses.iter().find(|(c, _)| (200..300).contains(c)).map_or((200, None), |(c, t)| (*c, t.as_ref()))
    }

    /// Whether the operation takes OData query options of that name (with `$`).
    pub fn takes(&self, option: &str) -> bool {
        self.params.iter().any(|p| p.place == Place::Query && p.name.eq_ignore_ascii_case(option))
    }

    fn parse(line: &str) -> Option<OperationFacts> {
        let c: Vec<&str> = line.split('\t').collect();
        let [id, method, path, tag, caller, scopes, permission, folder, params, body, responses, versions, deprecated] =
            c.as_slice()
        else {
            return None;
        };
        let list = |text: &str, by: char| -> Vec<String> {
            if text == "-" { Vec::new() } else { text.split(by).map(str::to_owned).collect() }
        };
        Some(OperationFacts {
            id: (*id).to_owned(),
            method: (*method).to_owned(),
            path: (*path).to_owned(),
            tag: (*tag).to_owned(),
            caller: (*caller).to_owned(),
            scopes: list(scopes, ','),
            permission: Permission::parse(permission),
            folder: match *folder {
                "required" => FolderRule::Required,
                "optional" => FolderRule::Optional,
                _ => FolderRule::None,
            },
            params: list(params, ' ').iter().filter_map(|p| parse_parameter(p)).collect(),
            body: (*body != "-").then(|| TypeRef::parse(body)),
            responses: list(responses, ' ')
                .iter()
                .filter_map(|r| {
                    let (status, ty) = r.split_once(':')?;
                    Some((status.parse().ok()?, (ty != "-").then(|| TypeRef::parse(ty))))
                })
                .collect(),
            versions: versions.split(',').filter_map(|v| v.parse().ok()).collect(),
            deprecated: *deprecated == "deprecated",
        })
    }
}

fn parse_parameter(text: &str) -> Option<ParameterFacts> {
    let mut parts = text.splitn(3, ':');
    let (name, place, ty) = (parts.next()?, parts.next()?, parts.next()?);
    let required = ty.ends_with('!');
    Some(ParameterFacts {
        name: name.to_owned(),
        place: if place == "path" { Place::Path } else { Place::Query },
        ty: TypeRef::parse(ty.trim_end_matches('!')),
        required,
    })
}

/// All published operations and types.
#[derive(Debug)]
pub struct Contract {
    operations: Vec<OperationFacts>,
    by_id: HashMap<String, usize>,
    types: HashMap<String, TypeDef>,
}

impl Contract {
    fn load() -> Contract {
        let operations: Vec<OperationFacts> =
            OPERATIONS.lines().filter(|l| !l.starts_with('#')).filter_map(OperationFacts::parse).collect();
        let by_id = operations.iter().enumerate().map(|(i, o)| (o.id.clone(), i)).collect();
        let types = parse_types(TYPES).into_iter().map(|t| (t.name.clone(), t)).collect();
        Contract { operations, by_id, types }
    }

    /// Every published operation.
    pub fn operations(&self) -> &[OperationFacts] {
        &self.operations
    }

    /// The operation of that id.
    pub fn operation(&self, id: &str) -> Option<&OperationFacts> {
        self.by_id.get(id).map(|i| &self.operations[*i])
    }

    /// The published type of that name.
    pub fn type_def(&self, name: &str) -> Option<&TypeDef> {
        self.types.get(name)
    }

    /// Every published type, in no order.
    pub fn types(&self) -> impl Iterator<Item = &TypeDef> {
        self.types.values()
    }
}

/// The contract, read once.
pub fn contract() -> &'static Contract {
    static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);
    &CONTRACT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_every_named_type_exists() {
        let lines = OPERATIONS.lines().filter(|l| !l.starts_with('#')).count();
        let c = contract();
        assert_eq!(c.operations().len(), lines);
        assert_eq!(c.by_id.len(), lines, "two operations share an id");
        fn named(t: &TypeRef, found: &mut Vec<String>) {
            match t {
                TypeRef::Named(n) => found.push(n.clone()),
                TypeRef::List(i) | TypeRef::Map(i) => named(i, found),
                _ => {}
            }
        }
        let mut names = Vec::new();
        for t in c.types() {
            t.properties().iter().for_each(|p| named(&p.ty, &mut names));
        }
        for o in c.operations() {
            o.responses.iter().filter_map(|(_, t)| t.as_ref()).for_each(|t| named(t, &mut names));
            o.body.iter().for_each(|t| named(t, &mut names));
        }
        names.retain(|n| c.type_def(n).is_none() && n != "multipart" && n != "form");
        names.sort();
        names.dedup();
        assert_eq!(names, Vec::<String>::new());
    }

    #[test]
    fn permissions_combine() {
        let p = Permission::parse("Units.View|SubFolders.View&Users.View");
        assert!(p.granted(|n| n == "SubFolders.View" || n == "Users.View"));
        assert!(!p.granted(|n| n == "Units.View"));
        assert!(Permission::parse("-").granted(|_| false));
    }
}
