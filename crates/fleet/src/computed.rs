//! Lists that are computed in memory because their rows depend on the time and on running jobs, with the request's
//! options applied to a published type.

use bandmaster_api::query::{DEFAULT_TOP, refused};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use bandmaster_model::{TypeBody, TypeDef};
use bandmaster_odata::memory::{apply, apply_typed};
use serde_json::Value;

/// A page of a computed list. `navigations` are members that the rows carry so that filters can name them, and
/// that are shown only when they are expanded.
pub(crate) fn page(call: &Call, set: &str, type_name: &str, rows: Vec<Value>, navigations: &[&str]) -> Result<Output> {
    let mut options = call.options()?;
    options.top = options.top.or(Some(DEFAULT_TOP));
    let answer = match call.served.type_def(type_name) {
        Some(ty) => apply_typed(&options, ty, rows),
        None => apply(&options, rows),
    };
    let (mut rows, total) = answer.map_err(|e| refused(&e))?;
    let hidden: Vec<&str> = navigations.iter().copied().filter(|name| !expands(&options, name)).collect();
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|name, _| !hidden.contains(&name.as_str()));
    }
    Ok(Output::page(set, rows, total))
}

/// A page of texts. They have no members, so options that name one are refused.
pub(crate) fn texts(call: &Call, texts: Vec<Value>) -> Result<Output> {
    let nothing = TypeDef { name: "Edm.String".into(), body: TypeBody::Object(Vec::new()) };
    let mut options = call.options()?;
    options.top = options.top.or(Some(DEFAULT_TOP));
    let (rows, total) = apply_typed(&options, &nothing, texts).map_err(|e| refused(&e))?;
    Ok(Output::page("Collection(Edm.String)", rows, total))
}

/// Whether the request expands a navigation at the top.
fn expands(options: &bandmaster_odata::QueryOptions, name: &str) -> bool {
    options
        .expand
        .iter()
        .flat_map(|e| &e.tree)
        .filter_map(|item| item.path.first())
        .any(|head| head.text.eq_ignore_ascii_case(name))
}

/// Whether the request expands a navigation, at the top or below `Robot`.
pub(crate) fn wants(call: &Call, name: &str) -> Result<bool> {
    let options = call.options()?;
    let mut items: Vec<&bandmaster_odata::syntax::ExpandItem> = options.expand.iter().flat_map(|e| &e.tree).collect();
    while let Some(item) = items.pop() {
        if item.path.iter().any(|n| n.text.eq_ignore_ascii_case(name)) {
            return Ok(true);
        }
        items.extend(&item.options.expand);
    }
    Ok(false)
}
