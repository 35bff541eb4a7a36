//! A payment attempt: one `out_trade_no` at WeChat for one order.
//!
//! The intent is written before WeChat is asked, so an attempt may be further along at WeChat than
//! here, never the other way round. Whatever is unclear is [`AttemptState::Unknown`] until a query
//! tells.

use chrono::{DateTime, TimeDelta, Utc};

/// How long a prepay id is handed out again: WeChat lets it live two hours; ten minutes less leave
/// the payer time to type a password. Source: pay-v3, section 6.
pub const PREPAY_FRESH: TimeDelta = TimeDelta::minutes(110);

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AttemptState {
    /// The intent is written; WeChat may or may not have heard of it.
    Created,
    /// WeChat was asked and the answer is not known.
    Unknown,
    /// WeChat gave a prepay id.
    Prepaid,
    /// Its money paid the order.
    Settled,
    /// Its money landed on an order that did not want it.
    Surplus,
    /// Closed at WeChat: nobody can pay it any more.
    Closed,
    /// Refused by WeChat for good before it existed there.
    Failed,
}

impl AttemptState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Unknown,
        Self::Prepaid,
        Self::Settled,
        Self::Surplus,
        Self::Closed,
        Self::Failed,
    ];

    /// Whether money may still be expected through it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Created | Self::Unknown | Self::Prepaid => true,
            Self::Settled | Self::Surplus | Self::Closed | Self::Failed => false,
        }
    }

    /// Whether its money has landed.
    pub fn has_money(self) -> bool {
        match self {
            Self::Settled | Self::Surplus => true,
            Self::Created | Self::Unknown | Self::Prepaid | Self::Closed | Self::Failed => false,
        }
    }

    /// The state as the database spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Unknown => "unknown",
            Self::Prepaid => "prepaid",
            Self::Settled => "settled",
            Self::Surplus => "surplus",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }

    /// The state of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What WeChat's answers tell about an attempt, payment itself apart (see [`super::settlement`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEvent {
    /// Prepay answered with a prepay id.
    PrepayAnswered,
    /// Prepay was refused for good.
    PrepayRefused,
    /// Prepay ended without an answer to believe.
    PrepayUnclear,
    /// A query found it unpaid.
    FoundUnpaid,
    /// A query found nothing under its number.
    FoundAbsent,
    /// WeChat closed it, or a query found it closed.
    FoundClosed,
}

impl AttemptEvent {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::PrepayAnswered,
        Self::PrepayRefused,
        Self::PrepayUnclear,
        Self::FoundUnpaid,
        Self::FoundAbsent,
        Self::FoundClosed,
    ];
}

/// The attempt machine, whole: the state after the event.
#[expect(clippy::match_same_arms, reason = "each arm is one reason, not one result")]
pub fn next(state: AttemptState, event: AttemptEvent) -> AttemptState {
    use {AttemptEvent as E, AttemptState as S};
    match (state, event) {
        (S::Created | S::Unknown | S::Prepaid, E::PrepayAnswered) => S::Prepaid,
        (S::Created, E::PrepayRefused) => S::Failed,
        (S::Created, E::PrepayUnclear) => S::Unknown,
        // An earlier call may have made it at WeChat: only a query tells.
        (S::Unknown, E::PrepayRefused | E::PrepayUnclear) => S::Unknown,
        // The renewal failed; the prepay id before it lives on until it expires.
        (S::Prepaid, E::PrepayRefused | E::PrepayUnclear) => S::Prepaid,
        (S::Created | S::Unknown, E::FoundUnpaid) => S::Unknown,
        (S::Created | S::Unknown, E::FoundAbsent) => S::Created,
        (S::Prepaid, E::FoundUnpaid | E::FoundAbsent) => S::Prepaid,
        (S::Created | S::Unknown | S::Prepaid, E::FoundClosed) => S::Closed,
        // Money stays where it landed, and what ended stays ended.
        (
            S::Settled | S::Surplus | S::Closed | S::Failed,
            E::PrepayAnswered
            | E::PrepayRefused
            | E::PrepayUnclear
            | E::FoundUnpaid
            | E::FoundAbsent
            | E::FoundClosed,
        ) => state,
    }
}

/// Whether a prepay id obtained at `prepaid_at` is still handed out at `now`.
pub fn is_prepay_fresh(prepaid_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now.signed_duration_since(prepaid_at) < PREPAY_FRESH
}
