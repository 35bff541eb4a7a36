//! What arrived and what happened.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::fault::Api;

/// One call that arrived at the simulated `WeChat`. Holds no query string and no secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct CallResponse {
    sequence: u64,
    at: DateTime<Utc>,
    /// Null for a path that `WeChat` does not have.
    api: Option<Api>,
    method: String,
    /// Without the query.
    path: String,
    /// Null when a fault left it unanswered.
    status: Option<u16>,
    /// `errcode` of a mini-program API or `code` of `WeChat Pay`; null when it went well.
    error: Option<String>,
    /// What was wrong, for people.
    detail: Option<String>,
    out_trade_no: Option<String>,
    /// Kinds of the faults that were applied.
    faults: Vec<String>,
    duration_ms: u64,
}

/// The newest 10,000 calls, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallListResponse {
    items: Vec<CallResponse>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EventResponse {
    sequence: u64,
    at: DateTime<Utc>,
    /// `wechat_called` (data: a call), `notification` (data: a delivery), `login_code`,
    /// `cashier_opened`, `paid`, `cancelled`, `insufficient_funds`, `keys`, `clock`, `faults`.
    kind: String,
    /// One line for people.
    title: String,
    data: Value,
}

/// The newest 2,000 events after the one asked for, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventListResponse {
    items: Vec<EventResponse>,
    /// What to pass as `after` next time.
    last_sequence: u64,
}
