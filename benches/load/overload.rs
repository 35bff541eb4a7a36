//! Ten times what the server can take: what it takes must be answered soon, the rest be refused at once,
//! nothing be lost, news of money find room, and all be as before when it is over.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::{LocalSet, spawn_local};

use crate::database::{Database, USERS};
use crate::generator::{self, Load, Outcome, exchange, status};
use crate::route::{Route, Stock, list, order, tokens_now};
use crate::server::Server;
use crate::stand_in::StandIn;

/// Requests in flight while the server is asked for what it can take.
const FEW: usize = 32;
/// The same at half of that: none of them waits for its first request for longer than the server does.
const SOME: usize = 64;
/// Requests in flight while it is asked for ten times as much: more than ever queue, in all lanes together.
const MANY: usize = 512;
/// WeChat's callbacks a second beside the burst.
const NOTICES_PER_SECOND: u32 = 20;
/// Without pause, how long before the burst at each rate.
const BEFORE: Duration = Duration::from_secs(10);
/// How long is looked at after the burst, in seconds.
const AFTER_S: usize = 8;

/// What was seen.
#[derive(Debug)]
pub(crate) struct Overload {
    peak: f64,
    half_p99_ms: f64,
    idle_mb: f64,
    highest_mb: f64,
    asked_per_second: f64,
    taken_per_second: f64,
    taken_p50_ms: f64,
    taken_p99_ms: f64,
    refused_p50_ms: f64,
    refused_p99_ms: f64,
    notices: Outcome,
    /// Seconds after the burst until nothing was refused any more, and 99 in 100 took at most three times as long as at half load.
    settled_s: usize,
}

/// What came of a burst.
#[derive(Debug, Default)]
struct Seen {
    elapsed: Duration,
    taken: Vec<Answered>,
    refused: Vec<Answered>,
    orders: u64,
}

/// One answer: when its request was sent, from the beginning on, and how long it took.
#[derive(Clone, Copy, Debug)]
struct Answered {
    at: Duration,
    took: Duration,
}

/// Lets a server be asked for more than it can take, for so many seconds.
pub(crate) fn measure(
    runtime: &Runtime,
    server: &Server,
    stock: &mut Stock,
    (database, wechat): (&Database, &StandIn),
    seconds: u64,
) -> Overload {
    let idle_mb = server.memory_mb().0;
    let mut shop = Shop {
        runtime,
        address: server.address,
        tokens: tokens_now(USERS).into(),
        database,
        stock,
    };
    shop.burst(FEW, None, BEFORE / 5, None);
    let (full, _) = shop.burst(FEW, None, BEFORE, None);
    let peak = full.taken.len() as f64 / full.elapsed.as_secs_f64();
    let (half, _) = shop.burst(SOME, Some(peak / 2.0), BEFORE, None);
    assert!(half.refused.is_empty(), "half of what it can take is refused");
    let half_p99_ms = percentile_ms(&half.taken, 0.99);

    let length = Duration::from_secs(seconds);
    let count = usize::try_from(seconds).expect("seconds") * NOTICES_PER_SECOND as usize;
    let round = Route::Notification.prepare(count, shop.stock, database);
    let news = Load {
        address: server.address,
        connections: 8,
        requests: &round.requests,
        count,
        status: Route::Notification.status(),
        keep_every: 101,
        rate: Some(NOTICES_PER_SECOND),
    };
    let (burst, notices) = shop.burst(MANY, Some(peak * 10.0), length, Some(news));
    let notices = notices.expect("the news were sent");
    round.check(&notices, database, wechat);
    let highest_mb = server.memory_mb().1;
    let after = Duration::from_secs(AFTER_S as u64);
    let (after, _) = shop.burst(SOME, Some(peak / 2.0), after, None);
    Overload {
        peak,
        half_p99_ms,
        idle_mb,
        highest_mb,
        asked_per_second: (burst.taken.len() + burst.refused.len()) as f64 / burst.elapsed.as_secs_f64(),
        taken_per_second: burst.taken.len() as f64 / burst.elapsed.as_secs_f64(),
        taken_p50_ms: percentile_ms(&burst.taken, 0.5),
        taken_p99_ms: percentile_ms(&burst.taken, 0.99),
        refused_p50_ms: percentile_ms(&burst.refused, 0.5),
        refused_p99_ms: percentile_ms(&burst.refused, 0.99),
        notices,
        settled_s: after.settled_s(half_p99_ms * 3.0),
    }
}

struct Shop<'a> {
    runtime: &'a Runtime,
    address: SocketAddr,
    tokens: Rc<[String]>,
    database: &'a Database,
    stock: &'a mut Stock,
}

impl Shop<'_> {
    /// Reads and orders in turn, for so long, at this rate if the server can; and what WeChat has to tell beside them.
    /// Every order that was promised must be in the books, and none beside them.
    fn burst(
        &mut self,
        connections: usize,
        rate: Option<f64>,
        length: Duration,
        news: Option<Load<'_>>,
    ) -> (Seen, Option<Outcome>) {
        let first = self.stock.next_order();
        let before = Route::Order.effects(self.database, 0, 1);
        let next = Rc::new(Cell::new(0));
        let started = Instant::now();
        let client = Client {
            address: self.address,
            tokens: Rc::clone(&self.tokens),
            next: Rc::clone(&next),
            first,
            gap: rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate)),
            started,
            length,
        };
        let (seen, outcome) = LocalSet::new().block_on(self.runtime, async {
            let tasks: Vec<_> = (0..connections)
                .map(|_| spawn_local(client.clone().run()))
                .collect();
            let outcome = match news {
                Some(load) => Some(generator::run(load).await),
                None => None,
            };
            let mut seen = Seen::default();
            for task in tasks {
                let part = task.await.expect("a client failed");
                seen.taken.extend(part.taken);
                seen.refused.extend(part.refused);
                seen.orders += part.orders;
            }
            seen.elapsed = started.elapsed();
            (seen, outcome)
        });
        self.stock.skip_to(first + next.get());
        let made = Route::Order.effects(self.database, 0, 1) - before;
        assert_eq!(made, seen.orders, "orders made, and orders promised");
        (seen, outcome)
    }
}

#[derive(Clone)]
struct Client {
    address: SocketAddr,
    tokens: Rc<[String]>,
    next: Rc<Cell<u64>>,
    first: u64,
    gap: Duration,
    started: Instant,
    length: Duration,
}

impl Client {
    async fn run(self) -> Seen {
        let mut stream = self.connect().await;
        let mut buffer = Vec::with_capacity(16 * 1024);
        let mut seen = Seen::default();
        loop {
            let number = self.next.get();
            self.next.set(number + 1);
            let due = self.gap * u32::try_from(number).expect("a burst of reasonable size");
            if due.max(self.started.elapsed()) >= self.length {
                return seen;
            }
            tokio::time::sleep_until((self.started + due).into()).await;
            let number = self.first + number;
            let token = &self.tokens[(number % USERS) as usize];
            let is_order = number.is_multiple_of(2);
            let request = if is_order {
                order(number, token)
            } else {
                list(token)
            };
            let sent = Instant::now();
            let body_at = exchange(&mut stream, &request, &mut buffer).await;
            let answered = Answered {
                at: sent - self.started,
                took: sent.elapsed(),
            };
            match status(&buffer) {
                Some(200 | 201) => {
                    seen.orders += u64::from(is_order);
                    seen.taken.push(answered);
                }
                Some(503) => seen.refused.push(answered),
                _ => panic!("answered\n{}", String::from_utf8_lossy(&buffer)),
            }
            // Said where a request was refused before its body was read.
            if is_last(&buffer[..body_at]) {
                stream = self.connect().await;
            }
        }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address)
            .await
            .expect("the server listens");
        stream.set_nodelay(true).expect("a socket without delay");
        stream
    }
}

/// Whether the server ends the connection after this answer.
fn is_last(head: &[u8]) -> bool {
    const LINE: &[u8] = b"connection: close";
    head.split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii().eq_ignore_ascii_case(LINE))
}

impl Seen {
    /// How many seconds went by until nothing was refused any more, and 99 in 100 took no longer than this.
    fn settled_s(&self, bound_ms: f64) -> usize {
        let is_rough = |second: &usize| {
            let within = |answered: &&Answered| answered.at.as_secs() == *second as u64;
            let taken: Vec<_> = self.taken.iter().filter(within).copied().collect();
            self.refused.iter().any(|answered| within(&answered)) || percentile_ms(&taken, 0.99) > bound_ms
        };
        (0..AFTER_S).rfind(is_rough).map_or(0, |second| second + 1)
    }
}

fn percentile_ms(answers: &[Answered], share: f64) -> f64 {
    let mut times: Vec<_> = answers.iter().map(|answered| answered.took).collect();
    times.sort_unstable();
    let at = (times.len().saturating_sub(1) as f64 * share).round() as usize;
    times.get(at).map_or(0.0, Duration::as_secs_f64) * 1e3
}

impl fmt::Display for Overload {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row =
            |what: &str, figure: String, goal: String| writeln!(to, "| {what} | {figure} | {goal} |");
        row("what", "figure".into(), "goal".into())?;
        row("---", "---:".into(), "---:".into())?;
        row("what it can take", format!("{:.0}/s", self.peak), String::new())?;
        row(
            "99 in 100 at half of it",
            format!("{:.1} ms", self.half_p99_ms),
            String::new(),
        )?;
        row(
            "asked for in the burst",
            format!("{:.1} times as much", self.asked_per_second / self.peak),
            "10".into(),
        )?;
        row(
            "taken of it, as a share of what it can take",
            format!("{:.2}", self.taken_per_second / self.peak),
            "0.80".into(),
        )?;
        row(
            "taken: half, 99 in 100",
            format!("{:.1}, {:.1} ms", self.taken_p50_ms, self.taken_p99_ms),
            format!("{:.1} ms, never above 500", self.half_p99_ms * 3.0),
        )?;
        row(
            "refused: half, 99 in 100",
            format!("{:.1}, {:.1} ms", self.refused_p50_ms, self.refused_p99_ms),
            "20 ms".into(),
        )?;
        row(
            "WeChat's news, all taken: 99 in 100",
            format!("{:.1} ms", self.notices.percentile_ms(0.99)),
            "5000 ms".into(),
        )?;
        row(
            "memory: before, highest",
            format!("{:.1}, {:.1} MB", self.idle_mb, self.highest_mb),
            format!("{:.1} MB", 2.0 * self.idle_mb + 64.0),
        )?;
        row(
            "as before, after the burst",
            format!("{} s", self.settled_s),
            "5 s".into(),
        )
    }
}
