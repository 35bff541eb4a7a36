//! `WeChat Pay`'s signing keys, displaced access tokens and the clock.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which of its keys the simulated `WeChat Pay` signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// Platform certificates only.
    Certificate,
    /// The public key only; no certificate can be downloaded.
    PublicKey,
    /// A merchant on the move: answers follow the request's `Wechatpay-Serial`, notifications
    /// are signed with either in turn.
    Both,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetKeysRequest {
    mode: KeyMode,
}

/// What a merchant could know about the keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeysResponse {
    mode: KeyMode,
    /// Serial numbers of the platform certificates, the one that signs last.
    certificate_serials: Vec<String>,
    public_key_id: String,
    /// PEM, as the merchant console hands it out.
    public_key: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisplaceTokenRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
}

/// The simulator's clock.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClockResponse {
    now: DateTime<Utc>,
    /// How far it is ahead of the machine's clock.
    offset_s: i64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceClockRequest {
    /// 0 to 31,536,000 (a year).
    advance_s: i64,
}
