//! Requests for links: what WeChat gets for them, and what is wrong with them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub(super) fn at(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339())
}

/// Requests, and what WeChat gets for them: its path, its body, and the name under which it gives the link.
pub(super) fn wires(end: DateTime<Utc>) -> Vec<(Value, &'static str, Value, &'static str)> {
    let target = json!({"path": "pages/a", "query": "b=1", "env_version": "develop"});
    let until = |kind: &str| {
        let mut body = target.clone();
        body["kind"] = json!(kind);
        body["expires_at"] = at(end);
        body
    };
    let released = json!({"path": "pages/a", "query": "b=1", "env_version": "release"});
    vec![
        (
            until("scheme"),
            "generatescheme",
            json!({"jump_wxa": target, "is_expire": true, "expire_type": 0, "expire_time": end.timestamp()}),
            "openlink",
        ),
        (
            plain("scheme"),
            "generatescheme",
            json!({"jump_wxa": released, "is_expire": true, "expire_type": 1, "expire_interval": 30}),
            "openlink",
        ),
        (
            until("url_link"),
            "generate_urllink",
            json!({
                "path": "pages/a", "query": "b=1", "env_version": "develop", "expire_type": 0,
                "expire_time": end.timestamp(),
            }),
            "url_link",
        ),
        (
            plain("url_link"),
            "generate_urllink",
            json!({
                "path": "pages/a", "query": "b=1", "env_version": "release", "expire_type": 1, "expire_interval": 30,
            }),
            "url_link",
        ),
        (
            plain("short_link"),
            "genwxashortlink",
            json!({"page_url": "pages/a?b=1", "is_permanent": false}),
            "link",
        ),
    ]
}

/// A link of this kind without anything that may be left out but its query.
pub(super) fn plain(kind: &str) -> Value {
    json!({"kind": kind, "path": "pages/a", "query": "b=1"})
}

/// What is wrong, with the field and the word for it. `end` is an end that is all right.
pub(super) fn wrong(end: &Value) -> Vec<(Value, &'static str, &'static str)> {
    let long = |count: usize| "a".repeat(count);
    vec![
        (json!({"kind": "scheme"}), "/path", "required"),
        (json!({"path": "a"}), "/kind", "required"),
        (json!({"kind": "nfc", "path": "a"}), "/kind", "value"),
        (json!({"kind": "scheme", "path": ""}), "/path", "length"),
        (json!({"kind": "scheme", "path": long(257)}), "/path", "length"),
        (json!({"kind": "scheme", "path": "a?b=1"}), "/path", "characters"),
        (json!({"kind": "scheme", "path": "茶"}), "/path", "characters"),
        (
            json!({"kind": "scheme", "path": "a", "query": "q=茶"}),
            "/query",
            "characters",
        ),
        (
            json!({"kind": "scheme", "path": "a", "query": "a b"}),
            "/query",
            "characters",
        ),
        (
            json!({"kind": "url_link", "path": "a", "query": long(1_025)}),
            "/query",
            "length",
        ),
        (
            json!({"kind": "short_link", "path": "aaa", "query": long(1_021)}),
            "/query",
            "length",
        ),
        (
            json!({"kind": "short_link", "path": "a", "expires_at": end}),
            "/expires_at",
            "unknown",
        ),
        (
            json!({"kind": "short_link", "path": "a", "env_version": "trial"}),
            "/env_version",
            "unknown",
        ),
        (
            json!({"kind": "scheme", "path": "a", "env_version": "beta"}),
            "/env_version",
            "value",
        ),
        (
            json!({"kind": "scheme", "path": "a", "expires_at": 1}),
            "/expires_at",
            "type",
        ),
        (
            json!({"kind": "scheme", "path": "a", "expires_at": "soon"}),
            "/expires_at",
            "format",
        ),
        (
            json!({"kind": "scheme", "path": "a", "app_id": "wx9"}),
            "/app_id",
            "unknown",
        ),
        (
            json!({"kind": "scheme", "path": "a", "app_id": ""}),
            "/app_id",
            "format",
        ),
        (
            json!({"kind": "scheme", "path": "a", "is_permanent": true}),
            "/is_permanent",
            "unknown",
        ),
    ]
}
