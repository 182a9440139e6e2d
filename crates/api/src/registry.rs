//! The registry of operations: what is served, how it is reached, who may call it, how it is described.
//!
//! It starts with every published operation, unserved. A feature's `register` function attaches handlers,
//! narrows rules and adds operations of its own. What stays without a handler is routed, asks for a
//! caller, answers 501 and is left out of the OpenAPI document.

use crate::handler::Handler;
use bandmaster_model::{
    EntityType, FolderRule, OperationFacts, ParameterFacts, Permission, Place, TypeDef, TypeRef, contract, parse_types,
};
use bandmaster_odata::template::Router;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What an operation leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing: it only reads.
    Reads,
    /// An audit entry: a person or application changed something.
    Audited,
    /// An event: a fact others may react to, not a change for the audit.
    Evented,
    /// Neither: heartbeats, log lines, tokens.
    Telemetry,
}

/// An operation as served.
pub struct Operation {
    /// Its description.
    pub facts: OperationFacts,
    /// Its function; none: answers 501.
    pub handler: Option<Arc<dyn Handler>>,
    /// What it leaves behind.
    pub trace: Trace,
    /// Permissions are checked by the handler, which alone knows what they concern.
    pub handler_checks_permission: bool,
    /// The handler refuses more than the dispatcher does, by a rule that is no permission.
    pub handler_refuses_more: bool,
    /// The handler reads the body itself (uploads).
    pub streams: bool,
    /// Left out of the OpenAPI document (pages for browsers, probes).
    pub hidden: bool,
    /// Extra statuses for the description.
    pub also: Vec<u16>,
    /// Kinds of events it may record.
    pub events: &'static [&'static str],
}

impl Operation {
    /// Whether the method can change anything.
    pub fn mutates(&self) -> bool {
        self.facts.method != "GET"
    }

    /// Marks it as leaving audit entries.
    pub fn audited(&mut self) -> &mut Operation {
        self.trace = Trace::Audited;
        self
    }

    /// Marks it as leaving events only.
    pub fn evented(&mut self) -> &mut Operation {
        self.trace = Trace::Evented;
        self
    }

    /// Marks it as leaving neither audit entries nor events.
    pub fn telemetry(&mut self) -> &mut Operation {
        self.trace = Trace::Telemetry;
        self
    }

    /// Marks it as a reading operation in spite of its method.
    pub fn reads(&mut self) -> &mut Operation {
        self.trace = Trace::Reads;
        self
    }

    /// Sets the folder rule.
    pub fn folder(&mut self, rule: FolderRule) -> &mut Operation {
        self.facts.folder = rule;
        self
    }

    /// Leaves the permission check to the handler.
    pub fn checks_itself(&mut self) -> &mut Operation {
        self.handler_checks_permission = true;
        self
    }

    /// Tells that the handler refuses further callers, by a rule that is no permission (people only, oneself only).
    pub fn refuses_more(&mut self) -> &mut Operation {
        self.handler_refuses_more = true;
        self
    }

    /// Leaves reading the body to the handler.
    pub fn streams(&mut self) -> &mut Operation {
        self.streams = true;
        self
    }

    /// Leaves it out of the OpenAPI document.
    pub fn hidden(&mut self) -> &mut Operation {
        self.hidden = true;
        self
    }

    /// Adds statuses to the description.
    pub fn also(&mut self, statuses: &[u16]) -> &mut Operation {
        self.also.extend_from_slice(statuses);
        self
    }

    /// Describes a parameter in the query that the contract lacks.
    pub fn takes(&mut self, name: &str, ty: &str) -> &mut Operation {
        let ty = TypeRef::parse(ty);
        self.facts.params.push(ParameterFacts { name: name.into(), place: Place::Query, ty, required: false });
        self
    }

    /// Names the kinds of events it may record.
    pub fn events(&mut self, kinds: &'static [&'static str]) -> &mut Operation {
        self.events = kinds;
        self
    }
}

/// Describes an operation that the contract lacks: unpublished ones that clients call, and the project's own.
///
/// ```
/// use bandmaster_api::registry::own;
/// use bandmaster_model::FolderRule;
/// let row = own("Jobs_GetByKey", "GET", "/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})")
///     .tag("Jobs").scopes("OR.Jobs,OR.Jobs.Read").permission("Jobs.View").folder(FolderRule::Required)
///     .path("identifier", "uuid").options("$expand $select").returns(200, "JobDto");
/// assert_eq!(row.facts.tag, "Jobs");
/// ```
pub struct OwnOperation {
    /// The description so far.
    pub facts: OperationFacts,
}

/// Begins the description of an operation that the contract lacks.
pub fn own(id: &str, method: &str, path: &str) -> OwnOperation {
    OwnOperation {
        facts: OperationFacts {
            id: id.into(),
            method: method.into(),
            path: path.into(),
            tag: id.split('_').next().unwrap_or(id).into(),
            caller: "user".into(),
            scopes: Vec::new(),
            permission: Permission::default(),
            folder: FolderRule::None,
            params: Vec::new(),
            body: None,
            responses: Vec::new(),
            versions: Vec::new(),
            deprecated: false,
        },
    }
}

impl OwnOperation {
    /// Chapter; otherwise the id's part before `_`.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.facts.tag = tag.into();
        self
    }

    /// Anybody may call it.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.facts.caller = "none".into();
        self
    }

    /// Only administrators of the installation may call it.
    #[must_use]
    pub fn host(mut self) -> Self {
        self.facts.caller = "host".into();
        self
    }

    /// Accepted scopes, separated by commas.
    #[must_use]
    pub fn scopes(mut self, scopes: &str) -> Self {
        self.facts.scopes = scopes.split(',').map(|s| s.trim().to_owned()).collect();
        self
    }

    /// Permissions (`|` or, `&` and).
    #[must_use]
    pub fn permission(mut self, text: &str) -> Self {
        self.facts.permission = Permission::parse(text);
        self
    }

    /// Folder rule.
    #[must_use]
    pub fn folder(mut self, rule: FolderRule) -> Self {
        self.facts.folder = rule;
        self
    }

    /// A required parameter in the path.
    #[must_use]
    pub fn path(mut self, name: &str, ty: &str) -> Self {
        let ty = TypeRef::parse(ty);
        self.facts.params.push(ParameterFacts { name: name.into(), place: Place::Path, ty, required: true });
        self
    }

    /// A parameter in the query; a type ending in `!` makes it required.
    #[must_use]
    pub fn query(mut self, name: &str, ty: &str) -> Self {
        let required = ty.ends_with('!');
        let ty = TypeRef::parse(ty.trim_end_matches('!'));
        self.facts.params.push(ParameterFacts { name: name.into(), place: Place::Query, ty, required });
        self
    }

    /// OData options, separated by blanks.
    #[must_use]
    pub fn options(mut self, names: &str) -> Self {
        for name in names.split_whitespace() {
            let ty = match name {
                "$top" | "$skip" => "int32",
                "$count" => "bool",
                _ => "string",
            };
            self = self.query(name, ty);
        }
        self
    }

    /// Type of the body.
    #[must_use]
    pub fn body(mut self, ty: &str) -> Self {
        self.facts.body = Some(TypeRef::parse(ty));
        self
    }

    /// A status with the type of its answer (`-`: none).
    #[must_use]
    pub fn returns(mut self, status: u16, ty: &str) -> Self {
        self.facts.responses.push((status, (ty != "-").then(|| TypeRef::parse(ty))));
        self
    }
}

/// Everything that is served.
#[derive(Default)]
pub struct Registry {
    operations: Vec<Operation>,
    by_id: HashMap<String, usize>,
    types: HashMap<String, TypeDef>,
    entities: Vec<&'static EntityType>,
    problems: Vec<String>,
}

impl Registry {
    /// The published operations, none of them served yet.
    pub fn new() -> Registry {
        let mut registry = Registry::default();
        for facts in contract().operations() {
            registry.push(facts.clone());
        }
        registry
    }

    fn push(&mut self, facts: OperationFacts) -> usize {
        let index = self.operations.len();
        let trace = if facts.method == "GET" { Trace::Reads } else { Trace::Audited };
        if self.by_id.insert(facts.id.clone(), index).is_some() {
            self.problems.push(format!("operation {} is described twice", facts.id));
        }
        self.operations.push(Operation {
            facts,
            handler: None,
            trace,
            handler_checks_permission: false,
            handler_refuses_more: false,
            streams: false,
            hidden: false,
            also: Vec::new(),
            events: &[],
        });
        index
    }

    /// Serves a published operation.
    pub fn serve(&mut self, id: &str, handler: impl Handler) -> &mut Operation {
        let index = match self.by_id.get(id) {
            Some(index) => *index,
            None => {
                self.problems.push(format!("operation {id} is not in the contract"));
                self.push(own(id, "GET", &format!("/unknown/{id}")).facts)
            }
        };
        let operation = &mut self.operations[index];
        if operation.handler.replace(Arc::new(handler)).is_some() {
            self.problems.push(format!("operation {id} is served twice"));
        }
        &mut self.operations[index]
    }

    /// Serves an operation that the contract lacks.
    pub fn add(&mut self, row: OwnOperation, handler: impl Handler) -> &mut Operation {
        let index = self.push(row.facts);
        self.operations[index].handler = Some(Arc::new(handler));
        &mut self.operations[index]
    }

    /// Makes an entity type known to `$metadata` and to the checks.
    pub fn entity(&mut self, entity: &'static EntityType) {
        if entity.key_property().is_none() {
            self.problems.push(format!("entity type {} lacks its key {}", entity.name, entity.key));
        }
        self.entities.push(entity);
    }

    /// Adds described types in the text form of `bandmaster_model::parse_types`.
    pub fn types(&mut self, text: &str) {
        for ty in parse_types(text) {
            if contract().type_def(&ty.name).is_some() || self.types.contains_key(&ty.name) {
                self.problems.push(format!("type {} is described twice", ty.name));
            }
            self.types.insert(ty.name.clone(), ty);
        }
    }

    /// Ends registration. The problems found make the server refuse to start.
    pub fn finish(mut self) -> Result<Served, Vec<String>> {
        self.check_types();
        let mut router = Router::new();
        let mut addresses = HashSet::new();
        let mut operations = Vec::with_capacity(self.operations.len());
        for operation in self.operations {
            let (method, path) = (&operation.facts.method, &operation.facts.path);
            if !addresses.insert(format!("{method} {}", path.to_lowercase())) {
                self.problems.push(format!("{method} {path} is described twice"));
            }
            let operation = Arc::new(operation);
            router.insert(&operation.facts.method, &operation.facts.path, operation.clone());
            operations.push(operation);
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(Served { router, operations, types: self.types, entities: self.entities })
    }

    fn check_types(&mut self) {
        let mut unknown = Vec::new();
        for operation in self.operations.iter().filter(|o| o.handler.is_some()) {
            let answers = operation.facts.responses.iter().filter_map(|(_, t)| t.as_ref());
            for ty in answers.chain(operation.facts.body.as_ref()) {
                if let Some(name) = named(ty)
                    && !self.types.contains_key(name)
                    && contract().type_def(name).is_none()
                    && !matches!(name, "multipart" | "form" | "html")
                {
                    unknown.push(format!("operation {} names the unknown type {name}", operation.facts.id));
                }
            }
        }
        self.problems.extend(unknown);
    }
}

fn named(ty: &TypeRef) -> Option<&str> {
    match ty {
        TypeRef::Named(name) => Some(name),
        TypeRef::List(inner) | TypeRef::Map(inner) => named(inner),
        _ => None,
    }
}

/// The finished registry: routes requests and describes itself.
pub struct Served {
    router: Router<Arc<Operation>>,
    operations: Vec<Arc<Operation>>,
    types: HashMap<String, TypeDef>,
    entities: Vec<&'static EntityType>,
}

impl Served {
    /// The router.
    pub fn router(&self) -> &Router<Arc<Operation>> {
        &self.router
    }

    /// All operations, served or not.
    pub fn operations(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.operations.iter()
    }

    /// A described type: the project's own, else a published one.
    pub fn type_def(&self, name: &str) -> Option<&TypeDef> {
        self.types.get(name).or_else(|| contract().type_def(name))
    }

    /// Entity types with tables.
    pub fn entities(&self) -> &[&'static EntityType] {
        &self.entities
    }
}
