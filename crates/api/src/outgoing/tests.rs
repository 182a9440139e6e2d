//! The guarded client against small listeners, with name servers of the tests' own.

use super::*;
use futures::future::BoxFuture;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CERTIFICATE: &[u8] = include_bytes!("../../../testkit/assets/certificate.pem");
const KEY: &[u8] = include_bytes!("../../../testkit/assets/key.pem");
const PATIENT: Duration = Duration::from_secs(20);

/// Answers lookups one after the other; the last answer stays.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Vec<IpAddr>>>>, Arc<AtomicUsize>);

impl Told {
    fn one_after_the_other(answers: &[&[&str]]) -> Told {
        let parsed = answers.iter().rev().map(|list| list.iter().map(|a| a.parse().unwrap()).collect());
        Told(Arc::new(Mutex::new(parsed.collect())), Arc::default())
    }
}

impl Names for Told {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut left = self.0.lock().unwrap();
        let next = if left.len() > 1 { left.pop() } else { left.last().cloned() };
        Box::pin(async move { next.ok_or_else(|| io::Error::other("no such name")) })
    }
}

fn client(allowed: &str, told: &Told, patience: Duration) -> Outgoing {
    let authorities = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<_, _>>().unwrap();
    Outgoing::with_names(Allowed::parse(allowed).unwrap(), authorities, patience, Arc::new(told.clone()))
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn answer_over(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: String, asked: Arc<AtomicUsize>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// An HTTP server that always answers the same; its port, and how often it was asked.
async fn answering(answer: &str, secure: bool) -> (u16, Arc<AtomicUsize>) {
    let (listener, port) = listener().await;
    let (answer, asked) = (answer.to_owned(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let chain = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<Vec<_>, _>>().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, count, tls) = (answer.clone(), count.clone(), tls.clone());
            tokio::spawn(async move {
                match secure {
                    true => {
                        if let Ok(stream) = tls.accept(stream).await {
                            answer_over(stream, answer, count).await;
                        }
                    }
                    false => answer_over(stream, answer, count).await,
                }
            });
        }
    });
    (port, asked)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn get(url: &str) -> Sent {
    Sent::get(address_of(url).unwrap(), 1_000)
}

#[test]
fn addresses_are_read_strictly() {
    for good in ["http://a.test", "https://a.test:8443/x?y=z#w", "HTTPS://[::1]/", "http://127.0.0.1:1"] {
        assert!(address_of(good).is_ok(), "{good}");
    }
    let long = format!("https://a.test/{}", "x".repeat(2_000));
    for bad in [
        "",
        "a.test",
        "/x",
        "ftp://a.test",
        "file:///etc/passwd",
        "https:a.test",
        "https:///",
        "http://u:p@a.test/",
        "http://u@a.test",
        "http://a.test/\r\nX: y",
        "http:// a.test",
        "gopher://127.0.0.1",
        long.as_str(),
        "http://[::1",
        "http://999.1.1.1",
    ] {
        assert_eq!(address_of(bad).unwrap_err(), Trouble::NoAddress, "{bad}");
    }
    // The many ways to write an IPv4 address are one address.
    for text in ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://１２７.0.0.1/"]
    {
        assert_eq!(address_of(text).unwrap().host_str(), Some("127.0.0.1"), "{text}");
    }
}

#[tokio::test]
async fn every_address_of_a_name_must_be_permitted() {
    for (answers, expected) in [
        (&["127.0.0.1"][..], None),
        (&["127.0.0.1", "127.0.0.1"], None),
        (&["127.0.0.1", "10.0.0.1"], Some(Trouble::NotAllowed)),
        (&["93.184.216.34", "169.254.169.254"], Some(Trouble::NotAllowed)),
        (&["::ffff:127.0.0.1"], Some(Trouble::NotAllowed)),
        (&["fd00::1"], Some(Trouble::NotAllowed)),
        (&[], Some(Trouble::Unknown)),
    ] {
        let (_listener, port) = listener().await;
        let out = client("127.0.0.1", &Told::one_after_the_other(&[answers]), PATIENT);
        assert_eq!(out.connect("name.test", port).await.err(), expected, "{answers:?}");
        assert_eq!(out.addresses("name.test").await.err(), expected, "{answers:?}");
    }
    let nobody = client("127.0.0.1", &Told::default(), PATIENT);
    assert_eq!(nobody.connect("name.test", 1).await.err(), Some(Trouble::Unknown));
    let (_listener, port) = listener().await;
    assert_eq!(nobody.connect("127.0.0.1", port).await.err(), None);
    for host in ["127.0.0.2", "::1", "[::1]", "10.1.2.3", "169.254.169.254", "[::ffff:7f00:1]"] {
        assert_eq!(nobody.connect(host, port).await.err(), Some(Trouble::NotAllowed), "{host}");
    }
    // A name on the list may lead anywhere.
    let named = client("name.test", &Told::one_after_the_other(&[&["127.0.0.1"]]), PATIENT);
    assert_eq!(named.connect("Name.Test.", port).await.err(), None);
    assert_eq!(named.connect("other.test", port).await.err(), Some(Trouble::NotAllowed));
}

#[tokio::test]
async fn a_second_answer_of_the_name_server_plays_no_part() {
    let (port, asked) = answering(&ok("fine"), false).await;
    let told = Told::one_after_the_other(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let out = client("127.0.0.1", &told, PATIENT);
    let answer = out.send(get(&format!("http://name.test:{port}/"))).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"fine"[..]));
    assert_eq!((told.1.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (1, 1));
    // The server has closed the connection; the next one asks again, and is refused.
    let again = out.send(get(&format!("http://name.test:{port}/"))).await;
    assert_eq!(again.err(), Some(Trouble::NotAllowed));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_what_is_not_permitted() {
    let (port, asked) = answering(&ok("secret"), false).await;
    let told = Told::one_after_the_other(&[&["127.0.0.1"]]);
    let out = client("", &told, PATIENT);
    for host in ["name.test", "127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0", "[::]"] {
        let answer = out.send(get(&format!("http://{host}:{port}/"))).await;
        assert_eq!(answer.err(), Some(Trouble::NotAllowed), "{host}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_are_answers() {
    let (target, asked) = answering(&ok("no"), false).await;
    let moved = format!("HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n");
    let (port, _) = answering(&moved, false).await;
    let out = client("127.0.0.1", &Told::default(), PATIENT);
    assert_eq!(out.send(get(&format!("http://127.0.0.1:{port}/"))).await.unwrap().status, 307);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn sizes_and_times_are_bounded() {
    let out = client("127.0.0.1", &Told::default(), PATIENT);
    for (size, trouble) in [(1_000, None), (1_001, Some(Trouble::TooLarge)), (4 << 20, Some(Trouble::TooLarge))] {
        let (port, _) = answering(&ok(&"x".repeat(size)), false).await;
        assert_eq!(out.send(get(&format!("http://127.0.0.1:{port}/"))).await.err(), trouble, "{size}");
    }
    let (port, _) = answering("no http at all\r\n\r\n", false).await;
    assert_eq!(out.send(get(&format!("http://127.0.0.1:{port}/"))).await.err(), Some(Trouble::NotUnderstood));
    // One that never answers, and one whose answer never ends.
    let hurried = client("127.0.0.1", &Told::default(), Duration::from_millis(300));
    let (_silent, port) = listener().await;
    assert_eq!(hurried.send(get(&format!("http://127.0.0.1:{port}/"))).await.err(), Some(Trouble::TooLong));
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(hurried.tls("localhost", stream).await.err(), Some(Trouble::TooLong));
    let (endless, port) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = endless.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1_000]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx").await;
        std::future::pending::<()>().await;
    });
    assert_eq!(hurried.send(get(&format!("http://127.0.0.1:{port}/"))).await.err(), Some(Trouble::TooLong));
    // Nobody there.
    let (gone, port) = listener().await;
    drop(gone);
    assert_eq!(out.send(get(&format!("http://127.0.0.1:{port}/"))).await.err(), Some(Trouble::Refused));
    assert_eq!(out.connect("127.0.0.1", port).await.err(), Some(Trouble::Refused));
    // A name server that never answers.
    struct Silent;
    impl Names for Silent {
        fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let brief = Duration::from_millis(50);
    let lost = Outgoing::with_names(Allowed::default(), Vec::new(), brief, Arc::new(Silent));
    assert_eq!(lost.connect("name.test", 1).await.err(), Some(Trouble::TooLong));
    assert_eq!(lost.send(get("http://name.test/")).await.err(), Some(Trouble::TooLong));
}

#[tokio::test]
async fn certificates_are_checked_against_the_name() {
    let (port, asked) = answering(&ok("fine"), true).await;
    let told = Told::one_after_the_other(&[&["127.0.0.1"]]);
    let out = client("127.0.0.1", &told, PATIENT);
    let trusting = client("127.0.0.1", &told, PATIENT);
    assert_eq!(out.send(get(&format!("https://localhost:{port}/"))).await.unwrap().status, 200);
    assert_eq!(out.send(get(&format!("https://127.0.0.1:{port}/"))).await.unwrap().status, 200);
    let other = format!("https://other.test:{port}/");
    assert_eq!(out.send(get(&other)).await.err(), Some(Trouble::Tls));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(trusting.send(Sent { any_certificate: true, ..get(&other) }).await.unwrap().status, 200);
    // Without the authority nothing of it is trusted; trusting any certificate still means permitted addresses only.
    let strange = Outgoing::with_names(Allowed::parse("127.0.0.1").unwrap(), Vec::new(), PATIENT, Arc::new(told));
    assert_eq!(strange.send(get(&format!("https://localhost:{port}/"))).await.err(), Some(Trouble::Tls));
    let unlisted = Outgoing::new(Allowed::default(), Vec::new(), PATIENT);
    let sent = Sent { any_certificate: true, ..get(&format!("https://127.0.0.1:{port}/")) };
    assert_eq!(unlisted.send(sent).await.err(), Some(Trouble::NotAllowed));
    for (host, trouble) in [("localhost", None), ("127.0.0.1", None), ("other.test", Some(Trouble::Tls))] {
        let stream = out.connect("127.0.0.1", port).await.unwrap();
        assert_eq!(out.tls(host, stream).await.err(), trouble, "{host}");
    }
    // No TLS behind https.
    let (gone, plain) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = gone.accept().await {
            // Read first and waited for afterwards, so that what it says arrives before its end does.
            let _ = stream.read(&mut [0; 1_000]).await;
            let _ = stream.write_all(b"220 mail\r\n").await;
            let _ = stream.read(&mut [0; 1_000]).await;
        }
    });
    assert_eq!(out.send(get(&format!("https://localhost:{plain}/"))).await.err(), Some(Trouble::Tls));
}
