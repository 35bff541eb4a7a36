//! A WeChat that a scenario plays by hand: for answers that the simulated one would never give, and
//! for calls that are held while something else happens.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// Listens on a port of its own, and answers nothing by itself.
pub(crate) struct HandPlayed {
    address: SocketAddr,
    calls: Mutex<UnboundedReceiver<HeldCall>>,
    listening: JoinHandle<()>,
}

/// A call that has arrived and waits for its answer.
pub(crate) struct HeldCall {
    /// Path and query.
    pub(crate) target: String,
    head: String,
    pub(crate) body: Vec<u8>,
    stream: TcpStream,
}

impl HandPlayed {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, calls) = unbounded_channel();
        Self {
            address,
            calls: Mutex::new(calls),
            listening: tokio::spawn(listen(listener, sender)),
        }
    }

    /// For `WECHAT_API_BASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next call, once it has arrived.
    pub(crate) async fn call(&self) -> HeldCall {
        self.calls.lock().await.recv().await.unwrap()
    }

    /// Whether calls have arrived that nobody took.
    pub(crate) async fn has_more(&self) -> bool {
        !self.calls.lock().await.is_empty()
    }
}

impl Drop for HandPlayed {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl HeldCall {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> String {
        let mut lines = self.head.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap().to_owned()
    }

    /// Answers.
    pub(crate) async fn answer(self, status: u16, body: &str) {
        self.answer_as(status, "text/plain", body.as_bytes()).await;
    }

    /// Answers with any bytes, and calls them what it likes.
    pub(crate) async fn answer_as(mut self, status: u16, content_type: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).await.unwrap();
        // Who finds the answer too long hangs up in the middle of it.
        drop(self.stream.write_all(body).await);
    }

    /// Answers without saying what it is.
    pub(crate) async fn answer_bare(mut self, status: u16, body: &str) {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Promises so many bytes.
    pub(crate) async fn answer_of(mut self, bytes: usize) {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-length: {bytes}\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await.unwrap();
    }

    /// Promises more than comes, and hangs up.
    pub(crate) async fn break_off(mut self) {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"openid\":";
        self.stream.write_all(head).await.unwrap();
    }

    /// Waits until the other side gives up.
    pub(crate) async fn hold(mut self) {
        let mut rest = [0; 1];
        // An orderly end and a reset are both an end.
        drop(self.stream.read(&mut rest).await);
    }
}

async fn listen(listener: TcpListener, sender: UnboundedSender<HeldCall>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await.unwrap();
        let call = HeldCall {
            target,
            head,
            body,
            stream,
        };
        if sender.send(call).is_err() {
            return;
        }
    }
}
