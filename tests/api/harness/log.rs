//! Every log line of this process, as production writes it, kept to be looked through.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use aho_corasick::AhoCorasick;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use weir::config::LogFormat;
use weir::telemetry;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static STARTED: OnceLock<()> = OnceLock::new();

#[derive(Clone, Copy)]
struct Keeper;

impl io::Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).into_owned();
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Keeper {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

/// Keeps every line from now on, at the loudest setting; gives where the scenario's lines begin.
pub(super) fn start() -> usize {
    STARTED.get_or_init(|| {
        open_many_files();
        let lines = telemetry::lines(LogFormat::Json, "trace", Keeper);
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).unwrap();
    });
    LINES.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// An ordinary user is often given 1,024, which servers, clients and the simulated WeChat of some shops at once use up.
fn open_many_files() {
    let given = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: given.maximum,
        ..given
    };
    // Where it cannot be had, most of them pass all the same.
    let _unchanged = setrlimit(Resource::Nofile, most);
}

/// The lines since `from`, of every scenario that ran meanwhile.
pub(crate) fn since(from: usize) -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)[from..].to_vec()
}

/// Lets go of what the lines since `from` say, so that a run of any length needs little memory. Only
/// for a scenario with which no other runs.
pub(crate) fn forget(from: usize) {
    for line in &mut LINES.lock().unwrap_or_else(PoisonError::into_inner)[from..] {
        *line = String::from("{}");
    }
}

impl super::Shop {
    /// The lines with this message since the scenario began, of every scenario that ran meanwhile.
    pub(crate) fn lines_with(&self, message: &str) -> Vec<Value> {
        let lines = since(self.log_from);
        let lines = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == message).collect()
    }
}

/// No error was logged for one of these requests, but those announced; and none at all of the server itself.
///
/// What WeChat says to loops cannot be told apart by scenario: their lines have no request, and other scenarios run
/// beside.
pub(super) fn assert_quiet(
    from: usize,
    request_ids: &Mutex<BTreeSet<String>>,
    announced: &Mutex<BTreeSet<&'static str>>,
) {
    let (ids, announced) = (request_ids.lock().unwrap(), announced.lock().unwrap());
    for line in since(from) {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        let is_ours = line["request.id"].as_str().map(|id| ids.contains(id));
        if line["level"] == "ERROR" && is_ours.unwrap_or_else(|| is_of_server(&line)) {
            assert!(
                is_announced(&line, &announced),
                "an error nobody announced: {line}"
            );
        }
    }
}

/// Whether a line outside of any request is about this program, and not about what WeChat said.
fn is_of_server(line: &Value) -> bool {
    let target = line["target"].as_str().unwrap();
    target.starts_with("weir::") && !is_of_wechat(target) && !target.starts_with("weir::simulator")
}

fn is_of_wechat(target: &str) -> bool {
    target.starts_with("weir::wechat::")
}

/// A line with a code must be announced by that code. What WeChat said on the way there has none.
fn is_announced(line: &Value, announced: &BTreeSet<&'static str>) -> bool {
    match line["code"].as_str() {
        Some(code) => announced.contains(code),
        None => is_of_wechat(line["target"].as_str().unwrap()) && !announced.is_empty(),
    }
}

/// A line's members; none where it was cut off, or is a panic's own.
pub(super) fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_default()
}

/// The lines of a whole server hold no panic, and no error but those announced.
pub(super) fn assert_orderly(lines: &[String], announced: &BTreeSet<&'static str>) {
    for line in lines {
        assert!(!line.contains("panicked"), "{line}");
        let members = parsed(line);
        assert!(
            members["level"] != "ERROR" || is_announced(&members, announced),
            "an error nobody announced: {line}"
        );
    }
}

/// No line holds one of these words.
pub(super) fn assert_silent_about(lines: &[String], secrets: &BTreeSet<String>) {
    // One walk over each line, however many words there are.
    let words = AhoCorasick::new(secrets).unwrap();
    for line in lines {
        assert!(!words.is_match(line), "a secret in the log: {line}");
    }
}
