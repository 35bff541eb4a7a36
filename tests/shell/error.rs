//! Every way to be refused has the one shape, and the server stays up.

use std::time::{Duration, Instant};

use weir::http::Bounds;

use crate::server::{Server, impatient};
use crate::wire::{Wire, exchange};

const JSON: &str = "content-type: application/json";

#[test]
fn a_good_request_is_answered_with_its_id_and_no_one_elses_headers() {
    let server = Server::start();
    let answer = server.json(r#"{"name":"茶"}"#);
    assert_eq!((answer.status, answer.json()["name"].as_str()), (200, Some("茶")));
    let own = answer.headers["x-request-id"].clone();
    assert_eq!(own.len(), 36);
    let answer = server.call(
        "GET",
        "/healthz",
        &["x-request-id: 11111111-1111-1111-1111-111111111111"],
    );
    assert_ne!(answer.headers["x-request-id"], own);
    assert_ne!(
        answer.headers["x-request-id"],
        "11111111-1111-1111-1111-111111111111"
    );
}

/// The right token for the wrong door.
const ADMIN: &str = "authorization: Bearer q8Zr4mXc7VtB2nKd9WfH3sLp";

/// Method, path, headers, body; status and code of the refusal.
type Refusal = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    u16,
    &'static str,
);

const REFUSALS: &[Refusal] = &[
    ("GET", "/nowhere", &[], "", 404, "route_not_found"),
    ("GET", "/body/", &[], "", 404, "route_not_found"),
    ("GET", "/docs/nothing.js", &[], "", 404, "route_not_found"),
    ("GET", "/body", &[], "", 405, "method_not_allowed"),
    ("BREW", "/body", &[], "", 405, "method_not_allowed"),
    (
        "POST",
        "/body",
        &[],
        r#"{"name":"a"}"#,
        415,
        "unsupported_media_type",
    ),
    (
        "POST",
        "/body",
        &["content-type: text/plain"],
        r#"{"name":"a"}"#,
        415,
        "unsupported_media_type",
    ),
    (
        "POST",
        "/body",
        &[JSON, "content-encoding: gzip"],
        r#"{"name":"a"}"#,
        415,
        "unsupported_media_type",
    ),
    ("POST", "/body", &[JSON], "", 400, "request_malformed"),
    ("POST", "/body", &[JSON], "{\"name\":", 400, "request_malformed"),
    (
        "POST",
        "/body",
        &[JSON],
        r#"{"name":1}"#,
        422,
        "validation_failed",
    ),
    ("POST", "/body", &[JSON], "{}", 422, "validation_failed"),
    (
        "POST",
        "/body",
        &[JSON],
        r#"{"name":"a","x":1}"#,
        422,
        "validation_failed",
    ),
    (
        "POST",
        "/body",
        &[JSON],
        r#"{"name":"\ud800"}"#,
        422,
        "validation_failed",
    ),
    (
        "POST",
        "/body",
        &[JSON],
        r#"{"name":"\u0000"}"#,
        422,
        "validation_failed",
    ),
    ("GET", "/orders/1", &[], "", 404, "order_not_found"),
    ("GET", "/orders/%00", &[], "", 404, "order_not_found"),
    ("GET", "/query?limit=x", &[], "", 422, "validation_failed"),
    ("GET", "/query?limit=1&more=1", &[], "", 422, "validation_failed"),
    ("POST", "/key", &[], "", 400, "idempotency_key_missing"),
    (
        "POST",
        "/key",
        &["idempotency-key: a b"],
        "",
        422,
        "validation_failed",
    ),
    ("GET", "/admin", &[], "", 401, "unauthenticated"),
    (
        "GET",
        "/admin",
        &["authorization: Bearer wrong"],
        "",
        401,
        "unauthenticated",
    ),
    ("GET", "/internal", &[ADMIN], "", 401, "unauthenticated"),
    ("GET", "/metrics", &[], "", 401, "unauthenticated"),
    ("GET", "/stranger", &[], "", 400, "request_malformed"),
    ("GET", "/panic", &[], "", 500, "internal"),
];

#[test]
fn what_cannot_be_served_is_named() {
    let server = Server::with(
        &[("INTERNAL_TOKEN", "k3Vp9Lx2Tq7Rw5Zs8Nb4Mc6d")],
        Bounds::default(),
    );
    for (method, path, headers, body, status, code) in REFUSALS.iter().copied() {
        let answer = server.send(method, path, headers, body);
        let shown = format!("{method} {path} {answer:?}");
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{shown}");
        assert!(
            !answer.body.contains("secret of the handler") && !answer.body.contains("stranger"),
            "{shown}"
        );
        assert_eq!(
            answer.headers.contains_key("www-authenticate"),
            status == 401,
            "{shown}"
        );
    }
    assert_eq!(server.call("GET", "/admin", &[ADMIN]).status, 204);
    assert_eq!(server.call("GET", "/healthz", &[]).status, 200);
}

#[test]
fn a_body_over_the_limit_of_its_route_is_refused() {
    let server = Server::start();
    let fits = format!(r#"{{"name":"{}"}}"#, "x".repeat(16_384 - 11));
    assert_eq!(server.json(&fits).status, 200);
    let over = server.json(&format!("{fits} "));
    assert_eq!((over.status, over.code().as_str()), (413, "payload_too_large"));
    let raw = |bytes| server.send("POST", "/raw", &[], &"x".repeat(bytes));
    assert_eq!(
        (raw(64).status, raw(65).code().as_str()),
        (200, "payload_too_large")
    );
}

#[test]
fn an_answer_of_a_form_of_its_own_is_left_alone() {
    let answer = Server::start().call("GET", "/own-form", &[]);
    assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"code":"FAIL"}"#));
}

#[test]
fn without_its_token_there_is_no_internal_route() {
    let answer = Server::start().call("GET", "/internal", &["authorization: Bearer x"]);
    assert_eq!((answer.status, answer.code().as_str()), (404, "route_not_found"));
}

#[test]
fn a_path_is_the_same_however_it_is_written() {
    let bounds = Bounds {
        in_hand_max: 4,
        ..Bounds::default()
    };
    let server = Server::with(&[], bounds);
    let mut waiting = Wire::open(server.address);
    waiting.write(b"GET /v1/%66iles HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    server.until(|server| server.shell.in_hand() == 1);
    let shed = server.call("GET", "/v1/fil%65s", &[]);
    assert_eq!((shed.status, shed.code().as_str()), (503, "unavailable"));
    server.gate.add_permits(1);
    assert_eq!(waiting.answer().body, "waited");

    let hidden = server.call("PUT", "/%69nternal/", &["authorization: Bearer x"]);
    assert_eq!((hidden.status, hidden.code().as_str()), (404, "route_not_found"));
    let unknown = server.call("GET", "/%77echat/unknown", &[]);
    assert_eq!(
        (unknown.status, unknown.json()["code"].as_str()),
        (404, Some("FAIL"))
    );
}

#[test]
fn a_wrong_method_learns_the_right_ones_and_head_and_options_are_served() {
    let server = Server::start();
    let allow = |path| server.call("PUT", path, &[]).headers["allow"].clone();
    assert_eq!(allow("/body"), "POST, OPTIONS");
    assert_eq!(allow("/orders/1"), "GET, DELETE, HEAD, OPTIONS");
    let head = server.call("HEAD", "/healthz", &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let head = server.call("HEAD", "/body", &[]);
    assert_eq!((head.status, head.body.as_str()), (405, ""));
    let options = server.call("OPTIONS", "/orders/1", &[]);
    assert_eq!(
        (options.status, options.headers["allow"].as_str()),
        (204, "GET, DELETE, HEAD, OPTIONS")
    );
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::with(&[], impatient());
    let started = Instant::now();
    let mut wire = Wire::open(server.address);
    wire.write(b"POST /body HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{\"na");
    let answer = wire.answer();
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(started.elapsed() < Duration::from_secs(18));
}

#[test]
fn broken_chunks_and_lying_lengths_are_malformed_bodies() {
    let server = Server::start();
    let head = "POST /body HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let broken = format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n");
    let answer = exchange(server.address, broken.as_bytes(), false);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "request_malformed")
    );

    let chunks =
        format!("{head}transfer-encoding: chunked\r\n\r\n8\r\n{{\"name\":\r\n4\r\n\"a\"}}\r\n0\r\n\r\n");
    assert_eq!(exchange(server.address, chunks.as_bytes(), false).status, 200);

    let endless = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{}",
        "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n"
    );
    let endless = endless + &format!("400\r\n{}\r\n", "x".repeat(1024)).repeat(20) + "0\r\n\r\n";
    let answer = exchange(server.address, endless.as_bytes(), false);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "payload_too_large")
    );

    let mut wire = Wire::open(server.address);
    wire.write(format!("{head}content-length: 99\r\n\r\n{{}}").as_bytes());
    wire.end_writing();
    let text = wire.read_to_end();
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
    assert_eq!(server.call("GET", "/healthz", &[]).status, 200);
}

#[test]
fn what_is_not_http_is_refused_at_the_connection() {
    let server = Server::start();
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (
            "GET / HTTP/1.1\r\nhost: t\r\ncontent-length: x\r\n\r\n".to_owned(),
            400,
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(200_000)),
            431,
        ),
    ] {
        let answer = exchange(server.address, request.as_bytes(), false);
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{answer:?}");
    }
    assert_eq!(server.call("GET", "/healthz", &[]).status, 200);
}

#[test]
fn logins_are_limited_by_the_address_behind_a_trusted_proxy() {
    let server = Server::with(
        &[
            ("RATE_LIMIT_LOGIN_PER_MIN", "2"),
            ("TRUSTED_PROXIES", "127.0.0.0/8"),
        ],
        Bounds::default(),
    );
    let login = |from: &str| server.call("POST", "/login", &[&format!("x-forwarded-for: {from}")]);
    assert_eq!(
        server
            .call("GET", "/address", &["x-forwarded-for: 192.0.2.7"])
            .body,
        "192.0.2.7"
    );
    assert_eq!([login("192.0.2.7").status, login("192.0.2.7").status], [204, 204]);
    let refused = login("192.0.2.7");
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
    assert!((1..=30).contains(&refused.headers["retry-after"].parse::<u32>().unwrap()));
    assert_eq!(login("192.0.2.8").status, 204);
}

#[test]
fn a_full_server_sheds_load_and_says_that_it_lives() {
    let bounds = Bounds {
        in_hand_max: 1,
        ..Bounds::default()
    };
    let server = Server::with(&[], bounds);
    let mut waiting = Wire::open(server.address);
    waiting.write(b"GET /wait HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    server.until(|server| server.shell.in_hand() == 1);
    let shed = server.call("GET", "/orders/1", &[]);
    assert_eq!((shed.status, shed.code().as_str()), (503, "unavailable"));
    assert!(shed.headers.contains_key("retry-after"));
    // WeChat is told in its own form.
    let shed = server.send("POST", "/wechat/pay/notify", &[], "{}");
    assert_eq!((shed.status, shed.json()["code"].as_str()), (503, Some("FAIL")));
    assert_eq!(shed.headers["retry-after"], "1");
    assert_eq!(server.call("GET", "/healthz", &[]).status, 200);
    server.gate.add_permits(1);
    assert_eq!(waiting.answer().body, "waited");
    server.until(|server| server.shell.in_hand() == 0);
    assert_eq!(server.call("GET", "/orders/1", &[]).status, 404);
}

#[test]
fn a_connection_over_the_limit_is_served_when_another_closes() {
    let bounds = Bounds {
        connections_per_worker: 1,
        ..Bounds::default()
    };
    let server = Server::with(&[], bounds);
    let mut first = Wire::open(server.address);
    first.write(b"GET /wait HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    server.until(|server| server.shell.in_hand() == 1);
    let mut second = Wire::open(server.address);
    second.write(b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    assert!(
        second.is_silent_for(Duration::from_millis(300)),
        "a second one is served"
    );
    server.gate.add_permits(1);
    assert_eq!(first.answer().body, "waited");
    assert_eq!(second.answer().status, 200);
}

#[test]
fn a_stop_waits_for_requests_and_for_tasks_that_outlive_them() {
    let mut server = Server::start();
    let mut kept = Wire::open(server.address);
    kept.write(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n");
    let mut waiting = Wire::open(server.address);
    waiting.write(b"GET /wait HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(server.call("GET", "/outlive", &[]).status, 202);
    server.until(|server| server.shell.in_hand() == 1 && server.tasks.len() == 1);
    let (gate, shell) = (server.gate.clone(), server.shell.clone());
    let helper = std::thread::spawn(move || {
        while !shell.is_stopping() {
            std::thread::yield_now();
        }
        gate.add_permits(2);
    });
    assert!(server.stop());
    helper.join().unwrap();
    assert_eq!(waiting.answer().body, "waited");
    // An idle connection does not hold the server up; it is closed.
    assert!(kept.read_to_end().starts_with("HTTP/1.1 200"));
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let bounds = Bounds {
        stop_deadline: Duration::from_millis(50),
        ..Bounds::default()
    };
    let mut server = Server::with(&[], bounds);
    let mut waiting = Wire::open(server.address);
    waiting.write(b"GET /wait HTTP/1.1\r\nhost: t\r\n\r\n");
    server.until(|server| server.shell.in_hand() == 1);
    let started = Instant::now();
    assert!(!server.stop());
    assert!(started.elapsed() < Duration::from_secs(18));
}
