//! The load: prebuilt requests over kept-alive connections on one thread, each connection sending
//! its next request as soon as the last is answered. It does as little as it can, since it takes its
//! time from the same machine.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// What is sent, how often, and what must come back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    /// Where to.
    pub(crate) address: SocketAddr,
    /// Requests in flight at most.
    pub(crate) connections: usize,
    /// Whole requests, sent in turn, from the first again after the last.
    pub(crate) requests: &'a [Vec<u8>],
    /// How many are sent.
    pub(crate) count: usize,
    /// The status every answer must have.
    pub(crate) status: u16,
    /// One body in this many is kept.
    pub(crate) keep_every: usize,
    /// Requests per second; none: as many as are answered.
    pub(crate) rate: Option<u32>,
}

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// In microseconds, in ascending order.
    pub(crate) latencies_us: Vec<u32>,
    /// The kept bodies, each with the number of its request.
    pub(crate) bodies: Vec<(usize, Vec<u8>)>,
}

impl Outcome {
    /// Answers per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies_us.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the answers kept within, in milliseconds.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        f64::from(self.latencies_us.get(at).copied().unwrap_or_default()) / 1e3
    }
}

/// Sends a load and waits for its last answer. An answer with another status ends the program.
pub(crate) fn send(runtime: &Runtime, load: Load<'_>) -> Outcome {
    LocalSet::new().block_on(runtime, run(load))
}

/// The same, among tasks of this thread.
pub(crate) async fn run(load: Load<'_>) -> Outcome {
    // A task outlives every borrow, so the requests are shared for as long as the load lasts.
    let requests: Rc<[Vec<u8>]> = load.requests.into();
    let next = Rc::new(Cell::new(0));
    let started = Instant::now();
    let mut whole = Outcome::default();
    let tasks: Vec<_> = (0..load.connections)
        .map(|_| {
            let (requests, next) = (Rc::clone(&requests), Rc::clone(&next));
            let connection = Connection {
                address: load.address,
                status: load.status,
                keep_every: load.keep_every,
                gap: load.rate.map(|rate| Duration::from_secs(1) / rate),
                count: load.count,
                started,
            };
            tokio::task::spawn_local(connection.run(requests, next))
        })
        .collect();
    for task in tasks {
        let mut part = task.await.expect("a connection of the load failed");
        whole.latencies_us.append(&mut part.latencies_us);
        whole.bodies.append(&mut part.bodies);
    }
    whole.elapsed = started.elapsed();
    whole.latencies_us.sort_unstable();
    whole
}

struct Connection {
    address: SocketAddr,
    status: u16,
    keep_every: usize,
    gap: Option<Duration>,
    count: usize,
    started: Instant,
}

impl Connection {
    async fn run(self, requests: Rc<[Vec<u8>]>, next: Rc<Cell<usize>>) -> Outcome {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("the server listens");
        stream.set_nodelay(true).expect("a socket without delay");
        let mut outcome = Outcome::default();
        let mut buffer = Vec::with_capacity(16 * 1024);
        loop {
            let number = next.get();
            if number >= self.count {
                return outcome;
            }
            next.set(number + 1);
            // At a fixed rate a request counts from when it was due, so that a slow answer also
            // counts against those that had to wait for it.
            let due = match self.gap {
                Some(gap) => {
                    let due = self.started + gap * u32::try_from(number).expect("a load of reasonable size");
                    tokio::time::sleep_until(due.into()).await;
                    due
                }
                None => Instant::now(),
            };
            let request = &requests[number % requests.len()];
            let body_at = exchange(&mut stream, request, &mut buffer).await;
            let took = due.elapsed().as_micros();
            outcome.latencies_us.push(u32::try_from(took).unwrap_or(u32::MAX));
            assert!(
                status(&buffer) == Some(self.status),
                "request {number}:\n{}\nwas answered\n{}",
                String::from_utf8_lossy(request),
                String::from_utf8_lossy(&buffer),
            );
            if number.is_multiple_of(self.keep_every) {
                outcome.bodies.push((number, buffer[body_at..].to_vec()));
            }
        }
    }
}

/// The status of an answer.
pub(crate) fn status(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}

/// Sends one request and reads its whole answer; tells where its body begins.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> usize {
    stream.write_all(request).await.expect("the server reads");
    buffer.clear();
    let mut end = None;
    loop {
        let more = stream.read_buf(buffer).await.expect("the server answers");
        assert!(more > 0, "the server closed the connection");
        if end.is_none() {
            end = head_end(buffer).map(|body_at| (body_at, body_at + content_length(&buffer[..body_at])));
        }
        if let Some((body_at, end)) = end
            && buffer.len() >= end
        {
            return body_at;
        }
    }
}

/// Where the body begins, once the whole head is there.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(at + 4)
}

/// The length that a head tells; 0 where it tells none.
pub(crate) fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    head.split(|byte| *byte == b'\n')
        .filter(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))
        .find_map(|line| std::str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok())
        .unwrap_or(0)
}
