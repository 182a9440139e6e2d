//! A mail server for tests: it takes what it is given, or refuses as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A mail that was taken.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    pub from: String,
    pub to: String,
    pub login: Option<String>,
    /// Head and body, without the line breaks of the encoding.
    pub text: String,
}

impl Taken {
    /// The address in the plain text.
    pub fn link(&self) -> String {
        let rest = &self.text[self.text.find("http").expect("a link")..];
        rest.split(|c: char| c.is_whitespace()).next().unwrap().to_owned()
    }

    /// The link without the host.
    pub fn path(&self) -> String {
        let link = self.link();
        link[link.find("/identity").expect("a path")..].to_owned()
    }
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    refusals: VecDeque<String>,
    silent: bool,
}

/// The server.
pub struct Receiver {
    pub port: u16,
    state: Arc<Mutex<State>>,
    met: Arc<AtomicUsize>,
    /// Told when the text of a mail has come in.
    pub came_in: Arc<Notify>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        Receiver::at("127.0.0.1").await
    }

    pub async fn at(address: &str) -> Receiver {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, came_in) = (Arc::new(Mutex::new(State::default())), Arc::new(Notify::new()));
        let (own, notify) = (state.clone(), came_in.clone());
        let met = Arc::new(AtomicUsize::new(0));
        let visits = met.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                visits.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(stream, own.clone(), notify.clone()));
            }
        });
        Receiver { port, state, met, came_in }
    }

    /// Answers so to the next senders, one each.
    pub fn refuse(&self, answers: &[&str]) {
        self.state.lock().unwrap().refusals.extend(answers.iter().map(|a| (*a).to_owned()));
    }

    /// Whether to leave senders without an answer once they have sent everything.
    pub fn be_silent(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    /// The only mail there is.
    #[track_caller]
    pub fn only(&self) -> Taken {
        let taken = self.taken();
        assert_eq!(taken.len(), 1, "{taken:?}");
        taken[0].clone()
    }

    /// How many connections came.
    pub fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().taken.clear();
    }
}

async fn converse(stream: TcpStream, state: Arc<Mutex<State>>, came_in: Arc<Notify>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mx.test ready\r\n").await.ok()?;
    let mut mail = Taken::default();
    while let Some(line) = lines.next_line().await.ok()? {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match word.as_str() {
            "EHLO" => "250-mx.test\r\n250 AUTH PLAIN".to_owned(),
            "AUTH" => {
                mail.login = line.split(' ').nth(2).map(str::to_owned);
                "235 fine".into()
            }
            "MAIL" => {
                mail.from = line.clone();
                state.lock().unwrap().refusals.pop_front().unwrap_or_else(|| "250 fine".into())
            }
            "RCPT" => {
                mail.to = line.clone();
                "250 fine".into()
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if line == "." {
                        break;
                    }
                    // Quoted-printable, as far as these mails need it.
                    match line.strip_suffix('=') {
                        Some(part) => text.push_str(part),
                        None => text.push_str(&format!("{line}\n")),
                    }
                }
                let silent = state.lock().unwrap().silent;
                came_in.notify_one();
                if silent {
                    std::future::pending::<()>().await;
                }
                let mut whole = std::mem::take(&mut mail);
                whole.text = text.replace("=3D", "=");
                state.lock().unwrap().taken.push(whole);
                "250 taken".into()
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => "250 fine".into(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    None
}
