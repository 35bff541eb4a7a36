//! Telling WeChat of shipments: what is due, who has it in hand, and what came of it.
//!
//! The order is locked before its shipment, everywhere.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::{OrderId, ShipmentId};
use crate::domain::name::{AppId, OpenId, TransactionId};
use crate::domain::shipment::{Parcel, ShipmentKind, ShipmentStatus};

fn inconsistent() -> Error {
    Error::Inconsistent { table: "shipments" }
}

/// A shipment that WeChat is to be told of.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as the books have it"
)]
pub struct DueShipment {
    /// The shipment.
    pub id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// The order's mini program.
    pub app_id: AppId,
    /// Who paid.
    pub payer: OpenId,
    /// When.
    pub paid_at: DateTime<Utc>,
    /// The payment.
    pub transaction_id: TransactionId,
    /// How the goods were sent.
    pub kind: ShipmentKind,
    /// What was sent.
    pub parcels: Vec<Parcel>,
    /// Whether it is one of several parcels.
    pub is_split: bool,
    /// Whether that was all of the order.
    pub is_complete: bool,
    /// Whether it takes the chance to correct.
    pub is_again: bool,
    /// Whether WeChat may have had it before this turn.
    pub may_have_arrived: bool,
    /// Later than every `upload_time` of the order before.
    pub upload_at: DateTime<Utc>,
    /// How often it was in somebody's hands, this time included.
    pub tries: i32,
    /// When it was wanted.
    pub created_at: DateTime<Utc>,
}

#[expect(clippy::struct_excessive_bools, reason = "the columns of a row")]
struct DueRow {
    id: Uuid,
    order_id: Uuid,
    app_id: String,
    payer: String,
    paid_at: DateTime<Utc>,
    transaction_id: String,
    kind: String,
    parcels: Json<Vec<Parcel>>,
    is_split: bool,
    is_complete: bool,
    is_again: bool,
    may_have_arrived: bool,
    upload_at: DateTime<Utc>,
    tries: i32,
    created_at: DateTime<Utc>,
}

impl DueRow {
    fn due(self) -> Option<DueShipment> {
        Some(DueShipment {
            id: self.id.into(),
            order_id: self.order_id.into(),
            app_id: AppId::parse(self.app_id).ok()?,
            payer: OpenId::parse(self.payer).ok()?,
            paid_at: self.paid_at,
            transaction_id: TransactionId::parse(self.transaction_id).ok()?,
            kind: ShipmentKind::parse(&self.kind)?,
            parcels: self.parcels.0,
            is_split: self.is_split,
            is_complete: self.is_complete,
            is_again: self.is_again,
            may_have_arrived: self.may_have_arrived,
            upload_at: self.upload_at,
            tries: self.tries,
            created_at: self.created_at,
        })
    }
}

/// Takes a lease on up to `limit` shipments that are due and in nobody's hands, the longest due first and no
/// order's second before its first; gives each its time, and notes that from then on WeChat may have it.
pub async fn claim_due(
    db: impl PgExecutor<'_>,
    lease_token: Uuid,
    lease_until: DateTime<Utc>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<DueShipment>, Error> {
    let statement = sqlx::query_as!(
        DueRow,
        r#"-- shipment_upload.claim_due
        with due as materialized (
            select s.id, s.may_have_arrived,
                (select max(e.upload_at) from shipments e where e.order_id = s.order_id) as last_at
            from shipments s
            where s.next_try_at <= $3 and (s.lease_until is null or s.lease_until <= $3)
                and not exists (select from shipments e where e.order_id = s.order_id and e.position < s.position
                    and e.status = 'created')
            order by s.next_try_at
            limit $4
            for update skip locked
        )
        update shipments s set lease_token = $1, lease_until = $2, tries = s.tries + 1, may_have_arrived = true,
            upload_at = greatest(date_trunc('milliseconds', $3::timestamptz), due.last_at + interval '1 millisecond')
        from due, orders o, payments p
        where s.id = due.id and o.id = s.order_id and p.transaction_id = s.transaction_id
        returning s.id, s.order_id, o.app_id, coalesce(p.payer_openid, o.openid) as "payer!", p.success_at as paid_at,
            s.transaction_id, s.kind, s.parcels as "parcels: Json<Vec<Parcel>>", s.is_split, s.is_complete, s.is_again,
            due.may_have_arrived, s.upload_at as "upload_at!", s.tries, s.created_at"#,
        lease_token,
        lease_until,
        now,
        limit,
    )
    .fetch_all(db);
    let rows = query("shipment_upload.claim_due", statement).await?;
    rows.into_iter()
        .map(|row| row.due().ok_or_else(inconsistent))
        .collect()
}

/// When WeChat is told again, and what is known meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Postponement<'a> {
    /// When.
    pub next_try_at: DateTime<Utc>,
    /// What stood in the way.
    pub failure_code: &'a str,
    /// Whether WeChat may have it.
    pub may_have_arrived: bool,
}

/// Gives a lease back without an end. Does nothing where the shipment ended meanwhile, or the lease ran out
/// and somebody else has it.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    id: ShipmentId,
    lease_token: Uuid,
    to: Postponement<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- shipment_upload.postpone
        update shipments set lease_token = null, lease_until = null, next_try_at = $3, failure_code = $4,
            may_have_arrived = $5, updated_at = $6
        where id = $1 and lease_token = $2 and status = 'created'",
        Uuid::from(id),
        lease_token,
        to.next_try_at,
        to.failure_code,
        to.may_have_arrived,
        now,
    )
    .execute(db);
    query("shipment_upload.postpone", statement).await?;
    Ok(())
}

/// Ends a shipment under its lease; tells whether it still held.
pub async fn update_ended(
    db: &mut PgConnection,
    id: ShipmentId,
    lease_token: Uuid,
    (to, failure_code): (ShipmentStatus, Option<&str>),
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- shipment_upload.update_ended
        update shipments set status = $3, failure_code = $4, may_have_arrived = false, next_try_at = null, ended_at = $5,
            lease_token = null, lease_until = null, updated_at = $5
        where id = $1 and lease_token = $2 and status = 'created'",
        Uuid::from(id),
        lease_token,
        to.as_str(),
        failure_code,
        now,
    )
    .execute(db);
    Ok(query("shipment_upload.update_ended", statement)
        .await?
        .rows_affected()
        == 1)
}

/// Ends what waits behind a shipment of a locked order and would correct it in several parcels, as refused; tells how
/// many that were.
pub async fn update_refused_behind(
    db: &mut PgConnection,
    id: ShipmentId,
    failure_code: &str,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- shipment_upload.update_refused_behind
        update shipments s set status = 'refused', failure_code = $2, next_try_at = null, ended_at = $3, updated_at = $3
        from shipments e
        where e.id = $1 and s.order_id = e.order_id and s.generation > e.generation and s.is_split
            and s.status = 'created'",
        Uuid::from(id),
        failure_code,
        now,
    )
    .execute(db);
    Ok(query("shipment_upload.update_refused_behind", statement)
        .await?
        .rows_affected())
}
