//! Both bills of a day, fetched into tables a thousand rows at a time.

use chrono::NaiveDate;

use super::lease::{Lease, Setback};
use crate::service::Context;
use crate::store;
use crate::store::bill::{FlowColumns, TradeColumns};
use crate::wechat::pay::bill::{FlowRow, TradeRow};

/// How many rows the bills have; nothing: there is no such bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    pub(super) trade: Option<i64>,
    pub(super) flow: Option<i64>,
}

impl Staged {
    /// Rows of the trade bill and of the fund-flow bill.
    pub(super) fn rows(self) -> (i64, i64) {
        (self.trade.unwrap_or(0), self.flow.unwrap_or(0))
    }
}

/// Rows that go into one statement.
const CHUNK_ROWS: usize = 1_000;

/// Fetches both bills of a day. Nothing of them may be used unless this went well.
pub(super) async fn stage(context: &Context, lease: &Lease, day: NaiveDate) -> Result<Staged, Setback> {
    let merchant = context.merchant()?;
    let mut staged = Staged {
        trade: None,
        flow: None,
    };
    if let Some(mut bill) = merchant.trade_bill(day).await? {
        let mut count = 0;
        while let Some(rows) = bill.next().await? {
            for chunk in rows.chunks(CHUNK_ROWS) {
                store::bill::insert_rows(&context.db, lease.token, &trade_columns(chunk)).await?;
                count += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
            }
            lease.renew(context).await?;
        }
        staged.trade = Some(count);
    }
    if let Some(mut bill) = merchant.fund_flow_bill(day).await? {
        let mut count = 0;
        while let Some(rows) = bill.next().await? {
            for chunk in rows.chunks(CHUNK_ROWS) {
                store::bill::insert_movements(&context.db, lease.token, &flow_columns(chunk)).await?;
                count += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
            }
            lease.renew(context).await?;
        }
        staged.flow = Some(count);
    }
    Ok(staged)
}

fn trade_columns(rows: &[TradeRow]) -> TradeColumns {
    let mut columns = TradeColumns::default();
    for row in rows {
        let refund = row.refund.as_ref();
        columns.line.push(i64::try_from(row.line).unwrap_or(i64::MAX));
        columns.is_refund.push(refund.is_some());
        columns.at.push(row.at);
        columns.app_id.push(row.app_id.clone());
        columns.transaction_id.push(row.transaction_id.clone());
        columns.out_trade_no.push(row.out_trade_no.clone());
        columns
            .state
            .push(refund.map_or(&row.state, |refund| &refund.state).clone());
        columns.currency.push(row.currency.clone());
        columns
            .amount_fen
            .push(refund.map_or(row.order_fen, |refund| refund.requested_fen));
        columns
            .settled_fen
            .push(refund.map_or(row.settled_fen, |refund| refund.refunded_fen));
        columns.fee_thousandths.push(row.fee_thousandths);
        columns
            .refund_id
            .push(refund.map(|refund| refund.refund_id.clone()));
        columns
            .out_refund_no
            .push(refund.map(|refund| refund.out_refund_no.clone()));
    }
    columns
}

fn flow_columns(rows: &[FlowRow]) -> FlowColumns {
    let mut columns = FlowColumns::default();
    for row in rows {
        columns.line.push(i64::try_from(row.line).unwrap_or(i64::MAX));
        columns.number.push(row.number.clone());
        columns.net_fen.push(row.net_fen);
    }
    columns
}
