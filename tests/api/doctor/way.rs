//! The way in: whether what WeChat Pay sends would arrive, and arrive unchanged.

use std::net::SocketAddr;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{NOTIFY, REFUND_NOTIFY, assert_fails, examined};
use crate::harness::{HandPlayed, Setup, shop};

const LOOP_BACK: &str = "weir-loop-back";

/// What stands between WeChat and the server, and does something to each request.
struct Between(SocketAddr);

enum Done {
    Nothing,
    BodyWrittenAgain,
    Without(&'static str),
    Doubled(&'static str),
    Answered(&'static str),
}

impl Between {
    async fn start(to: SocketAddr, done: Done) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                pass(stream, to, &done).await;
            }
        });
        Self(address)
    }

    fn of(&self, setup: Setup) -> Setup {
        setup.with("PUBLIC_BASE_URL", format!("http://{}", self.0))
    }
}

async fn pass(mut stream: TcpStream, to: SocketAddr, done: &Done) {
    let (mut head, mut body) = read(&mut stream).await;
    match done {
        Done::Nothing => {}
        Done::BodyWrittenAgain => {
            let read: Value = serde_json::from_slice(&body).unwrap();
            body = read.to_string().into_bytes();
        }
        Done::Without(name) => head.retain(|line| !line.starts_with(&format!("{name}:"))),
        Done::Doubled(name) => {
            let line = head
                .iter()
                .find(|line| line.starts_with(&format!("{name}:")))
                .unwrap()
                .clone();
            head.push(line);
        }
        Done::Answered(answer) => {
            stream.write_all(answer.as_bytes()).await.unwrap();
            return;
        }
    }
    head.retain(|line| !line.starts_with("content-length:"));
    head.extend([
        format!("content-length: {}", body.len()),
        "connection: close".to_owned(),
    ]);
    let mut server = TcpStream::connect(to).await.unwrap();
    let head = format!("{}\r\n\r\n", head.join("\r\n"));
    server
        .write_all(&[head.as_bytes(), &body].concat())
        .await
        .unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.unwrap();
    stream.write_all(&answer).await.unwrap();
}

/// The lines of a request's head, names in lower case, and its body.
async fn read(stream: &mut TcpStream) -> (Vec<String>, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head: Vec<String> = String::from_utf8(head)
        .unwrap()
        .trim_end()
        .lines()
        .map(str::to_owned)
        .collect();
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    (head, body)
}

#[tokio::test]
async fn what_stands_before_the_server_and_changes_what_passes_is_found_out() {
    shop(async |shop| {
        let server = shop.address_of(0);
        let before = shop.fingerprint().await;
        let moved = "HTTP/1.1 301 X\r\nlocation: https://shop.example.com/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let missing = "HTTP/1.1 404 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let away = "HTTP/1.1 502 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let table: [(Done, &[&str]); 8] = [
            (Done::Nothing, &[]),
            (Done::BodyWrittenAgain, &["the body is changed"]),
            (Done::Without("wechatpay-nonce"), &["wechatpay-nonce", "every header"]),
            (Done::Doubled("wechatpay-signature"), &["wechatpay-signature", "once"]),
            (Done::Without(LOOP_BACK), &["does not know these settings", LOOP_BACK]),
            (Done::Answered(moved), &["redirected (301)", "https://shop.example.com/", "PUBLIC_BASE_URL"]),
            (Done::Answered(missing), &["404", "none of weir's"]),
            (Done::Answered(away), &["502", "GET /readyz"]),
        ];
        for (done, words) in table {
            let between = Between::start(server, done).await;
            let found = examined(shop, between.of(Setup::default())).await;
            if words.is_empty() {
                assert_fails(&found, &[]);
            } else {
                assert_fails(&found, &[(NOTIFY, words), (REFUND_NOTIFY, words)]);
            }
        }
        let nobody = Setup::default().with("PUBLIC_BASE_URL", "http://127.0.0.1:9");
        let words: &[&str] = &["cannot be reached", "weir serve", "PUBLIC_BASE_URL"];
        assert_fails(&examined(shop, nobody).await, &[(NOTIFY, words), (REFUND_NOTIFY, words)]);
        let other = Setup::default().with("SESSION_JWT_KEYS", "p0w9Vb7Kx2Lr5Tn8Qz3Hd6Jf1Gm4Se0YcUaXoWiEvRk=");
        let words: &[&str] = &["does not know these settings", "SESSION_JWT_KEYS"];
        assert_fails(&examined(shop, other).await, &[(NOTIFY, words), (REFUND_NOTIFY, words)]);
        // None of it was taken for a notification.
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_loop_back_is_good_for_a_minute_and_for_nothing_else() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let hand = HandPlayed::start().await;
        let public = Setup::default().with("PUBLIC_BASE_URL", hand.url());
        let caught = async {
            let first = hand.call().await;
            let token = first.header(LOOP_BACK);
            first.answer(404, "").await;
            hand.call().await.answer(404, "").await;
            token
        };
        let (_, token) = tokio::join!(examined(shop, public), caught);
        let deliver = async |token: &str| {
            let request = shop.request("POST", "/wechat/pay/notify", None, Some(&json!({"id": "1"})));
            shop.send(request.header(LOOP_BACK, token)).await
        };
        let echo = deliver(&token).await.ok(200);
        let sent = json!({"id": "1"}).to_string();
        assert_eq!(echo["body_sha256"], hex::encode(Sha256::digest(sent.as_bytes())));
        // It opens nothing, nor does a session's token do what it does.
        let opened = shop.request("GET", "/v1/me", Some(&token), None);
        shop.send(opened).await.refused(401, "unauthenticated");
        let refused = deliver("").await;
        for token in [&phone.token, &format!("{token}x"), "x"] {
            assert_eq!((deliver(token).await.status, refused.status), (401, 401));
        }
        shop.clock.advance(TimeDelta::seconds(61));
        let late = deliver(&token).await;
        assert_eq!((late.status, late.text()), (401, refused.text()));
        shop.clock.advance(TimeDelta::seconds(-61));
    })
    .await;
}
