//! Money that comes late, through an attempt that had ended or beside another one.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, held, log_since, shop, shop_with};

async fn waiting(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 6_800, Some(9)).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 1).await;
    (phone, order)
}

fn named(kind: &str, order: &str) -> Vec<(String, Option<String>)> {
    vec![(kind.to_owned(), Some(order.to_owned()))]
}

/// The attempts of an order that was moved to another server: the first, closed at WeChat, with its
/// sheet still open, and the second, payable.
struct Two {
    first_sheet: String,
    second_sheet: String,
    second_number: String,
}

async fn two_attempts(shop: &Shop, phone: &Phone<'_>, order: &str) -> Two {
    let first_sheet = phone.cashier(&phone.start_payment(order).await).await;
    shop.advance(110 * 60).await;
    let second = phone.start_payment_at(1, order).await.ok(200);
    let attempts = shop.attempts(order).await;
    assert_eq!(
        (attempts[0].1.as_str(), attempts[1].1.as_str()),
        ("closed", "prepaid")
    );
    Two {
        first_sheet,
        second_sheet: phone.cashier(&second).await,
        second_number: attempts[1].0.clone(),
    }
}

fn moved() -> Setup {
    Setup::default().with("ORDER_TTL_S", "86400").replicas(2)
}

#[tokio::test]
async fn when_an_older_attempt_is_paid_the_newer_one_is_closed_at_wechat() {
    for is_told in [true, false] {
        shop_with(moved(), async |shop| {
            let (phone, order) = waiting(shop).await;
            let two = two_attempts(shop, &phone, &order).await;
            phone.pay_despite_close(&two.first_sheet).await;
            if is_told {
                assert_eq!(shop.deliver().await[0]["status"], 204);
            } else {
                // The loops find it themselves: an ended attempt is asked about once more.
                shop.advance(299).await;
                shop.run_workers().await;
                assert_eq!(phone.status(&order).await, "awaiting_payment");
                shop.advance(1).await;
            }
            shop.run_workers().await;
            assert_eq!(phone.status(&order).await, "paid");
            assert_eq!(shop.state(&order).await, "closed");
            assert_eq!(
                shop.truth(&two.second_number).await.unwrap()["trade_state"],
                "CLOSED"
            );
            let late = phone.act(&two.second_sheet, json!({"action": "pay"})).await;
            assert_eq!(late["errMsg"], "requestPayment:fail the order is closed");
            assert_eq!(shop.exceptions().await, []);
        })
        .await;
    }
}

#[tokio::test]
async fn when_the_newer_one_was_paid_too_it_is_a_double_payment() {
    shop_with(moved(), async |shop| {
        let log_from = log_since(0).len();
        let (phone, order) = waiting(shop).await;
        let two = two_attempts(shop, &phone, &order).await;
        phone.pay_despite_close(&two.first_sheet).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let second = phone.act(&two.second_sheet, json!({"action": "pay"})).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.exceptions().await, named("double_payment", &order));
        let surplus: Vec<(Value,)> =
            sqlx::query_as("select to_jsonb(transaction_id) from payments where is_surplus")
                .fetch_all(&shop.db)
                .await
                .unwrap();
        assert_eq!(surplus, [(second["transaction_id"].clone(),)]);
        let lines = log_since(log_from);
        let lines = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut told = lines.filter(|line| line["message"] == "a payment became an exception");
        assert!(told.any(|line| line["order.id"] == order.as_str()));
    })
    .await;
}

#[tokio::test]
async fn an_attempt_that_is_being_asked_about_while_another_is_paid_is_closed_at_once() {
    shop_with(moved(), async |shop| {
        let (phone, order) = waiting(shop).await;
        let two = two_attempts(shop, &phone, &order).await;
        shop.advance(6).await;
        let asked = shop.calls("query").await.len();
        shop.faults(json!([held("delay", "query")])).await;
        let paying = async {
            shop.calls_until("query", asked + 1).await;
            phone.pay_despite_close(&two.first_sheet).await;
            assert_eq!(shop.deliver().await[0]["status"], 204);
            shop.let_go().await;
        };
        // What WeChat says is older than the payment, and so is the time for the next question that follows from it.
        join(shop.run_workers(), paying).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(
            shop.truth(&two.second_number).await.unwrap()["trade_state"],
            "CLOSED"
        );
    })
    .await;
}

#[tokio::test]
async fn a_newer_attempt_stays_closed_to_payers_though_wechat_was_away() {
    shop_with(moved(), async |shop| {
        let (phone, order) = waiting(shop).await;
        let two = two_attempts(shop, &phone, &order).await;
        phone.pay_despite_close(&two.first_sheet).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        shop.faults(json!([{"kind": "server_error", "api": "close"}]))
            .await;
        shop.run_workers().await;
        assert_eq!(shop.state(&order).await, "prepaid");
        shop.faults(json!([])).await;
        shop.advance(33).await;
        shop.run_workers().await;
        assert_eq!(shop.state(&order).await, "closed");
        assert_eq!(
            shop.truth(&two.second_number).await.unwrap()["trade_state"],
            "CLOSED"
        );
    })
    .await;
}

#[tokio::test]
async fn money_that_lands_on_a_closed_order_is_found_and_named() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        let sheet = phone.cashier(&phone.start_payment(&order).await).await;
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
        phone.pay_despite_close(&sheet).await;
        shop.advance(299).await;
        shop.run_workers().await;
        assert_eq!(shop.exceptions().await, []);
        shop.advance(1).await;
        shop.run_workers().await;
        assert_eq!(shop.exceptions().await, named("paid_after_close", &order));
        assert_eq!(phone.status(&order).await, "closed");
        assert_eq!(shop.state(&order).await, "surplus");
        assert_eq!(shop.stock_left("tea").await, Some(9));
    })
    .await;
}

#[tokio::test]
async fn an_attempt_that_wechat_takes_money_for_though_it_ended_here_is_closed_again() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        let sheet = phone.cashier(&phone.start_payment(&order).await).await;
        let number = shop.number(&order).await;
        // The books say that it ended, and WeChat does not: a restored database, or WeChat's own mistake.
        for sql in [
            "update payment_attempts set state = 'closed'",
            "update orders set status = 'closed', closed_at = updated_at",
            "update products set stock = stock + 1",
            "insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
                select gen_random_uuid(), 'order.closed', id, 'awaiting_payment', 'closed', 'close', now() from orders",
        ] {
            sqlx::query(sql).execute(&shop.db).await.unwrap();
        }
        shop.advance(5).await;
        shop.run_workers().await;
        assert_eq!(shop.truth(&number).await.unwrap()["trade_state"], "CLOSED");
        let late = phone.act(&sheet, json!({"action": "pay"})).await;
        assert_eq!(late["errMsg"], "requestPayment:fail the order is closed");
        // And it is looked at once more after that close.
        let asked = shop.calls("query").await.len();
        for (seconds, more) in [(299, 0), (1, 1), (86_400, 1)] {
            shop.advance(seconds).await;
            shop.run_workers().await;
            assert_eq!(shop.calls("query").await.len(), asked + more);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_query_finds_that_contradicts_the_books_is_named_by_the_loop_too() {
    for (column, value, kind) in [
        ("total_fen", "6799", "amount_mismatch"),
        ("app_id", "'wx9999999999999999'", "app_mismatch"),
    ] {
        shop(async |shop| {
            let (phone, order) = waiting(shop).await;
            phone.pay(&order).await;
            // The books change, as only a human with a console could do.
            let damage = format!("update payment_attempts set {column} = {value}");
            sqlx::query(sqlx::AssertSqlSafe(damage))
                .execute(&shop.db)
                .await
                .unwrap();
            for seconds in [5, 33, 66] {
                shop.advance(seconds).await;
                shop.run_workers().await;
            }
            assert_eq!(shop.exceptions().await, named(kind, &order));
            assert_eq!(phone.status(&order).await, "awaiting_payment");
            assert_eq!(shop.count("select count(*) from payments").await, 0);
        })
        .await;
    }
}
