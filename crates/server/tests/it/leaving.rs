//! A tenant that is deleted: it is gone at once, and soon nothing of it is left but the audit.

use crate::planted::{Planted, plant};
use bandmaster_store::{Dialect, Value as Cell, params};
use bandmaster_testkit::{ADMIN_PASSWORD, Client, TestServer, Value, all_scopes, json, suite, wait};
use std::collections::BTreeMap;
use std::time::Duration;

const SET_ACTIVE: &str = "/odata/Tenants/UiPath.Server.Configuration.OData.SetActive";

/// Tables with a tenant that keep its rows, with the reason. The list may only shrink.
const KEPT: &[&str] = &[
    // The audit outlives what it tells of, and its chain needs every entry.
    "audit_entries",
];

/// A tenant with everything in it, made as an administrator of the installation makes one.
struct Victim {
    id: i64,
    name: String,
    admin: Client,
    planted: Planted,
}

async fn victim(server: &TestServer, name: &str) -> Victim {
    let body = json!({"Name": name, "AdminPassword": ADMIN_PASSWORD, "AdminEmailAddress": format!("root@{name}.test")});
    let made = server.admin().without_folder().post("/odata/Tenants", body).await.expect(201);
    let request =
        json!({"command": "token create", "organization": name, "user": "admin", "name": "t", "scopes": all_scopes()});
    let token = server.command(request).await;
    let admin = server.anonymous().with_token(token["token"].as_str().unwrap());
    let planted = plant(server, &admin, name, name).await;
    let id = made["Id"].as_i64().unwrap();
    // Only programs that speak NuGet ask for the key of the feeds.
    let organization = one(server, "SELECT organization_id FROM tenants WHERE id = $1", params![id]).await;
    bandmaster_packages::feeds::api_key(server.app(), organization, id).await.unwrap();
    Victim { id, name: name.to_owned(), admin, planted }
}

fn path(id: i64) -> String {
    format!("/odata/Tenants({id})")
}

async fn switch_off(server: &TestServer, id: i64) {
    server.admin().post(SET_ACTIVE, json!({"active": false, "tenantIds": [id]})).await.expect(200);
}

async fn one(server: &TestServer, sql: &str, values: &[Cell]) -> i64 {
    server.app().store.read().await.unwrap().query_dynamic(sql, values).await.unwrap()[0].get(0).unwrap()
}

/// The columns of tables by whose name a row belongs to a tenant, from the database's own catalogue.
async fn tables(server: &TestServer) -> Vec<String> {
    let sql = match server.app().store.dialect() {
        Dialect::Sqlite => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' \
             AND c.name = 'tenant_id' ORDER BY m.name"
        }
        Dialect::Postgres => {
            "SELECT CAST(c.table_name AS TEXT) FROM information_schema.columns c JOIN information_schema.tables t \
             ON t.table_schema = c.table_schema AND t.table_name = c.table_name WHERE c.column_name = 'tenant_id' \
             AND t.table_type = 'BASE TABLE' AND t.table_schema = current_schema() ORDER BY c.table_name"
        }
    };
    let rows = server.app().store.read().await.unwrap().query_dynamic(sql, &[]).await.unwrap();
    rows.iter().map(|r| r.get(0).unwrap()).collect()
}

/// Rows of a tenant by table.
async fn rows(server: &TestServer, tenant: i64) -> BTreeMap<String, i64> {
    let mut counted = BTreeMap::new();
    for table in tables(server).await {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = $1");
        counted.insert(table, one(server, &sql, params![tenant]).await);
    }
    let replies = "SELECT COUNT(*) FROM stored_replies WHERE scope LIKE $1";
    counted.insert("stored_replies".into(), one(server, replies, params![format!("{tenant}/%")]).await);
    counted
}

/// Stored files that nothing refers to. What hangs on rows by references in other ways cannot be left over.
const FILES_OF_NOBODY: &str = "SELECT COUNT(*) FROM stored_files f WHERE NOT EXISTS (SELECT 1 FROM attachments a WHERE a.file_id = f.id) \
     AND NOT EXISTS (SELECT 1 FROM bucket_files b WHERE b.file_id = f.id) \
     AND NOT EXISTS (SELECT 1 FROM exports e WHERE e.file_id = f.id)";

async fn wait_until_emptied(server: &TestServer, id: i64) {
    let sql = "SELECT COUNT(*) FROM tenants WHERE id = $1 AND emptied_at IS NOT NULL";
    wait::until("the tenant is empty", async || one(server, sql, params![id]).await == 1).await;
}

async fn wait_until_removed(server: &TestServer, id: i64) {
    wait_until_emptied(server, id).await;
    server.clock.advance(Duration::from_secs(11 * 60));
    server.app().nudges.nudge("tenant-removal");
    let sql = "SELECT COUNT(*) FROM tenants WHERE id = $1 AND removed_at IS NOT NULL";
    wait::until("the tenant is removed", async || one(server, sql, params![id]).await == 1).await;
}

async fn verified(server: &TestServer) -> Value {
    wait::found("everything is sealed", async || {
        let told = server.command(json!({"command": "verify-audit"})).await;
        assert_eq!(told["intact"], true, "{told}");
        (told["unsealed"] == 0).then_some(told)
    })
    .await
}

suite! {
    async fn nothing_is_left_but_the_audit(server: &TestServer) {
        let host = server.admin().without_folder();
        let bystander = plant(server, &server.admin(), "Default", "Bystander").await;
        let home = one(server, "SELECT tenant_id FROM folders WHERE id = $1", params![server.shared]).await;
        let victim = victim(server, "sales").await;
        let before = rows(server, victim.id).await;
        let empty: Vec<&String> = before.iter().filter(|(_, n)| **n == 0).map(|(t, _)| t).collect();
        assert!(empty.is_empty(), "nothing was planted in {empty:?}, so nothing is proved of them");
        let packages = server.app().settings.files.join("packages");
        assert!(packages.join(victim.id.to_string()).exists());

        host.delete(&path(victim.id)).await.error(409, 1017);
        switch_off(server, victim.id).await;
        let others = rows(server, home).await;
        host.delete(&path(victim.id)).await.expect(204);
        wait_until_emptied(server, victim.id).await;
        // Looked at before the clock moves: when it does, others lose what is old.
        let now = rows(server, home).await;
        for (table, rows) in &others {
            assert!(now[table] >= *rows, "{table} of another tenant: {rows}, now {}", now[table]);
        }
        wait::until("the files are removed", async || one(server, FILES_OF_NOBODY, &[]).await == 0).await;
        assert!(one(server, "SELECT COUNT(*) FROM stored_files", &[]).await > 0, "files of the other tenant");
        wait_until_removed(server, victim.id).await;

        let left: BTreeMap<_, _> = rows(server, victim.id).await.into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(left.keys().collect::<Vec<_>>(), KEPT, "{left:?}");
        assert!(left["audit_entries"] >= before["audit_entries"]);
        assert!(!packages.join(victim.id.to_string()).exists() && packages.join(home.to_string()).exists());
        bystander.at.get("/odata/QueueItems?$top=1").await.expect(200);
        let told = verified(server).await;
        assert!(told["checked"].as_i64() > Some(0));
        let audit = server.audit().await;
        let of = |action: &str| audit.iter().filter(|e| e["component"] == "Tenant" && e["action"] == action).count();
        assert_eq!((of("StartDelete"), of("Delete")), (1, 1));
        let end = audit.iter().rfind(|e| e["component"] == "Tenant" && e["action"] == "Delete").unwrap();
        assert!(end["after"]["RemovedRows"].as_i64() > Some(20), "{end}");
    }

    async fn a_deleted_tenant_is_none_at_once(server: &TestServer) {
        let host = server.admin().without_folder();
        let victim = victim(server, "sales").await;
        let running = server.anonymous().with_token(&victim.planted.job_token);
        assert_ne!(running.get("/odata/Assets").await.status, 401);
        let beat = json!({"heartbeats": [], "commandState": "Pending", "runningJobKeys": []});
        victim.planted.agent.post("/api/RobotsService/HeartbeatV2", beat.clone()).await.expect(200);
        switch_off(server, victim.id).await;
        host.delete(&path(victim.id)).await.expect(204);

        host.get(&path(victim.id)).await.error(404, 1002);
        host.delete(&path(victim.id)).await.error(404, 1002);
        host.patch(&path(victim.id), json!({"DisplayName": "x"})).await.error(404, 1002);
        for active in [true, false] {
            host.post(SET_ACTIVE, json!({"active": active, "tenantIds": [victim.id]})).await.error(404, 1002);
        }
        let list = host.get("/odata/Tenants").await.expect(200);
        assert_eq!((&list["@odata.count"], list["value"].as_array().unwrap().len()), (&json!(1), 1));
        let place = format!("/{0}/{0}/odata/Folders", victim.name);
        let nowhere = host.get("/nowhere/nowhere/odata/Folders").await;
        let gone = host.get(&place).await;
        assert_eq!((gone.status, &gone.json()["message"]), (nowhere.status, &nowhere.json()["message"]));
        for client in [&victim.admin, &victim.planted.at] {
            assert!([401, 403].contains(&client.get("/odata/Folders").await.status));
            assert!([401, 403].contains(&client.get(&place).await.status));
        }
        assert!([401, 403].contains(&victim.planted.agent.post("/api/RobotsService/HeartbeatV2", beat).await.status));
        assert!([401, 403].contains(&running.get("/odata/Assets").await.status));

        // Its name is free again, and what is made under it sees nothing of the old one.
        let body = json!({"Name": "sales", "AdminPassword": ADMIN_PASSWORD});
        let again = host.post("/odata/Tenants", body).await.expect(201);
        assert_ne!(again["Id"], victim.id);
        let request = json!({"command": "token create", "organization": "sales", "user": "admin", "name": "t", "scopes": all_scopes()});
        let token = server.command(request).await;
        let new = server.anonymous().with_token(token["token"].as_str().unwrap());
        assert_eq!(new.get("/odata/QueueItems").await.expect(200)["@odata.count"], 0);
        let audit = new.get("/odata/AuditLogs").await.expect(200);
        assert!(!audit.to_string().contains("sales-queue"), "{audit}");
        assert!([401, 403].contains(&victim.admin.get(&place).await.status), "the old administrator is a stranger");
        wait_until_removed(server, victim.id).await;
        new.get("/odata/Folders").await.expect(200);
    }

    async fn what_may_not_be_deleted(server: &TestServer) {
        let host = server.admin().without_folder();
        let home = one(server, "SELECT tenant_id FROM folders WHERE id = $1", params![server.shared]).await;
        host.delete(&path(home)).await.error(409, 1017);
        // The only tenant, switched off behind the server's back, called without a tenant of one's own.
        let mut unit = server.app().store.begin().await.unwrap();
        unit.execute("UPDATE tenants SET is_active = 0", &[]).await.unwrap();
        unit.commit().await.unwrap();
        let last = host.delete(&path(home)).await;
        assert!([403, 409].contains(&last.status), "{}", last.text());
        assert_eq!(one(server, "SELECT COUNT(*) FROM present_tenants", &[]).await, 1);
        let mut unit = server.app().store.begin().await.unwrap();
        unit.execute("UPDATE tenants SET is_active = 1", &[]).await.unwrap();
        unit.commit().await.unwrap();
        host.delete("/odata/Tenants(987654321)").await.error(404, 1002);
        let made = host.post("/odata/Tenants", json!({"Name": "other", "AdminPassword": ADMIN_PASSWORD})).await.expect(201);
        let id = made["Id"].as_i64().unwrap();
        host.delete(&path(id)).await.error(409, 1017);
        host.get(&path(id)).await.expect(200);
        let weak = server.application("OR.Administration.Read", None).await;
        weak.delete(&path(id)).await.error(403, 0);
        server.other_tenant().await.delete(&path(id)).await.error(403, 0);
        server.anonymous().delete(&path(id)).await.error(401, 0);
    }

    async fn a_removal_goes_on_after_a_restart(server: &TestServer) {
        let host = server.admin().without_folder();
        let victim = victim(server, "sales").await;
        // More than one unit takes.
        let mut unit = server.app().store.begin().await.unwrap();
        let values: Vec<Vec<Cell>> = (0..3_000).map(|n| params![victim.id, n].to_vec()).collect();
        let sql = "INSERT INTO robot_logs (tenant_id, folder_id, at, level, message, raw) VALUES ($1, 1, $2, 1, 'm', '{}')";
        unit.execute_many(sql, &values).await.unwrap();
        unit.commit().await.unwrap();
        switch_off(server, victim.id).await;
        host.delete(&path(victim.id)).await.expect(204);
        let some = "SELECT removed_rows FROM tenants WHERE id = $1";
        wait::until("some rows are gone", async || one(server, some, params![victim.id]).await > 0).await;
        let successor = server.successor().await;
        // The one who held the lease is gone.
        successor.clock.advance(Duration::from_secs(20));
        successor.app().nudges.nudge("tenant-removal");
        wait_until_removed(&successor, victim.id).await;
        let left: Vec<String> =
            rows(&successor, victim.id).await.into_iter().filter(|(_, n)| *n > 0).map(|(t, _)| t).collect();
        assert_eq!(left, KEPT);
        verified(&successor).await;
    }
}
