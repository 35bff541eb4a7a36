//! The rules themselves.

use crate::{Source, import};

/// A room and the rooms that it may import. Everything not listed is refused.
pub(crate) const ROOMS: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("simulator", &[]),
    ("error", &["domain"]),
    ("config", &["domain"]),
    ("telemetry", &["config", "domain", "error"]),
    ("store", &["domain", "telemetry"]),
    ("wechat", &["domain", "telemetry"]),
    ("webhook", &["domain"]),
    ("file", &["domain"]),
    (
        "service",
        &[
            "domain",
            "error",
            "file",
            "store",
            "telemetry",
            "webhook",
            "wechat",
        ],
    ),
    ("http", &["config", "domain", "error", "service", "telemetry"]),
    ("worker", &["config", "domain", "error", "service", "telemetry"]),
    (
        "app",
        &[
            "config",
            "domain",
            "error",
            "file",
            "http",
            "service",
            "store",
            "telemetry",
            "webhook",
            "wechat",
            "worker",
        ],
    ),
    ("dev", &["app", "config", "domain", "simulator", "store"]),
    (
        "cli",
        &["app", "config", "dev", "domain", "http", "simulator", "telemetry"],
    ),
];

/// Imports that the table does not allow and that are right all the same: room, what it imports,
/// why. One that nobody uses any more is reported.
pub(crate) const GRANTS: [(&str, &str, &str); 15] = [
    (
        "http",
        "file::place::Piece",
        "the content of a file is handed on as it comes, piece by piece",
    ),
    (
        "config",
        "wechat::pay",
        "only it can judge keys, and all wrong settings are reported at once",
    ),
    (
        "http",
        "store::order_search::OrderFilter",
        "what a search asks for is what the statement takes",
    ),
    (
        "http",
        "store::timeline::AttemptRow",
        "the use case hands out the row, and the handler maps it to JSON",
    ),
    (
        "http",
        "store::exception",
        "the use case hands out the row, and the handler maps it to JSON",
    ),
    (
        "http",
        "store::recorder::RecorderFilter",
        "what is asked for is what the statement filters by",
    ),
    (
        "http",
        "wechat::pay::RequestPayment",
        "the parameters of wx.requestPayment are the answer",
    ),
    (
        "worker",
        "store",
        "housekeeping is a statement and nothing else; a use case would only pass it on",
    ),
    (
        "cli",
        "store::pool",
        "migrations are applied before there is an app",
    ),
    (
        "cli",
        "service::pay::replay_notification",
        "a verb that is one use case, without a server around it",
    ),
    (
        "cli",
        "service::pay::reconcile",
        "a verb that is one use case, without a server around it",
    ),
    (
        "cli",
        "service::health::doctor",
        "a verb that is one use case, without a server around it",
    ),
    ("cli", "service::Context", "what that use case works with"),
    (
        "http",
        "store::reconciliation",
        "the use case hands out the row, and the handler maps it to JSON",
    ),
    (
        "http",
        "store::comparison::Found",
        "the use case hands out the row, and the handler maps it to JSON",
    ),
];

/// A crate and the only places that may use it.
pub(crate) const CRATES: [(&str, &[&str]); 10] = [
    ("actix_web", &["src/http/", "src/app.rs", "src/simulator/"]),
    ("actix_http", &[]),
    ("reqwest", &["src/wechat/", "src/webhook/", "src/simulator/"]),
    ("rsa", &["src/simulator/"]),
    ("clap", &["src/cli/"]),
    ("governor", &["src/http/"]),
    ("dotenvy", &["src/config/"]),
    ("object_store", &["src/file/"]),
    ("quick_xml", &["src/wechat/push/"]),
    ("actix_multipart", &["src/http/"]),
];

/// What `domain` may use of the world outside; neither files, sockets, processes nor a runtime.
pub(crate) const DOMAIN_CRATES: [&str; 10] = [
    "std",
    // Without its features that fetch references: none of them is compiled.
    "jsonschema",
    "serde",
    "serde_json",
    "chrono",
    "uuid",
    "thiserror",
    "sqlx",
    "aws_lc_rs",
    "url",
];

/// Parts of `std` and `sqlx` that do I/O.
pub(crate) const DOMAIN_REFUSED: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "sqlx::query",
    "sqlx::PgPool",
    "sqlx::Pool",
    "sqlx::postgres",
];

/// Where statements may be written: the store, and the private cluster, which has no tables of ours.
pub(crate) const STATEMENTS: [&str; 2] = ["src/store/", "src/dev/postgres/"];

/// Lines of a file, inclusive. Most have under 200.
pub(crate) const LINES_MAX: usize = 400;
/// Lines of `main.rs`, inclusive.
pub(crate) const MAIN_LINES_MAX: usize = 40;

/// Names that say nothing.
pub(crate) const EMPTY_NAMES: [&str; 10] = [
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "manager",
    "managers",
    "shared_code",
    "lib_utils",
];

/// Whether `room` may import `path`, such as `store::order`.
pub(crate) fn allows(room: &str, path: &str) -> bool {
    let wanted = path.split("::").next().unwrap_or_default();
    let listed = ROOMS.iter().find(|(name, _)| *name == room);
    wanted == room
        || listed.is_some_and(|(_, rooms)| rooms.contains(&wanted))
        || GRANTS
            .iter()
            .any(|(name, granted, _)| *name == room && is_below(path, granted))
}

/// Whether `path` is `ancestor` or something in it.
pub(crate) fn is_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Grants that nobody uses.
pub(crate) fn unused_grants(sources: &[Source]) -> Vec<String> {
    let imports: Vec<(String, String)> = sources
        .iter()
        .flat_map(|source| {
            let room = import::room(&source.path).to_owned();
            import::own(&source.path, &source.text)
                .into_iter()
                .map(move |path| (room.clone(), path))
        })
        .collect();
    GRANTS
        .iter()
        .filter(|(room, granted, _)| {
            !imports
                .iter()
                .any(|(name, path)| name == room && is_below(path, granted))
        })
        .map(|(room, granted, _)| format!("{room} no longer imports {granted}: take the grant away"))
        .collect()
}
