//! A refund: one `out_refund_no` at WeChat for a part, or all, of one payment.
//!
//! The intent is written before WeChat is asked, and its number and amount never change, so that a
//! repetition is the same refund. What is unclear stays as it is until a query tells. Source:
//! pay-v3, section 9.

use chrono::{DateTime, TimeDelta, Utc};

use super::fen::Fen;
use super::name::{MchId, OutRefundNo, OutTradeNo, TransactionId, WechatRefundId};
use super::text;

/// The longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 80;
/// WeChat takes so many refunds for one payment. One that it took and closed may count there, and so counts
/// here; one that it never took does not. The database bounds those that have not closed.
pub const REFUNDS_MAX: i32 = 50;
/// WeChat takes refunds for so long after the payment.
pub const REFUND_WINDOW: TimeDelta = TimeDelta::days(365);
/// WeChat takes one refund a minute for one payment, whatever became of the one before; a second more keeps
/// clear of its clock.
pub const SUBMIT_GAP: TimeDelta = TimeDelta::seconds(61);
/// WeChat's "no such refund" may be older than a refund that it took so lately.
pub const LAG_MAX: TimeDelta = TimeDelta::minutes(1);
/// The waits between looks, in seconds, while nothing new is heard; the last one is repeated.
const GAPS_S: [i64; 11] = [5, 30, 60, 60, 60, 180, 300, 600, 1_800, 3_600, 7_200];

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RefundStatus {
    /// The intent is written; WeChat has not said yet that it took it.
    Created,
    /// WeChat took it and has not finished.
    Processing,
    /// The payer has the money.
    Succeeded,
    /// It did not come about, and never will under this number.
    Closed,
    /// WeChat cannot deliver the money: the payer's account is not usable. A human must steer it.
    Abnormal,
}

impl RefundStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Created,
        Self::Processing,
        Self::Succeeded,
        Self::Closed,
        Self::Abnormal,
    ];

    /// Whether nothing is left to ask WeChat about it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Closed => true,
            Self::Created | Self::Processing | Self::Abnormal => false,
        }
    }

    /// The status as the database spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Closed => "closed",
            Self::Abnormal => "abnormal",
        }
    }

    /// The status as the API spells it: whoever asked for a refund need not care whether WeChat has
    /// heard of it yet.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Created | Self::Processing => Self::Processing.as_str(),
            Self::Succeeded | Self::Closed | Self::Abnormal => self.as_str(),
        }
    }

    /// The status of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What is heard about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundEvent {
    /// WeChat refused to make it, and knows none of this number.
    Refused,
    /// WeChat knows none of this number.
    FoundAbsent,
    /// WeChat is at it.
    FoundProcessing,
    /// The payer has the money.
    FoundSucceeded,
    /// WeChat closed it.
    FoundClosed,
    /// WeChat cannot deliver the money.
    FoundAbnormal,
}

impl RefundEvent {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::Refused,
        Self::FoundAbsent,
        Self::FoundProcessing,
        Self::FoundSucceeded,
        Self::FoundClosed,
        Self::FoundAbnormal,
    ];
}

/// What an event does to a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundMove {
    /// Nothing, and that is right: known, or older than what is known.
    Stay,
    /// From now on it stands there.
    To(RefundStatus),
    /// It contradicts what was final, or what WeChat said before: nothing moves, a human looks.
    Contradiction,
}

/// The refund machine, whole.
#[expect(clippy::match_same_arms, reason = "each arm is one reason, not one result")]
pub fn decide(status: RefundStatus, event: RefundEvent) -> RefundMove {
    use {RefundEvent as E, RefundMove as M, RefundStatus as S};
    match (status, event) {
        (S::Created, E::FoundProcessing) => M::To(S::Processing),
        (S::Created | S::Processing | S::Abnormal, E::FoundSucceeded) => M::To(S::Succeeded),
        (S::Created | S::Processing | S::Abnormal, E::FoundClosed) => M::To(S::Closed),
        (S::Created | S::Processing, E::FoundAbnormal) => M::To(S::Abnormal),
        (S::Created, E::Refused) => M::To(S::Closed),
        // It was never sent, or never arrived: the same number goes out again.
        (S::Created, E::FoundAbsent) => M::Stay,
        // WeChat had it already.
        (S::Processing | S::Abnormal, E::FoundAbsent | E::Refused) => M::Contradiction,
        (S::Processing, E::FoundProcessing) | (S::Abnormal, E::FoundAbnormal) => M::Stay,
        // Somebody steers the money; it is abnormal until it has arrived.
        (S::Abnormal, E::FoundProcessing) => M::Stay,
        (S::Succeeded, E::FoundSucceeded) | (S::Closed, E::FoundClosed) => M::Stay,
        // Older news that was late.
        (S::Succeeded | S::Closed, E::FoundProcessing | E::FoundAbnormal | E::FoundAbsent | E::Refused) => {
            M::Stay
        }
        // Money came back that was counted as kept, or the other way round.
        (S::Succeeded, E::FoundClosed) | (S::Closed, E::FoundSucceeded) => M::Contradiction,
    }
}

/// What a report does to a refund. One that was closed here, and that WeChat never had by what `is_known` says, cannot be
/// on its way there: the answer to a sending was late.
pub fn decide_report(status: RefundStatus, is_known: bool, event: RefundEvent) -> RefundMove {
    match (status, event) {
        (RefundStatus::Closed, RefundEvent::FoundProcessing | RefundEvent::FoundAbnormal) if !is_known => {
            RefundMove::Contradiction
        }
        _ => decide(status, event),
    }
}

/// A refund as WeChat reports it, believed because the report was verified or asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedRefund {
    /// Our number of it.
    pub out_refund_no: OutRefundNo,
    /// WeChat's number of it.
    pub refund_id: WechatRefundId,
    /// Our number of the payment.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number of the payment.
    pub transaction_id: TransactionId,
    /// The merchant; answers do not tell.
    pub mch_id: Option<MchId>,
    /// What goes back, in fen, before coupons.
    pub amount_fen: i64,
    /// What was paid, in fen, before coupons.
    pub total_fen: i64,
    /// The currency; notices do not tell.
    pub currency: Option<String>,
    /// What it says.
    pub event: RefundEvent,
    /// When the payer had the money, by WeChat's clock; there exactly when it succeeded.
    pub success_at: Option<DateTime<Utc>>,
}

/// What our own books say about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRefund {
    /// WeChat's number of it, once known.
    pub refund_id: Option<WechatRefundId>,
    /// Our number of the payment.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number of the payment.
    pub transaction_id: TransactionId,
    /// The merchant.
    pub mch_id: MchId,
    /// What goes back, in fen.
    pub amount_fen: i64,
    /// What was paid, in fen.
    pub total_fen: i64,
}

/// The first field in which a report differs from our books, by WeChat's name.
pub fn difference(expected: &ExpectedRefund, reported: &ReportedRefund) -> Option<&'static str> {
    let is_other_refund = |known: &WechatRefundId| *known != reported.refund_id;
    if reported
        .mch_id
        .as_ref()
        .is_some_and(|mch_id| *mch_id != expected.mch_id)
    {
        Some("mchid")
    } else if reported.out_trade_no != expected.out_trade_no {
        Some("out_trade_no")
    } else if reported.transaction_id != expected.transaction_id {
        Some("transaction_id")
    } else if expected.refund_id.as_ref().is_some_and(is_other_refund) {
        Some("refund_id")
    } else if reported.amount_fen != expected.amount_fen {
        Some("amount.refund")
    } else if reported.total_fen != expected.total_fen {
        Some("amount.total")
    } else if reported
        .currency
        .as_deref()
        .is_some_and(|currency| currency != "CNY")
    {
        Some("amount.currency")
    } else {
        None
    }
}

/// A payment that somebody wants to give back, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refundable {
    /// What was paid.
    pub total_fen: Fen,
    /// What its refunds hold or have given back.
    pub reserved_fen: Fen,
    /// How many refunds it has, those that WeChat refused apart.
    pub refund_count: i32,
    /// When it was paid, by WeChat's clock.
    pub success_at: DateTime<Utc>,
    /// When its newest refund may be sent.
    pub submit_at: Option<DateTime<Utc>>,
}

/// Why a refund is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundRefusal {
    /// Less is left than wanted, this much in fen.
    ExceedsPaid(i64),
    /// It has all the refunds WeChat takes.
    TooMany,
    /// It was paid too long ago.
    TooLate,
}

/// Decides whether a refund of `amount` may begin at `now`, and from when it may be sent: WeChat
/// takes one a minute for a payment, so the next ones wait in line.
///
/// # Errors
/// The first rule that forbids it.
pub fn begin(payment: &Refundable, amount: Fen, now: DateTime<Utc>) -> Result<DateTime<Utc>, RefundRefusal> {
    let left_fen = payment.total_fen.get().saturating_sub(payment.reserved_fen.get());
    let submit_at = payment.submit_at.map_or(now, |last| now.max(last + SUBMIT_GAP));
    if amount.get() > left_fen {
        Err(RefundRefusal::ExceedsPaid(left_fen))
    } else if payment.refund_count >= REFUNDS_MAX {
        Err(RefundRefusal::TooMany)
    } else if submit_at.signed_duration_since(payment.success_at) > REFUND_WINDOW {
        Err(RefundRefusal::TooLate)
    } else {
        Ok(submit_at)
    }
}

/// What of a reason the payer reads in WeChat: characters that WeChat Pay takes, as many as fit into
/// 80 bytes, which is safe however WeChat counts its 80. Always the same for the same reason.
pub fn told_reason(reason: &str) -> Option<String> {
    let told = text::for_wechat_pay(reason, REASON_CHARS_MAX);
    let fitting = told
        .get(..told.floor_char_boundary(REASON_CHARS_MAX))
        .unwrap_or_default();
    Some(fitting.trim_end().to_owned()).filter(|told| !told.is_empty())
}

/// Whether WeChat may have a refund though it says at `now` that it knows none: one that was sent
/// without an answer may be on its way into what it answers from.
pub fn may_lag(unanswered_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    unanswered_at.is_some_and(|sent_at| now < sent_at + LAG_MAX)
}

/// How long to wait before the next look, after `checks` looks (0 and up) without news: from 5 s,
/// growing, to two hours.
pub fn gap_after(checks: i32) -> TimeDelta {
    let position = usize::try_from(checks).unwrap_or(0);
    let last = GAPS_S.last().copied().unwrap_or_default();
    TimeDelta::seconds(GAPS_S.get(position).copied().unwrap_or(last))
}
