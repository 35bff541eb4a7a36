//! The fund-flow bill: how the merchant's account moved on a day.

use chrono::{DateTime, Utc};

use super::amount;
use super::error::BillError;
use super::sheet::{Kind, Summary};
use super::trade::{name, time};

/// A row of the fund-flow bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// The line in the bill, the first one being 1.
    pub line: u64,
    /// When it was booked.
    pub at: DateTime<Utc>,
    /// WeChat's number of the payment or refund behind it; none for what has neither, such as a withdrawal.
    pub number: Option<String>,
    /// What came in, in fen; negative: what went out.
    pub net_fen: i64,
}

/// The fund-flow bill and its sums.
#[derive(Debug, Default)]
pub struct Flow {
    in_rows: u64,
    in_fen: i64,
    out_rows: u64,
    out_fen: i64,
}

impl Kind for Flow {
    type Row = FlowRow;
    const COLUMNS: &'static [&'static str] = &["记账时间", "微信支付业务单号", "收支类型", "收支金额(元)"];
    const FREE_TEXT: Option<(&'static str, &'static str)> = Some(("备注", "备注"));

    fn row(&mut self, line: u64, values: &[&str]) -> Result<FlowRow, BillError> {
        let malformed = |column| BillError::Malformed { line, column };
        let &[at, number, direction, amount] = values else {
            return Err(malformed("the number of values"));
        };
        let fen = amount::fen(amount)
            .filter(|fen| *fen >= 0)
            .ok_or_else(|| malformed("收支金额(元)"))?;
        let is_income = match direction {
            "收入" => true,
            "支出" => false,
            _ => return Err(malformed("收支类型")),
        };
        let (rows, sum) = if is_income {
            (&mut self.in_rows, &mut self.in_fen)
        } else {
            (&mut self.out_rows, &mut self.out_fen)
        };
        *rows += 1;
        *sum = sum
            .checked_add(fen)
            .ok_or_else(|| malformed("the sum of the amounts"))?;
        Ok(FlowRow {
            line,
            at: time(at).ok_or_else(|| malformed("记账时间"))?,
            number: match number {
                "" | "0" => None,
                number => Some(name(number).ok_or_else(|| malformed("微信支付业务单号"))?),
            },
            net_fen: if is_income { fen } else { -fen },
        })
    }

    fn check(&self, rows: u64, summary: &Summary<'_>) -> Result<(), BillError> {
        for (name, count, is_needed) in [
            ("资金流水总笔数", rows, true),
            ("收入笔数", self.in_rows, false),
            ("支出笔数", self.out_rows, false),
        ] {
            match summary.get(name) {
                None if is_needed => return Err(BillError::ColumnMissing(name)),
                Some(text) if text != count.to_string() => return Err(BillError::Summary(name)),
                None | Some(_) => {}
            }
        }
        for (name, sum) in [("收入金额", self.in_fen), ("支出金额", self.out_fen)] {
            match summary.get(name) {
                None => return Err(BillError::ColumnMissing(name)),
                Some(text) if amount::fen(text) != Some(sum) => return Err(BillError::Summary(name)),
                Some(_) => {}
            }
        }
        Ok(())
    }
}
