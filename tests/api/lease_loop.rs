//! The loops of several servers among the same rows: what somebody else has in hand is passed over, and
//! who has lost a row writes nothing about it.

use chrono::{DateTime, Utc};
use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{Phone, Receiver, Setup, Shop, held, shop, shop_with, until};
use crate::reconciliation::{begin, go_to, read, reconcile, sell, today, trading_day};

async fn visitor(shop: &Shop) -> Phone<'_> {
    shop.stock("tea", 100, None).await;
    shop.visitor().await
}

/// Runs the loops while somebody else holds every row of a table, and then again.
async fn run_around(shop: &Shop, lock: &'static str, is_done: impl AsyncFn() -> bool) {
    let mut held = shop.db.begin().await.unwrap();
    sqlx::query(lock).execute(&mut *held).await.unwrap();
    let failed = shop.run_workers_of(0).await;
    assert!(failed.is_empty(), "waited in vain: {failed:?}");
    assert!(!is_done().await, "a row was taken out of another hand");
    held.rollback().await.unwrap();
    shop.run_workers().await;
    assert!(is_done().await);
}

#[tokio::test]
async fn a_payment_in_another_hand_is_passed_over() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        shop.advance(5).await;
        let lock = "select 1 from payment_attempts for update";
        run_around(shop, lock, async || phone.status(&order).await == "paid").await;
    })
    .await;
}

#[tokio::test]
async fn an_order_in_another_hand_is_passed_over() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        let order = phone.buy("tea", 1).await;
        shop.advance(1_800).await;
        let lock = "select 1 from orders for update";
        run_around(shop, lock, async || phone.status(&order).await == "closed").await;
    })
    .await;
}

#[tokio::test]
async fn a_refund_in_another_hand_is_passed_over() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        let order = phone.paid_order("tea", 1).await;
        shop.refund(&order, 40).await;
        let lock = "select 1 from refunds for update";
        run_around(shop, lock, async || shop.calls("refund").await.len() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_shipment_in_another_hand_is_passed_over() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        let order = phone.paid_order("tea", 1).await;
        shop.ship(&order, &json!({"kind": "virtual"})).await;
        let lock = "select 1 from shipments for update";
        run_around(shop, lock, async || {
            shop.calls("upload_shipping").await.len() == 1
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_event_in_another_hand_is_passed_over() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        let phone = visitor(shop).await;
        phone.paid_order("tea", 1).await;
        let lock = "select 1 from event_deliveries for update";
        run_around(shop, lock, async || receiver.got().len() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_day_in_another_hand_is_passed_over() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        phone.paid_order("tea", 1).await;
        let day = today(shop);
        go_to(shop, 1, 10).await;
        shop.faults(json!([{"kind": "bill_not_ready", "times": 1}])).await;
        reconcile(shop, day).await;
        shop.advance(1_800).await;
        let lock = "select 1 from reconciliations for update";
        run_around(shop, lock, async || {
            shop.count("select count(*) from reconciliations where status = 'balanced'")
                .await
                == 1
        })
        .await;
    })
    .await;
}

/// Lets the loops work on a row, and gives it to somebody else before WeChat's answer can be written.
async fn taken_away(shop: &Shop, api: &str, lock: &'static str, take: &'static str) {
    let taking = async {
        shop.calls_until(api, 1).await;
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query(lock).execute(&mut *held).await.unwrap();
        shop.let_go().await;
        until(async || shop.lock_waiters().await == 1).await;
        sqlx::query(take).execute(&mut *held).await.unwrap();
        held.commit().await.unwrap();
    };
    let (failed, ()) = join(shop.run_workers_of(0), taking).await;
    assert!(failed.is_empty(), "{failed:?}");
}

/// Who holds the only row of a table, and when it is due; by its seventh microsecond, that is as the other one said.
async fn holder(shop: &Shop, sql: &'static str) -> (Option<uuid::Uuid>, DateTime<Utc>) {
    sqlx::query_as(sql).fetch_one(&shop.db).await.unwrap()
}

const TOKEN: &str = "00000000-0000-4000-8000-000000000001";

#[tokio::test]
async fn an_answer_about_a_payment_that_was_lost_to_another_is_not_written() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        shop.advance(5).await;
        shop.faults(json!([held("delay", "query")])).await;
        let lock = "select 1 from payment_attempts for update";
        let take = "update payment_attempts set lease_token = '00000000-0000-4000-8000-000000000001',
            lease_until = lease_until + interval '1 minute',
            next_check_at = date_trunc('minute', lease_until) + interval '1 minute 7 microseconds'";
        taken_away(shop, "query", lock, take).await;
        let (token, due_at) = holder(shop, "select lease_token, next_check_at from payment_attempts").await;
        assert_eq!(token, Some(TOKEN.parse().unwrap()));
        assert_eq!(due_at.timestamp_subsec_micros(), 7);
    })
    .await;
}

/// A refund in the hands of somebody else, after an answer of WeChat that came too late for the one who
/// asked.
async fn assert_refund_kept(shop: &Shop, api: &str) {
    let lock = "select 1 from refunds for update";
    let take = "update refunds set lease_token = '00000000-0000-4000-8000-000000000001',
        lease_until = lease_until + interval '1 minute',
        next_check_at = date_trunc('minute', lease_until) + interval '1 minute 7 microseconds'";
    taken_away(shop, api, lock, take).await;
    let (token, due_at) = holder(shop, "select lease_token, next_check_at from refunds").await;
    assert_eq!(token, Some(TOKEN.parse().unwrap()));
    assert_eq!(due_at.timestamp_subsec_micros(), 7);
}

#[tokio::test]
async fn an_answer_about_a_refund_that_was_lost_to_another_is_not_written() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        let order = phone.paid_order("tea", 1).await;
        shop.refund(&order, 40).await;
        shop.run_workers().await;
        shop.advance(5).await;
        shop.faults(json!([
            held("delay", "refund_query"),
            {"kind": "server_error", "api": "refund_query", "times": 1},
        ]))
        .await;
        assert_refund_kept(shop, "refund_query").await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_a_refund_that_was_lost_to_another_does_not_close_it() {
    shop(async |shop| {
        let phone = visitor(shop).await;
        let order = phone.paid_order("tea", 1).await;
        let refund = shop.refund(&order, 40).await;
        shop.faults(json!([
            held("delay", "refund"),
            {"kind": "pay_error", "api": "refund", "status": 400, "code": "PARAM_ERROR", "times": 1},
        ]))
        .await;
        assert_refund_kept(shop, "refund").await;
        let now = shop.refund_now(&refund).await;
        assert_eq!(
            (&now["status"], &now["failure_code"]),
            (&json!("processing"), &Value::Null)
        );
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn what_a_day_that_was_lost_to_another_differs_in_is_not_written() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 500).await;
        sell(&phone).await;
        go_to(shop, 1, 10).await;
        // Its bills are there, and it is about to look at them: what is locked keeps only `analyze` waiting.
        let lock = "lock table bill_rows in share update exclusive mode";
        let take = "update reconciliations set lease_token = '00000000-0000-4000-8000-000000000001',
            lease_until = lease_until + interval '1 minute'";
        let wrong = json!({"kind": "bill_amount_changed", "api": "trade_bill"});
        shop.faults(json!([wrong, held("delay", "fund_flow_bill")])).await;
        let begun = begin(shop, day).await;
        taken_away(shop, "fund_flow_bill", lock, take).await;
        // The one who lost it throws its rows away in the end.
        until(async || shop.count("select count(*) from bill_rows").await == 0).await;
        for sql in [
            "select count(*) from exceptions",
            "select count(*) from reconciliation_differences",
            "select count(*) from reconciliations where lease_token is null",
        ] {
            assert_eq!(shop.count(sql).await, 0, "{sql}");
        }
        shop.advance(200).await;
        shop.run_workers().await;
        let result = read(shop, &begun["id"]).await;
        assert_eq!(
            (&result["status"], &result["attempts"]),
            (&json!("balanced"), &json!(2))
        );
    })
    .await;
}
