//! Address layouts. The same operations answer at the root, below `/{organization}/{tenant}/orchestrator_`,
//! below `/{organization}/{tenant}`, and identity below `/identity`, `/identity_` and
//! `/{organization}/identity_`. Here a raw path becomes organization, tenant and the path below the root.

/// A request's path, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// Organization by name or GUID, decoded.
    pub organization: Option<String>,
    /// Tenant by name or GUID, decoded.
    pub tenant: Option<String>,
    /// What stood before the path, for absolute addresses in answers; without a trailing slash.
    pub prefix: String,
    /// The path below the root, still encoded, with single slashes; identity begins with `/identity/`.
    pub path: String,
}

/// First segments that are never an organization's name.
const ROOTS: &[&str] = &[
    "odata",
    "api",
    "tasks",
    "forms",
    "identity",
    "identity_",
    "swagger",
    "nuget",
    "orchestrator_",
    "blob",
    "portal_",
    "audit_",
    "healthz",
    "readyz",
    "livez",
    "metrics",
    "signalr",
    "etag",
];

fn is_root(segment: &str) -> bool {
    ROOTS.iter().any(|r| r.eq_ignore_ascii_case(segment))
}

/// Percent-decodes a segment; what is no valid text stays as it was.
pub fn decode(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| segment.get(i + 1..i + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| segment.to_owned())
}

impl Address {
    /// Takes a raw path apart.
    pub fn parse(raw: &str) -> Address {
        let segments: Vec<&str> = raw.split('/').filter(|s| !s.is_empty()).collect();
        let at = |i: usize| segments.get(i).copied().unwrap_or_default();
        let is = |i: usize, name: &str| at(i).eq_ignore_ascii_case(name);
        let mut address = Address::default();
        let skip = if segments.is_empty() {
            0
        } else if is(0, "orchestrator_") {
            1
        } else if is_root(at(0)) {
            0
        } else if is(1, "identity_") || is(1, "identity") || is(1, "portal_") || is(1, "audit_") {
            address.organization = Some(decode(at(0)));
            1
        } else if segments.len() > 2 && (is_root(at(2)) || at(2).ends_with('_')) {
            address.organization = Some(decode(at(0)));
            address.tenant = Some(decode(at(1)));
            if is(2, "orchestrator_") { 3 } else { 2 }
        } else {
            0
        };
        address.prefix = segments[..skip].iter().map(|s| format!("/{s}")).collect();
        let mut rest: Vec<&str> = segments[skip..].to_vec();
        if let Some(first) = rest.first_mut()
            && (first.eq_ignore_ascii_case("identity_") || first.eq_ignore_ascii_case("identity"))
        {
            *first = "identity";
        }
        address.path = format!("/{}", rest.join("/"));
        address
    }

    /// Whether this belongs to the identity service.
    pub fn is_identity(&self) -> bool {
        self.path == "/identity" || self.path.starts_with("/identity/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let cases = [
            ("/odata/Jobs(5)", None, None, "", "/odata/Jobs(5)"),
            ("//api//Status/Get", None, None, "", "/api/Status/Get"),
            (
                "/Acme/Default/orchestrator_/odata/Jobs",
                Some("Acme"),
                Some("Default"),
                "/Acme/Default/orchestrator_",
                "/odata/Jobs",
            ),
            (
                "/Acme/De%20fault/api/Buckets/3/ListFiles",
                Some("Acme"),
                Some("De fault"),
                "/Acme/De%20fault",
                "/api/Buckets/3/ListFiles",
            ),
            (
                "/Acme/Default//orchestrator_/odata/Jobs",
                Some("Acme"),
                Some("Default"),
                "/Acme/Default/orchestrator_",
                "/odata/Jobs",
            ),
            ("/identity/connect/token", None, None, "", "/identity/connect/token"),
            ("/Identity_/connect/token", None, None, "", "/identity/connect/token"),
            ("/Acme/identity_/api/User", Some("Acme"), None, "/Acme", "/identity/api/User"),
            ("/Acme/portal_/api/x", Some("Acme"), None, "/Acme", "/portal_/api/x"),
            ("/Acme/audit_/api/auditlogs/x", Some("Acme"), None, "/Acme", "/audit_/api/auditlogs/x"),
            ("/audit_/api/auditlogs/x", None, None, "", "/audit_/api/auditlogs/x"),
            ("/orchestrator_/api/status/version", None, None, "/orchestrator_", "/api/status/version"),
            ("/a/b/llmopstenant_/api/Traces", Some("a"), Some("b"), "/a/b", "/llmopstenant_/api/Traces"),
            ("/", None, None, "", "/"),
            ("", None, None, "", "/"),
            ("/favicon.ico", None, None, "", "/favicon.ico"),
        ];
        for (raw, organization, tenant, prefix, path) in cases {
            let expected = Address {
                organization: organization.map(Into::into),
                tenant: tenant.map(Into::into),
                prefix: prefix.into(),
                path: path.into(),
            };
            assert_eq!(Address::parse(raw), expected, "{raw}");
        }
    }

    #[test]
    fn decoding_never_panics() {
        for raw in ["%", "%4", "%zz", "a%ED%A0%80", "%e2%82%ac", "é%"] {
            decode(raw);
        }
        assert_eq!(decode("%e2%82%ac"), "€");
    }
}
