//! WeChat's names for things, as types that cannot be swapped. Lengths and characters follow
//! `login.md` section 4 and `pay-v3.md` sections 1 and 6 of the protocol notes.

use serde::{Deserialize, Serialize};

/// A name that WeChat could not have given or would not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct NameError(pub &'static str);

macro_rules! name {
    ($($(#[$doc:meta])* $type:ident, $what:literal, $min:literal..=$max:literal, $extra:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(try_from = "String", into = "String")]
        #[sqlx(transparent)]
        pub struct $type(String);

        impl $type {
            /// Takes an untrusted text that has this name's length and characters.
            pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let is_valid = ($min..=$max).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || $extra.contains(&byte));
                if is_valid { Ok(Self(text)) } else { Err(NameError($what)) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(&self.0)
            }
        }
    )+};
}

name! {
    /// A mini program, such as `wx1234567890abcdef`. 1 to 32 characters.
    AppId, "app id", 1..=32, b"_-";
    /// A person within one mini program; means nothing without its [`AppId`]. 1 to 128 characters.
    OpenId, "openid", 1..=128, b"_-";
    /// A person across the apps of one Open Platform account. 1 to 128 characters.
    UnionId, "unionid", 1..=128, b"_-";
    /// A merchant. 1 to 32 characters.
    MchId, "merchant number", 1..=32, b"";
    /// A login code from `wx.login`. 1 to 256 URL-safe characters; nothing else reaches WeChat.
    LoginCode, "login code", 1..=256, b"-._~";
    /// A code of the phone-number button. 1 to 256 URL-safe characters; nothing else reaches WeChat.
    PhoneCode, "phone code", 1..=256, b"-._~";
    /// A cloud function. 1 to 60 letters, digits, hyphens and underscores.
    FunctionName, "function name", 1..=60, b"_-";
    /// The merchant's number of one payment attempt. 6 to 32 characters.
    OutTradeNo, "out_trade_no", 6..=32, b"_-|*";
    /// WeChat's number of one payment. 1 to 32 characters.
    TransactionId, "transaction_id", 1..=32, b"_-";
    /// The merchant's number of one refund. 1 to 64 characters.
    OutRefundNo, "out_refund_no", 1..=64, b"_-|*@";
    /// WeChat's number of one refund. 1 to 32 characters.
    WechatRefundId, "refund_id", 1..=32, b"_-";
    /// A carrier's number of a parcel. 1 to 128 characters.
    TrackingNo, "tracking_no", 1..=128, b"_-";
    /// WeChat's id of a carrier, such as `SF` or `STO`. 1 to 128 characters.
    Carrier, "carrier", 1..=128, b"_-.";
    /// What `wx.requestPayment` is opened with. 1 to 64 characters.
    PrepayId, "prepay_id", 1..=64, b"_-";
    /// The serial of a certificate, or the whole id of a public key. 1 to 64 characters.
    KeySerial, "key serial", 1..=64, b"_";
    /// A product of the catalogue, chosen by the operator. 1 to 64 characters.
    ProductId, "product id", 1..=64, b"_-.";
    /// A collection of documents, named by the operator. 1 to 64 characters.
    CollectionName, "collection name", 1..=64, b"_-";
}
