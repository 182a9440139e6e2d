//! Who may review the items of a folder: people with Transactions.View and Transactions.Edit there.

use bandmaster_access::gate::compute;
use bandmaster_access::gate::model::{Model, standing};
use bandmaster_access::users::{self, USER};
use bandmaster_api::{Call, Folders, Output};
use bandmaster_core::Result;
use bandmaster_odata::sql::Param;
use bandmaster_store::Conn;

/// Kinds of accounts that are people: users of the tenant and of the directory.
const ROBOT_ACCOUNT: i64 = 4;
const APPLICATION: i64 = 5;

/// Their ids.
pub async fn ids(conn: &mut Conn, tenant: i64, folder: i64) -> Result<Vec<i64>> {
    let version = standing(conn, tenant).await?.map_or(0, |s| s.version);
    let model = Model::load(conn, tenant, version).await?;
    let mut found = Vec::new();
    for user in users::in_folder(conn, tenant, folder).await? {
        if !user.active || matches!(user.user_type, ROBOT_ACCOUNT | APPLICATION) {
            continue;
        }
        let rights = compute::of_account(conn, &model, user.id).await?;
        if rights.has("Transactions.View", Some(folder)) && rights.has("Transactions.Edit", Some(folder)) {
            found.push(user.id);
        }
    }
    Ok(found)
}

/// GetReviewers.
pub async fn list(call: &mut Call) -> Result<Output> {
    let (tenant, folder) = (call.tenant_id()?, call.folder()?.id);
    let ids = ids(&mut call.read().await?, tenant, folder).await?;
    let listed = ids.iter().fold(String::from(","), |text, id| text + &format!("{id},"));
    call.list_where(&USER, &Folders::All, "? LIKE '%,' || {t}.id || ',%'", vec![Param::Text(listed)]).await
}
