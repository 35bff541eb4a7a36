//! The columns of the trade bills, their values, and the sums below them.

use chrono::{DateTime, Utc};

use super::entry::Entry;
use super::money::{FEE_RATE_TEXT, push, push_fee, push_text, push_time, push_yuan};
use super::{Bill, Kind, TradeKind};

/// A column of a trade bill, by what its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    TradeTime,
    AppId,
    Merchant,
    SubMerchant,
    Device,
    TransactionId,
    OutTradeNo,
    Payer,
    TradeType,
    TradeState,
    Bank,
    Currency,
    Settled,
    Coupon,
    RefundAskedAt,
    RefundedAt,
    RefundId,
    OutRefundNo,
    Refunded,
    CouponRefunded,
    RefundType,
    RefundState,
    Description,
    Attach,
    Fee,
    FeeRate,
    Ordered,
    RefundAsked,
    FeeNote,
    /// One that no documentation knows, for a fault.
    Unheard,
}

use Column::{
    AppId, Attach, Bank, Coupon, CouponRefunded, Currency, Description, Device, Fee, FeeNote, FeeRate,
    Merchant, Ordered, OutRefundNo, OutTradeNo, Payer, RefundAsked, RefundAskedAt, RefundId, RefundState,
    RefundType, Refunded, RefundedAt, Settled, SubMerchant, TradeState, TradeTime, TradeType, TransactionId,
};

const ALL: &[Column] = &[
    TradeTime,
    AppId,
    Merchant,
    SubMerchant,
    Device,
    TransactionId,
    OutTradeNo,
    Payer,
    TradeType,
    TradeState,
    Bank,
    Currency,
    Settled,
    Coupon,
    RefundId,
    OutRefundNo,
    Refunded,
    CouponRefunded,
    RefundType,
    RefundState,
    Description,
    Attach,
    Fee,
    FeeRate,
    Ordered,
    RefundAsked,
    FeeNote,
];
const SUCCESS: &[Column] = &[
    TradeTime,
    AppId,
    Merchant,
    SubMerchant,
    Device,
    TransactionId,
    OutTradeNo,
    Payer,
    TradeType,
    TradeState,
    Bank,
    Currency,
    Settled,
    Coupon,
    Description,
    Attach,
    Fee,
    FeeRate,
    Ordered,
    FeeNote,
];
const REFUND: &[Column] = &[
    TradeTime,
    AppId,
    Merchant,
    SubMerchant,
    Device,
    TransactionId,
    OutTradeNo,
    Payer,
    TradeType,
    TradeState,
    Bank,
    Currency,
    Settled,
    Coupon,
    RefundAskedAt,
    RefundedAt,
    RefundId,
    OutRefundNo,
    Refunded,
    CouponRefunded,
    RefundType,
    RefundState,
    Description,
    Attach,
    Fee,
    FeeRate,
    Ordered,
    RefundAsked,
    FeeNote,
];

/// The columns of a bill; those of the fund-flow bill are in a place of their own.
pub(super) const fn of(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Trade(TradeKind::All) => ALL,
        Kind::Trade(TradeKind::Success) => SUCCESS,
        Kind::Trade(TradeKind::Refund) => REFUND,
        Kind::FundFlow => &[],
    }
}

impl Column {
    pub(super) const fn head(self) -> &'static str {
        match self {
            Self::TradeTime => "交易时间",
            Self::AppId => "公众账号ID",
            Self::Merchant => "商户号",
            Self::SubMerchant => "特约商户号",
            Self::Device => "设备号",
            Self::TransactionId => "微信订单号",
            Self::OutTradeNo => "商户订单号",
            Self::Payer => "用户标识",
            Self::TradeType => "交易类型",
            Self::TradeState => "交易状态",
            Self::Bank => "付款银行",
            Self::Currency => "货币种类",
            Self::Settled => "应结订单金额",
            Self::Coupon => "代金券金额",
            Self::RefundAskedAt => "退款申请时间",
            Self::RefundedAt => "退款成功时间",
            Self::RefundId => "微信退款单号",
            Self::OutRefundNo => "商户退款单号",
            Self::Refunded => "退款金额",
            Self::CouponRefunded => "充值券退款金额",
            Self::RefundType => "退款类型",
            Self::RefundState => "退款状态",
            Self::Description => "商品名称",
            Self::Attach => "商户数据包",
            Self::Fee => "手续费",
            Self::FeeRate => "费率",
            Self::Ordered => "订单金额",
            Self::RefundAsked => "申请退款金额",
            Self::FeeNote => "费率备注",
            Self::Unheard => "新增字段",
        }
    }

    /// Writes the value of an entry, without what separates values.
    pub(super) fn push(self, out: &mut String, bill: &Bill, entry: &Entry) {
        let refund = entry.refund.as_ref();
        let (ordered, asked_back) = entry.sides(entry.amount_fen);
        let (settled, refunded) = entry.sides(entry.settled_fen());
        let (coupon, _) = entry.sides(entry.coupon_fen);
        match self {
            // The bill of refunds names the payment's time here and has the refund's own further on.
            Self::TradeTime if bill.kind == Kind::Trade(TradeKind::Refund) => push_time(out, entry.paid_at),
            Self::TradeTime => push_time(out, entry.at),
            Self::AppId => out.push_str(&entry.app_id),
            Self::Merchant => out.push_str(&bill.mch_id),
            Self::SubMerchant | Self::Unheard => out.push('0'),
            Self::Device | Self::FeeNote => {}
            Self::TransactionId => out.push_str(&entry.transaction_id),
            Self::OutTradeNo => out.push_str(&entry.out_trade_no),
            Self::Payer => out.push_str(&entry.openid),
            Self::TradeType => out.push_str("JSAPI"),
            Self::TradeState => out.push_str(entry.state),
            Self::Bank => out.push_str("OTHERS"),
            Self::Currency => out.push_str("CNY"),
            Self::Settled => push_yuan(out, settled),
            Self::Ordered => push_yuan(out, ordered),
            Self::Coupon => push_yuan(out, coupon),
            // Of coupons that somebody paid for; those here are the merchant's own.
            Self::CouponRefunded => out.push_str("0.00"),
            Self::RefundAskedAt => push_time_of(out, refund.map(|refund| refund.created_at)),
            Self::RefundedAt => push_time_of(out, refund.and_then(|refund| refund.succeeded_at)),
            Self::RefundId => out.push_str(refund.map_or("0", |refund| &refund.refund_id)),
            Self::OutRefundNo => out.push_str(refund.map_or("0", |refund| &refund.out_refund_no)),
            Self::Refunded => push_yuan(out, refunded),
            Self::RefundAsked => push_yuan(out, asked_back),
            Self::RefundType => out.push_str(refund.map_or("", |_| "ORIGINAL")),
            Self::RefundState => out.push_str(refund.map_or("", |refund| refund.state)),
            Self::Description => push_text(out, &entry.description),
            Self::Attach => push_text(out, &entry.attach),
            Self::Fee => push_fee(out, entry.signed_fee_fen()),
            Self::FeeRate => out.push_str(FEE_RATE_TEXT),
        }
    }
}

fn push_time_of(out: &mut String, at: Option<DateTime<Utc>>) {
    if let Some(at) = at {
        push_time(out, at);
    }
}

impl Entry {
    /// An amount of it, as what was ordered and what was refunded: one of them is 0.
    const fn sides(&self, fen: i64) -> (i64, i64) {
        if self.refund.is_some() { (0, fen) } else { (fen, 0) }
    }

    /// What came back with a refund is negative.
    const fn signed_fee_fen(&self) -> i64 {
        if self.refund.is_some() {
            self.fee_fen.saturating_neg()
        } else {
            self.fee_fen
        }
    }
}

/// The sums below a trade bill.
#[derive(Default)]
pub(super) struct Sums {
    rows: u64,
    ordered_fen: i64,
    settled_fen: i64,
    asked_back_fen: i64,
    refunded_fen: i64,
    fee_fen: i64,
}

/// Writes the row of an entry and adds it to the sums.
pub(super) fn push_row(out: &mut String, bill: &Bill, entry: &Entry, sums: &mut Sums) {
    for (index, column) in bill.columns.iter().enumerate() {
        out.push_str(if index == 0 { "`" } else { ",`" });
        column.push(out, bill, entry);
    }
    out.push_str("\r\n");
    let (ordered, asked_back) = entry.sides(entry.amount_fen);
    let (settled, refunded) = entry.sides(entry.settled_fen());
    sums.rows = sums.rows.saturating_add(1);
    sums.ordered_fen = sums.ordered_fen.saturating_add(ordered);
    sums.settled_fen = sums.settled_fen.saturating_add(settled);
    sums.asked_back_fen = sums.asked_back_fen.saturating_add(asked_back);
    sums.refunded_fen = sums.refunded_fen.saturating_add(refunded);
    sums.fee_fen = sums.fee_fen.saturating_add(entry.signed_fee_fen());
}

/// Writes the head of the columns.
pub(super) fn push_head(out: &mut String, bill: &Bill) {
    let heads: Vec<&str> = bill.columns.iter().map(|column| column.head()).collect();
    out.push_str(&heads.join(","));
    out.push_str("\r\n");
}

/// Writes the sums and their head.
pub(super) fn push_sums(out: &mut String, bill: &Bill, sums: &Sums) {
    out.push_str(
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n",
    );
    let rows = sums.rows.saturating_add(u64::from(bill.is_summary_wrong));
    push(out, format_args!("`{rows},`"));
    push_yuan(out, sums.settled_fen);
    out.push_str(",`");
    push_yuan(out, sums.refunded_fen);
    out.push_str(",`0.00,`");
    push_fee(out, sums.fee_fen);
    out.push_str(",`");
    push_yuan(out, sums.ordered_fen);
    out.push_str(",`");
    push_yuan(out, sums.asked_back_fen);
    out.push_str("\r\n");
}
