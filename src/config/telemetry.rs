//! `LOG_FORMAT`, `RUST_LOG`, `OTEL_EXPORTER_OTLP_ENDPOINT`

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use url::Url;

use super::{Noted, Reader};

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Words, for people.
    Text,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(()),
        }
    }
}

/// Logs and traces.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// None: text on a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    /// What is logged, as `RUST_LOG` has it.
    pub log_filter: String,
    /// Where spans are sent, by OTLP over HTTP; none: no spans.
    pub otlp_endpoint: Option<Url>,
}

impl TelemetrySettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let log_format = reader.parsed("LOG_FORMAT", "`json` or `text`");
        let log_filter = reader.optional("RUST_LOG").unwrap_or_else(|| "info".to_owned());
        let otlp_endpoint = reader
            .optional("OTEL_EXPORTER_OTLP_ENDPOINT")
            .map(|text| reader.url("OTEL_EXPORTER_OTLP_ENDPOINT", &text, &["https", "http"]))
            .transpose();
        if EnvFilter::builder().parse(&log_filter).is_err() {
            let what = "is not a list of `target=level`, such as info,weir=debug";
            return Err(reader.problem("RUST_LOG", what));
        }
        Ok(Self {
            log_format: log_format?,
            log_filter,
            otlp_endpoint: otlp_endpoint?,
        })
    }
}
