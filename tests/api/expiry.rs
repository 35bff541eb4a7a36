//! Orders whose time is over: closed at WeChat first, and here only then.

use chrono::TimeDelta;
use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, held, shop, shop_with};

/// An order whose payment was started, of two out of nine.
async fn started(shop: &Shop) -> (Phone<'_>, String, Value) {
    shop.stock("tea", 100, Some(9)).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 2).await;
    let parameters = phone.start_payment(&order).await;
    (phone, order, parameters)
}

/// Setup of orders that WeChat would take money for long after their time is over here: time alone ends
/// none of them over there.
fn long() -> Setup {
    Setup::default().with("ORDER_TTL_S", "86400")
}

/// The time of every order that waits is over in so many seconds.
async fn run_out(shop: &Shop, in_s: i64) {
    sqlx::query("update orders set expires_at = $1 where status = 'awaiting_payment'")
        .bind(shop.clock.now() + TimeDelta::seconds(in_s))
        .execute(&shop.db)
        .await
        .unwrap();
}

async fn apis(shop: &Shop) -> Vec<String> {
    let calls = shop.list("/simulator/calls").await;
    let apis = calls.iter().map(|call| call["api"].as_str().unwrap().to_owned());
    apis.filter(|api| api != "certificates").collect()
}

fn expired() -> Vec<(String, String)> {
    vec![("order.closed".to_owned(), "expiry".to_owned())]
}

#[tokio::test]
async fn an_order_whose_time_is_over_is_closed_at_wechat_first() {
    shop_with(long(), async |shop| {
        let (phone, order, parameters) = started(shop).await;
        let sheet = phone.cashier(&parameters).await;
        run_out(shop, 60).await;
        shop.advance(59).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        assert!(!apis(shop).await.contains(&"close".to_owned()));
        shop.advance(1).await;
        shop.faults(json!([held("delay", "close")])).await;
        let looking = async {
            shop.calls_until("close", 1).await;
            // WeChat has not said yet that nobody can pay it.
            assert_eq!(shop.order_status(&order).await, "awaiting_payment");
            assert_eq!(shop.stock_left("tea").await, Some(7));
            shop.let_go().await;
        };
        join(shop.run_workers(), looking).await;
        let closed = phone.read_order(&order).await;
        assert_eq!(
            (&closed["status"], &closed["paid_at"]),
            (&json!("closed"), &Value::Null)
        );
        assert!(closed["closed_at"].is_string());
        assert_eq!(shop.stock_left("tea").await, Some(9));
        assert_eq!(shop.events(&order).await, expired());
        let calls = apis(shop).await;
        assert_eq!(calls[calls.len() - 2..], ["close", "query"]);
        let late = phone.act(&sheet, json!({"action": "pay"})).await;
        assert_eq!(late["errMsg"], "requestPayment:fail the order is closed");
        assert_eq!(shop.calls("close").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_order_that_nobody_began_to_pay_is_closed_without_a_call() {
    for has_merchant in [true, false] {
        let mut setup = Setup::default();
        if !has_merchant {
            for name in [
                "WXPAY_MCH_ID",
                "WXPAY_CERT_SERIAL",
                "WXPAY_PRIVATE_KEY_FILE",
                "WXPAY_API_V3_KEY",
            ] {
                setup = setup.with(name, "");
            }
        }
        shop_with(setup, async |shop| {
            shop.stock("tea", 100, Some(9)).await;
            let phone = shop.visitor().await;
            let order = phone.buy("tea", 2).await;
            shop.advance(1_799).await;
            shop.run_workers().await;
            assert_eq!(phone.status(&order).await, "awaiting_payment");
            shop.advance(1).await;
            shop.run_workers().await;
            assert_eq!(phone.status(&order).await, "closed");
            assert_eq!(shop.stock_left("tea").await, Some(9));
            assert_eq!(shop.events(&order).await, expired());
            assert!(
                apis(shop).await.iter().all(|api| api == "login"),
                "{:?}",
                apis(shop).await
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_refused_close_is_a_reason_to_ask_and_the_order_is_paid() {
    let setup = Setup::default().with("ORDER_TTL_S", "120");
    shop_with(setup, async |shop| {
        let (phone, order, parameters) = started(shop).await;
        // The third question comes 95 s after the tap at the earliest, the fourth long after the end.
        for seconds in [5, 33, 66] {
            shop.advance(seconds).await;
            shop.run_workers().await;
        }
        assert_eq!(shop.calls("query").await.len(), 3);
        phone.pay_with(&parameters).await;
        shop.advance(16).await;
        shop.run_workers().await;
        assert_eq!(shop.calls("close").await.last().unwrap()["error"], "ORDER_PAID");
        let calls = apis(shop).await;
        assert_eq!(calls[calls.len() - 2..], ["close", "query"]);
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(
            shop.events(&order).await,
            [("order.paid".to_owned(), "query".to_owned())]
        );
        assert_eq!(shop.stock_left("tea").await, Some(7));
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!(shop.calls("close").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_wins_the_race_with_the_close_counts() {
    shop_with(long(), async |shop| {
        let (phone, order, parameters) = started(shop).await;
        let sheet = phone.cashier(&parameters).await;
        run_out(shop, 60).await;
        shop.advance(60).await;
        shop.faults(json!([held("delay", "close")])).await;
        let paying = async {
            shop.calls_until("close", 1).await;
            phone.pay_despite_close(&sheet).await;
            shop.let_go().await;
        };
        join(shop.run_workers(), paying).await;
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.exceptions().await, []);
        assert_eq!(shop.stock_left("tea").await, Some(7));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_outcome_leaves_the_order_for_the_next_turn() {
    shop_with(long(), async |shop| {
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        for fault in [
            json!({"kind": "server_error"}),
            json!({"kind": "no_answer_before_accepting"}),
            json!({"kind": "no_answer_after_accepting"}),
            json!({"kind": "wrong_answer_signature"}),
            json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
            json!({"kind": "pay_error", "status": 403, "code": "RULE_LIMIT"}),
        ] {
            let mut fault: Value = fault;
            fault["api"] = json!("close");
            let order = phone.buy("tea", 2).await;
            phone.start_payment(&order).await;
            shop.advance(1).await;
            run_out(shop, 0).await;
            shop.faults(json!([fault])).await;
            let tried = shop.calls("close").await.len();
            for _ in 0..2 {
                // One try, and then a wait.
                shop.run_workers().await;
                assert_eq!(shop.calls("close").await.len(), tried + 1, "{fault}");
                assert_eq!(shop.calls("close").await[tried]["faults"], json!([fault["kind"]]));
                assert_eq!(shop.order_status(&order).await, "awaiting_payment", "{fault}");
                assert_eq!(shop.stock_left("tea").await, Some(7));
                shop.advance(9).await;
            }
            shop.faults(json!([])).await;
            shop.advance(300).await;
            shop.run_workers().await;
            assert_eq!(shop.order_status(&order).await, "closed", "{fault}");
            assert_eq!(shop.stock_left("tea").await, Some(9));
            assert_eq!(shop.events(&order).await, expired());
        }
    })
    .await;
}

#[tokio::test]
async fn tries_become_rare_while_wechat_does_not_close() {
    shop_with(long(), async |shop| {
        let (phone, order, _) = started(shop).await;
        shop.faults(json!([{"kind": "pay_error", "api": "close", "status": 403, "code": "RULE_LIMIT"}]))
            .await;
        shop.advance(1).await;
        run_out(shop, 0).await;
        shop.run_workers().await;
        for (tried, wait_s) in [30, 60, 180, 300, 300, 300].into_iter().enumerate() {
            shop.advance(wait_s - 1).await;
            shop.run_workers().await;
            assert_eq!(shop.calls("close").await.len(), tried + 1);
            shop.advance(1).await;
            shop.run_workers().await;
            assert_eq!(shop.calls("close").await.len(), tried + 2);
        }
        assert_eq!(phone.status(&order).await, "awaiting_payment");
    })
    .await;
}

#[tokio::test]
async fn an_order_without_a_payment_does_not_wait_for_wechat() {
    shop(async |shop| {
        let (phone, order, _) = started(shop).await;
        shop.advance(5).await;
        let other = phone.buy("tea", 1).await;
        shop.faults(
            json!([{"kind": "server_error", "api": "close"}, {"kind": "server_error", "api": "query"}]),
        )
        .await;
        shop.advance(1_795).await;
        shop.run_workers().await;
        // The loops leave WeChat alone for a while.
        let called = shop.list("/simulator/calls").await.len();
        shop.advance(5).await;
        shop.run_workers().await;
        assert_eq!(shop.list("/simulator/calls").await.len(), called);
        assert_eq!(phone.status(&other).await, "closed");
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        assert_eq!(shop.stock_left("tea").await, Some(7));
    })
    .await;
}

#[tokio::test]
async fn money_that_contradicts_the_books_does_not_hold_the_stock() {
    shop(async |shop| {
        let (phone, order, parameters) = started(shop).await;
        phone.pay_with(&parameters).await;
        sqlx::query("update payment_attempts set total_fen = total_fen - 1")
            .execute(&shop.db)
            .await
            .unwrap();
        let named = [("amount_mismatch".to_owned(), Some(order.clone()))];
        shop.advance(5).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        assert_eq!(shop.exceptions().await, named);
        shop.advance(1_795).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "closed");
        assert_eq!(shop.stock_left("tea").await, Some(9));
        // The difference is still with a human, and the questions end.
        shop.advance(300).await;
        shop.run_workers().await;
        assert_eq!(shop.exceptions().await, named);
        let asked = shop.calls("query").await.len();
        shop.advance(12 * 3_600).await;
        shop.run_workers().await;
        assert_eq!(shop.calls("query").await.len(), asked);
        // The bill of the day has the money too, which is a reason to ask once more.
        for _ in 0..2 {
            shop.advance(86_400).await;
            shop.run_workers().await;
            assert_eq!(shop.calls("query").await.len(), asked + 1);
        }
    })
    .await;
}

#[tokio::test]
async fn two_replicas_give_the_stock_back_once() {
    shop_with(long().replicas(2), async |shop| {
        shop.stock("tea", 100, Some(40)).await;
        let phone = shop.visitor().await;
        for number in 0..20 {
            let order = phone.buy("tea", 2).await;
            if number % 2 == 0 {
                phone.start_payment(&order).await;
            }
        }
        assert_eq!(shop.stock_left("tea").await, Some(0));
        shop.faults(json!([{"kind": "delay", "api": "close", "ms": 50}]))
            .await;
        shop.advance(1).await;
        run_out(shop, 0).await;
        let (one, other) = join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        assert!(one.is_empty() && other.is_empty());
        assert_eq!(
            shop.count("select count(*) from orders where status = 'closed'")
                .await,
            20
        );
        assert_eq!(shop.count("select count(*) from events").await, 20);
        assert_eq!(shop.calls("close").await.len(), 10);
        assert_eq!(shop.stock_left("tea").await, Some(40));
    })
    .await;
}

/// The page hears the same before the loop has come and after it, and whoever closed the order.
#[tokio::test]
async fn an_order_past_its_time_is_too_old_to_be_paid_whether_it_is_closed_or_not() {
    shop(async |shop| {
        let (phone, order, _) = started(shop).await;
        let given_up = phone.buy("tea", 1).await;
        phone.close(&given_up).await.ok(200);
        let early = phone.try_start_payment(&given_up).await;
        early.refused(409, "order_state_conflict");
        let paid = phone.paid_order("tea", 1).await;
        shop.advance(1_800).await;
        for status in ["awaiting_payment", "closed"] {
            assert_eq!(shop.order_status(&order).await, status);
            for late in [&order, &given_up] {
                phone.try_start_payment(late).await.refused(409, "order_expired");
            }
            let settled = phone.try_start_payment(&paid).await;
            settled.refused(409, "order_state_conflict");
            shop.run_workers().await;
        }
        assert_eq!(shop.calls("prepay").await.len(), 2);
    })
    .await;
}
