//! A mail server that takes everything and keeps the text.

use bandmaster_testkit::wait;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server and what it got.
pub struct Mailbox {
    pub port: u16,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Mailbox {
    pub fn start() -> Mailbox {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = taken.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = kept.clone();
                std::thread::spawn(move || converse(&stream, &kept));
            }
        });
        Mailbox { port, taken }
    }

    /// The secret of the link in the mail with that path, once it has come.
    pub async fn token(&self, path: &str) -> String {
        let mark = format!("{path}?token=");
        wait::found("a mail", async || {
            let mails = self.taken.lock().expect("mails");
            let text = mails.iter().find_map(|m| m.split_once(&mark).map(|(_, rest)| rest.to_owned()))?;
            Some(text.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect())
        })
        .await
    }
}

fn converse(mut stream: &TcpStream, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    stream.write_all(b"220 mx.test ready\r\n").ok()?;
    while let Some(Ok(line)) = lines.next() {
        let answer = match line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => "250-mx.test\r\n250 AUTH PLAIN",
            "AUTH" => "235 fine",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").ok()?;
                let mut text = String::new();
                for line in lines.by_ref().map_while(Result::ok).take_while(|l| l != ".") {
                    // Quoted-printable, as far as these mails need it.
                    match line.strip_suffix('=') {
                        Some(part) => text.push_str(part),
                        None => text.push_str(&format!("{line}\n")),
                    }
                }
                kept.lock().ok()?.push(text.replace("=3D", "="));
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
    }
    Some(())
}
