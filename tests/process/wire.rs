//! One request on a connection of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::program::PATIENCE;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// `None` when nobody listens.
pub(crate) fn try_get(address: &str, path: &str) -> Option<Answer> {
    call(address, &format!("GET {path}"), None, "")
}

pub(crate) fn get(server: &str, path: &str, token: Option<&str>) -> Answer {
    call(host(server), &format!("GET {path}"), token, "").unwrap()
}

pub(crate) fn put(server: &str, path: &str, token: &str, body: &str) -> Answer {
    call(host(server), &format!("PUT {path}"), Some(token), body).unwrap()
}

pub(crate) fn post(server: &str, path: &str, body: &str) -> Answer {
    call(host(server), &format!("POST {path}"), None, body).unwrap()
}

pub(crate) fn post_as(server: &str, path: &str, token: &str, body: &str) -> Answer {
    call(host(server), &format!("POST {path}"), Some(token), body).unwrap()
}

/// `None` when the server ends before its answer.
pub(crate) fn try_post(address: &str, path: &str, body: &str) -> Option<Answer> {
    call(address, &format!("POST {path}"), None, body)
}

fn host(server: &str) -> &str {
    server.trim_start_matches("http://").trim_end_matches('/')
}

fn call(address: &str, line: &str, token: Option<&str>, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let token = token.map_or(String::new(), |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{token}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        body: body.to_owned(),
    })
}
