//! Giving money back: making a refund, asking about it, and reading its notice. Source: pay-v3,
//! sections 9 and 10.

use percent_encoding::utf8_percent_encode;
use serde::{Deserialize, Serialize};

use super::client::{Call, Client};
use super::error::{PayError, UnknownReason};
use super::order::PATH_SEGMENT;
use super::transaction::{Malformed, currency, needed, time};
use crate::domain::fen::Fen;
use crate::domain::name::{MchId, OutRefundNo, OutTradeNo, TransactionId, WechatRefundId};
use crate::domain::refund::{RefundEvent, ReportedRefund};
use crate::wechat::wire::Text;

const REFUND: &str = "pay_refund";
const REFUND_QUERY: &str = "pay_refund_query";
const PATH: &str = "/v3/refund/domestic/refunds";

/// A refund as WeChat Pay is asked to make it. The same number must always come with the same
/// parameters.
#[derive(Clone, Copy, Debug)]
pub struct RefundRequest<'a> {
    /// The payment.
    pub transaction_id: &'a TransactionId,
    /// Our number of the refund.
    pub out_refund_no: &'a OutRefundNo,
    /// What the payer reads; made safe by `domain::text::for_wechat_pay`, and not empty.
    pub reason: Option<&'a str>,
    /// Where the notice goes. Always there: without it WeChat Pay sends one in the form of its older
    /// protocol.
    pub notify_url: &'a str,
    /// What goes back, at least 1.
    pub amount_fen: Fen,
    /// What was paid.
    pub total_fen: Fen,
}

#[derive(Serialize)]
struct RefundBody<'a> {
    transaction_id: &'a str,
    out_refund_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    notify_url: &'a str,
    amount: AmountBody,
}

#[derive(Serialize)]
struct AmountBody {
    refund: i64,
    total: i64,
    currency: &'static str,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    mchid: Option<Text<'a>>,
    #[serde(borrow)]
    out_refund_no: Option<Text<'a>>,
    #[serde(borrow)]
    refund_id: Option<Text<'a>>,
    #[serde(borrow)]
    out_trade_no: Option<Text<'a>>,
    #[serde(borrow)]
    transaction_id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    refund_status: Option<Text<'a>>,
    #[serde(borrow)]
    success_time: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<Amount<'a>>,
}

#[derive(Deserialize)]
struct Amount<'a> {
    total: Option<i64>,
    refund: Option<i64>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
}

impl Client {
    /// Makes a refund, or hears again where the one of this number stands. Taken is not refunded: the
    /// answer usually says that WeChat Pay is at it.
    ///
    /// # Errors
    /// See [`PayError`]. After [`PayError::Unknown`] the refund may exist there.
    pub async fn refund(&self, request: &RefundRequest<'_>) -> Result<ReportedRefund, PayError> {
        let body = RefundBody {
            transaction_id: request.transaction_id.as_str(),
            out_refund_no: request.out_refund_no.as_str(),
            reason: request.reason,
            notify_url: request.notify_url,
            amount: AmountBody {
                refund: request.amount_fen.get(),
                total: request.total_fen.get(),
                currency: "CNY",
            },
        };
        let call = Call::post(REFUND, PATH.to_owned(), &body)?.creating();
        self.report(REFUND, &call, request.out_refund_no).await
    }

    /// Asks where a refund stands.
    ///
    /// # Errors
    /// See [`PayError`]; [`PayError::is_not_found`] when WeChat Pay knows no such refund.
    pub async fn query_refund(&self, out_refund_no: &OutRefundNo) -> Result<ReportedRefund, PayError> {
        let number = utf8_percent_encode(out_refund_no.as_str(), PATH_SEGMENT);
        let call = Call::get(REFUND_QUERY, format!("{PATH}/{number}"));
        self.report(REFUND_QUERY, &call, out_refund_no).await
    }

    async fn report(
        &self,
        api: &'static str,
        call: &Call,
        out_refund_no: &OutRefundNo,
    ) -> Result<ReportedRefund, PayError> {
        let answer = self.exchange(call).await?;
        read_answer(&answer.body)
            .map_err(|malformed| malformed.0)
            .and_then(|report| {
                if report.out_refund_no == *out_refund_no {
                    Ok(report)
                } else {
                    Err("out_refund_no")
                }
            })
            .map_err(|field| answer.unknown(UnknownReason::Malformed(field)).logged(api))
    }
}

/// Reads the refund of an answer, where its standing is called `status`.
///
/// # Errors
/// The first field that is missing or makes no sense.
fn read_answer(json: &[u8]) -> Result<ReportedRefund, Malformed> {
    let wire: Wire<'_> = serde_json::from_slice(json).map_err(|_| Malformed("refund"))?;
    let event = event(needed(wire.status.as_ref(), "status")?).ok_or(Malformed("status"))?;
    let amount = wire.amount.as_ref().ok_or(Malformed("amount"))?;
    let currency = currency(needed(amount.currency.as_ref(), "amount.currency")?)?;
    read(&wire, event, None, Some(currency))
}

/// Reads the refund of a notice, where its standing is called `refund_status`, the merchant is named
/// and the currency is not.
///
/// # Errors
/// The first field that is missing or makes no sense.
pub(super) fn read_notice(json: &[u8]) -> Result<ReportedRefund, Malformed> {
    let wire: Wire<'_> = serde_json::from_slice(json).map_err(|_| Malformed("refund"))?;
    let event =
        event(needed(wire.refund_status.as_ref(), "refund_status")?).ok_or(Malformed("refund_status"))?;
    let mch_id = MchId::parse(needed(wire.mchid.as_ref(), "mchid")?).map_err(|_| Malformed("mchid"))?;
    read(&wire, event, Some(mch_id), None)
}

fn read(
    wire: &Wire<'_>,
    event: RefundEvent,
    mch_id: Option<MchId>,
    currency: Option<String>,
) -> Result<ReportedRefund, Malformed> {
    let amount = wire.amount.as_ref().ok_or(Malformed("amount"))?;
    let success_at = match event {
        RefundEvent::FoundSucceeded => {
            let text = needed(wire.success_time.as_ref(), "success_time")?;
            Some(time(text).ok_or(Malformed("success_time"))?)
        }
        _ => None,
    };
    Ok(ReportedRefund {
        out_refund_no: OutRefundNo::parse(needed(wire.out_refund_no.as_ref(), "out_refund_no")?)
            .map_err(|_| Malformed("out_refund_no"))?,
        refund_id: WechatRefundId::parse(needed(wire.refund_id.as_ref(), "refund_id")?)
            .map_err(|_| Malformed("refund_id"))?,
        out_trade_no: OutTradeNo::parse(needed(wire.out_trade_no.as_ref(), "out_trade_no")?)
            .map_err(|_| Malformed("out_trade_no"))?,
        transaction_id: TransactionId::parse(needed(wire.transaction_id.as_ref(), "transaction_id")?)
            .map_err(|_| Malformed("transaction_id"))?,
        mch_id,
        amount_fen: amount.refund.ok_or(Malformed("amount.refund"))?,
        total_fen: amount.total.ok_or(Malformed("amount.total"))?,
        currency,
        event,
        success_at,
    })
}

fn event(status: &str) -> Option<RefundEvent> {
    match status {
        "PROCESSING" => Some(RefundEvent::FoundProcessing),
        "SUCCESS" => Some(RefundEvent::FoundSucceeded),
        "CLOSED" => Some(RefundEvent::FoundClosed),
        "ABNORMAL" => Some(RefundEvent::FoundAbnormal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"refund_id":"50000000382019052709732678859","out_refund_no":"R20260101000001",
        "transaction_id":"4200000000202601010000000001","out_trade_no":"T20260101000001","channel":"ORIGINAL",
        "success_time":"2026-01-01T09:00:05+08:00","create_time":"2026-01-01T09:00:00+08:00","status":"SUCCESS",
        "amount":{"total":100,"refund":30,"payer_total":90,"payer_refund":27,"currency":"CNY"},"new_field":[{}]}"#;

    #[test]
    fn an_answer_must_tell_everything_but_the_merchant() {
        let report = read_answer(ANSWER.as_bytes()).unwrap();
        assert_eq!((report.amount_fen, report.total_fen), (30, 100));
        assert_eq!(report.event, RefundEvent::FoundSucceeded);
        assert_eq!(
            report.success_at.unwrap().to_rfc3339(),
            "2026-01-01T01:00:05+00:00"
        );
        assert_eq!((report.mch_id, report.currency.as_deref()), (None, Some("CNY")));
        for (field, name) in [
            ("\"refund_id\":", "refund_id"),
            ("\"out_refund_no\":", "out_refund_no"),
            ("\"transaction_id\":", "transaction_id"),
            ("\"out_trade_no\":", "out_trade_no"),
            ("\"success_time\":", "success_time"),
            ("\"status\":", "status"),
            ("\"amount\":", "amount"),
            ("\"total\":", "amount.total"),
            ("\"refund\":", "amount.refund"),
            ("\"currency\":", "amount.currency"),
        ] {
            let without = ANSWER.replacen(field, "\"x\":", 1);
            assert_eq!(read_answer(without.as_bytes()), Err(Malformed(name)));
        }
        let unknown = ANSWER.replace("SUCCESS", "DREAMING");
        assert_eq!(read_answer(unknown.as_bytes()), Err(Malformed("status")));
        for amount in ["0.3", "\"30\"", "3e1"] {
            let odd = ANSWER.replace("\"refund\":30", &format!("\"refund\":{amount}"));
            assert_eq!(read_answer(odd.as_bytes()), Err(Malformed("refund")));
        }
    }

    #[test]
    fn a_notice_and_an_answer_call_the_standing_differently() {
        assert_eq!(read_notice(ANSWER.as_bytes()), Err(Malformed("refund_status")));
        let notice = ANSWER.replace("\"status\"", "\"refund_status\"");
        assert_eq!(read_answer(notice.as_bytes()), Err(Malformed("status")));
        assert_eq!(read_notice(notice.as_bytes()), Err(Malformed("mchid")));
        let notice = notice.replace("\"new_field\":[{}]", "\"mchid\":\"1900000001\"");
        let report = read_notice(notice.replace("SUCCESS", "CLOSED").as_bytes()).unwrap();
        assert_eq!(
            (report.event, report.success_at),
            (RefundEvent::FoundClosed, None)
        );
        assert_eq!(report.mch_id.unwrap().as_str(), "1900000001");
    }
}
