//! A story as it is played: each step is taken at the live server, and what it may have changed is
//! compared with the shop in memory.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::model::{Model, Order, PRICE_FEN, Progress, STOCK, Standing};
use super::news::News;
use super::step::{At, Step, YEAR_S};
use super::tally::Tally;
use crate::harness::{Answer, Phone, Shop};

/// How long an order may be paid.
pub(super) const ORDER_TTL_S: i64 = 86_400;
/// Longer than the longest wait between two questions about a payment, and about a refund.
const PAYMENT_WAIT_S: i64 = 2_100;
const REFUND_WAIT_S: i64 = 7_300;
/// How long a prepay id is handed out again.
const PREPAY_FRESH_S: i64 = 6_600;
/// What a page may be told when a fault has struck.
const TROUBLE: [(u16, &str); 5] = [
    (502, "wechat_rejected"),
    (503, "wechat_unavailable"),
    (504, "wechat_timeout"),
    (409, "request_in_progress"),
    (429, "rate_limited"),
];

pub(super) struct Story<'a> {
    pub(super) shop: &'a Shop,
    pub(super) tally: &'a Tally,
    pub(super) model: Model,
    pub(super) people: Vec<Phone<'a>>,
    pub(super) product: String,
    /// Whether a fault waits for its call.
    has_fault: bool,
    /// Whether none has struck so far, so that everything happens in its time.
    is_calm: bool,
    /// Whether the servers' clocks were ever off.
    pub(super) is_skewed: bool,
    /// When the loops ran last, when a payment was begun last, and when somebody asked WeChat.
    worked_at: DateTime<Utc>,
    pub(super) tapped_at: DateTime<Utc>,
    /// When news of a refund came without the loops: one called abnormal is asked about two hours later.
    pub(super) told_at: DateTime<Utc>,
    pub(super) synced_at: Vec<(usize, DateTime<Utc>)>,
    keys: u32,
}

impl<'a> Story<'a> {
    /// Two people with two orders each, one of them paid.
    pub(super) async fn begin(shop: &'a Shop, tally: &'a Tally, number: u32) -> Self {
        shop.faults(json!([])).await;
        shop.catch_up().await;
        let product = format!("tea-{number}");
        shop.stock(&product, PRICE_FEN, Some(i32::try_from(STOCK).unwrap()))
            .await;
        let mut story = Self {
            shop,
            tally,
            model: Model::default(),
            people: vec![shop.visitor().await, shop.visitor().await],
            product,
            has_fault: false,
            is_calm: true,
            is_skewed: false,
            worked_at: shop.clock.now(),
            tapped_at: shop.clock.now(),
            told_at: shop.clock.now(),
            synced_at: Vec::new(),
            keys: 0,
        };
        for who in 0..2 {
            story.order(who, 2).await;
            story.order(who, 1).await;
        }
        for who in 0..2 {
            let index = story.model.pick(who, 0).unwrap();
            story.start(index, who).await;
            story.pay(index, false).await;
        }
        let news = story.deliver().await;
        story.look(&news).await;
        story
    }

    /// A key that nobody has used.
    pub(super) fn new_key(&mut self) -> String {
        self.keys += 1;
        format!("{}-{}", self.product, self.keys)
    }

    pub(super) fn phone(&self, index: usize) -> &Phone<'a> {
        &self.people[self.model.orders[index].owner]
    }

    pub(super) async fn take(&mut self, step: &Step) {
        let news = match *step {
            Step::Leap(seconds) => self.leap(seconds).await,
            Step::Skew(seconds) => self.skew(seconds).await,
            Step::Work(replica) => self.work(replica).await,
            Step::Deliver => self.deliver().await,
            Step::Order { who, quantity } => self.order(who, quantity).await,
            Step::End(which, end) => self.end_refund(which, end).await,
            Step::RefundNoticeTwice(which) => self.refund_notice_twice(which).await,
            Step::CallOff(which) => self.call_off(which).await,
            Step::Balance(fen) => {
                self.shop.rule("balance_fen", json!(fen)).await;
                News::default()
            }
            Step::Fault(fault) => self.fault(fault).await,
            Step::OrderAgain(at, _)
            | Step::Start(at)
            | Step::Pay(at, _)
            | Step::Purchase(at)
            | Step::Cancel(at)
            | Step::PayLate(at)
            | Step::BeginTwice(at, _)
            | Step::Sync(at)
            | Step::Close(at)
            | Step::Pry(at)
            | Step::NoticeTwice(at)
            | Step::Refund(at, ..)
            | Step::RefundAgain(at, _)
            | Step::Ship(at, _)
            | Step::RefundsAtOnce(at, _) => match self.model.pick(at.who, at.which) {
                Some(index) => self.take_with(step, index, at).await,
                None => return,
            },
        };
        self.has_struck().await;
        self.look(&news).await;
    }

    async fn take_with(&mut self, step: &Step, index: usize, at: At) -> News {
        let index = match step {
            Step::Purchase(_) | Step::PayLate(_) | Step::BeginTwice(..) => self.payable(index).await,
            _ => index,
        };
        match *step {
            Step::OrderAgain(_, is_same) => self.order_again(index, is_same).await,
            Step::Start(_) => self.start(index, at.replica).await,
            Step::Pay(_, despite_close) => self.pay(index, despite_close).await,
            Step::Purchase(_) => {
                let news = self.start(index, at.replica).await;
                self.pay(index, false).await;
                news
            }
            Step::Cancel(_) => {
                if let Some((sheet, _)) = self.model.orders[index].sheets.pop() {
                    self.phone(index).act(&sheet, json!({"action": "cancel"})).await;
                }
                News::default()
            }
            Step::PayLate(_) => {
                let news = self.start(index, at.replica).await;
                self.look(&news).await;
                let news = self.close(index, at.replica).await;
                self.look(&news).await;
                self.pay(index, true).await
            }
            Step::BeginTwice(_, is_paid) => {
                let news = self.start(index, at.replica).await;
                self.look(&news).await;
                self.leap(PREPAY_FRESH_S).await;
                let news = self.start(index, 1 - at.replica).await;
                if is_paid {
                    self.pay(index, true).await;
                }
                news
            }
            Step::Sync(_) => self.sync(index, at.replica).await,
            Step::Close(_) => self.close(index, at.replica).await,
            Step::Pry(_) => self.pry(index, at.replica).await,
            Step::NoticeTwice(_) => self.notice_twice(index).await,
            Step::Refund(_, amount, restock) => self.refund(index, amount, restock, at.replica).await,
            Step::RefundAgain(_, is_same) => self.refund_again(index, is_same, at.replica).await,
            Step::RefundsAtOnce(_, shares) => self.refunds_at_once(index, shares).await,
            Step::Ship(_, goods) => self.ship(index, goods, at.replica).await,
            _ => unreachable!("a step without an order"),
        }
    }

    /// An order of the same person that may be paid, if there is one or stock for one; else this one.
    async fn payable(&mut self, index: usize) -> usize {
        let (owner, now) = (self.model.orders[index].owner, self.shop.clock.now());
        let is_payable = |order: &Order| {
            order.owner == owner && order.standing == Standing::Unpaid && order.expires_at > now
        };
        if !self.model.orders.iter().any(is_payable) {
            self.order(owner, 1).await;
        }
        let found = self.model.orders.iter().rposition(is_payable);
        found.unwrap_or(index)
    }

    /// The next call that this can strike is struck.
    async fn fault(&mut self, fault: &str) -> News {
        let mut fault: Value = serde_json::from_str(fault).unwrap();
        fault["times"] = json!(1);
        self.shop.faults(json!([fault])).await;
        self.has_fault = true;
        News::default()
    }

    /// Whether the fault that waited has struck by now.
    pub(super) async fn has_struck(&mut self) -> bool {
        if !self.has_fault {
            return false;
        }
        let faults = self.shop.control("GET", "/simulator/faults", &Value::Null).await;
        self.has_fault = !faults["faults"].as_array().unwrap().is_empty();
        self.is_calm &= self.has_fault;
        !self.has_fault
    }

    /// Asserts that an answer is one of these, or tells of the fault that struck; gives its code.
    pub(super) async fn judge(&mut self, answer: &Answer, allowed: &[(u16, &str)]) -> String {
        let code = if answer.status < 300 {
            String::new()
        } else {
            answer.code()
        };
        let got = (answer.status, code.as_str());
        if !allowed.contains(&got) {
            let is_trouble = TROUBLE.contains(&got) && self.has_struck().await;
            assert!(is_trouble, "{got:?} is none of {allowed:?}: {}", answer.text());
        }
        code
    }

    async fn leap(&mut self, seconds: i64) -> News {
        if seconds < YEAR_S {
            self.shop.advance(seconds).await;
        } else {
            // The simulator's clock takes a year at most at a time.
            self.shop.advance(seconds / 2).await;
            self.shop.advance(seconds - seconds / 2).await;
            for phone in &mut self.people {
                phone.login().await;
            }
        }
        News::default()
    }

    async fn skew(&mut self, seconds: i64) -> News {
        self.shop.catch_up().await;
        self.shop.clock.advance(TimeDelta::seconds(seconds));
        self.is_skewed = true;
        News::default()
    }

    /// WeChat sends what is due. What is answered 2xx is known from then on; nothing else is.
    pub(super) async fn deliver(&mut self) -> News {
        let sent = self.shop.deliver().await;
        let is_struck = self.has_struck().await;
        let mut told = BTreeSet::new();
        for one in &sent {
            let is_probe = one["kind"] == "probe";
            assert!(one["status"] != 204 || !is_probe, "a probe was believed");
            assert!(one["status"] == 204 || is_struck || is_probe, "refused: {one}");
            if one["status"] == 204 {
                let number = one["out_refund_no"].as_str().or(one["out_trade_no"].as_str());
                told.insert(number.unwrap().to_owned());
                self.tally.note("notice believed");
                self.told_at = self.shop.clock.now();
            }
        }
        News {
            told,
            ..News::default()
        }
    }

    /// The loops of one server do all that is due.
    pub(super) async fn work(&mut self, replica: usize) -> News {
        let now = self.shop.clock.now();
        let idle_s = |since| (now - self.worked_at.max(since)).num_seconds();
        let (untold_s, untapped_s) = (idle_s(self.told_at), idle_s(self.tapped_at));
        let mut news = News {
            has_worked: true,
            ..News::default()
        };
        for index in 0..self.model.orders.len() {
            let is_unpaid = self.model.orders[index].standing == Standing::Unpaid;
            if is_unpaid && self.model.orders[index].expires_at <= now {
                news.over.push(index);
            } else if untapped_s >= PAYMENT_WAIT_S && self.paid_unheard(index).await {
                news.paid.push(index);
            }
        }
        if untold_s >= REFUND_WAIT_S {
            let at_wechat = self.shop.refunds_at_wechat().await;
            let ended = at_wechat
                .iter()
                .filter(|refund| refund["status"] != Progress::Processing.code());
            news.ended = ended
                .map(|refund| refund["out_refund_no"].as_str().unwrap().to_owned())
                .collect();
        }
        let failed = self.shop.run_workers_of(replica).await;
        let is_struck = self.has_struck().await;
        assert!(
            failed.is_empty() || is_struck,
            "turns of these loops failed: {failed:?}"
        );
        self.worked_at = now;
        if !self.is_calm {
            // What was disturbed may take a while longer.
            (news.paid, news.over, news.ended) = (Vec::new(), Vec::new(), BTreeSet::new());
        }
        news
    }
}
