//! The books around one order in short, to be compared with what they are a moment later.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::OrderId;

/// One thing in the books, and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `order`, `attempt`, `payment`, `refund`, `shipment`, `exception` or `event`.
    pub what: String,
    /// Its name.
    pub name: String,
    /// Its state, in words.
    pub state: String,
}

/// Locks the order that an attempt's number names, so that nobody else changes what is looked at.
pub async fn lock_order_by_number(
    db: &mut PgConnection,
    out_trade_no: &str,
) -> Result<Option<OrderId>, Error> {
    let statement = sqlx::query_scalar!(
        "-- picture.lock_order_by_number
        select orders.id from orders join payment_attempts on payment_attempts.order_id = orders.id
        where payment_attempts.out_trade_no = $1
        for no key update of orders",
        out_trade_no,
    )
    .fetch_optional(db);
    let id = query("picture.lock_order_by_number", statement).await?;
    Ok(id.map(OrderId::from))
}

/// What the books say of an order, and which exceptions are about `subject`.
pub async fn take(
    db: &mut PgConnection,
    order_id: Option<OrderId>,
    subject: &str,
) -> Result<Vec<Fact>, Error> {
    let statement = sqlx::query_as!(
        Fact,
        r#"-- picture.take
        select 'order' as "what!", id::text as "name!", status as "state!" from orders where id = $1
        union all
        select 'attempt', out_trade_no, state from payment_attempts where order_id = $1
        union all
        select 'payment', transaction_id, total_fen || ' fen' || case when is_surplus then ', surplus' else '' end
        from payments where order_id = $1
        union all
        select 'refund', out_refund_no, amount_fen || ' fen, ' || status from refunds where order_id = $1
        union all
        select 'shipment', position::text, kind from shipments where order_id = $1
        union all
        select 'event', id::text, kind from events where order_id = $1
        union all
        select 'exception', subject, kind from exceptions where order_id = $1 or subject = $2
        order by 1 desc, 2, 3"#,
        order_id.map(Uuid::from),
        subject,
    )
    .fetch_all(db);
    Ok(query("picture.take", statement).await?)
}
