//! Writes the documents that are generated from the registry: both OpenAPI descriptions and the compatibility table.

use crate::wiring;
use anyhow::{Result, anyhow};
use bandmaster_api::documents::{Part, compatibility, openapi};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes all documents into a folder. `tested` holds what the tests noted about the operations they called.
pub fn write(out: &Path, tested: Option<&Path>) -> Result<()> {
    let served = wiring::registry().finish().map_err(|problems| anyhow!("{}", problems.join("; ")))?;
    let server = "http://localhost:8080";
    for (part, name) in [(Part::Orchestrator, "openapi.json"), (Part::Identity, "identity-openapi.json")] {
        let document = openapi(&served, part, server, "20.0");
        std::fs::write(out.join(name), format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    }
    let notes = notes(tested)?;
    let table = compatibility(&served, &|id| notes.get(id).map(|crates| crates.join(", ")));
    std::fs::write(out.join("compatibility.md"), table)?;
    Ok(())
}

/// Operation to the crates whose tests called it.
fn notes(folder: Option<&Path>) -> Result<BTreeMap<String, Vec<String>>> {
    let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Some(folder) = folder.filter(|f| f.exists()) else { return Ok(notes) };
    for entry in std::fs::read_dir(folder)? {
        for line in std::fs::read_to_string(entry?.path())?.lines() {
            if let Some((operation, name)) = line.split_once('\t') {
                let name = name.trim_start_matches("bandmaster-").to_owned();
                let crates = notes.entry(operation.to_owned()).or_default();
                if !crates.contains(&name) {
                    crates.push(name);
                }
            }
        }
    }
    notes.values_mut().for_each(|crates| crates.sort());
    Ok(notes)
}
