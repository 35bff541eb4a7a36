//! `/admin/notifications`: the flight recorder.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::domain::id::{NotificationId, OrderId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::v1::page::{self, Page};
use crate::http::{Admin, OptionalBody, PathId, Query};
use crate::service::Context;
use crate::service::pay::read_notifications::{self, RecordedNotification, WholeNotification};
use crate::service::pay::replay_notification::{self, Replayed};
use crate::store::recorder::RecorderFilter;
use crate::telemetry;

/// The longest name of a verdict, in characters.
const VERDICT_CHARS_MAX: usize = 64;

/// Which page of which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListNotificationsQuery {
    /// Only of this verdict, such as `settled` or `signature_wrong`.
    #[param(pattern = "^[a-z0-9_]{1,64}$")]
    verdict: Option<String>,
    /// Only about this order; those that were refused are about none.
    order_id: Option<uuid::Uuid>,
    /// Only those that arrived then or later; a time of the years 1970 to 9999.
    #[param(value_type = Option<DateTime<Utc>>)]
    received_from: Option<Moment>,
    /// Only those that arrived before; a time of these years.
    #[param(value_type = Option<DateTime<Utc>>)]
    received_before: Option<Moment>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List the recorded notifications, newest first
///
/// Every one that was believed is kept for 180 days. Of those that were refused a bounded sample is
/// kept for 30 days.
#[utoipa::path(get, path = "/admin/notifications", tag = "operator", params(ListNotificationsQuery), security(("admin" = [])),
    responses(
        (status = 200, body = Page<RecordedNotification>),
    ))]
pub async fn list_notifications(
    context: web::Data<Context>,
    _admin: Admin,
    query: Query<ListNotificationsQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let before: Option<NotificationId> = page::position(query.0.cursor.as_deref())?;
    let is_word = |text: &str| {
        (1..=VERDICT_CHARS_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if query.0.verdict.as_deref().is_some_and(|text| !is_word(text)) {
        return Err(AppError::field("verdict", "format", "not a verdict"));
    }
    let filter = RecorderFilter {
        verdict: query.0.verdict,
        order_id: query.0.order_id.map(OrderId::from),
        received_from: query.0.received_from,
        received_before: query.0.received_before,
    };
    let (items, next) = read_notifications::list(&context, &filter, before, limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Read a recorded notification as it came
#[utoipa::path(get, path = "/admin/notifications/{id}", tag = "operator", params(("id" = uuid::Uuid, Path)), security(("admin" = [])),
    responses(
        (status = 200, body = WholeNotification),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_notification(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<NotificationId>,
) -> Result<HttpResponse, AppError> {
    Ok(HttpResponse::Ok().json(read_notifications::read(&context, id.0).await?))
}

/// Whether it happens.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayNotificationRequest {
    /// `true`: the changes are made. Otherwise they are only told.
    #[schema(default = false)]
    apply: Option<bool>,
}

/// Run a recorded notification again
///
/// Through the same code, with today's keys, as of the time when it arrived. Dry unless `apply` is
/// true: then what it says is settled like any other notification, and recorded as run again.
#[utoipa::path(post, path = "/admin/notifications/{id}/replay", tag = "operator", request_body = Option<ReplayNotificationRequest>,
    params(("id" = uuid::Uuid, Path)), security(("admin" = [])),
    responses(
        (status = 200, body = Replayed),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`payment_not_configured`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn replay_notification(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<NotificationId>,
    body: OptionalBody<ReplayNotificationRequest>,
) -> Result<HttpResponse, AppError> {
    let by = match telemetry::current() {
        Some(record) => format!("admin, request {}", record.id()),
        None => "admin".to_owned(),
    };
    let context = context.into_inner();
    let is_applied = body.0.apply.unwrap_or(false);
    let replayed = replay_notification::replay(&context, id.0, by, is_applied).await?;
    Ok(HttpResponse::Ok().json(replayed))
}
