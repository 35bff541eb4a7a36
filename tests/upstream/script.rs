//! A host that plays a script: one act per request, in order.

use std::collections::VecDeque;
use std::fmt::Write as _;
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
}

impl Host {
    pub(crate) async fn playing(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<_>>()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, book) = (Arc::clone(&acts), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&book)));
            }
        });
        Self { url, acts, requests }
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

    /// The acts that were not played.
    pub(crate) fn acts_left(&self) -> usize {
        self.acts.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, acts: Arc<Mutex<VecDeque<Act>>>, requests: Arc<Mutex<Vec<String>>>) {
    let request = read_request(&mut stream).await;
    requests.lock().unwrap().push(request);
    let act = acts
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or_else(|| panic!("a request that the script lacks"));
    match act {
        Act::Answer {
            status,
            headers,
            body,
        } => {
            let mut answer = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
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
            let head =
                format!("HTTP/1.1 200 Status\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // Who finds the answer wrong hangs up in the middle of it.
            drop(stream.write_all(&bytes).await);
        }
        Act::Drop => drop(stream),
        Act::Hang => std::future::pending().await,
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let expected = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= expected {
            return text;
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
