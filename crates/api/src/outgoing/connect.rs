//! Guarded connections: checked addresses, TCP, TLS.

use super::{Allowed, Names, Outgoing, Trouble, Url};
use rustls::pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longest address.
const LONGEST: usize = 2_000;
/// Addresses of a name that are tried.
const TRIED: usize = 4;

/// An absolute http or https address without user name and password.
pub fn address_of(text: &str) -> Result<Url, Trouble> {
    if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Trouble::NoAddress);
    }
    let url = Url::parse(text).map_err(|_| Trouble::NoAddress)?;
    // `https:host` is repaired by parsers, but nobody means it.
    let written = text.get(..url.scheme().len() + 3).is_some_and(|s| s.ends_with("://"));
    let fits = matches!(url.scheme(), "http" | "https")
        && written
        && url.host_str().is_some_and(|h| !h.is_empty())
        && url.username().is_empty()
        && url.password().is_none();
    if fits { Ok(url) } else { Err(Trouble::NoAddress) }
}

/// An address in a URL or on its own, also in square brackets.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// The addresses of a host, all of which are permitted; else none are told.
pub(super) async fn permitted(names: &dyn Names, allowed: &Allowed, host: &str) -> Result<Vec<IpAddr>, Trouble> {
    let (name, addresses) = match literal(host) {
        Some(address) => (None, vec![address]),
        None => (Some(host), names.resolve(host).await.map_err(|_| Trouble::Unknown)?),
    };
    if addresses.is_empty() {
        return Err(Trouble::Unknown);
    }
    // One that is not permitted among those that are is how a guard is tricked; nobody's real name looks like that.
    if !addresses.iter().all(|a| allowed.permits(name, *a)) {
        return Err(Trouble::NotAllowed);
    }
    Ok(addresses)
}

impl Outgoing {
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        timeout(self.0.patience, work).await.unwrap_or(Err(Trouble::TooLong))
    }

    /// The addresses of a host name or address, every one of them permitted. A connection must go to one of these and
    /// not ask for the name again.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Trouble> {
        self.in_time(permitted(self.0.names.as_ref(), &self.0.allowed, host)).await
    }

    /// A TCP connection to a host.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Trouble> {
        self.in_time(async {
            let addresses = permitted(self.0.names.as_ref(), &self.0.allowed, host).await?;
            let tried = addresses.len().min(TRIED);
            let each = self.0.patience / u32::try_from(tried).unwrap_or(1);
            let mut trouble = Trouble::Unreachable;
            for address in addresses.into_iter().take(tried) {
                match timeout(each, TcpStream::connect(SocketAddr::new(address, port))).await {
                    Ok(Ok(stream)) => return Ok(stream),
                    Ok(Err(error)) => trouble = Trouble::of_io(&error),
                    Err(_) => trouble = Trouble::TooLong,
                }
            }
            Err(trouble)
        })
        .await
    }

    /// TLS over a connection, with a certificate for the host that is trusted.
    pub async fn tls(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Trouble> {
        let name = match literal(host) {
            Some(address) => ServerName::IpAddress(address.into()),
            None => ServerName::try_from(host.trim_end_matches('.').to_owned()).map_err(|_| Trouble::Tls)?,
        };
        let connector = TlsConnector::from(self.tls_config().await?);
        self.in_time(async { connector.connect(name, stream).await.map_err(|e| Trouble::of_tls(&e)) }).await
    }

    /// The settings of TLS, read from the machine at the first use, on a thread that may wait for files.
    pub(super) async fn tls_config(&self) -> Result<Arc<rustls::ClientConfig>, Trouble> {
        if let Some(made) = self.0.tls.get() {
            return made.clone();
        }
        let own = self.clone();
        let made = tokio::task::spawn_blocking(move || own.0.tls.get_or_init(|| own.make_tls()).clone()).await;
        made.unwrap_or(Err(Trouble::Tls))
    }

    fn make_tls(&self) -> Result<Arc<rustls::ClientConfig>, Trouble> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let made = Verifier::new_with_extra_roots(self.0.authorities.clone(), provider.clone()).and_then(|verifier| {
            let builder =
                rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
            Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
        });
        made.map(Arc::new).map_err(|error| {
            tracing::error!(%error, "TLS cannot be used for outgoing connections");
            Trouble::Tls
        })
    }

    /// How long a connection or an exchange may take.
    pub fn patience(&self) -> Duration {
        self.0.patience
    }
}

impl Trouble {
    /// Everything that ends a handshake is a matter of TLS, also a connection that breaks off.
    fn of_tls(error: &std::io::Error) -> Trouble {
        match Trouble::of_io(error) {
            Trouble::TooLong => Trouble::TooLong,
            _ => Trouble::Tls,
        }
    }
}
