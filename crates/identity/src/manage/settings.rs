//! `/api/Setting`: settings of the organization, and of accounts, who read and write their own.

use super::users::person;
use super::{administers, belonging};
use crate::organizations;
use crate::settings::{self, Owner, Setting};
use bandmaster_api::{Call, Fields, Output, Registry};
use bandmaster_core::{Error, Result};
use serde_json::{Value, json};

/// Most keys of one request.
const MOST: usize = 200;

/// Registers the operations.
pub fn register(r: &mut Registry) {
    r.serve("Setting_GetSettingsBulk", read).also(&[400, 403, 404]);
    r.serve("Setting_UpdateSettings", write).also(&[400, 403, 404]);
}

/// Whose settings a request is about.
struct Meant {
    organization_id: i64,
    organization_key: String,
    user: Option<(i64, String)>,
}

impl Meant {
    fn owner(&self) -> Owner<'_> {
        let user = self.user.as_ref().map(|(id, key)| (*id, key.as_str()));
        Owner { organization_id: self.organization_id, user }
    }

    fn shown(&self, setting: &Setting) -> Value {
        json!({
            "id": setting.id,
            "key": setting.key,
            "value": setting.value,
            "partitionGlobalId": self.organization_key,
            "userId": self.user.as_ref().map(|u| &u.1),
        })
    }
}

async fn meant(call: &Call, partition: Option<&str>, user: Option<&str>) -> Result<Meant> {
    let organization_id = match partition {
        Some(partition) => belonging(call, partition).await?,
        None => call.principal.organization_id,
    };
    let own =
        user.is_some_and(|u| super::users::stored_id(u) == call.principal.key) && call.principal.job_key.is_none();
    if !own && !administers(call).await? {
        return Err(Error::forbidden());
    }
    let mut conn = call.read().await?;
    let organization = organizations::by_id(&mut conn, organization_id).await?.ok_or_else(Error::forbidden)?;
    let user = match user {
        Some(id) => {
            let user = person(&mut conn, organization_id, id).await?;
            Some((user.id, user.key))
        }
        None => None,
    };
    Ok(Meant { organization_id, organization_key: organization.key, user })
}

/// The settings that are asked for by key, as far as they are there.
async fn read(call: &mut Call) -> Result<Output> {
    let meant = meant(call, call.query("partitionGlobalId"), call.query("userId")).await?;
    let mut keys: Vec<String> = Vec::new();
    for key in call.query_all("key").filter(|k| !k.is_empty()) {
        if !keys.iter().any(|k| k.eq_ignore_ascii_case(key)) {
            keys.push(key.to_owned());
        }
    }
    if keys.len() > MOST {
        return Err(Error::argument(format!("At most {MOST} keys can be asked for.")));
    }
    let mut conn = call.read().await?;
    let mut rows = Vec::new();
    for key in &keys {
        if let Some(setting) = settings::read(&mut conn, meant.owner(), key).await? {
            rows.push(meant.shown(&setting));
        }
    }
    Ok(Output::json(rows))
}

async fn write(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let list = body.list("settings");
    if list.len() > MOST {
        return Err(Error::argument(format!("At most {MOST} settings can be written.")));
    }
    let meant = meant(call, body.filled("partitionGlobalId"), body.filled("userId")).await?;
    let app = call.app.clone();
    let mut unit = call.begin().await?;
    let mut rows = Vec::new();
    for one in list {
        let one = Fields::of(one);
        let key = one.need_text("key")?;
        let setting = settings::write(&mut unit, &app, meant.owner(), key, one.text("value")).await?;
        rows.push(meant.shown(&setting));
    }
    unit.commit().await?;
    Ok(Output::json(rows))
}
