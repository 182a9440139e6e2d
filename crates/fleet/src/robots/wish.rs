//! What a body wants of a robot: the blocks of an account's body, or a robot's own body.

use crate::enums::{CREDENTIAL_TYPE, ROBOT_TYPE};
use bandmaster_api::Fields;
use bandmaster_core::{Error, Result, Secret, codes};
use serde_json::Value;

/// What clients send back in the place of a password that they were not told.
const MASK: &str = "*****";
/// Bytes of execution settings as JSON.
const MOST_SETTINGS: usize = 8_192;
/// Runtime types that a robot at a desktop may have.
const ATTENDED_TYPES: [i64; 4] = [crate::enums::ATTENDED, crate::enums::DEVELOPMENT, 4, 6];

/// The wanted columns. `None`: not mentioned, so it stays.
#[derive(Debug, Clone, Default)]
pub struct RobotWish {
    /// The account of the operating system.
    pub os_user_name: Option<Option<String>>,
    /// Its password.
    pub password: Option<Secret>,
    /// The credential store with the password.
    pub credential_store_id: Option<Option<i64>>,
    /// The password's name in that store.
    pub credential_external_name: Option<Option<String>>,
    /// Number of `CredentialType`.
    pub credential_type: Option<i64>,
    /// Runs one job at a time.
    pub limit_concurrent: Option<bool>,
    /// A JSON object.
    pub execution_settings: Option<String>,
    /// Free text.
    pub description: Option<Option<String>>,
    /// Switched on.
    pub enabled: Option<bool>,
    /// Runtime type.
    pub robot_type: Option<i64>,
}

impl RobotWish {
    /// Reads the members of an `UnattendedRobotDto`.
    pub fn unattended(block: &Fields<'_>) -> Result<RobotWish> {
        Ok(RobotWish {
            limit_concurrent: block.bool("LimitConcurrentExecution"),
            ..RobotWish::credentials(block, "UserName", "CredentialExternalName")?
        })
    }

    /// Reads the members of an `AttendedRobotDto`.
    pub fn attended(block: &Fields<'_>) -> Result<RobotWish> {
        let robot_type = block.choice("RobotType", &ROBOT_TYPE)?;
        if robot_type.is_some_and(|t| !ATTENDED_TYPES.contains(&t)) {
            return Err(Error::argument("RobotType is no type of attended robots."));
        }
        Ok(RobotWish {
            os_user_name: user_name(block, "UserName")?,
            execution_settings: settings(block)?,
            robot_type,
            ..RobotWish::default()
        })
    }

    /// Reads the members of a `RobotDto` that can be changed.
    pub(super) fn robot(body: &Fields<'_>) -> Result<RobotWish> {
        Ok(RobotWish {
            limit_concurrent: body.bool("LimitConcurrentExecution"),
            description: body.has("Description").then(|| body.text("Description").map(str::to_owned)),
            enabled: body.bool("Enabled"),
            ..RobotWish::credentials(body, "Username", "ExternalName")?
        })
    }

    fn credentials(fields: &Fields<'_>, user: &str, external: &str) -> Result<RobotWish> {
        Ok(RobotWish {
            os_user_name: user_name(fields, user)?,
            // Held as a secret from here on.
            password: fields.filled("Password").filter(|p| *p != MASK).map(Secret::new),
            credential_store_id: fields.has("CredentialStoreId").then(|| fields.int("CredentialStoreId")),
            credential_external_name: fields.has(external).then(|| fields.filled(external).map(str::to_owned)),
            credential_type: fields.choice("CredentialType", &CREDENTIAL_TYPE)?,
            execution_settings: settings(fields)?,
            ..RobotWish::default()
        })
    }
}

fn user_name(fields: &Fields<'_>, member: &str) -> Result<Option<Option<String>>> {
    if !fields.has(member) {
        return Ok(None);
    }
    let Some(name) = fields.filled(member).map(str::trim).filter(|n| !n.is_empty()) else { return Ok(Some(None)) };
    if is_user_name(name) {
        return Ok(Some(Some(name.to_owned())));
    }
    Err(Error::new(
        400,
        codes::USER_NAME_INVALID,
        "The user name must be that of an account of the operating system: user, or DOMAIN\\user with the short name of the domain.",
    ))
}

/// `user` or `DOMAIN\user`. The domain is its short name, so without dots, or a single dot for the host itself.
fn is_user_name(name: &str) -> bool {
    if name.chars().any(char::is_control) {
        return false;
    }
    match name.split_once('\\') {
        None => true,
        Some((domain, user)) => {
            !user.is_empty() && !user.contains('\\') && (domain == "." || (!domain.is_empty() && !domain.contains('.')))
        }
    }
}

fn settings(fields: &Fields<'_>) -> Result<Option<String>> {
    let Some(value) = fields.get("ExecutionSettings") else { return Ok(None) };
    let Some(members) = value.as_object() else {
        return Err(Error::argument("ExecutionSettings must be an object."));
    };
    if members.values().any(|v| v.is_object() || v.is_array()) {
        return Err(Error::argument("The values of ExecutionSettings are texts, numbers and truth values."));
    }
    let kept: serde_json::Map<String, Value> =
        members.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
    let text = Value::Object(kept).to_string();
    if text.len() > MOST_SETTINGS {
        return Err(Error::argument("ExecutionSettings are too large."));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn user_names() {
        for good in ["robot", "corp\\bot1", ".\\svc", "dana@corp.example", "Büro"] {
            assert!(is_user_name(good), "{good}");
        }
        for bad in ["corp\\", "\\bot", "corp.example.com\\bot", "a\\b\\c", "bo\tt"] {
            assert!(!is_user_name(bad), "{bad}");
        }
    }

    #[test]
    fn absent_null_and_given_differ() {
        let read = |body: Value| RobotWish::unattended(&Fields::of(&body)).unwrap();
        let empty = read(json!({}));
        assert!(empty.os_user_name.is_none() && empty.password.is_none() && empty.execution_settings.is_none());
        assert_eq!(read(json!({"UserName": null})).os_user_name, Some(None));
        assert_eq!(read(json!({"UserName": "  "})).os_user_name, Some(None));
        let full = read(json!({"UserName": "corp\\bot", "Password": "p", "CredentialStoreId": 3,
            "CredentialType": "NoCredential", "ExecutionSettings": {"ResolutionWidth": 0, "TracingLevel": "Off", "X": null},
            "LimitConcurrentExecution": true}));
        assert_eq!(full.os_user_name, Some(Some("corp\\bot".into())));
        assert_eq!(full.password.map(|p| p.reveal().to_owned()).as_deref(), Some("p"));
        assert_eq!(full.credential_store_id, Some(Some(3)));
        assert_eq!(full.credential_type, Some(4));
        assert_eq!(full.execution_settings.as_deref(), Some(r#"{"ResolutionWidth":0,"TracingLevel":"Off"}"#));
        for untold in [json!({"Password": "*****"}), json!({"Password": ""}), json!({"Password": null})] {
            assert!(read(untold).password.is_none());
        }
    }

    #[test]
    fn bad_blocks_are_refused() {
        for (body, code) in [
            (json!({"UserName": "a\\b\\c"}), codes::USER_NAME_INVALID),
            (json!({"ExecutionSettings": {"A": {}}}), codes::INVALID_ARGUMENT),
            (json!({"ExecutionSettings": {"A": "x".repeat(9_000)}}), codes::INVALID_ARGUMENT),
        ] {
            assert_eq!(RobotWish::unattended(&Fields::of(&body)).unwrap_err().code(), code, "{body}");
        }
        let body = json!({"RobotType": "Unattended"});
        assert_eq!(RobotWish::attended(&Fields::of(&body)).unwrap_err().code(), codes::INVALID_ARGUMENT);
        let body = json!({"RobotType": "RpaDeveloper"});
        assert_eq!(RobotWish::attended(&Fields::of(&body)).unwrap().robot_type, Some(3));
    }
}
