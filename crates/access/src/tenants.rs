//! Tenants as administrators of the installation see them, and as the identity service asks about them.

use crate::changes::rights_changed_in;
use crate::removal;
use bandmaster_api::query::entity_json;
use bandmaster_api::unit::Change;
use bandmaster_api::{App, Call, Folders, Output, Registry};
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, Secret};
use bandmaster_identity::bootstrap::organization_with_administrator;
use bandmaster_identity::password::Policy;
use bandmaster_identity::users::NewUser;
use bandmaster_identity::{Identity, TenantDirectory, TenantEntry};
use bandmaster_model::entity::{EntityType, Kind, Property, Scope};
use bandmaster_store::{Conn, Row, params};
use futures::future::BoxFuture;
use serde_json::Value;

/// A tenant. What only bodies carry is shown as null.
pub static TENANT: EntityType = EntityType {
    name: "TenantDto",
    set: "Tenants",
    table: "present_tenants",
    key: "Id",
    scope: Scope::Host,
    properties: &[
        Property::new("Name", Kind::Text, "name"),
        Property::new("Key", Kind::Guid, "key"),
        Property::computed("DisplayName", Kind::Text, "COALESCE({t}.display_name, {t}.name)"),
        Property::secret("AdminEmailAddress"),
        Property::secret("AdminName"),
        Property::secret("AdminSurname"),
        Property::secret("AdminUserKey"),
        Property::secret("AdminPassword"),
        Property::computed(
            "LastLoginTime",
            Kind::DateTime,
            "SELECT MAX(a.last_login_at) FROM users u JOIN account_facts a ON a.key = u.key WHERE u.tenant_id = {t}.id",
        ),
        Property::new("IsActive", Kind::Bool, "is_active"),
        Property::absent("License", Kind::Json),
        Property::computed(
            "OrganizationName",
            Kind::Text,
            "SELECT o.name FROM organizations o WHERE o.id = {t}.organization_id",
        ),
        Property::new("Id", Kind::Int32, "id"),
    ],
    navigations: &[],
};

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.entity(&TENANT);
    r.serve("Tenants_Get", list);
    r.serve("Tenants_GetById", get).also(&[404]);
    r.serve("Tenants_Post", post).also(&[400, 409]);
    r.serve("Tenants_PatchById", patch).also(&[400, 404, 409]);
    r.serve("Tenants_SetActive", set_active).also(&[404, 409]);
    r.serve("Tenants_DeleteById", removal::delete).also(&[404, 409]);
}

/// A tenant's name: it stands in addresses, so it begins with a letter and goes on with letters, digits, hyphens and
/// underscores, 2 to 64 characters.
pub fn checked_name(text: &str) -> Result<&str> {
    let name = text.trim();
    let mut chars = name.chars();
    let first = chars.next().is_some_and(char::is_alphabetic);
    let length = name.chars().count();
    if first && (2..=64).contains(&length) && chars.all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
        return Ok(name);
    }
    Err(Error::argument(
        "A tenant's name has 2 to 64 characters: a letter, then letters, digits, hyphens and underscores.",
    ))
}

async fn list(call: &mut Call) -> Result<Output> {
    let skip_login = call.bool_query("skipLastLoginTime")?.unwrap_or(false);
    let (mut rows, total) = call.rows(call.bound_query(&TENANT)?, &Folders::All).await?;
    if skip_login {
        for row in &mut rows {
            if let Some(time) = row.get_mut("LastLoginTime") {
                *time = Value::Null;
            }
        }
    }
    Ok(Output::page(TENANT.set, rows.into_iter().map(Value::Object).collect(), total))
}

async fn get(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&TENANT, id).await
}

/// A tenant comes with an organization of its own, of the same name, and with that one's administrator `admin`.
async fn post(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let name = checked_name(body.need_text("Name")?)?;
    let display_name = body.filled("DisplayName").filter(|d| *d != name);
    let password = Secret::new(body.need_text("AdminPassword")?);
    Policy::default().check(&password)?;
    let identity = Identity::of(&call.app)?;
    let hash = identity.hasher().hash(&password, call.app.ids.as_ref()).await?;
    let administrator = NewUser {
        user_name: "admin",
        email: body.filled("AdminEmailAddress"),
        name: body.filled("AdminName"),
        surname: body.filled("AdminSurname"),
        password_hash: Some(&hash),
        ..NewUser::default()
    };
    let active = body.bool("IsActive").unwrap_or(true);
    let mut unit = call.begin().await?;
    let (organization, _, admin) = organization_with_administrator(&mut unit, name, &administrator).await?;
    let made = crate::create_tenant(&mut unit, organization.id, name, Some(&admin.key)).await?;
    unit.execute(
        "UPDATE tenants SET display_name = $2, is_active = $3 WHERE id = $1",
        params![made.id, display_name, active],
    )
    .await?;
    let shown = entity_json(&mut unit, &TENANT, made.id, 0).await?;
    unit.commit().await?;
    Ok(Output::entity(TENANT.set, shown.unwrap_or_default()).status(201))
}

async fn patch(call: &mut Call) -> Result<Output> {
    let body = call.body();
    if body.has("AdminPassword") && body.filled("AdminPassword").is_some() {
        return Err(Error::argument("Passwords are changed in the identity service."));
    }
    let id = call.int_argument("key")?;
    let name = body.filled("Name").map(checked_name).transpose()?;
    let display_name = body.text("DisplayName");
    let now = call.now();
    let mut unit = call.begin().await?;
    let before = entity_json(&mut unit, &TENANT, id, 0).await?.ok_or_else(|| Error::not_found("Tenant"))?;
    let written = unit
        .execute(
            "UPDATE tenants SET name = COALESCE($2, name), display_name = COALESCE($3, display_name), updated_at = $4 \
             WHERE id = $1 AND deleted_at IS NULL",
            params![id, name, display_name, now],
        )
        .await;
    match written {
        Err(e) if e.is_unique("tenants_name") => return Err(Error::name_taken(name.unwrap_or_default())),
        // Deleted since it was read.
        Ok(0) => return Err(Error::not_found("Tenant")),
        written => written?,
    };
    rights_changed_in(&mut unit, id).await?;
    let after = entity_json(&mut unit, &TENANT, id, 0).await?;
    let shown = before.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
    unit.audit(Change {
        component: "Tenant",
        action: "Update",
        id: Some(id),
        key: None,
        name: &shown,
        before: Some(Value::Object(before)),
        after: after.map(Value::Object),
    })
    .await?;
    unit.commit().await?;
    Ok(Output::empty())
}

/// Nobody gets into a tenant that is switched off. The caller's own stays on.
async fn set_active(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let (ids, active) = (body.ints("tenantIds"), body.bool("active").unwrap_or(false));
    let own = call.tenant_if_any().map(|t| t.id);
    if !active && own.is_some_and(|own| ids.contains(&own)) {
        return Err(Error::conflict(bandmaster_core::codes::FORBIDDEN_OPERATION, "The own tenant stays active."));
    }
    let mut unit = call.begin().await?;
    for id in ids {
        let before = entity_json(&mut unit, &TENANT, id, 0).await?.ok_or_else(|| Error::not_found("Tenant"))?;
        let sql = "UPDATE tenants SET is_active = $2 WHERE id = $1 AND deleted_at IS NULL";
        if unit.execute(sql, params![id, active]).await? == 0 {
            return Err(Error::not_found("Tenant"));
        }
        rights_changed_in(&mut unit, id).await?;
        let name = before.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        unit.audit(Change {
            component: "Tenant",
            action: if active { "Activate" } else { "Deactivate" },
            id: Some(id),
            key: None,
            name: &name,
            before: None,
            after: None,
        })
        .await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// The organization of a tenant, for units of duties; 0 when there is no such tenant.
pub async fn organization_of(conn: &mut Conn, tenant_id: i64) -> Result<i64> {
    let row = conn.query_opt("SELECT organization_id FROM tenants WHERE id = $1", params![tenant_id]).await?;
    Ok(row.map(|r| r.get(0)).transpose()?.unwrap_or(0))
}

/// What the identity service asks about tenants.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tenants;

const ENTRY: &str = "SELECT id, key, name, organization_id FROM tenants WHERE is_active = 1";

fn entry(row: &Row) -> Result<TenantEntry> {
    Ok(TenantEntry { id: row.get(0)?, key: row.get(1)?, name: row.get(2)?, organization_id: row.get(3)? })
}

impl TenantDirectory for Tenants {
    fn of_organization<'a>(&'a self, app: &'a App, organization_id: i64) -> BoxFuture<'a, Result<Vec<TenantEntry>>> {
        Box::pin(async move {
            let sql = format!("{ENTRY} AND organization_id = $1 ORDER BY fold(name)");
            let rows = app.store.read().await?.query(&sql, params![organization_id]).await?;
            rows.iter().map(entry).collect()
        })
    }

    fn named<'a>(&'a self, app: &'a App, name_or_key: &'a str) -> BoxFuture<'a, Result<Vec<TenantEntry>>> {
        Box::pin(async move {
            if name_or_key.contains('\0') {
                return Ok(Vec::new());
            }
            let sql = format!("{ENTRY} AND (fold(name) = fold($1) OR key = $2) ORDER BY id LIMIT 100");
            let key = parse_guid(name_or_key).unwrap_or_default();
            let rows = app.store.read().await?.query(&sql, params![name_or_key, key]).await?;
            rows.iter().map(entry).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names() {
        for (name, good) in [
            ("Default", true),
            ("Über-2_x", true),
            ("d", false),
            ("2x", false),
            ("a/b", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(super::checked_name(name).is_ok(), good, "{name}");
        }
    }
}
