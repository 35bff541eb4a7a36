//! Spans reach a collector when its address is set, and the end of the program waits for them.
//! One test and one program, since a process has one subscriber.
#![expect(
    clippy::unwrap_used,
    reason = "a test program: whatever is not as it should be ends the test"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use url::Url;
use weir::config::{LogFormat, TelemetrySettings};
use weir::telemetry;

/// Reads one request, answers 200, and hands out its head and body.
fn collect(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        bytes.extend(buffer.iter().take(count));
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(head_end) = head_end else { continue };
        let head = String::from_utf8_lossy(bytes.get(..head_end).unwrap()).to_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.parse().ok())
            .unwrap();
        let body = bytes.get(head_end + 4..).unwrap();
        if body.len() == length {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            return (head, body.to_vec());
        }
    }
}

#[test]
fn spans_are_sent_to_the_collector_and_flushed_at_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || sender.send(collect(listener.accept().unwrap().0)));

    let telemetry = telemetry::start(&TelemetrySettings {
        log_format: Some(LogFormat::Json),
        log_filter: "off".to_owned(),
        otlp_endpoint: Some(Url::parse(&endpoint).unwrap()),
    })
    .unwrap();
    telemetry::upstream_span("jscode2session", Some("api.weixin.qq.com"))
        .in_scope(|| tracing::info!(secret = "not exported", "inside"));
    telemetry.finish();

    let (head, body) = received.recv_timeout(Duration::from_mins(1)).unwrap();
    assert!(head.starts_with("post /v1/traces "), "{head}");
    let holds = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("jscode2session") && holds("weir"));
    assert!(!holds("not exported"));
}
