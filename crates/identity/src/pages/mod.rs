//! The pages of the sign-in: plain HTML without scripts, with a policy that lets nothing else in and nobody frame
//! them. They work without style and for screen readers.

pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod link;
pub(crate) mod login;
pub(crate) mod nonce;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bandmaster_api::Output;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("style.css");

/// The style's hash: the one thing the policy lets in.
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE.as_bytes())));

/// A text as HTML, also inside quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Directions and other controls could make a name look like another.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                out.push('\u{fffd}')
            }
            c => out.push(c),
        }
    }
    out
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A page. `leads_to`: origins besides our own to which its form may lead in the end; browsers apply the policy to
/// redirects that follow a form too.
pub(crate) fn page(status: u16, title: &str, body: &str, leads_to: &[String]) -> Output {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} – Bandmaster</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"brand\">Bandmaster</p>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n",
        title = escape(title)
    );
    let plain = |o: &&String| {
        o.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'.' | b'-' | b'[' | b']' | b'+'))
    };
    let targets: String = leads_to.iter().filter(plain).map(|o| format!(" {o}")).collect();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'{targets}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    put(headers, header::CONTENT_TYPE, "text/html; charset=utf-8");
    put(headers, header::CONTENT_SECURITY_POLICY, &policy);
    guard(headers);
    Output::response(response)
}

fn guard(headers: &mut HeaderMap) {
    put(headers, header::X_FRAME_OPTIONS, "DENY");
    put(headers, header::REFERRER_POLICY, "no-referrer");
    put(headers, header::CACHE_CONTROL, "no-store");
}

/// A page that only says something.
pub(crate) fn message(status: u16, title: &str, text: &str) -> Output {
    page(status, title, &format!("<p>{}</p>", escape(text)), &[])
}

/// Sends the browser elsewhere. 302 after GET, 303 after a form; never 307, which would send the form along.
pub(crate) fn redirect(status: StatusCode, target: &str) -> Output {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    put(headers, header::LOCATION, target);
    guard(headers);
    Output::response(response)
}

/// The question whether to sign out.
pub(crate) fn sign_out(action: &str, nonce: &str, user: &str) -> String {
    format!(
        "<p>You are signed in as <strong>{user}</strong>.</p>\n<form method=\"post\" action=\"{action}\">\n\
         <input type=\"hidden\" name=\"nonce\" value=\"{nonce}\">\n<button type=\"submit\">Sign out</button>\n</form>",
        user = escape(user),
        action = escape(action),
        nonce = escape(nonce)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(escape("<a href=\"x\" o='1'>&"), "&lt;a href=&quot;x&quot; o=&#39;1&#39;&gt;&amp;");
        assert_eq!(escape("a\u{202e}b\nc"), "a\u{fffd}b\u{fffd}c");
        assert!(!STYLE.contains("</") && !STYLE.contains("url("));
    }
}
