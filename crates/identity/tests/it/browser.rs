//! A browser for tests: cookies, hidden fields, no more.

use crate::world::{Answer, Node, Sent, get, post};
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    fn with_cookies(&self, sent: Sent) -> Sent {
        if self.cookies.is_empty() {
            return sent;
        }
        let text = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ");
        sent.header("cookie", &text)
    }

    fn keep(&mut self, answer: &Answer) {
        for value in answer.headers.get_all("set-cookie") {
            let value = value.to_str().unwrap();
            assert!(value.contains("; HttpOnly") && value.contains("; SameSite=Lax") && value.contains("; Path=/"));
            let (name, rest) = value.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match value.is_empty() {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    pub async fn send(&mut self, node: &Node, sent: Sent) -> Answer {
        let answer = node.send(self.with_cookies(sent)).await;
        self.keep(&answer);
        answer
    }

    pub async fn get(&mut self, node: &Node, path: &str) -> Answer {
        self.send(node, get(path)).await
    }

    /// Fills in and sends the form of a page.
    pub async fn submit(&mut self, node: &Node, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let action = attribute(&page.body, "<form", "action").unwrap_or_else(|| panic!("no form in {}", page.body));
        let mut all: Vec<(String, String)> = Vec::new();
        for input in page.body.split("<input type=\"hidden\"").skip(1) {
            let name = attribute(input, "", "name").unwrap();
            all.push((name, attribute(input, "", "value").unwrap()));
        }
        for (name, value) in fields {
            all.retain(|(n, _)| n != name);
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let all: Vec<(&str, &str)> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.send(node, post(&action).form(&all)).await
    }

    /// From an authorization request to the page where somebody signs in.
    pub async fn sign_in_page(&mut self, node: &Node, authorize: &str) -> Answer {
        let answer = self.get(node, authorize).await;
        assert_eq!(answer.status, 302, "{}", answer.body);
        let to = answer.header("location").unwrap().to_owned();
        assert!(to.contains("/identity/account/login?return="), "{to}");
        let page = self.get(node, &to).await;
        assert_eq!(page.status, 200);
        page
    }

    /// From an authorization request over the sign-in back to the request; answers what it says then.
    pub async fn sign_in(&mut self, node: &Node, authorize: &str, name: &str, password: &str) -> Answer {
        let page = self.sign_in_page(node, authorize).await;
        let answer = self.submit(node, &page, &[("username", name), ("password", password)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let to = answer.header("location").unwrap().to_owned();
        self.get(node, &to).await
    }
}

/// The value of an attribute in the first tag after a text.
pub fn attribute(html: &str, after: &str, name: &str) -> Option<String> {
    let rest = &html[html.find(after)? + after.len()..];
    let rest = &rest[rest.find(&format!("{name}=\""))? + name.len() + 2..];
    let value = &rest[..rest.find('"')?];
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

/// A parameter of the address that an answer sends the browser to.
pub fn returned(answer: &Answer, name: &str) -> Option<String> {
    let location = answer.header("location")?;
    let query = location.split_once('?')?.1;
    let pairs = bandmaster_odata::options::query_pairs(query).ok()?;
    pairs.into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
}
