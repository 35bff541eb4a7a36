//! Payment attempts.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use super::wechat_call::EndedCall;
use crate::domain::attempt::AttemptState;
use crate::domain::fen::Fen;
use crate::domain::id::{AttemptId, OrderId, UserId};
use crate::domain::name::{AppId, MchId, OpenId, OutTradeNo};
use crate::domain::order::OrderStatus;
use crate::domain::schedule;

/// An order that somebody wants to pay, with its open attempt if it has one.
#[derive(Clone, Debug)]
pub struct Payable {
    /// Where the order stands.
    pub status: OrderStatus,
    /// When it is closed if it is still unpaid.
    pub expires_at: DateTime<Utc>,
    /// Its mini program.
    pub app_id: AppId,
    /// Who pays.
    pub openid: OpenId,
    /// What it costs.
    pub total_fen: Fen,
    /// What the payer reads in WeChat.
    pub description: String,
    /// The open attempt.
    pub attempt: Option<OpenAttempt>,
    /// Whether this very statement made the attempt.
    pub is_new: bool,
}

/// An attempt through which money may still come.
#[derive(Clone, Debug)]
pub struct OpenAttempt {
    /// The attempt.
    pub id: AttemptId,
    /// Its number at WeChat.
    pub out_trade_no: OutTradeNo,
    /// The merchant who is paid.
    pub mch_id: MchId,
    /// Where it stands.
    pub state: AttemptState,
    /// The signed parameters, as JSON.
    pub request_payment: Option<String>,
    /// When WeChat gave the prepay id.
    pub prepaid_at: Option<DateTime<Utc>>,
    /// Until when somebody else is asking WeChat.
    pub lease_until: Option<DateTime<Utc>>,
    /// When the attempt was begun.
    pub created_at: DateTime<Utc>,
    /// When WeChat is asked about it next.
    pub next_check_at: Option<DateTime<Utc>>,
}

/// The attempt that is made if the order may be paid and has none open.
#[derive(Clone, Debug)]
pub struct NewAttempt<'a> {
    /// The attempt.
    pub id: AttemptId,
    /// Its number at WeChat.
    pub out_trade_no: &'a OutTradeNo,
    /// The merchant.
    pub mch_id: &'a MchId,
    /// Who is going to ask WeChat.
    pub lease_token: Uuid,
    /// Until when that one may be waited for.
    pub lease_until: DateTime<Utc>,
}

struct PayableRow {
    status: String,
    expires_at: DateTime<Utc>,
    app_id: String,
    openid: String,
    total_fen: i64,
    description: String,
    attempt_id: Option<Uuid>,
    out_trade_no: Option<String>,
    mch_id: Option<String>,
    state: Option<String>,
    request_payment: Option<String>,
    prepaid_at: Option<DateTime<Utc>>,
    lease_until: Option<DateTime<Utc>>,
    attempt_created_at: Option<DateTime<Utc>>,
    next_check_at: Option<DateTime<Utc>>,
    is_new: bool,
}

impl PayableRow {
    fn payable(self) -> Option<Payable> {
        let attempt = match self.attempt_id {
            Some(id) => Some(OpenAttempt {
                id: id.into(),
                out_trade_no: OutTradeNo::parse(self.out_trade_no?).ok()?,
                mch_id: MchId::parse(self.mch_id?).ok()?,
                state: AttemptState::parse(&self.state?)?,
                request_payment: self.request_payment,
                prepaid_at: self.prepaid_at,
                lease_until: self.lease_until,
                created_at: self.attempt_created_at?,
                next_check_at: self.next_check_at,
            }),
            None => None,
        };
        Some(Payable {
            status: OrderStatus::parse(&self.status)?,
            expires_at: self.expires_at,
            app_id: AppId::parse(self.app_id).ok()?,
            openid: OpenId::parse(self.openid).ok()?,
            total_fen: Fen::new(self.total_fen).ok()?,
            description: self.description,
            attempt,
            is_new: self.is_new,
        })
    }
}

/// Finds a user's order with its open attempt; makes one, under lease, where the order may be paid
/// and has none. One statement, so that the intent is durable after one round trip.
///
/// # Errors
/// `Conflict` on `payment_attempts_one_open_key` when another request made the attempt meanwhile:
/// the same call then finds it.
pub async fn begin(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
    user_id: UserId,
    new: &NewAttempt<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Payable>, Error> {
    let statement = sqlx::query_as!(
        PayableRow,
        r#"-- attempt.begin
        with wanted as materialized (
            select id, status, expires_at, app_id, openid, total_fen, currency, description
            from orders where id = $1 and user_id = $2
            for no key update
        ), open as materialized (
            select a.* from payment_attempts a join wanted on wanted.id = a.order_id
            where a.state in ('created', 'unknown', 'prepaid')
        ), made as (
            insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state,
                lease_token, lease_until, next_check_at, created_at, updated_at)
            select $3, wanted.id, $4, wanted.app_id, $5, wanted.total_fen, wanted.currency, 'created', $6, $7, $7, $8, $8
            from wanted
            where wanted.status = 'awaiting_payment' and wanted.expires_at > $8 and not exists (select from open)
            returning *
        ), attempt as (
            select *, false as is_new from open union all select *, true from made
        )
        select w.status as "status!", w.expires_at as "expires_at!", w.app_id as "app_id!", w.openid as "openid!",
            w.total_fen as "total_fen!", w.description as "description!",
            a.id as "attempt_id?", a.out_trade_no as "out_trade_no?", a.mch_id as "mch_id?", a.state as "state?",
            a.request_payment as "request_payment?", a.prepaid_at as "prepaid_at?", a.lease_until as "lease_until?",
            a.created_at as "attempt_created_at?", a.next_check_at as "next_check_at?", coalesce(a.is_new, false) as "is_new!"
        from wanted w left join attempt a on a.order_id = w.id"#,
        Uuid::from(order_id),
        Uuid::from(user_id),
        Uuid::from(new.id),
        new.out_trade_no.as_str(),
        new.mch_id.as_str(),
        new.lease_token,
        new.lease_until,
        now,
    )
    .fetch_optional(db);
    let Some(row) = query("attempt.begin", statement).await? else {
        return Ok(None);
    };
    row.payable().map(Some).ok_or(Error::Inconsistent {
        table: "payment_attempts",
    })
}

/// An attempt in the hands of one request.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Whose hands.
    pub token: Uuid,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// Takes the lease on an open attempt if nobody holds it, and if the attempt is still as it was
/// seen: whoever held it meanwhile may have got what is wanted now. Tells whether it was taken.
pub async fn claim(
    db: impl PgExecutor<'_>,
    id: AttemptId,
    seen: (AttemptState, Option<DateTime<Utc>>),
    lease: Lease,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let (state, prepaid_at) = seen;
    let statement = sqlx::query!(
        "-- attempt.claim
        update payment_attempts set lease_token = $2, lease_until = $3
        where id = $1 and state in ('created', 'unknown', 'prepaid') and (lease_until is null or lease_until <= $4)
            and state = $5 and prepaid_at is not distinct from $6",
        Uuid::from(id),
        lease.token,
        lease.until,
        now,
        state.as_str(),
        prepaid_at,
    )
    .execute(db);
    Ok(query("attempt.claim", statement).await?.rows_affected() == 1)
}

/// The outcome of asking WeChat for a prepay id, written under the lease.
#[derive(Clone, Debug)]
pub struct PrepayOutcome<'a> {
    /// The state from which the machine came.
    pub from: AttemptState,
    /// The state to which it goes.
    pub to: AttemptState,
    /// The signed parameters as JSON, when WeChat gave a prepay id.
    pub request_payment: Option<&'a str>,
    /// WeChat's code, when it refused for good.
    pub failure_code: Option<&'a str>,
    /// How the call ended, for the timeline.
    pub call: Option<EndedCall<'a>>,
}

/// Writes the outcome and gives the lease back. Tells whether the lease still held and the state
/// was still the one it came from.
///
/// It may be payable from now on, and is asked about after [`schedule::FIRST`]; but one that failed
/// never was there, or nobody has its prepay id.
pub async fn finish(
    db: impl PgExecutor<'_>,
    id: AttemptId,
    token: Uuid,
    outcome: &PrepayOutcome<'_>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- attempt.finish
        with call as (
            insert into wechat_calls as c (order_id, number, api, outcome, calls, first_at, last_at, last_request_id)
            select order_id, out_trade_no, $9, $10, 1, $6, $6, $11 from payment_attempts where id = $1 and $9::text is not null
            on conflict on constraint wechat_calls_pkey do update
                set calls = c.calls + 1, last_at = excluded.last_at,
                    last_request_id = coalesce(excluded.last_request_id, c.last_request_id)
        )
        update payment_attempts set
            state = $4,
            request_payment = coalesce($5, request_payment),
            prepaid_at = case when $5::text is null then prepaid_at else $6 end,
            failure_code = $7,
            next_check_at = case when $4 <> 'failed' then $8::timestamptz end,
            checks = 0,
            lease_token = null,
            lease_until = null,
            updated_at = $6
        where id = $1 and lease_token = $2 and state = $3",
        Uuid::from(id),
        token,
        outcome.from.as_str(),
        outcome.to.as_str(),
        outcome.request_payment,
        now,
        outcome.failure_code,
        now + schedule::FIRST,
        outcome.call.map(|call| call.api),
        outcome.call.map(|call| call.outcome),
        outcome.call.and_then(|call| call.request_id),
    )
    .execute(db);
    Ok(query("attempt.finish", statement).await?.rows_affected() == 1)
}

/// Gives a lease back, if it still holds. `is_prepay_kept` says whether the prepay id may be handed
/// out again; where it may be dead it is forgotten, and the next request asks for another.
pub async fn release(
    db: impl PgExecutor<'_>,
    id: AttemptId,
    token: Uuid,
    is_prepay_kept: bool,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- attempt.release
        update payment_attempts set
            lease_token = null,
            lease_until = null,
            request_payment = case when $3 then request_payment end,
            prepaid_at = case when $3 then prepaid_at end
        where id = $1 and lease_token = $2",
        Uuid::from(id),
        token,
        is_prepay_kept,
    )
    .execute(db);
    query("attempt.release", statement).await?;
    Ok(())
}

/// An attempt through which money may come or may have come without our knowledge.
#[derive(Clone, Debug)]
pub struct Askable {
    /// The attempt.
    pub id: AttemptId,
    /// Its number at WeChat.
    pub out_trade_no: OutTradeNo,
    /// The merchant who is paid, and who alone can ask about it.
    pub mch_id: MchId,
    /// Where it stands.
    pub state: AttemptState,
    /// When WeChat gave the prepay id.
    pub prepaid_at: Option<DateTime<Utc>>,
    /// The lease under which it is asked about, if it is held by whoever asks.
    pub lease_token: Option<Uuid>,
}

/// Moves an open attempt on what a query or a close at WeChat told. Tells whether it was still in
/// the state it comes from, and not in the hands of somebody else: whoever holds the lease is
/// asking WeChat, and what was heard before may be outdated by the answer.
///
/// One that ends here is asked about once more, after [`schedule::AFTER_CLOSE`].
pub async fn update_state(
    db: impl PgExecutor<'_>,
    attempt: &Askable,
    to: AttemptState,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- attempt.update_state
        update payment_attempts set state = $3, updated_at = $4,
            next_check_at = case when $3 = 'closed' then $6 else next_check_at end,
            checks = case when $3 = 'closed' then 0 else checks end
        where id = $1 and state = $2 and (lease_until is null or lease_until <= $4 or lease_token = $5)",
        Uuid::from(attempt.id),
        attempt.state.as_str(),
        to.as_str(),
        now,
        attempt.lease_token,
        now + schedule::AFTER_CLOSE,
    )
    .execute(db);
    Ok(query("attempt.update_state", statement).await?.rows_affected() == 1)
}

/// The open attempt of an order.
pub async fn find_open(db: impl PgExecutor<'_>, order_id: OrderId) -> Result<Option<Askable>, Error> {
    let statement = sqlx::query!(
        "-- attempt.find_open
        select id, out_trade_no, mch_id, state, prepaid_at from payment_attempts
        where order_id = $1 and state in ('created', 'unknown', 'prepaid')",
        Uuid::from(order_id),
    )
    .fetch_optional(db);
    let Some(row) = query("attempt.find_open", statement).await? else {
        return Ok(None);
    };
    let inconsistent = || Error::Inconsistent {
        table: "payment_attempts",
    };
    Ok(Some(Askable {
        id: row.id.into(),
        out_trade_no: OutTradeNo::parse(row.out_trade_no).map_err(|_| inconsistent())?,
        mch_id: MchId::parse(row.mch_id).map_err(|_| inconsistent())?,
        state: AttemptState::parse(&row.state).ok_or_else(inconsistent)?,
        prepaid_at: row.prepaid_at,
        lease_token: None,
    }))
}

/// Locks an order by its id and tells where it stands.
pub async fn lock_order(db: &mut PgConnection, id: OrderId) -> Result<Option<OrderStatus>, Error> {
    let statement = sqlx::query_scalar!(
        "-- attempt.lock_order
        select status from orders where id = $1 for no key update",
        Uuid::from(id),
    )
    .fetch_optional(db);
    query("attempt.lock_order", statement)
        .await?
        .map(|status| OrderStatus::parse(&status).ok_or(Error::Inconsistent { table: "orders" }))
        .transpose()
}
