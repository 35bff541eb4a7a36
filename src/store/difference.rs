//! What a reconciliation found: a row of the run, and an exception that outlives it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::comparison::{Found, FoundRow};
use super::statement::query;
use crate::domain::id::ReconciliationId;
use crate::domain::reconciliation::DifferenceKind;

/// How the resolution of an exception begins that a run resolved. When the difference comes back, so
/// does the exception; what a human resolved stays so.
const RESOLVED_BY_RUN: &str = "reconciliation ";

/// The longest subject: our number of a refund.
const SUBJECT_BYTES_MAX: usize = 64;

/// Where a page of differences begins: after this kind and subject. Comes back from outside as a cursor, so only
/// what a difference can have is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(String, String)", into = "(String, String)")]
pub struct DifferencePosition {
    kind: DifferenceKind,
    subject: String,
}

impl DifferencePosition {
    /// The place of a difference.
    pub fn of(found: &Found) -> Self {
        Self {
            kind: found.kind,
            subject: found.subject.clone(),
        }
    }
}

impl TryFrom<(String, String)> for DifferencePosition {
    type Error = &'static str;

    fn try_from((kind, subject): (String, String)) -> Result<Self, Self::Error> {
        let is_subject = (1..=SUBJECT_BYTES_MAX).contains(&subject.len())
            && subject.bytes().all(|byte| byte.is_ascii_graphic());
        let kind = DifferenceKind::parse(&kind).filter(|_| is_subject);
        kind.map(|kind| Self { kind, subject })
            .ok_or("no difference is there")
    }
}

impl From<DifferencePosition> for (String, String) {
    fn from(position: DifferencePosition) -> Self {
        (position.kind.as_str().to_owned(), position.subject)
    }
}

/// A difference as it is written.
#[derive(Debug)]
pub struct NewDifference {
    /// Its id.
    pub id: Uuid,
    /// The id of its exception, if there is none yet.
    pub exception_id: Uuid,
    /// What differs.
    pub found: Found,
    /// A sentence for the human.
    pub detail: String,
    /// What was seen, with the day and the proposed action.
    pub evidence: serde_json::Value,
}

/// Writes differences, each with its exception. The same kind about the same subject is one exception for
/// ever, and one difference of a run. Tells how many differences were new to the run.
///
/// An exception is open again, with what is seen now, when a run had resolved it, and when either side says what
/// no run has seen of it: whoever resolved it does not know that. What a human resolved is told by what is stored
/// and by the earlier runs, so that comparing two days again and again opens nothing twice.
#[expect(
    clippy::as_conversions,
    reason = "how the macro is told that an array may hold nulls"
)]
pub async fn insert(
    db: &mut PgConnection,
    run: ReconciliationId,
    new: &[NewDifference],
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    fn column<T>(new: &[NewDifference], value: impl Fn(&NewDifference) -> T) -> Vec<T> {
        new.iter().map(value).collect()
    }
    let resolved_by_run = format!("{RESOLVED_BY_RUN}%");
    let statement = sqlx::query!(
        "-- difference.insert
        with found as (
            select distinct on (kind, subject) *
            from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[],
                $11::jsonb[], $12::jsonb[], $13::text[], $14::jsonb[]) as found (id, exception_id, kind, subject, order_id,
                out_trade_no, transaction_id, out_refund_no, ours, theirs, detail, evidence)
            order by kind, subject
        ), judged as (
            select found.*, coalesce(e.resolution like $15, false)
                or (jsonb_build_array(e.evidence -> 'ours', e.evidence -> 'theirs') <> jsonb_build_array(found.ours, found.theirs)
                    and not exists (select from reconciliation_differences d where d.exception_id = e.id
                        and (d.reconciliation_id = $1 or (d.ours is not distinct from found.ours
                            and d.theirs is not distinct from found.theirs)))) as is_news
            from found left join exceptions e on e.kind = 'reconciliation_' || found.kind and e.subject = found.subject
        ), raised as (
            insert into exceptions (id, kind, subject, order_id, detail, evidence, created_at)
            select exception_id, 'reconciliation_' || kind, subject, order_id, detail, evidence, $2 from judged
            on conflict on constraint exceptions_kind_subject_key do update set (resolved_at, resolution, detail, evidence) = (
                select case when not is_news then exceptions.resolved_at end,
                    case when not is_news then exceptions.resolution end,
                    case when is_news then excluded.detail else exceptions.detail end,
                    case when is_news then excluded.evidence else exceptions.evidence end
                from judged where judged.exception_id = excluded.id)
            returning id, kind, subject
        )
        insert into reconciliation_differences (id, reconciliation_id, kind, subject, out_trade_no, transaction_id,
            out_refund_no, order_id, ours, theirs, exception_id)
        select found.id, $1, found.kind, found.subject, out_trade_no, transaction_id, out_refund_no, order_id, ours, theirs,
            raised.id
        from found join raised on raised.kind = 'reconciliation_' || found.kind and raised.subject = found.subject
        on conflict on constraint reconciliation_differences_kind_subject_key do nothing",
        Uuid::from(run),
        now,
        &column(new, |new| new.id),
        &column(new, |new| new.exception_id),
        &column(new, |new| new.found.kind.as_str().to_owned()),
        &column(new, |new| new.found.subject.clone()),
        &column(new, |new| new.found.order_id) as &[Option<Uuid>],
        &column(new, |new| new.found.out_trade_no.clone()) as &[Option<String>],
        &column(new, |new| new.found.transaction_id.clone()) as &[Option<String>],
        &column(new, |new| new.found.out_refund_no.clone()) as &[Option<String>],
        &column(new, |new| new.found.ours.clone()) as &[Option<serde_json::Value>],
        &column(new, |new| new.found.theirs.clone()) as &[Option<serde_json::Value>],
        &column(new, |new| new.detail.clone()),
        &column(new, |new| new.evidence.clone()),
        resolved_by_run,
    )
    .execute(db);
    Ok(query("difference.insert", statement).await?.rows_affected())
}

/// Resolves the open exceptions of a day that this run of it no longer found, but for those that the last result
/// of another day names; tells how many.
pub async fn resolve_gone(
    db: &mut PgConnection,
    run: ReconciliationId,
    bill_date: NaiveDate,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let resolution = format!("{RESOLVED_BY_RUN}{run} no longer finds it");
    let statement = sqlx::query!(
        "-- difference.resolve_gone
        update exceptions e set resolved_at = $3, resolution = $4
        where e.resolved_at is null and e.kind like 'reconciliation\\_%'
            and (e.evidence->>'bill_date' = to_char($2::date, 'YYYY-MM-DD')
                or exists (select from reconciliation_differences d join reconciliations r on r.id = d.reconciliation_id
                    where d.exception_id = e.id and r.bill_date = $2))
            and not exists (select from reconciliation_differences d
                where d.reconciliation_id = $1 and d.exception_id = e.id)
            and not exists (select from reconciliation_differences d join reconciliations r on r.id = d.reconciliation_id
                where d.exception_id = e.id and r.bill_date <> $2
                    and not exists (select from reconciliations later where later.bill_date = r.bill_date and later.id > r.id
                        and later.status in ('balanced', 'differing')))",
        Uuid::from(run),
        bill_date,
        now,
        resolution,
    )
    .execute(db);
    Ok(query("difference.resolve_gone", statement).await?.rows_affected())
}

/// Up to `limit` differences of a run after a kind and subject, in the order of these, each with its exception.
pub async fn list(
    db: impl PgExecutor<'_>,
    run: ReconciliationId,
    after: Option<&DifferencePosition>,
    limit: i64,
) -> Result<Vec<(Found, Uuid)>, Error> {
    let statement = sqlx::query!(
        "-- difference.list
        select kind, subject, order_id, out_trade_no, transaction_id, out_refund_no, ours, theirs, exception_id
        from reconciliation_differences
        where reconciliation_id = $1 and ($2::text is null or (kind, subject) > ($2, $3))
        order by kind, subject limit $4",
        Uuid::from(run),
        after.map(|position| position.kind.as_str()),
        after.map(|position| position.subject.as_str()),
        limit,
    )
    .fetch_all(db);
    let rows = query("difference.list", statement).await?;
    rows.into_iter()
        .map(|row| {
            let found = FoundRow {
                kind: row.kind,
                subject: row.subject,
                order_id: row.order_id,
                out_trade_no: row.out_trade_no,
                transaction_id: row.transaction_id,
                out_refund_no: row.out_refund_no,
                ours: row.ours,
                theirs: row.theirs,
            };
            Ok((found.found()?, row.exception_id))
        })
        .collect()
}
