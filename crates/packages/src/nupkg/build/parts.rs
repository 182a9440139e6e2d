//! The entries of a built package that are not JSON: manifest, OPC parts, `pyproject.toml`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::PackageBuilder;
use crate::nupkg::digest::hex_of;

/// Names the OPC parts know each other by.
pub(super) struct Names {
    /// Path of the core properties.
    pub(super) properties_path: String,
    manifest_id: String,
    properties_id: String,
}

impl Names {
    /// The names for a package, always the same ones.
    pub(super) fn of(name: &str, version: &str) -> Self {
        let hex = |what: &str| hex_of(&[what, name, version]).chars().take(16).collect::<String>();
        Self {
            properties_path: format!("package/services/metadata/core-properties/{}.psmdcp", hex("properties")),
            manifest_id: format!("R{}", hex("manifest relationship")),
            properties_id: format!("R{}", hex("properties relationship")),
        }
    }
}

const HEADER: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// The core properties.
pub(super) fn properties(package: &PackageBuilder) -> Vec<u8> {
    let mut out = HEADER.to_owned();
    out.push_str(
        "<coreProperties xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\">\n",
    );
    for (element, text) in [
        ("dc:creator", package.clean_authors().as_str()),
        ("dc:description", &package.clean_description()),
        ("dc:identifier", &package.name),
        ("version", &package.version),
        ("keywords", ""),
        ("lastModifiedBy", "Bandmaster"),
    ] {
        let _ = writeln!(out, "  <{element}>{}</{element}>", escape(text));
    }
    out.push_str("</coreProperties>");
    out.into_bytes()
}

/// The content types: the usual ones and those of the given extensions.
pub(super) fn content_types(extensions: Vec<String>) -> Vec<u8> {
    let mut types = vec![
        ("rels".to_owned(), "application/vnd.openxmlformats-package.relationships+xml"),
        ("psmdcp".to_owned(), "application/vnd.openxmlformats-package.core-properties+xml"),
    ];
    let usual = ["json", "py", "txt", "nuspec", "toml"].map(str::to_owned);
    let mut seen: BTreeSet<String> = types.iter().map(|(e, _)| e.clone()).collect();
    for extension in usual.into_iter().chain(extensions) {
        if seen.insert(extension.clone()) {
            types.push((extension, "application/octet"));
        }
    }
    let mut out = HEADER.to_owned();
    out.push_str("<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\n");
    for (extension, content_type) in types {
        let _ =
            writeln!(out, "  <Default Extension=\"{}\" ContentType=\"{content_type}\" />", escape(extension.as_str()));
    }
    out.push_str("</Types>\n");
    out.into_bytes()
}

/// The manifest.
pub(super) fn nuspec(package: &PackageBuilder) -> Vec<u8> {
    let mut out = HEADER.to_owned();
    out.push_str("<package xmlns=\"http://schemas.microsoft.com/packaging/2011/10/nuspec.xsd\">\n  <metadata>\n");
    for (element, text) in [
        ("id", package.name.as_str()),
        ("version", &package.version),
        ("authors", &package.clean_authors()),
        ("requireLicenseAcceptance", "false"),
        ("description", &package.clean_description()),
    ] {
        let _ = writeln!(out, "    <{element}>{}</{element}>", escape(text));
    }
    out.push_str("  </metadata>\n</package>");
    out.into_bytes()
}

/// The relationships that lead to manifest and core properties.
pub(super) fn relationships(package: &PackageBuilder, names: &Names) -> Vec<u8> {
    let mut out = HEADER.to_owned();
    out.push_str("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\n");
    let manifest = format!("{}.nuspec", package.name);
    for (kind, target, id) in [
        ("http://schemas.microsoft.com/packaging/2010/07/manifest", &manifest, &names.manifest_id),
        (
            "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
            &names.properties_path,
            &names.properties_id,
        ),
    ] {
        let _ = writeln!(out, "  <Relationship Type=\"{kind}\" Target=\"/{}\" Id=\"{id}\" />", escape(target.as_str()));
    }
    out.push_str("</Relationships>");
    out.into_bytes()
}

/// The project file of Python's own tools.
pub(super) fn pyproject(package: &PackageBuilder) -> Vec<u8> {
    let mut out = "[project]\n".to_owned();
    for (key, text) in
        [("name", package.name.as_str()), ("version", &package.version), ("description", &package.clean_description())]
    {
        let _ = writeln!(out, "{key} = {}", quoted(text));
    }
    let _ = writeln!(out, "authors = [{{ name = {} }}]", quoted(&package.clean_authors()));
    out.push_str("dependencies = [\n");
    for (name, specifier) in &package.dependencies {
        let specifier = if specifier == "*" { "" } else { specifier };
        let _ = writeln!(out, "    {},", quoted(&format!("{name}{specifier}")));
    }
    let _ = writeln!(out, "]\nrequires-python = {}", quoted(&package.requires_python));
    out.into_bytes()
}

/// A TOML string; JSON's escapes are a part of TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
