//! How a story ends: the faults do, WeChat tells and ends what it has, the loops ask about everything,
//! and then WeChat and the books agree, or the difference has a name.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use super::model::{Order, Progress, Refund, Standing};
use super::story::Story;
use crate::harness::Receiver;
use crate::reconciliation::{go_to, reconcile};

/// So often time passes and the loops run until everything has to be settled.
const ROUNDS_MAX: usize = 24;
/// Longer than the longest wait.
const ROUND_S: i64 = 8_000;
/// How long the bill of a day can be had, at least.
const BILLS_KEPT: TimeDelta = TimeDelta::days(60);
/// Differences that have a right to be there: each is looked at on its own, or mends itself, or is
/// what the bills of a day said about money that was heard of late.
const KNOWN: [&str; 6] = [
    "double_payment",
    "paid_after_close",
    "refund_closed",
    "refund_abnormal",
    "refund_waiting",
    "shipment_refused",
];

impl Story<'_> {
    /// Lets everything come to rest.
    pub(super) async fn quiet(&mut self) {
        self.shop.faults(json!([])).await;
        self.shop.catch_up().await;
        self.shop.rule("balance_fen", Value::Null).await;
        let mut unsettled = Vec::new();
        for _ in 0..ROUNDS_MAX {
            for which in 0..self.at_wechat().await.len() {
                self.end_refund(which, None).await;
            }
            let news = self.deliver().await;
            self.look(&news).await;
            self.shop.advance(ROUND_S).await;
            for replica in 0..2 {
                let news = self.work(replica).await;
                self.look(&news).await;
            }
            unsettled = self.unsettled().await;
            if unsettled.is_empty() {
                return;
            }
        }
        panic!("it never came to rest: {unsettled:?}");
    }

    /// The numbers of what is on its way, at WeChat or here.
    async fn unsettled(&self) -> Vec<String> {
        let list = self
            .shop
            .control("GET", "/simulator/notifications", &Value::Null)
            .await;
        let mut open = list["pending"].as_array().unwrap().clone();
        open.extend(self.at_wechat().await);
        open.retain(|one| one["status"].is_null() || one["status"] == "PROCESSING");
        let mut open: Vec<String> = open.iter().map(Value::to_string).collect();
        open.extend(self.untold_shipments().await);
        for order in &self.model.orders {
            let refunds = order.refunds.iter();
            let going = refunds.filter(|refund| refund.progress == Progress::Processing);
            open.extend(going.map(|refund| refund.number.clone()));
            let is_wanted = |number: &String| order.standing == Standing::Paid(number.clone());
            let is_returned = |id: &String| {
                let mut refunds = order.refunds.iter();
                refunds.any(|refund| refund.request.is_none() && refund.transaction_id == *id)
            };
            let payments = order.payments.iter();
            let unheard = payments
                .filter(|payment| !is_wanted(&payment.number) && !is_returned(&payment.transaction_id));
            open.extend(unheard.map(|payment| payment.number.clone()));
        }
        open
    }

    pub(super) async fn assert_end(&self, receiver: &Receiver) {
        let got = receiver.got();
        for order in &self.model.orders {
            self.assert_recorded(order).await;
            self.assert_named(order).await;
            self.assert_refunds(order).await;
            self.assert_shipped(order).await;
            let (shipped, told): (Vec<String>, Vec<String>) = got
                .iter()
                .filter(|event| event.order_id() == order.id)
                .map(crate::harness::Got::kind)
                .partition(|kind| kind == "order.shipped");
            assert_eq!(
                shipped.len(),
                usize::from(order.is_shipped),
                "told of the shipment of {}",
                order.id
            );
            assert_eq!(told, order.events(), "what others were told of {}", order.id);
            self.note(order);
        }
        self.assert_paced().await;
    }

    /// The days on which the story's money moved agree with WeChat's bills, and no difference of any day is left whose bill
    /// can be had: whatever was heard of late is in the books by now. That of an older day is left to a human.
    pub(super) async fn assert_reconciled(&self) {
        go_to(self.shop, 1, 11).await;
        let orders: Vec<&str> = self.model.orders.iter().map(|order| order.id.as_str()).collect();
        let sql = "select distinct (at at time zone 'Asia/Shanghai')::date as day from (
                select order_id, success_at as at from payments
                union all select order_id, created_at from refunds
                union all select order_id, succeeded_at from refunds) moved
            where order_id::text = any($1) and at > $2 order by day";
        let kept_since = self.shop.clock.now() - BILLS_KEPT;
        let days: Vec<NaiveDate> = sqlx::query_scalar(sql)
            .bind(&orders)
            .bind(kept_since)
            .fetch_all(&self.shop.db)
            .await
            .unwrap();
        for day in days {
            let result = reconcile(self.shop, day).await;
            assert_eq!(result["status"], "balanced", "{result}");
            self.tally.note("day compared");
        }
        let sql = "select kind, subject, evidence->>'bill_date' from exceptions
            where resolved_at is null and kind like 'reconciliation\\_%'
                and coalesce((evidence->>'bill_date')::date >= $1::date, true)";
        let left: Vec<(String, String, Option<String>)> = sqlx::query_as(sql)
            .bind(kept_since)
            .fetch_all(&self.shop.db)
            .await
            .unwrap();
        assert_eq!(left, []);
    }

    /// WeChat never found two refunds of a payment too close to each other, unless the clock that told the server so
    /// was set meanwhile.
    async fn assert_paced(&self) {
        if self.is_skewed {
            return;
        }
        let calls = self.shop.calls("refund").await;
        let refunds = self.model.orders.iter().flat_map(|order| &order.refunds);
        let own: BTreeSet<&str> = refunds.map(|refund| refund.number.as_str()).collect();
        let is_early = |call: &&Value| {
            let is_own = own.contains(call["out_refund_no"].as_str().unwrap_or_default());
            is_own && call["faults"] == json!([]) && call["error"] == "FREQUENCY_LIMITED"
        };
        assert_eq!(calls.iter().find(is_early), None);
    }

    /// Every payment that WeChat holds is in the books, and is wanted or is not.
    async fn assert_recorded(&self, order: &Order) {
        let mut paid: Vec<(&str, bool)> = order
            .payments
            .iter()
            .map(|payment| {
                (
                    payment.transaction_id.as_str(),
                    order.standing != Standing::Paid(payment.number.clone()),
                )
            })
            .collect();
        paid.sort_unstable();
        let sql = "select transaction_id, is_surplus from payments where order_id = $1::uuid order by transaction_id";
        let recorded: Vec<(String, bool)> = sqlx::query_as(sql)
            .bind(&order.id)
            .fetch_all(&self.shop.db)
            .await
            .unwrap();
        let recorded: Vec<(&str, bool)> = recorded
            .iter()
            .map(|(id, is_surplus)| (id.as_str(), *is_surplus))
            .collect();
        assert_eq!(recorded, paid);
    }

    /// Every difference has a name, and nothing has one that is none.
    async fn assert_named(&self, order: &Order) {
        let sql = "select kind, subject, resolved_at is null from exceptions where order_id = $1::uuid";
        let named: Vec<(String, String, bool)> = sqlx::query_as(sql)
            .bind(&order.id)
            .fetch_all(&self.shop.db)
            .await
            .unwrap();
        for (kind, ..) in &named {
            let is_known = KNOWN.contains(&kind.as_str()) || kind.starts_with("reconciliation_");
            assert!(is_known, "{kind} of {}", order.id);
        }
        let of_kinds = |kinds: &[&str]| -> BTreeSet<(String, bool)> {
            let found = named.iter().filter(|(kind, ..)| kinds.contains(&kind.as_str()));
            found
                .map(|(_, subject, is_open)| (subject.clone(), *is_open))
                .collect()
        };
        let is_back = |id: &str| {
            let mut refunds = order.refunds.iter().filter(|refund| refund.transaction_id == id);
            refunds.any(|refund| refund.progress == Progress::Succeeded)
        };
        let wanted = order.wanted().map(|payment| payment.transaction_id.clone());
        let unwanted = order
            .payments
            .iter()
            .map(|payment| payment.transaction_id.clone());
        let unwanted = unwanted.filter(|id| wanted.as_ref() != Some(id));
        let surplus: BTreeSet<(String, bool)> = unwanted.map(|id| (id.clone(), !is_back(&id))).collect();
        assert_eq!(of_kinds(&["double_payment", "paid_after_close"]), surplus);
        // Who called it off knows of it.
        let with = |progress: Progress| -> BTreeSet<(String, bool)> {
            let is_it = |refund: &&Refund| refund.progress == progress && !refund.is_called_off;
            let found = order.refunds.iter().filter(is_it);
            found.map(|refund| (refund.number.clone(), true)).collect()
        };
        assert_eq!(of_kinds(&["refund_closed"]), with(Progress::Closed));
        let mut abnormal = of_kinds(&["refund_abnormal"]);
        abnormal.retain(|(_, is_open)| *is_open);
        assert!(abnormal.is_superset(&with(Progress::Abnormal)), "{abnormal:?}");
    }

    /// WeChat did with every refund what the books say, once.
    async fn assert_refunds(&self, order: &Order) {
        let at_wechat = self.at_wechat().await;
        for refund in &order.refunds {
            let path = format!("/admin/refunds/{}", refund.id);
            let shown = self.shop.admin("GET", &path, None).await.ok(200);
            assert_eq!(shown["status"], refund.progress.as_str());
            let is_it = |other: &&Value| other["out_refund_no"] == refund.number;
            let there: Vec<&Value> = at_wechat.iter().filter(is_it).collect();
            let truth = there
                .first()
                .map(|truth| (&truth["amount_fen"], &truth["transaction_id"], &truth["status"]));
            let ours = (
                json!(refund.amount_fen),
                json!(refund.transaction_id),
                json!(refund.progress.code()),
            );
            let is_unmade = there.is_empty() && refund.progress == Progress::Closed;
            assert!(
                is_unmade || truth == Some((&ours.0, &ours.1, &ours.2)),
                "{ours:?}, WeChat: {there:?}"
            );
        }
        let numbers: BTreeSet<&str> = order
            .payments
            .iter()
            .map(|payment| payment.number.as_str())
            .collect();
        let is_ours = |refund: &&Value| numbers.contains(refund["out_trade_no"].as_str().unwrap());
        for refund in at_wechat.iter().filter(is_ours) {
            let is_known = order
                .refunds
                .iter()
                .any(|known| refund["out_refund_no"] == known.number);
            assert!(is_known, "WeChat has a refund that nobody asked for: {refund}");
        }
    }

    fn note(&self, order: &Order) {
        self.tally.note(order.status());
        let surplus = order.payments.len() - usize::from(order.wanted().is_some());
        for _ in 0..surplus {
            self.tally.note(if order.wanted().is_some() {
                "double payment"
            } else {
                "paid after close"
            });
        }
        for refund in &order.refunds {
            self.tally.note(match refund.progress {
                Progress::Processing => "refund processing",
                Progress::Succeeded if refund.request.is_none() => "returned by itself",
                Progress::Succeeded if refund.is_restocking => "refunded, stock and all",
                Progress::Succeeded => "refund succeeded",
                Progress::Closed if refund.is_called_off => "refund called off",
                Progress::Closed => "refund closed",
                Progress::Abnormal => "refund abnormal",
            });
        }
    }
}
