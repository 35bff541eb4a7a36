//! Saying that goods of an order were sent: written down under the order's lock, once for each intent, and
//! told to WeChat by the loop.

use std::sync::Arc;

use sqlx::PgConnection;
use uuid::Uuid;

use super::wanted::{Wanted, repeated};
use crate::domain::id::{OrderId, ShipmentId};
use crate::domain::name::TransactionId;
use crate::domain::order::OrderStatus;
use crate::domain::shipment::{self, Earlier, Plan, SHIPMENTS_MAX, ShipmentRefusal, ShipmentStatus, Told};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::event::NewEvent;
use crate::store::shipment::{NewShipment, ShippableOrder, StoredShipment};
use crate::telemetry;

/// A shipment, and whether it was said before.
#[derive(Debug)]
pub struct Said {
    /// The shipment as it was said.
    pub shipment: StoredShipment,
    /// Whether this is a repetition.
    pub is_replay: bool,
}

/// Writes down that goods of an order were sent, once for each idempotency key, and without one once for the
/// same again. WeChat hears of it from the loop. What follows a whole shipment corrects it, which WeChat
/// takes once.
///
/// # Errors
/// `payment_not_configured`, `order_not_found`, `order_state_conflict` for an order that is not paid or was
/// refunded in full, `shipment_correction_used`, `shipment_limit_reached`, `idempotency_key_reused`,
/// `validation_failed`.
pub async fn ship_order(
    context: &Arc<Context>,
    order_id: OrderId,
    key: Option<String>,
    wanted: Wanted,
) -> Result<Said, AppError> {
    context.merchant()?;
    let shared = Arc::clone(context);
    context
        .detached(async move { say(&shared, order_id, key.as_deref(), &wanted).await })
        .await
}

async fn say(
    context: &Context,
    order_id: OrderId,
    key: Option<&str>,
    wanted: &Wanted,
) -> Result<Said, AppError> {
    let hash = wanted.hash(order_id);
    let mut tx = context.db.begin().await?;
    // The order's lock is what makes the next looks see what every other request has written.
    let status = store::attempt::lock_order(&mut tx, order_id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::OrderNotFound))?;
    telemetry::note_order(order_id);
    let said = store::shipment::list_with_key(&mut *tx, order_id, key).await?;
    if let Some(said) = repetition(&said, (order_id, key), &hash)? {
        return Ok(said);
    }
    let order = store::shipment::find_order(&mut tx, order_id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::OrderNotFound))?;
    let transaction_id = shippable(&order, status)?;
    let parcels = wanted.parcels(&description(&order), contact(context, &order)?.as_deref())?;
    let earlier: Vec<Earlier> = said.into_iter().map(|one| one.told).collect();
    let told = Told {
        kind: wanted.kind,
        parcels: &parcels,
        is_complete: wanted.is_complete,
    };
    let plan = shipment::plan(&earlier, told).map_err(refused)?;
    let now = context.clock.now();
    let new = NewShipment {
        id: ShipmentId::from(context.entropy.uuid(now)?),
        order_id,
        position: plan.position,
        generation: plan.generation,
        transaction_id: &transaction_id,
        kind: wanted.kind,
        parcels: &parcels,
        is_split: plan.is_split,
        is_complete: wanted.is_complete,
        is_again: plan.is_again,
        cause: "operator",
        request_key: key,
        request_hash: &hash,
        next_try_at: now,
    };
    if plan.is_replacing {
        store::shipment::update_replaced(&mut tx, order_id, plan.position, now).await?;
    }
    // The key has just been taken for another order.
    if !store::shipment::insert(&mut tx, &new, now).await? {
        return Err(AppError::new(ErrorCode::IdempotencyKeyReused));
    }
    let event_id = context.entropy.uuid(now)?;
    let is_news = wanted.is_complete
        && note_shipped(context, &mut tx, (order_id, status), event_id, "operator").await?;
    tx.commit().await?;
    context.alarms.shipments.set(now);
    if is_news {
        context.alarms.events.set(now);
    }
    Ok(Said {
        shipment: as_said(&new, plan, now),
        is_replay: false,
    })
}

/// What an earlier request came to that was the same: by its key, or by its words where they are the newest.
fn repetition(
    said: &[StoredShipment],
    (order_id, key): (OrderId, Option<&str>),
    hash: &[u8],
) -> Result<Option<Said>, AppError> {
    let replay = |kept: &StoredShipment| {
        Ok(Some(Said {
            shipment: untold(kept),
            is_replay: true,
        }))
    };
    let by_key = said
        .iter()
        .find(|one| key.is_some() && one.request_key.as_deref() == key);
    if let Some(kept) = by_key {
        return if kept.request_hash == hash {
            replay(kept)
        } else {
            Err(AppError::new(ErrorCode::IdempotencyKeyReused))
        };
    }
    match said.iter().rfind(|one| one.order_id == order_id) {
        Some(last) if last.request_hash == hash && last.told.is_live() => replay(last),
        Some(_) | None => Ok(None),
    }
}

/// A shipment as it was said, whatever has become of it since.
fn untold(kept: &StoredShipment) -> StoredShipment {
    let mut said = kept.clone();
    said.told.status = ShipmentStatus::Created;
    said.failure_code = None;
    said.ended_at = None;
    said
}

/// The payment whose goods are sent.
fn shippable(order: &ShippableOrder, status: OrderStatus) -> Result<TransactionId, AppError> {
    let is_wanted = matches!(status, OrderStatus::Paid | OrderStatus::PartiallyRefunded);
    order.transaction_id.clone().filter(|_| is_wanted).ok_or_else(|| {
        AppError::new(ErrorCode::OrderStateConflict)
            .detail(format!("the order is {}; what is sent is paid", status.as_str()))
    })
}

/// What the order holds, in words.
pub(super) fn description(order: &ShippableOrder) -> String {
    shipment::description(
        order
            .lines
            .iter()
            .map(|(title, quantity)| (title.as_str(), *quantity)),
    )
}

/// How the buyer is reached, masked, where that is known.
fn contact(context: &Context, order: &ShippableOrder) -> Result<Option<String>, AppError> {
    let Some(sealed) = &order.phone_number else {
        return Ok(None);
    };
    let number =
        store::phone_number::open(&context.vault, order.user_id, sealed).map_err(AppError::internal)?;
    Ok(shipment::masked_contact(number.pure()))
}

fn refused(refusal: ShipmentRefusal) -> AppError {
    match refusal {
        ShipmentRefusal::CorrectionUsed => AppError::new(ErrorCode::ShipmentCorrectionUsed),
        ShipmentRefusal::TooMany => AppError::new(ErrorCode::ShipmentLimitReached)
            .detail(format!("{SHIPMENTS_MAX} were told of this order")),
        ShipmentRefusal::Repeated(at) => AppError::fields(vec![repeated(at)]),
    }
}

/// Notes that all of a locked order was sent, and writes the event that says so. Tells whether that was news.
pub(super) async fn note_shipped(
    context: &Context,
    tx: &mut PgConnection,
    (order_id, status): (OrderId, OrderStatus),
    event_id: Uuid,
    cause: &'static str,
) -> Result<bool, store::Error> {
    let now = context.clock.now();
    if !store::shipment::update_shipped(tx, order_id, now).await? {
        return Ok(false);
    }
    let event = NewEvent {
        id: event_id,
        order_id,
        kind: "order.shipped",
        from: status,
        to: status,
        cause,
        is_told: context.webhook.is_some(),
    };
    store::event::insert(tx, &event, now).await?;
    Ok(true)
}

fn as_said(new: &NewShipment<'_>, plan: Plan, now: chrono::DateTime<chrono::Utc>) -> StoredShipment {
    StoredShipment {
        id: new.id,
        order_id: new.order_id,
        told: Earlier {
            position: plan.position,
            generation: plan.generation,
            kind: new.kind,
            parcels: new.parcels.to_vec(),
            is_complete: new.is_complete,
            is_again: plan.is_again,
            status: ShipmentStatus::Created,
            may_have_arrived: false,
            is_chance_denied: false,
        },
        cause: new.cause.to_owned(),
        request_key: new.request_key.map(str::to_owned),
        request_hash: new.request_hash.to_vec(),
        failure_code: None,
        created_at: now,
        ended_at: None,
    }
}
