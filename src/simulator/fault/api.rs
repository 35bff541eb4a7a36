//! The calls that a fault may be set for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A group of calls that a fault may be set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum Api {
    Login,
    Token,
    StableToken,
    CheckSession,
    Prepay,
    Query,
    Close,
    Certificates,
    Notification,
    Refund,
    RefundQuery,
    TradeBill,
    FundFlowBill,
    BillDownload,
    PhoneNumber,
    OpenData,
    CloudFunction,
    ResetSessionKey,
    TextCheck,
    MediaCheck,
    Echo,
    Wxacode,
    WxacodeLimited,
    Link,
    LinkQuery,
    /// A message that is pushed to the server.
    Push,
}

impl Api {
    /// A number that never changes, for the stream of a seed.
    pub(super) const fn stream(self) -> u64 {
        match self {
            Self::Login => 1,
            Self::Token => 2,
            Self::StableToken => 3,
            Self::CheckSession => 4,
            Self::Prepay => 5,
            Self::Query => 6,
            Self::Close => 7,
            Self::Certificates => 8,
            Self::Notification => 9,
            Self::Refund => 10,
            Self::RefundQuery => 11,
            Self::TradeBill => 12,
            Self::FundFlowBill => 13,
            Self::BillDownload => 14,
            Self::PhoneNumber => 31,
            Self::OpenData => 32,
            Self::CloudFunction => 33,
            Self::ResetSessionKey => 40,
            Self::TextCheck => 60,
            Self::MediaCheck => 61,
            Self::Echo => 30,
            Self::Wxacode => 71,
            Self::WxacodeLimited => 72,
            Self::Link => 73,
            Self::LinkQuery => 74,
            Self::Push => 50,
        }
    }

    /// Whether it is a mini-program API, which answers errors with an `errcode`.
    pub(in crate::simulator) const fn is_mini(self) -> bool {
        matches!(
            self,
            Self::Login
                | Self::Token
                | Self::StableToken
                | Self::CheckSession
                | Self::PhoneNumber
                | Self::OpenData
                | Self::CloudFunction
                | Self::ResetSessionKey
                | Self::TextCheck
                | Self::MediaCheck
                | Self::Echo
                | Self::Wxacode
                | Self::WxacodeLimited
                | Self::Link
                | Self::LinkQuery
        )
    }

    /// Whether it answers with a picture.
    pub(in crate::simulator) const fn is_picture(self) -> bool {
        matches!(self, Self::Wxacode | Self::WxacodeLimited)
    }

    /// Whether it is called with an access token.
    pub(in crate::simulator) const fn takes_token(self) -> bool {
        self.is_mini() && !matches!(self, Self::Login | Self::Token | Self::StableToken)
    }

    /// Whether it is one of `WeChat Pay`'s.
    pub(in crate::simulator) const fn is_pay(self) -> bool {
        matches!(
            self,
            Self::Prepay
                | Self::Query
                | Self::Close
                | Self::Certificates
                | Self::Refund
                | Self::RefundQuery
                | Self::TradeBill
                | Self::FundFlowBill
                | Self::BillDownload
        )
    }

    /// Whether its good answers are signed: nobody signs the bytes of a bill.
    pub(in crate::simulator) const fn is_signed(self) -> bool {
        self.is_pay() && !matches!(self, Self::BillDownload)
    }

    /// Whether its answer names a bill.
    pub(in crate::simulator) const fn is_bill(self) -> bool {
        matches!(self, Self::TradeBill | Self::FundFlowBill)
    }
}
