//! What the body of a POST or PUT says about a bucket.

use super::codes;
use super::entity::OPTIONS;
use bandmaster_api::Fields;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result};
use serde_json::Value;

/// The provider that is built in.
const OWN: &str = "Orchestrator";
/// Providers that are known but not served here.
const OUTSIDE: [&str; 6] = ["FileSystem", "Azure", "Amazon", "Minio", "S3Compatible", "Google"];
/// Members that say where an outside provider keeps its files and how it is got into.
const OUTSIDE_MEMBERS: [&str; 4] = ["StorageParameters", "StorageContainer", "ExternalName", "Password"];

/// A checked body.
pub struct Wish {
    /// Name, without blanks at its ends.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// The client's GUID.
    pub identifier: String,
    /// Flags.
    pub options: i64,
    /// Tags as JSON text.
    pub tags: String,
}

impl Wish {
    /// Reads a body. Outside providers are refused, and so is what only they need: it would be lost.
    pub fn of(f: Fields<'_>) -> Result<Wish> {
        let name = f.need_text("Name")?.trim();
        if name.is_empty() {
            return Err(Error::argument("The field Name is required."));
        }
        bandmaster_access::changes::check_name(name, "The name of the bucket")?;
        provider(f.filled("StorageProvider"))?;
        if let Some(member) = OUTSIDE_MEMBERS.into_iter().find(|m| f.filled(m).is_some()) {
            return Err(Error::argument(format!("{member} has no meaning for a bucket of the provider {OWN}.")));
        }
        if f.int("CredentialStoreId").is_some_and(|id| id != 0) {
            return Err(Error::argument(format!("A bucket of the provider {OWN} has no credentials to store.")));
        }
        let identifier = f.need_text("Identifier")?;
        Ok(Wish {
            name: name.to_owned(),
            description: f.text("Description").map(str::to_owned),
            identifier: parse_guid(identifier).ok_or_else(|| Error::argument("Identifier is no GUID."))?,
            options: options(f.text("Options").unwrap_or_default())?,
            tags: f.get("Tags").cloned().unwrap_or_else(|| Value::Array(Vec::new())).to_string(),
        })
    }
}

fn provider(name: Option<&str>) -> Result<()> {
    let Some(name) = name.filter(|n| !n.eq_ignore_ascii_case(OWN)) else { return Ok(()) };
    if OUTSIDE.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(Error::new(
            400,
            codes::UNAVAILABLE_STORAGE_PROVIDER,
            format!("This server keeps files of buckets itself; the provider {name} is not available."),
        ));
    }
    Err(Error::new(400, codes::INVALID_STORAGE_PROVIDER, "There is no such provider of storage."))
}

/// The sum of flags that are given by names and separated by commas, or by their number.
fn options(text: &str) -> Result<i64> {
    let mut sum = 0;
    for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        sum |= OPTIONS.number(word).ok_or_else(|| Error::argument(format!("Options: there is no option {word}.")))?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_summed() {
        for (text, sum) in [("", 0), ("None", 0), ("readonly", 1), ("AuditReadAccess,ReadOnly", 3), ("7", 7)] {
            assert_eq!(options(text).unwrap(), sum, "{text}");
        }
        for text in ["ReadOnly|AuditReadAccess", "8", "-1", "Encrypted"] {
            assert!(options(text).is_err(), "{text}");
        }
        for (number, label) in [(3, "ReadOnly, AuditReadAccess"), (6, "AuditReadAccess, AccessDataThroughOrchestrator")]
        {
            assert_eq!(OPTIONS.label(number), Some(label));
            assert_eq!(options(label).unwrap(), number);
        }
    }
}
