//! Folder headers: id, key, path, encoded path, relative paths; which beats which; unknown and invisible alike.

use bandmaster_testkit::{Client, TestServer, json, suite};

/// "Büro" and friends as the encoded header wants them: Base64 of UTF-16LE.
const BUERO: &str = "QgD8AHIAbwA=";

struct Place {
    plain: Client,
    shared: i64,
    buero: i64,
    buero_key: String,
    inner: i64,
}

async fn place(server: &TestServer) -> Place {
    let plain = server.admin().without_folder();
    let made = plain.post("/odata/Folders", json!({"DisplayName": "Büro"})).await.expect(201);
    let buero = made["Id"].as_i64().unwrap();
    let inner = plain.post("/odata/Folders", json!({"DisplayName": "Inner", "ParentId": buero})).await.expect(201);
    Place {
        plain,
        shared: server.shared,
        buero,
        buero_key: made["Key"].as_str().unwrap().to_owned(),
        inner: inner["Id"].as_i64().unwrap(),
    }
}

/// The folder that a queue made with these headers ends up in.
async fn lands(client: &Client, name: &str) -> i64 {
    client.post("/odata/QueueDefinitions", json!({ "Name": name })).await.expect(201)["OrganizationUnitId"]
        .as_i64()
        .unwrap()
}

suite! {
    async fn every_header_names_a_folder(server: &TestServer) {
        let p = place(server).await;
        let with = |headers: &[(&str, &str)]| headers.iter().fold(p.plain.clone(), |c, (n, v)| c.with_header(n, v));
        let (id, shared) = (p.buero.to_string(), p.shared.to_string());
        assert_eq!(lands(&with(&[("X-UIPATH-OrganizationUnitId", &id)]), "a").await, p.buero);
        assert_eq!(lands(&with(&[("x-uipath-folderkey", &p.buero_key)]), "b").await, p.buero);
        assert_eq!(lands(&with(&[("x-uipath-folderkey", &p.buero_key.to_uppercase())]), "c").await, p.buero);
        assert_eq!(lands(&with(&[("x-uipath-folderpath", "sHaReD")]), "d").await, p.shared);
        assert_eq!(lands(&with(&[("x-uipath-folderpath-encoded", BUERO)]), "e").await, p.buero);
        assert_eq!(lands(&with(&[("X-UIPATH-OrganizationUnitId", &p.buero_key)]), "f").await, p.buero);
        assert_eq!(lands(&with(&[("x-uipath-folderpath", "Shared"), ("x-uipath-folderkey", &p.buero_key)]), "g").await, p.shared);
        assert_eq!(lands(&with(&[("x-uipath-folderkey", &p.buero_key), ("X-UIPATH-OrganizationUnitId", &shared)]), "h").await, p.buero);
        assert_eq!(lands(&with(&[("x-uipath-folderpath-encoded", BUERO), ("x-uipath-folderpath", "Shared")]), "i").await, p.buero);
    }

    async fn encoded_paths_may_be_relative(server: &TestServer) {
        use std::fmt::Write;
        let p = place(server).await;
        let encode = |path: &str| {
            let bytes: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let mut out = String::new();
            for chunk in bytes.chunks(3) {
                let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
                for i in 0..4 {
                    let c = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(n >> (18 - 6 * i) & 63) as usize];
                    let _ = write!(out, "{}", if i <= chunk.len() { c as char } else { '=' });
                }
            }
            out
        };
        assert_eq!(encode("Büro"), BUERO);
        let from = |folder: i64, path: &str| p.plain.in_folder(folder).with_header("x-uipath-folderpath-encoded", &encode(path));
        assert_eq!(lands(&from(p.inner, "."), "a").await, p.inner);
        assert_eq!(lands(&from(p.inner, ".."), "b").await, p.buero);
        assert_eq!(lands(&from(p.buero, "./Inner"), "c").await, p.inner);
        assert_eq!(lands(&from(p.inner, "/"), "d").await, p.buero);
        from(p.buero, "..").get("/odata/QueueDefinitions").await.error(400, 1100);
        from(p.buero, "./Outer").get("/odata/QueueDefinitions").await.error(400, 1100);
    }

    async fn unknown_and_invisible_folders_answer_alike(server: &TestServer) {
        let p = place(server).await;
        let app = server.application("OR.Queues", Some("Automation User")).await;
        let hidden = app.in_folder(p.buero).get("/odata/QueueDefinitions").await.error(400, 1100);
        let unknown = app.in_folder(987_654).get("/odata/QueueDefinitions").await.error(400, 1100);
        assert_eq!(hidden["message"], unknown["message"]);
        for (name, value) in [("x-uipath-folderpath", "Nowhere"), ("x-uipath-folderkey", "nonsense"), ("x-uipath-folderpath-encoded", "QgD8A"),
            ("X-UIPATH-OrganizationUnitId", "x"), ("X-UIPATH-OrganizationUnitId", "99999999999999999999")] {
            p.plain.with_header(name, value).get("/odata/QueueDefinitions").await.error(400, 1100);
        }
        let other = server.other_tenant().await;
        other.in_folder(p.shared).get("/odata/QueueDefinitions").await.error(400, 1100);
    }

    async fn without_a_header_lists_span_the_callers_folders(server: &TestServer) {
        let p = place(server).await;
        lands(&p.plain.in_folder(p.shared), "one").await;
        lands(&p.plain.in_folder(p.inner), "two").await;
        assert_eq!(p.plain.get("/odata/QueueDefinitions").await.expect(200)["@odata.count"], 2);
        let app = server.application("OR.Queues", Some("Automation User")).await.without_folder();
        assert_eq!(app.get("/odata/QueueDefinitions").await.expect(200)["@odata.count"], 1);
    }
}
