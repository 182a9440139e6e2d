//! The manifest of a package (`.nuspec`). Read by local names, so the schema's version does not
//! matter; document types and entities are refused. Not here: checking id and version.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::PackageError;
use super::text::{clean, clean_line, clip};

/// Deepest nesting of elements; real manifests have five levels.
const MAX_DEPTH: usize = 32;

/// A package another one is built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The other package.
    pub id: String,
    /// Versions it may have, as written (`1.0`, `[1.0]`, `>=4.0`); `None` when any will do.
    pub range: Option<String>,
    /// Framework the dependency is for, when it stands in a group for one.
    pub target_framework: Option<String>,
}

/// The manifest's fields; texts are trimmed and free of control characters.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) title: Option<String>,
    pub(crate) authors: Option<String>,
    pub(crate) owners: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) release_notes: Option<String>,
    pub(crate) project_url: Option<String>,
    pub(crate) license_url: Option<String>,
    pub(crate) icon_url: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) copyright: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// Parses the manifest found at `entry`.
pub(crate) fn parse(entry: &str, text: &str) -> Result<Manifest, PackageError> {
    let mut walk = Walk::default();
    walk.document(text).map_err(|reason| PackageError::manifest(entry, reason))?;
    let mut manifest = walk.manifest;
    let (Some(id), Some(version)) = (walk.id, walk.version) else {
        return Err(PackageError::manifest(entry, "it has no id or no version"));
    };
    manifest.id = id;
    manifest.version = version;
    Ok(manifest)
}

/// The state of one pass over the document.
#[derive(Default)]
struct Walk {
    /// Local names of the open elements, lower case.
    path: Vec<String>,
    /// Text of the open child of `metadata`.
    text: String,
    /// Framework of the open dependency group.
    framework: Option<String>,
    seen_root: bool,
    id: Option<String>,
    version: Option<String>,
    manifest: Manifest,
}

impl Walk {
    fn document(&mut self, text: &str) -> Result<(), String> {
        let mut reader = Reader::from_str(text);
        loop {
            let event = reader
                .read_event()
                .map_err(|_| format!("it is not well-formed XML (near byte {})", reader.error_position()))?;
            match event {
                Event::Start(element) => self.open(&element)?,
                Event::Empty(element) => {
                    self.open(&element)?;
                    self.close()?;
                }
                Event::End(_) => self.close()?,
                Event::Text(text) => self.add(&text.xml10_content()),
                Event::CData(text) => self.add(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let c = character(&reference)?;
                    self.add(c.encode_utf8(&mut [0; 4]));
                }
                Event::DocType(_) => return Err("it has a document type declaration".to_owned()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        if !self.path.is_empty() || !self.seen_root {
            return Err("it is cut off".to_owned());
        }
        Ok(())
    }

    fn add(&mut self, text: &str) {
        if self.path.len() == 3 {
            self.text.push_str(text);
        }
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        let name = element.local_name().as_ref().to_ascii_lowercase();
        if self.path.is_empty() {
            if self.seen_root || name != "package" {
                return Err("its one root element has to be 'package'".to_owned());
            }
            self.seen_root = true;
        }
        self.path.push(name);
        if self.path.len() > MAX_DEPTH {
            return Err("its elements are nested too deeply".to_owned());
        }
        let names: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match names.as_slice() {
            [_, "metadata", _] => self.text.clear(),
            [_, "metadata", "dependencies", "group"] => {
                self.framework = attribute(element, "targetFramework")?;
            }
            [_, "metadata", "dependencies", "dependency"] | [_, "metadata", "dependencies", "group", "dependency"] => {
                if let Some(id) = attribute(element, "id")? {
                    let dependency = Dependency {
                        id,
                        range: attribute(element, "version")?,
                        target_framework: self.framework.clone(),
                    };
                    self.manifest.dependencies.push(dependency);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let names: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match names.as_slice() {
            [_, "metadata", field] => {
                let (line, block) = (clean_line(&self.text), clean(&self.text));
                let place = match *field {
                    "id" => return self.finish_named(line, true),
                    "version" => return self.finish_named(line, false),
                    "description" => &mut self.manifest.description,
                    "summary" => &mut self.manifest.summary,
                    "releasenotes" => &mut self.manifest.release_notes,
                    "title" => &mut self.manifest.title,
                    "authors" => &mut self.manifest.authors,
                    "owners" => &mut self.manifest.owners,
                    "projecturl" => &mut self.manifest.project_url,
                    "licenseurl" => &mut self.manifest.license_url,
                    "iconurl" => &mut self.manifest.icon_url,
                    "tags" => &mut self.manifest.tags,
                    "copyright" => &mut self.manifest.copyright,
                    "language" => &mut self.manifest.language,
                    _ => {
                        self.path.pop();
                        return Ok(());
                    }
                };
                let many_lines = matches!(*field, "description" | "summary" | "releasenotes");
                if place.is_none() {
                    *place = if many_lines { block } else { line };
                }
            }
            [_, "metadata", "dependencies", "group"] => self.framework = None,
            _ => {}
        }
        self.path.pop();
        Ok(())
    }

    /// Id and version may stand once only: a second one would let two readers see two packages.
    fn finish_named(&mut self, value: Option<String>, is_id: bool) -> Result<(), String> {
        self.path.pop();
        let place = if is_id { &mut self.id } else { &mut self.version };
        if place.is_some() {
            return Err("it has more than one id or version".to_owned());
        }
        *place = value;
        Ok(())
    }
}

/// The character of `&lt;`, `&#10;` and the like; other entities are an error.
fn character(reference: &BytesRef<'_>) -> Result<char, String> {
    let name: &str = reference;
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => reference.resolve_char_ref().ok().flatten().ok_or_else(|| format!("it uses the entity '{}'", clip(name))),
    }
}

/// The value of an attribute by local name, without regard to case.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| "an element's attributes are malformed".to_owned())?;
        if attribute.key.local_name().as_ref().eq_ignore_ascii_case(name) {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| format!("the attribute '{name}' uses an unknown entity"))?;
            return Ok(clean_line(&value));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrap(inner: &str) -> String {
        format!("<package><metadata>{inner}</metadata></package>")
    }

    const BASE: &str = "<id>A</id><version>1.0</version>";

    #[test]
    fn any_namespace_and_prefix() {
        for open in [
            "package",
            "package xmlns=\"http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd\"",
            "package xmlns=\"urn:unknown\" xmlns:x=\"urn:other\"",
        ] {
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<{open}>\r\n<metadata minClientVersion=\"2.12\">\
                 {BASE}<title>T &amp; &#x55;</title></metadata><files/></package>\n"
            );
            let found = parse("a.nuspec", &text).unwrap();
            assert_eq!((found.id.as_str(), found.version.as_str()), ("A", "1.0"));
            assert_eq!(found.title.as_deref(), Some("T & U"));
        }
        let prefixed = "<n:package xmlns:n=\"u\"><n:metadata><n:id>A</n:id><n:version>2</n:version>\
                        </n:metadata></n:package>";
        assert_eq!(parse("a", prefixed).unwrap().version, "2");
    }

    #[test]
    fn fields_and_dependencies() {
        let text = wrap(&format!(
            "{BASE}<authors> Ann,\n Ben </authors><owners>O</owners>\
             <requireLicenseAcceptance>false</requireLicenseAcceptance>\
             <description>one\r\ntwo <![CDATA[<b>]]></description><summary/>\
             <releaseNotes>r</releaseNotes><projectUrl>https://p</projectUrl>\
             <licenseUrl>https://l</licenseUrl><iconUrl>https://i</iconUrl><tags>x y</tags>\
             <copyright>c</copyright><language>en</language><unknown><id>B</id></unknown>\
             <dependencies><dependency id=\"Flat\"/>\
             <group targetFramework=\"net8.0-windows7.0\">\
             <dependency id=\"X\" version=\"[25.10.5]\" exclude=\"Build\"/>\
             <dependency version=\"1\"/></group><group><dependency id='Y' version=''/></group>\
             </dependencies>"
        ));
        let found = parse("a", &text).unwrap();
        assert_eq!(found.id, "A");
        assert_eq!(found.authors.as_deref(), Some("Ann,  Ben"));
        assert_eq!(found.owners.as_deref(), Some("O"));
        assert_eq!(found.description.as_deref(), Some("one\ntwo <b>"));
        assert_eq!(found.summary, None);
        assert_eq!(found.release_notes.as_deref(), Some("r"));
        assert_eq!(found.project_url.as_deref(), Some("https://p"));
        assert_eq!(found.license_url.as_deref(), Some("https://l"));
        assert_eq!(found.icon_url.as_deref(), Some("https://i"));
        assert_eq!(found.tags.as_deref(), Some("x y"));
        assert_eq!(found.copyright.as_deref(), Some("c"));
        assert_eq!(found.language.as_deref(), Some("en"));
        let dependency = |id: &str, range: Option<&str>, framework: Option<&str>| Dependency {
            id: id.to_owned(),
            range: range.map(str::to_owned),
            target_framework: framework.map(str::to_owned),
        };
        assert_eq!(
            found.dependencies,
            [
                dependency("Flat", None, None),
                dependency("X", Some("[25.10.5]"), Some("net8.0-windows7.0")),
                dependency("Y", None, None),
            ]
        );
    }

    #[test]
    fn refusals() {
        let deep = wrap(&format!("{BASE}{}{}", "<a>".repeat(40), "</a>".repeat(40)));
        let doctype = format!("<!DOCTYPE package [<!ENTITY e \"x\">]>{}", wrap(BASE));
        let external = format!("<!DOCTYPE package SYSTEM \"file:///etc/passwd\">{}", wrap(BASE));
        for (text, expected) in [
            (doctype, "document type"),
            (external, "document type"),
            (wrap(&format!("{BASE}<title>&e;</title>")), "entity 'e'"),
            (wrap(&format!("{BASE}<x>&#0;</x>")), "entity '#0'"),
            (wrap(&format!("{BASE}<dependencies><dependency id='&e;'/></dependencies>")), "unknown entity"),
            (deep, "nested too deeply"),
            (wrap("<id>A</id>"), "no id or no version"),
            (wrap("<id> </id><version>1</version>"), "no id or no version"),
            (wrap(&format!("{BASE}<id>B</id>")), "more than one"),
            (wrap(&format!("{BASE}</x>")), "well-formed"),
            ("<package><metadata><id>A</id><version>1</version>".to_owned(), "cut off"),
            (format!("{}{}", wrap(BASE), wrap(BASE)), "root element"),
            ("<html/>".to_owned(), "root element"),
            (String::new(), "cut off"),
            ("not xml".to_owned(), "cut off"),
        ] {
            let found = parse("a.nuspec", &text).unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
            assert!(found.starts_with("The package manifest 'a.nuspec' is not valid:"));
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), xml in "[<>/&;!?a-e\"'= \\[\\]#x0-9-]{0,60}") {
            let _ = parse("a", &text);
            let _ = parse("a", &wrap(&format!("{BASE}{xml}")));
        }
    }
}
