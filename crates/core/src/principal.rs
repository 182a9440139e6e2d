//! On whose behalf a request runs.

/// What kind of caller it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// Nobody: the request carried no credentials.
    Anonymous,
    /// A person.
    User,
    /// An external application with its own token (client credentials).
    Application,
    /// A robot account, through its robot key or a job's token.
    Robot,
    /// A machine, through its key or its client credentials.
    Machine,
    /// The server itself: duties and the command line.
    System,
}

/// The OAuth scopes of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scopes {
    /// Everything the account may do: first-party sign-in, robots, the server itself.
    All,
    /// Only operations that accept one of these.
    These(Vec<String>),
}

impl Scopes {
    /// Whether one of the accepted scopes is held. `OR.Default` stands for all `OR.` scopes (the account's
    /// roles decide then), a family name for its `.Read` and `.Write`.
    pub fn cover(&self, accepted: &[String]) -> bool {
        let Scopes::These(held) = self else { return true };
        if accepted.is_empty() {
            return true;
        }
        accepted.iter().any(|want| {
            held.iter().any(|have| {
                have == want
                    || (have == "OR.Default" && want.starts_with("OR."))
                    || want.strip_prefix(have.as_str()).is_some_and(|rest| rest == ".Read" || rest == ".Write")
            })
        })
    }
}

/// The caller of a request.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Kind of caller.
    pub kind: PrincipalKind,
    /// Organization the credential belongs to.
    pub organization_id: i64,
    /// Tenant the credential is bound to, when it is bound to one.
    pub tenant_id: Option<i64>,
    /// GUID of the account in the identity service (the token's `sub`); empty for machines and nobody.
    pub key: String,
    /// Name for audit entries.
    pub name: String,
    /// Scopes of the credential.
    pub scopes: Scopes,
    /// The application through which the credential was obtained.
    pub client_id: Option<String>,
    /// The machine whose key was shown.
    pub machine_id: Option<i64>,
    /// The job whose token it is (the job's key).
    pub job_key: Option<String>,
    /// Whether this is an administrator of the installation.
    pub host: bool,
}

impl Principal {
    /// Nobody.
    pub fn anonymous() -> Principal {
        Principal {
            kind: PrincipalKind::Anonymous,
            organization_id: 0,
            tenant_id: None,
            key: String::new(),
            name: String::new(),
            scopes: Scopes::These(Vec::new()),
            client_id: None,
            machine_id: None,
            job_key: None,
            host: false,
        }
    }

    /// The server acting for a tenant.
    pub fn system(organization_id: i64, tenant_id: Option<i64>) -> Principal {
        Principal {
            kind: PrincipalKind::System,
            organization_id,
            tenant_id,
            name: "System".into(),
            scopes: Scopes::All,
            host: true,
            ..Principal::anonymous()
        }
    }

    /// Whether somebody is known.
    pub fn is_known(&self) -> bool {
        self.kind != PrincipalKind::Anonymous
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_cover_their_parts_only() {
        let held = |s: &[&str]| Scopes::These(s.iter().map(|s| (*s).to_owned()).collect());
        let want = |s: &[&str]| s.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let read = want(&["OR.Assets", "OR.Assets.Read"]);
        assert!(held(&["OR.Assets"]).cover(&read));
        assert!(held(&["OR.Assets.Read"]).cover(&read));
        assert!(held(&["OR.Assets"]).cover(&want(&["OR.Assets.Read"])));
        assert!(!held(&["OR.Assets.Write"]).cover(&read));
        assert!(!held(&["OR.Asset"]).cover(&read));
        assert!(held(&["OR.Default"]).cover(&read));
        assert!(!held(&["OR.Default"]).cover(&want(&["PM.User"])));
        assert!(Scopes::All.cover(&read));
        assert!(!held(&[]).cover(&read));
    }
}
