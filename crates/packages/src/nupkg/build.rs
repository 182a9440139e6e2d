//! Making packages of Python projects, with the entries of the public packer in its order. Used for
//! samples and tests; a project with its own tooling is better packed by that.

mod parts;

use std::io::{Cursor, Write};

use serde_json::{Map, Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::digest::{derived_guid, guid};
use super::entry_name::normalize;
use super::text::{clean, clip};
use super::{PackageError, PackageId, Version};

/// Builds one package in memory. The same input always gives the same bytes: ids that are not
/// given are derived from names, and times are fixed.
#[derive(Debug, Clone)]
pub struct PackageBuilder {
    name: String,
    version: String,
    description: String,
    authors: String,
    project_id: Option<String>,
    requires_python: String,
    dependencies: Vec<(String, String)>,
    entry_points: Vec<Start>,
    bindings: Option<Value>,
    requires_user_interaction: bool,
    is_attended: bool,
    is_conversational: bool,
    files: Vec<(String, Vec<u8>)>,
}

/// One function or agent.
#[derive(Debug, Clone)]
struct Start {
    name: String,
    target: String,
    is_agent: bool,
    unique_id: Option<String>,
    input: Value,
    output: Value,
}

impl PackageBuilder {
    /// Begins a package; its name becomes the package id. Both are checked by
    /// [`PackageBuilder::build`].
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            description: name.clone(),
            name,
            version: version.into(),
            authors: "Bandmaster".to_owned(),
            project_id: None,
            requires_python: ">=3.11".to_owned(),
            dependencies: Vec::new(),
            entry_points: Vec::new(),
            bindings: None,
            requires_user_interaction: false,
            is_attended: false,
            is_conversational: false,
            files: Vec::new(),
        }
    }

    /// Sets the description; the name without it.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Sets the authors.
    #[must_use]
    pub fn authors(mut self, text: impl Into<String>) -> Self {
        self.authors = text.into();
        self
    }

    /// Sets the project's GUID; derived from the name without it.
    #[must_use]
    pub fn project_id(mut self, guid: impl Into<String>) -> Self {
        self.project_id = Some(guid.into());
        self
    }

    /// Sets the Python versions the project runs on; `>=3.11` without it.
    #[must_use]
    pub fn requires_python(mut self, specifier: impl Into<String>) -> Self {
        self.requires_python = specifier.into();
        self
    }

    /// Adds a Python dependency, such as `uipath` with `>=2.0` (or `*` for any version).
    #[must_use]
    pub fn dependency(mut self, name: impl Into<String>, specifier: impl Into<String>) -> Self {
        self.dependencies.push((name.into(), specifier.into()));
        self
    }

    /// Adds a function as an entry point: its name, the place of its code (`main.py:main`) and the
    /// JSON Schemas of input and output (`{}` for none). The first entry point is the main one.
    #[must_use]
    pub fn function(self, name: impl Into<String>, target: impl Into<String>, input: Value, output: Value) -> Self {
        self.start(name.into(), target.into(), false, input, output)
    }

    /// Adds an agent as an entry point; as [`PackageBuilder::function`].
    #[must_use]
    pub fn agent(self, name: impl Into<String>, target: impl Into<String>, input: Value, output: Value) -> Self {
        self.start(name.into(), target.into(), true, input, output)
    }

    fn start(mut self, name: String, target: String, is_agent: bool, input: Value, output: Value) -> Self {
        self.entry_points.push(Start { name, target, is_agent, unique_id: None, input, output });
        self
    }

    /// Sets the GUID of the entry point added last; derived from names without it.
    #[must_use]
    pub fn unique_id(mut self, guid: impl Into<String>) -> Self {
        if let Some(start) = self.entry_points.last_mut() {
            start.unique_id = Some(guid.into());
        }
        self
    }

    /// Sets the `resources` list of the bindings file; there is no such file without it.
    #[must_use]
    pub fn bindings(mut self, resources: Value) -> Self {
        self.bindings = Some(json!({"version": "2.0", "resources": resources}));
        self
    }

    /// Marks the project as one that needs a desktop.
    #[must_use]
    pub fn requires_user_interaction(mut self, yes: bool) -> Self {
        self.requires_user_interaction = yes;
        self
    }

    /// Marks the project as one that people start.
    #[must_use]
    pub fn attended(mut self, yes: bool) -> Self {
        self.is_attended = yes;
        self
    }

    /// Marks the project as one that talks with people while it runs.
    #[must_use]
    pub fn conversational(mut self, yes: bool) -> Self {
        self.is_conversational = yes;
        self
    }

    /// Adds a file of the project, its path relative to the project's folder. A given
    /// `uipath.json`, `entry-points.json`, `bindings.json` or `pyproject.toml` replaces the
    /// generated one.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), content.into()));
        self
    }

    /// Makes the package. Fails when the name is no package id, the version no version, a GUID no
    /// GUID, or a file's path not acceptable within a package.
    pub fn build(&self) -> Result<Vec<u8>, PackageError> {
        PackageId::parse(&self.name)?;
        Version::parse(&self.version)?;
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content) in self.entries()? {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::DEFLATE)
                .last_modified_time(DateTime::default())
                .unix_permissions(0o600);
            archive.start_file(path, options).map_err(write_failed)?;
            archive.write_all(&content).map_err(PackageError::Io)?;
        }
        Ok(archive.finish().map_err(write_failed)?.into_inner())
    }

    /// All entries in the packer's order.
    fn entries(&self) -> Result<Vec<(String, Vec<u8>)>, PackageError> {
        let project_id = self.checked_guid(self.project_id.as_deref(), &["project", &self.name])?;
        let names = parts::Names::of(&self.name, &self.version);
        let mut entries = vec![
            (format!("./{}", names.properties_path), parts::properties(self)),
            ("[Content_Types].xml".to_owned(), parts::content_types(self.extensions())),
            ("content/package-descriptor.json".to_owned(), self.descriptor()),
            ("content/operate.json".to_owned(), self.operate(&project_id)),
        ];
        if let Some(bindings) = &self.bindings {
            entries.push(("content/bindings_v2.json".to_owned(), pretty(bindings)));
        }
        entries.push((format!("{}.nuspec", self.name), parts::nuspec(self)));
        entries.push(("_rels/.rels".to_owned(), parts::relationships(self, &names)));
        entries.extend(self.project_files(&project_id)?);
        Ok(entries)
    }

    /// The given files, then the generated ones that were not given.
    fn project_files(&self, project_id: &str) -> Result<Vec<(String, Vec<u8>)>, PackageError> {
        let mut files = Vec::new();
        for (raw, content) in &self.files {
            let name = normalize(raw)
                .and_then(|n| if n.is_folder { Err("it names a folder") } else { Ok(n.path) })
                .map_err(|reason| PackageError::BadEntryName { entry: clip(raw), reason })?;
            files.push((name, content.clone()));
        }
        let mut generated = vec![
            ("uipath.json", self.uipath_json(project_id)),
            ("entry-points.json", self.entry_points_json()?),
            ("pyproject.toml", parts::pyproject(self)),
        ];
        if let Some(bindings) = &self.bindings {
            generated.insert(1, ("bindings.json", pretty(bindings)));
        }
        for (name, content) in generated {
            if !files.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                files.push((name.to_owned(), content));
            }
        }
        for (path, _) in &mut files {
            path.insert_str(0, "content/");
        }
        Ok(files)
    }

    fn checked_guid(&self, given: Option<&str>, parts: &[&str]) -> Result<String, PackageError> {
        match given {
            Some(text) => guid(text).ok_or_else(|| PackageError::json("operate.json", "an id is no GUID")),
            None => Ok(derived_guid(parts)),
        }
    }

    fn descriptor(&self) -> Vec<u8> {
        let mut files = Map::new();
        let mut add = |name: &str, path: &str| files.insert(name.to_owned(), path.into());
        add("operate.json", "content/operate.json");
        add("entry-points.json", "content/entry-points.json");
        if self.bindings.is_some() {
            add("bindings.json", "content/bindings_v2.json");
        }
        for start in &self.entry_points {
            add(&start.name, &start.name);
        }
        pretty(&json!({
            "$schema": "https://cloud.uipath.com/draft/2024-12/package-descriptor",
            "files": files,
        }))
    }

    fn operate(&self, project_id: &str) -> Vec<u8> {
        let first = self.entry_points.first();
        let dependencies: Map<String, Value> =
            self.dependencies.iter().map(|(name, specifier)| (name.clone(), specifier.as_str().into())).collect();
        pretty(&json!({
            "$schema": "https://cloud.uipath.com/draft/2024-12/entry-point",
            "projectId": project_id,
            "main": first.map_or("main", |s| s.name.as_str()),
            "contentType": if first.is_some_and(|s| s.is_agent) { "agent" } else { "function" },
            "targetFramework": "Portable",
            "targetRuntime": "python",
            "runtimeOptions": {
                "requiresUserInteraction": self.requires_user_interaction,
                "isAttended": self.is_attended,
                "isConversational": self.is_conversational,
            },
            "dependencies": dependencies,
        }))
    }

    fn entry_points_json(&self) -> Result<Vec<u8>, PackageError> {
        let mut rows = Vec::new();
        for start in &self.entry_points {
            let parts = ["entry point", &self.name, &start.name];
            rows.push(json!({
                "filePath": start.name,
                "uniqueId": self.checked_guid(start.unique_id.as_deref(), &parts)?,
                "type": if start.is_agent { "agent" } else { "function" },
                "input": start.input,
                "output": start.output,
            }));
        }
        Ok(pretty(&json!({
            "$schema": "https://cloud.uipath.com/draft/2024-12/entry-point",
            "$id": "entry-points.json",
            "entryPoints": rows,
        })))
    }

    fn uipath_json(&self, project_id: &str) -> Vec<u8> {
        let mut document = json!({"id": project_id});
        for (member, agents) in [("functions", false), ("agents", true)] {
            let targets: Map<String, Value> = self
                .entry_points
                .iter()
                .filter(|s| s.is_agent == agents)
                .map(|s| (s.name.clone(), s.target.as_str().into()))
                .collect();
            if !targets.is_empty()
                && let Some(members) = document.as_object_mut()
            {
                members.insert(member.to_owned(), targets.into());
            }
        }
        pretty(&document)
    }

    /// Extensions of the given files, lower case, for the content types.
    fn extensions(&self) -> Vec<String> {
        self.files
            .iter()
            .filter_map(|(path, _)| {
                let file = path.rsplit(['/', '\\']).next()?;
                let (stem, extension) = file.rsplit_once('.')?;
                (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
            })
            .filter(|e| e.chars().all(char::is_alphanumeric))
            .collect()
    }

    fn clean_description(&self) -> String {
        clean(&self.description).unwrap_or_else(|| self.name.clone())
    }

    fn clean_authors(&self) -> String {
        clean(&self.authors).unwrap_or_else(|| "Bandmaster".to_owned())
    }
}

fn write_failed(error: zip::result::ZipError) -> PackageError {
    PackageError::Io(std::io::Error::other(error.to_string()))
}

/// Indented JSON.
fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}").into_bytes()
}
