//! What the server knows of a package: [`PackageInfo`], put together from the manifest and the
//! project files. Not here: reading the archive (`archive`) and each file's own rules.

use std::io::{Read, Seek};

use serde_json::Value;

use super::archive::Archive;
use super::bindings::{self, Binding};
use super::digest::guid;
use super::entry_points::{self, EntryPoint};
use super::json::{self, flag, line};
use super::kind::{self, Evidence, PackageKind, TargetFramework};
use super::nuspec::{self, Dependency, Manifest};
use super::text::{clean, clip, decode};
use super::{Limits, PackageError, PackageId, PackageKey, Version};

/// Longest release notes kept, in characters.
const RELEASE_NOTES_CHARS: usize = 35_000;
/// Test data kept per file and per package, in bytes.
const DATA_FILE_BYTES: u64 = 1 << 20;
const DATA_TOTAL_BYTES: u64 = 8 << 20;

/// A package as the server stores and shows it. Texts are trimmed and free of control characters
/// other than line ends and tabs.
#[derive(Debug, Clone)]
pub struct PackageInfo {
    /// Package id.
    pub id: PackageId,
    /// Version, its text as in the manifest.
    pub version: Version,
    /// Title; the id where the manifest has none.
    pub title: String,
    /// Authors as written.
    pub authors: Option<String>,
    /// Owners as written.
    pub owners: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Summary.
    pub summary: Option<String>,
    /// Release notes, cut at 35,000 characters.
    pub release_notes: Option<String>,
    /// Address of the project's page; not checked to be one.
    pub project_url: Option<String>,
    /// Address of the licence; not checked to be one.
    pub license_url: Option<String>,
    /// Address of the icon; not checked to be one.
    pub icon_url: Option<String>,
    /// Tags as written, usually with blanks between them.
    pub tags: Option<String>,
    /// Copyright.
    pub copyright: Option<String>,
    /// Language of the package.
    pub language: Option<String>,
    /// Dependencies of the manifest.
    pub dependencies: Vec<Dependency>,
    /// Dependencies of the project file: Python requirements of coded packages, activity packages
    /// of Studio projects.
    pub project_dependencies: Vec<Dependency>,
    /// Process, library, tests and so on.
    pub kind: PackageKind,
    /// `contentType` as written; coded packages only.
    pub content_type: Option<String>,
    /// Whether it is a coded package (Python, agents and the like) rather than a Studio project.
    pub is_coded: bool,
    /// What it was built for.
    pub target_framework: TargetFramework,
    /// `python`, `pythonAgent` …; `None` for Studio projects.
    pub target_runtime: Option<String>,
    /// Whether it needs a desktop. `true` for Studio projects that do not say, `false` for others.
    pub requires_user_interaction: bool,
    /// Whether it is meant to be started by a person at the machine.
    pub is_attended: bool,
    /// Whether it talks with a person while it runs.
    pub is_conversational: bool,
    /// Whether a release can choose among its entry points.
    pub supports_multiple_entry_points: bool,
    /// Path of the entry point used when none is chosen. In test projects it may be the path of
    /// none of [`PackageInfo::entry_points`].
    pub main_entry_point_path: Option<String>,
    /// Where a job can start, in the order of the project file.
    pub entry_points: Vec<EntryPoint>,
    /// Whether it holds assemblies but no sources, so that there is nothing to look at.
    pub is_compiled: bool,
    /// The project's id, which stays the same over versions; a GUID in lower case where it is one.
    pub project_id: Option<String>,
    /// Lowest robot version it asks for.
    pub min_required_robot_version: Option<String>,
    /// Resources it needs.
    pub bindings: Vec<Binding>,
    /// Files in the archive.
    pub file_count: usize,
    /// Unpacked size of all files, bytes.
    pub unpacked_size: u64,
}

impl PackageInfo {
    /// The key of this version, `id:version`.
    pub fn key(&self) -> PackageKey {
        PackageKey { id: self.id.clone(), version: self.version.clone() }
    }

    /// The entry point used when none is chosen, if the package has it.
    pub fn main_entry_point(&self) -> Option<&EntryPoint> {
        let main = self.main_entry_point_path.as_deref()?;
        self.entry_points.iter().find(|e| e.path == main).or_else(|| {
            let main = main.to_lowercase();
            self.entry_points.iter().find(|e| e.path.to_lowercase() == main)
        })
    }
}

/// The project files of a package, parsed.
struct Project {
    /// Folder they are in, with `/` at the end.
    base: String,
    /// Studio's `project.json`.
    studio: Option<Value>,
    operate: Option<Value>,
    entry_points: Option<Value>,
    uiproj: Option<Value>,
    uipath: Option<Value>,
    bindings: Vec<Binding>,
}

/// Reads all of the package, in the order cheap checks first.
pub(super) fn read(reader: impl Read + Seek, limits: &Limits) -> Result<PackageInfo, PackageError> {
    let mut archive = Archive::open(reader, limits)?;
    let (manifest, id, version) = manifest(&mut archive, limits)?;
    let unpacked_size = archive.verify(limits)?;
    let project = Project::read(&mut archive, limits)?;
    assemble(&mut archive, limits, manifest, id, version, project, unpacked_size)
}

fn manifest<R: Read + Seek>(
    archive: &mut Archive<R>,
    limits: &Limits,
) -> Result<(Manifest, PackageId, Version), PackageError> {
    let mut at_root = archive
        .entries()
        .iter()
        .filter(|e| e.folded.ends_with(".nuspec") && !e.folded.contains('/'))
        .map(|e| e.path.clone());
    let path = at_root.next().ok_or(PackageError::NoManifest)?;
    if let Some(other) = at_root.next() {
        return Err(PackageError::SeveralManifests(clip(&path), clip(&other)));
    }
    let bytes = archive.read(&path, limits.max_nuspec_bytes, limits)?.ok_or(PackageError::NoManifest)?;
    let text = decode(&bytes).ok_or_else(|| PackageError::manifest(&path, "it is not UTF-8 text"))?;
    let manifest = nuspec::parse(&path, &text)?;
    let id = PackageId::parse(&manifest.id)?;
    let version = Version::parse(&manifest.version)?;
    Ok((manifest, id, version))
}

impl Project {
    fn read<R: Read + Seek>(archive: &mut Archive<R>, limits: &Limits) -> Result<Self, PackageError> {
        let coded = required(archive, "content/operate.json", limits)?;
        // A Python project may well hold a data file named project.json.
        let is_python = coded
            .as_ref()
            .and_then(|operate| line(operate, "targetRuntime"))
            .is_some_and(|runtime| runtime.to_lowercase().starts_with("python"));
        let studio_path = (!is_python).then(|| studio_project_path(archive)).flatten();
        let base = match &studio_path {
            Some(path) => path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default(),
            None => "content/".to_owned(),
        };
        let studio = match studio_path {
            Some(path) => required(archive, &path, limits)?,
            None => None,
        };
        let operate = match coded {
            Some(operate) => Some(operate),
            None => required(archive, &format!("{base}operate.json"), limits)?,
        };
        let entry_points = required(archive, &format!("{base}entry-points.json"), limits)?;
        let bindings = match required(archive, &format!("{base}bindings_v2.json"), limits)? {
            Some(document) => bindings::read(&document),
            // Under this name older projects keep files of other shapes.
            None => optional(archive, &format!("{base}bindings.json"), limits)?
                .map(|document| bindings::read(&document))
                .unwrap_or_default(),
        };
        Ok(Self {
            uiproj: optional(archive, &format!("{base}project.uiproj"), limits)?,
            uipath: optional(archive, &format!("{base}uipath.json"), limits)?,
            base,
            studio,
            operate,
            entry_points,
            bindings,
        })
    }

    fn is_coded(&self) -> bool {
        self.studio.is_none() && (self.operate.is_some() || self.entry_points.is_some() || self.uipath.is_some())
    }

    /// A member of `runtimeOptions`; operate.json goes before project.json.
    fn runtime_flag(&self, name: &str) -> Option<bool> {
        [&self.operate, &self.studio]
            .into_iter()
            .flatten()
            .filter_map(|document| document.get("runtimeOptions"))
            .find_map(|options| flag(options, name))
    }

    fn operate_line(&self, name: &str) -> Option<String> {
        self.operate.as_ref().and_then(|o| line(o, name))
    }

    fn studio_line(&self, name: &str) -> Option<String> {
        self.studio.as_ref().and_then(|s| line(s, name))
    }

    fn design_line(&self, name: &str) -> Option<String> {
        self.studio.as_ref().and_then(|s| line(s.get("designOptions")?, name))
    }

    fn project_id(&self) -> Option<String> {
        let written = self
            .operate_line("projectId")
            .or_else(|| self.studio_line("projectId"))
            .or_else(|| self.uipath.as_ref().and_then(|u| line(u, "id")))?;
        Some(guid(&written).unwrap_or(written))
    }

    fn kind(&self, tags: Option<&str>, has_assemblies: bool) -> PackageKind {
        let output_type = self.design_line("outputType");
        let profile = self.design_line("projectProfile");
        let content_type = self.operate_line("contentType");
        let uiproj_type = self.uiproj.as_ref().and_then(|u| line(u, "ProjectType"));
        kind::decide(&Evidence {
            content_type: content_type.as_deref(),
            output_type: output_type.as_deref(),
            profile: profile.as_deref(),
            uiproj_type: uiproj_type.as_deref(),
            tags,
            has_project: self.is_coded() || self.studio.is_some(),
            has_assemblies,
        })
    }

    /// Dependencies of the project file, an object of name and range.
    fn dependencies(&self) -> Vec<Dependency> {
        [&self.operate, &self.studio]
            .into_iter()
            .flatten()
            .filter_map(|document| document.get("dependencies")?.as_object())
            .find(|members| !members.is_empty())
            .into_iter()
            .flatten()
            .filter_map(|(id, range)| {
                Some(Dependency {
                    id: clean(id)?,
                    range: range.as_str().and_then(clean).filter(|r| r != "*"),
                    target_framework: None,
                })
            })
            .collect()
    }

    fn main(&self) -> Option<String> {
        let main =
            self.operate_line("main").or_else(|| self.studio_line("main").and_then(|m| entry_points::project_path(&m)));
        // A coded package without `main` starts with its first entry point, as the packer has it.
        main.or_else(|| {
            let document = self.entry_points.as_ref()?;
            json::list(document, "entryPoints").find_map(|row| line(row, "filePath"))
        })
    }

    fn entry_points(&self, id: &str, limits: &Limits) -> Result<Vec<EntryPoint>, PackageError> {
        let schemas = self.entry_points.as_ref().map(entry_points::from_schemas).unwrap_or_default();
        let mut drafts = self.studio.as_ref().map(entry_points::from_project).unwrap_or_default();
        if drafts.is_empty() {
            drafts = schemas;
        } else {
            entry_points::add_schemas(&mut drafts, schemas);
        }
        if drafts.is_empty() && self.is_coded() {
            drafts.extend(self.main().map(entry_points::nameless));
        }
        entry_points::finish(id, drafts, limits)
    }
}

fn assemble<R: Read + Seek>(
    archive: &mut Archive<R>,
    limits: &Limits,
    manifest: Manifest,
    id: PackageId,
    version: Version,
    project: Project,
    unpacked_size: u64,
) -> Result<PackageInfo, PackageError> {
    let contents = Contents::of(archive);
    let is_coded = project.is_coded();
    let mut entry_points = project.entry_points(id.as_str(), limits)?;
    if let Some(studio) = &project.studio {
        add_test_data(archive, &project.base, studio, &mut entry_points, limits)?;
    }
    let stated_framework = project
        .operate_line("targetFramework")
        .or_else(|| project.studio_line("targetFramework"))
        .or_else(|| project.design_line("targetFramework"))
        .and_then(|name| TargetFramework::named(&name));
    let target_framework = stated_framework.unwrap_or(if is_coded {
        TargetFramework::Portable
    } else if project.studio.is_some() {
        TargetFramework::Legacy
    } else {
        contents.framework.unwrap_or(TargetFramework::Legacy)
    });
    // Hand-made coded packages may lack operate.json; a function's package is Python all the same.
    let target_runtime = match project.operate_line("targetRuntime") {
        Some(runtime) => Some(runtime),
        None if is_coded && project.uipath.is_some() => Some("python".to_owned()),
        None => None,
    };
    Ok(PackageInfo {
        title: manifest.title.unwrap_or_else(|| id.to_string()),
        authors: manifest.authors,
        owners: manifest.owners,
        description: manifest.description,
        summary: manifest.summary,
        release_notes: manifest.release_notes.map(shorten),
        project_url: manifest.project_url,
        license_url: manifest.license_url,
        icon_url: manifest.icon_url,
        kind: project.kind(manifest.tags.as_deref(), contents.has_assemblies),
        tags: manifest.tags,
        copyright: manifest.copyright,
        language: manifest.language,
        dependencies: manifest.dependencies,
        project_dependencies: project.dependencies(),
        content_type: project.operate_line("contentType"),
        is_coded,
        target_framework,
        target_runtime,
        requires_user_interaction: project.runtime_flag("requiresUserInteraction").unwrap_or(project.studio.is_some()),
        is_attended: project.runtime_flag("isAttended").unwrap_or(false),
        is_conversational: project.runtime_flag("isConversational").unwrap_or(false),
        supports_multiple_entry_points: is_coded
            || project.entry_points.is_some()
            || project.studio.as_ref().is_some_and(|s| s.get("entryPoints").is_some_and(Value::is_array)),
        main_entry_point_path: project.main(),
        entry_points,
        is_compiled: !is_coded && contents.has_assemblies && !contents.has_sources,
        project_id: project.project_id(),
        min_required_robot_version: project
            .studio
            .as_ref()
            .and_then(|s| line(s.get("runtimeOptions")?, "robotVersion")),
        bindings: project.bindings,
        file_count: archive.entries().len(),
        unpacked_size,
        id,
        version,
    })
}

/// What the names of the files tell.
struct Contents {
    has_assemblies: bool,
    has_sources: bool,
    framework: Option<TargetFramework>,
}

impl Contents {
    fn of<R: Read + Seek>(archive: &Archive<R>) -> Self {
        let mut contents = Self { has_assemblies: false, has_sources: false, framework: None };
        for entry in archive.entries() {
            let path = entry.folded.as_str();
            if let Some((folder, file)) = path.strip_prefix("lib/").and_then(|p| p.split_once('/')) {
                contents.has_assemblies |= file.ends_with(".dll");
                if contents.framework.is_none() {
                    contents.framework = TargetFramework::of_folder(folder);
                }
            }
            // Studio generates code under folders with a dot even in compiled packages.
            let generated = path.split('/').any(|segment| segment.starts_with('.'));
            contents.has_sources |= !generated && (path.ends_with(".xaml") || path.ends_with(".cs"));
        }
        contents
    }
}

/// `content/project.json`, else the one nearest to `lib/`.
fn studio_project_path<R: Read + Seek>(archive: &Archive<R>) -> Option<String> {
    if let Some(entry) = archive.find("content/project.json") {
        return Some(entry.path.clone());
    }
    archive
        .entries()
        .iter()
        .filter(|e| {
            let segments: Vec<&str> = e.folded.split('/').collect();
            matches!(segments.as_slice(), ["lib", .., "project.json"] if segments.len() > 2)
        })
        .min_by_key(|e| (e.path.len(), &e.path))
        .map(|e| e.path.clone())
}

/// A JSON file that has to be valid if it is there.
fn required<R: Read + Seek>(
    archive: &mut Archive<R>,
    path: &str,
    limits: &Limits,
) -> Result<Option<Value>, PackageError> {
    archive.read(path, limits.max_json_bytes, limits)?.map(|bytes| json::parse(path, &bytes, limits)).transpose()
}

/// A JSON file that is passed over when it is not valid or too large.
fn optional<R: Read + Seek>(
    archive: &mut Archive<R>,
    path: &str,
    limits: &Limits,
) -> Result<Option<Value>, PackageError> {
    match required(archive, path, limits) {
        Err(PackageError::BadJson { .. } | PackageError::EntryTooLarge { .. }) => Ok(None),
        other => other,
    }
}

/// Marks test cases and adds their data, as far as it is JSON of moderate size.
fn add_test_data<R: Read + Seek>(
    archive: &mut Archive<R>,
    base: &str,
    studio: &Value,
    entry_points: &mut [EntryPoint],
    limits: &Limits,
) -> Result<(), PackageError> {
    let mut left = DATA_TOTAL_BYTES;
    for (at, path) in entry_points::mark_test_cases(entry_points, studio) {
        let Some(entry) = entry_points.get_mut(at).filter(|e| e.data_variation_json.is_none()) else {
            continue;
        };
        let path = format!("{base}{path}");
        let bytes = match archive.read(&path, DATA_FILE_BYTES.min(left), limits) {
            Ok(Some(bytes)) => bytes,
            Ok(None) | Err(PackageError::EntryTooLarge { .. }) => continue,
            Err(e) => return Err(e),
        };
        // Not less than one, so that a list of a million references to nothing comes to an end.
        left = left.saturating_sub((bytes.len() as u64).max(1024));
        if let Ok(data) = json::parse(&path, &bytes, limits) {
            entry.data_variation_json = Some(data.to_string());
        }
    }
    Ok(())
}

/// The first 35,000 characters.
fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(RELEASE_NOTES_CHARS) {
        text.truncate(end);
    }
    text
}
