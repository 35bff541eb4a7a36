//! What goes wrong, by script or by seed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A group of calls that a fault may be set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Api {
    Login,
    Token,
    StableToken,
    CheckSession,
    Prepay,
    Query,
    Close,
    Certificates,
    Notification,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// The effect happens; the answer comes `ms` later (1,000).
    Delay,
    /// The effect happens; after `ms` (0) the connection is cut without an answer.
    NoAnswerAfterAccepting,
    /// Nothing happens; after `ms` (0) the connection is cut without an answer.
    NoAnswerBeforeAccepting,
    /// Nothing happens; `status` (500) with a body that is no JSON.
    ServerError,
    /// Nothing happens; a mini-program API answers `errcode` (-1).
    Errcode,
    /// Nothing happens; `WeChat Pay` answers `status` (500) with `code` (`SYSTEM_ERROR`).
    PayError,
    /// The answer or notification carries a signature over other bytes.
    WrongAnswerSignature,
    /// The answer carries no signature headers.
    MissingAnswerSignature,
    /// The answer's signature is right and its timestamp ten minutes old.
    StaleAnswer,
    /// The answer carries a probe signature; before a notification goes a copy with one.
    ProbeSignature,
    /// Headers at once, the body in small pieces over `ms` (2,000).
    SlowBody,
    /// A new platform certificate signs from this call on.
    KeyRotation,
    /// The token just answered is displaced by somebody else's at once.
    TokenDisplaced,
    /// An attempt that never reaches the server.
    NotificationLost,
    /// The first attempt comes `ms` (60,000) later, by the simulator's clock.
    NotificationLate,
    /// An attempt arrives twice at once.
    NotificationDoubled,
    /// An attempt waits until another notification went by, `ms` (5,000) at most.
    NotificationReordered,
    /// The timestamp header is ten minutes old, rightly signed.
    NotificationStale,
    /// The timestamp header is ten minutes ahead, rightly signed.
    NotificationFuture,
}

/// One fault.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultSpec {
    kind: FaultKind,
    /// Absent: every API the kind can apply to.
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<Api>,
    /// How many calls it applies to; absent: until it is cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    /// How many calls pass unharmed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u32>,
    /// Milliseconds, at most 120,000 (notifications: one day).
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// Faults drawn from a seed. The n-th call of an API meets the same fault in every run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RandomFaults {
    seed: u64,
    /// How many of the calls go wrong, 0 to 1.
    probability: f64,
    /// Only these kinds; absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<FaultKind>,
}

/// The faults that shall be active from now on, in place of all earlier ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFaultsRequest {
    #[serde(default)]
    faults: Vec<FaultSpec>,
    random: Option<RandomFaults>,
}

/// A fault and how often it struck.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActiveFaultResponse {
    #[serde(flatten)]
    fault: FaultSpec,
    /// How many calls it was applied to so far.
    applied: u32,
}

/// The faults in force. Used-up ones are gone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FaultListResponse {
    faults: Vec<ActiveFaultResponse>,
    random: Option<RandomFaults>,
}
