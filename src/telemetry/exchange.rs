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
pub(crate) struct Exchange<R: Fn() -> Option<String>> {
    method: &'static str,
    started: Instant,
    record: Arc<RequestRecord>,
    span: Span,
    /// Finds the pattern that fits the path. It takes a search, so it is only asked where no request
    /// is left that knows.
    route: R,
    is_ended: bool,
}

impl<R: Fn() -> Option<String>> Exchange<R> {
    pub(crate) fn begin(
        method: &'static str,
        started: Instant,
        record: Arc<RequestRecord>,
        route: R,
    ) -> Self {
        let span = trace::request_span(method, record.id());
        Self {
            method,
            started,
            record,
            span,
            route,
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

    /// Notes an answer for which no request is left.
    pub(crate) fn break_off(mut self, status: u16) {
        self.is_ended = true;
        self.note_searched(status);
    }

    fn note_searched(&self, status: u16) {
        self.note((self.route)().as_deref().unwrap_or(NO_ROUTE), status);
    }

    fn note(&self, route: &str, status: u16) {
        let elapsed = self.started.elapsed();
        metric::record_request(self.method, route, status, elapsed);
        if !self.span.is_disabled() {
            trace::rename(&self.span, format!("{} {route}", self.method));
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

impl<R: Fn() -> Option<String>> Drop for Exchange<R> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.note_searched(CLIENT_GONE);
        }
    }
}

/// Milliseconds with a fraction: the seconds of a thousandfold time.
fn milliseconds(time: Duration) -> f64 {
    time.saturating_mul(1000).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::line::lines_of;
    use super::*;
    use crate::config::LogFormat;
    use crate::domain::id::{OrderId, UserId};
    use crate::error::{AppError, ErrorCode};

    /// The lines of what happens to a request with a nil id.
    fn line(format: LogFormat, happens: impl FnOnce(Exchange<fn() -> Option<String>>)) -> String {
        lines_of(format, || {
            let search: fn() -> Option<String> = || Some("/v1/searched".to_owned());
            let exchange = Exchange::begin("GET", Instant::now(), RequestRecord::new(Uuid::nil()), search);
            happens(exchange);
        })
    }

    #[test]
    fn a_request_is_one_line_with_everything_that_was_noted() {
        let text = line(LogFormat::Json, |exchange| {
            record::with(&Arc::clone(&exchange.record), || {
                record::note_user(UserId::from(Uuid::max()));
                record::note_order(OrderId::from(Uuid::nil()));
                record::note_error(&AppError::internal(std::io::Error::other("disk \"full\"\n")));
            });
            exchange.end(Some("/v1/orders/{id}"), 500);
        });
        assert_eq!(text.matches('\n').count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, value) in [
            ("level", "ERROR"),
            ("message", "request"),
            ("method", "GET"),
            ("route", "/v1/orders/{id}"),
            ("code", "internal"),
            ("cause", "disk \"full\"\n"),
            ("request.id", "00000000-0000-0000-0000-000000000000"),
            ("user.id", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
            ("order.id", "00000000-0000-0000-0000-000000000000"),
        ] {
            assert_eq!(line[name], value, "{text}");
        }
        assert_eq!((&line["status"], &line["db_queries"]), (&500.into(), &0.into()));
        assert!(line["duration_ms"].is_f64() && line["db_ms"].is_f64());
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn what_is_not_known_is_left_out_and_the_code_decides_the_level() {
        let text = line(LogFormat::Json, |exchange| exchange.end(None, 204));
        for absent in ["user.id", "order.id", "code", "cause"] {
            assert!(!text.contains(absent), "{text}");
        }
        assert!(text.contains(r#""level":"INFO""#) && text.contains(r#""route":"none""#));
        let limited = line(LogFormat::Text, |exchange| {
            record::with(&Arc::clone(&exchange.record), || {
                record::note_error(&AppError::new(ErrorCode::RateLimited));
            });
            exchange.end(Some("/v1/login"), 429);
        });
        assert!(
            limited.contains(" WARN  weir::request request method=GET route=/v1/login status=429"),
            "{limited}"
        );
        assert!(limited.contains(" code=rate_limited "), "{limited}");
    }

    #[test]
    fn a_request_whose_client_went_away_is_noted_too() {
        let text = line(LogFormat::Json, drop);
        assert!(text.contains(r#""route":"/v1/searched","status":499"#), "{text}");
    }

    #[test]
    fn a_request_that_panicked_has_its_route() {
        let text = line(LogFormat::Json, |exchange| exchange.break_off(500));
        assert!(text.contains(r#""route":"/v1/searched","status":500"#), "{text}");
    }
}
