//! Files on disk: what a crash leaves behind goes away, what has a row stays.

use crate::world::{World, package, suite};
use bandmaster_api::Duty;
use bandmaster_core::Clock;
use bandmaster_packages::PackageFiles;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn leave(world: &World, name: &str) {
    let path = world.files().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"left over").unwrap();
}

suite! {
    async fn left_over_files_go_and_others_stay(world: &World) {
        let admin = world.admin();
        let bytes = package("Bot", "1.0.0");
        admin.upload(&bytes).await.expect(200);
        let kept = world.stored();
        let now = world.clock.now();
        leave(world, &format!("incoming/{now}-a.part"));
        leave(world, &format!("{}/{now}-b.nupkg", world.tenant.id));
        leave(world, "incoming/notes.txt");
        let app = world.restarted().await;
        PackageFiles.tick(&app, app.clock.now()).await.unwrap();
        assert_eq!(world.stored().len(), 4, "they may belong to uploads under way");
        world.clock.advance(DAY + Duration::from_secs(1));
        let next = PackageFiles.tick(&app, app.clock.now()).await.unwrap();
        assert!(next > app.clock.now());
        let mut expected = kept;
        expected.push("incoming/notes.txt".into());
        expected.sort();
        assert_eq!(world.stored(), expected, "what is not ours is left alone");
        let path = "/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='Bot:1.0.0')";
        assert_eq!(admin.get(path).await.bytes, bytes);
    }

    async fn a_row_whose_file_was_lost_is_absent_and_not_a_fault(world: &World) {
        let admin = world.admin();
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        for file in world.stored() {
            std::fs::remove_file(world.files().join(file)).unwrap();
        }
        let path = "/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='Bot:1.0.0')";
        admin.get(path).await.error(404, 1002);
        // It can be deleted and uploaded again.
        assert_eq!(admin.delete("/odata/Processes('Bot:1.0.0')").await.status, 204);
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        assert_eq!(admin.get(path).await.status, 200);
    }

    async fn nothing_to_do_without_files(world: &World) {
        PackageFiles.tick(&world.app, world.clock.now()).await.unwrap();
    }
}
