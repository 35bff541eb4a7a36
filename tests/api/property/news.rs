//! What the real shop may have learned in a step, must have, and cannot have.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::model::{Model, Order, Progress, Refund, Seen, SeenOrder, SeenRefund, Standing};

/// What a step may have told the shop. What is not in here, it cannot know.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Numbers, of payments and refunds, with a notice that was answered 2xx.
    pub(super) told: BTreeSet<String>,
    /// The order about which WeChat was asked on a page's behalf.
    pub(super) asked: Option<usize>,
    /// The order whose page was told that it is closed.
    pub(super) closed: Option<usize>,
    /// Whether the loops ran.
    pub(super) has_worked: bool,
    /// Orders that must be paid after this step.
    pub(super) paid: Vec<usize>,
    /// Orders that may not await payment any more.
    pub(super) over: Vec<usize>,
    /// Refunds about whose end the shop must know.
    pub(super) ended: BTreeSet<String>,
    /// The refund that the operator called off: WeChat was asked about it.
    pub(super) called_off: Option<String>,
}

impl News {
    pub(super) fn asked(index: usize) -> Self {
        Self {
            asked: Some(index),
            ..Self::default()
        }
    }

    fn may_learn(&self, index: usize, number: &str) -> bool {
        self.has_worked || self.asked == Some(index) || self.told.contains(number)
    }

    /// Takes over what an order has learned, and asserts that it could and that it had to.
    fn learn_order(&self, index: usize, order: &mut Order, seen: &SeenOrder, now: DateTime<Utc>) {
        if order.standing == Standing::Unpaid {
            match seen.status.as_str() {
                "awaiting_payment" => {
                    let told = order
                        .payments
                        .iter()
                        .find(|payment| self.told.contains(&payment.number));
                    assert!(
                        told.is_none(),
                        "a notice was answered 2xx and its order is not paid"
                    );
                    assert!(
                        !self.over.contains(&index),
                        "its time is over and nobody closed it"
                    );
                }
                "closed" => {
                    let is_expired = self.has_worked && order.expires_at <= now;
                    assert!(is_expired || self.closed == Some(index), "closed too early");
                    order.standing = Standing::Closed;
                }
                _ => {
                    let number = seen.number.clone().unwrap();
                    let is_real = order.payments.iter().any(|payment| payment.number == number);
                    assert!(is_real, "paid, and nobody paid {number}");
                    assert!(
                        self.may_learn(index, &number),
                        "paid, and nobody can have said so"
                    );
                    order.standing = Standing::Paid(number);
                }
            }
        }
        if self.paid.contains(&index) {
            assert!(
                order.wanted().is_some(),
                "WeChat was asked, and the order is not paid"
            );
        }
        if self.closed == Some(index) {
            assert_eq!(order.standing, Standing::Closed);
        }
    }

    /// The same of a refund.
    fn learn_refund(&self, refund: &mut Refund, seen: &SeenRefund, truth: Option<Progress>) {
        use Progress::{Abnormal, Closed, Processing, Succeeded};
        let number = &refund.number.clone();
        let is_asked = self.called_off.as_ref() == Some(number);
        let may_learn = self.has_worked || is_asked || self.told.contains(number);
        let is_refused = truth.is_none() && self.has_worked;
        let is_called_off = truth.is_none() && is_asked;
        let is_right = match (refund.progress, seen.progress) {
            (before, after) if before == after => true,
            (Processing, Abnormal) => refund.was_abnormal && may_learn,
            (Processing | Abnormal, Succeeded) => truth == Some(Succeeded) && may_learn,
            (Processing, Closed) => is_refused || is_called_off || (truth == Some(Closed) && may_learn),
            (Abnormal, Closed) => truth == Some(Closed) && may_learn,
            _ => false,
        };
        let (before, after) = (refund.progress, seen.progress);
        assert!(
            is_right,
            "a refund went from {before:?} to {after:?}; WeChat says {truth:?}"
        );
        assert!(
            !is_called_off || after == Closed,
            "a refund that WeChat does not know was called off, and is {after:?}"
        );
        refund.is_called_off |= is_called_off && before == Processing;
        let is_told = self.told.contains(number) && after == Processing;
        assert!(
            !is_told,
            "a notice of a refund was answered 2xx without its effect"
        );
        let is_missed = self.ended.contains(number) && truth != Some(after);
        assert!(
            !is_missed,
            "a refund ended as {truth:?}, is {after:?} here, and it was time to ask"
        );
        assert_eq!(
            (refund.amount_fen, &refund.transaction_id),
            (seen.amount_fen, &seen.transaction_id)
        );
        refund.progress = after;
    }

    /// One that the loops began by themselves.
    fn begin(&self, order: &mut Order, seen: &SeenRefund) {
        assert!(seen.is_by_policy, "nobody asked for refund {}", seen.number);
        assert!(self.has_worked, "a refund by policy began without the loops");
        let is_wanted =
            order.wanted().map(|payment| payment.transaction_id.as_str()) == Some(&seen.transaction_id);
        let is_real = order
            .payments
            .iter()
            .any(|payment| payment.transaction_id == seen.transaction_id);
        assert!(
            is_real && !is_wanted && order.standing != Standing::Unpaid,
            "policy gave back what was wanted"
        );
        assert_eq!(seen.amount_fen, order.total_fen());
        order.refunds.push(Refund {
            id: seen.id.clone(),
            number: seen.number.clone(),
            request: None,
            transaction_id: seen.transaction_id.clone(),
            amount_fen: seen.amount_fen,
            is_restocking: false,
            submit_at: seen.submit_at,
            progress: Progress::Processing,
            was_abnormal: false,
            is_called_off: false,
        });
    }

    /// Takes over what the real shop has learned, and asserts that it looks like the one in memory.
    pub(super) fn compare(&self, model: &mut Model, seen: &Seen, now: DateTime<Utc>) {
        let shown: Vec<&String> = seen.orders.keys().collect();
        let mut made: Vec<&String> = model.orders.iter().map(|order| &order.id).collect();
        made.sort();
        assert_eq!(shown, made, "orders that are shown, and those that were made");
        for (index, order) in model.orders.iter_mut().enumerate() {
            self.learn_order(index, order, &seen.orders[&order.id], now);
        }
        for refund in &seen.refunds {
            let order = model.order_of(&refund.order_id);
            let order = &mut model.orders[order];
            if order.refunds.iter().all(|known| known.number != refund.number) {
                self.begin(order, refund);
            }
        }
        let mut count = 0;
        for (index, order) in model.orders.iter_mut().enumerate() {
            let shown = &seen.orders[&order.id];
            assert_eq!(shown.owner, order.owner, "an order is shown to somebody else");
            assert_eq!(shown.is_shipped, order.is_shipped, "shipped, order {index}");
            for refund in &mut order.refunds {
                let is_it = |seen: &&SeenRefund| seen.number == refund.number;
                let seen_refund = seen
                    .refunds
                    .iter()
                    .find(is_it)
                    .expect("a refund that was asked for");
                self.learn_refund(refund, seen_refund, seen.truths.get(&refund.number).copied());
                count += 1;
            }
            assert_eq!(
                (
                    shown.status.as_str(),
                    shown.total_fen,
                    shown.refunded_fen,
                    shown.refunding_fen
                ),
                (
                    order.status(),
                    order.total_fen(),
                    order.refunded_fen(),
                    order.refunding_fen()
                ),
                "order {index}"
            );
        }
        assert_eq!(count, seen.refunds.len());
        assert_eq!(seen.stock, model.stock(), "stock");
    }
}
