//! Multipart forms written by hand, so that they can also be wrong.

/// A boundary that no test file holds.
pub const BOUNDARY: &str = "----bandmaster-test-boundary";

/// One part: field name, file name, content.
pub struct Part<'a> {
    pub field: &'a str,
    pub file: Option<&'a str>,
    pub content: &'a [u8],
}

/// A file part as the vendor's command line sends it.
pub fn file<'a>(name: &'a str, content: &'a [u8]) -> Part<'a> {
    Part { field: "file", file: Some(name), content }
}

/// The bytes of a form.
pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        let file = part.file.map(|f| format!("; filename=\"{f}\"")).unwrap_or_default();
        out.extend(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\n\
                 Content-Type: application/octet-stream\r\n\r\n",
                part.field
            )
            .into_bytes(),
        );
        out.extend_from_slice(part.content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    out
}
