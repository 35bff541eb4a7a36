//! Shipments as they are wanted, by the operator or by the setting, and read again. What becomes of them
//! at WeChat is in `shipment_upload`.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::{OrderId, ShipmentId};
use crate::domain::name::TransactionId;
use crate::domain::order::OrderStatus;
use crate::domain::shipment::{Earlier, Parcel, ShipmentKind, ShipmentStatus};

fn inconsistent() -> Error {
    Error::Inconsistent { table: "shipments" }
}

/// An order whose goods are sent.
#[derive(Clone, Debug)]
pub struct ShippableOrder {
    /// Where it stands.
    pub status: OrderStatus,
    /// The payment that paid it.
    pub transaction_id: Option<TransactionId>,
    /// The titles and quantities of its lines, in their order.
    pub lines: Vec<(String, i32)>,
    /// The buyer's phone number, sealed, if it is kept.
    pub phone_number: Option<Vec<u8>>,
    /// Who bought.
    pub user_id: crate::domain::id::UserId,
}

/// An order, to be read under its lock.
pub async fn find_order(db: &mut PgConnection, id: OrderId) -> Result<Option<ShippableOrder>, Error> {
    let statement = sqlx::query!(
        r#"-- shipment.find_order
        select o.status, o.user_id,
            (select p.transaction_id from payments p where p.order_id = o.id and not p.is_surplus) as "transaction_id?",
            (select jsonb_agg(jsonb_build_array(i.title, i.quantity) order by i.position)
             from order_items i where i.order_id = o.id) as "lines!: Json<Vec<(String, i32)>>",
            (select n.phone_number from phone_numbers n where n.user_id = o.user_id) as "phone_number?"
        from orders o where o.id = $1"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    let Some(row) = query("shipment.find_order", statement).await? else {
        return Ok(None);
    };
    Ok(Some(ShippableOrder {
        status: OrderStatus::parse(&row.status).ok_or_else(inconsistent)?,
        transaction_id: row
            .transaction_id
            .map(TransactionId::parse)
            .transpose()
            .map_err(|_| inconsistent())?,
        lines: row.lines.0,
        phone_number: row.phone_number,
        user_id: row.user_id.into(),
    }))
}

/// A new shipment, as it is written.
#[derive(Clone, Debug)]
pub struct NewShipment<'a> {
    /// The shipment.
    pub id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// Its place among those of the order.
    pub position: i32,
    /// Which telling it belongs to.
    pub generation: i32,
    /// The payment whose goods were sent.
    pub transaction_id: &'a TransactionId,
    /// How.
    pub kind: ShipmentKind,
    /// What.
    pub parcels: &'a [Parcel],
    /// Whether it is one of several parcels.
    pub is_split: bool,
    /// Whether that is all of the order.
    pub is_complete: bool,
    /// Whether it takes the chance to correct.
    pub is_again: bool,
    /// `operator` or `setting`.
    pub cause: &'static str,
    /// The operator's key, if there is one.
    pub request_key: Option<&'a str>,
    /// The hash of the request.
    pub request_hash: &'a [u8],
    /// From when WeChat is told.
    pub next_try_at: DateTime<Utc>,
}

/// Writes a new shipment of a locked order. Tells whether it was written: a key that is taken leaves
/// everything as it is.
pub async fn insert(db: &mut PgConnection, new: &NewShipment<'_>, now: DateTime<Utc>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- shipment.insert
        insert into shipments (id, order_id, position, generation, transaction_id, kind, parcels, is_split, is_complete,
            is_again, cause, request_key, request_hash, status, next_try_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'created', $14, $15, $15)
        on conflict on constraint shipments_request_key_key do nothing",
        Uuid::from(new.id),
        Uuid::from(new.order_id),
        new.position,
        new.generation,
        new.transaction_id.as_str(),
        new.kind.as_str(),
        Json(new.parcels) as _,
        new.is_split,
        new.is_complete,
        new.is_again,
        new.cause,
        new.request_key,
        new.request_hash,
        new.next_try_at,
        now,
    )
    .execute(db);
    Ok(query("shipment.insert", statement).await?.rows_affected() == 1)
}

/// Has WeChat not told any more of what a locked order's shipments before `position` say and WeChat has not
/// said that it has.
pub async fn update_replaced(
    db: &mut PgConnection,
    order_id: OrderId,
    position: i32,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- shipment.update_replaced
        update shipments set status = 'replaced', next_try_at = null, lease_token = null, lease_until = null,
            ended_at = $3, updated_at = $3
        where order_id = $1 and position < $2 and status = 'created'",
        Uuid::from(order_id),
        position,
        now,
    )
    .execute(db);
    query("shipment.update_replaced", statement).await?;
    Ok(())
}

/// Notes that all of a locked order was sent; tells whether it was not before.
pub async fn update_shipped(
    db: &mut PgConnection,
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- shipment.update_shipped
        update orders set shipped_at = $2, updated_at = $2 where id = $1 and shipped_at is null",
        Uuid::from(order_id),
        now,
    )
    .execute(db);
    Ok(query("shipment.update_shipped", statement).await?.rows_affected() == 1)
}

/// A shipment as it stands in the books.
#[derive(Clone, Debug)]
pub struct StoredShipment {
    /// The shipment.
    pub id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// What it says, and where it stands.
    pub told: Earlier,
    /// `operator` or `setting`.
    pub cause: String,
    /// The operator's key, if there was one.
    pub request_key: Option<String>,
    /// The hash of the request.
    pub request_hash: Vec<u8>,
    /// What stood in the way last.
    pub failure_code: Option<String>,
    /// When it was wanted.
    pub created_at: DateTime<Utc>,
    /// When it came to its end.
    pub ended_at: Option<DateTime<Utc>>,
}

#[expect(clippy::struct_excessive_bools, reason = "the columns of a row")]
struct StoredRow {
    id: Uuid,
    order_id: Uuid,
    position: i32,
    generation: i32,
    kind: String,
    parcels: Json<Vec<Parcel>>,
    is_complete: bool,
    is_again: bool,
    cause: String,
    request_key: Option<String>,
    request_hash: Vec<u8>,
    status: String,
    may_have_arrived: bool,
    is_chance_denied: bool,
    failure_code: Option<String>,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl StoredRow {
    fn stored(self) -> Option<StoredShipment> {
        Some(StoredShipment {
            id: self.id.into(),
            order_id: self.order_id.into(),
            told: Earlier {
                position: self.position,
                generation: self.generation,
                kind: ShipmentKind::parse(&self.kind)?,
                parcels: self.parcels.0,
                is_complete: self.is_complete,
                is_again: self.is_again,
                status: ShipmentStatus::parse(&self.status)?,
                may_have_arrived: self.may_have_arrived,
                is_chance_denied: self.is_chance_denied,
            },
            cause: self.cause,
            request_key: self.request_key,
            request_hash: self.request_hash,
            failure_code: self.failure_code,
            created_at: self.created_at,
            ended_at: self.ended_at,
        })
    }
}

/// Everything that was said of an order's shipment, oldest first, and whatever the key has made for another.
pub async fn list_with_key(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
    key: Option<&str>,
) -> Result<Vec<StoredShipment>, Error> {
    let statement = sqlx::query_as!(
        StoredRow,
        r#"-- shipment.list_with_key
        select id, order_id, position, generation, kind, parcels as "parcels: Json<Vec<Parcel>>", is_complete, is_again, cause,
            request_key, request_hash, status, may_have_arrived,
            status = 'refused' and failure_code is not distinct from '10060003' as "is_chance_denied!",
            failure_code, created_at, ended_at
        from shipments where order_id = $1 or request_key = $2
        order by position"#,
        Uuid::from(order_id),
        key,
    )
    .fetch_all(db);
    let rows = query("shipment.list_with_key", statement).await?;
    rows.into_iter()
        .map(|row| row.stored().ok_or_else(inconsistent))
        .collect()
}
