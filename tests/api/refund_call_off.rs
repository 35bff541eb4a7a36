//! Refunds that WeChat does not take, and that a human no longer wants: called off, so that a balance topped up
//! later pays nobody twice. And abnormal ones, whose human is done.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Answer, Phone, Setup, Shop, held, log_since, shop, shop_with};

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
    resolve_at(shop, 0, kind).await
}

/// The same at one of several servers.
async fn resolve_at(shop: &Shop, replica: usize, kind: &str) -> Answer {
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
    let body = json!({"resolution": "paid by hand"});
    let request = shop.request_of(replica, "POST", &path, Some(ADMIN_TOKEN), Some(&body));
    shop.send(request).await
}

/// Lets the first server pursue what is due, and do nothing more from its `count`th call of this API, which these
/// faults hold, until `meanwhile` is over.
async fn frozen(shop: &Shop, faults: Value, (api, count): (&str, usize), meanwhile: impl AsyncFnOnce()) {
    shop.advance(66).await;
    shop.faults(faults).await;
    let frozen = async {
        shop.calls_until(api, count).await;
        meanwhile().await;
        shop.let_go().await;
    };
    let (failed, ()) = join(shop.run_workers_of(0), frozen).await;
    assert!(failed.is_empty(), "{failed:?}");
}

/// Holds the next call of an API back.
fn held_once(api: &str) -> Value {
    let mut held = held("delay", api);
    held["times"] = json!(1);
    held
}

/// The calls about refunds, in their order.
async fn calls_of_refunds(shop: &Shop) -> Vec<String> {
    let calls = shop.list("/simulator/calls").await;
    let apis = calls.iter().filter_map(|call| call["api"].as_str());
    apis.filter(|api| api.starts_with("refund"))
        .map(str::to_owned)
        .collect()
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
async fn a_server_that_stood_still_sends_nothing_that_was_called_off_meanwhile() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, _, refund) = waiting(shop).await;
        shop.rule("balance_fen", json!(1_000)).await;
        let asked = json!([held_once("refund_query")]);
        frozen(shop, asked, ("refund_query", 1), async || {
            shop.advance(91).await;
            resolve_at(shop, 1, "refund_waiting").await.ok(200);
        })
        .await;
        assert_eq!(
            calls_of_refunds(shop).await,
            ["refund", "refund_query", "refund_query"]
        );
        assert_eq!(shop.refund_now(&refund).await["failure_code"], "CALLED_OFF");
        assert_eq!(shop.refunds_at_wechat().await, Vec::<Value>::new());
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn whoever_stands_still_while_he_calls_off_says_so() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, _, refund) = waiting(shop).await;
        let asked = shop.calls("refund_query").await.len();
        shop.faults(json!([held_once("refund_query")])).await;
        let calling_off = resolve(shop, "refund_waiting");
        // Until the loop of the other server has it in hand again.
        let meanwhile = async {
            shop.calls_until("refund_query", asked + 1).await;
            shop.advance(91).await;
            assert!(shop.run_workers_of(1).await.is_empty());
            shop.let_go().await;
        };
        let (answer, ()) = join(calling_off, meanwhile).await;
        answer.refused(409, "request_in_progress");
        assert_eq!(shop.refund_status(&refund).await, "processing");
        assert_eq!(shop.open_exceptions().await.len(), 1);
        // Asked again, it is called off, and nothing is sent.
        resolve(shop, "refund_waiting").await.ok(200);
        assert_eq!(shop.refund_now(&refund).await["failure_code"], "CALLED_OFF");
        assert_eq!(shop.refunds_at_wechat().await, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn a_server_whose_lease_is_nearly_over_leaves_the_sending_to_the_next() {
    shop(async |shop| {
        waiting(shop).await;
        shop.rule("balance_fen", json!(1_000)).await;
        let asked = json!([held_once("refund_query")]);
        frozen(shop, asked, ("refund_query", 1), async || shop.advance(26).await).await;
        assert_eq!(calls_of_refunds(shop).await, ["refund", "refund_query"]);
        shop.pass(4).await;
        assert_eq!(
            calls_of_refunds(shop).await,
            ["refund", "refund_query", "refund_query", "refund"]
        );
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_takes_after_it_was_called_off_is_named() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let log_from = log_since(0).len();
        let (_, order, refund) = waiting(shop).await;
        shop.rule("balance_fen", json!(1_000)).await;
        // WeChat has it, and says for longer than it should that it does not.
        let absent =
            json!({"kind": "pay_error", "api": "refund_query", "status": 404, "code": "RESOURCE_NOT_EXISTS"});
        frozen(
            shop,
            json!([held_once("refund"), absent]),
            ("refund", 2),
            async || {
                shop.advance(91).await;
                resolve_at(shop, 1, "refund_waiting").await.ok(200);
            },
        )
        .await;
        let number = refund["out_refund_no"].as_str().unwrap().to_owned();
        assert_eq!(
            shop.open_exceptions().await,
            [("refund_contradiction".to_owned(), number)]
        );
        assert_eq!(shop.refund_status(&refund).await, "closed");
        // The line says which.
        let lines = log_since(log_from);
        let lines = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut told = lines.filter(|line| line["message"] == "a refund became an exception");
        assert!(told.any(|line| line["order.id"] == order.as_str()));
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
