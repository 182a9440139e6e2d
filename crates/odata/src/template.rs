//! Routes from the paths of the contract: `/odata/Jobs({key})/Some.Namespace.StopJob`, `/api/Logs/SubmitLogs`,
//! `/tasks/Things/{id}`. OData templates are matched by what a path means (argument order, quotes and
//! namespaces do not count), all others segment by segment; case never counts.

use crate::path::{self, KeyArg, ResourcePath, Tail, decode};
use std::collections::HashMap;

/// Namespaces that a request may write in front of an operation's name.
const NAMESPACES: [&str; 2] = ["uipath.server.configuration.odata", "uipathodatasvc"];

/// A route that was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'r, T> {
    /// What was inserted.
    pub target: &'r T,
    /// Values of the template's parameters by the names it gives them, decoded and without quotes. Arguments that
    /// the request leaves out are missing here.
    pub params: Vec<(String, String)>,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'r, T> {
    /// The operation.
    Match(Match<'r, T>),
    /// No operation of its own, but a part of what this GET operation answers: `Set/$count`, `Set(5)/Property`.
    Part(Match<'r, T>, Tail),
    /// The path exists for these methods only, in capitals and sorted.
    MethodNotAllowed(Vec<String>),
    /// No such path.
    NotFound,
}

#[derive(Debug)]
struct Entry<T> {
    method: String,
    target: T,
    /// The template's name for the key.
    key: Option<String>,
    /// Names of the function's arguments and the template's names for them.
    args: Vec<(String, String)>,
}

#[derive(Debug)]
struct Plain<T> {
    method: String,
    target: T,
    /// Names for the variable segments, in their order.
    names: Vec<String>,
}

#[derive(Debug)]
struct Node<T> {
    fixed: HashMap<String, Node<T>>,
    variable: Option<Box<Node<T>>>,
    /// Routes that end here.
    ends: Vec<Plain<T>>,
    /// Routes whose last segment takes the rest of the path.
    rest: Vec<Plain<T>>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Node { fixed: HashMap::new(), variable: None, ends: Vec::new(), rest: Vec::new() }
    }
}

/// All routes of a server.
#[derive(Debug)]
pub struct Router<T> {
    odata: HashMap<String, Vec<Entry<T>>>,
    namespaces: Vec<String>,
    plain: Node<T>,
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        let namespaces = NAMESPACES.map(str::to_owned).to_vec();
        Router { odata: HashMap::new(), namespaces, plain: Node::default() }
    }
}

/// `{name}` without its braces.
fn parameter(text: &str) -> Option<&str> {
    text.trim_matches(['[', ']', '\'']).strip_prefix('{')?.strip_suffix('}')
}

/// What the routes of one OData path have in common.
fn odata_key(set: &str, keyed: bool, operation: &str) -> String {
    let mut key = String::with_capacity(set.len() + operation.len() + 2);
    key.push_str(set);
    key.push(if keyed { '(' } else { '/' });
    key.push_str(operation);
    key.make_ascii_lowercase();
    key
}

fn is_odata(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    let head = path.split('/').next().unwrap_or_default();
    head.eq_ignore_ascii_case("odata")
}

impl<T> Router<T> {
    /// A router without routes.
    pub fn new() -> Router<T> {
        Router::default()
    }

    /// Adds a route. Templates come from the program, so one that cannot be read is ignored in release builds
    /// and found by any test in debug builds.
    pub fn insert(&mut self, method: &str, template: &str, target: T) {
        if is_odata(template) {
            let parsed = path::parse(template);
            debug_assert!(parsed.is_ok(), "template {template}");
            if let Ok(parsed) = parsed {
                self.insert_odata(method, &parsed, target);
            }
        } else {
            self.insert_plain(method, template, target);
        }
    }

    fn insert_odata(&mut self, method: &str, template: &ResourcePath, target: T) {
        let key = template.key.as_ref().map(|k| parameter(&k.text).unwrap_or("key").to_owned());
        let (mut name, mut args) = (String::new(), Vec::new());
        if let Some(operation) = &template.operation {
            let namespace = operation.namespace.to_ascii_lowercase();
            if !namespace.is_empty() && !self.namespaces.contains(&namespace) {
                self.namespaces.push(namespace);
            }
            name.clone_from(&operation.name);
            args = operation.args.iter().map(|(n, v)| (n.clone(), parameter(v).unwrap_or(n).to_owned())).collect();
        } else if template.tail == Tail::Metadata {
            name.push_str("$metadata");
        }
        let entry = Entry { method: method.to_ascii_uppercase(), target, key, args };
        self.odata.entry(odata_key(&template.set, template.key.is_some(), &name)).or_default().push(entry);
    }

    fn insert_plain(&mut self, method: &str, template: &str, target: T) {
        let mut names = Vec::new();
        let mut node = &mut self.plain;
        let mut wild = false;
        for segment in template.split('/').filter(|s| !s.is_empty()) {
            match parameter(segment) {
                Some(name) => {
                    names.push(name.trim_start_matches('*').to_owned());
                    if name.starts_with('*') {
                        wild = true;
                        break;
                    }
                    node = node.variable.get_or_insert_with(Box::default);
                }
                None => node = node.fixed.entry(segment.to_lowercase()).or_default(),
            }
        }
        let plain = Plain { method: method.to_ascii_uppercase(), target, names };
        if wild { node.rest.push(plain) } else { node.ends.push(plain) }
    }

    /// Finds the route of a request by its method and its raw (still percent-encoded) path without the query.
    pub fn find(&self, method: &str, path: &str) -> Route<'_, T> {
        if is_odata(path) { self.find_odata(method, path) } else { self.find_plain(method, path) }
    }

    fn find_odata(&self, method: &str, path: &str) -> Route<'_, T> {
        let Ok(path) = path::parse(path) else { return Route::NotFound };
        let known =
            |namespace: &str| namespace.is_empty() || self.namespaces.iter().any(|n| n.eq_ignore_ascii_case(namespace));
        let name = match &path.operation {
            Some(operation) if known(&operation.namespace) => operation.name.as_str(),
            Some(_) => return Route::NotFound,
            None if path.tail == Tail::Metadata => "$metadata",
            None => "",
        };
        if matches!(path.tail, Tail::None | Tail::Metadata)
            && let Some(entries) = self.odata.get(&odata_key(&path.set, path.key.is_some(), name))
        {
            let args = path.operation.as_ref().map_or(&[][..], |o| &o.args);
            return choose(entries, method, path.key.as_ref(), args);
        }
        self.part(method, path)
    }

    /// `Set/$count`, `Set(5)/Property`, `Set(5)/Property/$value`, `Set/Function(…)/$count`.
    fn part(&self, method: &str, path: ResourcePath) -> Route<'_, T> {
        let keyed = path.key.is_some();
        let (mut name, mut args, mut tail) = ("", &[][..], path.tail);
        if let Some(operation) = &path.operation {
            if tail == Tail::Count && self.odata.contains_key(&odata_key(&path.set, keyed, &operation.name)) {
                (name, args) = (operation.name.as_str(), &operation.args[..]);
            } else if keyed && !operation.called && operation.namespace.is_empty() {
                let mut names = vec![operation.name.clone()];
                match tail {
                    Tail::Property(more) => names.extend(more),
                    Tail::None | Tail::Value => {}
                    _ => return Route::NotFound,
                }
                tail = Tail::Property(names);
            } else {
                return Route::NotFound;
            }
        } else if tail != Tail::Count || keyed {
            return Route::NotFound;
        }
        let Some(entries) = self.odata.get(&odata_key(&path.set, keyed, name)) else { return Route::NotFound };
        match choose(entries, "GET", path.key.as_ref(), args) {
            Route::Match(found) if method.eq_ignore_ascii_case("GET") => Route::Part(found, tail),
            Route::Match(_) => Route::MethodNotAllowed(vec!["GET".to_owned()]),
            _ => Route::NotFound,
        }
    }

    fn find_plain(&self, method: &str, path: &str) -> Route<'_, T> {
        let decoded: Result<Vec<String>, _> = path.split('/').filter(|s| !s.is_empty()).map(decode).collect();
        let Ok(segments) = decoded else { return Route::NotFound };
        let mut others = Vec::new();
        match walk(&self.plain, &segments, method, &mut Vec::new(), &mut others) {
            Some((plain, values)) => {
                let params = plain.names.iter().cloned().zip(values).collect();
                Route::Match(Match { target: &plain.target, params })
            }
            None => refused(others),
        }
    }
}

fn refused<'r, T>(mut methods: Vec<String>) -> Route<'r, T> {
    methods.sort();
    methods.dedup();
    if methods.is_empty() { Route::NotFound } else { Route::MethodNotAllowed(methods) }
}

/// Among the routes of one path, the one with the method that knows all the arguments; of several the one that
/// lacks fewest.
fn choose<'r, T>(
    entries: &'r [Entry<T>],
    method: &str,
    key: Option<&KeyArg>,
    args: &[(String, String)],
) -> Route<'r, T> {
    let knows = |entry: &Entry<T>| {
        args.iter().all(|(name, _)| entry.args.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)))
    };
    let fitting: Vec<&Entry<T>> = entries.iter().filter(|e| knows(e)).collect();
    let best = fitting.iter().filter(|e| e.method.eq_ignore_ascii_case(method)).min_by_key(|e| e.args.len());
    let Some(entry) = best else {
        return refused(fitting.iter().map(|e| e.method.clone()).collect());
    };
    let mut params = Vec::with_capacity(args.len() + 1);
    if let (Some(name), Some(value)) = (&entry.key, key) {
        params.push((name.clone(), value.text.clone()));
    }
    for (known, name) in &entry.args {
        if let Some((_, value)) = args.iter().find(|(given, _)| given.eq_ignore_ascii_case(known)) {
            params.push((name.clone(), value.clone()));
        }
    }
    Route::Match(Match { target: &entry.target, params })
}

/// Fixed segments win over variable ones, those over the rest; methods that were met on the way are noted.
fn walk<'r, T>(
    node: &'r Node<T>,
    segments: &[String],
    method: &str,
    values: &mut Vec<String>,
    others: &mut Vec<String>,
) -> Option<(&'r Plain<T>, Vec<String>)> {
    let pick = |plains: &'r [Plain<T>], others: &mut Vec<String>| {
        let found = plains.iter().find(|p| p.method.eq_ignore_ascii_case(method));
        if found.is_none() {
            others.extend(plains.iter().map(|p| p.method.clone()));
        }
        found
    };
    let Some((head, rest)) = segments.split_first() else {
        return pick(&node.ends, others).map(|plain| (plain, values.clone()));
    };
    if let Some(next) = node.fixed.get(&head.to_lowercase())
        && let Some(found) = walk(next, rest, method, values, others)
    {
        return Some(found);
    }
    if let Some(next) = &node.variable {
        values.push(head.clone());
        let found = walk(next, rest, method, values, others);
        values.pop();
        if found.is_some() {
            return found;
        }
    }
    pick(&node.rest, others).map(|plain| {
        let mut all = values.clone();
        all.push(segments.join("/"));
        (plain, all)
    })
}
