//! Attachments: the whole life of one, lists, refusals, isolation.

use crate::world::*;
use bandmaster_testkit::{Client, Value, json, suite};
use reqwest::Method;

/// An attachment without content.
pub async fn attach(client: &Client, name: &str) -> Value {
    client.post("/odata/Attachments", json!({"Name": name})).await.expect(201)
}

/// The address of an attachment's content.
pub fn uri(attachment: &Value) -> String {
    attachment["BlobFileAccess"]["Uri"].as_str().expect("an address").to_owned()
}

/// Writes a content as clients do: with what the answer says, without a token.
pub async fn write(client: &Client, attachment: &Value, content: &[u8]) -> bandmaster_testkit::Reply {
    client.send(client.request(Method::PUT, &uri(attachment)).body(content.to_vec())).await
}

fn by_id(attachment: &Value) -> String {
    format!("/odata/Attachments({})", attachment["Id"].as_str().unwrap())
}

suite! {
    async fn lives_and_is_audited(server: &TestServer) {
        let (admin, nobody) = (server.admin(), server.anonymous());
        let made = attach(&admin, " input.json ").await;
        assert_eq!(made["Name"], "input.json");
        assert_eq!((&made["CreationTime"], &made["LastModificationTime"]), (&json!("2026-01-05T08:00:00Z"), &Value::Null));
        let access = &made["BlobFileAccess"];
        assert_eq!((&access["Verb"], &access["RequiresAuth"]), (&json!("PUT"), &json!(false)));
        assert_eq!(access["Headers"], json!({"Keys": [], "Values": []}));
        assert!(uri(&made).starts_with(&format!("{}/blob/attachments/{}?", server.url, made["Id"].as_str().unwrap())));
        // Nothing to read yet.
        let empty = admin.get(&by_id(&made)).await.expect(200);
        assert_eq!(empty["BlobFileAccess"]["Verb"], "GET");
        nobody.get(&uri(&empty)).await.error(404, 1002);
        let reply = write(&nobody, &made, b"{\"a\":1}").await;
        reply.expect(201);
        assert!(reply.bytes.is_empty());
        let one = admin.get(&by_id(&made)).await.expect(200);
        assert!(one["LastModificationTime"].is_string());
        let read = nobody.get(&uri(&one)).await;
        assert_eq!((read.status, read.bytes.as_slice()), (200, b"{\"a\":1}".as_slice()));
        assert_eq!(read.header("content-type"), Some("application/octet-stream"));
        assert_eq!(read.header("content-length"), Some("7"));
        assert_eq!(read.header("content-disposition"), Some("attachment; filename=\"input.json\""));
        assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(files(server).await, (1, 1));

        let list = admin.get("/odata/Attachments?$filter=Name eq 'INPUT.json'&$count=true").await.expect(200);
        assert_eq!(list["@odata.count"], 1);
        assert!(rows(&list)[0].get("BlobFileAccess").is_none() && rows(&list)[0]["Id"] == made["Id"]);
        let some = admin.get(&format!("{}?$select=Name", by_id(&made))).await.expect(200);
        assert!(some["Name"] == "input.json" && some.get("BlobFileAccess").is_none());

        admin.delete(&by_id(&made)).await.expect(204);
        admin.get(&by_id(&made)).await.error(404, 1002);
        admin.delete(&by_id(&made)).await.error(404, 1002);
        nobody.get(&uri(&one)).await.error(404, 1002);
        write(&nobody, &made, b"x").await.error(404, 1002);
        remove_files(server).await;
        assert_eq!(files(server).await, (0, 0));
        let told = audited(server, "JobAttachments").await;
        assert_eq!(told, [("Create".into(), "input.json".into()), ("Delete".into(), "input.json".into())]);
        assert!(!server.audit().await.iter().any(|e| e.to_string().contains("signature")), "addresses are credentials");
    }

    async fn bad_requests_are_refused(server: &TestServer) {
        let admin = server.admin();
        for (body, code) in [
            (json!({}), 1009),
            (json!({"Name": ""}), 1009),
            (json!({"Name": "  "}), 1009),
            (json!({"Name": "a\r\nb"}), 1009),
            (json!({"Name": "x".repeat(257)}), 1009),
            (json!({"Name": 5}), 1000),
        ] {
            admin.post("/odata/Attachments", body).await.error(400, code);
        }
        attach(&admin, &"x".repeat(256)).await;
        let odd = attach(&admin, "../../etc/passwd \"ä\".txt").await;
        write(&server.anonymous(), &odd, b"x").await.expect(201);
        let one = admin.get(&by_id(&odd)).await.expect(200);
        let read = server.anonymous().get(&uri(&one)).await;
        assert_eq!(read.header("content-disposition"), Some("attachment; filename=\"../../etc/passwd____.txt\""));
        assert_eq!(read.status, 200);
        admin.get("/odata/Attachments(00000000-0000-4000-8000-000000000000)").await.error(404, 1002);
        let strange = admin.get("/odata/Attachments(17)").await;
        assert!(matches!(strange.status, 400 | 404), "{}", strange.status);
        admin.get("/odata/Attachments?$filter=BlobFileAccess eq 'x'").await.error(400, 1000);
    }

    async fn access_is_held(server: &TestServer) {
        let admin = server.admin();
        let made = attach(&admin, "a").await;
        write(&server.anonymous(), &made, b"x").await.expect(201);
        let address = by_id(&made);
        server.anonymous().get(&address).await.error(401, 0);
        assert_eq!(server.application("OR.Assets", None).await.get(&address).await.status, 403);
        let robot = server.application("OR.Folders", Some("Automation User")).await;
        robot.get(&address).await.expect(200);
        attach(&robot, "b").await;
        robot.delete(&address).await.error(403, 1108);
        admin.without_folder().get(&address).await.error(400, 1101);
        let elsewhere = admin.in_folder(folder(server, "Elsewhere").await);
        let other = server.other_tenant().await;
        for caller in [&elsewhere, &other] {
            caller.get(&address).await.error(404, 1002);
            caller.delete(&address).await.error(404, 1002);
            assert_eq!(rows(&caller.get("/odata/Attachments").await.expect(200)).len(), 0);
        }
        assert_eq!(rows(&admin.get("/odata/Attachments").await.expect(200)).len(), 2);
    }

    async fn jobs_see_what_has_arrived_in_their_folder(server: &TestServer) {
        let admin = server.admin();
        let elsewhere = folder(server, "Elsewhere").await;
        let (whole, empty, far) = (attach(&admin, "whole").await, attach(&admin, "empty").await, attach(&admin.in_folder(elsewhere), "far").await);
        write(&server.anonymous(), &whole, b"x").await.expect(201);
        write(&server.anonymous(), &far, b"x").await.expect(201);
        let key = |a: &Value| a["Id"].as_str().unwrap().to_owned();
        let mut ids = vec![key(&whole), key(&empty), key(&far), "no key".to_owned()];
        ids.push(key(&whole).to_uppercase());
        let part = bandmaster_resources::attachments_part();
        let (tenant, _) = tenant(server).await;
        let ask = async |tenant: i64, folder: i64| {
            let mut conn = server.app().store.read().await.unwrap();
            let found = part.find(&mut conn, tenant, folder, &ids).await.unwrap();
            found.into_iter().map(|f| (f.id, f.name)).collect::<Vec<_>>()
        };
        assert_eq!(ask(tenant, server.shared).await, [(ids[0].clone(), "whole".to_owned()), (ids[4].clone(), "whole".to_owned())]);
        assert_eq!(ask(tenant, elsewhere).await, [(ids[2].clone(), "far".to_owned())]);
        assert!(ask(tenant + 1, server.shared).await.is_empty());
    }

    async fn a_folder_takes_its_attachments_along(server: &TestServer) {
        let admin = server.admin();
        let doomed = folder(server, "Doomed").await;
        let (inside, outside) = (attach(&admin.in_folder(doomed), "inside").await, attach(&admin, "outside").await);
        attach(&admin.in_folder(doomed), "empty").await;
        for attachment in [&inside, &outside] {
            write(&server.anonymous(), attachment, b"x").await.expect(201);
        }
        let mut unit = unit(server).await;
        for contents in bandmaster_resources::folder_contents() {
            contents.delete(&mut unit, &[doomed]).await.unwrap();
        }
        unit.commit().await.unwrap();
        assert_eq!(rows(&admin.in_folder(doomed).get("/odata/Attachments").await.expect(200)).len(), 0);
        remove_files(server).await;
        assert_eq!(files(server).await, (1, 1));
        let one = admin.get(&by_id(&outside)).await.expect(200);
        assert_eq!(server.anonymous().get(&uri(&one)).await.bytes, b"x");
    }
}
