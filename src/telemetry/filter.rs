//! Which events are written. `RUST_LOG` decides, within a bound it cannot lift.

use tracing::{Level, Metadata};

/// Rooms of other people that see what goes over the wire: headers with bearer tokens, URLs with
/// secrets in the query string, statement texts. Whatever `RUST_LOG` says, they speak at `info`
/// and above only.
const WIRE: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "sqlx",
    "actix_http",
    "opentelemetry",
];

/// The web server tells of every thread it starts and stops.
const CHATTY: &str = "actix_server";

/// Calls every request that it cannot parse an error of its own, so that anybody could fill the log
/// with errors. Such a request is answered with 400.
const STARTLED: &str = "actix_http::h1::dispatcher";

/// Whether an event may be written at all.
pub(super) fn is_speakable(metadata: &Metadata<'_>) -> bool {
    if metadata.target() == STARTLED {
        return false;
    }
    if metadata.target().starts_with(CHATTY) {
        return *metadata.level() <= Level::WARN;
    }
    if *metadata.level() <= Level::INFO {
        return true;
    }
    let room = metadata.target().split("::").next().unwrap_or_default();
    !WIRE.iter().any(|wire| room.starts_with(wire))
}
