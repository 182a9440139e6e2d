//! Contents of attachments: signed addresses, uploads that are cut, repeated, too large or at once.

use crate::attachments::{attach, uri, write};
use crate::world::*;
use bandmaster_testkit::{TestServer, Value, suite};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends the head of an upload that announces `length` bytes, and `sent` of them; the connection stays open.
pub async fn begin(server: &TestServer, uri: &str, length: u64, sent: &[u8]) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    let path = uri.strip_prefix(&server.url).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("PUT {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

/// Waits until files are as expected: rows and files on disk.
pub async fn settled(server: &TestServer, expected: (i64, usize)) {
    bandmaster_testkit::wait::until("the files", async || files(server).await == expected).await;
}

suite! {
    async fn addresses_hold_for_one_thing_and_one_hour(server: &TestServer) {
        let (admin, nobody) = (server.admin(), server.anonymous());
        let made = attach(&admin, "a").await;
        let put = uri(&made);
        let send = async |uri: &str| nobody.send(nobody.request(reqwest::Method::PUT, uri).body("x")).await;
        let other = attach(&admin, "b").await;
        let (mine, theirs) = (made["Id"].as_str().unwrap(), other["Id"].as_str().unwrap());
        let expires = put.split("expires=").nth(1).unwrap().split('&').next().unwrap();
        let later = (expires.parse::<i64>().unwrap() + 1).to_string();
        let last = if put.ends_with('0') { "1" } else { "0" };
        let altered = [
            format!("{}{last}", &put[..put.len() - 1]),
            put[..put.len() - 1].to_owned(),
            put.replace(mine, theirs),
            put.replace(mine, "not-a-guid"),
            put.replace(expires, &later),
            put.replace("signature=", "sig="),
            put.split('?').next().unwrap().to_owned(),
        ];
        for uri in &altered {
            let reply = send(uri).await;
            assert!(matches!(reply.status, 400 | 403), "{uri}: {}", reply.text());
            let reply = nobody.get(uri).await;
            assert!(matches!(reply.status, 400 | 403), "{uri}: {}", reply.text());
        }
        send(&altered[0]).await.error(403, 1017);
        // An address to write does not read, even with rights; one to read does not write.
        nobody.get(&put).await.error(403, 1017);
        admin.get(&put).await.error(403, 1017);
        let get = uri(&admin.get(&format!("/odata/Attachments({mine})")).await.expect(200));
        send(&get).await.error(403, 1017);
        assert_eq!(files(server).await, (0, 0));
        server.clock.advance(Duration::from_secs(3599));
        send(&put).await.expect(201);
        assert_eq!(nobody.get(&get).await.status, 200);
        server.clock.advance(Duration::from_secs(1));
        send(&put).await.error(403, 1017);
        nobody.get(&get).await.error(403, 1017);
        let fresh = uri(&admin.get(&format!("/odata/Attachments({mine})")).await.expect(200));
        assert_eq!(nobody.get(&fresh).await.bytes, b"x");
    }

    async fn a_cut_upload_leaves_nothing_and_can_be_repeated(server: &TestServer) {
        let (admin, nobody) = (server.admin(), server.anonymous());
        let made = attach(&admin, "a").await;
        let stream = begin(server, &uri(&made), 1_000_000, b"only the beginning").await;
        settled(server, (1, 1)).await;
        drop(stream);
        // The server notices, gives the file up, and the duty forgets it.
        for _ in 0..500 {
            remove_files(server).await;
            if files(server).await == (0, 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        settled(server, (0, 0)).await;
        let one = admin.get(&format!("/odata/Attachments({})", made["Id"].as_str().unwrap())).await.expect(200);
        assert_eq!(one["LastModificationTime"], Value::Null);
        nobody.get(&uri(&one)).await.error(404, 1002);
        write(&nobody, &made, b"whole").await.expect(201);
        assert_eq!(nobody.get(&uri(&one)).await.bytes, b"whole");
        assert_eq!(files(server).await, (1, 1));
    }

    async fn a_file_whose_writer_died_is_forgotten(server: &TestServer) {
        let made = attach(&server.admin(), "a").await;
        let stream = begin(server, &uri(&made), 1_000_000, b"slow").await;
        settled(server, (1, 1)).await;
        remove_files(server).await;
        assert_eq!(files(server).await, (1, 1), "it may still be written");
        server.clock.advance(Duration::from_secs(25 * 3600));
        remove_files(server).await;
        assert_eq!(files(server).await, (0, 0));
        drop(stream);
    }

    async fn content_is_written_once(server: &TestServer) {
        let (admin, nobody) = (server.admin(), server.anonymous());
        let made = attach(&admin, "a").await;
        write(&nobody, &made, b"first").await.expect(201);
        write(&nobody, &made, b"first").await.expect(201);
        write(&nobody, &made, b"other").await.error(409, 1004);
        write(&nobody, &made, b"").await.error(409, 1004);
        let one = admin.get(&format!("/odata/Attachments({})", made["Id"].as_str().unwrap())).await.expect(200);
        assert_eq!(nobody.get(&uri(&one)).await.bytes, b"first");
        assert_eq!(files(server).await, (1, 1));
        let empty = attach(&admin, "empty").await;
        write(&nobody, &empty, b"").await.expect(201);
        let one = admin.get(&format!("/odata/Attachments({})", empty["Id"].as_str().unwrap())).await.expect(200);
        let read = nobody.get(&uri(&one)).await;
        assert_eq!((read.status, read.bytes.len()), (200, 0));
    }

    async fn of_two_uploads_at_once_one_counts(server: &TestServer) {
        let (admin, nobody) = (server.admin(), server.anonymous());
        for round in 0..5 {
            let made = attach(&admin, "a").await;
            let contents: Vec<Vec<u8>> = (0..4u8).map(|n| vec![n; 50_000 + usize::from(n)]).collect();
            let replies = futures::future::join_all(contents.iter().map(|c| write(&nobody, &made, c))).await;
            let won: Vec<usize> = replies.iter().enumerate().filter(|(_, r)| r.status == 201).map(|(at, _)| at).collect();
            assert_eq!(won.len(), 1, "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
            assert!(replies.iter().all(|r| matches!(r.status, 201 | 409)));
            let one = admin.get(&format!("/odata/Attachments({})", made["Id"].as_str().unwrap())).await.expect(200);
            assert!(nobody.get(&uri(&one)).await.bytes == contents[won[0]]);
            remove_files(server).await;
            assert_eq!(files(server).await, (round + 1, usize::try_from(round).unwrap() + 1));
        }
    }

    async fn what_is_too_large_is_refused_at_once(server: &TestServer) {
        let made = attach(&server.admin(), "a").await;
        let length = server.app().settings.max_upload_bytes + 1;
        let mut stream = begin(server, &uri(&made), length, b"").await;
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 413");
        assert_eq!(files(server).await, (0, 0));
    }

    async fn large_contents_pass(server: &TestServer) {
        let (admin, nobody) = (server.admin(), server.anonymous());
        let made = attach(&admin, "large").await;
        let content: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[usize::from(n % 3 == 0)]).collect();
        write(&nobody, &made, &content).await.expect(201);
        let one = admin.get(&format!("/odata/Attachments({})", made["Id"].as_str().unwrap())).await.expect(200);
        assert!(nobody.get(&uri(&one)).await.bytes == content);
    }
}
