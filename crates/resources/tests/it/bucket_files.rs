//! Files in buckets: addresses, uploads, lists, paths, deletion, options.

use crate::buckets::{body, bucket, by_id};
use crate::world::*;
use bandmaster_testkit::{Client, Reply, TestServer, Value, json, suite};
use reqwest::Method;
use std::time::Duration;

/// A function of a bucket.
fn function(bucket: &Value, name: &str) -> String {
    format!("{}/UiPath.Server.Configuration.OData.{name}", by_id(bucket))
}

fn escaped(path: &str) -> String {
    path.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

async fn address(client: &Client, bucket: &Value, function_name: &str, path: &str) -> Reply {
    client.get(&function(bucket, &format!("{function_name}?path={}&contentType=text%2Fplain", escaped(path)))).await
}

/// Uploads as clients do: asks for an address, sends the content there with nothing else.
async fn upload(server: &TestServer, client: &Client, bucket: &Value, path: &str, content: &[u8]) -> Reply {
    let access = address(client, bucket, "GetWriteUri", path).await.expect(200);
    assert_eq!((&access["Verb"], &access["RequiresAuth"]), (&json!("PUT"), &json!(false)));
    assert_eq!(access["Headers"], json!({"Keys": [], "Values": []}));
    put(server, access["Uri"].as_str().unwrap(), content).await
}

async fn put(server: &TestServer, uri: &str, content: &[u8]) -> Reply {
    let nobody = server.anonymous();
    nobody.send(nobody.request(Method::PUT, uri).body(content.to_vec())).await
}

async fn read_uri(client: &Client, bucket: &Value, path: &str) -> String {
    let access = client.get(&function(bucket, &format!("GetReadUri?path={}", escaped(path)))).await.expect(200);
    assert_eq!((&access["Verb"], &access["RequiresAuth"]), (&json!("GET"), &json!(false)));
    access["Uri"].as_str().unwrap().to_owned()
}

async fn download(server: &TestServer, client: &Client, bucket: &Value, path: &str) -> Vec<u8> {
    let reply = server.anonymous().get(&read_uri(client, bucket, path).await).await;
    assert_eq!(reply.status, 200);
    reply.bytes
}

fn paths(list: &Value) -> Vec<String> {
    column(list, "FullPath").iter().map(|p| p.as_str().unwrap().to_owned()).collect()
}

suite! {
    async fn a_file_is_written_read_replaced_and_deleted(server: &TestServer) {
        let admin = server.admin();
        let b = bucket(&admin, "b").await;
        address(&admin, &b, "GetReadUri", "dir/a.txt").await.error(404, 1002);
        let written = upload(server, &admin, &b, "dir/a.txt", b"hello world!").await;
        written.expect(201);
        assert!(written.bytes.is_empty());
        let file = admin.get(&function(&b, "GetFile?path=/dir/a.txt")).await.expect(200);
        assert_eq!((&file["FullPath"], &file["ContentType"], &file["Size"]), (&json!("/dir/a.txt"), &json!("text/plain"), &json!(12)));
        assert_eq!((&file["IsDirectory"], &file["Id"], &file["LastModified"]), (&json!(false), &json!("/dir/a.txt"), &json!("2026-01-05T08:00:00Z")));
        let reply = server.anonymous().get(&read_uri(&admin, &b, "dir/a.txt").await).await;
        assert_eq!((reply.status, reply.bytes.as_slice()), (200, b"hello world!".as_slice()));
        assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"a.txt\""));
        assert_eq!((reply.header("x-content-type-options"), reply.header("content-length")), (Some("nosniff"), Some("12")));
        let old = read_uri(&admin, &b, "dir/a.txt").await;
        server.clock.advance(Duration::from_secs(60));
        upload(server, &admin, &b, "\\dir\\a.txt", b"again").await.expect(201);
        assert_eq!(server.anonymous().get(&old).await.bytes, b"again");
        let file = admin.get(&function(&b, "GetFile?path=dir/a.txt&$select=Size,LastModified")).await.expect(200);
        assert_eq!((&file["Size"], &file["LastModified"]), (&json!(5), &json!("2026-01-05T08:01:00Z")));
        remove_files(server).await;
        assert_eq!(files(server).await, (1, 1));
        let delete = function(&b, "DeleteFile?path=dir%2Fa.txt");
        admin.delete(&delete).await.expect(204);
        admin.delete(&delete).await.error(404, 1002);
        admin.get(&function(&b, "GetFile?path=dir/a.txt")).await.error(404, 1002);
        server.anonymous().get(&old).await.error(404, 1002);
        remove_files(server).await;
        assert_eq!(files(server).await, (0, 0));
        let kinds: Vec<(Value, Value, Value)> = server.events().await.into_iter()
            .map(|e| (e["kind"].clone(), e["payload"].clone(), e["folder"].clone())).collect();
        let told = json!({"BucketName": "b", "FullPath": "/dir/a.txt"});
        let of = |kind: &str| (json!(kind), told.clone(), json!(server.shared));
        assert_eq!(kinds, [of("blobfile.uploaded"), of("blobfile.uploaded"), of("blobfile.deleted")]);
        let audit = audited(server, "Buckets").await;
        let actions: Vec<&str> = audit.iter().map(|(a, _)| a.as_str()).collect();
        assert_eq!(actions, ["Create", "CreateBlobFileSas", "CreateBlobFileSas", "DeleteBlobFile"]);
        assert!(!server.audit().await.iter().any(|e| e.to_string().contains("signature")), "addresses are credentials");
    }

    async fn addresses_hold_for_one_thing_and_their_time(server: &TestServer) {
        let admin = server.admin();
        let (b, c) = (bucket(&admin, "b").await, bucket(&admin, "c").await);
        upload(server, &admin, &b, "a", b"a").await.expect(201);
        let put_uri = address(&admin, &b, "GetWriteUri", "x").await.expect(200)["Uri"].as_str().unwrap().to_owned();
        let get = read_uri(&admin, &b, "a").await;
        let other = address(&admin, &c, "GetWriteUri", "x").await.expect(200)["Uri"].as_str().unwrap().to_owned();
        let key = |uri: &str| uri.split("/blob/buckets/").nth(1).unwrap().split('?').next().unwrap().to_owned();
        let value = |uri: &str, name: &str| uri.split(&format!("{name}=")).nth(1).unwrap().split('&').next().unwrap().to_owned();
        put(server, &get, b"x").await.error(403, 1017);
        admin.get(&put_uri).await.error(403, 1017);
        for uri in [
            put_uri.replace(&key(&put_uri), &key(&other)),
            put_uri.replace(&key(&put_uri), "no-guid"),
            put_uri.replace(&value(&put_uri, "file"), &value(&get, "file")),
            put_uri.replace(&value(&put_uri, "file"), "x"),
            put_uri.replace(&value(&put_uri, "expires"), "9999999999"),
            put_uri[..put_uri.len() - 1].to_owned(),
            put_uri.split('?').next().unwrap().to_owned(),
        ] {
            let reply = put(server, &uri, b"x").await;
            assert!(matches!(reply.status, 400 | 403), "{uri}: {}", reply.text());
        }
        assert_eq!(paths(&admin.get(&function(&b, "GetFiles")).await.expect(200)), ["/a"]);
        let short = admin.get(&function(&b, "GetReadUri?path=a&expiryInMinutes=1")).await.expect(200)["Uri"].as_str().unwrap().to_owned();
        server.clock.advance(Duration::from_secs(59));
        assert_eq!(server.anonymous().get(&short).await.status, 200);
        server.clock.advance(Duration::from_secs(1));
        server.anonymous().get(&short).await.error(403, 1017);
        server.clock.advance(Duration::from_secs(29 * 60 - 1));
        put(server, &put_uri, b"x").await.expect(201);
        server.clock.advance(Duration::from_secs(1));
        put(server, &put_uri, b"x").await.error(403, 1017);
        for bad in ["-1", "10081", "x"] {
            assert_eq!(admin.get(&function(&b, &format!("GetReadUri?path=a&expiryInMinutes={bad}"))).await.status, 400, "{bad}");
        }
        admin.get(&function(&b, "GetWriteUri?path=a&contentType=nothing")).await.error(400, 1009);
        // Deleting the bucket ends every address to it.
        let fresh = address(&admin, &b, "GetWriteUri", "y").await.expect(200)["Uri"].as_str().unwrap().to_owned();
        admin.delete(&by_id(&b)).await.expect(204);
        put(server, &fresh, b"x").await.error(404, 1002);
        remove_files(server).await;
        assert_eq!(files(server).await, (0, 0));
    }

    async fn paths_stay_inside(server: &TestServer) {
        let admin = server.admin();
        let b = bucket(&admin, "b").await;
        for path in ["", "/", "..", "../a", "a/../../b", "a//b", "a/", "./a", "..\\a", "a\u{1}b", "a\nb"] {
            for name in ["GetWriteUri", "GetReadUri", "GetFile"] {
                address(&admin, &b, name, path).await.error(400, 3103);
            }
            admin.delete(&function(&b, &format!("DeleteFile?path={}", escaped(path)))).await.error(400, 3103);
        }
        address(&admin, &b, "GetWriteUri", &"x".repeat(256)).await.error(400, 3103);
        address(&admin, &b, "GetWriteUri", &"x/".repeat(513)).await.error(400, 3103);
        for function_name in ["GetFiles", "GetDirectories"] {
            admin.get(&function(&b, &format!("{function_name}?directory=%2F..%2F"))).await.error(400, 3103);
        }
        let longest = format!("{}y", "x".repeat(127) + "/").repeat(7) + "z";
        for path in [longest.as_str(), "a&b+c%20?#;='\"ä 日本.txt", "C:/Temp/a", "%2e%2e/a", " "] {
            upload(server, &admin, &b, path, path.as_bytes()).await.expect(201);
            assert_eq!(download(server, &admin, &b, path).await, path.as_bytes());
            let file = admin.get(&function(&b, &format!("GetFile?path={}", escaped(path)))).await.expect(200);
            assert_eq!(file["FullPath"], format!("/{path}"));
            admin.delete(&function(&b, &format!("DeleteFile?path={}", escaped(path)))).await.expect(204);
        }
    }

    async fn files_are_listed(server: &TestServer) {
        let admin = server.admin();
        let (b, other) = (bucket(&admin, "b").await, bucket(&admin, "other").await);
        for path in ["a.txt", "B.TXT", "dir/a.txt", "dir/b.csv", "dir/sub/c.txt", "dir-2/d.txt", "dir.txt", "z/deep/er/e.txt"] {
            upload(server, &admin, &b, path, b"x").await.expect(201);
        }
        upload(server, &admin, &other, "dir/other.txt", b"x").await.expect(201);
        let files = async |query: &str| paths(&admin.get(&function(&b, &format!("GetFiles{query}"))).await.expect(200));
        for root in ["", "?directory=/", "?directory=%5C"] {
            assert_eq!(files(root).await, ["/B.TXT", "/a.txt", "/dir.txt"], "{root}");
        }
        assert_eq!(files("?directory=/dir").await, ["/dir/a.txt", "/dir/b.csv"]);
        assert_eq!(files("?directory=dir/&recursive=true").await, ["/dir/a.txt", "/dir/b.csv", "/dir/sub/c.txt"]);
        assert_eq!(files("?recursive=true").await.len(), 8);
        assert_eq!(files("?recursive=true&fileNameGlob=*.TXT&$orderby=FullPath desc&$top=2").await, ["/z/deep/er/e.txt", "/dir/sub/c.txt"]);
        assert_eq!(files("?directory=/dir&fileNameGlob=%3F.csv").await, ["/dir/b.csv"]);
        assert_eq!(files("?directory=/nothing&recursive=true").await, [] as [&str; 0]);
        assert_eq!(files("?recursive=true&$filter=endswith(FullPath, 'c.txt')").await, ["/dir/sub/c.txt"]);
        let page = admin.get(&function(&b, "GetFiles?directory=/&recursive=true&$skip=6&$top=5&$count=true")).await.expect(200);
        assert_eq!((paths(&page).len(), &page["@odata.count"]), (2, &json!(8)));
        admin.get(&function(&b, "GetFiles?$filter=Nothing eq 1")).await.error(400, 1000);

        let directories = async |query: &str| paths(&admin.get(&function(&b, &format!("GetDirectories{query}"))).await.expect(200));
        assert_eq!(directories("").await, ["/dir-2", "/dir", "/z"]);
        assert_eq!(directories("?directory=/dir").await, ["/dir/sub"]);
        assert_eq!(directories("?directory=/z&$top=1").await, ["/z/deep"]);
        assert_eq!(directories("?fileNameGlob=DIR*&$orderby=FullPath").await, ["/dir", "/dir-2"]);
        assert_eq!(directories("?directory=/dir/sub").await, [] as [&str; 0]);
        let one = admin.get(&function(&b, "GetDirectories?directory=/dir")).await.expect(200);
        assert_eq!((&one["value"][0]["IsDirectory"], &one["value"][0]["Id"]), (&json!(true), &json!("/dir/sub")));

        let pages = format!("/api/Buckets/{}/ListFiles", b["Id"]);
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("{pages}?takeHint=3{token}")).await.expect(200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 3 && items.iter().all(|i| i["size"] == 1 && i["accessInfo"].is_null()));
            seen.extend(items.iter().map(|i| i["fullPath"].as_str().unwrap().to_owned()));
            match page["continuationToken"].as_str() {
                Some(next) => token = format!("&continuationToken={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 8);
        assert!(seen.windows(2).all(|w| w[0] < w[1]));
        let some = admin.get(&format!("{pages}?prefix=dir/&expiryInMinutes=10")).await.expect(200);
        let items = some["items"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["fullPath"], &items[0]["contentType"]), (3, &json!("/dir/a.txt"), &json!("text/plain")));
        assert_eq!((&items[0]["lastModified"], &some["continuationToken"]), (&json!("2026-01-05T08:00:00Z"), &Value::Null));
        assert_eq!(server.anonymous().get(items[0]["accessInfo"]["Uri"].as_str().unwrap()).await.bytes, b"x");
        assert_eq!(admin.get(&format!("{pages}?prefix=/dir")).await.expect(200)["items"].as_array().unwrap().len(), 5);
        for bad in ["takeHint=-1", "continuationToken=%21", "continuationToken=Li4", "takeHint=x", "expiryInMinutes=-5"] {
            assert_eq!(admin.get(&format!("{pages}?{bad}")).await.status, 400, "{bad}");
        }
    }

    async fn many_directories_are_skipped_through(server: &TestServer) {
        let admin = server.admin();
        let b = bucket(&admin, "b").await;
        let mut unit = unit(server).await;
        let file = bandmaster_resources::files::announce(&mut unit, bandmaster_resources::files::Area::Buckets).await.unwrap();
        for n in 0..1_300 {
            let directory = if n < 1_200 { format!("/one/{n:04}/") } else { format!("/d{n}/") };
            unit.execute(
                "INSERT INTO bucket_files (tenant_id, bucket_id, path, directory, name, size, file_id, written_at) \
                 SELECT tenant_id, id, $1 || 'x', $1, 'x', 0, $2, 0 FROM buckets WHERE id = $3",
                bandmaster_store::params![directory, file.as_str(), b["Id"].as_i64().unwrap()],
            ).await.unwrap();
        }
        unit.commit().await.unwrap();
        let root = admin.get(&function(&b, "GetDirectories?$count=true&$top=1000")).await.expect(200);
        assert_eq!((&root["@odata.count"], rows(&root).len()), (&json!(101), 101));
        let one = admin.get(&function(&b, "GetDirectories?directory=one&$count=true&$top=1")).await.expect(200);
        assert_eq!(one["@odata.count"], 1_200);
    }

    async fn options_are_held(server: &TestServer) {
        let admin = server.admin();
        let b = bucket(&admin, "b").await;
        upload(server, &admin, &b, "a", b"a").await.expect(201);
        let before = address(&admin, &b, "GetWriteUri", "a").await.expect(200)["Uri"].as_str().unwrap().to_owned();
        let mut wish = b.clone();
        wish["Options"] = json!("ReadOnly,AuditReadAccess");
        admin.put(&by_id(&b), wish.clone()).await.expect(200);
        address(&admin, &b, "GetWriteUri", "x").await.error(409, 3102);
        admin.delete(&function(&b, "DeleteFile?path=a")).await.error(409, 3102);
        put(server, &before, b"x").await.error(409, 3102);
        assert_eq!(download(server, &admin, &b, "a").await, b"a");
        admin.get(&format!("/api/Buckets/{}/ListFiles?expiryInMinutes=5", b["Id"])).await.expect(200);
        let reads: Vec<Value> = server.audit().await.into_iter().filter(|e| e["after"]["Access"] == "Read").collect();
        assert_eq!(reads.len(), 2);
        assert_eq!((&reads[0]["action"], &reads[0]["name"], &reads[0]["after"]["FullPath"]), (&json!("CreateBlobFileSas"), &json!("b"), &json!("/a")));
        wish["Options"] = Value::Null;
        admin.put(&by_id(&b), wish).await.expect(200);
        put(server, &before, b"x").await.expect(201);
        admin.delete(&by_id(&b)).await.expect(204);
    }

    async fn robots_read_and_write_but_do_not_delete(server: &TestServer) {
        let admin = server.admin();
        let b = bucket(&admin, "b").await;
        let robot = server.application("OR.Administration", Some("Automation User")).await;
        upload(server, &robot, &b, "a", b"a").await.expect(201);
        assert_eq!(download(server, &robot, &b, "a").await, b"a");
        robot.delete(&function(&b, "DeleteFile?path=a")).await.error(403, 0);
        server.anonymous().in_folder(server.shared).get(&function(&b, "GetReadUri?path=a")).await.error(401, 0);
    }

    async fn of_uploads_at_once_one_whole_content_stays(server: &TestServer) {
        let admin = server.admin();
        let b = bucket(&admin, "b").await;
        for _ in 0..3 {
            let uri = address(&admin, &b, "GetWriteUri", "a").await.expect(200)["Uri"].as_str().unwrap().to_owned();
            let contents: Vec<Vec<u8>> = (0..4u8).map(|n| vec![n; 40_000 + usize::from(n)]).collect();
            let replies = futures::future::join_all(contents.iter().map(|c| put(server, &uri, c))).await;
            assert!(replies.iter().all(|r| r.status == 201), "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
            let content = download(server, &admin, &b, "a").await;
            assert!(contents.contains(&content));
            remove_files(server).await;
            assert_eq!(files(server).await, (1, 1));
        }
    }

    async fn too_large_and_cut_uploads_change_nothing(server: &TestServer) {
        let admin = server.admin();
        let b = bucket(&admin, "b").await;
        upload(server, &admin, &b, "a", b"whole").await.expect(201);
        let uri = address(&admin, &b, "GetWriteUri", "a").await.expect(200)["Uri"].as_str().unwrap().to_owned();
        let length = server.app().settings.max_upload_bytes + 1;
        let mut stream = crate::uploads::begin(server, &uri, length, b"").await;
        let mut answer = vec![0; 12];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 413");
        let stream = crate::uploads::begin(server, &uri, 1_000_000, b"only the beginning").await;
        crate::uploads::settled(server, (2, 2)).await;
        drop(stream);
        bandmaster_testkit::wait::until("the cut file to go", async || {
            remove_files(server).await;
            files(server).await == (1, 1)
        }).await;
        assert_eq!(download(server, &admin, &b, "a").await, b"whole");
    }

    async fn folders_and_buckets_take_their_files_along(server: &TestServer) {
        let admin = server.admin();
        let doomed = folder(server, "Doomed").await;
        let inside = admin.in_folder(doomed);
        let (gone, shared) = (bucket(&inside, "gone").await, bucket(&inside, "shared").await);
        let share = json!({"BucketIds": [shared["Id"]], "ToAddFolderIds": [server.shared]});
        admin.post(&op("Buckets", "ShareToFolders"), share).await.expect(204);
        for b in [&gone, &shared] {
            upload(server, &inside, b, "a", b"a").await.expect(201);
            upload(server, &inside, b, "b", b"b").await.expect(201);
        }
        admin.without_folder().delete(&format!("/odata/Folders({doomed})")).await.expect(204);
        remove_files(server).await;
        assert_eq!(files(server).await, (2, 2));
        assert_eq!(admin.get(&by_id(&shared)).await.expect(200)["FoldersCount"], 1);
        assert_eq!(download(server, &admin, &shared, "a").await, b"a");
        admin.delete(&by_id(&shared)).await.expect(204);
        remove_files(server).await;
        assert_eq!(files(server).await, (0, 0));
        admin.post("/odata/Buckets", body("shared", 1)).await.expect(201);
    }
}
