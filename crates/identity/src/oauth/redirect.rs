//! Where a browser may be sent back to: exactly one of the registered addresses (RFC 9700, section 4.1.3). Only the
//! built-in client of command lines is free in its port on the loopback interface (RFC 8252, section 7.3).

use super::form::encode;
use crate::applications::{Application, loopback};
use crate::builtin::PUBLIC_CLIENT;

/// Whether the application may be called back there.
pub(crate) fn allowed(application: &Application, uri: &str) -> bool {
    application.redirect_uris.iter().any(|r| r == uri)
        || (application.key == PUBLIC_CLIENT && application.redirect_uris.iter().any(|r| same_but_port(r, uri)))
}

/// Scheme http, a loopback host, the same path and nothing more.
fn same_but_port(registered: &str, uri: &str) -> bool {
    let parts = |u: &'_ str| -> Option<(String, String)> {
        let rest = u.strip_prefix("http://")?;
        let at = rest.find('/')?;
        let (authority, path) = rest.split_at(at);
        loopback(authority).then(|| (authority.to_owned(), path.to_owned()))
    };
    match (parts(registered), parts(uri)) {
        (Some((_, a)), Some((_, b))) => a == b,
        _ => false,
    }
}

/// The address with parameters added.
pub(crate) fn with(uri: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut out = uri.to_owned();
    let mut separator = if uri.contains('?') { '&' } else { '?' };
    for (name, value) in parameters {
        if let Some(value) = value {
            out.push(separator);
            out.push_str(&format!("{}={}", encode(name), encode(value)));
            separator = '&';
        }
    }
    out
}

/// Scheme and authority of an address, or its scheme alone: what a page may lead to.
pub(crate) fn origin_of(uri: &str) -> String {
    match uri.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
        }
        _ => format!("{}:", uri.split(':').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(key: &str, uris: &[&str]) -> Application {
        Application {
            id: 1,
            key: key.into(),
            organization_id: None,
            name: "a".into(),
            is_confidential: false,
            is_first_party: true,
            redirect_uris: uris.iter().map(|u| (*u).to_owned()).collect(),
            application_scopes: vec![],
            user_scopes: vec![],
            created_at: 0,
        }
    }

    #[test]
    fn only_what_was_registered() {
        let ours = app(PUBLIC_CLIENT, &["http://localhost:8104/oidc/login"]);
        for good in [
            "http://localhost:8104/oidc/login",
            "http://localhost:9999/oidc/login",
            "http://127.0.0.1:1/oidc/login",
            "http://[::1]:80/oidc/login",
        ] {
            assert!(allowed(&ours, good), "{good}");
        }
        for bad in [
            "",
            "http://localhost:8104/oidc/login/",
            "http://localhost:8104/oidc/login?x=1",
            "http://localhost:8104/oidc/login#x",
            "http://localhost:8104/OIDC/login",
            "http://localhost:8104/oidc/../oidc/login",
            "https://localhost:8104/oidc/login",
            "http://localhost.evil.test:8104/oidc/login",
            "http://localhost:8104@evil.test/oidc/login",
            "http://evil.test:8104/oidc/login",
            "http://localhost:8104\\@evil.test/oidc/login",
            "http://127.0.0.2:8104/oidc/login",
            "//localhost:8104/oidc/login",
            "javascript:alert(1)",
        ] {
            assert!(!allowed(&ours, bad), "{bad}");
        }
        let other = app("1b7a4a0e-5b0e-4c39-9f0e-7d3c8f3c5a11", &["http://localhost:8104/cb", "https://a.test/cb"]);
        assert!(allowed(&other, "https://a.test/cb") && allowed(&other, "http://localhost:8104/cb"));
        for bad in [
            "http://localhost:8105/cb",
            "https://a.test/cb/",
            "https://a.test/cb?x",
            "https://A.test/cb",
            "https://a.test/",
        ] {
            assert!(!allowed(&other, bad), "{bad}");
        }
    }

    #[test]
    fn answers_are_added_to_the_address() {
        assert_eq!(with("https://a/cb", &[("code", Some("x y")), ("state", None)]), "https://a/cb?code=x%20y");
        assert_eq!(with("https://a/cb?k=1", &[("a", Some("1")), ("b", Some("&"))]), "https://a/cb?k=1&a=1&b=%26");
        assert_eq!(origin_of("https://a.test:8/cb?x"), "https://a.test:8");
        assert_eq!(origin_of("com.example.app:/cb"), "com.example.app:");
    }
}
