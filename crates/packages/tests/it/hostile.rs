//! Uploads that are not what they should be: every one is a 4xx and leaves nothing behind.

use crate::form::{BOUNDARY, Part, file, form};
use crate::world::{MAX_UPLOAD, package, suite};
use axum::body::{Body, Bytes};
use serde_json::json;

const PATH: &str = "/odata/Processes/UiPath.Server.Configuration.OData.UploadPackage";
const LIBRARIES: &str = "/odata/Libraries/UiPath.Server.Configuration.OData.UploadPackage";

fn multipart() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

suite! {
    async fn forms_that_are_none(world: &World) {
        let admin = world.admin();
        let whole = form(&[file("a.nupkg", &package("A", "1.0.0"))]);
        for path in [PATH, LIBRARIES] {
            for (ty, body, code) in [
                ("", Vec::new(), 1664),
                ("application/json", b"{}".to_vec(), 1664),
                ("application/octet-stream", package("A", "1.0.0"), 1664),
                ("multipart/form-data", whole.clone(), 1664),
                (multipart().as_str(), Vec::new(), 1654),
                (multipart().as_str(), b"nonsense".to_vec(), 1654),
                (multipart().as_str(), form(&[]), 1664),
                (multipart().as_str(), form(&[Part { field: "file", file: None, content: b"x" }]), 1664),
                (multipart().as_str(), form(&[file("", b"x")]), 1664),
                (multipart().as_str(), whole[..40].to_vec(), 1654),
                (multipart().as_str(), whole[..whole.len() / 2].to_vec(), 1654),
                (multipart().as_str(), whole[..whole.len() - 10].to_vec(), 1654),
            ] {
                let shown = format!("{ty} {}", String::from_utf8_lossy(&body[..body.len().min(40)]));
                let reply = admin.raw("POST", path, ty, Body::from(body)).await;
                assert_eq!(reply.status, 400, "{shown}");
                assert_eq!(reply.expect(400)["errorCode"], code, "{shown}");
            }
        }
        assert!(world.stored().is_empty(), "{:?}", world.stored());
        assert_eq!(admin.get("/odata/Processes").await.expect(200)["value"], json!([]));
    }

    async fn files_that_are_no_packages(world: &World) {
        let admin = world.admin();
        let good = package("A", "1.0.0");
        let mut damaged = good.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 20].fill(0xff);
        for bytes in [&b""[..], b"text", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &good[..100], &good[10..], &damaged] {
            admin.upload(bytes).await.error(400, 1654);
        }
        for name in ["a.zip", "a", "nupkg", "a.nupkg.exe", "..", "a.nupkg/"] {
            let reply = admin.form("POST", PATH, &[file(name, &good)]).await;
            let code = reply.expect(400)["errorCode"].clone();
            assert!(code == 1663 || code == 1664, "{name}: {code}");
        }
        let many: Vec<Part<'_>> = (0..11).map(|_| file("a.nupkg", &good)).collect();
        admin.form("POST", PATH, &many).await.error(400, 1664);
        let chatter: Vec<Part<'_>> = (0..60).map(|_| Part { field: "x", file: None, content: b"" }).collect();
        admin.form("POST", PATH, &chatter).await.error(400, 1664);
        assert!(world.stored().is_empty(), "{:?}", world.stored());
    }

    async fn names_stay_names(world: &World) {
        let admin = world.admin();
        let bytes = package("A", "1.0.0");
        admin.form("POST", PATH, &[file("../../../../tmp/evil.nupkg", &bytes)]).await.expect(200);
        let stored = world.stored();
        assert_eq!(stored.len(), 1);
        assert!(stored[0].ends_with(".nupkg") && !stored[0].contains("evil"), "{stored:?}");
    }

    async fn too_large(world: &World) {
        let admin = world.admin();
        let large = vec![0u8; usize::try_from(MAX_UPLOAD).unwrap() + 1];
        admin.upload(&large).await.error(413, 1000);
        let note = vec![b'x'; 100 << 10];
        admin.form("POST", PATH, &[Part { field: "note", file: None, content: &note }]).await.error(413, 1000);
        // A wrong name does not let more through either.
        admin.form("POST", PATH, &[file("a.txt", &large)]).await.error(413, 1000);
        // Larger than what frameworks take by themselves, and fine.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(3 << 20)
        .collect();
        let bytes = crate::world::builder("Big", "1.0.0").file("noise.bin", noise).build().unwrap();
        assert!(bytes.len() > 2 << 20, "{}", bytes.len());
        admin.upload(&bytes).await.expect(200);
        assert_eq!(world.stored().len(), 1);
    }

    async fn a_client_that_hangs_up(world: &World) {
        let admin = world.admin();
        let whole = form(&[file("a.nupkg", &package("A", "1.0.0"))]);
        let pieces: Vec<Result<Bytes, std::io::Error>> = vec![
            Ok(Bytes::from(whole[..200].to_vec())),
            Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "gone")),
        ];
        let body = Body::from_stream(futures::stream::iter(pieces));
        admin.raw("POST", PATH, &multipart(), body).await.error(400, 1654);
        assert!(world.stored().is_empty(), "{:?}", world.stored());
        admin.upload(&package("A", "1.0.0")).await.expect(200);
    }

    async fn options_are_looked_at_first(world: &World) {
        let admin = world.admin();
        let bytes = package("A", "1.0.0");
        admin.form("POST", &format!("{PATH}?$orderby=NoSuch"), &[file("a.nupkg", &bytes)]).await.error(400, 1000);
        assert!(world.stored().is_empty());
        admin.form("POST", &format!("{PATH}?feedId=x"), &[file("a.nupkg", &bytes)]).await.error(400, 1009);
        let no_feed = "00000000-0000-4000-8000-000000000001";
        admin.form("POST", &format!("{PATH}?feedId={no_feed}"), &[file("a.nupkg", &bytes)]).await.error(404, 1002);
    }
}
