//! Spans for OpenTelemetry, made only when `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Without it no
//! subscriber wants the target and a span costs one look at a flag.

use std::time::Duration;

use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use url::Url;
use uuid::Uuid;

/// The target of every span that is exported; log lines never have it.
pub const SPAN_TARGET: &str = "weir::span";

/// How long one export may take, and the flush at the stop.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Exporter {
    pub(super) provider: SdkTracerProvider,
    pub(super) tracer: SdkTracer,
}

/// Sends spans in batches, from a thread of its own, to `endpoint` + `/v1/traces`.
pub(super) fn exporter(endpoint: &Url) -> Result<Exporter, opentelemetry_otlp::ExporterBuildError> {
    let address = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(address)
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let resource = Resource::builder().with_service_name("weir").build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("weir");
    Ok(Exporter { provider, tracer })
}

pub(super) fn flush(provider: &SdkTracerProvider) {
    if let Err(error) = provider.shutdown_with_timeout(EXPORT_TIMEOUT) {
        tracing::warn!(error = %error, "spans could not be flushed");
    }
}

/// The span of a request. Its name, route and status are recorded when they are known.
pub(crate) fn request_span(method: &'static str, id: Uuid) -> Span {
    tracing::info_span!(
        target: SPAN_TARGET,
        parent: None,
        "request",
        otel.kind = "server",
        http.request.method = method,
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        request.id = %id,
    )
}

/// Names a span by what is known at its end. A field `otel.name` is heard only until the span has begun,
/// which it has with the first one inside it.
pub(super) fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// The span of a call to WeChat, inside the request's own. `api` is the name of the call; of its URL
/// only the `host` is told, since the rest carries secrets.
pub fn upstream_span(api: &'static str, host: Option<&str>) -> Span {
    tracing::info_span!(
        target: SPAN_TARGET,
        "upstream",
        otel.name = api,
        otel.kind = "client",
        api,
        server.address = host,
    )
}
