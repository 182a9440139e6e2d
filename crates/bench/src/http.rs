//! A keep-alive HTTP/1.1 client of one connection, as cheap as it can be: it shares the processor with what is measured.
//!
//! Not here: what is asked (`api`, `robot`, `benches`).

use anyhow::{Context, Result};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longer answers than this are errors.
const LONGEST: usize = 64 << 20;
/// Whoever does not answer within this has not answered. Longer than any long poll.
const PATIENCE: Duration = Duration::from_secs(75);

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Whole body.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text, for messages; of an error only what it says.
    pub fn text(&self) -> String {
        match self.json() {
            Value::Object(error) if error.contains_key("errorCode") => {
                format!("{} ({})", error["message"].as_str().unwrap_or_default(), error["errorCode"])
            }
            _ => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }
}

/// One connection with headers that every request carries. Cloning gives another connection to the same place.
pub struct Client {
    address: SocketAddr,
    headers: HeaderMap,
    sender: Option<SendRequest<Body>>,
}

impl Clone for Client {
    fn clone(&self) -> Client {
        Client { address: self.address, headers: self.headers.clone(), sender: None }
    }
}

impl Client {
    /// A client without credentials; connects with the first request.
    pub fn new(address: SocketAddr) -> Client {
        let mut headers = HeaderMap::new();
        if let Ok(host) = HeaderValue::from_str(&address.to_string()) {
            headers.insert(HOST, host);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Client { address, headers, sender: None }
    }

    /// Adds a header to every request.
    pub fn with(mut self, name: &'static str, value: &str) -> Result<Client> {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        Ok(self)
    }

    /// Sends a bearer token with every request.
    pub fn bearer(self, token: &str) -> Result<Client> {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// Where it connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes to another address from now on.
    pub fn redirect(&mut self, address: SocketAddr) {
        if address != self.address {
            self.address = address;
            self.sender = None;
            if let Ok(host) = HeaderValue::from_str(&address.to_string()) {
                self.headers.insert(HOST, host);
            }
        }
    }

    /// Makes sure that there is a live connection. An error here means that nothing was sent.
    pub async fn connect(&mut self) -> Result<()> {
        if let Some(sender) = &mut self.sender
            && sender.ready().await.is_ok()
        {
            return Ok(());
        }
        self.sender = None;
        let stream = TcpStream::connect(self.address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the connection; what went wrong comes out at the sender.
        tokio::spawn(async move { drop(connection.await) });
        self.sender = Some(sender);
        Ok(())
    }

    /// Sends a request and reads the whole answer. After an error nobody knows whether the server acted.
    pub async fn send(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Reply> {
        self.connect().await?;
        let sent = tokio::time::timeout(PATIENCE, self.exchange(method, path, body.into())).await;
        match sent {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => {
                self.sender = None;
                Err(error)
            }
            Err(_) => {
                self.sender = None;
                anyhow::bail!("no answer within {} s", PATIENCE.as_secs())
            }
        }
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        let mut request = Request::builder().method(method).uri(path).body(Body::from(body))?;
        request.headers_mut().clone_from(&self.headers);
        let sender = self.sender.as_mut().context("not connected")?;
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = to_bytes(Body::new(answer.into_body()), LONGEST).await?;
        Ok(Reply { status, body })
    }

    /// Sends JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Reply> {
        self.send(Method::POST, path, body.to_string()).await
    }

    /// Reads.
    pub async fn get(&mut self, path: &str) -> Result<Reply> {
        self.send(Method::GET, path, Bytes::new()).await
    }
}

/// A text in a query, with everything escaped that might mean something there.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn queries_are_escaped() {
        assert_eq!(super::escape("Name eq 'a+b'"), "Name%20eq%20%27a%2Bb%27");
        assert_eq!(super::escape("ä"), "%C3%A4");
    }
}
