//! What jobs ask of processes.

use crate::world::{package, suite};
use bandmaster_packages::feeds;
use bandmaster_packages::releases::{ReleaseWish, current, for_start, of_folder};
use serde_json::json;

suite! {
    async fn everything_for_a_start(world: &World) {
        let admin = world.admin();
        let bytes = package("Bot", "1.0.0");
        admin.upload(&bytes).await.expect(200);
        let wish = json!({"Name": "Invoice bot", "ProcessKey": "Bot", "ProcessVersion": "1.0.0", "SpecificPriorityValue": 80,
            "InputArguments": "{\"month\":1}", "EnvironmentVariables": "A=1"});
        let made = admin.post("/odata/Releases", wish).await.expect(201);
        let (id, key) = (made["Id"].as_i64().unwrap(), made["Key"].as_str().unwrap());
        let (tenant, folder) = (world.tenant.id, world.tenant.folder_id);
        let mut conn = world.app.store.read().await.unwrap();
        let found = for_start(&mut conn, tenant, folder, ReleaseWish::Key(key)).await.unwrap().unwrap();
        assert_eq!(for_start(&mut conn, tenant, folder, ReleaseWish::Name("INVOICE bot")).await.unwrap().as_ref(), Some(&found));
        assert_eq!(current(&mut conn, id).await.unwrap().as_ref(), Some(&found));
        assert_eq!(of_folder(&mut conn, tenant, folder).await.unwrap(), std::slice::from_ref(&found));
        assert_eq!((found.id, found.key.as_str(), found.folder_id, found.name.as_str()), (id, key, folder, "Invoice bot"));
        assert_eq!((found.package_id.as_str(), found.package_version.as_str()), ("Bot", "1.0.0"));
        assert_eq!(found.entry_point_path.as_deref(), Some("main"));
        assert_eq!(found.entry_points, ["main", "other"]);
        assert_eq!(found.input_arguments.as_deref(), Some("{\"month\":1}"));
        assert_eq!(found.environment_variables.as_deref(), Some("A=1"));
        assert_eq!((found.priority, found.target_framework, found.process_type), (80, 2, 1));
        assert!(found.version_id.is_some() && !found.requires_user_interaction);
        assert_eq!(found.target_runtime.as_deref(), Some("python"));
        let sha = bandmaster_packages::nupkg::sha256(bytes.as_slice()).unwrap().sha256;
        assert_eq!(found.package_sha256, Some(sha));
        let feed = found.feed_key.clone().unwrap();
        assert_eq!(feeds::of_folder(&mut conn, tenant, folder).await.unwrap(), feed);
        // The feed of a command is one that packages can be fetched from.
        let path = "/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='Bot:1.0.0')";
        let machine = world.machine();
        assert_eq!(machine.get(&format!("{path}?feedId={feed}")).await.bytes, bytes);
        // Elsewhere it does not exist.
        assert_eq!(for_start(&mut conn, tenant, folder + 1000, ReleaseWish::Key(key)).await.unwrap(), None);
        assert_eq!(for_start(&mut conn, tenant + 1000, folder, ReleaseWish::Key(key)).await.unwrap(), None);
        assert_eq!(for_start(&mut conn, tenant, folder, ReleaseWish::Name("nobody")).await.unwrap(), None);
        drop(conn);
        admin.upload(&package("Bot", "2.0.0")).await.expect(200);
        admin.patch(&format!("/odata/Releases({id})"), json!({"ProcessVersion": "2.0.0"})).await.expect(200);
        let mut conn = world.app.store.read().await.unwrap();
        let moved = current(&mut conn, id).await.unwrap().unwrap();
        assert_eq!(moved.package_version, "2.0.0");
        assert_ne!(moved.version_id, found.version_id);
        drop(conn);
        admin.delete(&format!("/odata/Releases({id})")).await.expect(204);
        assert_eq!(current(&mut world.app.store.read().await.unwrap(), id).await.unwrap(), None);
    }
}
