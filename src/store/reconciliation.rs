//! Runs of the comparison with WeChat's bills, and what they found.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::ReconciliationId;
use crate::domain::reconciliation::{ReconciliationStatus, Sequel};

/// A run.
#[derive(Clone, Debug)]
pub struct Reconciliation {
    /// The run.
    pub id: ReconciliationId,
    /// The day in China.
    pub bill_date: NaiveDate,
    /// Where it stands.
    pub status: ReconciliationStatus,
    /// How often it was tried since it was asked for last, as far as that counts.
    pub attempts: i32,
    /// From when it is tried again; nothing: it is finished.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    pub failure_code: Option<String>,
    /// Its figures.
    pub figures: Figures,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was finished.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The figures of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Payments in the trade bill, foreign ones included.
    pub payment_count: i64,
    /// Their sum, in fen.
    pub payment_fen: i64,
    /// Refunds in the trade bill, foreign ones included.
    pub refund_count: i64,
    /// Their sum, in fen.
    pub refund_fen: i64,
    /// Rows of the fund-flow bill.
    pub movement_count: i64,
    /// Rows of the trade bill that another system of the merchant made.
    pub foreign_count: i64,
    /// Their payments, in fen.
    pub foreign_fen: i64,
    /// Differences.
    pub difference_count: i64,
}

struct Row {
    id: Uuid,
    bill_date: NaiveDate,
    status: String,
    attempts: i32,
    next_try_at: Option<DateTime<Utc>>,
    failure_code: Option<String>,
    payment_count: i64,
    payment_fen: i64,
    refund_count: i64,
    refund_fen: i64,
    movement_count: i64,
    foreign_count: i64,
    foreign_fen: i64,
    difference_count: i64,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl Row {
    fn reconciliation(self) -> Result<Reconciliation, Error> {
        Ok(Reconciliation {
            id: self.id.into(),
            bill_date: self.bill_date,
            status: ReconciliationStatus::parse(&self.status).ok_or(Error::Inconsistent {
                table: "reconciliations",
            })?,
            attempts: self.attempts,
            next_try_at: self.next_try_at,
            failure_code: self.failure_code,
            figures: Figures {
                payment_count: self.payment_count,
                payment_fen: self.payment_fen,
                refund_count: self.refund_count,
                refund_fen: self.refund_fen,
                movement_count: self.movement_count,
                foreign_count: self.foreign_count,
                foreign_fen: self.foreign_fen,
                difference_count: self.difference_count,
            },
            created_at: self.created_at,
            finished_at: self.finished_at,
        })
    }
}

/// Begins a run of a day, or finds the one that is not finished and lets it be tried now, with all its tries
/// but the one in hand again: whoever asks often must not end it. Gives its id.
pub async fn open(
    db: impl PgExecutor<'_>,
    id: ReconciliationId,
    bill_date: NaiveDate,
    now: DateTime<Utc>,
) -> Result<ReconciliationId, Error> {
    let statement = sqlx::query_scalar!(
        "-- reconciliation.open
        insert into reconciliations (id, bill_date, status, attempts, next_try_at, payment_count, payment_fen, refund_count,
            refund_fen, movement_count, foreign_count, foreign_fen, difference_count, created_at, updated_at)
        values ($1, $2, 'running', 0, $3, 0, 0, 0, 0, 0, 0, 0, 0, $3, $3)
        on conflict (bill_date) where next_try_at is not null
        do update set next_try_at = least(reconciliations.next_try_at, excluded.next_try_at), status = 'running',
            attempts = case when reconciliations.lease_token is null then 0 else 1 end
        returning id",
        Uuid::from(id),
        bill_date,
        now,
    )
    .fetch_one(db);
    Ok(query("reconciliation.open", statement).await?.into())
}

/// Those days between two, inclusive, that have neither a result nor a run on its way, nor one that was
/// given up after `given_up_after`; oldest first.
pub async fn list_missed_days(
    db: impl PgExecutor<'_>,
    (first, last): (NaiveDate, NaiveDate),
    given_up_after: DateTime<Utc>,
) -> Result<Vec<NaiveDate>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- reconciliation.list_missed_days
        select day::date as "day!" from generate_series($1::date, $2::date, interval '1 day') as days (day)
        where not exists (select from reconciliations r where r.bill_date = day::date
            and (r.status in ('balanced', 'differing') or r.next_try_at is not null or r.finished_at > $3))
        order by day"#,
        first,
        last,
        given_up_after,
    )
    .fetch_all(db);
    Ok(query("reconciliation.list_missed_days", statement).await?)
}

/// When the shop took its first order.
pub async fn find_first_order_at(db: impl PgExecutor<'_>) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = sqlx::query_scalar!(
        "-- reconciliation.find_first_order_at
        select created_at from orders order by id limit 1",
    )
    .fetch_optional(db);
    Ok(query("reconciliation.find_first_order_at", statement).await?)
}

/// Claims a run that is due, this one or the one that waits longest, for whoever has `token`. What an
/// earlier try of it found is forgotten.
pub async fn claim(
    db: impl PgExecutor<'_>,
    id: Option<ReconciliationId>,
    token: Uuid,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<(ReconciliationId, NaiveDate, i32)>, Error> {
    let statement = sqlx::query!(
        "-- reconciliation.claim
        with due as (
            select id from reconciliations
            where next_try_at <= $3 and (lease_until is null or lease_until <= $3) and ($1::uuid is null or id = $1)
            order by next_try_at limit 1
            for update skip locked
        ), forgotten as (
            delete from reconciliation_differences where reconciliation_id in (select id from due)
        )
        update reconciliations r set status = 'running', attempts = r.attempts + 1, lease_token = $2, lease_until = $4,
            updated_at = $3
        from due where r.id = due.id
        returning r.id, r.bill_date, r.attempts",
        id.map(Uuid::from),
        token,
        now,
        until,
    )
    .fetch_optional(db);
    let row = query("reconciliation.claim", statement).await?;
    Ok(row.map(|row| (row.id.into(), row.bill_date, row.attempts)))
}

/// Holds the lease for longer; tells whether it was still held. Within a transaction it also keeps others
/// from taking it over until the end of that.
pub async fn renew(
    db: impl PgExecutor<'_>,
    token: Uuid,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- reconciliation.renew
        update reconciliations set lease_until = $3, updated_at = $2 where lease_token = $1",
        token,
        now,
        until,
    )
    .execute(db);
    Ok(query("reconciliation.renew", statement).await?.rows_affected() == 1)
}

/// Gives a run back as if this try had not been.
pub async fn release(db: impl PgExecutor<'_>, token: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- reconciliation.release
        update reconciliations set attempts = greatest(attempts - 1, 0), lease_token = null, lease_until = null, updated_at = $2
        where lease_token = $1",
        token,
        now,
    )
    .execute(db);
    query("reconciliation.release", statement).await?;
    Ok(())
}

/// Ends a try that came to nothing, as its sequel says. Tells whether the lease was still held.
pub async fn update_failed(
    db: &mut PgConnection,
    token: Uuid,
    code: &str,
    sequel: Sequel,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- reconciliation.update_failed
        update reconciliations set status = case when $2 = 'bill_not_ready' and $3::timestamptz is not null
                then 'running' else 'failed' end,
            attempts = case when $5 then attempts else greatest(attempts - 1, 0) end,
            failure_code = $2, next_try_at = $3, lease_token = null, lease_until = null, updated_at = $4,
            finished_at = case when $3::timestamptz is null then $4::timestamptz end
        where lease_token = $1",
        token,
        code,
        sequel.next_try_at,
        now,
        sequel.is_counted,
    )
    .execute(db);
    Ok(query("reconciliation.update_failed", statement)
        .await?
        .rows_affected()
        == 1)
}

/// Says that what the bills of a day say of what several days' bills judge is not, or no longer, known.
pub async fn update_unnoted(db: &mut PgConnection, bill_date: NaiveDate) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- reconciliation.update_unnoted
        update reconciliations set has_midnights = false, has_refund_movements = false
        where bill_date = $1 and (has_midnights or has_refund_movements)",
        bill_date,
    )
    .execute(db);
    query("reconciliation.update_unnoted", statement).await?;
    Ok(())
}

/// Says that it is noted.
pub async fn update_noted(db: &mut PgConnection, token: Uuid) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- reconciliation.update_noted
        update reconciliations set has_midnights = true, has_refund_movements = true where lease_token = $1",
        token,
    )
    .execute(db);
    query("reconciliation.update_noted", statement).await?;
    Ok(())
}

/// Ends a run with its result; tells whether the lease was still held.
pub async fn update_finished(
    db: &mut PgConnection,
    token: Uuid,
    figures: &Figures,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- reconciliation.update_finished
        update reconciliations set status = case when $9::bigint = 0 then 'balanced' else 'differing' end,
            failure_code = null, next_try_at = null, lease_token = null, lease_until = null, payment_count = $2,
            payment_fen = $3, refund_count = $4, refund_fen = $5, movement_count = $6, foreign_count = $7,
            foreign_fen = $8, difference_count = $9, updated_at = $10, finished_at = $10
        where lease_token = $1",
        token,
        figures.payment_count,
        figures.payment_fen,
        figures.refund_count,
        figures.refund_fen,
        figures.movement_count,
        figures.foreign_count,
        figures.foreign_fen,
        figures.difference_count,
        now,
    )
    .execute(db);
    Ok(query("reconciliation.update_finished", statement)
        .await?
        .rows_affected()
        == 1)
}

/// One run.
pub async fn find(db: impl PgExecutor<'_>, id: ReconciliationId) -> Result<Option<Reconciliation>, Error> {
    let statement = sqlx::query_as!(
        Row,
        "-- reconciliation.find
        select id, bill_date, status, attempts, next_try_at, failure_code, payment_count, payment_fen, refund_count,
            refund_fen, movement_count, foreign_count, foreign_fen, difference_count, created_at, finished_at
        from reconciliations where id = $1",
        Uuid::from(id),
    )
    .fetch_optional(db);
    let row = query("reconciliation.find", statement).await?;
    row.map(Row::reconciliation).transpose()
}

/// Up to `limit` runs, newest first, before a run.
pub async fn list(
    db: impl PgExecutor<'_>,
    before: Option<ReconciliationId>,
    limit: i64,
) -> Result<Vec<Reconciliation>, Error> {
    let statement = sqlx::query_as!(
        Row,
        "-- reconciliation.list
        select id, bill_date, status, attempts, next_try_at, failure_code, payment_count, payment_fen, refund_count,
            refund_fen, movement_count, foreign_count, foreign_fen, difference_count, created_at, finished_at
        from reconciliations where $1::uuid is null or id < $1 order by id desc limit $2",
        before.map(Uuid::from),
        limit,
    )
    .fetch_all(db);
    let rows = query("reconciliation.list", statement).await?;
    rows.into_iter().map(Row::reconciliation).collect()
}
