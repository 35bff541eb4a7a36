//! A host that plays a script: one act per request, in order.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use weir::domain::clock::Clock;
use weir::wechat::send::{SendLimits, Upstream};

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// It is answered.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// It is answered with bytes that nobody signed; `missing` more are promised than come.
    Bytes { bytes: Vec<u8>, missing: usize },
    /// It is read and the connection is closed.
    Drop,
    /// It is read and nothing comes.
    Hang,
}

impl Act {
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }
}

/// A host on this machine.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) url: Url,
    acts: Arc<Mutex<VecDeque<Act>>>,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Host {
    /// A host that closes after each answer.
    pub(crate) async fn playing(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::serving(acts, "close").await
    }

    /// A host that keeps its connections.
    pub(crate) async fn keeping(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::serving(acts, "keep-alive").await
    }

    async fn serving(acts: impl IntoIterator<Item = Act>, connection: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<_>>()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (script, book, count) = (Arc::clone(&acts), Arc::clone(&requests), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (script, book) = (Arc::clone(&script), Arc::clone(&book));
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut stream).await {
                        book.lock().unwrap().push(request);
                        let act = script.lock().unwrap().pop_front();
                        let act = act.unwrap_or_else(|| panic!("a request that the script lacks"));
                        play(act, &mut stream, connection).await;
                        if connection == "close" {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            url,
            acts,
            requests,
            connections,
        }
    }

    /// An address where nobody listens.
    pub(crate) async fn absent() -> Self {
        let mut host = Self::playing([]).await;
        host.url.set_port(Some(1)).unwrap();
        host
    }

    /// Every request so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The acts that were not played.
    pub(crate) fn acts_left(&self) -> usize {
        self.acts.lock().unwrap().len()
    }
}

async fn play(act: Act, stream: &mut TcpStream, connection: &str) {
    match act {
        Act::Answer {
            status,
            headers,
            body,
        } => {
            let mut answer = format!("HTTP/1.1 {status} Status\r\nconnection: {connection}\r\n");
            if status != 204 {
                write!(answer, "content-length: {}\r\n", body.len()).unwrap();
            }
            for (name, value) in headers {
                write!(answer, "{name}: {value}\r\n").unwrap();
            }
            write!(answer, "\r\n{body}").unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        Act::Bytes { bytes, missing } => {
            let length = bytes.len() + missing;
            let head = format!(
                "HTTP/1.1 200 Status\r\nconnection: {connection}\r\ncontent-length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            // Who finds the answer wrong hangs up in the middle of it.
            drop(stream.write_all(&bytes).await);
        }
        Act::Drop => stream.shutdown().await.unwrap(),
        Act::Hang => std::future::pending().await,
    }
}

/// The next request of a connection; nothing when its client has closed it.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.unwrap();
        if length == 0 {
            assert!(bytes.is_empty(), "half a request");
            return None;
        }
        bytes.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let expected = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= expected {
            return Some(text);
        }
    }
}

/// The value of a header of a request.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let lines = request.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// A sender that gives up quickly.
pub(crate) fn upstream(clock: &Clock) -> Upstream {
    let limits = SendLimits {
        connect_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(5),
        answer_bytes_max: 64 * 1024,
        needs_tls: false,
    };
    Upstream::new(limits, clock.clone()).unwrap()
}
