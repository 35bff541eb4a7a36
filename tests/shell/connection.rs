//! How long a connection waits for its client, and that it waits for nobody else.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use weir::http::Bounds;

use crate::server::{LARGE, Server};
use crate::wire::Wire;

/// A server that waits for no client, but only ends a connection when it is swept.
fn impatient() -> Server {
    let bounds = Bounds {
        client_deadline: Duration::ZERO,
        ..Bounds::default()
    };
    Server::with(&[], bounds)
}

/// A connection that had an answer and can have another.
fn answered(server: &Server) -> Wire {
    let mut wire = Wire::open(server.address);
    wire.write(b"GET /own-form HTTP/1.1\r\nhost: t\r\n\r\n");
    wire.read_until("{\"code\":\"FAIL\"}");
    wire
}

#[test]
fn the_headers_of_a_first_request_must_come_in_time() {
    let bounds = Bounds {
        head_deadline: Duration::from_millis(100),
        ..Bounds::default()
    };
    let server = Server::with(&[], bounds);
    for begun in ["G", "GET / HTTP/1.1\r\nhost: t\r\n"] {
        let mut wire = Wire::open(server.address);
        wire.write(begun.as_bytes());
        let answer = wire.answer();
        assert_eq!((answer.status, answer.body.as_str()), (408, ""), "{answer:?}");
    }
}

#[test]
fn a_request_begun_after_an_answer_keeps_no_connection() {
    let server = impatient();
    let mut idle = answered(&server);
    let mut begun = answered(&server);
    begun.write(b"G");
    assert!(!begun.is_closed() && !idle.is_closed());
    for wire in [&mut idle, &mut begun] {
        server.until(|server| {
            server.shell.sweep();
            wire.is_closed()
        });
    }
}

#[test]
fn whoever_has_time_left_keeps_the_connection() {
    let server = Server::start();
    let mut wire = answered(&server);
    wire.write(b"GET /own-form HTTP/1.1\r\n");
    server.shell.sweep();
    wire.write(b"host: t\r\n\r\n");
    assert!(wire.read_until("{\"code\":\"FAIL\"}").starts_with("HTTP/1.1 403"));
}

#[test]
fn whoever_stops_taking_an_answer_loses_the_connection() {
    let server = impatient();
    let mut wire = Wire::open(server.address);
    wire.write(b"GET /flood HTTP/1.1\r\nhost: t\r\n\r\n");
    wire.read_until("\r\n\r\n");
    assert_eq!(server.gate.available_permits(), 0);
    server.until(|server| {
        server.shell.sweep();
        server.gate.available_permits() == 1
    });
}

#[test]
fn where_answers_that_nobody_takes_are_too_much_the_one_waiting_longest_goes() {
    let bounds = Bounds {
        unsent_bytes_max: LARGE + LARGE / 2,
        ..Bounds::default()
    };
    let server = Server::with(&[], bounds);
    let ask = || {
        let mut wire = Wire::open(server.address);
        wire.write(b"GET /large HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        wire.read_until("\r\n\r\n");
        wire
    };
    let (mut first, mut second) = (ask(), ask());
    assert!(first.read_to_end().len() < LARGE, "it has all of it");
    assert_eq!(second.read_to_end().len(), LARGE);
    // What was taken, or left behind, counts no more.
    let (mut third, left) = (ask(), ask());
    drop(left);
    assert!(third.read_to_end().len() < LARGE, "it has all of it");
    let mut last = ask();
    assert_eq!(last.read_to_end().len(), LARGE);
}

#[test]
fn whoever_comes_again_at_once_is_not_heard_for_a_while() {
    let bounds = Bounds {
        in_hand_max: 4,
        refusals_per_s: 1,
        ..Bounds::default()
    };
    let server = Server::with(&[], bounds);
    let mut first = Wire::open(server.address);
    first.write(b"GET /v1/files HTTP/1.1\r\nhost: t\r\n\r\n");
    server.until(|server| server.shell.in_hand() == 1);

    let started = Instant::now();
    let mut wire = Wire::open(server.address);
    let mut ask = || {
        wire.write(b"GET /v1/files HTTP/1.1\r\nhost: t\r\n\r\n");
        let answer = wire.read_until("}");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"));
    };
    // The second may go out at once, but takes the room of a whole second.
    ask();
    ask();
    // Neither others wait for that, nor whoever needs the end of his connection.
    drop(answered(&server));
    assert_eq!(server.call("GET", "/v1/files", &[]).status, 503);
    server.gate.add_permits(1);
    first.read_until("waited");
    let mut next = Wire::open(server.address);
    next.write(b"GET /v1/files HTTP/1.1\r\nhost: t\r\n\r\n");
    server.until(|server| server.shell.in_hand() == 1);
    ask();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_refusal_leaves_the_connection_where_the_body_came_along() {
    let server = Server::start();
    let mut wire = Wire::open(server.address);
    for _ in 0..2 {
        wire.write(b"POST /nowhere HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\n{}");
        let answer = wire.read_until("}");
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    // What is still on its way is not waited for.
    wire.write(b"POST /nowhere HTTP/1.1\r\nhost: t\r\ncontent-length: 3\r\n\r\n{}");
    let answer = wire.answer();
    assert_eq!((answer.status, answer.code().as_str()), (404, "route_not_found"));
    assert_eq!(answer.headers["connection"], "close");
}

#[test]
fn as_many_connections_wait_for_a_place_as_is_said() {
    let bounds = Bounds {
        connections_per_worker: 1,
        ..Bounds::default()
    };
    let server = Server::with(&[], bounds);
    let _first = answered(&server);
    // More than the 128 that the standard library asks for; one that finds no room is put off for a second and longer.
    let waiting: io::Result<Vec<_>> = (0..300)
        .map(|_| TcpStream::connect_timeout(&server.address, Duration::from_secs(10)))
        .collect();
    assert_eq!(waiting.unwrap().len(), 300);
}

#[test]
fn a_connection_waits_for_its_server_without_end() {
    let server = impatient();
    let mut handled = Wire::open(server.address);
    handled.write(b"GET /wait HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    server.until(|server| server.shell.in_hand() == 1);
    for _ in 0..3 {
        server.shell.sweep();
    }
    server.gate.add_permits(1);
    assert_eq!(handled.answer().body, "waited");

    let mut sent = Wire::open(server.address);
    sent.write(b"GET /halves HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    sent.read_until("\r\n\r\none ");
    for _ in 0..3 {
        server.shell.sweep();
    }
    server.gate.add_permits(1);
    assert_eq!(sent.read_to_end(), "two");
}
