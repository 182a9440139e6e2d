//! `Status_VerifyHostAvailibility` against small listeners. The servers of these tests allow 127.0.0.1 and nothing else
//! of this machine, and trust the test kit's certificate, which is for localhost and 127.0.0.1.

use bandmaster_testkit::{Client, Value, json, suite};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const PATH: &str = "/api/Status/VerifyHostAvailibility";

fn path(url: &str) -> String {
    let encoded: String = url.bytes().map(|b| format!("%{b:02X}")).collect();
    format!("{PATH}?url={encoded}")
}

async fn verified(client: &Client, url: &str) -> Value {
    client.get(&path(url)).await.expect(200)
}

fn answer(connected: bool, bad: bool, error: Option<&str>) -> Value {
    json!({"canConnect": connected, "hasBadSsl": bad, "connectionError": error})
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A TLS server with a certificate of the server crate's tests or the test kit's.
async fn secure(chain: &str) -> u16 {
    let (listener, port) = listener().await;
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../../testkit/assets/key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = TlsAcceptor::from(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move { tls.accept(stream).await.map(drop) });
        }
    });
    port
}

/// Whether anybody connects.
fn visitor(listener: TcpListener) -> JoinHandle<TcpStream> {
    tokio::spawn(async move { listener.accept().await.unwrap().0 })
}

suite! {
    async fn a_host_that_answers_is_available(server: &TestServer) {
        let (admin, (listener, port)) = (server.admin(), listener().await);
        let visited = visitor(listener);
        let told = verified(&admin, &format!("http://127.0.0.1:{port}/hooks?x=1#y")).await;
        assert_eq!(told, answer(true, false, None));
        // Nothing was sent.
        let (stream, mut byte) = (visited.await.unwrap(), [0]);
        stream.readable().await.unwrap();
        assert_eq!(stream.try_read(&mut byte).unwrap(), 0);
        let port = secure(include_str!("../../../testkit/assets/certificate.pem")).await;
        assert_eq!(verified(&admin, &format!("https://127.0.0.1:{port}")).await, answer(true, false, None));
    }

    async fn a_host_that_refuses_is_not(server: &TestServer) {
        let (listener, port) = listener().await;
        drop(listener);
        for scheme in ["http", "https"] {
            let told = verified(&server.admin(), &format!("{scheme}://127.0.0.1:{port}/")).await;
            assert_eq!(told, answer(false, false, Some("The connection was refused.")));
        }
    }

    async fn a_bad_certificate_is_told(server: &TestServer) {
        let bad = answer(true, true, Some("No trusted TLS connection was possible."));
        let port = secure(include_str!("reachability/stranger.pem")).await;
        assert_eq!(verified(&server.admin(), &format!("https://127.0.0.1:{port}/")).await, bad);
        // No TLS at all behind https: the connection ends without a handshake.
        let (listener, port) = listener().await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream);
            }
        });
        assert_eq!(verified(&server.admin(), &format!("https://127.0.0.1:{port}/")).await, bad);
    }

    async fn a_host_that_hangs_is_given_up(server: &TestServer) {
        let (listener, port) = listener().await;
        let visited = visitor(listener);
        let told = verified(&server.admin(), &format!("https://127.0.0.1:{port}/")).await;
        assert_eq!(told, answer(true, false, Some("The host took too long to answer.")));
        drop(visited.await.unwrap());
    }

    async fn addresses_that_are_not_public_are_not_tried(server: &TestServer) {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let visited = visitor(listener);
        let closed = answer(false, false, Some("The server's configuration does not allow connections to this address."));
        for host in [
            "127.0.0.2", "2130706434", "0x7f.2", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.0.0.1", "192.168.1.1",
            "169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "[::]",
            "224.0.0.1",
        ] {
            for scheme in ["http", "https"] {
                assert_eq!(verified(&server.admin(), &format!("{scheme}://{host}:{port}/")).await, closed, "{host}");
            }
        }
        assert!(!visited.is_finished());
        visited.abort();
    }

    async fn what_is_no_address_is_refused(server: &TestServer) {
        let admin = server.admin();
        let long = format!("http://127.0.0.1/{}", "x".repeat(2_000));
        for url in [
            "127.0.0.1", "/x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://u:p@127.0.0.1/", "http://a b/",
            "http://127.0.0.1:99999/", "http:127.0.0.1", "http://[::1", "javascript:1", "http://127.0.0.1/\r\nX: y", &long,
        ] {
            admin.get(&path(url)).await.error(400, 1009);
        }
        admin.get(PATH).await.error(400, 1009);
        admin.get(&format!("{PATH}?url=")).await.error(400, 1009);
    }

    async fn who_may_not_write_webhooks_may_not_ask(server: &TestServer) {
        let url = path("http://127.0.0.2/");
        server.anonymous().get(&url).await.error(401, 0);
        server.bare_application("OR.Webhooks").await.get(&url).await.error(403, 0);
        server.bare_application("OR.Assets").await.get(&url).await.error(403, 0);
        server.other_tenant().await.get(&url).await.expect(200);
    }
}
