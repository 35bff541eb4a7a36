//! Log lines: one event, one line, as JSON or as text, on one writer.
//!
//! Written by hand rather than by the formatting layer of `tracing-subscriber`, for three reasons:
//! every event of a request carries the request's id without a span, field names keep their dots,
//! and a line costs about a microsecond.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::io::Write as _;

use chrono::SecondsFormat;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};

use super::record;
use crate::config::LogFormat;
use crate::domain::clock::Clock;

/// The longest field that is written, in bytes; the rest is cut off.
const FIELD_MAX: usize = 4096;

thread_local! {
    static BUFFER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Writes each event as one line.
pub(super) struct Lines<W> {
    format: LogFormat,
    writer: W,
    clock: Clock,
}

impl<W> Lines<W> {
    pub(super) fn new(format: LogFormat, writer: W) -> Self {
        Self {
            format,
            writer,
            clock: Clock::system(),
        }
    }

    fn compose(&self, event: &Event<'_>, line: &mut String) {
        let metadata = event.metadata();
        let time = self.clock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut fields = Fields {
            format: self.format,
            line,
        };
        match self.format {
            LogFormat::Json => {
                fields.line.push('{');
                fields.pair("time", &time);
                fields.pair("level", metadata.level().as_str());
                fields.pair("target", metadata.target());
            }
            LogFormat::Text => {
                fields.line.push_str(&time);
                fields.line.push(' ');
                let level = metadata.level().as_str();
                fields.line.push_str(level);
                fields.line.push_str(if level.len() == 4 { "  " } else { " " });
                fields.line.push_str(metadata.target());
            }
        }
        event.record(&mut fields);
        record::peek(|request| {
            let mut id = uuid::Uuid::encode_buffer();
            fields.pair("request.id", request.id().hyphenated().encode_lower(&mut id));
        });
        if matches!(self.format, LogFormat::Json) {
            line.push('}');
        }
        line.push('\n');
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        BUFFER.with(|buffer| {
            // A value whose `Debug` logs would come back here; its own line is left out.
            let Ok(mut line) = buffer.try_borrow_mut() else {
                return;
            };
            line.clear();
            self.compose(event, &mut line);
            // There is nowhere to complain to when the log cannot be written.
            drop(
                self.writer
                    .make_writer_for(event.metadata())
                    .write_all(line.as_bytes()),
            );
        });
    }
}

struct Fields<'a> {
    format: LogFormat,
    line: &'a mut String,
}

impl Fields<'_> {
    fn name(&mut self, name: &str) {
        match self.format {
            LogFormat::Json => {
                if !self.line.ends_with('{') {
                    self.line.push(',');
                }
                self.quoted(name);
                self.line.push(':');
            }
            LogFormat::Text => {
                self.line.push(' ');
                if name != "message" {
                    self.line.push_str(name);
                    self.line.push('=');
                }
            }
        }
    }

    fn pair(&mut self, name: &str, value: &str) {
        self.name(name);
        let value = value.get(..value.floor_char_boundary(FIELD_MAX)).unwrap_or(value);
        let is_plain = matches!(self.format, LogFormat::Text)
            && (name == "message" || !value.is_empty())
            && !value.contains(|letter: char| letter.is_control() || letter == '"')
            && (name == "message" || !value.contains(' '));
        if is_plain {
            self.line.push_str(value);
        } else {
            self.quoted(value);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.line.push('"');
        let mut plain_from = 0;
        for (at, letter) in text.char_indices() {
            if letter != '"' && letter != '\\' && !letter.is_control() {
                continue;
            }
            self.line.push_str(text.get(plain_from..at).unwrap_or_default());
            plain_from = at.saturating_add(letter.len_utf8());
            match letter {
                '"' => self.line.push_str("\\\""),
                '\\' => self.line.push_str("\\\\"),
                '\n' => self.line.push_str("\\n"),
                control => self.display(format_args!("\\u{:04x}", u32::from(control))),
            }
        }
        self.line.push_str(text.get(plain_from..).unwrap_or_default());
        self.line.push('"');
    }

    fn bare(&mut self, name: &str, value: std::fmt::Arguments<'_>) {
        self.name(name);
        self.display(value);
    }

    fn display(&mut self, value: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail; a value that fails to print itself is left half said.
        self.line.write_fmt(value).unwrap_or_default();
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.pair(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.bare(field.name(), format_args!("{value:.3}"));
        } else {
            self.pair(field.name(), "not a number");
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.pair(field.name(), &value.to_string());
    }
}

/// What `happens` writes on this thread.
#[cfg(test)]
pub(super) fn lines_of(format: LogFormat, happens: impl FnOnce()) -> String {
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .map_err(|_| std::io::ErrorKind::Other)?
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let memory = Memory::default();
    let writer = memory.clone();
    let lines = Lines::new(format, move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), happens);
    let bytes = memory.0.lock().map(|bytes| bytes.clone()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_json() {
        let text = lines_of(LogFormat::Json, || {
            tracing::info!(
                count = 3_u64, less = -3_i64, yes = true, part = 0.5, none = f64::NAN, odd = "\u{1}\t茶🍵",
                debug = ?Some("x"), "said"
            );
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["count"], 3);
        assert_eq!(line["less"], -3);
        assert_eq!(line["yes"], true);
        assert_eq!(line["part"], 0.5);
        assert_eq!(line["none"], "not a number");
        assert_eq!(line["odd"], "\u{1}\t茶🍵");
        assert_eq!(line["debug"], "Some(\"x\")");
        assert_eq!(line["target"], "weir::telemetry::line::tests");
    }

    #[test]
    fn text_stays_on_one_line_and_quotes_what_would_be_misread() {
        let text = lines_of(LogFormat::Text, || {
            tracing::warn!(
                place = "a b",
                forged = "x\ny level=ERROR",
                plain = "c",
                "two words"
            );
        });
        assert_eq!(text.matches('\n').count(), 1);
        let (_, rest) = text.split_once(' ').unwrap();
        let expected = "WARN  weir::telemetry::line::tests two words place=\"a b\" forged=\"x\\ny level=ERROR\" plain=c\n";
        assert_eq!(rest, expected);
    }

    #[test]
    fn a_huge_field_is_cut() {
        let text = lines_of(LogFormat::Json, || {
            tracing::info!(huge = "茶".repeat(9000), "said");
        });
        assert!(text.len() < FIELD_MAX + 400);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
