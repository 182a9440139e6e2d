//! Entry points of a package, gathered from `entry-points.json` and from Studio's project file.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::arguments::Argument;
use super::digest::{derived_guid, guid};
use super::json::{flag, line, list};
use super::{Limits, PackageError};

/// A place a job can start at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// GUID, lower case with dashes; unique within the package. Written by the producer, or else
    /// derived from package id and path, so that it stays the same from version to version.
    pub unique_id: String,
    /// The job's `EntryPointPath`: for Python the entry point's name, for Studio the workflow's
    /// path with `/` between folders.
    pub path: String,
    /// Name to show, when there is one.
    pub display_name: Option<String>,
    /// Inputs in the array form, `[{"name","type","required","hasDefault"}]`; `[]` for none.
    pub input_arguments_json: String,
    /// Outputs in the array form, `[{"name","type"}]`; `[]` for none.
    pub output_arguments_json: String,
    /// JSON Schema of the inputs, compact, members in the producer's order.
    pub input_schema: Option<String>,
    /// JSON Schema of the outputs, compact, members in the producer's order.
    pub output_schema: Option<String>,
    /// Whether the project publishes it as a test case.
    pub is_test_case: bool,
    /// Rows of test data for a test case, JSON text.
    pub data_variation_json: Option<String>,
}

/// An entry point as its source describes it; id and path may still clash with others.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    unique_id: Option<String>,
    path: String,
    display_name: Option<String>,
    inputs: Vec<Argument>,
    outputs: Vec<Argument>,
    input_schema: Option<String>,
    output_schema: Option<String>,
}

/// Reads `entry-points.json`. Rows without a path are left out: nothing could start them.
pub(crate) fn from_schemas(document: &Value) -> Vec<Draft> {
    list(document, "entryPoints")
        .filter_map(|row| {
            let schema = |name: &str| row.get(name).filter(|s| !s.is_null());
            let arguments = |name: &str| schema(name).map(Argument::from_schema);
            Some(Draft {
                unique_id: line(row, "uniqueId").and_then(|id| guid(&id)),
                path: line(row, "filePath")?,
                display_name: line(row, "displayName"),
                inputs: arguments("input").unwrap_or_default(),
                outputs: arguments("output").unwrap_or_default(),
                input_schema: schema("input").map(Value::to_string),
                output_schema: schema("output").map(Value::to_string),
            })
        })
        .collect()
}

/// Reads the `entryPoints` of a Studio project, or, where there are none, the entry point that
/// `main` and `arguments` make up in old projects.
pub(crate) fn from_project(project: &Value) -> Vec<Draft> {
    let drafts: Vec<Draft> =
        list(project, "entryPoints").filter_map(|row| draft(row, &line(row, "filePath")?)).collect();
    if !drafts.is_empty() {
        return drafts;
    }
    let arguments = project.get("arguments").unwrap_or(&Value::Null);
    line(project, "main").and_then(|main| draft(arguments, &main)).into_iter().collect()
}

fn draft(row: &Value, path: &str) -> Option<Draft> {
    let arguments = |name: &str| Argument::from_project(row.get(name).unwrap_or(&Value::Null));
    Some(Draft {
        unique_id: line(row, "uniqueId").and_then(|id| guid(&id)),
        path: project_path(path)?,
        display_name: line(row, "displayName"),
        inputs: arguments("input"),
        outputs: arguments("output"),
        input_schema: None,
        output_schema: None,
    })
}

/// A path as project files write it, with `/` between folders.
pub(crate) fn project_path(text: &str) -> Option<String> {
    let path = text.replace('\\', "/");
    let path = path.trim_start_matches("./");
    (!path.is_empty()).then(|| path.to_owned())
}

/// Adds to a Studio project's entry points the schemas and names that `entry-points.json` has for
/// them; its types are less exact than the project's, so those stay.
pub(crate) fn add_schemas(drafts: &mut [Draft], schemas: Vec<Draft>) {
    let mut by_id: HashMap<String, usize> = HashMap::new();
    let mut by_path: HashMap<String, usize> = HashMap::new();
    for (at, schema) in schemas.iter().enumerate() {
        if let Some(id) = &schema.unique_id {
            by_id.entry(id.clone()).or_insert(at);
        }
        if let Some(path) = project_path(&schema.path) {
            by_path.entry(path.to_lowercase()).or_insert(at);
        }
    }
    for draft in drafts {
        let at =
            draft.unique_id.as_ref().and_then(|id| by_id.get(id)).or_else(|| by_path.get(&draft.path.to_lowercase()));
        if let Some(schema) = at.and_then(|at| schemas.get(*at)) {
            draft.input_schema.clone_from(&schema.input_schema);
            draft.output_schema.clone_from(&schema.output_schema);
            if draft.display_name.is_none() {
                draft.display_name.clone_from(&schema.display_name);
            }
        }
    }
}

/// A package whose only entry point is known by name alone.
pub(crate) fn nameless(path: String) -> Draft {
    Draft { path, ..Draft::default() }
}

/// Makes the entry points of package `id`: one per path (the first wins), ids made unique.
pub(crate) fn finish(id: &str, drafts: Vec<Draft>, limits: &Limits) -> Result<Vec<EntryPoint>, PackageError> {
    if drafts.len() > limits.max_entry_points {
        return Err(PackageError::TooManyEntryPoints { found: drafts.len(), limit: limits.max_entry_points });
    }
    let id = id.to_lowercase();
    let mut paths = HashSet::new();
    let mut ids = HashSet::new();
    let mut found = Vec::new();
    for draft in drafts {
        if !paths.insert(draft.path.clone()) {
            continue;
        }
        let mut unique_id = match draft.unique_id {
            Some(written) if !ids.contains(&written) => written,
            _ => derived_guid(&[&id, &draft.path]),
        };
        // Only a package made to clash gets here more than once.
        while !ids.insert(unique_id.clone()) {
            unique_id = derived_guid(&[&id, &draft.path, &unique_id]);
        }
        found.push(EntryPoint {
            unique_id,
            path: draft.path,
            display_name: draft.display_name,
            input_arguments_json: Argument::inputs_json(&draft.inputs),
            output_arguments_json: Argument::outputs_json(&draft.outputs),
            input_schema: draft.input_schema,
            output_schema: draft.output_schema,
            is_test_case: false,
            data_variation_json: None,
        });
    }
    Ok(found)
}

/// Marks the test cases of a Studio project and returns, for each that has test data, its place in
/// `found` and the data file's path relative to the project.
pub(crate) fn mark_test_cases(found: &mut [EntryPoint], project: &Value) -> Vec<(usize, String)> {
    let by_id: HashMap<String, usize> = places(found, |e| e.unique_id.clone());
    let by_path: HashMap<String, usize> = places(found, |e| e.path.to_lowercase());
    let mut data = Vec::new();
    let nested = project.get("designOptions").unwrap_or(&Value::Null);
    let rows = list(nested, "fileInfoCollection").chain(list(project, "fileInfoCollection"));
    for row in rows {
        let is_test = flag(row, "publishAsTestCase").unwrap_or(false)
            || line(row, "testCaseType").is_some_and(|t| t.eq_ignore_ascii_case("TestCase"));
        let at = line(row, "testCaseId").and_then(|id| guid(&id)).and_then(|id| by_id.get(&id)).or_else(|| {
            let path = project_path(&line(row, "fileName")?)?;
            by_path.get(&path.to_lowercase())
        });
        let Some(&at) = at.filter(|_| is_test) else {
            continue;
        };
        if let Some(entry) = found.get_mut(at) {
            entry.is_test_case = true;
        }
        if let Some(path) = line(row, "dataVariationFilePath").and_then(|p| project_path(&p)) {
            data.push((at, path));
        }
    }
    data
}

fn places(found: &[EntryPoint], key: impl Fn(&EntryPoint) -> String) -> HashMap<String, usize> {
    found.iter().enumerate().map(|(at, e)| (key(e), at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    #[test]
    fn ids_and_paths_are_made_unique() {
        let document = json!({"entryPoints": [
            {"filePath": "a", "uniqueId": ID.to_uppercase()},
            {"filePath": "b", "uniqueId": ID},
            {"filePath": "a", "uniqueId": "1f8fad5b-d9cb-469f-a165-70867728950e"},
            {"filePath": "c", "uniqueId": "main-entry"},
            {"filePath": "d"},
            {"uniqueId": ID},
            3,
        ]});
        let make = |id| finish(id, from_schemas(&document), &Limits::default()).unwrap();
        let found = make("Robot");
        let paths: Vec<&str> = found.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["a", "b", "c", "d"]);
        assert_eq!(found[0].unique_id, ID);
        let ids: HashSet<&str> = found.iter().map(|e| e.unique_id.as_str()).collect();
        assert_eq!(ids.len(), 4);
        assert_eq!(make("ROBOT"), found, "derived ids ignore the case of the package id");
        assert_ne!(make("other")[3].unique_id, found[3].unique_id);
    }

    #[test]
    fn too_many() {
        let rows: Vec<Value> = (0..11).map(|i| json!({"filePath": format!("p{i}")})).collect();
        let limits = Limits { max_entry_points: 10, ..Limits::default() };
        let drafts = from_schemas(&json!({"entryPoints": rows}));
        let found = finish("a", drafts, &limits).unwrap_err().to_string();
        assert_eq!(found, "The package has 11 entry points; at most 10 are accepted.");
    }

    #[test]
    fn project_files_of_both_ages() {
        let new = from_project(&json!({
            "main": "Main.xaml",
            "arguments": {"input": [], "output": []},
            "entryPoints": [{"filePath": "Sub\\Flow.xaml", "input": [{"name": "x", "type": "System.String"}]}],
        }));
        assert_eq!(new.len(), 1);
        assert_eq!(new[0].path, "Sub/Flow.xaml");
        assert_eq!(new[0].inputs.len(), 1);
        let old = from_project(&json!({
            "main": ".\\Main.xaml",
            "arguments": {"input": [{"name": "a"}], "output": [{"name": "b"}]},
        }));
        assert_eq!(old[0].path, "Main.xaml");
        assert_eq!((old[0].inputs.len(), old[0].outputs.len()), (1, 1));
        assert!(from_project(&json!({"entryPoints": []})).is_empty());
    }
}
