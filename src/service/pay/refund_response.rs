//! A refund as it is told to the operator.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{OrderId, RefundId};
use crate::store::refund_request::StoredRefund;

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundResponse {
    #[schema(value_type = uuid::Uuid)]
    id: RefundId,
    /// Our number of it at WeChat.
    out_refund_no: String,
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// WeChat's number of the payment that it gives back.
    transaction_id: String,
    amount_fen: i64,
    #[schema(required = true)]
    reason: Option<String>,
    /// `operator`, or `surplus` for money that the order did not want.
    #[schema(pattern = "^(operator|surplus)$")]
    cause: String,
    restock: bool,
    /// `processing`, `succeeded`, `closed` or `abnormal`.
    #[schema(value_type = String, example = "processing", pattern = "^(processing|succeeded|closed|abnormal)$")]
    status: &'static str,
    /// WeChat's number of it; null until WeChat took it.
    #[schema(required = true)]
    refund_id: Option<String>,
    /// WeChat's code when it refused last, or why it did not come about; `CALLED_OFF` by a human, before WeChat took it.
    #[schema(required = true)]
    failure_code: Option<String>,
    /// From when it is sent: WeChat takes one refund a minute for a payment.
    submit_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    #[schema(required = true)]
    succeeded_at: Option<DateTime<Utc>>,
}

impl From<StoredRefund> for RefundResponse {
    fn from(refund: StoredRefund) -> Self {
        Self {
            id: refund.id,
            out_refund_no: refund.out_refund_no.into(),
            order_id: refund.order_id,
            transaction_id: refund.transaction_id.into(),
            amount_fen: refund.amount_fen.get(),
            reason: refund.reason,
            cause: refund.cause,
            restock: refund.is_restocking,
            status: refund.status.shown(),
            refund_id: refund.refund_id.map(String::from),
            failure_code: refund.failure_code,
            submit_at: refund.submit_at,
            created_at: refund.created_at,
            succeeded_at: refund.succeeded_at,
        }
    }
}
