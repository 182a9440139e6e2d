//! Things that are linked to any number of folders (queues, assets, buckets, …): sharing them, telling their folders,
//! listing them across folders. A linked thing is one wherever it is linked; its name is free in every folder of it,
//! which a unique index over (folder, folded name) of its link table holds.

use bandmaster_api::{Call, Change, Folders, Output, Unit};
use bandmaster_core::{Error, Result, codes};
use bandmaster_model::{EntityType, Permission};
use bandmaster_odata::sql::Param;
use bandmaster_store::{Row, fold, params};
use serde_json::{Map, Value, json};

/// What a kind of linked things is called and where it is stored.
pub struct Links {
    /// Its entity type.
    pub entity: &'static EntityType,
    /// Word for messages, `Queue`.
    pub what: &'static str,
    /// Resource of permissions and component of audit entries, `Queues`.
    pub resource: &'static str,
    /// Member of the request with the ids, `QueueIds`.
    pub ids: &'static str,
    /// Table of the things; has `id`, `key`, `name`, `tenant_id`, `updated_at`.
    pub table: &'static str,
    /// Table of the links; has `folder_id`, `name` (folded) and the column `item`.
    pub links: &'static str,
    /// Column of the link table with the thing's id.
    pub item: &'static str,
    /// Name of the unique index over folder and name.
    pub unique: &'static str,
    /// Condition for things not linked to a folder (`?`), with `{t}` for the table.
    pub elsewhere: &'static str,
}

impl Links {
    fn permission(&self, action: &str) -> String {
        format!("{}.{action}", self.resource)
    }

    async fn folders_of(&self, unit: &mut Unit, id: i64) -> Result<Vec<i64>> {
        let sql = format!("SELECT folder_id FROM {} WHERE {} = $1 ORDER BY folder_id", self.links, self.item);
        let rows = unit.query(&sql, params![id]).await?;
        rows.iter().map(|r| Ok(r.get(0)?)).collect()
    }

    /// Key and name of a thing that is seen from one of the folders, its row held until the unit ends, so that nobody
    /// renames or unlinks it meanwhile.
    async fn hold(
        &self,
        unit: &mut Unit,
        tenant: i64,
        id: i64,
        source: &Folders,
    ) -> Result<(String, String, Vec<i64>)> {
        let sql = format!(
            "UPDATE {} SET updated_at = updated_at WHERE id = $1 AND tenant_id = $2 RETURNING key, name",
            self.table
        );
        let row = unit.query_opt(&sql, params![id, tenant]).await?;
        let linked = self.folders_of(unit, id).await?;
        let seen = match source {
            Folders::All => true,
            Folders::These(ids) => linked.iter().any(|f| ids.contains(f)),
        };
        let row: Row = row.filter(|_| seen).ok_or_else(|| Error::not_found(self.what))?;
        Ok((row.get(0)?, row.get(1)?, linked))
    }

    async fn link(&self, unit: &mut Unit, id: i64, folder: i64, name: &str) -> Result<()> {
        let sql = format!(
            "INSERT INTO {links} ({item}, folder_id, name) VALUES ($1, $2, $3) ON CONFLICT ({item}, folder_id) DO NOTHING",
            links = self.links,
            item = self.item
        );
        match unit.execute(&sql, params![id, folder, fold(name)]).await {
            Err(e) if e.is_unique(self.unique) => Err(Error::name_taken(name)),
            result => Ok(result.map(drop)?),
        }
    }

    async fn unlink(&self, unit: &mut Unit, id: i64, folder: i64) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE {} = $1 AND folder_id = $2", self.links, self.item);
        unit.execute(&sql, params![id, folder]).await?;
        Ok(())
    }
}

/// The caller must hold `Create` where a thing is to be added and `Delete` where it is to be removed.
fn check_folders(call: &Call, links: &Links, add: &[i64], remove: &[i64]) -> Result<()> {
    if add.iter().any(|f| remove.contains(f)) {
        return Err(Error::conflict(codes::INVALID_ARGUMENT, "A folder is to be added and removed at once."));
    }
    for (folders, action) in [(add, "Create"), (remove, "Delete")] {
        let permission = links.permission(action);
        for folder in folders {
            if !call.rights.sees(*folder) {
                return Err(Error::not_found("Folder"));
            }
            if !call.rights.has(&permission, Some(*folder)) {
                return Err(Error::new(403, codes::FORBIDDEN_OPERATION, "You may not do this in one of the folders."));
            }
        }
    }
    Ok(())
}

/// `ShareToFolders`: adds and removes links, all or nothing. `View` is needed in a folder that has the thing. The last
/// link stays: a thing without a folder would be seen by nobody.
pub async fn share(call: &mut Call, links: &Links) -> Result<Output> {
    let body = call.body();
    let (ids, add, remove) = (body.ints(links.ids), body.ints("ToAddFolderIds"), body.ints("ToRemoveFolderIds"));
    if ids.is_empty() || (add.is_empty() && remove.is_empty()) {
        return Err(Error::argument(format!("Name {}, and folders to add or to remove.", links.ids)));
    }
    check_folders(call, links, &add, &remove)?;
    let tenant = call.tenant_id()?;
    let source = call.rights.folders_granting(&Permission::parse(&links.permission("View")));
    let mut unit = call.begin().await?;
    for id in ids {
        let (key, name, before) = links.hold(&mut unit, tenant, id, &source).await?;
        for folder in &add {
            links.link(&mut unit, id, *folder, &name).await?;
        }
        for folder in &remove {
            links.unlink(&mut unit, id, *folder).await?;
        }
        let after = links.folders_of(&mut unit, id).await?;
        if after.is_empty() {
            let text = format!("{} {name} stays in at least one folder; delete it instead.", links.what);
            return Err(Error::conflict(codes::FORBIDDEN_OPERATION, text));
        }
        let change = Change {
            component: links.resource,
            action: "Associate",
            id: Some(id),
            key: Some(&key),
            name: &name,
            before: Some(json!({"FolderIds": before})),
            after: Some(json!({"FolderIds": after})),
        };
        unit.audit(change).await?;
    }
    unit.commit().await?;
    Ok(Output::empty())
}

/// `GetFoldersFor…`: the folders of a thing in which the caller may view such things, and how many there are in all.
pub async fn folders(call: &mut Call, links: &Links) -> Result<Output> {
    call.options()?;
    let (id, tenant) = (call.int_argument("id")?, call.tenant_id()?);
    let sql = format!(
        "SELECT p.id, p.display_name, p.path FROM {links} f JOIN folders p ON p.id = f.folder_id \
         JOIN {table} t ON t.id = f.{item} WHERE f.{item} = $1 AND t.tenant_id = $2 ORDER BY p.path",
        links = links.links,
        table = links.table,
        item = links.item
    );
    let rows = call.read().await?.query(&sql, params![id, tenant]).await?;
    let permission = links.permission("View");
    let mut shown = Vec::new();
    for row in &rows {
        let folder: i64 = row.get(0)?;
        if call.rights.has(&permission, Some(folder)) {
            let (name, path): (String, String) = (row.get(1)?, row.get(2)?);
            shown.push(json!({"Id": folder, "DisplayName": name, "FullyQualifiedName": path}));
        }
    }
    if shown.is_empty() {
        return Err(Error::not_found(links.what));
    }
    let mut value = Map::new();
    value.insert("AccessibleFolders".into(), Value::Array(shown));
    value.insert("TotalFoldersCount".into(), json!(rows.len()));
    Ok(Output::complex("AccessibleFoldersDto", value))
}

/// `Get…AcrossFolders`: things of all folders in which the caller may view them, except those linked to one folder.
pub async fn across(call: &mut Call, links: &Links) -> Result<Output> {
    let folders = call.rights.folders_granting(&Permission::parse(&links.permission("View")));
    let mut query = call.bound_query(links.entity)?;
    if let Some(excluded) = call.int_query("excludeFolderId")? {
        query.and_sql(links.elsewhere, vec![Param::Int(excluded)]);
    }
    call.list_query(query, &folders).await
}
