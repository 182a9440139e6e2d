//! TLS towards PostgreSQL, after libpq's `sslmode`.
//!
//! | mode | encrypted | server checked |
//! |---|---|---|
//! | `disable` | no | |
//! | `prefer` (default) | when the server offers it | no |
//! | `require` | yes | only when `sslrootcert` is given |
//! | `verify-ca`, `verify-full` | yes | yes, with the host's name |
//!
//! `sslrootcert` names a PEM file; without one the system's roots count.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::DbError;

/// What the address says about TLS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub mode: Option<String>,
    pub root: Option<String>,
}

/// Takes `sslmode` and `sslrootcert` out of the address: the driver knows fewer.
pub(crate) fn split_options(url: &str) -> (String, TlsOptions) {
    let mut options = TlsOptions::default();
    let mut take = |pair: &str| match pair.split_once('=') {
        Some(("sslmode", v)) => {
            options.mode = Some(v.trim_matches('\'').to_owned());
            false
        }
        Some(("sslrootcert", v)) => {
            options.root = Some(percent_decoded(v.trim_matches('\'')));
            false
        }
        _ => true,
    };
    let rest = if url.contains("://") {
        match url.split_once('?') {
            Some((base, query)) => {
                let kept: Vec<&str> = query.split('&').filter(|p| take(p)).collect();
                if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
            }
            None => url.to_owned(),
        }
    } else {
        let kept: Vec<&str> = url.split_whitespace().filter(|p| take(p)).collect();
        kept.join(" ")
    };
    (rest, options)
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|p| std::str::from_utf8(p).ok());
        match pair.and_then(|p| u8::from_str_radix(p, 16).ok()) {
            Some(decoded) if *first == b'%' => {
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The driver's mode and the connector.
pub(crate) fn connector(options: &TlsOptions) -> Result<(SslMode, MakeRustlsConnect), DbError> {
    let (mode, verify) = match options.mode.as_deref() {
        Some("disable") => (SslMode::Disable, false),
        None | Some("prefer" | "allow") => (SslMode::Prefer, false),
        Some("require") => (SslMode::Require, options.root.is_some()),
        Some("verify-ca" | "verify-full") => (SslMode::Require, true),
        Some(other) => {
            return Err(DbError::Internal(format!("unknown sslmode {other}")));
        }
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| DbError::Internal(format!("TLS: {e}")))?;
    let config = if verify {
        builder.with_root_certificates(roots(options.root.as_deref())?).with_no_client_auth()
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unchecked(provider))).with_no_client_auth()
    };
    Ok((mode, MakeRustlsConnect::new(config)))
}

const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

fn roots(file: Option<&str>) -> Result<RootCertStore, DbError> {
    let path = match file {
        Some(path) if path != "system" => path,
        _ => SYSTEM_ROOTS
            .into_iter()
            .find(|p| Path::new(p).exists())
            .ok_or_else(|| DbError::Internal("TLS: no system root certificates".to_owned()))?,
    };
    let failed = |e: &dyn std::fmt::Display| DbError::Internal(format!("TLS: {path}: {e}"));
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| failed(&e))? {
        // Systems carry a few roots that no verifier takes; those are left out.
        let _ = store.add(certificate.map_err(|e| failed(&e))?);
    }
    if store.is_empty() {
        return Err(failed(&"no usable certificate"));
    }
    Ok(store)
}

/// Encrypts without asking who is at the other end, as libpq's `require` does.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_tls_options_out_of_the_address() {
        for (url, rest, mode, root) in [
            ("postgres://u@h/d", "postgres://u@h/d", None, None),
            (
                "postgres://u@h/d?sslmode=verify-full&application_name=x&sslrootcert=%2Fa%20b",
                "postgres://u@h/d?application_name=x",
                Some("verify-full"),
                Some("/a b"),
            ),
            ("postgres://u@h/d?sslmode=disable", "postgres://u@h/d", Some("disable"), None),
            ("host=h sslmode=require user=u", "host=h user=u", Some("require"), None),
        ] {
            let (kept, options) = split_options(url);
            assert_eq!(kept, rest);
            assert_eq!(options.mode.as_deref(), mode);
            assert_eq!(options.root.as_deref(), root);
        }
    }

    #[test]
    fn knows_the_modes() {
        let of =
            |mode: Option<&str>| connector(&TlsOptions { mode: mode.map(str::to_owned), root: None }).map(|(m, _)| m);
        assert_eq!(of(None), Ok(SslMode::Prefer));
        assert_eq!(of(Some("disable")), Ok(SslMode::Disable));
        assert_eq!(of(Some("require")), Ok(SslMode::Require));
        assert!(of(Some("sometimes")).is_err());
    }
}
