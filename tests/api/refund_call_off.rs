//! Refunds that WeChat does not take, and that a human no longer wants: called off, so that a balance topped up
//! later pays nobody twice. And abnormal ones, whose human is done.

use serde_json::{Value, json};

use crate::harness::{Answer, Phone, Shop, shop};

/// A paid order of 100 fen, and a refund of 40 that waits, since the balance is too small.
async fn waiting(shop: &Shop) -> (Phone<'_>, String, Value) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.paid_order("tea", 1).await;
    shop.rule("balance_fen", json!(39)).await;
    let refund = shop.refund(&order, 40).await;
    shop.run_workers().await;
    assert_eq!(shop.refund_now(&refund).await["failure_code"], "NOT_ENOUGH");
    (phone, order, refund)
}

/// Resolves the one open exception, which is of this kind.
async fn resolve(shop: &Shop, kind: &str) -> Answer {
    let open = shop
        .admin("GET", "/admin/exceptions?status=open", None)
        .await
        .ok(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open}");
    assert_eq!(open["items"][0]["kind"], kind);
    let path = format!(
        "/admin/exceptions/{}/resolve",
        open["items"][0]["id"].as_str().unwrap()
    );
    shop.admin("POST", &path, Some(&json!({"resolution": "paid by hand"})))
        .await
}

/// A refund that waited and was sent again: `WeChat` has taken it, and its answer was lost.
async fn taken_without_an_answer(shop: &Shop) -> (Phone<'_>, String, Value) {
    let (phone, order, refund) = waiting(shop).await;
    shop.rule("balance_fen", json!(1_000)).await;
    shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "refund", "times": 1}]))
        .await;
    shop.pass(66).await;
    assert_eq!(shop.refunds_at_wechat().await.len(), 1);
    (phone, order, refund)
}

#[tokio::test]
async fn a_refund_whose_exception_is_resolved_is_not_sent_when_the_balance_is_topped_up() {
    shop(async |shop| {
        let (phone, order, refund) = waiting(shop).await;
        assert_eq!(
            resolve(shop, "refund_waiting").await.ok(200)["status"],
            "resolved"
        );
        let closed = shop.refund_now(&refund).await;
        assert_eq!(
            (&closed["status"], &closed["failure_code"]),
            (&json!("closed"), &json!("CALLED_OFF"))
        );
        let order_now = phone.read_order(&order).await;
        assert_eq!(
            (&order_now["status"], &order_now["refunding_fen"]),
            (&json!("paid"), &json!(0))
        );
        assert_eq!(shop.open_exceptions().await, []);
        assert_eq!(shop.health_of("refunds").await["status"], "ok");
        shop.rule("balance_fen", json!(1_000)).await;
        shop.pass(86_400).await;
        assert_eq!(shop.calls("refund").await.len(), 1);
        assert_eq!(shop.refunds_at_wechat().await, Vec::<Value>::new());
        // The sum is free for another.
        shop.refund(&order, 100).await;
        shop.pass(62).await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
    })
    .await;
}

/// The runbook's statement that ends a refund which a restore brought back.
fn ending(number: &str) -> String {
    let runbook = include_str!("../../docs/runbook.md");
    let from = runbook.find("update refunds set status = 'closed'").unwrap();
    let statement = runbook[from..].split(';').next().unwrap();
    assert_eq!(statement.matches('…').count(), 1);
    statement.replace('…', number)
}

#[tokio::test]
async fn what_a_restore_brought_back_and_the_operator_ended_is_not_sent() {
    shop(async |shop| {
        let (phone, order, refund) = waiting(shop).await;
        let ending = ending(refund["out_refund_no"].as_str().unwrap());
        let ended = sqlx::raw_sql(sqlx::AssertSqlSafe(ending)).execute(&shop.db).await;
        assert_eq!(ended.unwrap().rows_affected(), 1);
        shop.rule("balance_fen", json!(1_000)).await;
        shop.pass(86_400).await;
        assert_eq!(shop.calls("refund").await.len(), 1);
        assert_eq!(phone.read_order(&order).await["refunding_fen"], 0);
        resolve(shop, "refund_waiting").await.ok(200);
        assert_eq!(shop.health_of("refunds").await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_wechat_knows_by_then_goes_on() {
    shop(async |shop| {
        let (phone, order, refund) = taken_without_an_answer(shop).await;
        assert_eq!(shop.refund_now(&refund).await["refund_id"], Value::Null);
        resolve(shop, "refund_waiting").await.ok(200);
        assert!(shop.refund_now(&refund).await["refund_id"].is_string());
        assert_eq!(phone.read_order(&order).await["refunding_fen"], 40);
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "partially_refunded");
    })
    .await;
}

#[tokio::test]
async fn without_wechats_word_nothing_is_called_off() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        let (phone, order, refund) = waiting(shop).await;
        let before = shop.snapshot().await;
        shop.faults(json!([{"kind": "server_error", "api": "refund_query"}]))
            .await;
        resolve(shop, "refund_waiting")
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(shop.snapshot().await, before);
        shop.faults(json!([])).await;
        // Nor while the loop has it in hand.
        sqlx::query("update refunds set lease_token = gen_random_uuid(), lease_until = $1")
            .bind(shop.clock.now() + chrono::TimeDelta::seconds(30))
            .execute(&shop.db)
            .await
            .unwrap();
        resolve(shop, "refund_waiting")
            .await
            .refused(409, "request_in_progress");
        assert_eq!(shop.refund_status(&refund).await, "processing");
        // It goes its way as before.
        shop.rule("balance_fen", json!(1_000)).await;
        shop.pass(66).await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "partially_refunded");
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_without_an_answer_is_not_called_off_while_wechat_may_not_show_it_yet() {
    shop(async |shop| {
        let (phone, order, refund) = taken_without_an_answer(shop).await;
        let absent = json!({"kind": "pay_error", "api": "refund_query", "status": 404, "code": "RESOURCE_NOT_EXISTS", "times": 1});
        shop.faults(json!([absent])).await;
        resolve(shop, "refund_waiting")
            .await
            .refused(409, "request_in_progress");
        assert_eq!(shop.refund_status(&refund).await, "processing");
        assert_eq!(phone.read_order(&order).await["refunding_fen"], 40);
        resolve(shop, "refund_waiting").await.ok(200);
        assert!(shop.refund_now(&refund).await["refund_id"].is_string());
    })
    .await;
}

#[tokio::test]
async fn an_abnormal_refund_whose_human_is_done_degrades_nothing() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "ABNORMAL").await;
        shop.deliver().await;
        assert_eq!(shop.health_of("refunds").await["status"], "degraded");
        resolve(shop, "refund_abnormal").await.ok(200);
        let check = shop.health_of("refunds").await;
        assert_eq!((&check["status"], &check["abnormal"]), (&json!("ok"), &json!(0)));
        // It is asked about all the same.
        shop.faults(json!([{"kind": "notification_lost", "api": "notification"}]))
            .await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.pass(7_200).await;
        assert_eq!(phone.status(&order).await, "refunded");
    })
    .await;
}
