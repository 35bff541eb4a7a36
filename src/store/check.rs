//! Payment attempts that WeChat is to be asked about: which are due, who asks, and when again.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::attempt::{Askable, Lease};
use super::statement::query;
use crate::domain::attempt::AttemptState;
use crate::domain::id::{AttemptId, OrderId};
use crate::domain::name::{MchId, OutTradeNo};
use crate::domain::order::OrderStatus;

/// An attempt that is due, in the hands of whoever claimed it.
#[derive(Clone, Debug)]
pub struct DueAttempt {
    /// The attempt, under the lease.
    pub attempt: Askable,
    /// Its order.
    pub order_id: OrderId,
    /// Where its order stands.
    pub order_status: OrderStatus,
    /// How often WeChat was asked since the last news.
    pub checks: i32,
    /// When it was due.
    pub due_at: DateTime<Utc>,
}

/// Claims up to `limit` attempts that are due and in nobody's hands, the longest overdue first.
pub async fn claim(
    db: impl PgExecutor<'_>,
    lease: Lease,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<DueAttempt>, Error> {
    let statement = sqlx::query!(
        r#"-- check.claim
        with due as materialized (
            select id, next_check_at from payment_attempts
            where next_check_at <= $1 and state not in ('settled', 'surplus')
                and (lease_until is null or lease_until <= $1)
            order by next_check_at limit $2
            for no key update skip locked
        )
        update payment_attempts a set lease_token = $3, lease_until = $4
        from due, orders o
        where a.id = due.id and o.id = a.order_id
        returning a.id, a.order_id, a.out_trade_no, a.mch_id, a.state, a.prepaid_at, a.checks,
            due.next_check_at as "due_at!", o.status"#,
        now,
        limit,
        lease.token,
        lease.until,
    )
    .fetch_all(db);
    let inconsistent = || Error::Inconsistent {
        table: "payment_attempts",
    };
    query("check.claim", statement)
        .await?
        .into_iter()
        .map(|row| {
            Ok(DueAttempt {
                attempt: Askable {
                    id: row.id.into(),
                    out_trade_no: OutTradeNo::parse(row.out_trade_no).map_err(|_| inconsistent())?,
                    mch_id: MchId::parse(row.mch_id).map_err(|_| inconsistent())?,
                    state: AttemptState::parse(&row.state).ok_or_else(inconsistent)?,
                    prepaid_at: row.prepaid_at,
                    lease_token: Some(lease.token),
                },
                order_id: row.order_id.into(),
                order_status: OrderStatus::parse(&row.status).ok_or_else(inconsistent)?,
                checks: row.checks,
                due_at: row.due_at,
            })
        })
        .collect()
}

/// When WeChat is asked about an attempt again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextCheck {
    /// Then, after one question more without news.
    At(DateTime<Utc>),
    /// Never: its answer is final.
    Never,
    /// When it was decided together with what moved the attempt.
    AsDecided,
}

/// Writes when to ask again and gives the lease back. Does nothing where the lease does not hold any
/// more: somebody else decides then. Where another time was set while WeChat was being asked, since the order does
/// not want the money any more, that one stays.
pub async fn finish(
    db: impl PgExecutor<'_>,
    due: &DueAttempt,
    token: Uuid,
    next: NextCheck,
) -> Result<(), Error> {
    let (is_decided, at) = match next {
        NextCheck::At(at) => (false, Some(at)),
        NextCheck::Never => (false, None),
        NextCheck::AsDecided => (true, None),
    };
    let statement = sqlx::query!(
        "-- check.finish
        update payment_attempts set
            lease_token = null,
            lease_until = null,
            checks = case when $3 or next_check_at is distinct from $5 then checks else checks + 1 end,
            next_check_at = case when $3 or next_check_at is distinct from $5 then next_check_at else $4 end
        where id = $1 and lease_token = $2",
        Uuid::from(due.attempt.id),
        token,
        is_decided,
        at,
        due.due_at,
    )
    .execute(db);
    query("check.finish", statement).await?;
    Ok(())
}

/// When the next attempt becomes due that is in nobody's hands.
pub async fn find_next(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- check.find_next
        select next_check_at as "at!" from payment_attempts
        where next_check_at is not null and state not in ('settled', 'surplus')
            and (lease_until is null or lease_until <= $1)
        order by next_check_at limit 1"#,
        now,
    )
    .fetch_optional(db);
    Ok(query("check.find_next", statement).await?)
}

/// Begins the questions about a prepaid attempt anew, at `at`, unless it is asked about before.
pub async fn update_restarted(
    db: impl PgExecutor<'_>,
    id: AttemptId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- check.update_restarted
        update payment_attempts set next_check_at = $2, checks = 0
        where id = $1 and state = 'prepaid' and next_check_at > $2",
        Uuid::from(id),
        at,
    )
    .execute(db);
    query("check.update_restarted", statement).await?;
    Ok(())
}

/// Makes the open attempt of an order due now: the order does not want its money any more, and nobody
/// may pay it.
pub async fn update_unwanted(
    db: &mut PgConnection,
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- check.update_unwanted
        update payment_attempts set next_check_at = $2, checks = 0
        where order_id = $1 and state in ('created', 'unknown', 'prepaid')",
        Uuid::from(order_id),
        now,
    )
    .execute(db);
    query("check.update_unwanted", statement).await?;
    Ok(())
}

/// Has WeChat asked about attempts of a merchant that ended without money, since its bill says that money
/// came through them all the same.
pub async fn update_in_bill(
    db: &mut PgConnection,
    mch_id: &str,
    numbers: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- check.update_in_bill
        update payment_attempts set next_check_at = $3, checks = 0
        where out_trade_no = any($2) and mch_id = $1 and state in ('closed', 'failed')",
        mch_id,
        numbers,
        now,
    )
    .execute(db);
    query("check.update_in_bill", statement).await?;
    Ok(())
}
