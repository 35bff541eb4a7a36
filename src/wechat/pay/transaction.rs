//! The transaction object of query answers and of notifications. Source: pay-v3, section 8.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::domain::name::{AppId, MchId, OpenId, OutTradeNo, TransactionId};
use crate::domain::settlement::LandedPayment;
use crate::wechat::wire::Text;

/// Where a payment stands at WeChat Pay. WeChat may add states at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TradeState {
    /// Paid.
    Success,
    /// Paid, and a refund was started.
    Refund,
    /// Not paid yet.
    NotPay,
    /// Closed: it cannot be paid any more.
    Closed,
    /// Revoked (payment codes only).
    Revoked,
    /// The payer is at it (payment codes only).
    UserPaying,
    /// Failed (payment codes only).
    PayError,
    /// Accepted (payment codes only).
    Accept,
    /// A state that is not known here.
    Other(String),
}

impl TradeState {
    fn parse(text: &str) -> Self {
        match text {
            "SUCCESS" => Self::Success,
            "REFUND" => Self::Refund,
            "NOTPAY" => Self::NotPay,
            "CLOSED" => Self::Closed,
            "REVOKED" => Self::Revoked,
            "USERPAYING" => Self::UserPaying,
            "PAYERROR" => Self::PayError,
            "ACCEPT" => Self::Accept,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The state as WeChat spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::NotPay => "NOTPAY",
            Self::Closed => "CLOSED",
            Self::Revoked => "REVOKED",
            Self::UserPaying => "USERPAYING",
            Self::PayError => "PAYERROR",
            Self::Accept => "ACCEPT",
            Self::Other(text) => text,
        }
    }

    /// Whether money has landed, even if some of it went back since.
    pub fn has_money(&self) -> bool {
        matches!(self, Self::Success | Self::Refund)
    }
}

/// A payment as WeChat Pay knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Our number of it.
    pub out_trade_no: OutTradeNo,
    /// Where it stands.
    pub trade_state: TradeState,
    /// The landed money; there exactly when [`TradeState::has_money`].
    pub landed: Option<LandedPayment>,
}

/// A verified object that is not what it must be; names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lacks a usable {0}")]
pub struct Malformed(pub &'static str);

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    appid: Option<Text<'a>>,
    #[serde(borrow)]
    mchid: Option<Text<'a>>,
    #[serde(borrow)]
    out_trade_no: Option<Text<'a>>,
    #[serde(borrow)]
    transaction_id: Option<Text<'a>>,
    #[serde(borrow)]
    trade_state: Option<Text<'a>>,
    #[serde(borrow)]
    success_time: Option<Text<'a>>,
    #[serde(borrow)]
    payer: Option<Payer<'a>>,
    #[serde(borrow)]
    amount: Option<Amount<'a>>,
}

#[derive(Deserialize)]
struct Payer<'a> {
    #[serde(borrow)]
    openid: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Amount<'a> {
    total: Option<i64>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
}

impl Transaction {
    /// Reads a transaction object. One that says "paid" must carry everything that tells who paid
    /// what to whom.
    ///
    /// # Errors
    /// The first field that is missing or makes no sense.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire<'_> = serde_json::from_slice(json).map_err(|_| Malformed("transaction"))?;
        let out_trade_no = OutTradeNo::parse(needed(wire.out_trade_no.as_ref(), "out_trade_no")?)
            .map_err(|_| Malformed("out_trade_no"))?;
        let trade_state = TradeState::parse(needed(wire.trade_state.as_ref(), "trade_state")?);
        let landed = if trade_state.has_money() {
            Some(landed(&wire, &out_trade_no, trade_state == TradeState::Refund)?)
        } else {
            None
        };
        Ok(Self {
            out_trade_no,
            trade_state,
            landed,
        })
    }
}

fn landed(
    wire: &Wire<'_>,
    out_trade_no: &OutTradeNo,
    is_refund_begun: bool,
) -> Result<LandedPayment, Malformed> {
    let amount = wire.amount.as_ref().ok_or(Malformed("amount"))?;
    let payer = wire.payer.as_ref().and_then(|payer| payer.openid.as_ref());
    Ok(LandedPayment {
        app_id: AppId::parse(needed(wire.appid.as_ref(), "appid")?).map_err(|_| Malformed("appid"))?,
        mch_id: MchId::parse(needed(wire.mchid.as_ref(), "mchid")?).map_err(|_| Malformed("mchid"))?,
        out_trade_no: out_trade_no.clone(),
        transaction_id: TransactionId::parse(needed(wire.transaction_id.as_ref(), "transaction_id")?)
            .map_err(|_| Malformed("transaction_id"))?,
        total_fen: amount.total.ok_or(Malformed("amount.total"))?,
        currency: currency(needed(amount.currency.as_ref(), "amount.currency")?)?,
        payer: payer
            .map(Text::as_str)
            .filter(|openid| !openid.is_empty())
            .map(|openid| OpenId::parse(openid).map_err(|_| Malformed("payer.openid")))
            .transpose()?,
        success_at: time(needed(wire.success_time.as_ref(), "success_time")?)
            .ok_or(Malformed("success_time"))?,
        is_refund_begun,
    })
}

/// A currency is at most 16 letters. Source: pay-v3, section 6.
pub(super) fn currency(text: &str) -> Result<String, Malformed> {
    let is_valid = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_valid
        .then(|| text.to_owned())
        .ok_or(Malformed("amount.currency"))
}

pub(super) fn needed<'a>(text: Option<&'a Text<'_>>, field: &'static str) -> Result<&'a str, Malformed> {
    text.map(Text::as_str)
        .filter(|text| !text.is_empty())
        .ok_or(Malformed(field))
}

/// A time of WeChat Pay: RFC 3339 with an offset.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAID: &str = r#"{"appid":"wx1234567890abcdef","mchid":"1900000001","out_trade_no":"T20260101000001",
        "transaction_id":"4200000000202601010000000001","trade_state":"SUCCESS","attach":null,
        "success_time":"2026-01-01T08:00:05+08:00","amount":{"total":100,"currency":"CNY"},"new_field":[{}]}"#;

    #[test]
    fn a_paid_one_must_tell_everything() {
        let landed = Transaction::from_json(PAID.as_bytes()).unwrap().landed.unwrap();
        assert_eq!(
            (landed.total_fen, landed.currency.as_str(), landed.payer),
            (100, "CNY", None)
        );
        assert_eq!(landed.success_at.to_rfc3339(), "2026-01-01T00:00:05+00:00");
        for (field, name) in [
            ("\"appid\":", "appid"),
            ("\"mchid\":", "mchid"),
            ("\"out_trade_no\":", "out_trade_no"),
            ("\"transaction_id\":", "transaction_id"),
            ("\"trade_state\":", "trade_state"),
            ("\"success_time\":", "success_time"),
            ("\"amount\":", "amount"),
            ("\"total\":", "amount.total"),
            ("\"currency\":", "amount.currency"),
        ] {
            let without = PAID.replacen(field, "\"x\":", 1);
            assert_eq!(Transaction::from_json(without.as_bytes()), Err(Malformed(name)));
        }
        for amount in ["1.5", "\"100\"", "1e2", "99999999999999999999"] {
            let odd = PAID.replace("100", amount);
            assert_eq!(
                Transaction::from_json(odd.as_bytes()),
                Err(Malformed("transaction"))
            );
        }
    }

    #[test]
    fn an_unpaid_one_needs_no_more_than_its_number_and_state() {
        let json = br#"{"out_trade_no":"T20260101000001","trade_state":"NEW_STATE","payer":{}}"#;
        let transaction = Transaction::from_json(json).unwrap();
        assert_eq!(transaction.trade_state, TradeState::Other("NEW_STATE".to_owned()));
        assert_eq!(transaction.trade_state.as_str(), "NEW_STATE");
        assert_eq!(transaction.landed, None);
    }
}
