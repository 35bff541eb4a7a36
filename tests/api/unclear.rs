//! No answer to believe is neither success nor failure, and no reason to ask more often.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, shop, shop_with};
use crate::prepay_fault::{once, waiting};

async fn paid(shop: &Shop, count: usize) -> (Phone<'_>, Vec<String>) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let mut orders = Vec::new();
    for _ in 0..count {
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        orders.push(order);
    }
    (phone, orders)
}

async fn due(shop: &Shop) -> f64 {
    sqlx::query_scalar("select extract(epoch from next_check_at - $1)::float8 from payment_attempts")
        .bind(shop.clock.now())
        .fetch_one(&shop.db)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_unknown_outcome_moves_nothing_but_the_next_question() {
    // Long enough for every call that is answered, and waited out by one that is not.
    let setup = Setup::default()
        .patience(Duration::from_secs(3))
        .with("ORDER_TTL_S", "86400");
    shop_with(setup, async |shop| {
        let (phone, orders) = paid(shop, 1).await;
        let before = phone.read_order(&orders[0]).await;
        for (asked, fault) in [
            json!({"kind": "server_error"}),
            json!({"kind": "server_error", "status": 503}),
            json!({"kind": "no_answer_before_accepting"}),
            json!({"kind": "no_answer_after_accepting"}),
            json!({"kind": "wrong_answer_signature"}),
            json!({"kind": "missing_answer_signature"}),
            json!({"kind": "stale_answer"}),
            json!({"kind": "probe_signature"}),
            json!({"kind": "delay", "ms": 60_000}),
            json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
            json!({"kind": "pay_error", "status": 400, "code": "PARAM_ERROR"}),
        ]
        .into_iter()
        .enumerate()
        {
            let mut fault: Value = fault;
            fault["api"] = json!("query");
            shop.faults(json!([fault])).await;
            // Never later than five minutes and a tenth after the one before.
            shop.advance(330).await;
            shop.run_workers().await;
            let calls = shop.calls("query").await;
            assert!(calls.len() > asked, "{fault}");
            assert_eq!(calls.last().unwrap()["faults"], json!([fault["kind"]]));
            // What is not verified is not believed, though it says "paid".
            assert_eq!(phone.read_order(&orders[0]).await, before, "{fault}");
            assert_eq!(shop.state(&orders[0]).await, "prepaid", "{fault}");
            let wait_s = due(shop).await;
            assert!((30.0..=330.0).contains(&wait_s), "{fault}: {wait_s}");
        }
        shop.faults(json!([])).await;
        shop.advance(330).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&orders[0]).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn while_wechat_is_away_calls_are_few() {
    shop(async |shop| {
        let (phone, orders) = paid(shop, 60).await;
        shop.advance(5).await;
        for (fault, rest_s) in [
            (json!({"kind": "server_error"}), 10),
            (
                json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
                30,
            ),
        ] {
            let mut fault: Value = fault;
            fault["api"] = json!("query");
            shop.faults(json!([fault])).await;
            let before = shop.calls("query").await.len();
            for rounds in 1..=3 {
                shop.run_workers().await;
                shop.advance(rest_s - 1).await;
                shop.run_workers().await;
                // One batch, and then a rest.
                assert_eq!(shop.calls("query").await.len() - before, rounds * 8);
                let health = shop.admin("GET", "/admin/health", None).await.json();
                let orders = &health["checks"]["orders"];
                assert_eq!(orders["status"], "degraded", "{orders}");
                assert!(orders["resting_until"].is_string(), "{orders}");
                shop.advance(1).await;
            }
        }
        shop.faults(json!([])).await;
        shop.advance(330).await;
        shop.run_workers().await;
        for order in &orders {
            assert_eq!(phone.status(order).await, "paid");
        }
    })
    .await;
}

#[tokio::test]
async fn what_people_do_is_not_held_back_by_a_rest() {
    shop(async |shop| {
        let (phone, orders) = paid(shop, 2).await;
        shop.faults(
            json!([{"kind": "pay_error", "api": "query", "status": 429, "code": "FREQUENCY_LIMITED"}]),
        )
        .await;
        shop.advance(5).await;
        shop.run_workers().await;
        shop.faults(json!([])).await;
        assert_eq!(phone.sync(&orders[0]).await["status"], "paid");
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_that_may_mean_paid_is_asked_about() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        let parameters = phone.start_payment(&order).await;
        phone.pay_with(&parameters).await;
        // As the books stood when the backup was made that has been restored.
        let before = "begin;
            set local session_replication_role = replica;
            update payment_attempts set state = 'created', request_payment = null, prepaid_at = null;
            commit";
        sqlx::raw_sql(before).execute(&shop.db).await.unwrap();
        once(
            shop,
            json!({"kind": "pay_error", "status": 400, "code": "INVALID_REQUEST"}),
        )
        .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(409, "order_state_conflict");
        assert_eq!(phone.status(&order).await, "paid");
        let number = shop.number(&order).await;
        assert_eq!(shop.attempts(&order).await, [(number, "settled".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_is_heard_of_after_its_refund_began_says_so() {
    shop(async |shop| {
        let (phone, orders) = paid(shop, 2).await;
        shop.deliver().await;
        let back = shop.refund(&orders[0], 40).await;
        shop.run_workers().await;
        shop.end_refund(&back, "SUCCESS").await;
        // As the books stood before the payments; WeChat's news of then are not told again.
        let before = "begin;
            set local session_replication_role = replica;
            delete from refunds;
            delete from refund_balances;
            delete from payments;
            delete from events;
            update payment_attempts set state = 'prepaid', transaction_id = null;
            update orders set status = 'awaiting_payment', paid_at = null;
            commit";
        sqlx::raw_sql(before).execute(&shop.db).await.unwrap();
        for order in &orders {
            assert_eq!(phone.sync(order).await["status"], "paid");
        }
        let sql = "select transaction_id from payments where order_id = $1::uuid";
        let payment: String = sqlx::query_scalar(sql)
            .bind(&orders[0])
            .fetch_one(&shop.db)
            .await
            .unwrap();
        assert_eq!(
            shop.open_exceptions().await,
            [("unknown_refund".to_owned(), payment)]
        );
        assert_eq!(shop.health_of("refunds").await["status"], "degraded");
    })
    .await;
}
