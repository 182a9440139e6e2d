//! One guarded exchange over HTTP.

use super::connect::{literal, permitted};
use super::{Allowed, Method, Names, Outgoing, Trouble, Url};
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Connections kept open to one host, and for how long.
const KEPT: usize = 2;
const KEPT_FOR: Duration = Duration::from_secs(30);

/// What is sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Method.
    pub method: Method,
    /// Address, from [`super::address_of`].
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; an empty one is not sent.
    pub body: Bytes,
    /// Take any certificate. Only where a user has asked for it.
    pub any_certificate: bool,
    /// Most bytes of the answer's body.
    pub most: usize,
}

impl Sent {
    /// A GET without headers.
    pub fn get(url: Url, most: usize) -> Sent {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Sent { method: Method::GET, url, headers, body, any_certificate: false, most }
    }
}

/// What came back. A redirect is an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Resolves for the HTTP client and lets through what is permitted.
struct Guard {
    names: Arc<dyn Names>,
    allowed: Arc<Allowed>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, allowed) = (self.names.clone(), self.allowed.clone());
        Box::pin(async move {
            let found = permitted(names.as_ref(), &allowed, name.as_str()).await?;
            let addresses: Addrs = Box::new(found.into_iter().map(|a| SocketAddr::new(a, 0)));
            Ok(addresses)
        })
    }
}

impl Outgoing {
    /// Sends something and reads the answer.
    pub async fn send(&self, sent: Sent) -> Result<Answer, Trouble> {
        self.in_time(self.exchange(sent)).await
    }

    async fn exchange(&self, sent: Sent) -> Result<Answer, Trouble> {
        let host = sent.url.host_str().ok_or(Trouble::NoAddress)?;
        // The HTTP client resolves names only; an address in the URL is checked here.
        if literal(host).is_some_and(|address| !self.0.allowed.permits(None, address)) {
            return Err(Trouble::NotAllowed);
        }
        let client = self.client(sent.any_certificate).await?;
        let mut request = client.request(sent.method, sent.url).headers(sent.headers);
        if !sent.body.is_empty() {
            request = request.body(sent.body);
        }
        let mut response = request.send().await.map_err(|e| Trouble::of_http(&e))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(part) = response.chunk().await.map_err(|e| Trouble::of_http(&e))? {
            if body.len() + part.len() > sent.most {
                return Err(Trouble::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, headers, body: body.freeze() })
    }

    async fn client(&self, any_certificate: bool) -> Result<reqwest::Client, Trouble> {
        let guard = Guard { names: self.0.names.clone(), allowed: self.0.allowed.clone() };
        let builder = reqwest::Client::builder()
            .dns_resolver(guard)
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .user_agent(concat!("Bandmaster/", env!("CARGO_PKG_VERSION")))
            .pool_max_idle_per_host(KEPT)
            .pool_idle_timeout(KEPT_FOR);
        let made = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| {
                tracing::error!(%error, "no client for outgoing requests can be made");
                Trouble::Tls
            })
        };
        if any_certificate {
            return self.0.unchecked.get_or_init(|| made(builder.tls_danger_accept_invalid_certs(true))).clone();
        }
        let tls = self.tls_config().await?;
        self.0.checked.get_or_init(|| made(builder.tls_backend_preconfigured((*tls).clone()))).clone()
    }
}
