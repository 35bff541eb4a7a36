//! The cashier on the phone: what `wx.requestPayment` checks, and what a person then does.
//!
//! Money moves here and nowhere else. The open sheets are not kept over a restart, just as a phone's are not.

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::clock::china_text;
use super::pay::prepay::PREPAY_LIFE;
use super::record::{About, Notification, Order, Payment, Record, TradeState};
use super::state::Shared;
use super::world::{Cashier, World};

/// The parameters of `wx.requestPayment`, and who holds the phone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(non_snake_case, reason = "the names are those of wx.requestPayment")]
pub(super) struct PaymentParameters {
    /// The mini program; the first one when absent.
    pub(super) app_id: Option<String>,
    pub(super) user_id: String,
    pub(super) timeStamp: String,
    pub(super) nonceStr: String,
    pub(super) package: String,
    pub(super) signType: String,
    pub(super) paySign: String,
}

/// What a person does on the sheet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CashierActionRequest {
    action: Action,
    /// `true`: the payment goes through although the order was closed meanwhile, as happens in
    /// the real `WeChat` when a payment was under way.
    #[serde(default)]
    despite_close: bool,
    /// What a coupon of the merchant pays of it, in fen; the payer pays a fen at least.
    #[serde(default)]
    coupon_fen: i64,
}

/// What is tapped on the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Pay,
    Cancel,
    InsufficientFunds,
}

/// How the sheet closed.
#[derive(Debug)]
pub(super) enum Outcome {
    Paid {
        transaction_id: String,
    },
    Cancelled,
    InsufficientFunds,
    /// Why not.
    Refused(&'static str),
}

/// Opens the cashier, or says what the page is told instead.
pub(super) fn open(shared: &Shared, asked: &PaymentParameters) -> Result<(String, Order), &'static str> {
    let app = shared
        .app(asked.app_id.as_deref())
        .ok_or("no such mini program")?;
    if asked.signType != "RSA" {
        return Err("signType must be RSA");
    }
    if asked.timeStamp.is_empty() || !asked.timeStamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("timeStamp must be seconds, as a string");
    }
    if asked.nonceStr.is_empty() || asked.nonceStr.chars().count() > 32 {
        return Err("nonceStr must have 1 to 32 characters");
    }
    let prepay_id = asked
        .package
        .strip_prefix("prepay_id=")
        .ok_or("package must begin with prepay_id=")?;
    let message = format!(
        "{}\n{}\n{}\n{}\n",
        app.app_id, asked.timeStamp, asked.nonceStr, asked.package
    );
    let is_signed = BASE64_STANDARD
        .decode(&asked.paySign)
        .is_ok_and(|signature| shared.merchant.verifier.is_signed(message.as_bytes(), &signature));
    if !is_signed {
        return Err("the signature is wrong");
    }
    shared.step(|world, now| {
        let order = world
            .order_by_prepay_id(prepay_id)
            .ok_or("no such prepay_id")?
            .clone();
        let is_fresh = order
            .prepays
            .iter()
            .any(|known| known.prepay_id == prepay_id && now < known.created_at + PREPAY_LIFE);
        let user = world.user(&asked.user_id).ok_or("no such user")?;
        let is_payer = user
            .identities
            .get(&app.app_id)
            .is_some_and(|own| own.openid == order.openid);
        if order.app_id != app.app_id {
            return Err("the order belongs to another mini program");
        }
        if !is_fresh {
            return Err("the prepay_id has expired");
        }
        if !is_payer {
            return Err("the payer is not the one who ordered");
        }
        payable(&order, now)?;
        let cashier_id = format!("c{}", world.entropy.hex::<12>());
        let cashier = Cashier {
            out_trade_no: order.out_trade_no.clone(),
        };
        world.open_cashier(cashier_id.clone(), cashier);
        Ok((cashier_id, order))
    })
}

fn payable(order: &Order, now: DateTime<Utc>) -> Result<(), &'static str> {
    match order.state(now) {
        TradeState::NotPaid => Ok(()),
        TradeState::Success | TradeState::Refund => Err("the order is paid"),
        TradeState::Closed => Err("the order is closed"),
    }
}

/// What the person does; closes the sheet. None: there is no such sheet.
pub(super) fn act(
    shared: &Shared,
    cashier_id: &str,
    asked: &CashierActionRequest,
) -> Option<(Order, Outcome)> {
    let done = shared.step(|world, now| {
        let cashier = world.close_cashier(cashier_id)?;
        let order = world.order(&cashier.out_trade_no)?.clone();
        let outcome = match asked.action {
            Action::Cancel => Outcome::Cancelled,
            Action::InsufficientFunds => Outcome::InsufficientFunds,
            Action::Pay => {
                let is_let_through = asked.despite_close && order.payment.is_none();
                match payable(&order, now) {
                    Err(reason) if !is_let_through => Outcome::Refused(reason),
                    _ if !(0..order.total_fen).contains(&asked.coupon_fen) => {
                        Outcome::Refused("the coupon is not worth less than the order")
                    }
                    _ => Outcome::Paid {
                        transaction_id: pay(world, &order, asked.coupon_fen, now),
                    },
                }
            }
        };
        Some((order, outcome))
    });
    shared.wake.notify_one();
    done
}

/// Moves the money and makes the notification that says so.
fn pay(world: &mut World, order: &Order, coupon_fen: i64, now: DateTime<Utc>) -> String {
    let day: String = china_text(now)
        .chars()
        .filter(char::is_ascii_digit)
        .take(8)
        .collect();
    let transaction_id = format!("42{}{day}{}", world.entropy.digits(8), world.entropy.digits(10));
    let payment = Payment {
        transaction_id: transaction_id.clone(),
        paid_at: now,
        coupon_fen,
    };
    world.put(Record::Order(Order {
        payment: Some(payment),
        ..order.clone()
    }));
    let notification = Notification::new(&mut world.entropy, &order.out_trade_no, About::Payment, now);
    world.put(Record::Notification(notification));
    transaction_id
}
