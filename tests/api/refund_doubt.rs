//! A refund that was sent without an answer, and of which WeChat says then that it knows none: it may have it and
//! not show it yet, so that no refusal ends it before WeChat must know.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Phone, Setup, Shop, held, shop, shop_with};

async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.paid_order("tea", 1).await;
    (phone, order)
}

/// The refusal that no repetition changes.
fn refused_for_good(times: u32) -> Value {
    json!({"kind": "pay_error", "api": "refund", "status": 400, "code": "PARAM_ERROR", "times": times})
}

/// WeChat does not know the refund, or not yet.
fn unknown_once() -> Value {
    json!({"kind": "pay_error", "api": "refund_query", "status": 404, "code": "RESOURCE_NOT_EXISTS", "times": 1})
}

#[tokio::test]
async fn a_refusal_closes_nothing_that_an_earlier_sending_may_have_begun() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "refund", "times": 1}]))
            .await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        // WeChat has it and does not show it yet, and will not hear of it again.
        shop.faults(json!([unknown_once(), refused_for_good(1)])).await;
        shop.pass(11).await;
        assert_eq!(shop.calls("refund").await.len(), 2);
        let doubtful = shop.refund_now(&refund).await;
        assert_eq!(
            (&doubtful["status"], &doubtful["failure_code"]),
            (&json!("processing"), &json!("PARAM_ERROR"))
        );
        let again = json!({"amount_fen": 1});
        shop.try_refund(&order, "again", &again)
            .await
            .refused(422, "refund_exceeds_paid");
        shop.pass(67).await;
        assert!(shop.refund_now(&refund).await["refund_id"].is_string());
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "refunded");
        assert_eq!(shop.open_exceptions().await, []);
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_no_sending_began_closes_once_wechat_must_know() {
    // As of a clock that was right, and of one that has been set back by an hour since.
    for ahead_s in [0, 3_600] {
        shop(async |shop| {
            let (phone, order) = paid(shop).await;
            shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "refund", "times": 1}]))
                .await;
            let refund = shop.refund(&order, 100).await;
            shop.run_workers().await;
            sqlx::query("update refunds set unanswered_at = unanswered_at + make_interval(secs => $1)")
                .bind(f64::from(ahead_s))
                .execute(&shop.db)
                .await
                .unwrap();
            shop.faults(json!([refused_for_good(9)])).await;
            shop.pass(11).await;
            assert_eq!(shop.refund_status(&refund).await, "processing");
            shop.pass(67).await;
            let closed = shop.refund_now(&refund).await;
            assert_eq!(
                (&closed["status"], &closed["failure_code"]),
                (&json!("closed"), &json!("PARAM_ERROR"))
            );
            assert_eq!(shop.calls("refund_query").await.len(), 2);
            assert_eq!(phone.read_order(&order).await["refunding_fen"], 0);
        })
        .await;
    }
}

#[tokio::test]
async fn the_minute_of_doubt_begins_when_a_refund_is_sent() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        shop.rule("balance_fen", json!(39)).await;
        let refund = shop.refund(&order, 40).await;
        shop.run_workers().await;
        shop.rule("balance_fen", json!(1_000)).await;
        shop.advance(66).await;
        // The answer to the question takes twenty seconds, and then the server dies as it sends.
        let once = |api: &str| {
            let mut held = held("delay", api);
            held["times"] = json!(1);
            held
        };
        shop.faults(json!([once("refund_query")])).await;
        let meanwhile = async {
            shop.calls_until("refund_query", 1).await;
            shop.advance(20).await;
            shop.faults(json!([once("refund"), unknown_once()])).await;
            shop.calls_until("refund", 2).await;
            // A minute after it was taken in hand, and less after it was sent.
            shop.advance(45).await;
            let open = shop
                .admin("GET", "/admin/exceptions?status=open", None)
                .await
                .ok(200);
            let path = format!(
                "/admin/exceptions/{}/resolve",
                open["items"][0]["id"].as_str().unwrap()
            );
            let body = json!({"resolution": "paid by hand"});
            let request = shop.request_of(1, "POST", &path, Some(ADMIN_TOKEN), Some(&body));
            let refused = shop.send(request).await;
            shop.let_go().await;
            refused
        };
        let (_, refused) = join(shop.run_workers_of(0), meanwhile).await;
        refused.refused(409, "request_in_progress");
        assert_eq!(shop.refund_status(&refund).await, "processing");
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
    })
    .await;
}
