//! Which events are written. `RUST_LOG` decides, within a bound it cannot lift.

use tracing::{Level, Metadata};

/// Rooms of other people that see what goes over the wire: headers with bearer tokens, URLs with
/// secrets in the query string, statement texts. Whatever `RUST_LOG` says, they speak at `info`
/// and above only.
const WIRE: [&str; 9] = [
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "sqlx",
    "actix_http",
    "actix_server",
    "opentelemetry",
];

/// Whether an event may be written at all.
pub(super) fn is_speakable(metadata: &Metadata<'_>) -> bool {
    if *metadata.level() <= Level::INFO {
        return true;
    }
    let room = metadata.target().split("::").next().unwrap_or_default();
    !WIRE.iter().any(|wire| room.starts_with(wire))
}
