//! Refunds that are due: who is asking WeChat about them, and when they are looked at next.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::fen::Fen;
use crate::domain::id::{OrderId, RefundId};
use crate::domain::name::{MchId, OutRefundNo, TransactionId};
use crate::domain::planned;
use crate::domain::refund::{RefundStatus, SUBMIT_GAP};

/// The advisory lock of claims: `weir_ref`.
pub const CLAIM_LOCK: i64 = 0x7765_6972_5f72_6566;

fn inconsistent() -> Error {
    Error::Inconsistent { table: "refunds" }
}

/// A refund that WeChat is to be asked to make, or about.
#[derive(Clone, Debug)]
pub struct DueRefund {
    /// The refund.
    pub id: RefundId,
    /// Its order.
    pub order_id: OrderId,
    /// The payment that it gives back.
    pub transaction_id: TransactionId,
    /// The merchant that took it, and whom alone WeChat lets give it back.
    pub mch_id: MchId,
    /// Our number of it.
    pub out_refund_no: OutRefundNo,
    /// What goes back.
    pub amount_fen: Fen,
    /// What was paid.
    pub total_fen: Fen,
    /// What the payer reads, as the operator wrote it.
    pub reason: Option<String>,
    /// Where the notice goes.
    pub notify_url: String,
    /// Where it stands.
    pub status: RefundStatus,
    /// Whether WeChat may have it already: it was about to be sent before.
    pub is_tried: bool,
    /// When it was last sent without an answer to believe, before this lease.
    pub unanswered_at: Option<DateTime<Utc>>,
    /// How often it was looked at since the last news.
    pub checks: i32,
}

struct DueRow {
    id: Uuid,
    order_id: Uuid,
    transaction_id: String,
    mch_id: String,
    out_refund_no: String,
    amount_fen: i64,
    total_fen: i64,
    reason: Option<String>,
    notify_url: String,
    status: String,
    is_tried: bool,
    unanswered_at: Option<DateTime<Utc>>,
    checks: i32,
}

impl DueRow {
    fn due(self) -> Option<DueRefund> {
        Some(DueRefund {
            id: self.id.into(),
            order_id: self.order_id.into(),
            transaction_id: TransactionId::parse(self.transaction_id).ok()?,
            mch_id: MchId::parse(self.mch_id).ok()?,
            out_refund_no: OutRefundNo::parse(self.out_refund_no).ok()?,
            amount_fen: Fen::new(self.amount_fen).ok()?,
            total_fen: Fen::new(self.total_fen).ok()?,
            reason: self.reason,
            notify_url: self.notify_url,
            status: RefundStatus::parse(&self.status)?,
            is_tried: self.is_tried,
            unanswered_at: self.unanswered_at,
            checks: self.checks,
        })
    }
}

/// Waits until nobody else claims refunds, and keeps it so until the transaction ends: what a claim reads of
/// the other refunds of a payment must be the newest.
pub async fn lock_claims(db: &mut PgConnection) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund_due.lock_claims
        select pg_advisory_xact_lock($1)",
        CLAIM_LOCK,
    )
    .execute(db);
    query("refund_due.lock_claims", statement).await?;
    Ok(())
}

/// Takes a lease on up to `limit` refunds that are due and in nobody's hands, the longest due first, either of those
/// that wait for a refusal to pass (`is_refused`) or of the others,
/// and notes that those that WeChat has not taken are about to be sent: from then on it may have them, and
/// until the lease is given back with another word it counts as sent without an answer.
///
/// Of these it takes one for each payment, and none while another of the payment may have been sent less than
/// `SUBMIT_GAP` ago: what was planned a minute apart is due together after a standstill. What was sent in times that
/// are still to come does not count: that clock has been set back. Claims must be locked.
pub async fn claim(
    db: &mut PgConnection,
    lease_token: Uuid,
    lease_until: DateTime<Utc>,
    (is_refused, limit): (bool, i64),
    now: DateTime<Utc>,
) -> Result<Vec<DueRefund>, Error> {
    let statement = sqlx::query_as!(
        DueRow,
        r#"-- refund_due.claim
        with due as materialized (
            select id, tried_at is not null as is_tried, unanswered_at from refunds r
            where next_check_at <= $3 and (lease_until is null or lease_until <= $3)
                and (status = 'created' and failure_code is not null) = $7
                and (status <> 'created' or not exists (
                    select from refunds s
                    where s.transaction_id = r.transaction_id and s.id <> r.id
                        and ((s.tried_at > $5 and s.tried_at <= $6)
                        or (s.status = 'created' and s.next_check_at <= $3 and (s.lease_until is null or s.lease_until <= $3)
                            and (s.next_check_at, s.id) < (r.next_check_at, r.id)
                            and (r.tried_at is null or r.tried_at <= $5)))))
            order by next_check_at
            limit $4
            for update skip locked
        )
        update refunds r set lease_token = $1, lease_until = $2,
            tried_at = case when r.status = 'created' then $3 else r.tried_at end,
            unanswered_at = case when r.status = 'created' then $3 else r.unanswered_at end
        from due, payments p, payment_attempts a
        where r.id = due.id and p.transaction_id = r.transaction_id and a.id = p.attempt_id
        returning r.id, r.order_id, r.transaction_id, a.mch_id, r.out_refund_no, r.amount_fen, p.total_fen, r.reason,
            r.notify_url, r.status, due.is_tried as "is_tried!", due.unanswered_at, r.checks"#,
        lease_token,
        lease_until,
        now,
        limit,
        now - SUBMIT_GAP,
        now + planned::CLOCKS_DIFFER,
        is_refused,
    )
    .fetch_all(db);
    let rows = query("refund_due.claim", statement).await?;
    rows.into_iter()
        .map(|row| row.due().ok_or_else(inconsistent))
        .collect()
}

/// Takes a lease on a refund that WeChat has not taken yet, unless somebody has it in hand; none: it has moved
/// on, or is in hand.
pub async fn claim_untaken(
    db: impl PgExecutor<'_>,
    number: &OutRefundNo,
    (lease_token, lease_until): (Uuid, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<Option<DueRefund>, Error> {
    let statement = sqlx::query_as!(
        DueRow,
        r#"-- refund_due.claim_untaken
        update refunds r set lease_token = $2, lease_until = $3
        from payments p, payment_attempts a
        where r.out_refund_no = $1 and r.status = 'created' and (r.lease_until is null or r.lease_until <= $4)
            and p.transaction_id = r.transaction_id and a.id = p.attempt_id
        returning r.id, r.order_id, r.transaction_id, a.mch_id, r.out_refund_no, r.amount_fen, p.total_fen, r.reason,
            r.notify_url, r.status, r.tried_at is not null as "is_tried!", r.unanswered_at, r.checks"#,
        number.as_str(),
        lease_token,
        lease_until,
        now,
    )
    .fetch_optional(db);
    let row = query("refund_due.claim_untaken", statement).await?;
    row.map(|row| row.due().ok_or_else(inconsistent)).transpose()
}

/// Whether WeChat has not taken the refund of this number yet.
pub async fn is_untaken(db: impl PgExecutor<'_>, number: &OutRefundNo) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- refund_due.is_untaken
        select exists (select from refunds where out_refund_no = $1 and status = 'created') as "is_untaken!""#,
        number.as_str(),
    )
    .fetch_one(db);
    Ok(query("refund_due.is_untaken", statement).await?)
}

/// Notes that a refund is sent now, if it is in the hands of `lease_token` and will be until `needed_until`. Tells
/// whether it is.
pub async fn update_sending(
    db: impl PgExecutor<'_>,
    id: RefundId,
    lease_token: Uuid,
    now: DateTime<Utc>,
    needed_until: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- refund_due.update_sending
        update refunds set unanswered_at = $3 where id = $1 and lease_token = $2 and lease_until >= $4",
        Uuid::from(id),
        lease_token,
        now,
        needed_until,
    )
    .execute(db);
    let done = query("refund_due.update_sending", statement).await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a lease back and changes nothing else.
pub async fn release(db: impl PgExecutor<'_>, id: RefundId, lease_token: Uuid) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund_due.release
        update refunds set lease_token = null, lease_until = null where id = $1 and lease_token = $2",
        Uuid::from(id),
        lease_token,
    )
    .execute(db);
    query("refund_due.release", statement).await?;
    Ok(())
}

/// When a refund is looked at next, and what is known meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Postponement<'a> {
    /// When.
    pub next_check_at: DateTime<Utc>,
    /// How often it was looked at since the last news.
    pub checks: i32,
    /// When it was last sent without an answer to believe.
    pub unanswered_at: Option<DateTime<Utc>>,
    /// WeChat's code, where it refused for now; none keeps the one that is known.
    pub failure_code: Option<&'a str>,
}

/// Gives a lease back without news; `updated_at` stays, which tells when it came to stand where it stands. Does
/// nothing where the refund moved meanwhile, or the lease ran
/// out and somebody else has it.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    id: RefundId,
    lease_token: Uuid,
    to: Postponement<'_>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund_due.postpone
        update refunds set lease_token = null, lease_until = null, next_check_at = $3, checks = $4,
            failure_code = coalesce($5, failure_code), unanswered_at = $6
        where id = $1 and lease_token = $2 and status in ('created', 'processing', 'abnormal')",
        Uuid::from(id),
        lease_token,
        to.next_check_at,
        to.checks,
        to.failure_code,
        to.unanswered_at,
    )
    .execute(db);
    query("refund_due.postpone", statement).await?;
    Ok(())
}
