//! What can go wrong, and with which calls.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum FaultKind {
    /// The effect happens; the answer comes `ms` later (1,000).
    Delay,
    /// The effect happens; after `ms` (0) the connection is cut without an answer.
    NoAnswerAfterAccepting,
    /// Nothing happens; after `ms` (0) the connection is cut without an answer.
    NoAnswerBeforeAccepting,
    /// Nothing happens, unless `is_accepted`; `status` (500) with a `body` (`html`) that is no answer.
    ServerError,
    /// Nothing happens, unless `is_accepted`; a mini-program API answers `errcode` (-1).
    Errcode,
    /// Nothing happens, unless `is_accepted`; `WeChat Pay` answers `status` (500) with `code` (`SYSTEM_ERROR`).
    PayError,
    /// The answer or the notification carries a signature over other bytes.
    WrongAnswerSignature,
    /// The answer carries no signature headers.
    MissingAnswerSignature,
    /// The answer's timestamp is ten minutes old, rightly signed.
    StaleAnswer,
    /// The answer carries a probe signature; before a notification goes a copy with one.
    ProbeSignature,
    /// The answer, rightly signed, does not say where the payment or the refund stands.
    AnswerStateMissing,
    /// Headers at once, the body in small pieces over `ms` (2,000).
    SlowBody,
    /// A new platform certificate signs from this call on.
    KeyRotation,
    /// The refund is accepted and ends as `CLOSED` by itself.
    RefundClosed,
    /// The refund is accepted and ends as `ABNORMAL` by itself.
    RefundAbnormal,
    /// A payment is not in the bill.
    BillRowMissing,
    /// A payment of nobody is in the bill; with `out_trade_no`, under that number and in the mini program of the
    /// day's first payment.
    BillRowExtra,
    /// An amount in the bill is a fen too high.
    BillAmountChanged,
    /// A payment is `REVOKED` in the bill, or a refund `CHANGE`.
    BillStateChanged,
    /// A refund is not in the bill.
    BillRefundMissing,
    /// A refund of a payment is in the bill that nobody asked for by the API, as the merchant platform makes them.
    BillRefundExtra,
    /// A coupon of the merchant paid a fen of a payment, or takes a fen of a refund back.
    BillCoupon,
    /// The account moves on this day as well by a payment or a refund of any day.
    BillMovementExtra,
    /// A fee in the bill is a fen too high.
    BillFeeChanged,
    /// The bill's count of its rows is one too high.
    BillSummaryWrong,
    /// The hash is not that of the bill.
    BillHashWrong,
    /// The download ends after half of the bill, as if that were all.
    BillTruncated,
    /// `STATEMENT_CREATING`, whatever the hour.
    BillNotReady,
    /// The columns of the bill stand in another order.
    BillColumnsReordered,
    /// The bill has a column that no documentation knows.
    BillColumnExtra,
    /// So many `rows` (1,000) of payments of nobody follow in the bill.
    BillSyntheticRows,
    /// Nothing happens; an API that takes an access token answers 40001, however good the token is.
    TokenStorm,
    /// Somebody else fetches a token right after this one: it is dead on arrival.
    TokenDisplaced,
    /// A subscribe message is taken, never shown, and reported as not delivered.
    MessageUndelivered,
    /// Nothing happens; JSON with `errcode` (-1) comes in place of a picture, and is called `image/jpeg`.
    ImageError,
    /// A picture comes whole, and is called JSON.
    ImageMislabelled,
    /// A picture ends after half of it, as if that were all.
    ImageTruncated,
    /// The look is promised, and what is to be looked at cannot be fetched: the result is errcode -1008.
    DownloadFailed,
    /// An attempt that never reaches the server.
    NotificationLost,
    /// The first attempt comes `ms` (60,000) later, by the simulator's clock.
    NotificationLate,
    /// An attempt arrives twice at once.
    NotificationDoubled,
    /// An attempt waits until another notification went by, `ms` (5,000) at most; one at a time.
    NotificationReordered,
    /// The notification's timestamp is ten minutes old, rightly signed.
    NotificationStale,
    /// The notification's timestamp is ten minutes ahead, rightly signed.
    NotificationFuture,
    /// Before a push, the one before it is sent again, byte by byte.
    PushReplayed,
    /// A push is XML with a document type and an entity, rightly signed and sealed.
    PushDoctype,
    /// A push is sealed for another mini program, rightly signed.
    PushWrongAppId,
    /// A push is in the clear whatever the mode, rightly signed.
    PushPlain,
}

/// What comes in place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum FaultBody {
    /// A page of some gateway.
    Html,
    /// Not a byte.
    Empty,
    /// The first half of a success.
    Half,
    /// An `errcode` (-1) that is written as text.
    ErrcodeText,
}

impl FaultBody {
    /// Its content type and its bytes.
    pub(in crate::simulator) fn content(self, errcode: i64) -> (&'static str, Vec<u8>) {
        const JSON: &str = "application/json; charset=UTF-8";
        match self {
            Self::Html => (
                "text/html",
                b"<html><body><h1>upstream trouble</h1></body></html>".to_vec(),
            ),
            Self::Empty => (JSON, Vec::new()),
            Self::Half => (JSON, br#"{"errcode":0,"errm"#.to_vec()),
            Self::ErrcodeText => {
                let body = serde_json::json!({ "errcode": errcode.to_string(), "errmsg": "refused" });
                (JSON, body.to_string().into_bytes())
            }
        }
    }
}

impl FaultKind {
    pub(super) const ALL: [Self; 48] = [
        Self::Delay,
        Self::NoAnswerAfterAccepting,
        Self::NoAnswerBeforeAccepting,
        Self::ServerError,
        Self::Errcode,
        Self::PayError,
        Self::WrongAnswerSignature,
        Self::MissingAnswerSignature,
        Self::StaleAnswer,
        Self::ProbeSignature,
        Self::AnswerStateMissing,
        Self::SlowBody,
        Self::KeyRotation,
        Self::RefundClosed,
        Self::RefundAbnormal,
        Self::BillRowMissing,
        Self::BillRowExtra,
        Self::BillAmountChanged,
        Self::BillStateChanged,
        Self::BillRefundMissing,
        Self::BillRefundExtra,
        Self::BillCoupon,
        Self::BillMovementExtra,
        Self::BillFeeChanged,
        Self::BillSummaryWrong,
        Self::BillHashWrong,
        Self::BillTruncated,
        Self::BillNotReady,
        Self::BillColumnsReordered,
        Self::BillColumnExtra,
        Self::BillSyntheticRows,
        Self::TokenStorm,
        Self::TokenDisplaced,
        Self::MessageUndelivered,
        Self::ImageError,
        Self::ImageMislabelled,
        Self::ImageTruncated,
        Self::DownloadFailed,
        Self::NotificationLost,
        Self::NotificationLate,
        Self::NotificationDoubled,
        Self::NotificationReordered,
        Self::NotificationStale,
        Self::NotificationFuture,
        Self::PushReplayed,
        Self::PushDoctype,
        Self::PushWrongAppId,
        Self::PushPlain,
    ];

    /// Whether its wait may end with the next change of the faults.
    pub(super) const fn can_be_held(self) -> bool {
        matches!(
            self,
            Self::Delay | Self::NoAnswerAfterAccepting | Self::NoAnswerBeforeAccepting
        )
    }

    /// Whether the effect may happen before its error.
    pub(super) const fn can_be_accepted(self) -> bool {
        matches!(self, Self::ServerError | Self::Errcode | Self::PayError)
    }

    /// Whether it can strike calls of this API at all.
    pub(super) const fn can_strike(self, api: Api) -> bool {
        match self {
            Self::Delay
            | Self::NoAnswerAfterAccepting
            | Self::NoAnswerBeforeAccepting
            | Self::ServerError
            | Self::SlowBody => !matches!(api, Api::Notification | Api::Push),
            Self::Errcode => api.is_mini(),
            Self::PayError => api.is_pay(),
            Self::MissingAnswerSignature | Self::StaleAnswer => api.is_signed(),
            Self::WrongAnswerSignature => api.is_signed() || matches!(api, Api::Notification | Api::Push),
            Self::ProbeSignature => api.is_signed() || matches!(api, Api::Notification),
            Self::KeyRotation => !api.is_mini() && !matches!(api, Api::Push),
            Self::BillRowMissing
            | Self::BillRowExtra
            | Self::BillAmountChanged
            | Self::BillRefundMissing
            | Self::BillRefundExtra
            | Self::BillCoupon
            | Self::BillFeeChanged
            | Self::BillSummaryWrong
            | Self::BillHashWrong
            | Self::BillTruncated
            | Self::BillNotReady
            | Self::BillSyntheticRows => api.is_bill(),
            Self::BillStateChanged | Self::BillColumnsReordered | Self::BillColumnExtra => {
                matches!(api, Api::TradeBill)
            }
            Self::BillMovementExtra => matches!(api, Api::FundFlowBill),
            Self::RefundClosed | Self::RefundAbnormal => matches!(api, Api::Refund),
            Self::AnswerStateMissing => matches!(api, Api::Query | Api::RefundQuery),
            Self::ImageError | Self::ImageMislabelled | Self::ImageTruncated => api.is_picture(),
            Self::TokenStorm => api.takes_token(),
            Self::MessageUndelivered => matches!(api, Api::SubscribeSend),
            Self::TokenDisplaced => matches!(api, Api::Token | Api::StableToken),
            Self::DownloadFailed => matches!(api, Api::MediaCheck),
            Self::NotificationLost
            | Self::NotificationDoubled
            | Self::NotificationStale
            | Self::NotificationFuture => matches!(api, Api::Notification | Api::Push),
            Self::NotificationLate | Self::NotificationReordered => matches!(api, Api::Notification),
            Self::PushReplayed | Self::PushDoctype | Self::PushWrongAppId | Self::PushPlain => {
                matches!(api, Api::Push)
            }
        }
    }
}
