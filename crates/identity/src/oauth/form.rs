//! Parameters of the endpoints: a form in the body or the query of the address, each name at most once (RFC 6749,
//! section 3.1).

use super::failure::{Outcome, invalid_request};
use bandmaster_api::Call;
use bandmaster_odata::options::query_pairs;

/// Parameters by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

/// Largest form in bytes.
const LARGEST: usize = 64 * 1024;

impl Form {
    /// The parameters of a form-encoded body.
    pub fn body(call: &Call) -> Outcome<Form> {
        let ty = call.header("content-type").unwrap_or_default();
        let ty = ty.split(';').next().unwrap_or_default().trim();
        if !ty.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(invalid_request("The body must be a form (application/x-www-form-urlencoded)."));
        }
        let raw = call.raw_body();
        if raw.len() > LARGEST {
            return Err(invalid_request("The form is too large."));
        }
        Form::parse(std::str::from_utf8(raw).map_err(|_| invalid_request("The form is no text."))?)
    }

    /// The parameters of an encoded text.
    pub fn parse(text: &str) -> Outcome<Form> {
        let pairs = query_pairs(text).map_err(|_| invalid_request("The parameters are no text."))?;
        Form::of(pairs)
    }

    /// The parameters of the address's query.
    pub fn query(call: &Call) -> Outcome<Form> {
        Form::of(call.query_pairs().to_vec())
    }

    fn of(pairs: Vec<(String, String)>) -> Outcome<Form> {
        for (at, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().skip(at + 1).any(|(other, _)| other == name) {
                let shown: String = name.chars().take(50).collect();
                return Err(invalid_request(format!("The parameter {shown} occurs more than once.")));
            }
            if at >= 100 {
                return Err(invalid_request("There are too many parameters."));
            }
        }
        Ok(Form(pairs))
    }

    /// A parameter; an empty one counts as absent (RFC 6749, section 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// A parameter that must be there.
    pub fn need(&self, name: &str) -> Outcome<&str> {
        self.get(name).ok_or_else(|| invalid_request(format!("The parameter {name} is missing.")))
    }

    /// The parameters encoded again, without those named.
    pub fn encoded_without(&self, names: &[&str]) -> String {
        let kept = self.0.iter().filter(|(n, _)| !names.contains(&n.as_str()));
        kept.map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect::<Vec<_>>().join("&")
    }
}

/// Percent-encodes a text for a query: everything but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_read_and_write() {
        let form = Form::parse("a=1&b=x+y%26&c=&d=%C3%A4").unwrap();
        assert_eq!(form.get("b"), Some("x y&"));
        assert_eq!((form.get("c"), form.get("A")), (None, None));
        assert_eq!(form.encoded_without(&["a", "c"]), "b=x%20y%26&d=%C3%A4");
        assert!(Form::parse("a=1&a=2").is_err() && Form::parse("a=%ff").is_err() && Form::parse("a=%00").is_err());
        let many: String = (0..200).map(|i| format!("p{i}=1&")).collect();
        assert!(Form::parse(&many).is_err());
    }
}
