//! Addresses to be sent back to that are not the registered one (RFC 9700, section 4.1).

use super::*;

/// Addresses made from a registered one, each with its name. `scheme`, `host`, `port` and `path` are its parts.
fn tricks(scheme: &str, host: &str, port: &str, path: &str) -> Vec<(&'static str, String)> {
    let origin = format!("{scheme}://{host}{port}");
    let good = format!("{origin}{path}");
    vec![
        ("elsewhere", "https://evil.test/cb".into()),
        ("elsewhere, same path", format!("{scheme}://evil.test{path}")),
        ("slash added", format!("{good}/")),
        ("sub-path", format!("{good}/deeper")),
        ("longer last segment", format!("{good}x")),
        ("shorter path", good[..good.len() - 1].into()),
        ("no path", origin.clone()),
        ("root", format!("{origin}/")),
        ("up and down", format!("{origin}/x/..{path}")),
        ("up at the end", format!("{good}/..{path}")),
        ("encoded up", format!("{origin}/%2e%2e{path}")),
        ("encoded slash", format!("{origin}{}", path.replacen('/', "%2F", 1))),
        ("double slash", format!("{origin}/{path}")),
        ("encoded letter", good.replace("cb", "%63b").replace("login", "%6Cogin")),
        ("query added", format!("{good}?x=1")),
        ("empty query", format!("{good}?")),
        ("open redirect in a query", format!("{good}?next=https://evil.test")),
        ("fragment", format!("{good}#x")),
        ("empty fragment", format!("{good}#")),
        ("encoded fragment", format!("{good}%23x")),
        ("path in capitals", format!("{origin}{}", path.to_uppercase())),
        ("user information", format!("{scheme}://user@{host}{port}{path}")),
        ("our host as user information", format!("{scheme}://{host}{port}@evil.test{path}")),
        ("our host as user and password", format!("{scheme}://{host}:x@evil.test{path}")),
        ("backslash before an at sign", format!("{scheme}://evil.test\\@{host}{port}{path}")),
        ("our host as a label", format!("{scheme}://{host}.evil.test{port}{path}")),
        ("our host as an ending", format!("{scheme}://evil{host}{port}{path}")),
        ("sub-domain", format!("{scheme}://x.{host}{port}{path}")),
        ("full stop after the host", format!("{scheme}://{host}.{port}{path}")),
        ("wildcard", format!("{scheme}://*{port}{path}")),
        ("no scheme", format!("//{host}{port}{path}")),
        ("path only", path.into()),
        ("other scheme", good.replacen(scheme, if scheme == "https" { "http" } else { "https" }, 1)),
        ("scheme of a file", format!("file:///{host}{path}")),
        ("script", format!("javascript:alert(1)//{good}")),
        ("data", "data:text/html,<script>alert(1)</script>".into()),
        ("scheme of an app", format!("com.evil.app://{host}{path}")),
        ("blank before", format!(" {good}")),
        ("blank after", format!("{good} ")),
        ("line break after", format!("{good}\r\nLocation: https://evil.test")),
        ("tab inside", good.replacen("://", ":\t//", 1)),
        ("two addresses", format!("{good} https://evil.test/cb")),
        ("two addresses with a comma", format!("{good},https://evil.test/cb")),
        ("zero-width letter", format!("{good}\u{200b}")),
        ("look-alike letter", good.replacen('l', "\u{4cf}", 1)),
        ("nothing but a star", "*".into()),
        ("null", "null".into()),
    ]
}

both! {
    async fn nobody_is_sent_to_an_address_that_is_not_registered(world: &World) {
        let mut stage = Stage::set(world).await;
        stage.code(world).await;
        assert!(returned(&stage.browser.send(world, ask(&command_line(&[]))).await, "code").is_some());
        let mut cases = Vec::new();
        for (name, uri) in tricks("https", "client.test", "", "/cb") {
            cases.push(case(format!("confidential: {name}"), ask(&stage.asking(&[("redirect_uri", &uri)])), Expected::Page));
        }
        for uri in ["https://client.test:443/cb", "https://CLIENT.test/cb", "HTTPS://client.test/cb", "https://client.test:8443/cb"] {
            cases.push(case(format!("confidential: {uri}"), ask(&stage.asking(&[("redirect_uri", uri)])), Expected::Page));
        }
        for (name, uri) in tricks("http", "localhost", ":8104", "/oidc/login") {
            cases.push(case(format!("loopback: {name}"), ask(&command_line(&[("redirect_uri", &uri)])), Expected::Page));
        }
        for uri in [
            "http://127.0.0.2:8104/oidc/login", "http://0.0.0.0:8104/oidc/login", "http://[::]:8104/oidc/login",
            "http://127.1:8104/oidc/login", "http://2130706433/oidc/login", "http://localhost:8104:80/oidc/login",
            "http://localhost:port/oidc/login", "http://localhost:99999/oidc/login", "http://localhost.:1/oidc/login",
            "http://[::1%25eth0]:8104/oidc/login",
        ] {
            cases.push(case(format!("loopback: {uri}"), ask(&command_line(&[("redirect_uri", uri)])), Expected::Page));
        }
        // One client's address is none for another.
        cases.push(case("loopback at a client that did not register it", ask(&stage.asking(&[("redirect_uri", LOOPBACK)])), Expected::Page));
        cases.push(case("another client's address", ask(&command_line(&[("redirect_uri", BACK)])), Expected::Page));
        cases.push(case("no address", ask(&stage.asking(&[("redirect_uri", "")])), Expected::Page));
        hold(world, &mut stage.browser, "redirects", cases).await;
    }
}
