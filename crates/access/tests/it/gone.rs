//! Accounts that the organization removes, while something in a tenant still needs their record.

use crate::harness::{TestServer, unit};
use bandmaster_access::Tenants;
use bandmaster_access::parts::AccountContents;
use bandmaster_api::{Parts, Unit};
use bandmaster_core::Result;
use bandmaster_identity::{TenantAccounts, users};
use futures::future::BoxFuture;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

/// Needs every record as long as it is told to.
static NEEDED: [AtomicBool; 2] = [AtomicBool::new(true), AtomicBool::new(true)];

struct Needs(usize);

impl AccountContents for Needs {
    fn hindrance<'a>(&'a self, unit: &'a mut Unit, _: i64) -> BoxFuture<'a, Result<Option<String>>> {
        assert!(unit.tenant_id() > 0, "features are asked in the tenant");
        let why = NEEDED[self.0].load(Ordering::Relaxed).then(|| "its robot runs a job".to_owned());
        Box::pin(async move { Ok(why) })
    }

    fn delete<'a>(&'a self, _: &'a mut Unit, _: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

async fn what_is_still_needed_keeps_no_rights(on_postgres: bool) {
    let mut parts = Parts::default();
    parts.insert::<Box<dyn TenantAccounts>>(Box::new(Tenants));
    let features: Vec<Box<dyn AccountContents>> = vec![Box::new(Needs(usize::from(on_postgres)))];
    parts.insert(features);
    let server = TestServer::with_parts(on_postgres, parts).await;
    let admin = server.admin();
    let remove = async |name: &str| {
        let mut unit = unit(&server.app).await;
        let user = users::find(&mut unit, server.organization_id, name).await.unwrap().unwrap();
        users::remove(&mut unit, &server.app, &user).await.unwrap();
        unit.commit().await.unwrap();
    };
    let body = json!({"UserName": "ana", "Type": "DirectoryUser", "RolesList": ["Tenant Administrator"]});
    server.person("ana", &[]).await;
    let id = admin.post("/odata/Users", body.clone()).await.expect(201)["Id"].as_i64().unwrap();
    let role = server.role_id("Automation User").await;
    let assignment = json!({"assignments": {"UserIds": [id],
        "RolesPerFolder": [{"FolderId": server.tenant.folder_id, "RoleIds": [role]}]}});
    admin.post("/odata/Folders/UiPath.Server.Configuration.OData.AssignUsers", assignment).await;
    remove("ana").await;
    let path = format!("/odata/Users({id})");
    let left = admin.get(&path).await.expect(200);
    assert_eq!((&left["IsActive"], &left["RolesList"]), (&json!(false), &json!([])));
    assert_eq!(left["UserName"], format!("ana (removed {id})"));
    let sql = "SELECT COUNT(*) FROM folder_users WHERE user_id = $1";
    let mut conn = server.app.store.read().await.unwrap();
    let assigned = conn.query_one(sql, bandmaster_store::params![id]).await.unwrap();
    assert_eq!(assigned.get::<i64>(0).unwrap(), 0);
    assert!(server.audited("Users", "Deactivate", "ana").await);
    // Her name is free for another, and her record can go once nothing needs it.
    server.person("ana", &[]).await;
    let other = admin.post("/odata/Users", body).await.expect(201)["Id"].as_i64().unwrap();
    assert_ne!(other, id);
    NEEDED[usize::from(on_postgres)].store(false, Ordering::Relaxed);
    admin.delete(&path).await.expect(204);
    remove("ana").await;
    admin.get(&format!("/odata/Users({other})")).await.error(404, 1002);
    assert!(server.audited("Users", "Delete", "ana").await);
}

mod what_is_still_needed_keeps_no_rights {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        super::what_is_still_needed_keeps_no_rights(false).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        super::what_is_still_needed_keeps_no_rights(true).await;
    }
}
