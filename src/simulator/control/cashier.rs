//! `wx.requestPayment` and the cashier's sheet on the phone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The parameters of `wx.requestPayment`, and who holds the phone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(non_snake_case, reason = "the names are those of wx.requestPayment")]
pub(super) struct RequestPaymentRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    user_id: String,
    timeStamp: String,
    nonceStr: String,
    package: String,
    signType: String,
    paySign: String,
}

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

/// What a person does on the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CashierAction {
    Pay,
    Cancel,
    InsufficientFunds,
}

/// What a person does on the sheet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CashierActionRequest {
    action: CashierAction,
    /// `true`: the payment goes through although the order was closed meanwhile, as happens in
    /// the real `WeChat` when a payment was under way.
    #[serde(default)]
    despite_close: bool,
}

/// One order as `WeChat` knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransactionResponse {
    app_id: String,
    mch_id: String,
    out_trade_no: String,
    description: String,
    /// `NOTPAY`, `SUCCESS` or `CLOSED`.
    trade_state: String,
    total_fen: i64,
    openid: String,
    transaction_id: Option<String>,
    notify_url: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    /// How many prepay ids were handed out for it.
    prepay_ids: Vec<String>,
}

/// The truth, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransactionListResponse {
    items: Vec<TransactionResponse>,
}
