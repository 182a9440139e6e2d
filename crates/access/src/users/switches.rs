//! The switches of an account. Four of them may be left to the groups: `MayHave…` is how the switch counts,
//! `ExplicitMayHave…` what was set on the account itself, null being "as the groups have it".

use bandmaster_api::body::Fields;
use serde_json::{Map, Value};

/// A switch that groups may set.
struct Switch {
    plain: &'static str,
    explicit: &'static str,
    update: &'static str,
}

macro_rules! switch {
    ($plain:literal, $column:literal) => {
        Switch {
            plain: $plain,
            explicit: concat!("Explicit", $plain),
            update: concat!("UPDATE users SET ", $column, " = $2 WHERE id = $1"),
        }
    };
}

const SWITCHES: [Switch; 4] = [
    switch!("MayHaveUserSession", "may_have_user_session"),
    switch!("MayHaveRobotSession", "may_have_robot_session"),
    switch!("MayHavePersonalWorkspace", "may_have_personal_workspace"),
    switch!("RestrictToPersonalWorkspace", "restrict_to_personal_workspace"),
];

const UNATTENDED: (&str, &str) =
    ("MayHaveUnattendedSession", "UPDATE users SET may_have_unattended_session = $2 WHERE id = $1");

/// The statements (of `$1` the account, `$2` the value) that a body asks for. `shown` is the account as it is shown
/// now, none for a new one. Clients send back what they were shown: a switch that counts as before is not set by that.
pub fn wanted(body: Fields<'_>, shown: Option<&Map<String, Value>>) -> Vec<(&'static str, Option<bool>)> {
    let now = |name: &str| shown.and_then(|s| s.get(name)).and_then(Value::as_bool);
    let mut out = Vec::new();
    for switch in &SWITCHES {
        let plain = body.bool(switch.plain);
        if plain.is_some() && plain != now(switch.plain) {
            out.push((switch.update, plain));
        } else if body.has(switch.explicit) && (shown.is_none() || body.bool(switch.explicit) != now(switch.explicit)) {
            out.push((switch.update, body.bool(switch.explicit)));
        }
    }
    let unattended = body.bool(UNATTENDED.0);
    if unattended.is_some() && unattended != now(UNATTENDED.0) {
        out.push((UNATTENDED.1, unattended));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(body: Value, shown: Option<Value>) -> Vec<(String, Option<bool>)> {
        let shown = shown.and_then(|s| s.as_object().cloned());
        let column = |sql: &str| sql.split(' ').nth(3).unwrap_or_default().to_owned();
        wanted(Fields::of(&body), shown.as_ref()).into_iter().map(|(sql, v)| (column(sql), v)).collect()
    }

    #[test]
    fn only_what_differs_is_set() {
        let shown = json!({"MayHaveUserSession": true, "ExplicitMayHaveUserSession": null,
            "MayHavePersonalWorkspace": true, "ExplicitMayHavePersonalWorkspace": true, "MayHaveUnattendedSession": false});
        // Echoed as it was shown.
        assert_eq!(names(shown.clone(), Some(shown.clone())), []);
        let set = |body| names(body, Some(shown.clone()));
        assert_eq!(set(json!({"MayHaveUserSession": false})), [("may_have_user_session".to_owned(), Some(false))]);
        assert_eq!(
            set(json!({"MayHavePersonalWorkspace": true, "ExplicitMayHavePersonalWorkspace": null})),
            [("may_have_personal_workspace".to_owned(), None)]
        );
        assert_eq!(
            set(json!({"ExplicitMayHaveUserSession": true})),
            [("may_have_user_session".to_owned(), Some(true))]
        );
        assert_eq!(
            set(json!({"MayHaveUnattendedSession": true})),
            [("may_have_unattended_session".to_owned(), Some(true))]
        );
    }

    #[test]
    fn a_new_account_takes_what_is_said() {
        let set = names(json!({"MayHaveRobotSession": false, "MayHaveUnattendedSession": true}), None);
        assert_eq!(
            set,
            [
                ("may_have_robot_session".to_owned(), Some(false)),
                ("may_have_unattended_session".to_owned(), Some(true))
            ]
        );
    }
}
