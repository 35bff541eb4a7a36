//! What one server takes at the most.

use std::num::NonZeroUsize;
use std::time::Duration;

/// How long an idle connection is kept: longer than the 60 s after which common proxies let go, so
/// that the proxy, which knows whether a request is under way, is the one to close.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// From a connection's opening to the end of its first request's headers.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// What answers may hold that their clients have not taken: 128 MiB.
const UNSENT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Worker threads; one per processor unless told.
    pub workers: usize,
    /// Connections per worker; further ones wait in the backlog. An idle one takes about 4 KiB and
    /// two file descriptors.
    pub connections_per_worker: usize,
    /// From a connection's opening to the end of its first request's headers.
    pub head_deadline: Duration,
    /// How long a connection waits for its client: to take a piece of an answer, and to send all the
    /// headers of another request after it.
    pub client_deadline: Duration,
    /// What answers that were made at once may hold in memory, in the whole process, until their clients have taken
    /// them; beyond it connections end whose clients have taken nothing for the longest.
    pub unsent_bytes_max: usize,
    /// Requests in hand in the whole process; beyond it answers 503 with `Retry-After`.
    pub in_hand_max: usize,
    /// Answers that tell a client to come again later, per worker and second; beyond it their connections rest for up to
    /// a second before another request is read from them.
    pub refusals_per_s: u32,
    /// From the end of the headers to the end of the body.
    pub body_deadline: Duration,
    /// The same for a body that holds a file.
    pub upload_deadline: Duration,
    /// How long requests in hand and money tasks may take to end when the server stops.
    pub stop_deadline: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            connections_per_worker: 4096,
            head_deadline: HEAD_DEADLINE,
            client_deadline: KEEP_ALIVE.saturating_add(HEAD_DEADLINE),
            unsent_bytes_max: UNSENT_BYTES_MAX,
            in_hand_max: 1024,
            refusals_per_s: 2_000,
            body_deadline: Duration::from_secs(5),
            upload_deadline: Duration::from_mins(1),
            stop_deadline: Duration::from_secs(10),
        }
    }
}
