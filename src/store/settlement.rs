//! Writing down money that landed.
//!
//! The order is locked before its attempt, everywhere, so that no two transactions wait for each
//! other.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::notification::NewDelivery;
use super::statement::query;
use crate::domain::attempt::AttemptState;
use crate::domain::id::{AttemptId, OrderId};
use crate::domain::name::{AppId, MchId, TransactionId};
use crate::domain::order::OrderStatus;
use crate::domain::settlement::{Expectation, LandedPayment};

/// Settles the ordinary case in one statement: records the delivery, the payment and the event and
/// moves attempt and order, if and only if everything agrees and both still wait. Gives the order,
/// or nothing where anything differs; nothing is written then and the caller decides under lock.
/// `is_told` says whether the event is told on.
///
/// The states and comparisons here are those for which `domain::settlement::decide` says `Settle`,
/// as long as the attempt is open: while it is, no other is, and nothing more is to be done. A test
/// holds the two together.
pub async fn settle_expected(
    db: impl PgExecutor<'_>,
    landed: &LandedPayment,
    delivery: &NewDelivery<'_>,
    event_id: Uuid,
    is_told: bool,
) -> Result<Option<(OrderId, AttemptId)>, Error> {
    let statement = sqlx::query!(
        r#"-- settlement.settle_expected
        with wanted as materialized (
            select orders.id as order_id, payment_attempts.id as attempt_id
            from orders join payment_attempts on payment_attempts.order_id = orders.id
            where payment_attempts.out_trade_no = $1
                and payment_attempts.state in ('created', 'unknown', 'prepaid')
                and payment_attempts.app_id = $2 and payment_attempts.mch_id = $3
                and payment_attempts.total_fen = $4 and payment_attempts.currency = $5
                and orders.status = 'awaiting_payment'
            for no key update of orders, payment_attempts
        ), delivery as (
            insert into notifications (id, notify_id, received_at, wechat_timestamp, wechat_nonce, wechat_serial,
                wechat_signature, body, verdict, order_id, attempt_id, event_id)
            select $6, $7, $8, $9, $10, $11, $12, $13, 'settled', order_id, attempt_id, $17 from wanted
        ), payment as (
            insert into payments (transaction_id, attempt_id, order_id, total_fen, currency, payer_openid, is_surplus,
                source, success_at, recorded_at)
            select $14, attempt_id, order_id, $4, $5, $15, false, 'notification', $16, $8 from wanted
        ), attempt as (
            update payment_attempts set state = 'settled', transaction_id = $14, lease_token = null, lease_until = null,
                next_check_at = null, updated_at = $8
            from wanted where payment_attempts.id = wanted.attempt_id
        ), paid as (
            update orders set status = 'paid', paid_at = $16, updated_at = $8
            from wanted where orders.id = wanted.order_id
        ), event as (
            insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
            select $17, 'order.paid', order_id, 'awaiting_payment', 'paid', 'notification', $8 from wanted
            returning id, order_id, sequence
        ), told as (
            insert into event_deliveries (event_id, order_id, sequence, state, attempts, due_at)
            select id, order_id, sequence, 'pending', 0, $8 from event where $18
        )
        select order_id, attempt_id from wanted"#,
        landed.out_trade_no.as_str(),
        landed.app_id.as_str(),
        landed.mch_id.as_str(),
        landed.total_fen,
        landed.currency,
        Uuid::from(delivery.id),
        delivery.notify_id,
        delivery.received_at,
        delivery.timestamp,
        delivery.nonce,
        delivery.serial,
        delivery.signature,
        delivery.body,
        landed.transaction_id.as_str(),
        landed.payer.as_ref().map(crate::domain::name::OpenId::as_str),
        landed.success_at,
        event_id,
        is_told,
    )
    .fetch_optional(db);
    let row = query("settlement.settle_expected", statement).await?;
    Ok(row.map(|row| (row.order_id.into(), row.attempt_id.into())))
}

/// An attempt with its order, both locked.
#[derive(Debug)]
pub struct LockedAttempt {
    /// The order.
    pub order_id: OrderId,
    /// The attempt.
    pub attempt_id: AttemptId,
    /// What our books expect of it.
    pub expected: Expectation,
    /// Whether the payment that landed stands in the books already, through another attempt.
    pub is_payment_known_elsewhere: bool,
}

/// Locks the order and then the attempt that a landed payment names.
pub async fn lock_attempt(
    db: &mut PgConnection,
    landed: &LandedPayment,
) -> Result<Option<LockedAttempt>, Error> {
    let statement = sqlx::query!(
        r#"-- settlement.lock_attempt
        select orders.id as order_id, orders.status, payment_attempts.id as attempt_id, payment_attempts.app_id,
            payment_attempts.mch_id, payment_attempts.total_fen, payment_attempts.currency, payment_attempts.state,
            payment_attempts.transaction_id,
            exists (select from payments where payments.transaction_id = $2
                and payments.attempt_id <> payment_attempts.id) as "is_payment_known_elsewhere!"
        from orders join payment_attempts on payment_attempts.order_id = orders.id
        where payment_attempts.out_trade_no = $1
        for no key update of orders, payment_attempts"#,
        landed.out_trade_no.as_str(),
        landed.transaction_id.as_str(),
    )
    .fetch_optional(db);
    let Some(row) = query("settlement.lock_attempt", statement).await? else {
        return Ok(None);
    };
    let inconsistent = || Error::Inconsistent {
        table: "payment_attempts",
    };
    Ok(Some(LockedAttempt {
        order_id: row.order_id.into(),
        attempt_id: row.attempt_id.into(),
        expected: Expectation {
            app_id: AppId::parse(row.app_id).map_err(|_| inconsistent())?,
            mch_id: MchId::parse(row.mch_id).map_err(|_| inconsistent())?,
            total_fen: row.total_fen,
            currency: row.currency,
            state: AttemptState::parse(&row.state).ok_or_else(inconsistent)?,
            transaction_id: row
                .transaction_id
                .map(TransactionId::parse)
                .transpose()
                .map_err(|_| inconsistent())?,
            order_status: OrderStatus::parse(&row.status).ok_or_else(inconsistent)?,
        },
        is_payment_known_elsewhere: row.is_payment_known_elsewhere,
    }))
}

/// Writes the payment of a locked attempt and moves the attempt; `is_surplus` says that the order
/// does not want the money.
pub async fn insert_payment(
    db: &mut PgConnection,
    locked: &LockedAttempt,
    landed: &LandedPayment,
    is_surplus: bool,
    source: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let to = if is_surplus {
        AttemptState::Surplus
    } else {
        AttemptState::Settled
    };
    let statement = sqlx::query!(
        "-- settlement.insert_payment
        with payment as (
            insert into payments (transaction_id, attempt_id, order_id, total_fen, currency, payer_openid, is_surplus,
                source, success_at, recorded_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        )
        update payment_attempts set state = $11, transaction_id = $1, lease_token = null, lease_until = null,
            next_check_at = null, updated_at = $10
        where id = $2",
        landed.transaction_id.as_str(),
        Uuid::from(locked.attempt_id),
        Uuid::from(locked.order_id),
        landed.total_fen,
        landed.currency,
        landed.payer.as_ref().map(crate::domain::name::OpenId::as_str),
        is_surplus,
        source,
        landed.success_at,
        now,
        to.as_str(),
    )
    .execute(db);
    query("settlement.insert_payment", statement).await?;
    Ok(())
}

/// Moves an order that awaits payment to paid; tells whether it did.
pub async fn update_paid(
    db: &mut PgConnection,
    order_id: OrderId,
    paid_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- settlement.update_paid
        update orders set status = 'paid', paid_at = $2, updated_at = $3 where id = $1 and status = 'awaiting_payment'",
        Uuid::from(order_id),
        paid_at,
        now,
    )
    .execute(db);
    Ok(query("settlement.update_paid", statement).await?.rows_affected() == 1)
}
