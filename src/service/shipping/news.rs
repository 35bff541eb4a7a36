//! What WeChat tells by itself about shipments: which mini programs it keeps the money of, which orders it
//! waits for, and how far the money has come. It is for the eye; no order moves by it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::domain::name::{AppId, TransactionId};
use crate::store;
use crate::store::trade_notice::{NewNotice, NoticeKind};
use crate::wechat::push::{TradeOrder, TradeSettlement};

/// WeChat keeps the money of a mini program back from now on.
///
/// # Errors
/// Only when the database fails.
pub async fn controlled(
    tx: &mut PgConnection,
    app_id: &AppId,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    store::shipping_management::upsert_told(tx, app_id, false, now).await
}

/// WeChat asks for its interface to be used.
///
/// # Errors
/// Only when the database fails.
pub async fn access_reminded(
    tx: &mut PgConnection,
    app_id: &AppId,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    store::shipping_management::upsert_told(tx, app_id, true, now).await
}

/// WeChat waits for an order to be shipped, which also says that it keeps the money of the mini program.
///
/// # Errors
/// Only when the database fails.
pub async fn shipping_reminded(
    tx: &mut PgConnection,
    app_id: &AppId,
    order: &TradeOrder,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    controlled(tx, app_id, now).await?;
    let told = (NoticeKind::Reminded, now, json!({ "paid_at": order.paid_at }));
    note(tx, app_id, &order.transaction_id, told, now).await
}

/// WeChat tells how far the money of an order has come.
///
/// # Errors
/// Only when the database fails.
pub async fn settlement(
    tx: &mut PgConnection,
    app_id: &AppId,
    told: &TradeSettlement,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let estimated = json!({ "estimated_settlement_at": told.estimated_settlement_at });
    let by_payer = json!({ "is_by_payer": told.is_confirmed_by_payer });
    for (kind, happened_at, figures) in [
        (NoticeKind::Shipped, told.shipped_at, estimated),
        (NoticeKind::Confirmed, told.confirmed_at, by_payer),
        (NoticeKind::Settled, told.settled_at, json!({})),
    ] {
        if let Some(happened_at) = happened_at {
            let told_so = (kind, happened_at, figures);
            note(tx, app_id, &told.order.transaction_id, told_so, now).await?;
        }
    }
    Ok(())
}

async fn note(
    tx: &mut PgConnection,
    app_id: &AppId,
    transaction_id: &TransactionId,
    (kind, happened_at, figures): (NoticeKind, DateTime<Utc>, Value),
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let notice = NewNotice {
        app_id,
        transaction_id,
        kind,
        happened_at,
        figures,
    };
    if store::trade_notice::upsert(tx, &notice, now).await?.is_none() {
        tracing::info!(app.id = %app_id, transaction.id = %transaction_id, "WeChat tells of a payment that is not of this server");
    }
    Ok(())
}
