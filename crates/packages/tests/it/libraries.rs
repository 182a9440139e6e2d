//! The tag Libraries.

use crate::described::has_members_of;
use crate::form::file;
use crate::world::{Client, Reply, World, column, package, suite};
use bandmaster_packages::nupkg::build::PackageBuilder;
use serde_json::{Value, json};
use std::io::Write;

const ODATA: &str = "UiPath.Server.Configuration.OData";

/// A library as Studio makes one, reduced to what tells it.
fn library(id: &str, version: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let nuspec = format!(
        "<?xml version=\"1.0\"?><package><metadata><id>{id}</id><version>{version}</version><authors>dana</authors>\
         <owners>ops</owners><summary>short</summary><iconUrl>http://i</iconUrl><description>String helpers</description>\
         <tags>UiPathStudioLibrary</tags><dependencies><group targetFramework=\"net8.0\">\
         <dependency id=\"Base\" version=\"[1.0]\"/></group></dependencies></metadata></package>"
    );
    zip.start_file(format!("{id}.nuspec"), options).unwrap();
    zip.write_all(nuspec.as_bytes()).unwrap();
    zip.start_file(format!("lib/net8.0/{id}.dll"), options).unwrap();
    zip.write_all(b"MZ").unwrap();
    zip.finish().unwrap().into_inner()
}

async fn upload(client: &Client, bytes: &[u8]) -> Reply {
    client.form("POST", &format!("/odata/Libraries/{ODATA}.UploadPackage()"), &[file("l.nupkg", bytes)]).await
}

suite! {
    async fn their_whole_life(world: &World) {
        let admin = world.admin();
        let bytes = library("TextTools", "1.0.4");
        let reply = upload(&admin, &bytes).await.expect(207);
        assert_eq!(reply["value"][0]["Status"], "OK");
        let body: Value = serde_json::from_str(reply["value"][0]["Body"].as_str().unwrap()).unwrap();
        assert_eq!(body["Key"], "TextTools:1.0.4");
        upload(&admin, &bytes).await.error(409, 1004);
        upload(&admin, &library("TextTools", "1.1.0-rc.1")).await.expect(207);
        upload(&admin, &library("TextTools", "1.0.5")).await.expect(207);
        let list = admin.get("/odata/Libraries?$filter=Authors eq 'dana'").await.expect(200);
        let row = &list["value"][0];
        has_members_of("LibraryDto", row);
        for (name, value) in [
            ("Version", json!("1.0.5")),
            ("OldVersion", json!("1.0.4")),
            ("ProjectType", json!("ProcessLibrary")),
            ("Owners", json!("ops")),
            ("Summary", json!("short")),
            ("IconUrl", json!("http://i")),
            ("IsPrerelease", json!(false)),
            ("IsCompiled", json!(true)),
            ("PackageSize", json!(library("TextTools", "1.0.5").len())),
        ] {
            assert_eq!(row[name], value, "{name}");
        }
        let versions = format!("/odata/Libraries/{ODATA}.GetVersions(packageId='texttools')");
        assert_eq!(column(&admin.get(&versions).await.expect(200), "Version"), ["1.1.0-rc.1", "1.0.5", "1.0.4"]);
        let download = format!("/odata/Libraries/{ODATA}.DownloadPackage(key='TextTools:1.0.4')");
        assert_eq!(admin.get(&download).await.bytes, bytes);
        assert_eq!(admin.delete("/odata/Libraries('TextTools:1.0.4')").await.status, 204);
        admin.get(&download).await.error(404, 1002);
        admin.delete("/odata/Libraries('TextTools:1.0.4')").await.error(404, 1002);
        admin.delete("/odata/Libraries('Nobody')").await.error(404, 1002);
        admin.delete("/odata/Libraries('a b')").await.error(400, 1009);
        let audit = world.audit().await;
        World::assert_audited(&audit, "Libraries", "Upload", "TextTools:1.0.4");
        World::assert_audited(&audit, "Libraries", "Delete", "TextTools:1.0.4");
    }

    async fn libraries_and_packages_do_not_mix(world: &World) {
        let admin = world.admin();
        upload(&admin, &package("Bot", "1.0.0")).await.error(400, 1654);
        admin.upload(&library("Tools", "1.0.0")).await.error(400, 1654);
        upload(&admin, &library("Bot", "1.0.0")).await.expect(207);
        admin.upload(&package("Bot", "1.0.0")).await.expect(200);
        assert_eq!(column(&admin.get("/odata/Libraries").await.expect(200), "ProjectType"), ["ProcessLibrary"]);
        assert_eq!(column(&admin.get("/odata/Processes").await.expect(200), "ProjectType"), ["Process"]);
        // A hand-made package that says nothing of itself may be a library.
        let bare = PackageBuilder::new("Bare", "1.0.0");
        assert!(bare.build().is_ok());
        let feeds = admin.get("/api/PackageFeeds/GetLibraryFeeds").await.expect(200);
        let feed = feeds[0]["id"].as_str().unwrap();
        admin.get(&format!("/odata/Processes?feedId={feed}")).await.error(404, 1002);
        assert_eq!(column(&admin.get(&format!("/odata/Libraries?feedId={feed}")).await.expect(200), "Id"), ["Bot"]);
        let tenant = admin.get("/api/PackageFeeds/GetFeeds").await.expect(200);
        let processes = tenant.as_array().unwrap().iter().find(|f| f["purpose"] == "Processes").unwrap();
        let path = format!("/odata/Libraries?feedId={}", processes["id"].as_str().unwrap());
        admin.get(&path).await.error(404, 1002);
    }

    async fn rights(world: &World) {
        let admin = world.admin();
        upload(&admin, &library("Tools", "1.0.0")).await.expect(207);
        let reader = world.person("reader", &["Allow to be Automation User"], None).await;
        let publisher = world.person("publisher", &["Allow to be Automation Publisher"], None).await;
        let stranger = world.person("stranger", &[], None).await;
        assert_eq!(column(&reader.get("/odata/Libraries").await.expect(200), "Id"), ["Tools"]);
        upload(&reader, &library("Tools", "1.1.0")).await.error(403, 0);
        upload(&publisher, &library("Tools", "1.1.0")).await.expect(207);
        publisher.delete("/odata/Libraries('Tools:1.0.0')").await.error(403, 0);
        stranger.get("/odata/Libraries").await.error(403, 0);
        let download = format!("/odata/Libraries/{ODATA}.DownloadPackage(key='Tools:1.0.0')");
        stranger.get(&download).await.error(403, 0);
        assert_eq!(world.machine().get(&download).await.status, 200);
        let other = world.other_tenant().await;
        assert_eq!(other.get("/odata/Libraries").await.expect(200)["value"], json!([]));
        other.get(&download).await.error(404, 1002);
    }
}
