//! Order shipping management: the truth about each shipment, who is under it, receipts and reminders.

#![expect(unused_qualifications, reason = "the path macro repeats types in full")]

use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::refusal::Refusal;
use crate::simulator::log::EventKind;
use crate::simulator::record::{Order, Record};
use crate::simulator::shipping::{self, Parcel};
use crate::simulator::state::Shared;
use crate::simulator::world::World;

/// A paid order, and what was told of its goods.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShipmentResponse {
    app_id: String,
    out_trade_no: String,
    transaction_id: Option<String>,
    /// 1 to be sent, 2 sent, 3 received, 4 finished, 5 refunded, 6 the money waits to be settled.
    order_state: i64,
    /// 1 express, 2 within the city, 3 virtual, 4 fetched; null: nothing was told.
    logistics_type: Option<i64>,
    /// 1 in one parcel, 2 in several.
    delivery_mode: Option<i64>,
    is_finished: bool,
    finish_count: u32,
    /// Whether the one chance to ship again is used.
    is_again_used: bool,
    parcels: Vec<Parcel>,
    shipped_at: Option<DateTime<Utc>>,
    confirmed_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
}

impl ShipmentResponse {
    fn new(world: &World, order: Order) -> Self {
        let told = world.shippings.get(&order.out_trade_no);
        Self {
            order_state: shipping::order_state(world, &order),
            logistics_type: told.map(|told| told.logistics_type),
            delivery_mode: told.map(|told| told.delivery_mode),
            is_finished: told.is_some_and(|told| told.is_finished),
            finish_count: told.map_or(0, |told| told.finish_count),
            is_again_used: told.is_some_and(|told| told.is_again_used),
            parcels: told.map(|told| told.parcels.clone()).unwrap_or_default(),
            shipped_at: told.and_then(|told| told.shipped_at),
            confirmed_at: told.and_then(|told| told.confirmed_at),
            settled_at: told.and_then(|told| told.settled_at),
            app_id: order.app_id,
            out_trade_no: order.out_trade_no,
            transaction_id: order.payment.map(|payment| payment.transaction_id),
        }
    }
}

/// The truth, oldest order first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShipmentListResponse {
    items: Vec<ShipmentResponse>,
}

/// Which orders are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ShipmentQuery {
    /// Only this one.
    out_trade_no: Option<String>,
}

/// Whether a mini program is under order shipping management.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ManagementRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    is_managed: bool,
}

/// What is reminded of.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reminder {
    /// That the interface should be used.
    AccessApi,
    /// Each order that was paid 48 hours ago or earlier and is not shipped.
    Shipping,
}

/// A reminder that goes out now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReminderRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    kind: Reminder,
}

/// How many messages went on their way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReminderResponse {
    reminders: usize,
}

/// The truth about the shipment of every paid order.
#[utoipa::path(
    get,
    path = "/simulator/shipments",
    params(ShipmentQuery),
    responses((status = 200, body = ShipmentListResponse))
)]
pub(super) async fn list_shipments(
    shared: Data<Shared>,
    query: Query<ShipmentQuery>,
) -> Json<ShipmentListResponse> {
    let items = shared.step(|world, _| {
        let orders = match &query.out_trade_no {
            Some(number) => world.order(number).cloned().into_iter().collect(),
            None => world.orders(),
        };
        let paid = orders.into_iter().filter(|order| order.payment.is_some());
        paid.map(|order| ShipmentResponse::new(world, order)).collect()
    });
    Json(ShipmentListResponse { items })
}

/// The buyer confirms the receipt.
#[utoipa::path(
    post,
    path = "/simulator/shipments/{out_trade_no}/confirm",
    params(("out_trade_no" = String, Path)),
    responses(
        (status = 200, body = ShipmentResponse),
        (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "It is not on its way")
    )
)]
pub(super) async fn confirm_receipt(
    shared: Data<Shared>,
    out_trade_no: Path<String>,
) -> Result<Json<ShipmentResponse>, Refusal> {
    let confirmed = shared.step(|world, now| {
        let order = world.order(&out_trade_no).cloned();
        let order = order.ok_or_else(|| Refusal::not_found("no such order"))?;
        let told = world.shippings.get(&out_trade_no).cloned();
        let told = told.filter(|_| shipping::order_state(world, &order) == 2);
        let told = told.ok_or_else(|| Refusal::conflict("the order is not on its way"))?;
        shipping::confirm(world, told, true, now);
        Ok(ShipmentResponse::new(world, order))
    })?;
    let title = format!("{out_trade_no} received");
    let data = json!({ "out_trade_no": confirmed.out_trade_no });
    shared
        .log
        .event(shared.clock.now(), EventKind::ReceiptConfirmed, title, data);
    Ok(Json(confirmed))
}

/// Puts a mini program under order shipping management, which it is told by a push, or takes it out.
#[utoipa::path(
    put,
    path = "/simulator/shipping-management",
    responses((status = 200, body = ManagementRequest), (status = 404, body = Refusal))
)]
pub(super) async fn set_management(
    shared: Data<Shared>,
    request: Json<ManagementRequest>,
) -> Result<Json<ManagementRequest>, Refusal> {
    let app_id = app_id(&shared, request.app_id.as_deref())?;
    let is_managed = request.is_managed;
    shared.step(|world, now| {
        let is_new = is_managed && !world.shippings.is_managed(&app_id);
        world.put(Record::ShippingManaged {
            app_id: app_id.clone(),
            is_managed,
        });
        if is_new {
            shipping::tell_controlled(world, &app_id, now);
        }
    });
    shared.wake.notify_one();
    let what = if is_managed { "under" } else { "without" };
    let title = format!("{app_id} {what} order shipping management");
    let answer = ManagementRequest {
        app_id: Some(app_id),
        is_managed,
    };
    shared.log.event(
        shared.clock.now(),
        EventKind::ShippingManagement,
        title,
        json!(answer),
    );
    Ok(Json(answer))
}

/// Sends reminders to a mini program.
#[utoipa::path(
    post,
    path = "/simulator/shipping-reminders",
    responses((status = 200, body = ReminderResponse), (status = 404, body = Refusal))
)]
pub(super) async fn send_reminders(
    shared: Data<Shared>,
    request: Json<ReminderRequest>,
) -> Result<Json<ReminderResponse>, Refusal> {
    let app_id = app_id(&shared, request.app_id.as_deref())?;
    let reminders = shared.step(|world, now| match request.kind {
        Reminder::AccessApi => {
            shipping::remind_of_access(world, &app_id, now);
            1
        }
        Reminder::Shipping => shipping::remind_of_shipping(world, &app_id, now),
    });
    shared.wake.notify_one();
    Ok(Json(ReminderResponse { reminders }))
}

fn app_id(shared: &Shared, wanted: Option<&str>) -> Result<String, Refusal> {
    shared
        .app(wanted)
        .map(|app| app.app_id.clone())
        .ok_or_else(|| Refusal::not_found("no such mini program"))
}
