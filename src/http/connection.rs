//! Connections, and whose move it is on each.
//!
//! The web server's own timeouts cover the headers of a connection's first request, and a connection
//! on which nothing came since the last answer. Between the two a client could keep its place for
//! ever: by one byte of its next request, or by taking nothing of an answer. So every connection
//! knows since when it is its client's move, and a sweep ends those that wait for it too long.
//!
//! What clients have not taken lies in memory, long after the request gave its place back. So it is
//! counted, and where all of it is too much those go first that have taken nothing for the longest.

use std::any::Any;
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::web::Bytes;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::telemetry::Shed;

/// What is handed to the web server at once. It asks for more when this has left for the most part,
/// which is how progress is seen.
const PIECE_BYTES: usize = 32 * 1024;

/// Stands for "our move" where else there is a time.
const OURS: u64 = u64::MAX;

/// Every open connection of the server; as many as it takes.
#[derive(Debug)]
pub(super) struct Connections {
    table: Mutex<Table>,
    /// What answers hold that their clients have not taken, in bytes.
    unsent: AtomicUsize,
    unsent_max: usize,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Entry>,
}

/// The web server owns the connection and lends it to nobody, so this is a second handle on it.
#[derive(Debug)]
struct Entry {
    socket: OwnedFd,
    turn: Arc<Move>,
}

impl Connections {
    /// No connection yet. All of them may hold so many bytes of answers.
    pub(super) fn new(unsent_max: usize) -> Self {
        Self {
            table: Mutex::default(),
            unsent: AtomicUsize::new(0),
            unsent_max,
        }
    }

    /// Enters a new connection, and puts it within reach of its requests.
    pub(super) fn enter(self: &Arc<Self>, stream: &dyn Any, data: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else {
            return;
        };
        match stream.as_fd().try_clone_to_owned() {
            Ok(socket) => data.insert(self.open(socket)),
            Err(error) => {
                // It could not be ended later, so it ends now.
                tracing::warn!(cause = %error, "a connection was closed: too many files are open");
                end(stream);
                None
            }
        };
    }

    fn open(self: &Arc<Self>, socket: OwnedFd) -> Connection {
        let turn = Arc::new(Move::opening());
        let mut table = self.table();
        let key = table.next;
        table.next = key.wrapping_add(1);
        let entry = Entry {
            socket,
            turn: Arc::clone(&turn),
        };
        table.open.insert(key, entry);
        Connection {
            key,
            turn,
            all: Arc::clone(self),
        }
    }

    /// Ends the connections that have waited so long for their clients.
    pub(super) fn sweep(&self, deadline: Duration) {
        let table = self.table();
        for entry in table.open.values() {
            if entry.turn.client_takes().is_some_and(|time| time >= deadline) {
                end(&entry.socket);
            }
        }
    }

    /// Counts an answer. Past the bound, connections end whose clients have taken nothing for the longest; never one
    /// for which somebody works, so that nobody hears of trouble after what he asked for was done.
    fn hold(&self, turn: &Move, bytes: usize) {
        let before = self.unsent.fetch_add(bytes, Ordering::Relaxed);
        turn.unsent.store(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.unsent_max {
            return;
        }
        let table = self.table();
        while self.unsent.load(Ordering::Relaxed) > self.unsent_max {
            let waiting = table.open.values().filter_map(|entry| {
                let is_holding = entry.turn.unsent.load(Ordering::Relaxed) > 0;
                let time = entry.turn.client_takes().filter(|_| is_holding)?;
                Some((entry, time))
            });
            let Some((entry, _)) = waiting.max_by_key(|(_, time)| *time) else {
                return;
            };
            Shed::Unsent.count();
            self.release(&entry.turn);
            end(&entry.socket);
        }
    }

    fn release(&self, turn: &Move) {
        let bytes = turn.unsent.swap(0, Ordering::Relaxed);
        self.unsent.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a connection both ways. The web server sees it at once and lets go of it.
fn end(socket: impl AsFd) {
    if let Err(error) = shutdown(socket, Shutdown::Both) {
        tracing::debug!(cause = %error, "the connection was gone already");
    }
}

/// A connection as its requests see it. It leaves the table when the web server drops it.
#[derive(Debug)]
struct Connection {
    key: u64,
    turn: Arc<Move>,
    all: Arc<Connections>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let entry = self.all.table().open.remove(&self.key);
        // The handle is closed after the lock was given back.
        drop(entry);
    }
}

/// Whose move it is: ours, or the client's since so many milliseconds after the connection began.
#[derive(Debug)]
struct Move {
    opened: Instant,
    since: AtomicU64,
    /// What the answer on its way holds, in bytes.
    unsent: AtomicUsize,
}

impl Move {
    fn opening() -> Self {
        Self {
            opened: Instant::now(),
            since: AtomicU64::new(0),
            unsent: AtomicUsize::new(0),
        }
    }

    fn is_ours(&self) {
        self.since.store(OURS, Ordering::Relaxed);
    }

    fn is_the_clients(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(OURS);
        self.since.store(now, Ordering::Relaxed);
    }

    /// For how long it has been the client's move.
    fn client_takes(&self) -> Option<Duration> {
        let since = self.since.load(Ordering::Relaxed);
        let waited = || self.opened.elapsed().saturating_sub(Duration::from_millis(since));
        (since != OURS).then(waited)
    }
}

/// A request in hand, from its head to the end of its answer: it is our move, but for what the answer's
/// body says. Requests of a connection are handled one after the other.
#[derive(Debug)]
pub(super) struct InHand(Option<(Arc<Move>, Arc<Connections>)>);

impl InHand {
    pub(super) fn begin(request: &ServiceRequest) -> Self {
        let connection = request.conn_data::<Connection>();
        let in_hand = Self(connection.map(|it| (Arc::clone(&it.turn), Arc::clone(&it.all))));
        in_hand.wait_for_us();
        in_hand
    }

    fn wait_for_us(&self) {
        if let Some((turn, _)) = &self.0 {
            turn.is_ours();
        }
    }

    fn wait_for_client(&self) {
        if let Some((turn, _)) = &self.0 {
            turn.is_the_clients();
        }
    }

    fn hold(&self, bytes: usize) {
        if let Some((turn, all)) = &self.0 {
            all.hold(turn, bytes);
        }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.wait_for_client();
        if let Some((turn, all)) = &self.0 {
            all.release(turn);
        }
    }
}

/// The body of an answer on its way out: while a piece of it leaves it is the client's move, while the
/// next one is not there yet it is ours.
#[derive(Debug)]
pub(super) struct Sent<B> {
    size: BodySize,
    /// What gives the body piece by piece; nothing where all of it was there at once.
    pieces: Option<B>,
    /// What is there and the web server has not taken.
    rest: Bytes,
    in_hand: InHand,
    /// How long the connection rests when all has left: without the end of the body no other request is read.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<B: MessageBody> Sent<B> {
    pub(super) fn new(body: B, in_hand: InHand) -> Self {
        let size = body.size();
        let (pieces, rest) = match body.try_into_bytes() {
            Ok(bytes) => (None, bytes),
            Err(body) => (Some(body), Bytes::new()),
        };
        // What is kept anyway, such as the files of the browsable page, costs no memory for each who asks.
        if rest.is_unique() {
            in_hand.hold(rest.len());
        }
        Self {
            size,
            pieces,
            rest,
            in_hand,
            pause: None,
        }
    }

    /// Has the connection rest for so long, when the body has left.
    pub(super) fn then_rest(mut self, pause: Duration) -> Self {
        self.pause = Some(Box::pin(tokio::time::sleep(pause)));
        self
    }

    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.pause
            .as_mut()
            .map_or(Poll::Ready(()), |pause| pause.as_mut().poll(context))
    }
}

impl<B: MessageBody + Unpin> MessageBody for Sent<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let sent = self.get_mut();
        if sent.rest.is_empty() {
            let Some(pieces) = &mut sent.pieces else {
                return sent.poll_pause(context).map(|()| None);
            };
            match Pin::new(pieces).poll_next(context) {
                Poll::Ready(Some(Ok(bytes))) => sent.rest = bytes,
                Poll::Pending => {
                    sent.in_hand.wait_for_us();
                    return Poll::Pending;
                }
                end @ Poll::Ready(_) => return end,
            }
        }
        sent.in_hand.wait_for_client();
        let bytes = sent.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(sent.rest.split_to(bytes))))
    }
}
