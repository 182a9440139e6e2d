//! OAuth scopes: which there are, and what of a request is granted to whom.

use bandmaster_core::Scopes;
use bandmaster_model::contract;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Gives the first-party clients everything the account may do.
pub const EVERYTHING: &str = "OrchestratorApiUserAccess";
/// Gives an application what its roles in tenants and folders allow.
pub const BY_ROLES: &str = "OR.Default";
/// Asks for a refresh token.
pub const OFFLINE: &str = "offline_access";
/// Asks for an identity token.
pub const OPENID: &str = "openid";

/// Scopes about the person, which every client with a signed-in user may ask for.
pub const PERSONAL: [&str; 4] = [OPENID, "profile", "email", OFFLINE];

/// First-party scopes that are granted together with [`EVERYTHING`] and add nothing.
const COMPANIONS: [&str; 3] = ["IdentityServerApi", "ConnectionService", "tenant"];

/// Families that the published operations do not ask for, but registration pages offer.
const MORE: [&str; 10] = [
    "OR.Analytics",
    "OR.BackgroundTasks",
    "OR.Hypervisor",
    "OR.ML",
    "PM.Audit",
    "PM.AuthSetting",
    "PM.License",
    "PM.MessageTemplate",
    "PM.OAuthApp",
    "PM.UserLoginAttempt",
];

static RESOURCES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut all = BTreeSet::from([BY_ROLES.to_owned()]);
    let published = contract().operations().iter().flat_map(|o| o.scopes.iter().map(String::as_str));
    for scope in published.chain(MORE) {
        let family = scope.trim_end_matches(".Read").trim_end_matches(".Write");
        all.extend([family.to_owned(), format!("{family}.Read"), format!("{family}.Write")]);
    }
    all
});

/// All scopes that applications can be given, in order.
pub fn resources() -> impl Iterator<Item = &'static str> {
    RESOURCES.iter().map(String::as_str)
}

/// Whether an application can be given the scope.
pub fn is_resource(scope: &str) -> bool {
    RESOURCES.contains(scope)
}

/// Reads a request's `scope` (RFC 6749, section 3.3); none when it is malformed. Repeated ones count once.
pub fn parse(text: &str) -> Option<Vec<String>> {
    let plain = |b: u8| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b);
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|s| !s.is_empty()) {
        if !scope.bytes().all(plain) || scope.len() > 100 {
            return None;
        }
        if !scopes.iter().any(|s| s == scope) {
            scopes.push(scope.to_owned());
        }
    }
    (scopes.len() <= 200).then_some(scopes)
}

/// Whether a registered set contains the scope, by itself or by its family (`OR.X` contains `OR.X.Read`).
pub fn contained(registered: &[String], scope: &str) -> bool {
    registered.iter().any(|have| {
        have == scope || scope.strip_prefix(have.as_str()).is_some_and(|rest| rest == ".Read" || rest == ".Write")
    })
}

/// Grants an application's own scopes (client credentials): what it asked for, or everything registered. None:
/// it asked for more than it has.
pub fn grant_application(registered: &[String], asked: &[String]) -> Option<Vec<String>> {
    if asked.is_empty() {
        return Some(if registered.is_empty() { vec![BY_ROLES.to_owned()] } else { registered.to_vec() });
    }
    asked.iter().all(|s| s == BY_ROLES || contained(registered, s)).then(|| asked.to_vec())
}

/// Grants scopes in a person's name to an external application. None: it asked for more than it has.
pub fn grant_user(registered: &[String], asked: &[String]) -> Option<Vec<String>> {
    if asked.is_empty() {
        return (!registered.is_empty()).then(|| registered.to_vec());
    }
    asked.iter().all(|s| PERSONAL.contains(&s.as_str()) || contained(registered, s)).then(|| asked.to_vec())
}

/// Grants scopes in a person's name to a first-party client: what is not known here is left out, and a request
/// that names no resource means everything.
pub fn grant_first_party(asked: &[String]) -> Vec<String> {
    let known = |s: &str| s == EVERYTHING || is_resource(s) || PERSONAL.contains(&s) || COMPANIONS.contains(&s);
    let mut granted: Vec<String> = asked.iter().filter(|s| known(s)).cloned().collect();
    let names_some = granted.iter().any(|s| !PERSONAL.contains(&s.as_str()));
    if !names_some && !granted.iter().any(|s| s == OPENID) {
        granted.push(EVERYTHING.to_owned());
    }
    granted
}

/// What a token's scopes mean for operations. `first_party`: the client may stand for the account itself.
pub fn effective(scopes: &[String], first_party: bool) -> Scopes {
    if first_party && scopes.iter().any(|s| s == EVERYTHING) { Scopes::All } else { Scopes::These(scopes.to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        parse(text).unwrap()
    }

    #[test]
    fn requests_are_read() {
        assert_eq!(list(""), Vec::<String>::new());
        assert_eq!(list("  OR.Jobs  OR.Jobs openid "), ["OR.Jobs", "openid"]);
        for bad in ["OR.\"", "a\\b", "a\tb", "ä", "a\nb", &"x".repeat(101)] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn grants() {
        let registered = list("OR.Jobs OR.Assets.Read");
        let cases: [(&str, Option<&str>, Option<&str>); 9] = [
            ("", Some("OR.Jobs OR.Assets.Read"), Some("OR.Jobs OR.Assets.Read")),
            ("OR.Jobs", Some("OR.Jobs"), Some("OR.Jobs")),
            ("OR.Jobs.Read", Some("OR.Jobs.Read"), Some("OR.Jobs.Read")),
            ("OR.Assets", None, None),
            ("OR.Assets.Write", None, None),
            ("OR.JobsX OR.Jobs", None, None),
            ("OR.Default", Some("OR.Default"), None),
            ("openid OR.Jobs", None, Some("openid OR.Jobs")),
            ("OrchestratorApiUserAccess", None, None),
        ];
        for (asked, application, user) in cases {
            assert_eq!(grant_application(&registered, &list(asked)), application.map(list), "{asked}");
            assert_eq!(grant_user(&registered, &list(asked)), user.map(list), "{asked}");
        }
        assert_eq!(grant_application(&[], &[]), Some(list("OR.Default")));
        assert_eq!(grant_user(&[], &[]), None);
    }

    #[test]
    fn first_party_requests_lose_what_is_unknown() {
        let granted = grant_first_party(&list("offline_access OrchestratorApiUserAccess Du.Digitization.Api OMS"));
        assert_eq!(granted, list("offline_access OrchestratorApiUserAccess"));
        assert_eq!(grant_first_party(&list("OR.Jobs.Read")), list("OR.Jobs.Read"));
        assert_eq!(grant_first_party(&[]), list("OrchestratorApiUserAccess"));
        assert_eq!(grant_first_party(&list("openid")), list("openid"));
        assert_eq!(effective(&list("OrchestratorApiUserAccess"), true), Scopes::All);
        assert_eq!(
            effective(&list("OrchestratorApiUserAccess"), false),
            Scopes::These(list("OrchestratorApiUserAccess"))
        );
    }

    #[test]
    fn every_published_scope_can_be_registered() {
        assert!(contract().operations().iter().flat_map(|o| &o.scopes).all(|s| is_resource(s)));
        assert!(is_resource("PM.OAuthApp.Write") && !is_resource("OR.Nonsense") && !is_resource(EVERYTHING));
    }
}
