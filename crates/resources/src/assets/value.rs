//! One value of an asset: what a body says of it, and the rules by which it meets what is stored. Pure.
//!
//! Passwords and secrets are never read back, so a body that leaves them out means: keep what is there. That holds
//! only where the same thing is there; a new value, or another user name, needs its secret.

use super::kinds::Shape;
use bandmaster_api::Fields;
use bandmaster_core::{Error, Result, Secret, codes};
use serde_json::{Map, Value};

/// Most characters of a credential's user name.
const LONGEST_USER: usize = 512;
/// Most characters of a password or secret.
const LONGEST_SECRET: usize = 25_000;

/// What a body says of a value. Members that do not belong to the asset's type are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// `StringValue`.
    pub text: String,
    /// `BoolValue`.
    pub flag: bool,
    /// `IntValue`.
    pub number: i64,
    /// `KeyValueList` as JSON text.
    pub pairs: Option<String>,
    /// `CredentialUsername`; an empty one counts as not given.
    pub user: Option<String>,
    /// The password or the secret; an empty one counts as not given.
    pub secret: Option<Secret>,
    /// `CredentialStoreId`.
    pub store: Option<i64>,
    /// `ExternalName`.
    pub external: Option<String>,
}

impl Given {
    /// Reads the members of an asset, of an account's value, or of a robot's own asset, which are named alike.
    pub fn of(f: Fields<'_>, shape: Shape) -> Result<Given> {
        let mut given = Given::default();
        match shape {
            Shape::Text => given.text = f.text("StringValue").unwrap_or_default().to_owned(),
            Shape::Bool => given.flag = f.bool("BoolValue").unwrap_or(false),
            Shape::Integer => given.number = f.int("IntValue").unwrap_or(0),
            Shape::Pairs => given.pairs = f.get("KeyValueList").map(pairs).transpose()?,
            Shape::Credential => {
                given.user = limited(f, "CredentialUsername", LONGEST_USER)?.map(str::to_owned);
                given.secret = limited(f, "CredentialPassword", LONGEST_SECRET)?.map(Secret::new);
            }
            Shape::Secret => given.secret = limited(f, "SecretValue", LONGEST_SECRET)?.map(Secret::new),
        }
        if shape.is_secret() {
            given.store = f.int("CredentialStoreId").filter(|id| *id != 0);
            given.external = f.filled("ExternalName").map(str::to_owned);
        }
        Ok(given)
    }

    /// Whether anything is there that differs from the neutral value. Tells whether a body means a value for
    /// everybody when it does not say so.
    pub fn is_filled(&self) -> bool {
        !self.text.is_empty()
            || self.flag
            || self.number != 0
            || self.pairs.as_deref().is_some_and(|p| p != "[]")
            || self.user.is_some()
            || self.secret.is_some()
            || self.external.is_some()
    }
}

/// Published descriptions limit some of these members only in one of the types that have them.
fn limited<'a>(f: Fields<'a>, name: &str, most: usize) -> Result<Option<&'a str>> {
    match f.filled(name) {
        Some(text) if text.chars().count() > most => {
            Err(Error::argument(format!("{name} may have at most {most} characters.")))
        }
        other => Ok(other),
    }
}

fn pairs(list: &Value) -> Result<String> {
    let mut out = Vec::new();
    for element in list.as_array().into_iter().flatten() {
        let f = Fields::of(element);
        let Some(key) = f.filled("Key") else {
            return Err(Error::argument("An element of KeyValueList has no Key."));
        };
        let mut pair = Map::new();
        pair.insert("Key".into(), Value::from(key));
        pair.insert("Value".into(), Value::from(f.text("Value").unwrap_or_default()));
        out.push(Value::Object(pair));
    }
    Ok(Value::Array(out).to_string())
}

/// What is stored of a value, as far as the rules need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    /// User name of the credential.
    pub user: &'a str,
    /// Whether a password or secret is there.
    pub has_secret: bool,
}

/// Whose value it is; decides which code tells that its secret is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    Everybody,
    /// An account's.
    Account,
}

/// A value as it is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Everything that is not secret.
    pub given: Given,
    /// User name of the credential; empty for other types.
    pub user: String,
    /// The new password or secret; `None`: what is stored stays (or there is none).
    pub secret: Option<Secret>,
}

/// Brings a body's value together with the stored one it replaces, if any.
///
/// Errors (400): 1500 a credential of everybody, or a changed user name, without a password; 1501 a new credential of
/// an account without one; 1505 and 1506 the same for secrets; 1009 a new credential without a user name.
pub fn merge(shape: Shape, given: Given, kept: Option<Kept<'_>>, whose: Whose) -> Result<Merged> {
    let kept = kept.filter(|k| k.has_secret);
    let refused = |code: i32, text: &str| Err(Error::new(400, code, text));
    match shape {
        Shape::Credential => {
            let user = match (&given.user, kept) {
                (Some(user), _) => user.clone(),
                (None, Some(kept)) => kept.user.to_owned(),
                (None, None) => return Err(Error::argument("The field CredentialUsername is required.")),
            };
            if given.secret.is_none() {
                match (kept, whose) {
                    (Some(kept), _) if kept.user == user => {}
                    (Some(_), _) => {
                        let text = "Another user name needs its password.";
                        return refused(codes::CREDENTIAL_EMPTY_PASSWORD, text);
                    }
                    (None, Whose::Everybody) => {
                        let text = "A credential asset needs a password; this server keeps it in its own store.";
                        return refused(codes::CREDENTIAL_EMPTY_PASSWORD, text);
                    }
                    (None, Whose::Account) => {
                        let text = "The credential of an account needs a password.";
                        return refused(codes::CREDENTIAL_EMPTY_FOR_ROBOT, text);
                    }
                }
            }
            let secret = given.secret.clone();
            Ok(Merged { given, user, secret })
        }
        Shape::Secret => {
            if given.secret.is_none() && kept.is_none() {
                return match whose {
                    Whose::Everybody => {
                        refused(codes::SECRET_EMPTY_VALUE, "The value of a secret asset cannot be null.")
                    }
                    Whose::Account => {
                        refused(codes::SECRET_EMPTY_VALUE_FOR_USER, "The secret of an account cannot be null.")
                    }
                };
            }
            let secret = given.secret.clone();
            Ok(Merged { given, user: String::new(), secret })
        }
        _ => Ok(Merged { given, user: String::new(), secret: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEPT: Option<Kept<'static>> = Some(Kept { user: "svc", has_secret: true });
    const HOLLOW: Option<Kept<'static>> = Some(Kept { user: "svc", has_secret: false });

    fn credential(user: Option<&str>, password: Option<&str>) -> Given {
        Given { user: user.map(Into::into), secret: password.map(Secret::new), ..Given::default() }
    }

    #[test]
    fn credentials() {
        use Whose::{Account, Everybody};
        // given user, given password, stored, whose -> user and whether the password is new, or the code
        #[allow(clippy::type_complexity)]
        let cases: &[(Option<&str>, Option<&str>, Option<Kept<'_>>, Whose, Result<(&str, bool), i32>)] = &[
            (Some("svc"), Some("p"), None, Everybody, Ok(("svc", true))),
            (Some("svc"), Some("p"), KEPT, Everybody, Ok(("svc", true))),
            (Some("new"), Some("p"), KEPT, Account, Ok(("new", true))),
            (Some("svc"), None, KEPT, Everybody, Ok(("svc", false))),
            (None, None, KEPT, Account, Ok(("svc", false))),
            (None, Some("p"), KEPT, Everybody, Ok(("svc", true))),
            (Some("new"), None, KEPT, Everybody, Err(1500)),
            (Some("new"), None, KEPT, Account, Err(1500)),
            (Some("SVC"), None, KEPT, Everybody, Err(1500)),
            (Some("svc"), None, None, Everybody, Err(1500)),
            (Some("svc"), None, None, Account, Err(1501)),
            (Some("svc"), None, HOLLOW, Everybody, Err(1500)),
            (Some("svc"), None, HOLLOW, Account, Err(1501)),
            (None, Some("p"), None, Everybody, Err(1009)),
            (None, None, None, Account, Err(1009)),
        ];
        for (at, (user, password, kept, whose, expected)) in cases.iter().enumerate() {
            let got = merge(Shape::Credential, credential(*user, *password), *kept, *whose);
            let got = got.as_ref().map(|m| (m.user.as_str(), m.secret.is_some())).map_err(Error::code);
            assert_eq!(got, *expected, "case {at}");
        }
    }

    #[test]
    fn secrets() {
        let given = |s: Option<&str>| Given { secret: s.map(Secret::new), ..Given::default() };
        let code = |g, k, w| merge(Shape::Secret, g, k, w).map(|m| m.secret.is_some()).map_err(|e| e.code());
        assert_eq!(code(given(Some("s")), None, Whose::Everybody), Ok(true));
        assert_eq!(code(given(None), KEPT, Whose::Everybody), Ok(false));
        assert_eq!(code(given(None), KEPT, Whose::Account), Ok(false));
        assert_eq!(code(given(None), None, Whose::Everybody), Err(1505));
        assert_eq!(code(given(None), HOLLOW, Whose::Everybody), Err(1505));
        assert_eq!(code(given(None), None, Whose::Account), Err(1506));
    }

    #[test]
    fn only_the_members_of_the_type_are_taken() {
        let body = json!({
            "StringValue": "t", "BoolValue": true, "IntValue": 7, "CredentialUsername": "u", "CredentialPassword": "p",
            "SecretValue": "s", "ExternalName": "e", "CredentialStoreId": 3, "KeyValueList": [{"Key": "k", "Value": null}],
        });
        let of = |shape| Given::of(Fields::of(&body), shape).unwrap();
        let neutral = Given::default;
        assert_eq!(of(Shape::Text), Given { text: "t".into(), ..neutral() });
        assert_eq!(of(Shape::Bool), Given { flag: true, ..neutral() });
        assert_eq!(of(Shape::Integer), Given { number: 7, ..neutral() });
        assert_eq!(of(Shape::Pairs), Given { pairs: Some(r#"[{"Key":"k","Value":""}]"#.into()), ..neutral() });
        let secretive = Given { store: Some(3), external: Some("e".into()), ..neutral() };
        let secret = Some(Secret::new("s"));
        assert_eq!(of(Shape::Secret), Given { secret, ..secretive.clone() });
        let (user, secret) = (Some("u".into()), Some(Secret::new("p")));
        assert_eq!(of(Shape::Credential), Given { user, secret, ..secretive });
        assert!(!neutral().is_filled() && of(Shape::Text).is_filled() && of(Shape::Secret).is_filled());
    }

    #[test]
    fn long_and_nameless_members_are_refused() {
        let long = "x".repeat(LONGEST_SECRET + 1);
        for (body, shape) in [
            (json!({"CredentialPassword": long}), Shape::Credential),
            (json!({"CredentialUsername": "u".repeat(513)}), Shape::Credential),
            (json!({"SecretValue": long}), Shape::Secret),
            (json!({"KeyValueList": [{"Value": "v"}]}), Shape::Pairs),
        ] {
            assert_eq!(Given::of(Fields::of(&body), shape).unwrap_err().code(), 1009);
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let merged = merge(Shape::Credential, credential(Some("u"), Some("planted")), None, Whose::Everybody).unwrap();
        assert!(!format!("{merged:?}").contains("planted"));
    }
}
