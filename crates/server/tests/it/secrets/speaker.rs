//! Speaks to a server process: JSON, forms, pages with their cookies.

use bandmaster_testkit::Value;
use reqwest::Method;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Where the server believes to be; cookies and links are made for it.
pub const PUBLIC: &str = "https://bandmaster.test";

thread_local! {
    static UNEXPECTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(trouble: String) {
    UNEXPECTED.with_borrow_mut(|list| list.push(trouble));
}

/// Answers of this test that were not the expected ones: all of them, so that one run tells everything.
pub fn unexpected() -> Vec<String> {
    UNEXPECTED.take()
}

/// An answer.
pub struct Heard {
    pub what: String,
    pub status: u16,
    pub location: String,
    pub bytes: Vec<u8>,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The body; another status is noted for [`unexpected`].
    pub fn expect(self, status: u16) -> Value {
        if self.status != status {
            note(format!("{}: {} {}", self.what, self.status, String::from_utf8_lossy(&self.bytes)));
        }
        self.json()
    }

    /// Text of a member; its absence is noted.
    pub fn text(self, name: &str) -> String {
        match self.json()[name].as_str() {
            Some(text) => text.to_owned(),
            None => {
                note(format!(
                    "{}: {} without {name}: {}",
                    self.what,
                    self.status,
                    String::from_utf8_lossy(&self.bytes)
                ));
                format!("{PUBLIC}/nothing-{name}-nothing-nothing-nothing-nothing-nothing")
            }
        }
    }
}

/// Somebody who speaks to the server.
#[derive(Clone, Default)]
pub struct Speaker {
    pub url: String,
    pub token: Option<String>,
    pub headers: Vec<(String, String)>,
    pub cookies: BTreeMap<String, String>,
    http: reqwest::Client,
}

impl Speaker {
    pub fn new(url: &str) -> Speaker {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Speaker { url: url.to_owned(), http, ..Speaker::default() }
    }

    pub fn with(&self, name: &str, value: &str) -> Speaker {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    pub fn as_holder(&self, token: &str) -> Speaker {
        Speaker { token: Some(token.to_owned()), ..self.clone() }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        shape: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> (Heard, Vec<String>) {
        let path = path.strip_prefix(PUBLIC).unwrap_or(path);
        let method: Method = method.parse().expect("a method");
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let reply = shape(request).send().await.expect("an answer");
        let text = |name: &str| reply.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let cookies = reply.headers().get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).map(str::to_owned);
        let (cookies, location, status) = (cookies.collect(), text("location"), reply.status().as_u16());
        let bytes = reply.bytes().await.expect("bytes").to_vec();
        let path = path.split('?').next().unwrap_or_default();
        (Heard { what: format!("{method} {path}"), status, location, bytes }, cookies)
    }

    pub async fn get(&self, path: &str) -> Heard {
        self.send("GET", path, |r| r).await.0
    }

    pub async fn json(&self, method: &str, path: &str, body: Value) -> Heard {
        self.send(method, path, |r| r.json(&body)).await.0
    }

    pub async fn post(&self, path: &str, body: Value) -> Heard {
        self.json("POST", path, body).await
    }

    pub async fn raw(&self, method: &str, path: &str, ty: &str, body: String) -> Heard {
        self.send(method, path, |r| r.header("content-type", ty).body(body)).await.0
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Heard {
        self.send("POST", path, |r| r.form(fields)).await.0
    }

    fn keep(&mut self, cookies: &[String]) {
        for cookie in cookies {
            if let Some((name, rest)) = cookie.split_once('=') {
                self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap_or_default().to_owned());
            }
        }
    }

    /// Opens a page as a browser does, following redirects within the server.
    pub async fn open(&mut self, path: &str) -> Heard {
        let mut path = path.to_owned();
        loop {
            let (heard, cookies) = self.send("GET", &path, |r| r).await;
            self.keep(&cookies);
            if !heard.location.starts_with('/') {
                return heard;
            }
            path = heard.location;
        }
    }

    /// Fills in and sends the form of a page; follows redirects within the server.
    pub async fn submit(&mut self, page: &Heard, fields: &[(&str, &str)]) -> Heard {
        let html = String::from_utf8_lossy(&page.bytes).into_owned();
        let action = attribute(&html, "<form", "action").unwrap_or_else(|| panic!("{}: no form in {html}", page.what));
        let mut all: Vec<(String, String)> = html
            .split("<input type=\"hidden\"")
            .skip(1)
            .filter_map(|i| Some((attribute(i, "", "name")?, attribute(i, "", "value")?)))
            .collect();
        for (name, value) in fields {
            all.retain(|(n, _)| n != name);
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let (heard, cookies) = self.send("POST", &action, |r| r.form(&all)).await;
        self.keep(&cookies);
        match heard.location.starts_with('/') {
            true => self.open(&heard.location.clone()).await,
            false => heard,
        }
    }
}

/// The value of an attribute in the first tag after a text.
pub fn attribute(html: &str, after: &str, name: &str) -> Option<String> {
    let rest = html.split_once(after).map_or(html, |(_, rest)| rest);
    let (_, rest) = rest.split_once(&format!("{name}=\""))?;
    let value = rest.split('"').next()?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

/// A parameter of the query of an address.
pub fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').map_or("", |(_, q)| q);
    let mark = format!("{name}=");
    query.split('&').find_map(|p| p.strip_prefix(&mark)).unwrap_or_else(|| panic!("no {name} in {address}")).to_owned()
}
