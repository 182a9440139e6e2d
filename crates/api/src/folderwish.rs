//! Folder and tenant headers: what the request says about where it wants to work. What the words resolve to is
//! the gate's business.

use crate::gate::{FolderWish, TenantWish};
use axum::http::HeaderMap;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim).filter(|v| !v.is_empty())
}

/// Reads the folder headers. An encoded path that is no Base64 of UTF-16LE, and an id that is neither number nor
/// GUID, name no folder (1100).
pub fn folder(headers: &HeaderMap) -> Result<FolderWish> {
    let mut wish = FolderWish::default();
    if let Some(encoded) = text(headers, "x-uipath-folderpath-encoded") {
        wish.path = Some(decode_path(encoded).ok_or_else(Error::folder)?);
        wish.encoded = true;
    } else if let Some(value) = headers.get("x-uipath-folderpath") {
        // Clients send a plain path in ASCII; be kind to those that send UTF-8.
        let path = std::str::from_utf8(value.as_bytes()).map_err(|_| Error::folder())?.trim();
        wish.path = (!path.is_empty()).then(|| path.to_owned());
    }
    if let Some(key) = text(headers, "x-uipath-folderkey") {
        wish.key = Some(parse_guid(key).ok_or_else(Error::folder)?);
    }
    if let Some(id) = text(headers, "x-uipath-organizationunitid") {
        match (id.parse::<i64>(), parse_guid(id)) {
            (Ok(number), _) => wish.id = Some(number),
            // A client sends a feed's GUID here; it is taken for a key.
            (_, Some(guid)) => wish.key = wish.key.or(Some(guid)),
            _ => return Err(Error::folder()),
        }
    }
    Ok(wish)
}

/// Reads the tenant header.
pub fn tenant(headers: &HeaderMap, organization: Option<String>, tenant: Option<String>) -> TenantWish {
    TenantWish { organization, tenant, tenant_name: text(headers, "x-uipath-tenantname").map(str::to_owned) }
}

fn decode_path(encoded: &str) -> Option<String> {
    let bytes = STANDARD.decode(encoded).ok()?;
    if bytes.len() % 2 != 0 {
        return None;
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
    String::from_utf16(&units).ok().filter(|p| !p.is_empty() && !p.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().filter_map(|(n, v)| Some((axum::http::HeaderName::from_static(n), v.parse().ok()?))).collect()
    }

    #[test]
    fn reads_every_header() {
        let wish = folder(&headers(&[
            ("x-uipath-folderpath-encoded", "QgD8AHIAbwA="),
            ("x-uipath-folderpath", "Other"),
            ("x-uipath-organizationunitid", "12"),
        ]));
        let expected = FolderWish { path: Some("Büro".into()), encoded: true, key: None, id: Some(12) };
        assert_eq!(wish.unwrap(), expected);
        let feed =
            folder(&headers(&[("x-uipath-organizationunitid", "5F0C1D7E-2F64-4B1E-9A55-0D8F1B8F5F10")])).unwrap();
        assert_eq!(feed.key.as_deref(), Some("5f0c1d7e-2f64-4b1e-9a55-0d8f1b8f5f10"));
        assert!(folder(&headers(&[])).unwrap().is_empty());
        for (name, value) in [
            ("x-uipath-folderpath-encoded", "QgD8A"),
            ("x-uipath-folderpath-encoded", "AAA="),
            ("x-uipath-folderkey", "nonsense"),
            ("x-uipath-organizationunitid", "12x"),
            ("x-uipath-organizationunitid", "99999999999999999999999"),
        ] {
            assert_eq!(folder(&headers(&[(name, value)])).unwrap_err().code(), 1100, "{name} {value}");
        }
    }
}
