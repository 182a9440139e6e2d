//! Who may use a feed over NuGet.

use crate::feeds::{self, Feed, Purpose};
use bandmaster_api::envelope::{self, Family};
use bandmaster_api::{Call, Output, UnitContext};
use bandmaster_core::{Error, Principal, PrincipalKind, Result, Scopes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A feed that the caller may use.
pub(super) struct Entered {
    pub feed: Feed,
    /// Set when it was the key that opened it: as whom units run.
    pub by_key: Option<Box<UnitContext>>,
}

/// The feed of the address, if the caller may do `action` there: a known caller with the scope and the permission,
/// else whoever shows the key of the tenant's feeds.
pub(super) async fn enter(call: &Call, action: &str) -> Result<Entered> {
    let id = call.guid_argument("feedId").map_err(|_| Error::not_found("Feed"))?;
    if call.principal.is_known() {
        let half = if action == "View" { "OR.Execution.Read" } else { "OR.Execution.Write" };
        if !call.principal.scopes.cover(&["OR.Execution".to_owned(), half.to_owned()]) {
            return Err(Error::forbidden());
        }
        let feed = feeds::permitted(call, &id, action).await?;
        return Ok(Entered { feed, by_key: None });
    }
    let key = shown_key(call).ok_or_else(Error::unauthenticated)?;
    let tenant = feeds::tenant_of_api_key(&call.app, &key).await?;
    let (tenant_id, organization_id, tenant_key) = tenant.ok_or_else(Error::unauthenticated)?;
    let own = [Purpose::Processes, Purpose::Libraries].map(|purpose| Feed::of_tenant(&tenant_key, purpose));
    let feed = own.into_iter().find(|feed| feed.id == id).ok_or_else(|| Error::not_found("Feed"))?;
    let context = UnitContext {
        principal: Principal {
            kind: PrincipalKind::Application,
            organization_id,
            tenant_id: Some(tenant_id),
            name: "NuGet key".into(),
            scopes: Scopes::These(Vec::new()),
            ..Principal::anonymous()
        },
        ..call.unit_context().within(organization_id, tenant_id)
    };
    Ok(Entered { feed, by_key: Some(Box::new(context)) })
}

/// The key in `X-NuGet-ApiKey`, or the password of basic authentication.
fn shown_key(call: &Call) -> Option<String> {
    if let Some(key) = call.header("x-nuget-apikey").map(str::trim).filter(|k| !k.is_empty()) {
        return Some(key.to_owned());
    }
    basic_password(call.header("authorization")?)
}

fn basic_password(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (_, password) = text.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

/// Package managers show credentials only after they were asked for them.
pub(super) fn challenged(call: &Call, outcome: Result<Output>) -> Result<Output> {
    match outcome {
        Err(error) if error.status() == 401 => {
            let body = envelope::body(&error, Family::Orchestrator, &call.trace_id);
            Ok(Output::json(body).status(401).header("www-authenticate", "Basic realm=\"packages\", charset=\"UTF-8\""))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_basic_authentication() {
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(basic_password(&encoded("any:se:cret")).as_deref(), Some("se:cret"));
        assert_eq!(basic_password(&encoded("any:")), None);
        assert_eq!(basic_password(&encoded("any")), None);
        for other in ["", "Basic", "Basic !!!", "Bearer abc", "Basic /w=="] {
            assert_eq!(basic_password(other), None, "{other}");
        }
    }
}
