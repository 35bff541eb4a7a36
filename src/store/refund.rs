//! Refunds: where they stand, and the books of those that succeeded.
//!
//! The balance of each payment is kept by the database itself; see the migration. The order is
//! locked before the refund, everywhere.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::fen::Fen;
use crate::domain::id::{AttemptId, OrderId, RefundId};
use crate::domain::name::{MchId, OutRefundNo, OutTradeNo, TransactionId, WechatRefundId};
use crate::domain::order::OrderStatus;
use crate::domain::refund::{ExpectedRefund, RefundStatus, ReportedRefund};

fn inconsistent() -> Error {
    Error::Inconsistent { table: "refunds" }
}

/// A refund with its order, both locked.
#[derive(Clone, Debug)]
pub struct LockedRefund {
    /// The refund.
    pub id: RefundId,
    /// Its order.
    pub order_id: OrderId,
    /// The attempt through which the payment came.
    pub attempt_id: AttemptId,
    /// Where it stands.
    pub status: RefundStatus,
    /// What our books say of it.
    pub expected: ExpectedRefund,
    /// Whether the order did not want the payment.
    pub is_surplus: bool,
    /// Whether the order's stock goes back when it succeeds.
    pub is_restocking: bool,
    /// Where the order stands.
    pub order_status: OrderStatus,
    /// What the order cost.
    pub order_total_fen: Fen,
    /// What of it has gone back.
    pub order_refunded_fen: Fen,
    /// Who is asking WeChat about it.
    pub lease_token: Option<Uuid>,
    /// Whether the number of WeChat that is reported for it stands in the books for another refund.
    pub is_refund_id_taken: bool,
}

struct LockedRow {
    id: Uuid,
    order_id: Uuid,
    attempt_id: Uuid,
    status: String,
    refund_id: Option<String>,
    out_trade_no: String,
    transaction_id: String,
    mch_id: String,
    amount_fen: i64,
    payment_fen: i64,
    is_surplus: bool,
    is_restocking: bool,
    lease_token: Option<Uuid>,
    is_refund_id_taken: bool,
    order_status: String,
    order_total_fen: i64,
    order_refunded_fen: i64,
}

impl LockedRow {
    fn locked(self) -> Option<LockedRefund> {
        Some(LockedRefund {
            id: self.id.into(),
            order_id: self.order_id.into(),
            attempt_id: self.attempt_id.into(),
            status: RefundStatus::parse(&self.status)?,
            expected: ExpectedRefund {
                refund_id: self.refund_id.map(WechatRefundId::parse).transpose().ok()?,
                out_trade_no: OutTradeNo::parse(self.out_trade_no).ok()?,
                transaction_id: TransactionId::parse(self.transaction_id).ok()?,
                mch_id: MchId::parse(self.mch_id).ok()?,
                amount_fen: self.amount_fen,
                total_fen: self.payment_fen,
            },
            is_surplus: self.is_surplus,
            is_restocking: self.is_restocking,
            order_status: OrderStatus::parse(&self.order_status)?,
            order_total_fen: Fen::new(self.order_total_fen).ok()?,
            order_refunded_fen: Fen::new(self.order_refunded_fen).ok()?,
            lease_token: self.lease_token,
            is_refund_id_taken: self.is_refund_id_taken,
        })
    }
}

/// Locks the order and then the refund of this number, of which WeChat reports its own number, or nothing.
pub async fn lock(
    db: &mut PgConnection,
    number: &OutRefundNo,
    reported: Option<&WechatRefundId>,
) -> Result<Option<LockedRefund>, Error> {
    let statement = sqlx::query_as!(
        LockedRow,
        r#"-- refund.lock
        select refunds.id, refunds.order_id, a.id as attempt_id, refunds.status, refunds.refund_id, a.out_trade_no,
            refunds.transaction_id, a.mch_id, refunds.amount_fen, p.total_fen as payment_fen, p.is_surplus,
            refunds.is_restocking, refunds.lease_token, orders.status as order_status, orders.total_fen as order_total_fen,
            orders.refunded_fen as order_refunded_fen,
            exists (select from refunds other where other.refund_id = $2 and other.id <> refunds.id) as "is_refund_id_taken!"
        from orders join refunds on refunds.order_id = orders.id
            join payments p on p.transaction_id = refunds.transaction_id
            join payment_attempts a on a.id = p.attempt_id
        where refunds.out_refund_no = $1
        for no key update of orders, refunds"#,
        number.as_str(),
        reported.map(WechatRefundId::as_str),
    )
    .fetch_optional(db);
    query("refund.lock", statement)
        .await?
        .map(|row| row.locked().ok_or_else(inconsistent))
        .transpose()
}

/// Where a refund goes, and what is known of it from now on.
#[derive(Clone, Copy, Debug)]
pub struct RefundStep<'a> {
    /// The status.
    pub to: RefundStatus,
    /// WeChat's number of it, where it has one.
    pub refund_id: Option<&'a WechatRefundId>,
    /// When it is looked at next; none where it is final.
    pub next_check_at: Option<DateTime<Utc>>,
    /// WeChat's code, where it did not come about.
    pub failure_code: Option<&'a str>,
    /// When the payer had the money.
    pub succeeded_at: Option<DateTime<Utc>>,
}

/// Moves a locked refund, and takes it out of everybody's hands.
pub async fn update_moved(
    db: &mut PgConnection,
    id: RefundId,
    step: RefundStep<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund.update_moved
        update refunds set status = $2, refund_id = coalesce(refund_id, $3), next_check_at = $4, failure_code = $5,
            succeeded_at = $6, checks = 0, lease_token = null, lease_until = null, updated_at = $7
        where id = $1",
        Uuid::from(id),
        step.to.as_str(),
        step.refund_id.map(WechatRefundId::as_str),
        step.next_check_at,
        step.failure_code,
        step.succeeded_at,
        now,
    )
    .execute(db);
    if query("refund.update_moved", statement).await?.rows_affected() == 1 {
        Ok(())
    } else {
        Err(inconsistent())
    }
}

/// Writes into the books that a locked refund's money went back.
pub async fn insert_entry(
    db: &mut PgConnection,
    locked: &LockedRefund,
    report: &ReportedRefund,
    (source, success_at): (&str, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund.insert_entry
        insert into refund_entries (refund_id, id, order_id, transaction_id, out_refund_no, amount_fen, currency, source,
            success_at, recorded_at)
        values ($1, $2, $3, $4, $5, $6, 'CNY', $7, $8, $9)",
        report.refund_id.as_str(),
        Uuid::from(locked.id),
        Uuid::from(locked.order_id),
        report.transaction_id.as_str(),
        report.out_refund_no.as_str(),
        report.amount_fen,
        source,
        success_at,
        now,
    )
    .execute(db);
    query("refund.insert_entry", statement).await?;
    Ok(())
}

/// Whether all of a payment has gone back.
pub async fn is_returned_in_full(db: &mut PgConnection, payment: &TransactionId) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- refund.is_returned_in_full
        select exists (select from refund_balances where transaction_id = $1 and succeeded_fen = total_fen) as "is_returned!""#,
        payment.as_str(),
    )
    .fetch_one(db);
    Ok(query("refund.is_returned_in_full", statement).await?)
}

/// The order of one of our payment numbers.
pub async fn find_order(db: impl PgExecutor<'_>, number: &OutTradeNo) -> Result<Option<OrderId>, Error> {
    let statement = sqlx::query_scalar!(
        "-- refund.find_order
        select order_id from payment_attempts where out_trade_no = $1",
        number.as_str(),
    )
    .fetch_optional(db);
    Ok(query("refund.find_order", statement).await?.map(OrderId::from))
}
