//! What one server takes at the most.

use std::num::NonZeroUsize;
use std::time::Duration;

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Worker threads; one per processor unless told.
    pub workers: usize,
    /// Connections per worker; further ones wait in the backlog. An idle one takes about 4 KiB.
    pub connections_per_worker: usize,
    /// Requests in hand in the whole process; beyond it answers 503 with `Retry-After`.
    pub in_hand_max: usize,
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
            in_hand_max: 1024,
            body_deadline: Duration::from_secs(5),
            upload_deadline: Duration::from_mins(1),
            stop_deadline: Duration::from_secs(10),
        }
    }
}
