//! The named differences.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::exception::ExceptionKind;
use crate::domain::id::{ExceptionId, OrderId};

/// A difference that needs a human.
#[derive(Debug)]
pub struct NewException<'a> {
    /// The exception.
    pub id: ExceptionId,
    /// What kind of difference.
    pub kind: ExceptionKind,
    /// What it is about: a payment number.
    pub subject: &'a str,
    /// The order, where one is concerned.
    pub order_id: Option<OrderId>,
    /// A sentence for the person who looks into it.
    pub detail: &'a str,
    /// What was seen, ours and theirs.
    pub evidence: serde_json::Value,
}

/// Writes an exception; the same kind about the same subject is written once. What WeChat says otherwise
/// than it said before, told by `theirs` of the evidence, is added to it as `also`, up to twenty times, and
/// opens it again: whoever resolved it has not seen that.
pub async fn insert(db: &mut PgConnection, new: &NewException<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- exception.insert
        insert into exceptions (id, kind, subject, order_id, detail, evidence, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint exceptions_kind_subject_key do update
            set resolved_at = null, resolution = null, evidence = exceptions.evidence || jsonb_build_object('also',
                coalesce(exceptions.evidence -> 'also', '[]') || jsonb_build_array(excluded.evidence -> 'theirs'))
            where excluded.evidence -> 'theirs' is distinct from exceptions.evidence -> 'theirs'
                and not coalesce(exceptions.evidence -> 'also', '[]') @> jsonb_build_array(excluded.evidence -> 'theirs')
                and jsonb_array_length(coalesce(exceptions.evidence -> 'also', '[]')) < 20",
        Uuid::from(new.id),
        new.kind.as_str(),
        new.subject,
        new.order_id.map(Uuid::from),
        new.detail,
        new.evidence,
        now,
    )
    .execute(db);
    query("exception.insert", statement).await?;
    Ok(())
}

/// Writes an exception whose reason may change: what WeChat says now, told by `theirs` of the evidence, takes
/// the place of what it said the last time, and opens it again where that is another thing.
pub async fn insert_or_correct(
    db: &mut PgConnection,
    new: &NewException<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- exception.insert_or_correct
        insert into exceptions (id, kind, subject, order_id, detail, evidence, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint exceptions_kind_subject_key
            do update set evidence = excluded.evidence, resolved_at = null, resolution = null
            where excluded.evidence -> 'theirs' is distinct from exceptions.evidence -> 'theirs'",
        Uuid::from(new.id),
        new.kind.as_str(),
        new.subject,
        new.order_id.map(Uuid::from),
        new.detail,
        new.evidence,
        now,
    )
    .execute(db);
    query("exception.insert_or_correct", statement).await?;
    Ok(())
}

/// Writes an exception that may come back: one about the same subject that was resolved is open
/// again, with the newer evidence.
pub async fn insert_or_reopen(
    db: &mut PgConnection,
    new: &NewException<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- exception.insert_or_reopen
        insert into exceptions (id, kind, subject, order_id, detail, evidence, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint exceptions_kind_subject_key
            do update set evidence = excluded.evidence, resolved_at = null, resolution = null",
        Uuid::from(new.id),
        new.kind.as_str(),
        new.subject,
        new.order_id.map(Uuid::from),
        new.detail,
        new.evidence,
        now,
    )
    .execute(db);
    query("exception.insert_or_reopen", statement).await?;
    Ok(())
}

/// An exception as it stands in the books.
#[derive(Clone, Debug)]
pub struct StoredException {
    /// The exception.
    pub id: ExceptionId,
    /// What kind of difference, as the API spells it.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// The order, where one is concerned.
    pub order_id: Option<OrderId>,
    /// A sentence for the person who looks into it.
    pub detail: String,
    /// What was seen, ours and theirs.
    pub evidence: serde_json::Value,
    /// When it was first seen.
    pub created_at: DateTime<Utc>,
    /// When a human was done with it; none: it is open.
    pub resolved_at: Option<DateTime<Utc>>,
    /// What the human did about it.
    pub resolution: Option<String>,
}

/// Which exceptions are wanted.
#[derive(Clone, Debug, Default)]
pub struct ExceptionFilter {
    /// Only open ones, or only resolved ones.
    pub is_open: Option<bool>,
    /// Only of this kind.
    pub kind: Option<ExceptionKind>,
    /// Only about this order.
    pub order_id: Option<OrderId>,
}

/// Up to `limit` exceptions, newest first, before the exception `before`.
pub async fn list(
    db: impl PgExecutor<'_>,
    filter: &ExceptionFilter,
    before: Option<ExceptionId>,
    limit: i64,
) -> Result<Vec<StoredException>, Error> {
    let statement = sqlx::query_as!(
        StoredException,
        r#"-- exception.list
        select id, kind, subject, order_id as "order_id: OrderId", detail, evidence, created_at, resolved_at, resolution
        from exceptions
        where ($1::boolean is null or (resolved_at is null) = $1) and ($2::text is null or kind = $2)
            and ($3::uuid is null or order_id = $3) and ($4::uuid is null or id < $4)
        order by id desc
        limit $5"#,
        filter.is_open,
        filter.kind.map(ExceptionKind::as_str),
        filter.order_id.map(Uuid::from),
        before.map(Uuid::from),
        limit,
    )
    .fetch_all(db);
    Ok(query("exception.list", statement).await?)
}

/// One exception.
pub async fn find(db: impl PgExecutor<'_>, id: ExceptionId) -> Result<Option<StoredException>, Error> {
    let statement = sqlx::query_as!(
        StoredException,
        r#"-- exception.find
        select id, kind, subject, order_id as "order_id: OrderId", detail, evidence, created_at, resolved_at, resolution
        from exceptions where id = $1"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    Ok(query("exception.find", statement).await?)
}

/// Locks an exception.
pub async fn lock(db: &mut PgConnection, id: ExceptionId) -> Result<Option<StoredException>, Error> {
    let statement = sqlx::query_as!(
        StoredException,
        r#"-- exception.lock
        select id, kind, subject, order_id as "order_id: OrderId", detail, evidence, created_at, resolved_at, resolution
        from exceptions where id = $1
        for no key update"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    Ok(query("exception.lock", statement).await?)
}

/// Resolves an open exception; tells whether it was open.
pub async fn update_resolved(
    db: &mut PgConnection,
    id: ExceptionId,
    resolution: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- exception.update_resolved
        update exceptions set resolved_at = $3, resolution = $2 where id = $1 and resolved_at is null",
        Uuid::from(id),
        resolution,
        now,
    )
    .execute(db);
    Ok(query("exception.update_resolved", statement)
        .await?
        .rows_affected()
        == 1)
}

/// Resolves the open exceptions of these kinds about a subject, because what they named is mended.
pub async fn update_mended(
    db: &mut PgConnection,
    kinds: &[ExceptionKind],
    subject: &str,
    resolution: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let statement = sqlx::query!(
        "-- exception.update_mended
        update exceptions set resolved_at = $4, resolution = $3
        where subject = $2 and kind = any($1) and resolved_at is null",
        &kinds,
        subject,
        resolution,
        now,
    )
    .execute(db);
    query("exception.update_mended", statement).await?;
    Ok(())
}
