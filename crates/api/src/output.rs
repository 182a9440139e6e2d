//! What a handler answers, before it is HTTP.

use axum::body::Body;
use axum::response::Response;
use serde_json::{Map, Value};

/// The content of an answer.
pub enum Content {
    /// No body.
    Empty,
    /// JSON as it is.
    Json(Value),
    /// One entity; gets an `@odata.context`.
    Entity {
        /// Set or type for the context.
        context: String,
        /// Members.
        value: Map<String, Value>,
    },
    /// A list of entities; gets `@odata.context` and, when known, `@odata.count`.
    Page {
        /// Set or type for the context.
        context: String,
        /// Elements.
        rows: Vec<Value>,
        /// Number of matching rows, when it is told.
        count: Option<u64>,
    },
    /// A single value; gets `@odata.context`.
    Scalar {
        /// Type for the context.
        context: String,
        /// The value.
        value: Value,
    },
    /// A file.
    File {
        /// Media type.
        content_type: String,
        /// Name for `Content-Disposition`.
        name: Option<String>,
        /// Bytes, possibly a stream.
        body: Body,
        /// Number of bytes, when known.
        length: Option<u64>,
    },
    /// A whole response (pages, redirects).
    Response(Box<Response>),
}

/// An answer. Without a status the operation's published success status is used.
pub struct Output {
    /// Status, when it is not the usual one.
    pub status: Option<u16>,
    /// Content.
    pub content: Content,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Output {
    fn of(content: Content) -> Output {
        Output { status: None, content, headers: Vec::new() }
    }

    /// No body.
    pub fn empty() -> Output {
        Output::of(Content::Empty)
    }

    /// JSON as it is.
    pub fn json(value: impl Into<Value>) -> Output {
        Output::of(Content::Json(value.into()))
    }

    /// An entity of a set.
    pub fn entity(set: &str, value: Map<String, Value>) -> Output {
        Output::of(Content::Entity { context: format!("{set}/$entity"), value })
    }

    /// A complex value of a type.
    pub fn complex(type_name: &str, value: Map<String, Value>) -> Output {
        Output::of(Content::Entity { context: format!("UiPath.Server.Configuration.OData.{type_name}"), value })
    }

    /// A list of a set.
    pub fn page(set: &str, rows: Vec<Value>, count: Option<u64>) -> Output {
        Output::of(Content::Page { context: set.to_owned(), rows, count })
    }

    /// A single value of an EDM type, for example `Edm.Int64`.
    pub fn scalar(edm: &str, value: impl Into<Value>) -> Output {
        Output::of(Content::Scalar { context: edm.to_owned(), value: value.into() })
    }

    /// A file held in memory.
    pub fn file(content_type: &str, name: Option<&str>, bytes: impl Into<bytes::Bytes>) -> Output {
        let bytes = bytes.into();
        let length = Some(bytes.len() as u64);
        Output::of(Content::File {
            content_type: content_type.to_owned(),
            name: name.map(str::to_owned),
            body: Body::from(bytes),
            length,
        })
    }

    /// A file that is streamed.
    pub fn stream(content_type: &str, name: Option<&str>, body: Body, length: Option<u64>) -> Output {
        Output::of(Content::File { content_type: content_type.to_owned(), name: name.map(str::to_owned), body, length })
    }

    /// A whole response.
    pub fn response(response: Response) -> Output {
        Output::of(Content::Response(Box::new(response)))
    }

    /// The same answer with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Output {
        self.status = Some(status);
        self
    }

    /// The same answer with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Output {
        self.headers.push((name, value.into()));
        self
    }
}
