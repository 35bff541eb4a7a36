//! Refunds as they are asked for, by the operator or by policy, and read again.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::fen::Fen;
use crate::domain::id::{OrderId, RefundId};
use crate::domain::name::{MchId, OutRefundNo, TransactionId, WechatRefundId};
use crate::domain::refund::{RefundStatus, Refundable};

fn inconsistent() -> Error {
    Error::Inconsistent { table: "refunds" }
}

/// A payment of an order that may be given back.
#[derive(Clone, Debug)]
pub struct RefundablePayment {
    /// WeChat's number of it.
    pub transaction_id: TransactionId,
    /// The merchant that took it.
    pub mch_id: MchId,
    /// Whether the order did not want it.
    pub is_surplus: bool,
    /// What bounds its refunds.
    pub refundable: Refundable,
}

struct RefundableRow {
    transaction_id: String,
    mch_id: String,
    is_surplus: bool,
    total_fen: i64,
    success_at: DateTime<Utc>,
    reserved_fen: i64,
    refund_count: i32,
    submit_at: Option<DateTime<Utc>>,
}

/// The payment of an order that is named, or else the one that paid it. The order must be locked by
/// an earlier statement, so that what is read here is the newest.
pub async fn find_refundable(
    db: &mut PgConnection,
    order_id: OrderId,
    transaction_id: Option<&TransactionId>,
) -> Result<Option<RefundablePayment>, Error> {
    let statement = sqlx::query_as!(
        RefundableRow,
        r#"-- refund_request.find_refundable
        select p.transaction_id, a.mch_id, p.is_surplus, p.total_fen, p.success_at, coalesce(b.reserved_fen, 0) as "reserved_fen!",
            n.refund_count as "refund_count!", n.submit_at as "submit_at?"
        from payments p join payment_attempts a on a.id = p.attempt_id
            left join refund_balances b on b.transaction_id = p.transaction_id
            cross join lateral (
                select count(*) filter (where r.status <> 'closed' or r.refund_id is not null)::int as refund_count,
                    max(r.submit_at) as submit_at
                from refunds r where r.transaction_id = p.transaction_id
            ) n
        where p.order_id = $1 and case when $2::text is null then not p.is_surplus else p.transaction_id = $2 end"#,
        Uuid::from(order_id),
        transaction_id.map(TransactionId::as_str),
    )
    .fetch_optional(db);
    let Some(row) = query("refund_request.find_refundable", statement).await? else {
        return Ok(None);
    };
    Ok(Some(RefundablePayment {
        transaction_id: TransactionId::parse(row.transaction_id).map_err(|_| inconsistent())?,
        mch_id: MchId::parse(row.mch_id).map_err(|_| inconsistent())?,
        is_surplus: row.is_surplus,
        refundable: Refundable {
            total_fen: Fen::new(row.total_fen).map_err(|_| inconsistent())?,
            reserved_fen: Fen::new(row.reserved_fen).map_err(|_| inconsistent())?,
            refund_count: row.refund_count,
            success_at: row.success_at,
            submit_at: row.submit_at,
        },
    }))
}

/// A new refund, as it is written.
#[derive(Clone, Debug)]
pub struct NewRefund<'a> {
    /// The refund.
    pub id: RefundId,
    /// Its order.
    pub order_id: OrderId,
    /// The payment that it gives back.
    pub transaction_id: &'a TransactionId,
    /// Our number of it.
    pub out_refund_no: &'a OutRefundNo,
    /// What goes back.
    pub amount_fen: Fen,
    /// What the payer reads.
    pub reason: Option<&'a str>,
    /// `operator` or `surplus`.
    pub cause: &'static str,
    /// Whether the order's stock goes back when it succeeds.
    pub is_restocking: bool,
    /// Where the notice goes.
    pub notify_url: &'a str,
    /// The operator's key and the hash of the request; none for a refund by policy.
    pub request: Option<(&'a str, &'a [u8])>,
    /// From when it may be sent.
    pub submit_at: DateTime<Utc>,
}

/// Writes a new refund, which holds its sum from then on. Tells whether it was written: a key that
/// is taken, or a payment that policy gives back already, leaves everything as it is.
///
/// # Errors
/// `Conflict` on a check of `refund_balances` when the payment has less left, or all its refunds.
pub async fn insert(db: impl PgExecutor<'_>, new: &NewRefund<'_>, now: DateTime<Utc>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- refund_request.insert
        insert into refunds (id, order_id, transaction_id, out_refund_no, amount_fen, reason, cause, is_restocking,
            notify_url, request_key, request_hash, status, submit_at, next_check_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'created', $12, $12, $13, $13)
        on conflict do nothing",
        Uuid::from(new.id),
        Uuid::from(new.order_id),
        new.transaction_id.as_str(),
        new.out_refund_no.as_str(),
        new.amount_fen.get(),
        new.reason,
        new.cause,
        new.is_restocking,
        new.notify_url,
        new.request.map(|(key, _)| key),
        new.request.map(|(_, hash)| hash),
        new.submit_at,
        now,
    )
    .execute(db);
    Ok(query("refund_request.insert", statement).await?.rows_affected() == 1)
}

/// A refund as it stands in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRefund {
    /// The refund.
    pub id: RefundId,
    /// Its order.
    pub order_id: OrderId,
    /// The payment that it gives back.
    pub transaction_id: TransactionId,
    /// Our number of it.
    pub out_refund_no: OutRefundNo,
    /// What goes back.
    pub amount_fen: Fen,
    /// What the payer reads, as the operator wrote it.
    pub reason: Option<String>,
    /// `operator` or `surplus`.
    pub cause: String,
    /// Whether the order's stock goes back when it succeeds.
    pub is_restocking: bool,
    /// Where it stands.
    pub status: RefundStatus,
    /// WeChat's number of it, once known.
    pub refund_id: Option<WechatRefundId>,
    /// WeChat's code when it refused last, or why it did not come about.
    pub failure_code: Option<String>,
    /// From when it may be sent.
    pub submit_at: DateTime<Utc>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the payer had the money.
    pub succeeded_at: Option<DateTime<Utc>>,
}

struct StoredRow {
    id: Uuid,
    order_id: Uuid,
    transaction_id: String,
    out_refund_no: String,
    amount_fen: i64,
    reason: Option<String>,
    cause: String,
    is_restocking: bool,
    status: String,
    refund_id: Option<String>,
    failure_code: Option<String>,
    submit_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    succeeded_at: Option<DateTime<Utc>>,
    request_hash: Option<Vec<u8>>,
}

impl StoredRow {
    fn stored(self) -> Option<(StoredRefund, Vec<u8>)> {
        let stored = StoredRefund {
            id: self.id.into(),
            order_id: self.order_id.into(),
            transaction_id: TransactionId::parse(self.transaction_id).ok()?,
            out_refund_no: OutRefundNo::parse(self.out_refund_no).ok()?,
            amount_fen: Fen::new(self.amount_fen).ok()?,
            reason: self.reason,
            cause: self.cause,
            is_restocking: self.is_restocking,
            status: RefundStatus::parse(&self.status)?,
            refund_id: self.refund_id.map(WechatRefundId::parse).transpose().ok()?,
            failure_code: self.failure_code,
            submit_at: self.submit_at,
            created_at: self.created_at,
            succeeded_at: self.succeeded_at,
        };
        Some((stored, self.request_hash.unwrap_or_default()))
    }
}

/// One refund.
pub async fn find(db: impl PgExecutor<'_>, id: RefundId) -> Result<Option<StoredRefund>, Error> {
    let statement = sqlx::query_as!(
        StoredRow,
        "-- refund_request.find
        select id, order_id, transaction_id, out_refund_no, amount_fen, reason, cause, is_restocking, status, refund_id,
            failure_code, submit_at, created_at, succeeded_at, request_hash
        from refunds where id = $1",
        Uuid::from(id),
    )
    .fetch_optional(db);
    let row = query("refund_request.find", statement).await?;
    row.map(|row| row.stored().map(|(stored, _)| stored).ok_or_else(inconsistent))
        .transpose()
}

/// The refund that an idempotency key made, with the hash of the request that came with it.
pub async fn find_by_key(
    db: impl PgExecutor<'_>,
    key: &str,
) -> Result<Option<(StoredRefund, Vec<u8>)>, Error> {
    let statement = sqlx::query_as!(
        StoredRow,
        "-- refund_request.find_by_key
        select id, order_id, transaction_id, out_refund_no, amount_fen, reason, cause, is_restocking, status, refund_id,
            failure_code, submit_at, created_at, succeeded_at, request_hash
        from refunds where request_key = $1",
        key,
    )
    .fetch_optional(db);
    let row = query("refund_request.find_by_key", statement).await?;
    row.map(|row| row.stored().ok_or_else(inconsistent)).transpose()
}

/// A payment that its order did not want, and that policy has not begun to give back.
#[derive(Clone, Debug)]
pub struct Unreturned {
    /// WeChat's number of it.
    pub transaction_id: TransactionId,
    /// Its order.
    pub order_id: OrderId,
    /// What is left of it to give back.
    pub left_fen: Fen,
}

/// Up to `limit` payments that no order wants and that policy has not begun to give back.
pub async fn list_unreturned(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Unreturned>, Error> {
    let statement = sqlx::query!(
        r#"-- refund_request.list_unreturned
        select p.transaction_id, p.order_id, p.total_fen - coalesce(b.reserved_fen, 0) as "left_fen!"
        from payments p left join refund_balances b on b.transaction_id = p.transaction_id
        where p.is_surplus and coalesce(b.reserved_fen, 0) < p.total_fen
            and not exists (select from refunds r where r.transaction_id = p.transaction_id and r.cause = 'surplus')
        order by p.transaction_id
        limit $1"#,
        limit,
    )
    .fetch_all(db);
    query("refund_request.list_unreturned", statement)
        .await?
        .into_iter()
        .map(|row| {
            Ok(Unreturned {
                transaction_id: TransactionId::parse(row.transaction_id).map_err(|_| inconsistent())?,
                order_id: row.order_id.into(),
                left_fen: Fen::new(row.left_fen).map_err(|_| inconsistent())?,
            })
        })
        .collect()
}
