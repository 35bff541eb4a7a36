//! The flight recorder as the operator reads it: believed and refused deliveries side by side.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::{plan_anew, query};
use crate::domain::id::{NotificationId, OrderId};
use crate::domain::moment::Moment;

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct RecorderFilter {
    /// Only of this verdict.
    pub verdict: Option<String>,
    /// Only about this order.
    pub order_id: Option<OrderId>,
    /// Only from then on.
    pub received_from: Option<Moment>,
    /// Only before then.
    pub received_before: Option<Moment>,
}

/// A recorded delivery.
#[derive(Debug)]
pub struct RecordedRow {
    /// The delivery.
    pub id: NotificationId,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Whether it was believed.
    pub is_believed: bool,
    /// What it turned out to be, in a word.
    pub verdict: String,
    /// Why it was refused, and what helps.
    pub detail: Option<String>,
    /// WeChat's id of the notification.
    pub notify_id: Option<String>,
    /// The order it was about.
    pub order_id: Option<OrderId>,
    /// Which key it was signed with, or said so.
    pub serial: Option<String>,
    /// How long its body was.
    pub body_bytes: Option<i64>,
    /// The move of the order that it caused: event, from, to.
    pub event_kind: Option<String>,
    /// Where the order stood.
    pub moved_from: Option<String>,
    /// Where it stands since.
    pub moved_to: Option<String>,
    /// The delivery that was run again here.
    pub replay_of: Option<NotificationId>,
    /// Who ran it again.
    pub replayed_by: Option<String>,
}

/// Up to `limit` deliveries, newest first, before one. Inside a transaction, which is left planning
/// each statement anew.
pub async fn list(
    db: &mut PgConnection,
    filter: &RecorderFilter,
    before: Option<NotificationId>,
    limit: i64,
) -> Result<Vec<RecordedRow>, Error> {
    plan_anew(&mut *db).await?;
    // Ids are in order of arrival, so that a range of time is a range of ids.
    let first = filter.received_from.map_or(Uuid::nil(), |at| first_id(at, 0));
    let end = filter.received_before.map_or(Uuid::max(), |at| first_id(at, 1));
    let end = before.map_or(end, |before| end.min(Uuid::from(before)));
    let statement = sqlx::query_as!(
        RecordedRow,
        r#"-- recorder.list
        with recorded as (
            (select id, received_at, true as is_believed, verdict, null as detail, notify_id, order_id,
                wechat_serial as serial, octet_length(body)::bigint as body_bytes, event_id, replay_of, replayed_by
            from notifications
            where ($1::text is null or verdict = $1) and ($2::uuid is null or order_id = $2)
                and id >= $3 and id < $4
                and ($5::timestamptz is null or received_at >= $5) and ($6::timestamptz is null or received_at < $6)
            order by id desc limit $7)
            union all
            (select id, received_at, false, verdict, detail, null, null,
                jsonb_path_query_first(headers, 'strict $[*] ? (@[0] == "wechatpay-serial")[1]') #>> '{}', body_bytes,
                null, null, null
            from refused_notifications
            where ($1::text is null or verdict = $1) and $2::uuid is null
                and id >= $3 and id < $4
                and ($5::timestamptz is null or received_at >= $5) and ($6::timestamptz is null or received_at < $6)
            order by id desc limit $7)
        )
        select recorded.id as "id!: NotificationId", received_at as "received_at!", is_believed as "is_believed!",
            verdict as "verdict!", detail, notify_id, recorded.order_id as "order_id: OrderId", serial, body_bytes,
            events.kind as "event_kind?", events.from_status as "moved_from?", events.to_status as "moved_to?",
            replay_of as "replay_of: NotificationId", replayed_by
        from recorded left join events on events.id = recorded.event_id
        order by recorded.id desc limit $7"#,
        filter.verdict,
        filter.order_id.map(Uuid::from),
        first,
        end,
        filter.received_from.map(Moment::get),
        filter.received_before.map(Moment::get),
        limit,
    )
    .fetch_all(&mut *db);
    Ok(query("recorder.list", statement).await?)
}

/// Finds a delivery as the list shows it.
pub async fn find(db: impl PgExecutor<'_>, id: NotificationId) -> Result<Option<RecordedRow>, Error> {
    let statement = sqlx::query_as!(
        RecordedRow,
        r#"-- recorder.find
        select notifications.id as "id!: NotificationId", received_at as "received_at!", true as "is_believed!",
            verdict as "verdict!", null as detail, notify_id, notifications.order_id as "order_id: OrderId",
            wechat_serial as serial, octet_length(body)::bigint as body_bytes, events.kind as "event_kind?",
            events.from_status as "moved_from?", events.to_status as "moved_to?",
            replay_of as "replay_of: NotificationId", replayed_by
        from notifications left join events on events.id = event_id where notifications.id = $1
        union all
        select id, received_at, false, verdict, detail, null, null,
            jsonb_path_query_first(headers, 'strict $[*] ? (@[0] == "wechatpay-serial")[1]') #>> '{}', body_bytes,
            null, null, null, null, null
        from refused_notifications where id = $1"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    Ok(query("recorder.find", statement).await?)
}

/// When each key last signed a notification, by its name. Jumps from key to key by their index; there
/// are as many as WeChat Pay ever signed with.
pub async fn serials(db: impl PgExecutor<'_>) -> Result<BTreeMap<String, DateTime<Utc>>, Error> {
    let statement = sqlx::query!(
        r#"-- recorder.serials
        with recursive serials as (
            (select wechat_serial from notifications where replay_of is null order by wechat_serial limit 1)
            union all
            select (select next.wechat_serial from notifications as next
                where next.replay_of is null and next.wechat_serial > serials.wechat_serial
                order by next.wechat_serial limit 1)
            from serials where serials.wechat_serial is not null
        )
        select wechat_serial as "serial!", (select max(received_at) from notifications
            where notifications.wechat_serial = serials.wechat_serial and replay_of is null) as "newest_at!"
        from serials where wechat_serial is not null
        limit 1000"#
    )
    .fetch_all(db);
    let rows = query("recorder.serials", statement).await?;
    Ok(rows.into_iter().map(|row| (row.serial, row.newest_at)).collect())
}

/// Refused deliveries of one verdict.
#[derive(Clone, Debug)]
pub struct RefusedFigure {
    /// The verdict.
    pub verdict: String,
    /// How many are recorded.
    pub count: i64,
    /// When the newest arrived by WeChat's clock, as far as the difference was known, up to a day.
    pub newest_at: DateTime<Utc>,
}

/// The recorded refusals from `since` on, by verdict.
pub async fn refused_since(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
) -> Result<Vec<RefusedFigure>, Error> {
    let statement = sqlx::query_as!(
        RefusedFigure,
        r#"-- recorder.refused_since
        select verdict, count(*) as "count!",
            max(received_at - least(greatest(coalesce(clock_ahead_s, 0), -86400), 86400) * interval '1 second') as "newest_at!"
        from refused_notifications where received_at >= $1 group by verdict order by verdict"#,
        since,
    )
    .fetch_all(db);
    Ok(query("recorder.refused_since", statement).await?)
}

/// A key that refused deliveries said they were signed with, and that was not known here.
#[derive(Clone, Debug)]
pub struct UnknownSerial {
    /// Its name, as anybody can send it: the first 64 characters.
    pub serial: String,
    /// How many deliveries that named it are recorded.
    pub count: i64,
    /// When the newest arrived.
    pub newest_at: DateTime<Utc>,
}

/// The unknown keys that were named from `since` on: the newest of those whose name begins with `prefix`,
/// then the newest of the others, `limit` in all.
pub async fn unknown_serials(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
    prefix: &str,
    limit: i64,
) -> Result<Vec<UnknownSerial>, Error> {
    let statement = sqlx::query_as!(
        UnknownSerial,
        r#"-- recorder.unknown_serials
        select serial as "serial!", count(*) as "count!", max(received_at) as "newest_at!"
        from refused_notifications, left(
            jsonb_path_query_first(headers, 'strict $[*] ? (@[0] == "wechatpay-serial")[1]') #>> '{}', 64) as serial
        where verdict = 'unknown_serial' and received_at >= $1 and serial is not null
        group by serial order by starts_with(serial, $2) desc, max(received_at) desc, serial limit $3"#,
        since,
        prefix,
        limit,
    )
    .fetch_all(db);
    Ok(query("recorder.unknown_serials", statement).await?)
}

/// The smallest id that a row made `later_ms` milliseconds after `at` can have.
fn first_id(at: Moment, later_ms: u64) -> Uuid {
    let millis = u64::try_from(at.get().timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(u128::from(millis.saturating_add(later_ms)) << 80)
}
