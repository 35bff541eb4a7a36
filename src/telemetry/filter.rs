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
    "opentelemetry",
    "object_store",
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

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
    use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

    #[test]
    fn the_wire_is_not_logged_whatever_is_asked_for() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU32, Ordering};

        struct Count(Arc<AtomicU32>);
        impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Count {
            fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        let count = Arc::new(AtomicU32::new(0));
        let wanted = EnvFilter::new("trace,hyper::proto=trace");
        let layer = Count(Arc::clone(&count)).with_filter(wanted.and(filter_fn(is_speakable)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::trace!(target: "hyper::proto::h1", "GET /sns/jscode2session?secret=…");
            tracing::debug!(target: "reqwest::connect", "…");
            tracing::debug!(target: "hyper_util::client", "…");
            assert_eq!(count.load(Ordering::Relaxed), 0);
            tracing::warn!(target: "hyper::proto::h1", "…");
            tracing::trace!(target: "weir::wechat", "…");
            assert_eq!(count.load(Ordering::Relaxed), 2);
        });
    }
}
