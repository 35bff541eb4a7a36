//! The fund-flow bill: how the merchant's account moved, one row for each time.

use super::Bill;
use super::entry::Entry;
use super::money::{push, push_time, push_yuan};

/// The sums below a fund-flow bill, and what the merchant has at this row.
pub(super) struct Sums {
    balance_fen: i64,
    in_rows: u64,
    in_fen: i64,
    out_rows: u64,
    out_fen: i64,
}

impl Sums {
    pub(super) const fn new(balance_fen: i64) -> Self {
        Self {
            balance_fen,
            in_rows: 0,
            in_fen: 0,
            out_rows: 0,
            out_fen: 0,
        }
    }
}

/// A movement of the account.
struct Movement<'a> {
    /// `WeChat Pay`'s number of the payment or refund.
    number: &'a str,
    /// The number of the movement itself.
    flow_number: String,
    name: &'static str,
    kind: &'static str,
    is_income: bool,
    fen: i64,
    note: String,
    voucher: &'a str,
}

/// Writes the head of the columns.
pub(super) fn push_head(out: &mut String) {
    out.push_str(
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),\
         资金变更提交申请人,备注,业务凭证号\r\n",
    );
}

/// Writes the rows of an entry: a payment and its fee, or a refund less the fee that came back.
pub(super) fn push_rows(out: &mut String, bill: &Bill, entry: &Entry, sums: &mut Sums) {
    if let Some(refund) = &entry.refund {
        let mut note = "退款总金额".to_owned();
        push_yuan(&mut note, entry.settled_fen());
        note.push_str("元;含手续费");
        push_yuan(&mut note, entry.fee_fen);
        note.push('元');
        let movement = Movement {
            number: &refund.refund_id,
            flow_number: format!("{}3", refund.refund_id),
            name: "退款",
            kind: "退款",
            is_income: false,
            fen: entry.net_fen().saturating_neg(),
            note,
            voucher: &refund.out_refund_no,
        };
        push_row(out, bill, entry, &movement, sums);
        return;
    }
    let payment = Movement {
        number: &entry.transaction_id,
        flow_number: format!("{}1", entry.transaction_id),
        name: "交易",
        kind: "交易",
        is_income: true,
        fen: entry.settled_fen(),
        note: String::new(),
        voucher: &entry.out_trade_no,
    };
    push_row(out, bill, entry, &payment, sums);
    if entry.fee_fen > 0 {
        let fee = Movement {
            flow_number: format!("{}2", entry.transaction_id),
            kind: "扣除交易手续费",
            is_income: false,
            fen: entry.fee_fen,
            ..payment
        };
        push_row(out, bill, entry, &fee, sums);
    }
}

fn push_row(out: &mut String, bill: &Bill, entry: &Entry, movement: &Movement, sums: &mut Sums) {
    let direction = if movement.is_income {
        sums.in_rows = sums.in_rows.saturating_add(1);
        sums.in_fen = sums.in_fen.saturating_add(movement.fen);
        sums.balance_fen = sums.balance_fen.saturating_add(movement.fen);
        "收入"
    } else {
        sums.out_rows = sums.out_rows.saturating_add(1);
        sums.out_fen = sums.out_fen.saturating_add(movement.fen);
        sums.balance_fen = sums.balance_fen.saturating_sub(movement.fen);
        "支出"
    };
    let Movement {
        number,
        flow_number,
        name,
        kind,
        note,
        voucher,
        ..
    } = movement;
    out.push('`');
    push_time(out, entry.at);
    push(
        out,
        format_args!(",`{number},`{flow_number},`{name},`{kind},`{direction},`"),
    );
    push_yuan(out, movement.fen);
    out.push_str(",`");
    push_yuan(out, sums.balance_fen);
    push(out, format_args!(",`{}API,`{note},`{voucher}\r\n", bill.mch_id));
}

/// Writes the sums and their head.
pub(super) fn push_sums(out: &mut String, bill: &Bill, sums: &Sums) {
    out.push_str("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n");
    let Sums {
        in_rows, out_rows, ..
    } = sums;
    let rows = in_rows
        .saturating_add(*out_rows)
        .saturating_add(u64::from(bill.is_summary_wrong));
    push(out, format_args!("`{rows},`{in_rows},`"));
    push_yuan(out, sums.in_fen);
    push(out, format_args!(",`{out_rows},`"));
    push_yuan(out, sums.out_fen);
    out.push_str("\r\n");
}
