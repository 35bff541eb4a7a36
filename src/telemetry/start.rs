//! Starting and ending telemetry, once per process.

use std::io::IsTerminal as _;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::line::Lines;
use super::metric::Metrics;
use super::{filter, trace};
use crate::config::{LogFormat, TelemetrySettings};

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The exporter of spans cannot be built.
    #[error("the exporter of `OTEL_EXPORTER_OTLP_ENDPOINT` cannot be built")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Somebody else set the process's subscriber first.
    #[error("the process has a log subscriber already")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
}

/// Telemetry of this process. [`Telemetry::finish`] sends what is still held back.
#[derive(Debug)]
pub struct Telemetry {
    /// The metrics of `GET /metrics`.
    pub metrics: Metrics,
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Flushes spans, 5 s at most. Blocks; call it outside the asynchronous runtime.
    pub fn finish(self) {
        if let Some(provider) = &self.spans {
            trace::flush(provider);
        }
    }
}

/// One line per event on `writer`, for the events that `wanted` (the form of `RUST_LOG`) asks for and
/// that may be written at all.
pub fn lines<S, W>(format: LogFormat, wanted: &str, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    let wanted = EnvFilter::builder().parse_lossy(wanted);
    Lines::new(format, writer).with_filter(wanted.and(filter_fn(|metadata| {
        metadata.is_event() && filter::is_speakable(metadata)
    })))
}

/// Starts log lines on standard error, metrics, and spans when an endpoint is set. Panics become
/// log lines.
pub fn start(settings: &TelemetrySettings) -> Result<Telemetry, StartError> {
    let format = settings.log_format.unwrap_or_else(|| {
        if std::io::stderr().is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        }
    });
    let lines = lines(format, &settings.log_filter, std::io::stderr);
    let exporter = settings.otlp_endpoint.as_ref().map(trace::exporter).transpose()?;
    let registry = tracing_subscriber::registry().with(lines);
    let spans = if let Some(exporter) = exporter {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(exporter.tracer)
            .with_filter(filter_fn(|metadata| metadata.target() == trace::SPAN_TARGET));
        registry.with(spans).try_init()?;
        Some(exporter.provider)
    } else {
        // Not a layer that is none: beside one, every span is made, only to be seen by nobody.
        registry.try_init()?;
        None
    };
    report_panics();
    Ok(Telemetry {
        metrics: Metrics::install(),
        spans,
    })
}

/// A panic is a defect: it is logged with its place, in the form of all other lines.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = panic.payload_as_str().unwrap_or_default();
        tracing::error!(place, said, "panic");
    }));
}
