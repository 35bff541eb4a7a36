//! A cheap stand-in for WeChat on one thread: it answers what the routes under load ask for and
//! checks nothing while it does. Answers of WeChat Pay carry a real signature over a fixed body,
//! made once a second, so that checking costs the server the full price and signing does not limit
//! the stand-in. A sample of the calls is kept, to be checked afterwards.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use weir::domain::clock::Clock;
use weir::wechat::crypto::SigningKey;

use crate::generator::{content_length, head_end};
use crate::settings::{PUBLIC_KEY_ID, WECHAT_PRIVATE_KEY, openid};

/// The body of every prepay answer.
const PREPAY: &str = r#"{"prepay_id":"wx201410272009395522657a690389285100"}"#;
/// One call in this many is kept.
const SAMPLE_EVERY: usize = 61;

/// A running stand-in; it ends with the program.
#[derive(Debug)]
pub(crate) struct StandIn {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl StandIn {
    /// Starts one on a thread of its own.
    pub(crate) fn start() -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&calls);
        let (tell, told) = mpsc::channel();
        std::thread::Builder::new()
            .name("wechat".to_owned())
            .spawn(move || serve(&tell, kept))
            .expect("a thread");
        Self {
            address: told.recv().expect("the stand-in listens"),
            calls,
        }
    }

    /// The kept prepay calls, whole, since the last time.
    pub(crate) fn take_calls(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.calls.lock().expect("no panic there"))
    }
}

struct Answers {
    prepay: RefCell<Vec<u8>>,
    seen: RefCell<usize>,
    calls: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn serve(tell: &Sender<SocketAddr>, calls: Arc<Mutex<Vec<Vec<u8>>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        tell.send(listener.local_addr().expect("an address"))
            .expect("somebody waits");
        let key = SigningKey::from_pem(WECHAT_PRIVATE_KEY).expect("a key of the tests");
        let answers = Rc::new(Answers {
            prepay: RefCell::new(signed(&key)),
            seen: RefCell::new(0),
            calls,
        });
        let refreshed = Rc::clone(&answers);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                *refreshed.prepay.borrow_mut() = signed(&key);
            }
        });
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(converse(stream, Rc::clone(&answers)));
        }
    });
}

async fn converse(mut stream: TcpStream, answers: Rc<Answers>) {
    stream.set_nodelay(true).expect("a socket without delay");
    let mut buffer = Vec::with_capacity(8 * 1024);
    loop {
        let end = loop {
            if let Some(body_at) = head_end(&buffer)
                && buffer.len() >= body_at + content_length(&buffer[..body_at])
            {
                break body_at + content_length(&buffer[..body_at]);
            }
            match stream.read_buf(&mut buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        };
        let answer = answers.answer(&buffer[..end]);
        buffer.drain(..end);
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

impl Answers {
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        if request.starts_with(b"GET /sns/jscode2session?") {
            return session(request);
        }
        if request.starts_with(b"POST /v3/pay/transactions/jsapi ") {
            let mut seen = self.seen.borrow_mut();
            *seen += 1;
            if seen.is_multiple_of(SAMPLE_EVERY) {
                self.calls.lock().expect("no panic there").push(request.to_vec());
            }
            return self.prepay.borrow().clone();
        }
        if request.starts_with(b"GET /ping ") {
            return whole("200 OK", "", "{}");
        }
        // With the public key there are no certificates.
        whole(
            "404 Not Found",
            "",
            r#"{"code":"RESOURCE_NOT_EXISTS","message":"no certificates"}"#,
        )
    }
}

/// A code is the user's number, a dot, and what makes it unique; the session key follows from it.
fn session(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let code = text
        .split("js_code=")
        .nth(1)
        .and_then(|rest| rest.split(['&', ' ']).next());
    let code = code.expect("a code");
    let (user, unique) = code.split_once('.').expect("a code of ours");
    let openid = openid(user.parse().expect("a user's number"));
    let key = STANDARD.encode(format!("{unique:0>16}"));
    let body = format!(r#"{{"session_key":"{key}","openid":"{openid}"}}"#);
    whole("200 OK", "", &body)
}

fn signed(key: &SigningKey) -> Vec<u8> {
    let timestamp = Clock::system().now().timestamp().to_string();
    let nonce = "fdasflkja484w0123456789abcdef012";
    let parts: [&[u8]; 6] = [
        timestamp.as_bytes(),
        b"\n",
        nonce.as_bytes(),
        b"\n",
        PREPAY.as_bytes(),
        b"\n",
    ];
    let signature = key.sign(&parts).expect("a signature");
    let headers = format!(
        "Request-ID: 08F78BB5AF0610D302189F9DC7F2C9F30518-0\r\nWechatpay-Nonce: {nonce}\r\n\
         Wechatpay-Serial: {PUBLIC_KEY_ID}\r\nWechatpay-Signature: {signature}\r\n\
         Wechatpay-Signature-Type: WECHATPAY2-SHA256-RSA2048\r\nWechatpay-Timestamp: {timestamp}\r\n"
    );
    whole("200 OK", &headers, PREPAY)
}

fn whole(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let date = Clock::system().now().format("%a, %d %b %Y %H:%M:%S GMT");
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nServer: nginx\r\nDate: {date}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: keep-alive\r\n{headers}\r\n"
    );
    (head + body).into_bytes()
}
