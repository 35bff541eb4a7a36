//! What came of telling WeChat, written down: an end with its exception, or when it is told again.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::meaning;
use crate::domain::exception::ExceptionKind;
use crate::domain::id::{ExceptionId, OrderId};
use crate::domain::shipment::{self, ShipmentStatus};
use crate::error::AppError;
use crate::service::Context;
use crate::service::mini::CallError;
use crate::store;
use crate::store::exception::NewException;
use crate::store::shipment_upload::{DueShipment, Postponement};
use crate::store::wechat_call::EndedCall;

/// Why a correction ends that WeChat was never told of: what had to come before it was refused.
const NOT_TOLD: &str = "not_told";

/// How a shipment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// WeChat has it.
    Uploaded,
    /// WeChat wants none any more.
    Needless,
    /// WeChat does not take it.
    Refused {
        /// WeChat's number.
        errcode: i64,
        /// How WeChat holds the order, where it was asked.
        held: Option<i64>,
    },
}

/// Ends a shipment under its lease, together with the exception that it makes or mends.
pub(super) async fn end(context: &Context, due: &DueShipment, lease: Uuid, end: End) -> Result<(), AppError> {
    let now = context.clock.now();
    let subject = due.transaction_id.as_str();
    let mut tx = context.db.begin().await?;
    let (to, code) = match end {
        End::Uploaded => (ShipmentStatus::Uploaded, None),
        End::Needless => (ShipmentStatus::Needless, None),
        End::Refused { errcode, .. } => (ShipmentStatus::Refused, Some(errcode.to_string())),
    };
    // The order is locked before its shipment, everywhere.
    store::attempt::lock_order(&mut tx, due.order_id).await?;
    if !store::shipment_upload::update_ended(&mut tx, due.id, lease, (to, code.as_deref()), now).await? {
        return Ok(());
    }
    let kind = ExceptionKind::ShipmentRefused;
    match end {
        End::Uploaded if is_lacking(&mut tx, due.order_id).await? => {}
        End::Uploaded => {
            store::exception::update_mended(&mut tx, &[kind], subject, "WeChat has a later one", now).await?;
        }
        End::Needless => {
            store::exception::update_mended(&mut tx, &[kind], subject, "the money went back", now).await?;
        }
        End::Refused { errcode, held } => {
            let untold = refuse_behind(&mut tx, due, now).await?;
            let exception = NewException {
                id: ExceptionId::from(context.entropy.uuid(now)?),
                kind,
                subject,
                order_id: Some(due.order_id),
                detail: kind.explanation(),
                evidence: serde_json::json!({
                    "shipment_id": due.id,
                    "kind": due.kind.as_str(),
                    "wechat_errcode": errcode,
                    "meaning": meaning(errcode),
                    "order_state": held,
                    "is_correction": due.is_again,
                    "corrections_not_told": untold,
                }),
            };
            store::exception::insert_or_reopen(&mut tx, &exception, now).await?;
            tracing::warn!(order.id = %due.order_id, errcode, exception.kind = kind.as_str(), "WeChat refuses a shipment");
        }
    }
    tx.commit().await?;
    // The order's next one may be told now.
    context.alarms.shipments.set(now);
    Ok(())
}

/// A last parcel that WeChat refuses leaves those before it open, and it would take the correction that waits behind
/// for one more of them: that is not told any more. Tells how many calls it was.
async fn refuse_behind(
    tx: &mut PgConnection,
    due: &DueShipment,
    now: DateTime<Utc>,
) -> Result<u64, store::Error> {
    if !(due.is_split && due.is_complete) {
        return Ok(0);
    }
    let said = store::shipment::list_with_key(&mut *tx, due.order_id, None).await?;
    let said: Vec<_> = said.into_iter().map(|one| one.told).collect();
    if !shipment::is_begun(&said) {
        return Ok(0);
    }
    store::shipment_upload::update_refused_behind(tx, due.id, NOT_TOLD, now).await
}

/// Whether WeChat took a part of a locked order's shipment and lacks another, which it refused.
async fn is_lacking(tx: &mut PgConnection, order_id: OrderId) -> Result<bool, store::Error> {
    let said = store::shipment::list_with_key(tx, order_id, None).await?;
    let generation = said.last().map(|last| last.told.generation);
    let telling = said.iter().map(|one| &one.told);
    let telling: Vec<_> = telling
        .filter(|told| Some(told.generation) == generation)
        .collect();
    Ok(shipment::is_lacking(&telling))
}

/// Gives a shipment back for a while: why, and whether WeChat may have it.
pub(super) async fn postpone(
    context: &Context,
    due: &DueShipment,
    lease: Uuid,
    (failure_code, may_have_arrived): (&str, bool),
    gap: TimeDelta,
) -> Result<(), AppError> {
    let now = context.clock.now();
    let to = Postponement {
        next_try_at: now + gap,
        failure_code,
        may_have_arrived,
    };
    tracing::warn!(order.id = %due.order_id, failure = failure_code, "WeChat has not taken a shipment yet");
    store::shipment_upload::postpone(&context.db, due.id, lease, to, now).await?;
    context.alarms.shipments.set(to.next_try_at);
    Ok(())
}

/// Writes for the timeline how a call about a shipment ended. Nothing is decided by it, so that a failure to
/// write stops nothing.
pub(super) async fn note_call(
    context: &Context,
    due: &DueShipment,
    api: &'static str,
    error: Option<&CallError>,
) {
    let outcome = match error {
        None if api == "ship_query" => "told".to_owned(),
        None => "ok".to_owned(),
        Some(CallError::Refused { errcode }) => errcode.to_string(),
        Some(CallError::NoToken { .. }) => "no_token".to_owned(),
        Some(CallError::Unreached) => "not_reached".to_owned(),
        Some(CallError::Timeout) => "timeout".to_owned(),
        Some(CallError::Unavailable | CallError::TooLong) => "unavailable".to_owned(),
        Some(CallError::Own(_)) => return,
    };
    let ended = EndedCall {
        api,
        outcome: &outcome,
        request_id: None,
    };
    let number = due.transaction_id.as_str();
    let now = context.clock.now();
    if let Err(error) = store::wechat_call::insert_of(&context.db, due.order_id, number, &ended, now).await {
        tracing::warn!(api, %error, "a call to WeChat is missing in the timeline");
    }
}
