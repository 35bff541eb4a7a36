//! Which mini programs are under order shipping management, and which of their orders it waits for.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Error;
use super::statement::query;
use crate::domain::name::AppId;

/// Paid orders that were not shipped count from `paid_from` to `paid_to`.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Older ones do not count any more.
    pub paid_from: DateTime<Utc>,
    /// Younger ones do not count yet.
    pub paid_to: DateTime<Utc>,
}

/// Takes one of these mini programs in hand that has orders waiting and was not asked about lately; it is
/// not taken again before `next_ask_at`.
pub async fn claim_due(
    db: impl PgExecutor<'_>,
    app_ids: &[String],
    waiting: Span,
    next_ask_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<AppId>, Error> {
    let statement = sqlx::query_scalar!(
        "-- shipping_management.claim_due
        insert into shipping_managements as m (app_id, next_ask_at)
        select wanted.app_id, $4 from unnest($1::text[]) as wanted (app_id)
        where not exists (select from shipping_managements k where k.app_id = wanted.app_id and k.next_ask_at > $5)
            and exists (select from orders o where o.app_id = wanted.app_id and o.shipped_at is null
                and o.status in ('paid', 'partially_refunded') and o.paid_at >= $2 and o.paid_at < $3)
        limit 1
        on conflict on constraint shipping_managements_pkey do update set next_ask_at = excluded.next_ask_at
            where m.next_ask_at <= $5
        returning m.app_id",
        app_ids,
        waiting.paid_from,
        waiting.paid_to,
        next_ask_at,
        now,
    )
    .fetch_optional(db);
    query("shipping_management.claim_due", statement)
        .await?
        .map(AppId::parse)
        .transpose()
        .map_err(|_| Error::Inconsistent {
            table: "shipping_managements",
        })
}

/// Writes down what WeChat answered.
pub async fn update_answered(
    db: impl PgExecutor<'_>,
    app_id: &AppId,
    is_managed: bool,
    next_ask_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- shipping_management.update_answered
        update shipping_managements set is_managed = $2, asked_at = $4, next_ask_at = $3 where app_id = $1",
        app_id.as_str(),
        is_managed,
        next_ask_at,
        now,
    )
    .execute(db);
    query("shipping_management.update_answered", statement).await?;
    Ok(())
}

/// Writes down that WeChat said by itself that it keeps the money of a mini program back, or that its
/// interface should be used.
pub async fn upsert_told(
    db: &mut PgConnection,
    app_id: &AppId,
    is_access_alone: bool,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- shipping_management.upsert_told
        insert into shipping_managements as m (app_id, next_ask_at, controlled_at, access_reminded_at)
        values ($1, $3, case when not $2 then $3::timestamptz end, case when $2 then $3::timestamptz end)
        on conflict on constraint shipping_managements_pkey do update
            set controlled_at = coalesce(excluded.controlled_at, m.controlled_at),
                access_reminded_at = coalesce(excluded.access_reminded_at, m.access_reminded_at)",
        app_id.as_str(),
        is_access_alone,
        now,
    )
    .execute(db);
    query("shipping_management.upsert_told", statement).await?;
    Ok(())
}

/// A mini program, and the orders that WeChat waits for.
#[derive(Clone, Debug)]
pub struct ManagedApp {
    /// The mini program.
    pub app_id: String,
    /// Whether it is managed, by WeChat's newest word; none: it has not said.
    pub is_managed: Option<bool>,
    /// When it last answered.
    pub asked_at: Option<DateTime<Utc>>,
    /// When a push last said so.
    pub controlled_at: Option<DateTime<Utc>>,
    /// When WeChat last asked for its interface to be used.
    pub access_reminded_at: Option<DateTime<Utc>>,
    /// Paid orders that were not shipped within the span, up to 10,000.
    pub unshipped: i64,
    /// Of those, the ones paid before `late_at`.
    pub unshipped_late: i64,
    /// When the oldest of them was paid.
    pub oldest_paid_at: Option<DateTime<Utc>>,
}

/// What the health page tells of shipments.
#[derive(Clone, Debug)]
pub struct UploadFigures {
    /// Those that WeChat does not have yet.
    pub waiting: i64,
    /// Of those, the ones that something stood in the way of.
    pub failing: i64,
    /// When the oldest of those in the way was wanted.
    pub failing_since: Option<DateTime<Utc>>,
    /// When the one that is due longest was due.
    pub due_since: Option<DateTime<Utc>>,
}

/// The mini programs that WeChat has said something of.
pub async fn list(
    db: impl PgExecutor<'_>,
    app_ids: &[String],
    span: Span,
    late_at: DateTime<Utc>,
) -> Result<Vec<ManagedApp>, Error> {
    let statement = sqlx::query_as!(
        ManagedApp,
        r#"-- shipping_management.list
        select m.app_id, m.asked_at, m.controlled_at, m.access_reminded_at,
            case when m.controlled_at is not null and (m.asked_at is null or m.controlled_at >= m.asked_at) then true
                else m.is_managed end as "is_managed?",
            coalesce(late.unshipped, 0) as "unshipped!", coalesce(late.unshipped_late, 0) as "unshipped_late!",
            late.oldest_paid_at as "oldest_paid_at?"
        from shipping_managements m left join lateral (
            select count(*) as unshipped, count(*) filter (where w.paid_at < $4) as unshipped_late, min(w.paid_at) as oldest_paid_at
            from (select o.paid_at from orders o where o.app_id = m.app_id and o.shipped_at is null
                and o.status in ('paid', 'partially_refunded') and o.paid_at >= $2 and o.paid_at < $3
                order by o.paid_at limit 10000) w
        ) late on true
        where m.app_id = any($1)
        order by m.app_id"#,
        app_ids,
        span.paid_from,
        span.paid_to,
        late_at,
    )
    .fetch_all(db);
    Ok(query("shipping_management.list", statement).await?)
}

/// How the telling goes.
pub async fn upload_figures(db: impl PgExecutor<'_>) -> Result<UploadFigures, Error> {
    let statement = sqlx::query_as!(
        UploadFigures,
        r#"-- shipping_management.upload_figures
        select count(*) as "waiting!", count(*) filter (where failure_code is not null) as "failing!",
            min(created_at) filter (where failure_code is not null) as "failing_since?", min(next_try_at) as "due_since?"
        from shipments where next_try_at is not null"#,
    )
    .fetch_one(db);
    Ok(query("shipping_management.upload_figures", statement).await?)
}
