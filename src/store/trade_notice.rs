//! What WeChat tells by itself of payments under order shipping management.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::OrderId;
use crate::domain::name::{AppId, TransactionId};

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// It should have been shipped by now.
    Reminded,
    /// WeChat knows that it was sent.
    Shipped,
    /// The buyer has it, or is taken to have it.
    Confirmed,
    /// The money is free.
    Settled,
}

impl NoticeKind {
    /// The kind as the database spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reminded => "reminded",
            Self::Shipped => "shipped",
            Self::Confirmed => "confirmed",
            Self::Settled => "settled",
        }
    }
}

/// A notice about a payment.
#[derive(Clone, Debug)]
pub struct NewNotice<'a> {
    /// The mini program that was told.
    pub app_id: &'a AppId,
    /// The payment.
    pub transaction_id: &'a TransactionId,
    /// What.
    pub kind: NoticeKind,
    /// When, by WeChat's clock.
    pub happened_at: DateTime<Utc>,
    /// What else.
    pub figures: serde_json::Value,
}

/// Writes a notice in the place of an older one of its kind; one that says the same again is not news. Gives the order, or nothing where the payment is
/// not one of ours in this mini program.
pub async fn upsert(
    db: &mut PgConnection,
    notice: &NewNotice<'_>,
    now: DateTime<Utc>,
) -> Result<Option<OrderId>, Error> {
    let statement = sqlx::query_scalar!(
        "-- trade_notice.upsert
        insert into trade_notices as n (transaction_id, kind, order_id, happened_at, figures, recorded_at)
        select p.transaction_id, $3, o.id, $4, $5, $6 from payments p join orders o on o.id = p.order_id
        where p.transaction_id = $1 and o.app_id = $2
        on conflict on constraint trade_notices_pkey do update
            set happened_at = excluded.happened_at,
                figures = case when n.happened_at = excluded.happened_at then n.figures || jsonb_strip_nulls(excluded.figures)
                    else excluded.figures end,
                recorded_at = case when n.happened_at = excluded.happened_at then n.recorded_at else excluded.recorded_at end
        returning n.order_id",
        notice.transaction_id.as_str(),
        notice.app_id.as_str(),
        notice.kind.as_str(),
        notice.happened_at,
        notice.figures,
        now,
    )
    .fetch_optional(db);
    let id: Option<Uuid> = query("trade_notice.upsert", statement).await?;
    Ok(id.map(OrderId::from))
}
