//! `wx.requestPayment`, the cashier's sheet on the phone, and the truth about orders.

#![expect(unused_qualifications, reason = "the path macro repeats types in full")]

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::refusal::Refusal;
use crate::simulator::cashier::{CashierActionRequest, Outcome, PaymentParameters, act, open};
use crate::simulator::log::EventKind;
use crate::simulator::record::Order;
use crate::simulator::state::Shared;

/// The sheet that slides up on the phone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CashierResponse {
    cashier_id: String,
    description: String,
    amount_fen: i64,
    /// Name of the merchant who is paid.
    payee: String,
}

/// What the page gets to know, in the form of `wx.requestPayment`.
#[derive(Debug, Serialize, ToSchema)]
#[expect(non_snake_case, reason = "the name is that of wx.requestPayment")]
pub(super) struct PaymentOutcomeResponse {
    /// `requestPayment:ok`, `requestPayment:fail cancel` or `requestPayment:fail …`.
    errMsg: String,
    /// Present when money moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
}

/// One order as `WeChat` knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransactionResponse {
    app_id: String,
    mch_id: String,
    out_trade_no: String,
    description: String,
    /// `NOTPAY`, `SUCCESS`, `REFUND` or `CLOSED`.
    trade_state: &'static str,
    total_fen: i64,
    openid: String,
    transaction_id: Option<String>,
    notify_url: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    /// All that were handed out for it, oldest first.
    prepay_ids: Vec<String>,
}

impl TransactionResponse {
    fn new(mch_id: &str, order: Order, now: DateTime<Utc>) -> Self {
        let trade_state = order.state(now).code();
        let (transaction_id, paid_at) = order
            .payment
            .map(|payment| (payment.transaction_id, payment.paid_at))
            .unzip();
        Self {
            app_id: order.app_id,
            mch_id: mch_id.to_owned(),
            out_trade_no: order.out_trade_no,
            description: order.description,
            trade_state,
            total_fen: order.total_fen,
            openid: order.openid,
            transaction_id,
            notify_url: order.notify_url,
            created_at: order.created_at,
            expires_at: order.expires_at,
            paid_at,
            closed_at: order.closed_at,
            prepay_ids: order.prepays.into_iter().map(|prepay| prepay.prepay_id).collect(),
        }
    }
}

/// The truth, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransactionListResponse {
    items: Vec<TransactionResponse>,
}

/// Which orders are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TransactionQuery {
    /// Only this one.
    out_trade_no: Option<String>,
}

/// What `wx.requestPayment` does until the sheet is open: verifies `paySign`, the app of the order, the
/// payer and the freshness of the prepay id.
#[utoipa::path(
    post,
    path = "/simulator/request-payment",
    responses((status = 200, body = CashierResponse), (status = 400, body = PaymentOutcomeResponse))
)]
pub(super) async fn request_payment(shared: Data<Shared>, request: Json<PaymentParameters>) -> HttpResponse {
    let (cashier_id, order) = match open(&shared, &request) {
        Ok(opened) => opened,
        Err(reason) => {
            let outcome = PaymentOutcomeResponse {
                errMsg: format!("requestPayment:fail {reason}"),
                transaction_id: None,
            };
            return HttpResponse::BadRequest().json(outcome);
        }
    };
    let data = json!({ "out_trade_no": order.out_trade_no, "user_id": request.user_id });
    let title = format!("cashier open for {}", order.out_trade_no);
    shared
        .log
        .event(shared.clock.now(), EventKind::CashierOpened, title, data);
    HttpResponse::Ok().json(CashierResponse {
        cashier_id,
        description: order.description,
        amount_fen: order.total_fen,
        payee: shared.merchant.name.clone(),
    })
}

/// What the person does on the sheet. It closes with that.
#[utoipa::path(
    post,
    path = "/simulator/cashiers/{cashier_id}",
    params(("cashier_id" = String, Path)),
    responses((status = 200, body = PaymentOutcomeResponse), (status = 404, body = Refusal))
)]
pub(super) async fn act_at_cashier(
    shared: Data<Shared>,
    cashier_id: Path<String>,
    request: Json<CashierActionRequest>,
) -> Result<Json<PaymentOutcomeResponse>, Refusal> {
    let (order, outcome) = act(&shared, &cashier_id, &request)
        .ok_or_else(|| Refusal::not_found("no such cashier, or it is closed"))?;
    let number = &order.out_trade_no;
    let (kind, title, message, transaction_id) = match outcome {
        Outcome::Paid { transaction_id } => (
            EventKind::Paid,
            format!("{number} paid"),
            "ok".to_owned(),
            Some(transaction_id),
        ),
        Outcome::Cancelled => (
            EventKind::Cancelled,
            format!("{number} cancelled at the cashier"),
            "fail cancel".to_owned(),
            None,
        ),
        Outcome::InsufficientFunds => (
            EventKind::InsufficientFunds,
            format!("{number} not paid: insufficient funds"),
            "fail insufficient funds".to_owned(),
            None,
        ),
        Outcome::Refused(reason) => (
            EventKind::PaymentFailed,
            format!("{number} not paid: {reason}"),
            format!("fail {reason}"),
            None,
        ),
    };
    let data = json!({ "out_trade_no": number, "transaction_id": transaction_id });
    shared.log.event(shared.clock.now(), kind, title, data);
    Ok(Json(PaymentOutcomeResponse {
        errMsg: format!("requestPayment:{message}"),
        transaction_id,
    }))
}

/// The truth about every order.
#[utoipa::path(
    get,
    path = "/simulator/transactions",
    params(TransactionQuery),
    responses((status = 200, body = TransactionListResponse))
)]
pub(super) async fn list_transactions(
    shared: Data<Shared>,
    query: Query<TransactionQuery>,
) -> Json<TransactionListResponse> {
    let (orders, now) = shared.step(|world, now| match &query.out_trade_no {
        Some(number) => (world.order(number).cloned().into_iter().collect(), now),
        None => (world.orders(), now),
    });
    let mch_id = &shared.merchant.mch_id;
    let items = orders
        .into_iter()
        .map(|order| TransactionResponse::new(mch_id, order, now))
        .collect();
    Json(TransactionListResponse { items })
}
