//! Retention policies of processes.

use crate::described::has_members_of;
use crate::world::{World, package, suite};
use bandmaster_packages::releases::policies;
use serde_json::json;

suite! {
    async fn policies_are_kept_with_processes(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        let id = admin.release("Bot", "Bot", "1.0.0").await;
        let path = format!("/odata/ReleaseRetention({id})");
        let shown = admin.get(&path).await.expect(200);
        has_members_of("ReleaseRetentionSettingDto", &shown);
        assert_eq!((shown["Action"].as_str(), shown["Period"].as_i64()), (Some("Delete"), Some(30)));
        admin.put(&path, json!({"Action": "None", "Period": 60, "ReleaseId": 77})).await.expect(200);
        let list = admin.get("/odata/ReleaseRetention?$filter=Action eq 'None'").await.expect(200);
        assert_eq!(list["value"][0]["ReleaseId"], json!(id));
        assert_eq!(list["value"][0]["Period"], 60);
        let all = policies(&mut world.app.store.read().await.unwrap(), 0, 10).await.unwrap();
        assert_eq!((all.len(), all[0].0, all[0].1, all[0].2.action), (1, world.tenant.id, id, 2));
        for body in [
            json!({"Action": "Delete", "Period": 0}),
            json!({"Action": "Delete", "Period": 541}),
            json!({"Action": "Archive", "Period": 60, "BucketId": 3}),
        ] {
            admin.put(&path, body).await.error(400, 1009);
        }
        // Editing the process leaves its policy alone.
        let body = json!({"Name": "Bot", "ProcessKey": "Bot", "ProcessVersion": "1.0.0"});
        admin.put(&format!("/odata/Releases({id})"), body).await.expect(200);
        assert_eq!(admin.get(&path).await.expect(200)["Period"], 60);
        assert_eq!(admin.delete(&path).await.status, 204);
        assert_eq!(admin.get(&path).await.expect(200)["Period"], 30);
        admin.get(&format!("{path}?retentionType=Stale")).await.error(404, 1002);
        admin.get("/odata/ReleaseRetention(999)").await.error(404, 1002);
        admin.put("/odata/ReleaseRetention(999)", json!({"Action": "None"})).await.error(404, 1002);
        let reader = world.person("reader", &[], Some((world.tenant.folder_id, &["Automation User"]))).await;
        reader.get(&path).await.expect(200);
        reader.put(&path, json!({"Action": "None"})).await.error(403, 0);
        World::assert_audited(&world.audit().await, "Processes", "Update", "Bot");
    }
}
