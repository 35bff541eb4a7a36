//! A client that writes bytes and reads bytes.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The code of the problem, after everything that every problem must have was looked at.
    pub(crate) fn code(&self) -> String {
        let problem = self.json();
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        assert_eq!(problem["status"], self.status, "{self:?}");
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("/docs/errors#{code}"), "{self:?}");
        assert_eq!(problem["instance"], self.headers["x-request-id"], "{self:?}");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers["x-content-type-options"], "nosniff");
        code.to_owned()
    }
}

/// A connection.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self(stream)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // The server may have closed already, which is an answer too.
        drop(self.0.write_all(bytes));
    }

    pub(crate) fn end_writing(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// Whether nothing comes for so long.
    pub(crate) fn is_silent_for(&self, time: Duration) -> bool {
        let usual = self.0.read_timeout().unwrap();
        self.0.set_read_timeout(Some(time)).unwrap();
        let is_silent = self.0.peek(&mut [0]).is_err();
        self.0.set_read_timeout(usual).unwrap();
        is_silent
    }

    /// Reads until what came since the last call ends with `end`.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(end.as_bytes()) {
            self.0.read_exact(&mut byte).unwrap();
            bytes.extend_from_slice(&byte);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Whether the server has closed; what it sent before is read away.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut buffer = [0; 4096];
        self.0.set_nonblocking(true).unwrap();
        let is_closed = loop {
            match self.0.read(&mut buffer) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
        };
        self.0.set_nonblocking(false).unwrap();
        is_closed
    }

    /// Reads until the server closes.
    pub(crate) fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count) = self.0.read(&mut buffer) {
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Reads the one answer after which the server closes.
    pub(crate) fn answer(&mut self) -> Answer {
        parse(&self.read_to_end(), false)
    }
}

pub(crate) fn exchange(address: SocketAddr, request: &[u8], is_head: bool) -> Answer {
    let mut wire = Wire::open(address);
    wire.write(request);
    parse(&wire.read_to_end(), is_head)
}

fn parse(text: &str, is_head: bool) -> Answer {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: HashMap<String, String> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    if let Some(length) = headers.get("content-length").filter(|_| !is_head) {
        assert_eq!(length.parse(), Ok(body.len()), "{text}");
    }
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}
