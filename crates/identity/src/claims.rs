//! What an access token says, as a value and as JSON. How it is signed and checked stands in `jwt`; whether it still
//! counts, in `principal`.

use bandmaster_core::clock::{HOUR, MINUTE, SECOND};
use bandmaster_core::time::Micros;
use serde_json::{Map, Value, json};

/// The resource that every access token is for.
pub const AUDIENCE: &str = "UiPath.Orchestrator";
/// Life of an access token.
pub const ACCESS_LIFE: Micros = HOUR;
/// Life of a token from the old password endpoint.
pub const LEGACY_LIFE: Micros = 30 * MINUTE;

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A person.
    User,
    /// A robot account.
    Robot,
    /// An external application that acts as itself.
    Application,
    /// A machine.
    Machine,
}

impl Subject {
    const ALL: [(Subject, &'static str); 4] = [
        (Subject::User, "user"),
        (Subject::Robot, "robot"),
        (Subject::Application, "service.external"),
        (Subject::Machine, "machine"),
    ];

    /// The claim's word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(s, _)| *s == self).map_or("", |(_, w)| w)
    }

    fn parse(word: &str) -> Option<Subject> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(s, _)| *s)
    }
}

/// The claims of an access token that count; names and addresses of people are added for clients only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Kind of subject (`sub_type`).
    pub subject: Subject,
    /// GUID of the account; for a machine, its key (`sub`).
    pub sub: String,
    /// The application (`client_id`).
    pub client_id: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// GUID of the organization (`prt_id`).
    pub organization: String,
    /// The tenant it is bound to.
    pub tenant_id: Option<i64>,
    /// The job it belongs to.
    pub job_key: Option<String>,
    /// The account's security stamp at the time of issue.
    pub stamp: Option<String>,
    /// What it was issued together with: its family's refresh tokens.
    pub sid: Option<String>,
    /// Its own id.
    pub jti: String,
    /// When it was issued.
    pub issued_at: Micros,
    /// When it ends.
    pub expires_at: Micros,
    /// When the person signed in.
    pub auth_time: Option<Micros>,
}

impl Claims {
    /// As JSON. `issuer` is the address of the identity service.
    pub fn to_json(&self, issuer: &str) -> Map<String, Value> {
        let seconds = |at: Micros| Value::from(at / SECOND);
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                out.insert(name.to_owned(), value);
            }
        };
        put("iss", json!(issuer));
        put("aud", json!([AUDIENCE, "OrchestratorApiUserAccess", "IdentityServerApi"]));
        put("iat", seconds(self.issued_at));
        put("nbf", seconds(self.issued_at));
        put("exp", seconds(self.expires_at));
        put("auth_time", self.auth_time.map_or(Value::Null, seconds));
        put("client_id", json!(self.client_id));
        put("sub", json!(self.sub));
        put("sub_type", json!(self.subject.word()));
        put("prt_id", json!(self.organization));
        put("tenant_id", json!(self.tenant_id));
        put("job_key", json!(self.job_key));
        put("stamp", json!(self.stamp));
        put("sid", json!(self.sid));
        put("jti", json!(self.jti));
        put("scope", json!(self.scopes));
        out
    }

    /// From JSON; none when something that counts is missing or of the wrong kind.
    pub fn from_json(claims: &Map<String, Value>) -> Option<Claims> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        // A claim that is there must be understood: what binds a token must not be lost.
        let optional = |name: &str| match claims.get(name) {
            None => Some(None),
            Some(_) => text(name).map(Some),
        };
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).and_then(|s| s.checked_mul(SECOND));
        let scopes = match claims.get("scope")? {
            Value::String(s) => s.split_whitespace().map(str::to_owned).collect(),
            Value::Array(a) => a.iter().map(|s| s.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            _ => return None,
        };
        Some(Claims {
            subject: Subject::parse(claims.get("sub_type")?.as_str()?)?,
            sub: text("sub")?,
            client_id: text("client_id")?,
            scopes,
            organization: text("prt_id")?,
            tenant_id: match claims.get("tenant_id") {
                None => None,
                Some(id) => Some(id.as_i64()?),
            },
            job_key: optional("job_key")?,
            stamp: optional("stamp")?,
            sid: optional("sid")?,
            jti: text("jti")?,
            issued_at: time("iat")?,
            expires_at: time("exp")?,
            auth_time: time("auth_time"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn some() -> Claims {
        Claims {
            subject: Subject::User,
            sub: "u".into(),
            client_id: "c".into(),
            scopes: vec!["OR.Assets".into(), "openid".into()],
            organization: "o".into(),
            tenant_id: Some(3),
            job_key: None,
            stamp: Some("s".into()),
            sid: None,
            jti: "j".into(),
            issued_at: 5 * SECOND,
            expires_at: 9 * SECOND,
            auth_time: Some(4 * SECOND),
        }
    }

    #[test]
    fn claims_read_back_and_a_broken_binding_is_no_token() {
        let json = some().to_json("https://a/identity");
        assert_eq!(Claims::from_json(&json), Some(some()));
        assert!(!json.contains_key("job_key"));
        let mut words = json.clone();
        words.insert("scope".into(), json!("OR.Assets openid"));
        assert_eq!(Claims::from_json(&words), Some(some()));
        for (name, value) in [
            ("sub", json!(7)),
            ("sub", json!("")),
            ("sub_type", json!("admin")),
            ("scope", json!([1])),
            ("scope", json!(null)),
            ("job_key", json!(5)),
            ("job_key", json!(null)),
            ("stamp", json!([])),
            ("tenant_id", json!("3")),
            ("exp", json!("9")),
            ("exp", json!(i64::MAX)),
            ("prt_id", json!(null)),
            ("jti", json!(false)),
        ] {
            let mut broken = json.clone();
            broken.insert(name.into(), value.clone());
            assert_eq!(Claims::from_json(&broken), None, "{name} {value}");
        }
        for name in ["sub", "sub_type", "scope", "client_id", "prt_id", "jti", "iat", "exp"] {
            let mut broken = json.clone();
            broken.remove(name);
            assert_eq!(Claims::from_json(&broken), None, "{name}");
        }
    }
}
