//! Looking for orders, whosesoever they are.

use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::{plan_anew, query};
use crate::domain::id::{OrderId, UserId};
use crate::domain::moment::Moment;
use crate::domain::name::{OutTradeNo, TransactionId};
use crate::domain::order::OrderStatus;

/// Which orders are wanted. What is none is not looked at.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Where they stand.
    pub status: Option<OrderStatus>,
    /// The number of any attempt of theirs.
    pub out_trade_no: Option<OutTradeNo>,
    /// The number of any payment of theirs, wanted or not.
    pub transaction_id: Option<TransactionId>,
    /// Whose they are.
    pub user_id: Option<UserId>,
    /// Made then or later.
    pub created_from: Option<Moment>,
    /// Made before.
    pub created_to: Option<Moment>,
}

/// An order that was found, and what only the operator sees of it.
#[derive(Clone, Debug)]
pub struct FoundOrder {
    /// The order.
    pub id: OrderId,
    /// Whose it is.
    pub user_id: UserId,
    /// Its mini program.
    pub app_id: String,
    /// WeChat's number of the payment that paid it.
    pub transaction_id: Option<String>,
}

/// Up to `limit` orders, newest first, before the order `before`. Inside a transaction, which is left planning each
/// statement anew.
pub async fn list(
    db: &mut PgConnection,
    filter: &OrderFilter,
    before: Option<OrderId>,
    limit: i64,
) -> Result<Vec<FoundOrder>, Error> {
    plan_anew(&mut *db).await?;
    // Numbers are looked up before the orders are, and not for each of them.
    let statement = sqlx::query_as!(
        FoundOrder,
        r#"-- order_search.list
        select o.id, o.user_id, o.app_id,
            (select p.transaction_id from payments p where p.order_id = o.id and not p.is_surplus) as "transaction_id?"
        from orders o
        where ($1::text is null or o.status = $1)
            and ($2::text is null
                or o.id = any(array(select a.order_id from payment_attempts a where a.out_trade_no = $2)))
            and ($3::text is null or o.id = any(array(select p.order_id from payments p where p.transaction_id = $3)))
            and ($4::uuid is null or o.user_id = $4)
            and ($5::timestamptz is null or (o.created_at >= $5 and o.id >= $7))
            and ($6::timestamptz is null or (o.created_at < $6 and o.id <= $8))
            and ($9::uuid is null or o.id < $9)
        order by o.id desc
        limit $10"#,
        filter.status.map(OrderStatus::as_str),
        filter.out_trade_no.as_ref().map(OutTradeNo::as_str),
        filter.transaction_id.as_ref().map(TransactionId::as_str),
        filter.user_id.map(Uuid::from),
        filter.created_from.map(Moment::get),
        filter.created_to.map(Moment::get),
        filter.created_from.map(|at| id_of(at, [0; 10])),
        filter.created_to.map(|at| id_of(at, [0xff; 10])),
        before.map(Uuid::from),
        limit,
    )
    .fetch_all(&mut *db);
    Ok(query("order_search.list", statement).await?)
}

/// One order, and what only the operator sees of it.
pub async fn find(db: impl PgExecutor<'_>, id: OrderId) -> Result<Option<FoundOrder>, Error> {
    let statement = sqlx::query_as!(
        FoundOrder,
        r#"-- order_search.find
        select o.id, o.user_id, o.app_id,
            (select p.transaction_id from payments p where p.order_id = o.id and not p.is_surplus) as "transaction_id?"
        from orders o where o.id = $1"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    Ok(query("order_search.find", statement).await?)
}

/// The first or the last id of that millisecond: ids carry the time at which their row was made, so
/// that a range of time is a range of the primary key.
fn id_of(at: Moment, rest: [u8; 10]) -> Uuid {
    let millis = u64::try_from(at.get().timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
}
