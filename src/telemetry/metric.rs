//! The metrics of `GET /metrics`, in Prometheus' text form: their names, units and buckets.
//!
//! Handles are kept per thread, since looking one up by its labels costs more than the rest of a
//! small request's bookkeeping.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics::{
    Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::free_call::FREE_CALLS;
use super::process;
use super::shed::SHED;

/// Seconds, by method, route pattern and status.
const REQUEST_DURATION: &str = "weir_http_request_duration_seconds";
/// Seconds, by the statement's `room.function`.
const QUERY_DURATION: &str = "weir_db_query_duration_seconds";
/// Statements that failed since the database was in trouble, by its `code` (`SQLSTATE`).
const DATABASE_TROUBLE: &str = "weir_db_trouble_total";
/// Connections of the pool by `state`: `idle` or `used`.
const POOL_CONNECTIONS: &str = "weir_db_pool_connections";
/// Calls to WeChat by `api` and `outcome`.
pub const UPSTREAM_REQUESTS: &str = "weir_upstream_requests_total";
/// Seconds that calls to WeChat took, by `api`.
pub const UPSTREAM_DURATION: &str = "weir_upstream_request_duration_seconds";
/// Notifications by `verdict`.
const NOTIFICATIONS: &str = "weir_notifications_total";
/// Pushed messages by `verdict`: `taken`, `duplicate`, `path_check`, `handshake`, or why one was refused.
const PUSHES: &str = "weir_pushes_total";
/// Open data by `kind` and `outcome`: opened with the `newest` or the `previous` key, or why it was refused.
const OPEN_DATA: &str = "weir_open_data_total";
/// Moves of orders by `from` and `to`.
const ORDER_MOVES: &str = "weir_order_moves_total";
/// Tries to deliver an event by `outcome`: `delivered`, `failed`, `parked`.
const EVENT_DELIVERIES: &str = "weir_event_deliveries_total";
/// Subscribe messages by where they stand after a try: `sent`, `refused`, `unknown`, `unsent`, `pending`, `given_up`.
const SUBSCRIBE_MESSAGES: &str = "weir_subscribe_messages_total";
/// Content checks by `what` (`text`, `media`, `profile`, `order_note`) and `outcome`: `pass`, `review`, `reject`,
/// `failed`.
const CONTENT_CHECKS: &str = "weir_content_checks_total";
/// Values sealed under an older data key that were looked at to be sealed again, by `column` and
/// `outcome`: `resealed`, `damaged`.
const RESEALED_VALUES: &str = "weir_resealed_values_total";
/// Values that do not lie under the newest data key, by `column` and `key`: the name of an older
/// key, or `unknown` for keys that are not configured.
const OLD_KEY_VALUES: &str = "weir_old_key_values";
/// Rounds of background loops by `loop` and `outcome`.
const LOOP_RUNS: &str = "weir_loop_runs_total";

/// From a statement's 0.5 ms to the 10 s at which a request is given up.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// The recorder of this process.
#[derive(Clone, Debug)]
pub struct Metrics {
    handle: PrometheusHandle,
    started: Instant,
}

impl Metrics {
    /// Installs the recorder of this process, or hands out the one that is installed.
    pub fn install() -> Self {
        INSTALLED
            .get_or_init(|| {
                let recorder = builder().build_recorder();
                let handle = recorder.handle();
                // It fails only when a stranger installed a recorder first; then ours stays empty.
                if metrics::set_global_recorder(recorder).is_ok() {
                    describe();
                }
                Self {
                    handle,
                    started: Instant::now(),
                }
            })
            .clone()
    }

    /// Everything measured so far, as text for Prometheus.
    pub fn render(&self) -> String {
        process::sample(self.started.elapsed());
        self.handle.render()
    }

    /// Folds raw samples into their buckets. Samples wait in memory until then (24 bytes each),
    /// so it is called every few seconds for as long as the process lives.
    pub fn fold(&self) {
        self.handle.run_upkeep();
    }
}

fn builder() -> PrometheusBuilder {
    let builder = PrometheusBuilder::new();
    // The one error is an empty list of buckets, and the list is not empty.
    builder
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .unwrap_or_else(|_| PrometheusBuilder::new())
}

fn describe() {
    describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "Time from a request's head to its answer"
    );
    describe_histogram!(
        QUERY_DURATION,
        Unit::Seconds,
        "Time of a statement, waiting for a connection excluded"
    );
    describe_gauge!(POOL_CONNECTIONS, "Database connections of this process");
    describe_counter!(UPSTREAM_REQUESTS, "Calls to WeChat");
    describe_histogram!(UPSTREAM_DURATION, Unit::Seconds, "Time of calls to WeChat");
    describe_counter!(
        NOTIFICATIONS,
        "Notifications of WeChat Pay by what became of them"
    );
    describe_counter!(PUSHES, "Messages that WeChat pushed by what became of them");
    describe_counter!(OPEN_DATA, "Open data by what became of it");
    describe_counter!(ORDER_MOVES, "Moves of orders from one status to another");
    describe_counter!(EVENT_DELIVERIES, "Tries to deliver an event to its receiver");
    describe_counter!(SUBSCRIBE_MESSAGES, "Tries to send a subscribe message");
    describe_counter!(CONTENT_CHECKS, "Content checks by what came of them");
    describe_counter!(FREE_CALLS, "Calls to WeChat made for the owner's other services");
    describe_counter!(
        RESEALED_VALUES,
        "Values under an older data key by what became of them"
    );
    describe_gauge!(
        OLD_KEY_VALUES,
        "Values that do not lie under the newest data key, as last counted"
    );
    describe_counter!(LOOP_RUNS, "Rounds of the background loops");
    describe_counter!(SHED, "Requests turned away because a bound was reached");
    process::describe();
}

/// Counts what a page gave to be opened: by its kind, or `none` where it was refused, and by what became
/// of it.
pub fn count_open_data(kind: &'static str, outcome: &'static str) {
    counter!(OPEN_DATA, "kind" => kind, "outcome" => outcome).increment(1);
}

/// Counts a delivery of a notification by what became of it.
pub fn count_notification(verdict: &'static str) {
    counter!(NOTIFICATIONS, "verdict" => verdict).increment(1);
}

/// Counts a push by what became of it.
pub fn count_push(verdict: &'static str) {
    counter!(PUSHES, "verdict" => verdict).increment(1);
}

/// Counts a statement that failed since the database was in trouble.
pub fn count_database_trouble(code: String) {
    counter!(DATABASE_TROUBLE, "code" => code).increment(1);
}

/// Counts a move of an order.
pub fn count_order_move(from: &'static str, to: &'static str) {
    counter!(ORDER_MOVES, "from" => from, "to" => to).increment(1);
}

/// Counts a try to deliver an event by how it ended.
pub fn count_event_delivery(outcome: &'static str) {
    counter!(EVENT_DELIVERIES, "outcome" => outcome).increment(1);
}

/// Counts a try to send a subscribe message by where the message stands after it.
pub fn count_subscribe_message(state: &'static str) {
    counter!(SUBSCRIBE_MESSAGES, "state" => state).increment(1);
}

/// Counts a content check by what came of it.
pub fn count_content_check(what: &'static str, outcome: &'static str) {
    counter!(CONTENT_CHECKS, "what" => what, "outcome" => outcome).increment(1);
}

/// Counts values of a column that were to be sealed again, by what became of them.
pub fn count_resealed(column: &'static str, resealed: u64, damaged: u64) {
    counter!(RESEALED_VALUES, "column" => column, "outcome" => "resealed").increment(resealed);
    counter!(RESEALED_VALUES, "column" => column, "outcome" => "damaged").increment(damaged);
}

/// Notes how many values of a column lie under an older data key, or under `unknown` ones.
pub fn note_old_key_values(column: &'static str, key: String, values: i64) {
    let values = u32::try_from(values).unwrap_or(u32::MAX);
    gauge!(OLD_KEY_VALUES, "column" => column, "key" => key).set(values);
}

/// Counts a turn of a background loop.
pub fn count_loop_run(name: &'static str, outcome: &'static str) {
    counter!(LOOP_RUNS, "loop" => name, "outcome" => outcome).increment(1);
}

/// Notes the pool's connections, at the time of a scrape.
pub fn note_pool(total: u32, idle: u32) {
    gauge!(POOL_CONNECTIONS, "state" => "idle").set(idle);
    gauge!(POOL_CONNECTIONS, "state" => "used").set(total.saturating_sub(idle));
}

struct RouteSeries {
    method: &'static str,
    status: u16,
    histogram: Histogram,
}

thread_local! {
    static QUERIES: RefCell<HashMap<&'static str, Histogram>> = RefCell::new(HashMap::new());
    static ROUTES: RefCell<HashMap<String, Vec<RouteSeries>>> = RefCell::new(HashMap::new());
}

pub(super) fn record_query(name: &'static str, elapsed: Duration) {
    if INSTALLED.get().is_none() {
        return;
    }
    QUERIES.with_borrow_mut(|queries| {
        queries
            .entry(name)
            .or_insert_with(|| histogram!(QUERY_DURATION, "query" => name))
            .record(elapsed);
    });
}

/// Notes a finished request. `route` is a pattern of the route table, never a path.
pub(crate) fn record_request(method: &'static str, route: &str, status: u16, elapsed: Duration) {
    if INSTALLED.get().is_none() {
        return;
    }
    ROUTES.with_borrow_mut(|routes| {
        if !routes.contains_key(route) {
            routes.insert(route.to_owned(), Vec::new());
        }
        let Some(known) = routes.get_mut(route) else {
            return;
        };
        let found = known
            .iter()
            .find(|series| series.status == status && series.method == method);
        if let Some(series) = found {
            series.histogram.record(elapsed);
            return;
        }
        let series = RouteSeries {
            method,
            status,
            histogram: histogram!(
                REQUEST_DURATION,
                "method" => method, "route" => route.to_owned(), "status" => status.to_string()
            ),
        };
        series.histogram.record(elapsed);
        known.push(series);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_statements_show_in_the_text() {
        let metrics = Metrics::install();
        record_request("GET", "/v1/me", 200, Duration::from_millis(3));
        record_request("GET", "/v1/me", 200, Duration::from_millis(4));
        record_query("test.metric", Duration::from_micros(700));
        note_pool(5, 2);
        metrics.fold();
        let text = metrics.render();
        let line = r#"weir_http_request_duration_seconds_count{method="GET",route="/v1/me",status="200"} 2"#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains(r#"weir_db_query_duration_seconds_bucket{query="test.metric",le="0.001"} 1"#));
        assert!(text.contains(r#"weir_db_pool_connections{state="used"} 3"#));
        assert!(text.contains("weir_process_uptime_seconds"));
    }
}
