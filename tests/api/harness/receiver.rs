//! Somebody who is told of events: a server of his own that keeps what it gets and answers as the
//! scenario wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Setup;

/// Parts of the address that nobody else may know.
const PATH: &str = "/hooks/Xk9vT8uW5eB7aN4pL6sHdFgZ";
const QUERY: &str = "code=Mc6d9WfH3sLpq8Zr&for=a%20b";
const SECRET: &str = "whsec_Zk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1EQk0Jc2R3m1w=";

/// What it does with a message.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16),
    /// Takes the message and hangs up before it has answered.
    HangUp,
    /// Answers nothing until the receiver is told to, then with this status.
    Hold(u16),
    /// Sends the client elsewhere.
    Redirect(String),
    /// Answers 200 with a body that never ends.
    Endless,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        });
        found.unwrap_or_else(|| panic!("{name} is missing: {}", self.head))
    }

    /// The id that tells repetitions.
    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    pub(crate) fn order_id(&self) -> String {
        self.json()["data"]["order"]["id"].as_str().unwrap().to_owned()
    }
}

type Script = dyn Fn(&Got, usize) -> Reply + Send;

struct Shared {
    got: Mutex<Vec<Got>>,
    /// What is answered to a message, which is the n-th with its id, from 1.
    script: Mutex<Box<Script>>,
    release: Notify,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            got: Mutex::default(),
            script: Mutex::new(Box::new(|_, _| Reply::Status(204))),
            release: Notify::new(),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            listening,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}{PATH}?{QUERY}", self.address)
    }

    /// The settings of a server that tells it of events.
    pub(crate) fn told_by(&self, setup: Setup) -> Setup {
        setup
            .with("EVENTS_WEBHOOK_URL", self.url())
            .with("EVENTS_WEBHOOK_SECRET", SECRET)
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, script: impl Fn(&Got, usize) -> Reply + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    /// Everything that came, in the order in which it came.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// Answers all that it holds back.
    pub(crate) fn release(&self) {
        self.shared.release.notify_waiters();
    }

    /// Checks a message as a receiver does: where it was sent, and by the library of the convention. It looks at the real
    /// time.
    pub(crate) fn verify(got: &Got) {
        assert!(
            got.head.starts_with(&format!("POST {PATH}?{QUERY} HTTP/")),
            "{}",
            got.head
        );
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, got.header(name).parse().unwrap());
        }
        Webhook::new(SECRET).unwrap().verify(&got.body, &headers).unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Words of these settings that may appear nowhere.
pub(super) fn secrets() -> [String; 3] {
    [SECRET.trim_start_matches("whsec_"), PATH, QUERY].map(str::to_owned)
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(got) = read(&mut stream).await else {
        return;
    };
    let reply = {
        let mut all = shared.got.lock().unwrap();
        let nth = all.iter().filter(|earlier| earlier.id() == got.id()).count() + 1;
        let reply = shared.script.lock().unwrap()(&got, nth);
        all.push(got);
        reply
    };
    let is_endless = matches!(reply, Reply::Endless);
    let close = "connection: close\r\n";
    let answer = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status} X\r\n{close}content-length: 0\r\n\r\n"),
        Reply::HangUp => return,
        Reply::Hold(status) => {
            shared.release.notified().await;
            format!("HTTP/1.1 {status} X\r\n{close}content-length: 0\r\n\r\n")
        }
        Reply::Redirect(to) => {
            format!("HTTP/1.1 307 X\r\n{close}location: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        Reply::Endless => format!("HTTP/1.1 200 X\r\n{close}\r\n"),
    };
    // Whoever does not wait for the answer has hung up.
    let mut is_open = stream.write_all(answer.as_bytes()).await.is_ok();
    while is_open && is_endless {
        is_open = stream.write_all(&[b'x'; 4_096]).await.is_ok();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut got = Got {
        head,
        body: Vec::new(),
    };
    got.body = vec![0; got.header("content-length").parse().unwrap()];
    stream.read_exact(&mut got.body).await.ok()?;
    Some(got)
}
