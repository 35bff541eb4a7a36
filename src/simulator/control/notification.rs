//! Notifications: what was delivered, what is due, and ones made by hand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One request that was sent, or that a fault swallowed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct DeliveryResponse {
    /// Counts up over all deliveries.
    sequence: u64,
    /// Id of the notification; the same for all its attempts and copies.
    id: String,
    out_trade_no: String,
    /// `scheduled`, `probe`, `copy` or `crafted`.
    kind: String,
    /// 1 for the first attempt; 0 for one made by hand.
    attempt: u32,
    due_at: DateTime<Utc>,
    /// Null when a fault swallowed it.
    sent_at: Option<DateTime<Utc>>,
    /// Null when no answer came within five seconds.
    status: Option<u16>,
    /// The first 2,000 bytes of the answer's body.
    body: String,
    duration_ms: u64,
    /// Kinds of the faults that were applied.
    faults: Vec<String>,
}

/// A notification that still wants a 2xx.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PendingNotificationResponse {
    id: String,
    out_trade_no: String,
    /// The number of the next attempt, from 1 to 16.
    attempt: u32,
    due_at: DateTime<Utc>,
}

/// Everything tried, oldest first, and everything that waits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotificationListResponse {
    items: Vec<DeliveryResponse>,
    pending: Vec<PendingNotificationResponse>,
}

/// What `deliver` sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliverResponse {
    items: Vec<DeliveryResponse>,
}

/// How the signature of a crafted notification is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CraftedSignature {
    #[default]
    Valid,
    /// Begins with `WECHATPAY/SIGNTEST/`.
    Probe,
    /// Well formed, over other bytes.
    Wrong,
    /// No signature header.
    Missing,
    NotBase64,
    /// Made with the merchant's private key, if the simulator has it.
    MerchantKey,
    /// Made with a key of the platform other than the one the serial names.
    OtherKey,
}

/// Which key signs a crafted notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CraftedKey {
    Certificate,
    PublicKey,
    /// The serial header names a certificate that nobody knows.
    UnknownSerial,
}

/// What happens to the body between signing and sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CraftedBody {
    #[default]
    Intact,
    /// Same JSON, other bytes, after signing.
    Reserialised,
    /// Cut in half after signing.
    Truncated,
    /// Text that is no JSON, rightly signed.
    NotJson,
}

/// Which key encrypts the resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CraftedEncryption {
    #[default]
    RightKey,
    WrongKey,
}

/// A notification made by hand about an order that the simulator knows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CraftNotificationRequest {
    out_trade_no: String,
    /// `TRANSACTION.SUCCESS` when absent.
    event_type: Option<String>,
    /// `transaction` when absent.
    original_type: Option<String>,
    /// Id of the notification; a new one when absent.
    id: Option<String>,
    /// Merged deeply into the transaction that is encrypted, e.g. `{"amount":{"total":1}}`; a
    /// null removes the field.
    overrides: Option<Value>,
    /// Added to the timestamp header, in seconds.
    #[serde(default)]
    timestamp_offset_s: i64,
    #[serde(default)]
    signature: CraftedSignature,
    /// What the mode says when absent.
    key: Option<CraftedKey>,
    /// How many are sent, 1 to 100.
    copies: Option<u32>,
    /// All copies at once instead of one after the other.
    #[serde(default)]
    parallel: bool,
    #[serde(default)]
    body: CraftedBody,
    #[serde(default)]
    encrypt_with: CraftedEncryption,
    /// Headers added to the request or put in place of its own; a null removes one.
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    /// Another address than the order's.
    notify_url: Option<String>,
    /// `false`: nothing is sent, the finished requests come back in `messages`.
    send: Option<bool>,
}

/// What the server answered to one copy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CraftedAnswer {
    /// Null when no answer came.
    status: Option<u16>,
    body: String,
    ms: u64,
}

/// A finished request, ready to be sent by somebody else.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CraftedMessage {
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CraftNotificationResponse {
    answers: Vec<CraftedAnswer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<CraftedMessage>,
}
