//! Prepay, query and close of one payment attempt. Source: pay-v3, sections 6 and 8.

use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::client::{Call, Client};
use super::error::{NotReached, PayError, UnknownReason};
use super::request_payment::RequestPayment;
use super::transaction::Transaction;
use crate::domain::china;
use crate::domain::fen::Fen;
use crate::domain::name::{AppId, OpenId, OutTradeNo, PrepayId};
use crate::wechat::wire::Text;

const PREPAY: &str = "pay_prepay";
const QUERY: &str = "pay_query";
const CLOSE: &str = "pay_close";

/// What stays as it is in a number of ours within a path.
pub(super) const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// An order as the payer will see it. The same number must always come with the same parameters.
#[derive(Clone, Copy, Debug)]
pub struct PrepayRequest<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// Our number of the attempt.
    pub out_trade_no: &'a OutTradeNo,
    /// What the payer reads; made safe by `domain::text::for_wechat_pay`.
    pub description: &'a str,
    /// At least 1.
    pub total_fen: Fen,
    /// Who will pay.
    pub openid: &'a OpenId,
    /// Where the notification goes: public, without query, at most 255 characters.
    pub notify_url: &'a str,
    /// Until when it can be paid; WeChat stretches less than a minute to a minute.
    pub time_expire: DateTime<Utc>,
}

#[derive(Serialize)]
struct PrepayBody<'a> {
    appid: &'a str,
    mchid: &'a str,
    description: &'a str,
    out_trade_no: &'a str,
    time_expire: String,
    notify_url: &'a str,
    amount: AmountBody,
    payer: PayerBody<'a>,
}

#[derive(Serialize)]
struct AmountBody {
    total: i64,
    currency: &'static str,
}

#[derive(Serialize)]
struct PayerBody<'a> {
    openid: &'a str,
}

#[derive(Serialize)]
struct CloseBody<'a> {
    mchid: &'a str,
}

#[derive(Deserialize)]
struct PrepayAnswer<'a> {
    #[serde(borrow)]
    prepay_id: Text<'a>,
}

impl Client {
    /// Makes the order at WeChat Pay, or renews its prepay id.
    ///
    /// # Errors
    /// See [`PayError`]. After [`PayError::Unknown`] the order may exist there.
    pub async fn prepay(&self, request: &PrepayRequest<'_>) -> Result<PrepayId, PayError> {
        let body = PrepayBody {
            appid: request.app_id.as_str(),
            mchid: self.merchant().mch_id.as_str(),
            description: request.description,
            out_trade_no: request.out_trade_no.as_str(),
            time_expire: china_time(request.time_expire),
            notify_url: request.notify_url,
            amount: AmountBody {
                total: request.total_fen.get(),
                currency: "CNY",
            },
            payer: PayerBody {
                openid: request.openid.as_str(),
            },
        };
        let call = Call::post(PREPAY, "/v3/pay/transactions/jsapi".to_owned(), &body)?.creating();
        let answer = self.exchange(&call).await?;
        let parsed = serde_json::from_slice::<PrepayAnswer<'_>>(&answer.body).ok();
        parsed
            .and_then(|parsed| PrepayId::parse(parsed.prepay_id.as_str()).ok())
            .ok_or_else(|| {
                answer
                    .unknown(UnknownReason::Malformed("prepay_id"))
                    .logged(PREPAY)
            })
    }

    /// Asks where a payment stands.
    ///
    /// # Errors
    /// See [`PayError`]; [`PayError::is_not_found`] when WeChat Pay knows no such order.
    pub async fn query(&self, out_trade_no: &OutTradeNo) -> Result<Transaction, PayError> {
        let answer = self.exchange(&self.query_call(out_trade_no)).await?;
        Transaction::from_json(&answer.body)
            .map_err(|malformed| malformed.0)
            .and_then(|found| {
                if found.out_trade_no == *out_trade_no {
                    Ok(found)
                } else {
                    Err("out_trade_no")
                }
            })
            .map_err(|field| answer.unknown(UnknownReason::Malformed(field)).logged(QUERY))
    }

    pub(super) fn query_call(&self, out_trade_no: &OutTradeNo) -> Call {
        let number = utf8_percent_encode(out_trade_no.as_str(), PATH_SEGMENT);
        let mch_id = &self.merchant().mch_id;
        Call::get(
            QUERY,
            format!("/v3/pay/transactions/out-trade-no/{number}?mchid={mch_id}"),
        )
    }

    /// Closes an unpaid order: nobody can pay it any more. May be repeated.
    ///
    /// # Errors
    /// See [`PayError`]; [`PayError::is_already_paid`] when it is too late.
    pub async fn close(&self, out_trade_no: &OutTradeNo) -> Result<(), PayError> {
        let number = utf8_percent_encode(out_trade_no.as_str(), PATH_SEGMENT);
        let path = format!("/v3/pay/transactions/out-trade-no/{number}/close");
        let call = Call::post(
            CLOSE,
            path,
            &CloseBody {
                mchid: self.merchant().mch_id.as_str(),
            },
        )?;
        self.exchange(&call).await.map(drop)
    }

    /// The parameters of `wx.requestPayment` for a prepay id of `app_id`, signed now.
    ///
    /// # Errors
    /// [`PayError::NotReached`] when there is no randomness or signing fails; nothing is sent.
    pub fn request_payment(&self, app_id: &AppId, prepay_id: &PrepayId) -> Result<RequestPayment, PayError> {
        let nonce = self.nonce()?;
        let signed = self
            .merchant()
            .request_payment(app_id, prepay_id, self.now().timestamp(), nonce);
        signed.map_err(|error| NotReached::from(error).into())
    }
}

/// In WeChat's own offset: its examples have no other.
fn china_time(time: DateTime<Utc>) -> String {
    china::local(time).to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_wechat_tells_them() {
        let time = DateTime::from_timestamp_millis(1_767_225_605_999).unwrap();
        assert_eq!(china_time(time), "2026-01-01T08:00:05+08:00");
    }

    #[test]
    fn a_number_is_encoded_in_a_path() {
        assert_eq!(
            utf8_percent_encode("T2026|01*_-a", PATH_SEGMENT).to_string(),
            "T2026%7C01%2A_-a"
        );
    }
}
