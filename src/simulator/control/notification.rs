//! Notifications: what was delivered, what is due, and ones made by hand.

use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::log::Delivery;
use crate::simulator::notification::craft::{Crafted, CraftedOutcome, craft};
use crate::simulator::notification::deliver_due;
use crate::simulator::state::Shared;

/// A notification that still wants a 2xx.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PendingNotificationResponse {
    id: String,
    out_trade_no: String,
    /// Null when it tells of a payment.
    out_refund_no: Option<String>,
    /// The number of the next attempt, from 1 to 16.
    attempt: u32,
    due_at: Option<DateTime<Utc>>,
}

/// The newest 10,000 deliveries, oldest first, and everything that waits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotificationListResponse {
    items: Vec<Delivery>,
    pending: Vec<PendingNotificationResponse>,
}

/// What was sent now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliverResponse {
    items: Vec<Delivery>,
}

/// Everything that was tried, and everything that waits.
#[utoipa::path(
    get,
    path = "/simulator/notifications",
    responses((status = 200, body = NotificationListResponse))
)]
pub(super) async fn list_notifications(shared: Data<Shared>) -> Json<NotificationListResponse> {
    let pending = shared.step(|world, _| {
        world
            .notifications()
            .map(|waiting| PendingNotificationResponse {
                id: waiting.id.clone(),
                out_trade_no: waiting.out_trade_no.clone(),
                out_refund_no: waiting.about.out_refund_no(),
                attempt: waiting.attempts.saturating_add(1),
                due_at: waiting.due_at,
            })
            .collect()
    });
    Json(NotificationListResponse {
        items: shared.log.deliveries(),
        pending,
    })
}

/// Sends everything that is due now, one after the other, and answers when all answers came.
#[utoipa::path(
    post,
    path = "/simulator/notifications/deliver",
    responses((status = 200, body = DeliverResponse))
)]
pub(super) async fn deliver_notifications(shared: Data<Shared>) -> Json<DeliverResponse> {
    Json(DeliverResponse {
        items: deliver_due(&shared).await,
    })
}

/// Makes a notification by hand and sends it at once, outside of any schedule.
#[utoipa::path(
    post,
    path = "/simulator/notifications",
    responses(
        (status = 200, body = CraftedOutcome),
        (status = 400, body = Refusal),
        (status = 404, body = Refusal)
    )
)]
pub(super) async fn craft_notification(
    shared: Data<Shared>,
    request: Json<Crafted>,
) -> Result<Json<CraftedOutcome>, Refusal> {
    let order = shared
        .step(|world, _| world.order(&request.out_trade_no).cloned())
        .ok_or_else(|| Refusal::not_found("no such order"))?;
    craft(&shared, &order, &request)
        .await
        .map(Json)
        .map_err(|error| Refusal::invalid(error.to_string()))
}
