//! Asking for a refund: its sum is held under the order's lock, once for each idempotency key, and
//! sent by the loop that pursues refunds.

use std::sync::Arc;

use aws_lc_rs::digest;
use sqlx::PgConnection;

use super::inquiry::merchant_of;
use super::pursue_refund::notify_url;
use super::refund_number;
use crate::domain::fen::{FEN_MAX, Fen};
use crate::domain::id::{OrderId, RefundId};
use crate::domain::name::TransactionId;
use crate::domain::order::OrderStatus;
use crate::domain::refund::{self, REASON_CHARS_MAX, RefundRefusal, RefundStatus};
use crate::domain::text;
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::store;
use crate::store::refund_request::{NewRefund, RefundablePayment, StoredRefund};
use crate::telemetry;

/// A refund as the operator wants it.
#[derive(Clone, Debug)]
pub struct Wanted {
    amount_fen: Fen,
    reason: Option<String>,
    is_restocking: bool,
    transaction_id: Option<TransactionId>,
}

/// The same as it came: nothing believed yet.
#[derive(Clone, Debug)]
pub struct RequestedRefund {
    /// What goes back, in fen.
    pub amount_fen: i64,
    /// What the payer reads.
    pub reason: Option<String>,
    /// Whether the order's stock goes back when it succeeds.
    pub is_restocking: bool,
    /// Which payment of the order; the one that paid it where none is named.
    pub transaction_id: Option<String>,
}

impl Wanted {
    /// Takes an amount of at least 1 fen, and a reason of 1 to [`REASON_CHARS_MAX`] characters.
    ///
    /// # Errors
    /// `validation_failed`, naming every field that is not acceptable.
    pub fn parse(requested: RequestedRefund) -> Result<Self, AppError> {
        let mut errors = Vec::new();
        let amount_fen = Fen::new(requested.amount_fen)
            .ok()
            .filter(|amount| *amount > Fen::ZERO);
        if amount_fen.is_none() {
            errors.push(FieldError::new("/amount_fen", "range", format!("1 to {FEN_MAX}")));
        }
        let reason = requested.reason.as_deref();
        if let Some(Err(error)) = reason.map(|reason| text::check_filled(reason, REASON_CHARS_MAX)) {
            errors.push(FieldError::new(
                "/reason",
                "characters",
                format!("the reason {error}"),
            ));
        }
        let transaction_id = requested.transaction_id.map(TransactionId::parse).transpose();
        if transaction_id.is_err() {
            errors.push(unknown_payment());
        }
        match (amount_fen, transaction_id, errors.is_empty()) {
            (Some(amount_fen), Ok(transaction_id), true) => Ok(Self {
                amount_fen,
                reason: requested.reason,
                is_restocking: requested.is_restocking,
                transaction_id,
            }),
            _ => Err(AppError::fields(errors)),
        }
    }

    fn hash(&self, order_id: OrderId) -> Vec<u8> {
        let mut hasher = digest::Context::new(&digest::SHA256);
        hasher.update(order_id.to_string().as_bytes());
        hasher.update(&self.amount_fen.get().to_be_bytes());
        hasher.update(&[u8::from(self.is_restocking)]);
        for text in [
            self.transaction_id.as_ref().map(TransactionId::as_str),
            self.reason.as_deref(),
        ] {
            hasher.update(if text.is_some() { b"\n1" } else { b"\n0" });
            hasher.update(text.unwrap_or_default().as_bytes());
        }
        hasher.finish().as_ref().to_vec()
    }
}

fn unknown_payment() -> FieldError {
    FieldError::new("/transaction_id", "unknown", "the order has no such payment")
}

/// A refund, and whether an earlier request with the same key asked for it.
#[derive(Debug)]
pub struct Asked {
    /// The refund as it was asked for.
    pub refund: StoredRefund,
    /// Whether this is a repetition.
    pub is_replay: bool,
}

/// Asks for a refund once for each idempotency key. WeChat hears of it from the loop.
///
/// # Errors
/// `payment_not_configured`, `order_not_found`, `order_state_conflict` for an order without the
/// payment, `refund_exceeds_paid`, `refund_limit_reached`, `refund_window_passed`,
/// `idempotency_key_reused`, `validation_failed`.
pub async fn refund_order(
    context: &Arc<Context>,
    order_id: OrderId,
    key: &str,
    wanted: Wanted,
) -> Result<Asked, AppError> {
    context.merchant()?;
    let (shared, key) = (Arc::clone(context), key.to_owned());
    context
        .detached(async move { ask(&shared, order_id, &key, &wanted).await })
        .await
}

async fn ask(context: &Context, order_id: OrderId, key: &str, wanted: &Wanted) -> Result<Asked, AppError> {
    let hash = wanted.hash(order_id);
    let mut tx = context.db.begin().await?;
    // The order's lock is what makes the next look see what every other request has written.
    let status = store::attempt::lock_order(&mut tx, order_id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::OrderNotFound))?;
    telemetry::note_order(order_id);
    if let Some(kept) = store::refund_request::find_by_key(&mut *tx, key).await? {
        return replay(kept, &hash);
    }
    let payment = find_payment(&mut tx, order_id, status, wanted).await?;
    // Nobody else can give it back, and it would wait for ever.
    merchant_of(context, &payment.mch_id)?;
    let now = context.clock.now();
    let submit_at = refund::begin(&payment.refundable, wanted.amount_fen, now).map_err(refused)?;
    let new = NewRefund {
        id: RefundId::from(context.entropy.uuid(now)?),
        order_id,
        transaction_id: &payment.transaction_id,
        out_refund_no: &refund_number::asked(order_id, key)?,
        amount_fen: wanted.amount_fen,
        reason: wanted.reason.as_deref(),
        cause: "operator",
        is_restocking: wanted.is_restocking,
        notify_url: &notify_url(context)?,
        request: Some((key, &hash)),
        submit_at,
    };
    match store::refund_request::insert(&mut *tx, &new, now).await {
        Ok(true) => tx.commit().await?,
        // The key has just been taken for another order.
        Ok(false) => return Err(AppError::new(ErrorCode::IdempotencyKeyReused)),
        // A refund by policy took the rest at this moment.
        Err(store::Error::Conflict { constraint }) if constraint.starts_with("refund_balances_") => {
            return Err(refused(RefundRefusal::ExceedsPaid(0)));
        }
        Err(error) => return Err(error.into()),
    }
    context.alarms.refunds.set(submit_at);
    Ok(Asked {
        refund: as_asked(&new, now),
        is_replay: false,
    })
}

async fn find_payment(
    tx: &mut PgConnection,
    order_id: OrderId,
    status: OrderStatus,
    wanted: &Wanted,
) -> Result<RefundablePayment, AppError> {
    let named = wanted.transaction_id.as_ref();
    let found = store::refund_request::find_refundable(tx, order_id, named).await?;
    match found {
        Some(payment) if payment.is_surplus && wanted.is_restocking => Err(AppError::field(
            "/restock",
            "range",
            "the order did not want this payment, so no stock was taken for it",
        )),
        Some(payment) => Ok(payment),
        None if named.is_some() => Err(AppError::fields(vec![unknown_payment()])),
        None => Err(AppError::new(ErrorCode::OrderStateConflict)
            .detail(format!("the order is {} and has no payment", status.as_str()))),
    }
}

fn refused(refusal: RefundRefusal) -> AppError {
    match refusal {
        RefundRefusal::ExceedsPaid(left_fen) => {
            AppError::new(ErrorCode::RefundExceedsPaid).detail(format!("{left_fen} fen are left"))
        }
        RefundRefusal::TooMany => AppError::new(ErrorCode::RefundLimitReached),
        RefundRefusal::TooLate => AppError::new(ErrorCode::RefundWindowPassed),
    }
}

fn as_asked(new: &NewRefund<'_>, now: chrono::DateTime<chrono::Utc>) -> StoredRefund {
    StoredRefund {
        id: new.id,
        order_id: new.order_id,
        transaction_id: new.transaction_id.clone(),
        out_refund_no: new.out_refund_no.clone(),
        amount_fen: new.amount_fen,
        reason: new.reason.map(str::to_owned),
        cause: new.cause.to_owned(),
        is_restocking: new.is_restocking,
        status: RefundStatus::Created,
        refund_id: None,
        failure_code: None,
        submit_at: new.submit_at,
        created_at: now,
        succeeded_at: None,
    }
}

/// The answer that the first request with this key got: the refund as it was asked for, whatever
/// has become of it since.
fn replay((kept, kept_hash): (StoredRefund, Vec<u8>), hash: &[u8]) -> Result<Asked, AppError> {
    if kept_hash != hash {
        return Err(AppError::new(ErrorCode::IdempotencyKeyReused));
    }
    let refund = StoredRefund {
        status: RefundStatus::Created,
        refund_id: None,
        failure_code: None,
        succeeded_at: None,
        ..kept
    };
    Ok(Asked {
        refund,
        is_replay: true,
    })
}

/// One refund.
///
/// # Errors
/// `not_found`.
pub async fn read_refund(context: &Context, id: RefundId) -> Result<StoredRefund, AppError> {
    let refund = store::refund_request::find(&context.db, id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))?;
    telemetry::note_order(refund.order_id);
    Ok(refund)
}
