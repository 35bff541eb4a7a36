//! `POST /admin/orders/{id}/refunds` and `GET /admin/refunds/{id}`: once for each key, and what is
//! refused.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Phone, Setup, Shop, shop, shop_with};

async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, Some(9)).await;
    let phone = shop.visitor().await;
    let order = phone.paid_order("tea", 1).await;
    (phone, order)
}

fn assert_replayed(answer: &Answer, first: &Value) {
    assert_eq!(answer.ok(202), *first);
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_key_asks_once_whatever_becomes_of_the_refund() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let elsewhere = phone.paid_order("tea", 1).await;
        let body = json!({"amount_fen": 100, "reason": "cold"});
        let first = shop.try_refund(&order, "k", &body).await;
        assert_eq!(first.header("idempotent-replayed"), None);
        let first = first.ok(202);
        assert_replayed(&shop.try_refund(&order, "k", &body).await, &first);
        shop.run_workers().await;
        assert_replayed(&shop.try_refund(&order, "k", &body).await, &first);
        shop.end_refund(&first, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "refunded");
        // Nothing is left, and it is still the same request. Days later too.
        assert_replayed(&shop.try_refund(&order, "k", &body).await, &first);
        shop.advance(6 * 86_400).await;
        shop.run_workers().await;
        assert_replayed(&shop.try_refund(&order, "k", &body).await, &first);
        for other in [
            json!({"amount_fen": 99, "reason": "cold"}),
            json!({"amount_fen": 100}),
            json!({"amount_fen": 100, "reason": "colder"}),
            json!({"amount_fen": 100, "reason": "cold", "restock": true}),
        ] {
            shop.try_refund(&order, "k", &other)
                .await
                .refused(422, "idempotency_key_reused");
        }
        shop.try_refund(&elsewhere, "k", &body)
            .await
            .refused(422, "idempotency_key_reused");
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        assert_eq!(shop.count("select count(*) from refunds").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_a_restore_lost_is_the_same_one_when_its_key_comes_again() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let body = json!({"amount_fen": 30});
        let lost = shop.try_refund(&order, "k", &body).await.ok(202);
        shop.run_workers().await;
        shop.end_refund(&lost, "SUCCESS").await;
        shop.lose_refunds().await;
        shop.deliver().await;
        let number = lost["out_refund_no"].as_str().unwrap().to_owned();
        let unknown = ("unknown_refund".to_owned(), number);
        assert_eq!(shop.open_exceptions().await, [unknown]);
        shop.advance(62).await;
        let found = shop.try_refund(&order, "k", &body).await.ok(202);
        assert_ne!(found["id"], lost["id"]);
        shop.run_workers().await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        assert_eq!(shop.refund_status(&found).await, "succeeded");
        assert_eq!(shop.open_exceptions().await, []);
        let order_now = phone.read_order(&order).await;
        assert_eq!(
            (&order_now["status"], &order_now["refunded_fen"]),
            (&json!("partially_refunded"), &json!(30))
        );
        // Under another key it is another one.
        shop.try_refund(&order, "k2", &body).await.ok(202);
        shop.pass(62).await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 2);
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_has_otherwise_under_a_number_that_a_restore_lost_is_named_and_frees_nothing() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let lost = json!({"amount_fen": 30});
        let lost = shop.try_refund(&order, "k", &lost).await.ok(202);
        shop.run_workers().await;
        shop.lose_refunds().await;
        shop.advance(62).await;
        let other = json!({"amount_fen": 60});
        let other = shop.try_refund(&order, "k", &other).await.ok(202);
        shop.run_workers().await;
        assert_eq!(shop.calls("refund").await[1]["error"], "INVALID_REQUEST");
        let number = lost["out_refund_no"].as_str().unwrap().to_owned();
        assert_eq!(
            shop.open_exceptions().await,
            [("refund_mismatch".to_owned(), number)]
        );
        assert_eq!(shop.refund_status(&other).await, "processing");
        assert_eq!(phone.read_order(&order).await["refunding_fen"], 60);
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn fifty_equal_requests_at_once_make_one_refund() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        let body = json!({"amount_fen": 60});
        let asking = (0..50).map(|position| shop.try_refund_at(position % 2, &order, "k", &body));
        let answers = join_all(asking).await;
        let first = answers[0].ok(202);
        assert!(answers.iter().all(|answer| answer.ok(202) == first));
        let replayed = answers
            .iter()
            .filter(|answer| answer.header("idempotent-replayed").is_some());
        assert_eq!(replayed.count(), 49);
        shop.run_workers().await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_key_for_two_orders_at_once_serves_one() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order) = paid(shop).await;
        let other = phone.paid_order("tea", 1).await;
        let body = json!({"amount_fen": 60});
        let asking =
            [(0, &order), (1, &other)].map(|(replica, order)| shop.try_refund_at(replica, order, "k", &body));
        let mut statuses: Vec<u16> = join_all(asking)
            .await
            .iter()
            .map(|answer| answer.status)
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 422]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let before = shop.fingerprint().await;
        for body in [
            json!({}),
            json!({"amount_fen": 0}),
            json!({"amount_fen": -1}),
            json!({"amount_fen": 10_000_000_001_i64}),
            json!({"amount_fen": 1.5}),
            json!({"amount_fen": "1"}),
            json!({"amount_fen": null}),
            json!({"amount_fen": 1, "reason": ""}),
            json!({"amount_fen": 1, "reason": "  "}),
            json!({"amount_fen": 1, "reason": "a\u{0}b"}),
            json!({"amount_fen": 1, "reason": "字".repeat(81)}),
            json!({"amount_fen": 1, "restock": "yes"}),
            json!({"amount_fen": 1, "transaction_id": ""}),
            json!({"amount_fen": 1, "transaction_id": "4200000000000"}),
            json!({"amount_fen": 1, "status": "succeeded"}),
        ] {
            shop.try_refund(&order, "k", &body)
                .await
                .refused(422, "validation_failed");
        }
        let one = json!({"amount_fen": 1});
        shop.try_refund(&order, "k", &json!({"amount_fen": 101}))
            .await
            .refused(422, "refund_exceeds_paid");
        let nobody = "01980000-0000-7000-8000-000000000000";
        shop.try_refund(nobody, "k", &one)
            .await
            .refused(404, "order_not_found");
        let path = format!("/admin/orders/{order}/refunds");
        shop.admin("POST", &path, Some(&one))
            .await
            .refused(400, "idempotency_key_missing");
        phone
            .call("POST", &path, Some(&one))
            .await
            .refused(401, "unauthenticated");
        shop.admin("GET", &format!("/admin/refunds/{nobody}"), None)
            .await
            .refused(404, "not_found");
        assert_eq!(shop.fingerprint().await, before);

        let waiting = phone.buy("tea", 1).await;
        shop.try_refund(&waiting, "k", &one)
            .await
            .refused(409, "order_state_conflict");
        phone.close(&waiting).await.ok(200);
        shop.try_refund(&waiting, "k", &one)
            .await
            .refused(409, "order_state_conflict");
        // A key that was refused is free.
        let longest = json!({"amount_fen": 1, "reason": "字".repeat(80)});
        shop.try_refund(&order, "k", &longest).await.ok(202);
        shop.run_workers().await;
        // WeChat's 80 may be bytes.
        assert_eq!(shop.refunds_at_wechat().await[0]["reason"], "字".repeat(26));
    })
    .await;
}

#[tokio::test]
async fn wechats_own_limits_are_kept_before_it_is_asked() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        for position in 0..50 {
            let body = json!({"amount_fen": 1});
            shop.try_refund(&order, &format!("k{position}"), &body)
                .await
                .ok(202);
        }
        let one = json!({"amount_fen": 1});
        shop.try_refund(&order, "one more", &one)
            .await
            .refused(422, "validation_failed");
        shop.try_refund(&order, "one-more", &one)
            .await
            .refused(409, "refund_limit_reached");

        let old = phone.paid_order("tea", 1).await;
        // All of it took time, which passes at WeChat alone.
        shop.catch_up().await;
        shop.advance(365 * 86_400 - 60).await;
        let slow = shop.try_refund(&old, "last-minute", &one).await.ok(202);
        shop.advance(61).await;
        shop.try_refund(&old, "too-late", &one)
            .await
            .refused(409, "refund_window_passed");
        assert_eq!(slow["status"], "processing");
    })
    .await;
}

#[tokio::test]
async fn without_a_merchant_nothing_is_refunded() {
    let setup = [
        "WXPAY_MCH_ID",
        "WXPAY_CERT_SERIAL",
        "WXPAY_PRIVATE_KEY_FILE",
        "WXPAY_API_V3_KEY",
    ]
    .into_iter()
    .fold(Setup::default(), |setup, name| setup.with(name, ""));
    shop_with(setup, async |shop| {
        shop.announce("payment_not_configured");
        let nobody = "01980000-0000-7000-8000-000000000000";
        let one = json!({"amount_fen": 1});
        shop.try_refund(nobody, "k", &one)
            .await
            .refused(503, "payment_not_configured");
    })
    .await;
}
