//! Refunds: the truth about each, and how one ends.

#![expect(unused_qualifications, reason = "the path macro repeats types in full")]

use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::refusal::Refusal;
use crate::simulator::log::EventKind;
use crate::simulator::refund::{Refund, RefundStatus};
use crate::simulator::state::Shared;

/// One refund as `WeChat` knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefundResponse {
    refund_id: String,
    out_refund_no: String,
    out_trade_no: String,
    transaction_id: String,
    status: RefundStatus,
    amount_fen: i64,
    /// Of the order.
    total_fen: i64,
    reason: Option<String>,
    /// Null: nobody is told how it ended.
    notify_url: Option<String>,
    created_at: DateTime<Utc>,
    /// Null as long as it is in process.
    decided_at: Option<DateTime<Utc>>,
    /// When it ends by itself; null: when told, or ended already.
    decide_at: Option<DateTime<Utc>>,
    /// What it becomes by itself.
    ends_as: RefundStatus,
}

impl RefundResponse {
    fn new(refund: Refund) -> Self {
        Self {
            refund_id: refund.refund_id,
            out_refund_no: refund.out_refund_no,
            out_trade_no: refund.out_trade_no,
            transaction_id: refund.transaction_id,
            status: refund.status,
            amount_fen: refund.amount_fen,
            total_fen: refund.total_fen,
            reason: refund.reason,
            notify_url: refund.notify_url,
            created_at: refund.created_at,
            decided_at: refund.decided_at,
            decide_at: refund.decide_at,
            ends_as: refund.ends_as,
        }
    }
}

/// The truth, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefundListResponse {
    items: Vec<RefundResponse>,
}

/// Which refunds are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RefundQuery {
    /// Only those of this order.
    out_trade_no: Option<String>,
}

/// How a refund ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideRefundRequest {
    /// `SUCCESS`, `CLOSED` or `ABNORMAL`; absent: what it would become by itself.
    status: Option<RefundStatus>,
}

/// The truth about every refund.
#[utoipa::path(
    get,
    path = "/simulator/refunds",
    params(RefundQuery),
    responses((status = 200, body = RefundListResponse))
)]
pub(super) async fn list_refunds(
    shared: Data<Shared>,
    query: Query<RefundQuery>,
) -> Json<RefundListResponse> {
    let refunds: Vec<Refund> = shared.step(|world, _| match &query.out_trade_no {
        Some(number) => world.refunds.of_order(number).cloned().collect(),
        None => world.refunds.all().cloned().collect(),
    });
    Json(RefundListResponse {
        items: refunds.into_iter().map(RefundResponse::new).collect(),
    })
}

/// Ends a refund that is in process; an abnormal one may still succeed or be closed. The notification
/// of it is due at once.
#[utoipa::path(
    post,
    path = "/simulator/refunds/{out_refund_no}",
    params(("out_refund_no" = String, Path)),
    responses(
        (status = 200, body = RefundResponse),
        (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "It has ended, or does not end this way")
    )
)]
pub(super) async fn decide_refund(
    shared: Data<Shared>,
    out_refund_no: Path<String>,
    request: Json<DecideRefundRequest>,
) -> Result<Json<RefundResponse>, Refusal> {
    let decided = shared.step(|world, now| {
        let refund = world
            .refunds
            .get(&out_refund_no)
            .cloned()
            .ok_or_else(|| Refusal::not_found("no such refund"))?;
        let status = request.status.unwrap_or(refund.ends_as);
        if !refund.status.may_become(status) {
            let (from, to) = (refund.status.code(), status.code());
            return Err(Refusal::conflict(format!("{from} does not become {to}")));
        }
        Ok(world.decide_refund(refund, status, now))
    })?;
    shared.wake.notify_one();
    let title = format!("refund {out_refund_no} → {}", decided.status.code());
    let data = json!({
        "out_trade_no": decided.out_trade_no,
        "out_refund_no": decided.out_refund_no,
        "status": decided.status,
    });
    shared
        .log
        .event(shared.clock.now(), EventKind::RefundDecided, title, data);
    Ok(Json(RefundResponse::new(decided)))
}
