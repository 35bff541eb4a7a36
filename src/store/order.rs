//! Orders and their lines.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::fen::Fen;
use crate::domain::id::{OrderId, UserId};
use crate::domain::name::{AppId, OpenId, OutTradeNo, ProductId};
use crate::domain::order::{OrderItem, OrderStatus};

/// An order as it stands in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// The order.
    pub id: OrderId,
    /// Where it stands.
    pub status: OrderStatus,
    /// What it costs.
    pub total_fen: Fen,
    /// What went back to the payer.
    pub refunded_fen: Fen,
    /// What is on its way back to the payer.
    pub refunding_fen: Fen,
    /// `CNY`.
    pub currency: String,
    /// What the buyer added.
    pub note: Option<String>,
    /// Its lines.
    pub items: Vec<OrderItem>,
    /// The settled attempt's number, else the newest's; none before the first.
    pub out_trade_no: Option<OutTradeNo>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it is closed if it is still unpaid.
    pub expires_at: DateTime<Utc>,
    /// When the money landed.
    pub paid_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub closed_at: Option<DateTime<Utc>>,
    /// When the goods were sent.
    pub shipped_at: Option<DateTime<Utc>>,
}

struct OrderRow {
    id: Uuid,
    status: String,
    total_fen: i64,
    refunded_fen: i64,
    refunding_fen: i64,
    currency: String,
    note: Option<String>,
    items: sqlx::types::Json<Vec<ItemRow>>,
    out_trade_no: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    shipped_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct ItemRow {
    product_id: ProductId,
    title: String,
    unit_price_fen: Fen,
    quantity: i32,
}

impl OrderRow {
    fn order(self) -> Result<StoredOrder, Error> {
        let inconsistent = || Error::Inconsistent { table: "orders" };
        Ok(StoredOrder {
            id: self.id.into(),
            status: OrderStatus::parse(&self.status).ok_or_else(inconsistent)?,
            total_fen: Fen::new(self.total_fen).map_err(|_| inconsistent())?,
            refunded_fen: Fen::new(self.refunded_fen).map_err(|_| inconsistent())?,
            refunding_fen: Fen::new(self.refunding_fen).map_err(|_| inconsistent())?,
            currency: self.currency,
            note: self.note,
            items: self.items.0.into_iter().map(ItemRow::item).collect(),
            out_trade_no: self
                .out_trade_no
                .map(OutTradeNo::parse)
                .transpose()
                .map_err(|_| inconsistent())?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            paid_at: self.paid_at,
            closed_at: self.closed_at,
            shipped_at: self.shipped_at,
        })
    }
}

impl ItemRow {
    fn item(self) -> OrderItem {
        OrderItem {
            product_id: self.product_id,
            title: self.title,
            unit_price_fen: self.unit_price_fen,
            quantity: self.quantity,
        }
    }
}

/// One order of this user; another's is not found.
pub async fn find_of_user(
    db: impl PgExecutor<'_>,
    id: OrderId,
    user_id: UserId,
) -> Result<Option<StoredOrder>, Error> {
    let statement = sqlx::query_as!(
        OrderRow,
        r#"-- order.find_of_user
        select o.id, o.status, o.total_fen, o.refunded_fen, o.currency, o.note, o.created_at, o.expires_at,
            o.paid_at, o.closed_at, o.shipped_at,
            (select jsonb_agg(jsonb_build_object('product_id', i.product_id, 'title', i.title,
                'unit_price_fen', i.unit_price_fen, 'quantity', i.quantity) order by i.position)
             from order_items i where i.order_id = o.id) as "items!: sqlx::types::Json<Vec<ItemRow>>",
            (select a.out_trade_no from payment_attempts a where a.order_id = o.id
             order by a.state = 'settled' desc, a.id desc limit 1) as "out_trade_no?",
            coalesce((select b.reserved_fen - b.succeeded_fen from refund_balances b
             where b.order_id = o.id and not b.is_surplus), 0) as "refunding_fen!"
        from orders o
        where o.id = $1 and o.user_id = $2"#,
        Uuid::from(id),
        Uuid::from(user_id),
    )
    .fetch_optional(db);
    query("order.find_of_user", statement)
        .await?
        .map(OrderRow::order)
        .transpose()
}

/// One order, whosesoever it is.
pub async fn find(db: impl PgExecutor<'_>, id: OrderId) -> Result<Option<StoredOrder>, Error> {
    Ok(list_by_ids(db, &[id]).await?.pop())
}

/// The orders with these ids, newest first; none for an id that is nobody's.
pub async fn list_by_ids(db: impl PgExecutor<'_>, ids: &[OrderId]) -> Result<Vec<StoredOrder>, Error> {
    let ids: Vec<Uuid> = ids.iter().copied().map(Uuid::from).collect();
    let statement = sqlx::query_as!(
        OrderRow,
        r#"-- order.list_by_ids
        select o.id, o.status, o.total_fen, o.refunded_fen, o.currency, o.note, o.created_at, o.expires_at,
            o.paid_at, o.closed_at, o.shipped_at,
            (select jsonb_agg(jsonb_build_object('product_id', i.product_id, 'title', i.title,
                'unit_price_fen', i.unit_price_fen, 'quantity', i.quantity) order by i.position)
             from order_items i where i.order_id = o.id) as "items!: sqlx::types::Json<Vec<ItemRow>>",
            (select a.out_trade_no from payment_attempts a where a.order_id = o.id
             order by a.state = 'settled' desc, a.id desc limit 1) as "out_trade_no?",
            coalesce((select b.reserved_fen - b.succeeded_fen from refund_balances b
             where b.order_id = o.id and not b.is_surplus), 0) as "refunding_fen!"
        from orders o
        where o.id = any($1)
        order by o.id desc"#,
        &ids,
    )
    .fetch_all(db);
    query("order.list_by_ids", statement)
        .await?
        .into_iter()
        .map(OrderRow::order)
        .collect()
}

/// Up to `limit` orders of a user, newest first, before the order `before`.
pub async fn list_of_user(
    db: impl PgExecutor<'_>,
    user_id: UserId,
    status: Option<OrderStatus>,
    before: Option<OrderId>,
    limit: i64,
) -> Result<Vec<StoredOrder>, Error> {
    let statement = sqlx::query_as!(
        OrderRow,
        r#"-- order.list_of_user
        select o.id, o.status, o.total_fen, o.refunded_fen, o.currency, o.note, o.created_at, o.expires_at,
            o.paid_at, o.closed_at, o.shipped_at,
            (select jsonb_agg(jsonb_build_object('product_id', i.product_id, 'title', i.title,
                'unit_price_fen', i.unit_price_fen, 'quantity', i.quantity) order by i.position)
             from order_items i where i.order_id = o.id) as "items!: sqlx::types::Json<Vec<ItemRow>>",
            (select a.out_trade_no from payment_attempts a where a.order_id = o.id
             order by a.state = 'settled' desc, a.id desc limit 1) as "out_trade_no?",
            coalesce((select b.reserved_fen - b.succeeded_fen from refund_balances b
             where b.order_id = o.id and not b.is_surplus), 0) as "refunding_fen!"
        from orders o
        where o.user_id = $1 and ($2::text is null or o.status = $2) and ($3::uuid is null or o.id < $3)
        order by o.id desc
        limit $4"#,
        Uuid::from(user_id),
        status.map(OrderStatus::as_str),
        before.map(Uuid::from),
        limit,
    )
    .fetch_all(db);
    query("order.list_of_user", statement)
        .await?
        .into_iter()
        .map(OrderRow::order)
        .collect()
}

/// A new order, as it is written.
#[derive(Debug)]
pub struct NewOrder<'a> {
    /// The order.
    pub id: OrderId,
    /// Who buys.
    pub user_id: UserId,
    /// In which mini program.
    pub app_id: &'a AppId,
    /// Under which name at WeChat.
    pub openid: &'a OpenId,
    /// What it costs.
    pub total_fen: Fen,
    /// What the payer reads in WeChat.
    pub description: &'a str,
    /// What the buyer added.
    pub note: Option<&'a str>,
    /// Its lines, each with whether it took stock.
    pub items: &'a [(OrderItem, bool)],
    /// Now.
    pub now: DateTime<Utc>,
    /// When it is closed if it is still unpaid.
    pub expires_at: DateTime<Utc>,
}

/// Writes a new order with its lines.
pub async fn insert(db: &mut PgConnection, order: &NewOrder<'_>) -> Result<(), Error> {
    let product_ids: Vec<String> = order
        .items
        .iter()
        .map(|(item, _)| item.product_id.as_str().to_owned())
        .collect();
    let titles: Vec<String> = order.items.iter().map(|(item, _)| item.title.clone()).collect();
    let prices: Vec<i64> = order
        .items
        .iter()
        .map(|(item, _)| item.unit_price_fen.get())
        .collect();
    let quantities: Vec<i32> = order.items.iter().map(|(item, _)| item.quantity).collect();
    let stocked: Vec<bool> = order.items.iter().map(|(_, is_stocked)| *is_stocked).collect();
    let statement = sqlx::query!(
        "-- order.insert
        with made as (
            insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, note,
                created_at, updated_at, expires_at)
            values ($1, $2, $3, $4, 'awaiting_payment', $5, 'CNY', $6, $7, $8, $8, $9)
            returning id
        )
        insert into order_items (order_id, position, product_id, title, unit_price_fen, quantity, is_stocked)
        select made.id, line.position - 1, line.product_id, line.title, line.price, line.quantity, line.is_stocked
        from made, unnest($10::text[], $11::text[], $12::bigint[], $13::integer[], $14::boolean[])
            with ordinality as line (product_id, title, price, quantity, is_stocked, position)",
        Uuid::from(order.id),
        Uuid::from(order.user_id),
        order.app_id.as_str(),
        order.openid.as_str(),
        order.total_fen.get(),
        order.description,
        order.note,
        order.now,
        order.expires_at,
        &product_ids,
        &titles,
        &prices,
        &quantities,
        &stocked,
    )
    .execute(db);
    query("order.insert", statement).await?;
    Ok(())
}

/// Takes the turn to ask WeChat about an order on a page's behalf: at most once in `every`. Tells
/// whether the turn was free. A turn that lies further ahead than that was taken by a clock that has been set back
/// since, and does not count.
pub async fn update_synced(
    db: impl PgExecutor<'_>,
    id: OrderId,
    now: DateTime<Utc>,
    every: TimeDelta,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- order.update_synced
        update orders set synced_at = $2
        where id = $1 and (synced_at is null or synced_at <= $3 or synced_at > $4)",
        Uuid::from(id),
        now,
        now - every,
        now + every,
    )
    .execute(db);
    Ok(query("order.update_synced", statement).await?.rows_affected() == 1)
}

/// Claims up to `limit` orders that await payment past their time, by moving their next try ahead:
/// after the nth try by the nth of `waits_s` seconds, the last one again and again. Without
/// `is_calling` only those that no attempt holds open.
pub async fn claim_expired(
    db: impl PgExecutor<'_>,
    is_calling: bool,
    waits_s: &[i64],
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<OrderId>, Error> {
    let statement = sqlx::query_scalar!(
        "-- order.claim_expired
        with due as materialized (
            select id from orders
            where status = 'awaiting_payment' and coalesce(next_close_at, expires_at) <= $1 and expires_at <= $1
                and ($2 or not exists (select from payment_attempts a where a.order_id = orders.id
                    and a.state in ('created', 'unknown', 'prepaid')))
            order by coalesce(next_close_at, expires_at) limit $3
            for no key update skip locked
        )
        update orders set
            next_close_at = $1 + make_interval(secs => ($4::bigint[])[least(close_tries + 1, cardinality($4))]),
            close_tries = close_tries + 1
        from due where orders.id = due.id
        returning orders.id",
        now,
        is_calling,
        limit,
        waits_s,
    )
    .fetch_all(db);
    let ids = query("order.claim_expired", statement).await?;
    Ok(ids.into_iter().map(OrderId::from).collect())
}

/// Closes an order that awaits payment; tells whether it did.
pub async fn update_closed(db: &mut PgConnection, id: OrderId, now: DateTime<Utc>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- order.update_closed
        update orders set status = 'closed', closed_at = $2, updated_at = $2
        where id = $1 and status = 'awaiting_payment'",
        Uuid::from(id),
        now,
    )
    .execute(db);
    Ok(query("order.update_closed", statement).await?.rows_affected() == 1)
}

/// Counts what went back to the payer of a locked order, and moves it.
pub async fn update_refunded(
    db: &mut PgConnection,
    id: OrderId,
    (status, refunded_fen): (OrderStatus, Fen),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- order.update_refunded
        update orders set status = $2, refunded_fen = $3, updated_at = $4
        where id = $1 and status in ('paid', 'partially_refunded')",
        Uuid::from(id),
        status.as_str(),
        refunded_fen.get(),
        now,
    )
    .execute(db);
    if query("order.update_refunded", statement).await?.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Error::Inconsistent { table: "orders" })
    }
}

/// Notes that a refund gives an order's stock back; tells whether none did before.
pub async fn update_restocked(db: &mut PgConnection, id: OrderId, now: DateTime<Utc>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- order.update_restocked
        update orders set restocked_at = $2 where id = $1 and restocked_at is null",
        Uuid::from(id),
        now,
    )
    .execute(db);
    Ok(query("order.update_restocked", statement).await?.rows_affected() == 1)
}
