//! The trade bill: what was paid and refunded on a day.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::amount;
use super::error::BillError;
use super::sheet::{Kind, Summary};
use crate::domain::china;
use crate::domain::moment::Moment;

/// The longest name or number in a column that is read.
const NAME_BYTES_MAX: usize = 64;

/// A row of the trade bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeRow {
    /// The line in the bill, the first one being 1.
    pub line: u64,
    /// When the money moved.
    pub at: DateTime<Utc>,
    /// The mini program.
    pub app_id: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of it.
    pub out_trade_no: String,
    /// WeChat's word for the state of the trade: `SUCCESS`, `REFUND`, `REVOKED`.
    pub state: String,
    /// The currency.
    pub currency: String,
    /// What was ordered, in fen; 0 in the row of a refund.
    pub order_fen: i64,
    /// What of it is the merchant's, in fen; 0 in the row of a refund.
    pub settled_fen: i64,
    /// The fee in thousandths of a fen; negative when it came back.
    pub fee_thousandths: i64,
    /// In the row of a refund: the refund.
    pub refund: Option<RefundPart>,
}

/// What a row says of its refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundPart {
    /// WeChat's number of the refund.
    pub refund_id: String,
    /// The merchant's number of it.
    pub out_refund_no: String,
    /// What was asked for, in fen.
    pub requested_fen: i64,
    /// What of it was the merchant's, in fen.
    pub refunded_fen: i64,
    /// WeChat's word for its state: `SUCCESS`, `PROCESSING`, `FAIL`, `CHANGE`.
    pub state: String,
}

/// The trade bill and its sums.
#[derive(Debug, Default)]
pub struct Trade {
    /// In fen.
    ordered: i64,
    settled: i64,
    requested: i64,
    refunded: i64,
}

impl Kind for Trade {
    type Row = TradeRow;
    const COLUMNS: &'static [&'static str] = &[
        "交易时间",
        "公众账号ID",
        "微信订单号",
        "商户订单号",
        "交易状态",
        "货币种类",
        "订单金额",
        "应结订单金额",
        "手续费",
        "微信退款单号",
        "商户退款单号",
        "申请退款金额",
        "退款金额",
        "退款状态",
    ];
    const FREE_TEXT: Option<(&'static str, &'static str)> = Some(("商品名称", "商户数据包"));

    fn row(&mut self, line: u64, values: &[&str]) -> Result<TradeRow, BillError> {
        let malformed = |column| BillError::Malformed { line, column };
        let &[
            at,
            app_id,
            transaction_id,
            out_trade_no,
            state,
            currency,
            order,
            settled,
            fee,
            refund_id,
            out_refund_no,
            requested,
            refunded,
            refund_state,
        ] = values
        else {
            return Err(malformed("the number of values"));
        };
        let name = |text, column| name(text).ok_or_else(|| malformed(column));
        let fen = |text, column| amount::fen(text).ok_or_else(|| malformed(column));
        let refund = (state == "REFUND").then(|| {
            Ok(RefundPart {
                refund_id: name(refund_id, "微信退款单号")?,
                out_refund_no: name(out_refund_no, "商户退款单号")?,
                requested_fen: fen(requested, "申请退款金额")?,
                refunded_fen: fen(refunded, "退款金额")?,
                state: name(refund_state, "退款状态")?,
            })
        });
        let row = TradeRow {
            line,
            at: time(at).ok_or_else(|| malformed("交易时间"))?,
            app_id: name(app_id, "公众账号ID")?,
            transaction_id: name(transaction_id, "微信订单号")?,
            out_trade_no: name(out_trade_no, "商户订单号")?,
            state: name(state, "交易状态")?,
            currency: name(currency, "货币种类")?,
            order_fen: fen(order, "订单金额")?,
            settled_fen: fen(settled, "应结订单金额")?,
            fee_thousandths: amount::thousandths(fee).ok_or_else(|| malformed("手续费"))?,
            refund: refund.transpose()?,
        };
        // The summary counts the refund of a row whatever the row is called.
        let of_refund = |text, column| {
            fen(
                match text {
                    "" => "0",
                    text => text,
                },
                column,
            )
        };
        let requested_fen = of_refund(requested, "申请退款金额")?;
        let refunded_fen = of_refund(refunded, "退款金额")?;
        self.add(&row, requested_fen, refunded_fen)
            .ok_or_else(|| malformed("the sum of the amounts"))?;
        Ok(row)
    }

    fn check(&self, rows: u64, summary: &Summary<'_>) -> Result<(), BillError> {
        if summary.get("总交易单数") != Some(rows.to_string().as_str()) {
            return Err(BillError::Summary("总交易单数"));
        }
        for (name, sum, is_needed) in [
            ("订单总金额", self.ordered, true),
            ("申请退款总金额", self.requested, true),
            ("应结订单总金额", self.settled, false),
            ("退款总金额", self.refunded, false),
        ] {
            match summary.get(name) {
                None if is_needed => return Err(BillError::ColumnMissing(name)),
                Some(text) if amount::fen(text) != Some(sum) => return Err(BillError::Summary(name)),
                None | Some(_) => {}
            }
        }
        Ok(())
    }
}

impl Trade {
    fn add(&mut self, row: &TradeRow, requested_fen: i64, refunded_fen: i64) -> Option<()> {
        self.ordered = self.ordered.checked_add(row.order_fen)?;
        self.settled = self.settled.checked_add(row.settled_fen)?;
        self.requested = self.requested.checked_add(requested_fen)?;
        self.refunded = self.refunded.checked_add(refunded_fen)?;
        Some(())
    }
}

/// A name or a number: visible ASCII, not empty.
pub(super) fn name(text: &str) -> Option<String> {
    let is_name =
        (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| text.to_owned())
}

/// A time of China, to the second.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    let at = local.checked_sub_signed(china::OFFSET)?.and_utc();
    Moment::try_from(at).ok().map(Moment::get)
}
