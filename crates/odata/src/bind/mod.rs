//! Binding: syntax trees and an entity type become a [`Query`]. Names are resolved without regard to
//! case, values get the type of what they are compared with, limits are held.

mod condition;
mod value;

use crate::error::{Failure, ODataError, shown};
use crate::options::QueryOptions;
use crate::query::{Expand, OrderTerm, Query};
use crate::syntax::{ExpandItem, Filter, Name, Nested, OrderItem, SelectItem};
use bandmaster_model::entity::{EntityType, Kind, Link, Property, Scope};
use condition::Binder;

/// How much a query may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most expressions in one `$filter`.
    pub nodes: usize,
    /// Deepest `$expand`.
    pub expand_depth: usize,
    /// Most terms of `$orderby`.
    pub order_terms: usize,
    /// Greatest `$top`, also inside `$expand`.
    pub top: u32,
    /// What `now()` means, in microseconds since 1970; `None` refuses it.
    pub now: Option<i64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { nodes: 100, expand_depth: 2, order_terms: 5, top: 1_000, now: None }
    }
}

/// Binds the options of a request to a type.
///
/// # Errors
/// Unknown names, values of the wrong type, exceeded limits, and types that are never listed by themselves.
pub fn bind(options: &QueryOptions, ty: &'static EntityType, limits: &Limits) -> Result<Query, ODataError> {
    if ty.scope == Scope::Within {
        return Err(ODataError::new(format!("'{}' is not listed by itself", ty.name)));
    }
    let mut query = Query { top: options.top, skip: options.skip, count: options.count, ..Query::all(ty) };
    if let Some(top) = options.top.filter(|t| *t > limits.top) {
        return Err(ODataError::option("$top", format!("The value {top} of $top is above {}", limits.top)));
    }
    if let Some(filter) = &options.filter {
        let bound = bind_filter(&filter.tree, ty, limits);
        query.filter = Some(bound.map_err(|f| f.in_option("$filter", &filter.text))?);
    }
    if let Some(order) = &options.orderby {
        query.order = bind_order(&order.tree, ty, limits).map_err(|f| f.in_option("$orderby", &order.text))?;
    }
    let mut included = Vec::new();
    if let Some(expand) = &options.expand {
        query.expand = bind_expand(&expand.tree, ty, limits, 1, &mut included)
            .map_err(|f| f.in_option("$expand", &expand.text))?;
    }
    if let Some(select) = &options.select {
        let bound = bind_select(&select.tree, ty, &included);
        query.select = bound.map_err(|f| f.in_option("$select", &select.text))?;
    }
    Ok(query)
}

/// "has no property".
pub(super) fn unknown(name: &Name, ty: &EntityType) -> Failure {
    let text = shown(&name.text);
    Failure::named(name.at.0, &text, format!("The type '{}' has no property named '{text}'", ty.name))
}

fn bind_filter(filter: &Filter, ty: &'static EntityType, limits: &Limits) -> Result<crate::query::Predicate, Failure> {
    if filter.nodes > limits.nodes {
        let text = format!("The condition has {} expressions, at most {} are allowed", filter.nodes, limits.nodes);
        return Err(Failure::new(0, text));
    }
    Binder::new(ty, limits).condition(&filter.root)
}

fn bind_order(items: &[OrderItem], ty: &'static EntityType, limits: &Limits) -> Result<Vec<OrderTerm>, Failure> {
    if let Some(extra) = items.get(limits.order_terms) {
        return Err(Failure::new(extra.node.at.0, format!("More than {} terms", limits.order_terms)));
    }
    let mut binder = Binder::new(ty, limits);
    items.iter().map(|item| binder.order_term(&item.node, item.descending)).collect()
}

fn bind_select(
    items: &[SelectItem],
    ty: &'static EntityType,
    included: &[&'static Property],
) -> Result<Option<Vec<&'static Property>>, Failure> {
    let mut wanted: Vec<&'static Property> = included.to_vec();
    let mut all = false;
    for item in items {
        match item {
            SelectItem::All => all = true,
            SelectItem::Path(path) => {
                let Some(head) = path.first() else { continue };
                match ty.property(&head.text) {
                    Some(property) => wanted.push(property),
                    // Whether a navigation is written is decided by $expand alone.
                    None if ty.navigation(&head.text).is_some() => {}
                    None => return Err(unknown(head, ty)),
                }
            }
        }
    }
    if all {
        return Ok(None);
    }
    Ok(Some(ty.properties.iter().filter(|p| wanted.iter().any(|w| w.name == p.name)).collect()))
}

fn bind_expand(
    items: &[ExpandItem],
    ty: &'static EntityType,
    limits: &Limits,
    depth: usize,
    included: &mut Vec<&'static Property>,
) -> Result<Vec<Expand>, Failure> {
    let mut bound: Vec<Expand> = Vec::new();
    for item in items {
        if let Some(expand) = bind_item(&item.path, &item.options, ty, limits, depth, included)? {
            merge(&mut bound, expand, &item.path)?;
        }
    }
    Ok(bound)
}

/// The same navigation may be named again when at most one of the two says what of it is wanted.
fn merge(bound: &mut Vec<Expand>, new: Expand, path: &[Name]) -> Result<(), Failure> {
    let plain =
        |q: &Query| q.filter.is_none() && q.order.is_empty() && q.top.is_none() && q.skip == 0 && q.select.is_none();
    let Some(old) = bound.iter_mut().find(|e| e.navigation.name == new.navigation.name) else {
        bound.push(new);
        return Ok(());
    };
    if !plain(&old.query) && !plain(&new.query) {
        let at = path.first().map_or(0, |n| n.at.0);
        return Err(Failure::named(at, new.navigation.name, format!("'{}' is expanded twice", new.navigation.name)));
    }
    let (mut kept, other) = if plain(&new.query) { (old.query.clone(), &new.query) } else { (new.query, &old.query) };
    for expand in &other.expand {
        merge(&mut kept.expand, expand.clone(), path)?;
    }
    old.query = kept;
    Ok(())
}

fn bind_item(
    path: &[Name],
    options: &Nested,
    ty: &'static EntityType,
    limits: &Limits,
    depth: usize,
    included: &mut Vec<&'static Property>,
) -> Result<Option<Expand>, Failure> {
    let Some((name, rest)) = path.split_first() else { return Ok(None) };
    if depth > limits.expand_depth {
        let text = format!("$expand is deeper than {} levels", limits.expand_depth);
        return Err(Failure::named(name.at.0, &name.text, text));
    }
    let Some(navigation) = ty.navigation(&name.text) else {
        return match ty.property(&name.text) {
            // Complex values are written with the entity anyway.
            Some(property) if property.kind == Kind::Json => {
                included.push(property);
                Ok(None)
            }
            Some(property) => {
                let text = format!("'{}' of '{}' cannot be expanded", property.name, ty.name);
                Err(Failure::named(name.at.0, property.name, text))
            }
            None => Err(unknown(name, ty)),
        };
    };
    let target = (navigation.target)();
    let mut query = Query::all(target);
    if !rest.is_empty() {
        let mut inner = Vec::new();
        query.expand.extend(bind_item(rest, options, target, limits, depth + 1, &mut inner)?);
        return Ok(Some(Expand { navigation, query }));
    }
    let listed = matches!(navigation.link, Link::Many { .. });
    if !listed
        && (options.filter.is_some() || !options.orderby.is_empty() || options.top.is_some() || options.skip.is_some())
    {
        let text = format!("'{}' leads to one entity: $filter, $orderby, $top and $skip do not apply", navigation.name);
        return Err(Failure::named(name.at.0, navigation.name, text));
    }
    if let Some((top, at)) = options.top {
        let Some(top) = u32::try_from(top).ok().filter(|t| *t <= limits.top) else {
            return Err(Failure::named(at.0, "$top", format!("The value {top} of $top is above {}", limits.top)));
        };
        query.top = Some(top);
    }
    query.skip = options.skip.unwrap_or(0);
    query.filter = options.filter.as_ref().map(|f| bind_filter(f, target, limits)).transpose()?;
    query.order = bind_order(&options.orderby, target, limits)?;
    let mut inner = Vec::new();
    query.expand = bind_expand(&options.expand, target, limits, depth + 1, &mut inner)?;
    if let Some(select) = &options.select {
        query.select = bind_select(select, target, &inner)?;
    }
    Ok(Some(Expand { navigation, query }))
}
