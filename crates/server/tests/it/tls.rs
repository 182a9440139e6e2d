//! The binary with a given certificate: what travels over TLS, and what absolute addresses say then. The certificate
//! in the folder `tls` was made for this test, for localhost alone, and secures nothing.

use crate::process::Server;
use std::path::{Path, PathBuf};

fn material(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in Unicode")
}

#[tokio::test]
async fn a_given_certificate_is_served() {
    let root = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (material("certificate.pem"), material("key.pem"));
    let environment = [("BANDMASTER_TLS_CERTIFICATE", text(&certificate)), ("BANDMASTER_TLS_KEY", text(&key))];
    let server = Server::start(&root.path().join("data"), &environment);
    assert!(server.url.starts_with("https://"), "{}", server.url);

    let trusted = reqwest::Certificate::from_pem(&std::fs::read(&certificate).expect("a file")).expect("a certificate");
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().expect("a client");
    let discovery = client.get(format!("{}/identity/.well-known/openid-configuration", server.url)).send().await;
    let discovery: serde_json::Value = discovery.expect("an answer").json().await.expect("JSON");
    for member in ["issuer", "token_endpoint", "jwks_uri"] {
        let address = discovery[member].as_str().unwrap_or_default();
        assert!(address.starts_with(&server.url), "{member} is {address}");
    }
    // Who does not know the certificate gets no connection, and neither does who speaks without TLS.
    assert!(reqwest::Client::new().get(format!("{}/healthz", server.url)).send().await.is_err());
    assert!(
        reqwest::Client::new().get(format!("{}/healthz", server.url.replace("https", "http"))).send().await.is_err()
    );
    let (code, _) = server.end("-TERM");
    assert_eq!(code, Some(0));
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new(crate::process::BINARY);
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-certificate",
        text(&material("certificate.pem")),
        "--data",
    ]);
    let output = command.arg(root.path().join("data")).output().expect("the command runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("tls-key"), "{}", String::from_utf8_lossy(&output.stderr));
}
