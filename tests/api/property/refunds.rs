//! What the operator asks back, and how WeChat ends it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::model::{Progress, Refund};
use super::news::News;
use super::step::Amount;
use super::story::Story;
use crate::harness::Answer;

impl Story<'_> {
    pub(super) async fn refund(
        &mut self,
        index: usize,
        amount: Amount,
        restock: bool,
        replica: usize,
    ) -> News {
        let order = &self.model.orders[index];
        let left_fen = order.left_fen();
        let amount_fen = match amount {
            Amount::Rest => left_fen.max(1),
            Amount::Share(hundredths) => order.total_fen() * hundredths / 100,
            Amount::TooMuch => left_fen + 1,
        };
        let now = self.shop.clock.now();
        let (id, submit_at) = (order.id.clone(), order.submit_at(now));
        let allowed = order.refund_answers(amount_fen, now);
        let key = self.new_key();
        let body = json!({"amount_fen": amount_fen, "restock": restock});
        let answer = self.shop.try_refund_at(replica, &id, &key, &body).await;
        match self.judge(&answer, &allowed).await.as_str() {
            "" => {
                self.took(index, &answer, (key, body));
                assert_eq!(
                    self.model.orders[index].refunds.last().unwrap().submit_at,
                    submit_at
                );
            }
            "refund_exceeds_paid" => self.tally.note("refund of too much refused"),
            "refund_window_passed" => self.tally.note("refund too late refused"),
            _ => {}
        }
        News::default()
    }

    /// Writes down a refund that was taken.
    fn took(&mut self, index: usize, answer: &Answer, request: (String, Value)) {
        let taken = answer.ok(202);
        let text = |name: &str| taken[name].as_str().unwrap().to_owned();
        assert_eq!(
            (&taken["amount_fen"], text("status").as_str()),
            (&request.1["amount_fen"], "processing")
        );
        let order = &mut self.model.orders[index];
        assert_eq!(order.wanted().unwrap().transaction_id, text("transaction_id"));
        order.refunds.push(Refund {
            id: text("id"),
            number: text("out_refund_no"),
            transaction_id: text("transaction_id"),
            amount_fen: taken["amount_fen"].as_i64().unwrap(),
            is_restocking: taken["restock"].as_bool().unwrap(),
            submit_at: text("submit_at").parse().unwrap(),
            progress: Progress::Processing,
            was_abnormal: false,
            is_called_off: false,
            request: Some(request),
        });
    }

    pub(super) async fn refund_again(&mut self, index: usize, is_same: bool, replica: usize) -> News {
        let order = &self.model.orders[index];
        let newest = order.refunds.iter().rfind(|refund| refund.request.is_some());
        let Some((refund, (key, body))) = newest.and_then(|it| Some((it, it.request.as_ref()?))) else {
            return News::default();
        };
        let mut body = body.clone();
        if !is_same {
            body["restock"] = json!(!refund.is_restocking);
        }
        let answer = self.shop.try_refund_at(replica, &order.id, key, &body).await;
        if is_same {
            assert_eq!(answer.ok(202)["out_refund_no"], refund.number);
            assert_eq!(answer.header("idempotent-replayed"), Some("true"));
        } else {
            answer.refused(422, "idempotency_key_reused");
        }
        News::default()
    }

    /// At two servers at the same time: what is taken fits, and what is not did not fit any more.
    pub(super) async fn refunds_at_once(&mut self, index: usize, shares: [i64; 3]) -> News {
        let (id, total_fen) = (
            self.model.orders[index].id.clone(),
            self.model.orders[index].total_fen(),
        );
        let now = self.shop.clock.now();
        if self.model.orders[index].refund_answers(1, now) != [(202, "")] {
            return News::default();
        }
        let requests = shares.map(|share| {
            let body = json!({"amount_fen": total_fen * share / 100, "restock": false});
            (self.new_key(), body)
        });
        let asking = requests
            .iter()
            .enumerate()
            .map(async |(position, (key, body))| self.shop.try_refund_at(position % 2, &id, key, body).await);
        let answers = join_all(asking).await;
        let mut refused = Vec::new();
        for (answer, request) in answers.iter().zip(requests) {
            if answer.status == 202 {
                self.took(index, answer, request);
            } else {
                answer.refused(422, "refund_exceeds_paid");
                refused.push(request.1["amount_fen"].as_i64().unwrap());
            }
        }
        self.tally.note("refunds at once");
        let left_fen = self.model.orders[index].left_fen();
        assert!(left_fen >= 0, "{left_fen} fen are left");
        assert!(
            refused.iter().all(|amount| *amount > left_fen),
            "{refused:?} of {left_fen}"
        );
        News::default()
    }

    /// The refunds of this story that WeChat has, oldest first.
    pub(super) async fn at_wechat(&self) -> Vec<Value> {
        let payments = self.model.orders.iter().flat_map(|order| &order.payments);
        let ours: BTreeSet<&str> = payments.map(|payment| payment.number.as_str()).collect();
        let mut all = self.shop.refunds_at_wechat().await;
        all.retain(|refund| ours.contains(refund["out_trade_no"].as_str().unwrap()));
        all
    }

    /// One that WeChat has not ended yet ends; none: as a fault has said, or well.
    pub(super) async fn end_refund(&mut self, which: usize, end: Option<&str>) -> News {
        let mut open = self.at_wechat().await;
        open.retain(|refund| refund["status"] == "PROCESSING" || refund["status"] == "ABNORMAL");
        let Some(index) = which.checked_rem(open.len()) else {
            return News::default();
        };
        let number = open[index]["out_refund_no"].as_str().unwrap();
        let path = format!("/simulator/refunds/{number}");
        let ended = self
            .shop
            .try_control("POST", &path, &json!({"status": end}))
            .await;
        // One that is abnormal cannot become so again.
        if ended.status == 200 && ended.json()["status"] == "ABNORMAL" {
            self.model.refund_mut(number).unwrap().was_abnormal = true;
            self.tally.note("refund called abnormal");
        }
        News::default()
    }

    /// The operator is done with a refund that waits: it is called off, unless WeChat has it.
    pub(super) async fn call_off(&mut self, which: usize) -> News {
        let sql = "select id::text, subject from exceptions where kind = 'refund_waiting' and resolved_at is null order by id";
        let mut waiting: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&self.shop.db).await.unwrap();
        waiting.retain(|(_, number)| self.model.refund_mut(number).is_some());
        let Some(index) = which.checked_rem(waiting.len()) else {
            return News::default();
        };
        let (id, number) = waiting.swap_remove(index);
        let path = format!("/admin/exceptions/{id}/resolve");
        let body = json!({"resolution": "paid by hand"});
        let answer = self.shop.admin("POST", &path, Some(&body)).await;
        // It was sent without an answer a moment ago; or WeChat says that it is over, which resolves it.
        let allowed = [
            (200, ""),
            (409, "request_in_progress"),
            (409, "exception_resolved"),
        ];
        let code = self.judge(&answer, &allowed).await;
        let has_told = matches!(code.as_str(), "" | "exception_resolved");
        self.told_at = self.shop.clock.now();
        News {
            called_off: has_told.then_some(number),
            ..News::default()
        }
    }

    pub(super) async fn refund_notice_twice(&mut self, which: usize) -> News {
        let mut ended = self.at_wechat().await;
        ended.retain(|refund| refund["status"] != "PROCESSING");
        let Some(index) = which.checked_rem(ended.len()) else {
            return News::default();
        };
        let refund = &ended[index];
        let twice = json!({
            "out_trade_no": refund["out_trade_no"], "out_refund_no": refund["out_refund_no"], "copies": 2, "parallel": true,
        });
        assert_eq!(self.shop.notify(twice).await, [204, 204]);
        self.told_at = self.shop.clock.now();
        News {
            told: BTreeSet::from([refund["out_refund_no"].as_str().unwrap().to_owned()]),
            ..News::default()
        }
    }
}
