//! Giving up an order: at WeChat first.

use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, held, shop, shop_with};

/// An order whose payment was started, of two out of nine.
async fn started(shop: &Shop) -> (Phone<'_>, String, Value) {
    shop.stock("tea", 100, Some(9)).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 2).await;
    let parameters = phone.start_payment(&order).await;
    assert_eq!(shop.stock_left("tea").await, Some(7));
    (phone, order, parameters)
}

#[tokio::test]
async fn wechat_is_closed_first() {
    shop(async |shop| {
        let (phone, order, parameters) = started(shop).await;
        let sheet = phone.cashier(&parameters).await;
        let closed = phone.close(&order).await.ok(200);
        assert_eq!(
            (&closed["status"], &closed["paid_at"]),
            (&json!("closed"), &Value::Null)
        );
        assert!(closed["closed_at"].is_string());
        assert_eq!(shop.stock_left("tea").await, Some(9));
        assert_eq!(
            shop.events(&order).await,
            [("order.closed".to_owned(), "close".to_owned())]
        );
        let apis: Vec<Value> = shop
            .list("/simulator/calls")
            .await
            .iter()
            .map(|call| call["api"].clone())
            .collect();
        assert_eq!(apis[apis.len() - 2..], ["close", "query"]);
        assert_eq!(
            shop.truth(&shop.number(&order).await).await.unwrap()["trade_state"],
            "CLOSED"
        );
        let late = phone.act(&sheet, json!({"action": "pay"})).await;
        assert_eq!(late["errMsg"], "requestPayment:fail the order is closed");
        phone.close(&order).await.refused(409, "order_state_conflict");
        phone
            .try_start_payment(&order)
            .await
            .refused(409, "order_state_conflict");
        assert_eq!(shop.calls("close").await.len(), 1);
        assert_eq!(shop.stock_left("tea").await, Some(9));
    })
    .await;
}

#[tokio::test]
async fn while_wechat_does_not_say_closed_the_order_stays() {
    shop(async |shop| {
        for code in ["wechat_unavailable", "wechat_rejected"] {
            shop.announce(code);
        }
        let (phone, order, parameters) = started(shop).await;
        let faults = [
            (json!({"kind": "server_error"}), 503, "wechat_unavailable"),
            (
                json!({"kind": "no_answer_before_accepting"}),
                503,
                "wechat_unavailable",
            ),
            (
                json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
                429,
                "rate_limited",
            ),
            (
                json!({"kind": "pay_error", "status": 403, "code": "RULE_LIMIT"}),
                502,
                "wechat_rejected",
            ),
            // What nobody signed, against the query that is signed and calls it unpaid.
            (
                json!({"kind": "pay_error", "status": 404, "code": "ORDER_NOT_EXIST"}),
                502,
                "wechat_rejected",
            ),
        ];
        for (mut fault, status, code) in faults {
            fault["api"] = json!("close");
            fault["times"] = json!(1);
            shop.faults(json!([fault])).await;
            phone.close(&order).await.refused(status, code);
            let calls = shop.calls("close").await;
            assert_eq!(calls.last().unwrap()["faults"], json!([fault["kind"]]));
            assert_eq!(phone.status(&order).await, "awaiting_payment");
            assert_eq!(shop.state(&order).await, "prepaid");
        }
        assert_eq!(shop.stock_left("tea").await, Some(7));
        assert_eq!(shop.events(&order).await, []);
        // It can still be paid, and then it is.
        phone.pay_with(&parameters).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn a_close_that_wechat_did_without_saying_so_is_done_again() {
    // Long enough for every call that is answered, and waited out by one that is not.
    let setup = Setup::default().patience(Duration::from_secs(3));
    shop_with(setup, async |shop| {
        shop.announce("wechat_unavailable");
        shop.announce("wechat_timeout");
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        let faults = [
            (
                json!({"kind": "no_answer_after_accepting", "api": "close"}),
                503,
                "wechat_unavailable",
            ),
            (
                json!({"kind": "wrong_answer_signature", "api": "close"}),
                503,
                "wechat_unavailable",
            ),
            (
                json!({"kind": "missing_answer_signature", "api": "close"}),
                503,
                "wechat_unavailable",
            ),
            (
                json!({"kind": "delay", "api": "close", "ms": 60_000}),
                504,
                "wechat_timeout",
            ),
            // It is closed there, and whether it was paid just before cannot be asked.
            (
                json!({"kind": "server_error", "api": "query"}),
                503,
                "wechat_unavailable",
            ),
        ];
        for (mut fault, status, code) in faults {
            let order = phone.buy("tea", 2).await;
            phone.start_payment(&order).await;
            fault["times"] = json!(1);
            shop.faults(json!([fault])).await;
            phone.close(&order).await.refused(status, code);
            assert_eq!(
                shop.list("/simulator/calls").await.last().unwrap()["faults"],
                json!([fault["kind"]])
            );
            assert_eq!(phone.status(&order).await, "awaiting_payment");
            assert_eq!(shop.stock_left("tea").await, Some(7));
            assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
            assert_eq!(shop.stock_left("tea").await, Some(9));
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_close_that_may_have_worked_the_next_tap_finds_out() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        for (fault, has_worked) in [
            ("no_answer_after_accepting", true),
            ("no_answer_before_accepting", false),
        ] {
            let order = phone.buy("tea", 2).await;
            phone.start_payment(&order).await;
            let number = shop.number(&order).await;
            shop.faults(json!([{"kind": fault, "api": "close", "times": 1}]))
                .await;
            phone.close(&order).await.refused(503, "wechat_unavailable");
            shop.advance(1).await;
            // What was handed out before may be dead, so it is not handed out again.
            phone.pay(&order).await;
            assert_eq!(shop.attempts(&order).await[0].0, number);
            assert_eq!(shop.attempts(&order).await.len(), 1 + usize::from(has_worked));
            assert_eq!(phone.sync(&order).await["status"], "paid");
        }
    })
    .await;
}

#[tokio::test]
async fn a_paid_order_cannot_be_closed_and_is_paid_then() {
    shop(async |shop| {
        let (phone, order, parameters) = started(shop).await;
        phone.pay_with(&parameters).await;
        phone.close(&order).await.refused(409, "order_state_conflict");
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.calls("close").await.last().unwrap()["error"], "ORDER_PAID");
        assert_eq!(
            shop.events(&order).await,
            [("order.paid".to_owned(), "query".to_owned())]
        );
        phone.close(&order).await.refused(409, "order_state_conflict");
        assert_eq!(shop.calls("close").await.len(), 1);
        assert_eq!(shop.stock_left("tea").await, Some(7));
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_wins_the_race_with_the_close_counts() {
    shop(async |shop| {
        let (phone, order, parameters) = started(shop).await;
        let sheet = phone.cashier(&parameters).await;
        shop.faults(json!([held("delay", "close")])).await;
        let paying = async {
            shop.calls_until("close", 1).await;
            phone.pay_despite_close(&sheet).await;
            shop.let_go().await;
        };
        let (answer, ()) = join(phone.close(&order), paying).await;
        answer.refused(409, "order_state_conflict");
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.exceptions().await, []);
        assert_eq!(shop.stock_left("tea").await, Some(7));
    })
    .await;
}

#[tokio::test]
async fn a_notification_during_the_close_counts() {
    shop(async |shop| {
        let (phone, order, parameters) = started(shop).await;
        let sheet = phone.cashier(&parameters).await;
        shop.faults(json!([held("delay", "close")])).await;
        let paying = async {
            shop.calls_until("close", 1).await;
            phone.pay_despite_close(&sheet).await;
            assert_eq!(shop.deliver().await[0]["status"], 204);
            assert_eq!(phone.status(&order).await, "paid");
            shop.let_go().await;
        };
        let (answer, ()) = join(phone.close(&order), paying).await;
        answer.refused(409, "order_state_conflict");
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.verdicts().await, ["settled"]);
    })
    .await;
}

#[tokio::test]
async fn no_order_is_closed_while_its_payment_is_being_started() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 2).await;
        shop.faults(json!([held("delay", "prepay")])).await;
        let closing = async {
            shop.calls_until("prepay", 1).await;
            phone.close(&order).await.refused(409, "request_in_progress");
            shop.let_go().await;
        };
        let (answer, ()) = join(phone.try_start_payment(&order), closing).await;
        phone.pay_with(&answer.ok(200)).await;
        assert_eq!(shop.calls("close").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn no_payment_is_started_while_its_order_is_being_closed() {
    let setup = Setup::default().with("ORDER_TTL_S", "86400");
    shop_with(setup, async |shop| {
        let (phone, order, _) = started(shop).await;
        // The prepay id is old, so that a tap asks WeChat for another.
        shop.advance(110 * 60).await;
        shop.faults(json!([held("delay", "close")])).await;
        let tapping = async {
            shop.calls_until("close", 1).await;
            phone
                .try_start_payment(&order)
                .await
                .refused(409, "request_in_progress");
            shop.let_go().await;
        };
        let (answer, ()) = join(phone.close(&order), tapping).await;
        assert_eq!(answer.ok(200)["status"], "closed");
        phone
            .try_start_payment(&order)
            .await
            .refused(409, "order_state_conflict");
        assert_eq!(shop.calls("prepay").await.len(), 1);
        assert_eq!(shop.attempts(&order).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn ten_closes_at_once_give_the_stock_back_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order, _) = started(shop).await;
        let path = format!("/v1/orders/{order}/close");
        let at_once = (0..10).map(|position| phone.call_at(position % 2, "POST", &path));
        let answers = join_all(at_once).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert!(
            answers.iter().all(|answer| [200, 409].contains(&answer.status)),
            "{answers:?}"
        );
        assert_eq!(shop.stock_left("tea").await, Some(9));
        assert_eq!(shop.events(&order).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_order_that_wechat_never_heard_of_is_closed_here() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        shop.stock("tea", 100, Some(9)).await;
        let (phone, stranger) = (shop.visitor().await, shop.visitor().await);
        let order = phone.buy("tea", 2).await;
        stranger.close(&order).await.refused(404, "order_not_found");
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
        assert_eq!(shop.calls("close").await.len(), 0);
        // Unknown here, not there over there.
        let order = phone.buy("tea", 2).await;
        shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "prepay", "times": 1}]))
            .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
        assert_eq!(
            shop.calls("close").await.last().unwrap()["error"],
            "ORDER_NOT_EXIST"
        );
        // WeChat may name it otherwise; the signed answer to the query says that it is not there.
        let order = phone.buy("tea", 2).await;
        let refusal = json!({"kind": "pay_error", "api": "close", "status": 400, "code": "INVALID_REQUEST", "times": 1});
        shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "prepay", "times": 1}, refusal]))
            .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
        // And one whose time is over.
        let order = phone.buy("tea", 2).await;
        phone.start_payment(&order).await;
        shop.advance(1_801).await;
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
        assert_eq!(shop.stock_left("tea").await, Some(9));
    })
    .await;
}
