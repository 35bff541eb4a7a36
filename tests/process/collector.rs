//! Receives spans as a collector of OpenTelemetry does.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The tags of a span's fields, each with a length: its id, that of the span around it, its name.
const ID: [u8; 2] = [0x12, 8];
const PARENT: [u8; 2] = [0x22, 8];
const NAME: u8 = 0x2a;
/// An id with its tag and length.
const ID_BYTES: usize = 10;

/// A collector on this machine.
pub(crate) struct Collector {
    pub(crate) url: String,
    bodies: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                take(stream.unwrap(), &book);
            }
        });
        Self { url, bodies }
    }

    /// Whether anything that came holds these words.
    pub(crate) fn holds(&self, words: &str) -> bool {
        place(&self.bodies.lock().unwrap(), words.as_bytes()).is_some()
    }

    /// The id of the span of this name, which is inside no other.
    pub(crate) fn root(&self, name: &str) -> Vec<u8> {
        self.before_name(name, ID)
    }

    /// The id of the span that the span of this name is inside of.
    pub(crate) fn parent_of(&self, name: &str) -> Vec<u8> {
        self.before_name(name, PARENT)
    }

    /// The id that stands before a name, under a tag.
    fn before_name(&self, name: &str, tag: [u8; 2]) -> Vec<u8> {
        let bodies = self.bodies.lock().unwrap();
        let field = [&[NAME, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        let mut spans = bodies.windows(ID_BYTES + field.len()).filter_map(|window| {
            let (id, named) = window.split_at(ID_BYTES);
            id.strip_prefix(&tag).filter(|_| named == field)
        });
        let id = spans
            .next()
            .unwrap_or_else(|| panic!("no such span is called {name}"));
        id.to_vec()
    }
}

fn place(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Reads one request, keeps its body and answers.
fn take(mut stream: TcpStream, bodies: &Mutex<Vec<u8>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "half a request");
        request.extend_from_slice(&buffer[..count]);
        let Some(head_end) = place(&request, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..head_end]).to_lowercase();
        assert!(head.starts_with("post /v1/traces "), "{head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let body = &request[head_end + 4..];
        if body.len() == length.unwrap().parse::<usize>().unwrap() {
            bodies.lock().unwrap().extend_from_slice(body);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).unwrap();
            return;
        }
    }
}
