//! The flight recorder as the operator reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::recorded::Recorded;
use crate::domain::exception::ExceptionKind;
use crate::domain::id::{NotificationId, OrderId};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::recorder::{RecordedRow, RecorderFilter};

/// A recorded delivery.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordedNotification {
    #[schema(value_type = uuid::Uuid)]
    id: NotificationId,
    /// When it arrived; of one that was run again: when that was.
    received_at: DateTime<Utc>,
    /// Whether it was believed; only then it had an effect.
    is_believed: bool,
    /// What it turned out to be: `settled`, `duplicate`, `other`, a kind of exception, or why it was
    /// refused.
    verdict: String,
    /// What that means, and what helps.
    detail: String,
    /// WeChat's id of the notification; its deliveries share it. Null where it was not believed.
    #[schema(required = true)]
    notify_id: Option<String>,
    #[schema(value_type = Option<uuid::Uuid>, required = true)]
    order_id: Option<OrderId>,
    /// The key it was signed with, as it says.
    #[schema(required = true)]
    serial: Option<String>,
    /// How long its body was; null where it could not be read.
    #[schema(required = true)]
    body_bytes: Option<i64>,
    /// The move of the order that it caused.
    #[schema(required = true)]
    moved: Option<Moved>,
    /// The delivery that was run again here; null: this one came from WeChat.
    #[schema(value_type = Option<uuid::Uuid>, required = true)]
    replay_of: Option<NotificationId>,
    /// Who ran it again.
    #[schema(required = true)]
    replayed_by: Option<String>,
}

/// A move of an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Moved {
    /// Such as `order.paid`.
    event: String,
    /// Where the order stood.
    from: String,
    /// Where it stands since.
    to: String,
}

/// A recorded delivery with all that is kept of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WholeNotification {
    #[serde(flatten)]
    recorded: RecordedNotification,
    /// When it arrived by WeChat's clock, as far as the difference was known: what it is run again
    /// against.
    own_clock: DateTime<Utc>,
    /// The headers that matter, each name and value, in the order they came.
    headers: Vec<(String, String)>,
    /// The raw body.
    body_base64: String,
    /// Whether the body is whole; one that was refused is cut at 16,384 bytes.
    is_body_whole: bool,
}

/// Up to `limit` deliveries, newest first, before one, and the one to go on from if there are more.
///
/// # Errors
/// When the database fails.
pub async fn list(
    context: &Context,
    filter: &RecorderFilter,
    before: Option<NotificationId>,
    limit: u32,
) -> Result<(Vec<RecordedNotification>, Option<NotificationId>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut tx = context.db.begin().await?;
    let mut rows = store::recorder::list(&mut tx, filter, before, i64::from(limit) + 1).await?;
    tx.rollback().await?;
    let has_more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = rows.last().map(|last| last.id).filter(|_| has_more);
    Ok((rows.into_iter().map(RecordedNotification::from).collect(), next))
}

/// One delivery with all that is kept of it.
///
/// # Errors
/// `not_found`, and when the database fails.
pub async fn read(context: &Context, id: NotificationId) -> Result<WholeNotification, AppError> {
    let row = store::recorder::find(&context.db, id).await?;
    let row = row.ok_or_else(|| AppError::new(ErrorCode::NotFound))?;
    let whole = Recorded::find(context, id).await?;
    let headers = whole.delivery.headers.into_iter();
    Ok(WholeNotification {
        recorded: row.into(),
        own_clock: whole.own_clock,
        headers: headers
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(&value).into_owned()))
            .collect(),
        body_base64: STANDARD.encode(whole.delivery.body),
        is_body_whole: !whole.is_cut,
    })
}

impl From<RecordedRow> for RecordedNotification {
    fn from(row: RecordedRow) -> Self {
        let moved = match (row.event_kind, row.moved_from, row.moved_to) {
            (Some(event), Some(from), Some(to)) => Some(Moved { event, from, to }),
            _ => None,
        };
        Self {
            id: row.id,
            received_at: row.received_at,
            is_believed: row.is_believed,
            detail: row.detail.unwrap_or_else(|| meaning(&row.verdict).to_owned()),
            verdict: row.verdict,
            notify_id: row.notify_id,
            order_id: row.order_id,
            serial: row.serial,
            body_bytes: row.body_bytes,
            moved,
            replay_of: row.replay_of,
            replayed_by: row.replayed_by,
        }
    }
}

/// What the verdict on a believed delivery means.
fn meaning(verdict: &str) -> &'static str {
    let kind = ExceptionKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == verdict);
    match (kind, verdict) {
        (Some(kind), _) => kind.explanation(),
        (None, "settled") => "It said what the books waited for, and moved them.",
        (None, "duplicate") => "What it says was known already. Nothing changed.",
        (None, _) => "It is about nothing that is kept here. Nothing changed.",
    }
}
