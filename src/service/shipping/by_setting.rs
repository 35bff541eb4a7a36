//! A shop of virtual goods: what is paid is sent, by `SHIP_VIRTUAL_GOODS`.

use chrono::TimeDelta;
use sqlx::PgConnection;

use super::ship_order::{description, note_shipped};
use super::wanted::Wanted;
use crate::domain::id::{OrderId, ShipmentId};
use crate::domain::order::OrderStatus;
use crate::domain::shipment::{Parcel, ShipmentKind};
use crate::service::Context;
use crate::store;
use crate::store::shipment::NewShipment;
use crate::store::vault::VaultError;

/// WeChat may not know the payment yet when we do.
pub(in crate::service) const HEAD_START: TimeDelta = TimeDelta::seconds(30);

/// Writes down, in the transaction that paid the order, that its virtual goods are sent. Nothing happens
/// without the setting.
///
/// # Errors
/// Only when the database fails.
pub(in crate::service) async fn ship_paid(
    context: &Context,
    tx: &mut PgConnection,
    order_id: OrderId,
) -> Result<(), store::Error> {
    if !context.ships_virtual_goods {
        return Ok(());
    }
    let inconsistent = || store::Error::Inconsistent { table: "orders" };
    let now = context.clock.now();
    let uuid = || context.entropy.uuid(now).map_err(VaultError::from);
    let order = store::shipment::find_order(tx, order_id)
        .await?
        .ok_or_else(inconsistent)?;
    let transaction_id = order.transaction_id.clone().ok_or_else(inconsistent)?;
    let parcel = Parcel {
        tracking_no: None,
        carrier: None,
        description: description(&order),
        receiver_contact: None,
    };
    let new = NewShipment {
        id: ShipmentId::from(uuid()?),
        order_id,
        position: 1,
        generation: 1,
        transaction_id: &transaction_id,
        kind: ShipmentKind::Virtual,
        parcels: std::slice::from_ref(&parcel),
        is_split: false,
        is_complete: true,
        is_again: false,
        cause: "setting",
        request_key: None,
        request_hash: &Wanted::virtual_goods().hash(order_id),
        next_try_at: now + HEAD_START,
    };
    store::shipment::insert(tx, &new, now).await?;
    note_shipped(context, tx, (order_id, OrderStatus::Paid), uuid()?, "setting").await?;
    Ok(())
}
