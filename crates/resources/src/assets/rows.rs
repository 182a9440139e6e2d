//! Assets and their values in the database: locking, reading what is there, carrying out a plan, snapshots for the
//! audit. Secrets are sealed here and nowhere else; they are opened in `robot`.

use super::entity::{ASSET, USER_VALUE};
use super::kinds::Shape;
use super::plan::{Owner, Plan, Stored, Write};
use crate::credential_stores;
use bandmaster_api::query::{complete, visibility};
use bandmaster_api::{Folders, Unit};
use bandmaster_core::{Error, KeyRing, Result};
use bandmaster_odata::{Expand, KeyValue, Query, Run};
use bandmaster_store::params;
use serde_json::{Map, Value};

/// The context under which a value's secret is sealed.
pub(super) fn place(value_key: &str) -> String {
    format!("asset_values.secret/{value_key}")
}

/// An asset, as far as changes need it.
#[derive(Debug, Clone)]
pub struct Head {
    /// GUID.
    pub key: String,
    /// Name.
    pub name: String,
    /// Number of its type.
    pub value_type: i64,
    /// Number of its scope.
    pub scope: i64,
    /// Whether it may be deleted.
    pub can_be_deleted: bool,
    /// Whether callers without a robot may read its secret.
    pub allow_direct: bool,
}

/// Locks an asset of the tenant until the unit ends, so that changes of one asset happen one after another.
pub async fn lock(unit: &mut Unit, tenant: i64, id: i64) -> Result<Option<Head>> {
    let row = unit
        .query_opt(
            "UPDATE assets SET name = name WHERE id = $1 AND tenant_id = $2 \
             RETURNING key, name, value_type, value_scope, can_be_deleted, allow_direct",
            params![id, tenant],
        )
        .await?;
    row.map(|r| {
        Ok(Head {
            key: r.get(0)?,
            name: r.get(1)?,
            value_type: r.get(2)?,
            scope: r.get(3)?,
            can_be_deleted: r.get(4)?,
            allow_direct: r.get(5)?,
        })
    })
    .transpose()
}

/// The folders that an asset is linked to.
pub async fn folders(unit: &mut Unit, id: i64) -> Result<Vec<i64>> {
    let sql = "SELECT folder_id FROM asset_folders WHERE asset_id = $1 ORDER BY folder_id";
    let rows = unit.query(sql, params![id]).await?;
    rows.iter().map(|r| Ok(r.get(0)?)).collect()
}

/// The same as [`lock`] for an asset that is linked to the folder; "Asset does not exist." otherwise.
pub async fn lock_in(unit: &mut Unit, tenant: i64, folder: i64, id: i64) -> Result<Head> {
    let head = lock(unit, tenant, id).await?;
    let here = head.is_some() && folders(unit, id).await?.contains(&folder);
    head.filter(|_| here).ok_or_else(|| Error::not_found("Asset"))
}

/// The stored values of an asset.
pub async fn values(unit: &mut Unit, id: i64) -> Result<Vec<Stored>> {
    let rows = unit
        .query(
            "SELECT id, key, user_id, machine_id, credential_user, CASE WHEN secret_sealed IS NULL THEN 0 ELSE 1 END \
             FROM asset_values WHERE asset_id = $1 ORDER BY id",
            params![id],
        )
        .await?;
    rows.iter()
        .map(|r| {
            let (user, machine): (Option<i64>, Option<i64>) = (r.get(2)?, r.get(3)?);
            Ok(Stored {
                id: r.get(0)?,
                key: r.get(1)?,
                owner: user.map(|user| Owner { user, machine }),
                user: r.get(4)?,
                has_secret: r.get(5)?,
            })
        })
        .collect()
}

/// Carries out a plan.
pub async fn apply(
    unit: &mut Unit,
    keys: &KeyRing,
    tenant: i64,
    asset: i64,
    shape: Shape,
    stored: &[Stored],
    plan: &Plan,
) -> Result<()> {
    for id in &plan.remove {
        unit.execute("DELETE FROM asset_values WHERE id = $1 AND asset_id = $2", params![*id, asset]).await?;
    }
    for write in &plan.write {
        let over = write.over.and_then(|at| stored.get(at));
        put(unit, keys, tenant, asset, shape, over, write).await?;
    }
    Ok(())
}

/// Writes one value.
pub async fn put(
    unit: &mut Unit,
    keys: &KeyRing,
    tenant: i64,
    asset: i64,
    shape: Shape,
    over: Option<&Stored>,
    write: &Write,
) -> Result<()> {
    let (given, value) = (&write.value.given, &write.value);
    let store = match shape.is_secret() {
        true => Some(credential_stores::choose(unit, tenant, given.store).await?),
        false => None,
    };
    let key = over.map_or_else(|| unit.guid(), |s| s.key.clone());
    let sealed = match &value.secret {
        Some(secret) => Some(keys.seal(secret.reveal().as_bytes(), &place(&key))?.0),
        None => None,
    };
    let pairs = given.pairs.as_deref().unwrap_or("[]");
    let (user, machine) = (write.owner.map(|o| o.user), write.owner.and_then(|o| o.machine));
    match over {
        Some(over) => {
            let changed = unit
                .execute(
                    "UPDATE asset_values SET machine_id = $1, text_value = $2, bool_value = $3, int_value = $4, \
                     pairs = $5, credential_user = $6, secret_sealed = COALESCE($7, secret_sealed), store_id = $8, \
                     external_name = $9 WHERE id = $10",
                    params![
                        machine,
                        given.text.as_str(),
                        given.flag,
                        given.number,
                        pairs,
                        value.user.as_str(),
                        sealed,
                        store,
                        given.external.as_deref(),
                        over.id
                    ],
                )
                .await?;
            if changed == 0 {
                return Err(Error::clash());
            }
        }
        None => {
            unit.execute(
                "INSERT INTO asset_values (key, asset_id, user_id, machine_id, text_value, bool_value, int_value, pairs, \
                 credential_user, secret_sealed, store_id, external_name) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                params![
                    key.as_str(),
                    asset,
                    user,
                    machine,
                    given.text.as_str(),
                    given.flag,
                    given.number,
                    pairs,
                    value.user.as_str(),
                    sealed,
                    store,
                    given.external.as_deref()
                ],
            )
            .await?;
        }
    }
    Ok(())
}

/// Most characters of a text in a snapshot: the audit tells what changed, it is no second copy of large texts.
const LONGEST_SHOWN: usize = 1_000;

/// An asset with the values of its accounts as the audit keeps it: without secrets, long texts cut.
pub async fn snapshot(unit: &mut Unit, tenant: i64, id: i64) -> Result<Option<Value>> {
    let mut query = Query::all(&ASSET);
    let navigation = ASSET.navigations.iter().find(|n| n.name == "UserValues");
    query.expand.extend(navigation.map(|navigation| Expand { navigation, query: Query::all(&USER_VALUE) }));
    let run = Run::by_key(&query, &KeyValue::Int(id), &visibility(0, tenant, &Folders::All));
    Ok(complete(unit, run).await?.pop().map(|mut asset| {
        cut(&mut asset);
        for value in asset.get_mut("UserValues").and_then(Value::as_array_mut).into_iter().flatten() {
            value.as_object_mut().map(cut).unwrap_or_default();
        }
        Value::Object(asset)
    }))
}

fn cut(members: &mut Map<String, Value>) {
    for text in members.values_mut() {
        if let Value::String(text) = text
            && let Some((at, _)) = text.char_indices().nth(LONGEST_SHOWN)
        {
            text.truncate(at);
            text.push('…');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut members = Map::from_iter([
            ("Long".to_owned(), json!("ä".repeat(LONGEST_SHOWN + 5))),
            ("Just".to_owned(), json!("x".repeat(LONGEST_SHOWN))),
        ]);
        cut(&mut members);
        assert_eq!(members["Long"].as_str().unwrap().chars().count(), LONGEST_SHOWN + 1);
        assert_eq!(members["Just"].as_str().unwrap().len(), LONGEST_SHOWN);
    }
}
