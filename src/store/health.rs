//! Figures for the operator, all from one look at the database.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Error;
use super::statement::query;
use crate::domain::exception::{Concern, ExceptionKind};

/// What the database says about the shop and about itself.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Orders that wait for money.
    pub orders_awaiting: i64,
    /// Of those, the ones past their time.
    pub orders_overdue: i64,
    /// Of those, when the one that waits longest ran out of time.
    pub order_overdue_since: Option<DateTime<Utc>>,
    /// Attempts that WeChat is still to be asked about.
    pub attempts_unsettled: i64,
    /// When the question that is due longest was due.
    pub check_due_since: Option<DateTime<Utc>>,
    /// Attempts whose state at WeChat is not known.
    pub attempts_unknown: i64,
    /// Exceptions that nobody has resolved, by kind.
    pub exceptions_open: sqlx::types::Json<BTreeMap<String, i64>>,
    /// The newest day that was compared with WeChat's bills.
    pub reconciled_until: Option<chrono::NaiveDate>,
    /// Payments that must go back.
    pub surplus_payments: i64,
    /// Refunds on their way.
    pub refunds_open: i64,
    /// Of those, the ones that WeChat does not take yet.
    pub refunds_waiting: i64,
    /// Of those, the ones whose money WeChat cannot deliver, and that no human is done with.
    pub refunds_abnormal: i64,
    /// Of those, the ones that nobody has looked at for ten minutes since they were due.
    pub refunds_overdue: i64,
    /// Events written so far.
    pub events: i64,
    /// Of those, the ones that wait to be delivered, parked ones apart.
    pub events_pending: i64,
    /// When the oldest of those happened.
    pub event_pending_at: Option<DateTime<Utc>>,
    /// Events that wait for a human.
    pub events_parked: i64,
    /// When the newest message that WeChat pushed was taken, of those that are kept.
    pub push_newest_at: Option<DateTime<Utc>>,
    /// The database's clock.
    pub database_now: DateTime<Utc>,
    /// The server's version.
    pub server_version: String,
    /// Whether a commit waits for the disk.
    pub is_durable: bool,
    /// Whether it takes no writes.
    pub is_read_only: bool,
}

impl Figures {
    /// How many open exceptions there are of the kinds that belong to a concern.
    pub fn open_of(&self, concern: Concern) -> i64 {
        // A kind that this version does not know is most likely about money.
        let concern_of =
            |kind: &str| ExceptionKind::parse(kind).map_or(Concern::Orders, ExceptionKind::concern);
        let open = self.exceptions_open.iter();
        open.filter(|(kind, _)| concern_of(kind) == concern)
            .map(|(_, open)| open)
            .sum()
    }
}

/// Takes the figures.
pub async fn figures(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<Figures, Error> {
    let statement = sqlx::query_as!(
        Figures,
        r#"-- health.figures
        select
            (select count(*) from orders where status = 'awaiting_payment') as "orders_awaiting!",
            (select count(*) from orders where status = 'awaiting_payment' and expires_at <= $1) as "orders_overdue!",
            (select min(expires_at) from orders where status = 'awaiting_payment' and expires_at <= $1)
                as "order_overdue_since?",
            (select count(*) from payment_attempts
                where next_check_at is not null and state not in ('settled', 'surplus')) as "attempts_unsettled!",
            (select min(next_check_at) from payment_attempts
                where next_check_at <= $1 and state not in ('settled', 'surplus')) as "check_due_since?",
            (select count(*) from payment_attempts where state = 'unknown') as "attempts_unknown!",
            (select coalesce(jsonb_object_agg(kind, open), '{}')
             from (select kind, count(*) as open from exceptions where resolved_at is null group by kind) by_kind)
                as "exceptions_open!: sqlx::types::Json<BTreeMap<String, i64>>",
            (select max(bill_date) from reconciliations where status in ('balanced', 'differing')) as "reconciled_until?",
            (select count(*) from payments where is_surplus) as "surplus_payments!",
            (select count(*) from refunds where next_check_at is not null) as "refunds_open!",
            (select count(*) from refunds where next_check_at is not null and status = 'created'
                and failure_code is not null) as "refunds_waiting!",
            (select count(*) from refunds where next_check_at is not null and status = 'abnormal'
                and not exists (select from exceptions where kind = 'refund_abnormal' and subject = out_refund_no
                    and resolved_at is not null)) as "refunds_abnormal!",
            (select count(*) from refunds where next_check_at < $1::timestamptz - interval '10 minutes') as "refunds_overdue!",
            (select coalesce(max(sequence), 0) from events) as "events!",
            (select count(*) from event_deliveries where state = 'pending') as "events_pending!",
            least(
                (select occurred_at from events where sequence = (select min(sequence) from event_deliveries
                    where state = 'pending' and order_id is not null)),
                (select received_at from push_messages where sequence = (select min(sequence) from event_deliveries
                    where state = 'pending' and push_message_id is not null))) as "event_pending_at?",
            (select count(*) from event_deliveries where state = 'parked') as "events_parked!",
            (select max(received_at) from push_messages) as "push_newest_at?",
            clock_timestamp() as "database_now!",
            current_setting('server_version') as "server_version!",
            current_setting('synchronous_commit') <> 'off' and current_setting('fsync') = 'on' as "is_durable!",
            current_setting('transaction_read_only') = 'on' as "is_read_only!""#,
        now,
    )
    .fetch_one(db);
    Ok(query("health.figures", statement).await?)
}

/// Whether the database takes no writes: a standby takes none, nor one whose owner or whose full disk forbids them.
pub async fn is_read_only(db: impl PgExecutor<'_>) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- health.is_read_only
        select current_setting('transaction_read_only') = 'on' as "is_read_only!""#
    )
    .fetch_one(db);
    Ok(query("health.is_read_only", statement).await?)
}
