//! A request from its head to its answer: the one log line, the histogram, the span.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Span;
use uuid::Uuid;

use super::record::{self, RequestRecord};
use super::{metric, trace};
use crate::error::Loudness;

/// The route of a request that matches none.
const NO_ROUTE: &str = "none";

/// The status under which a request is noted whose client went away before the answer.
const CLIENT_GONE: u16 = 499;

/// A request in hand. Dropped without [`Exchange::end`], it is noted as given up by its client.
#[derive(Debug)]
pub(crate) struct Exchange {
    method: &'static str,
    started: Instant,
    record: Arc<RequestRecord>,
    span: Span,
    is_ended: bool,
}

impl Exchange {
    pub(crate) fn begin(method: &'static str, started: Instant, record: Arc<RequestRecord>) -> Self {
        let span = trace::request_span(method, record.id());
        Self {
            method,
            started,
            record,
            span,
            is_ended: false,
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.record.id()
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Notes the answer. `route` is the pattern that matched, never the path.
    pub(crate) fn end(mut self, route: Option<&str>, status: u16) {
        self.is_ended = true;
        self.note(route.unwrap_or(NO_ROUTE), status);
    }

    fn note(&self, route: &str, status: u16) {
        let elapsed = self.started.elapsed();
        metric::record_request(self.method, route, status, elapsed);
        if !self.span.is_disabled() {
            self.span.record("otel.name", format!("{} {route}", self.method));
            self.span.record("http.route", route);
            self.span.record("http.response.status_code", status);
        }
        record::with(&self.record, || self.write_line(route, status, elapsed));
    }

    fn write_line(&self, route: &str, status: u16, elapsed: Duration) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "weir::request",
                    method = self.method,
                    route,
                    status,
                    code = self.record.failure().map(|failure| failure.code.row().text),
                    duration_ms = milliseconds(elapsed),
                    db_ms = milliseconds(self.record.database_time()),
                    db_queries = self.record.queries(),
                    user.id = self.record.user().map(tracing::field::display),
                    order.id = self.record.order().map(tracing::field::display),
                    cause = self.record.failure().and_then(|failure| failure.causes.as_deref()),
                    "request"
                )
            };
        }
        match self.loudness(status) {
            Loudness::Info => line!(info),
            Loudness::Warn => line!(warn),
            Loudness::Error => line!(error),
        }
    }

    fn loudness(&self, status: u16) -> Loudness {
        match self.record.failure() {
            Some(failure) => failure.code.row().loudness,
            None if status >= 500 => Loudness::Error,
            None => Loudness::Info,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.is_ended {
            self.note(NO_ROUTE, CLIENT_GONE);
        }
    }
}

/// Milliseconds with a fraction: the seconds of a thousandfold time.
fn milliseconds(time: Duration) -> f64 {
    time.saturating_mul(1000).as_secs_f64()
}
