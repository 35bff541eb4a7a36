//! Giving money back: in full, in parts, by itself; what becomes of order, stock and events.

use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, shop, shop_with};

/// Sends what is due, has WeChat pay it out and tell, and gives how the notices were answered.
async fn carry_out(shop: &Shop, refund: &Value) -> Vec<Value> {
    shop.run_workers().await;
    shop.end_refund(refund, "SUCCESS").await;
    let sent = shop.deliver().await;
    sent.iter().map(|one| one["status"].clone()).collect()
}

fn moves(events: &[(String, String)]) -> Vec<&str> {
    events.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn a_refund_in_full_goes_all_the_way() {
    shop(async |shop| {
        shop.stock("tea", 6_800, Some(9)).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        let payment = shop.truth(&shop.number(&order).await).await.unwrap();

        let body = json!({"amount_fen": 6_800, "reason": "茶凉了 🍵"});
        let asked = shop.try_refund(&order, "k1", &body).await.ok(202);
        let number = asked["out_refund_no"].as_str().unwrap();
        assert_eq!(number.len(), 32);
        let at = shop.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let expected = json!({
            "id": asked["id"], "out_refund_no": number, "order_id": order, "transaction_id": payment["transaction_id"],
            "amount_fen": 6_800, "reason": "茶凉了 🍵", "cause": "operator", "restock": false, "status": "processing",
            "refund_id": null, "failure_code": null, "submit_at": asked["submit_at"], "created_at": asked["created_at"],
            "succeeded_at": null,
        });
        assert_eq!(asked, expected);
        assert_eq!(asked["created_at"].as_str().unwrap()[..19], at[..19]);
        // The intent is in the books; WeChat has heard of nothing.
        assert_eq!(shop.refunds_at_wechat().await.len(), 0);
        let order_now = phone.read_order(&order).await;
        let figures = |order: &Value| (order["refunded_fen"].clone(), order["refunding_fen"].clone());
        assert_eq!(order_now["status"], "paid");
        assert_eq!(figures(&order_now), (json!(0), json!(6_800)));

        shop.run_workers().await;
        let there = shop.refunds_at_wechat().await;
        assert_eq!(there.len(), 1);
        assert_eq!((&there[0]["amount_fen"], &there[0]["total_fen"]), (&json!(6_800), &json!(6_800)));
        assert_eq!(there[0]["reason"], "茶凉了");
        assert!(there[0]["notify_url"].as_str().unwrap().ends_with("/wechat/pay/refund-notify"));
        let taken = shop.refund_now(&asked).await;
        assert_eq!((&taken["status"], &taken["refund_id"]), (&json!("processing"), &there[0]["refund_id"]));
        assert_eq!(phone.status(&order).await, "paid");

        shop.end_refund(&asked, "SUCCESS").await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let done = shop.refund_now(&asked).await;
        assert_eq!(done["status"], "succeeded");
        assert!(done["succeeded_at"].is_string());
        let order_now = phone.read_order(&order).await;
        assert_eq!(order_now["status"], "refunded");
        assert_eq!(figures(&order_now), (json!(6_800), json!(0)));
        assert!(order_now["paid_at"].is_string());
        assert_eq!(shop.stock_left("tea").await, Some(8));
        let events = shop.events(&order).await;
        assert_eq!(moves(&events), ["order.paid", "order.refunded"]);
        assert_eq!(events[1].1, "notification");
        assert_eq!(shop.exceptions().await, []);
        // Nothing is left to ask.
        let before = shop.fingerprint().await;
        shop.advance(86_400).await;
        let calls = shop.calls("refund_query").await.len();
        shop.run_workers().await;
        assert_eq!(shop.calls("refund_query").await.len(), calls);
        assert_eq!(shop.calls("refund").await.len(), 1);
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn parts_add_up_and_go_a_minute_apart() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        let first = shop.refund(&order, 30).await;
        let second = shop.refund(&order, 20).await;
        assert_ne!(first["out_refund_no"], second["out_refund_no"]);
        let at = |refund: &Value| -> chrono::DateTime<chrono::Utc> {
            refund["submit_at"].as_str().unwrap().parse().unwrap()
        };
        assert_eq!((at(&second) - at(&first)).num_seconds(), 61);
        assert_eq!(phone.read_order(&order).await["refunding_fen"], 50);
        assert_eq!(carry_out(shop, &first).await, [204]);
        let order_now = phone.read_order(&order).await;
        assert_eq!(order_now["status"], "partially_refunded");
        assert_eq!(
            (&order_now["refunded_fen"], &order_now["refunding_fen"]),
            (&json!(30), &json!(20))
        );

        // WeChat takes one a minute: the second waits in line, and is never refused for it.
        shop.advance(59).await;
        shop.run_workers().await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        shop.advance(3).await;
        assert_eq!(carry_out(shop, &second).await, [204]);
        assert_eq!(phone.read_order(&order).await["refunded_fen"], 50);
        assert_eq!(phone.status(&order).await, "partially_refunded");

        let rest = shop.refund(&order, 50).await;
        shop.advance(62).await;
        assert_eq!(carry_out(shop, &rest).await, [204]);
        assert_eq!(phone.status(&order).await, "refunded");
        let kinds = [
            "order.paid",
            "order.partially_refunded",
            "order.partially_refunded",
            "order.refunded",
        ];
        assert_eq!(moves(&shop.events(&order).await), kinds);
        let refused = json!({"amount_fen": 1});
        shop.try_refund(&order, "more", &refused)
            .await
            .refused(422, "refund_exceeds_paid");
        assert!(
            shop.calls("refund")
                .await
                .iter()
                .all(|call| call["error"].is_null())
        );
    })
    .await;
}

#[tokio::test]
async fn stock_comes_back_when_it_is_asked_for_when_the_money_has_arrived_and_once() {
    shop(async |shop| {
        shop.stock("tea", 50, Some(9)).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 2).await;
        assert_eq!(shop.stock_left("tea").await, Some(7));
        let restock = |amount_fen| json!({"amount_fen": amount_fen, "restock": true});
        let first = shop
            .try_refund(&order, "a", &json!({"amount_fen": 10}))
            .await
            .ok(202);
        let second = shop.try_refund(&order, "b", &restock(20)).await.ok(202);
        let third = shop.try_refund(&order, "c", &restock(30)).await.ok(202);
        assert_eq!(carry_out(shop, &first).await, [204]);
        assert_eq!(shop.stock_left("tea").await, Some(7));
        shop.advance(62).await;
        shop.run_workers().await;
        assert_eq!(shop.stock_left("tea").await, Some(7));
        assert_eq!(carry_out(shop, &second).await, [204]);
        assert_eq!(shop.stock_left("tea").await, Some(9));
        shop.advance(62).await;
        assert_eq!(carry_out(shop, &third).await, [204]);
        assert_eq!(shop.stock_left("tea").await, Some(9));
    })
    .await;
}

/// An order that was closed, and whose sheet was paid all the same.
async fn paid_after_close(shop: &Shop, phone: &Phone<'_>) -> (String, String) {
    let order = phone.buy("tea", 1).await;
    let sheet = phone.cashier(&phone.start_payment(&order).await).await;
    phone.close(&order).await.ok(200);
    let transaction = phone.pay_despite_close(&sheet).await;
    assert_eq!(shop.deliver().await[0]["status"], 204);
    (order, transaction)
}

#[tokio::test]
async fn money_that_no_order_wants_goes_back_in_full_by_itself_and_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 6_800, Some(9)).await;
        let phone = shop.visitor().await;
        let (order, transaction) = paid_after_close(shop, &phone).await;
        let open = [("paid_after_close".to_owned(), transaction.clone())];
        assert_eq!(shop.open_exceptions().await, open);
        // Two servers find it at the same time, and again later.
        futures_util::future::join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        for _ in 0..3 {
            shop.advance(10).await;
            shop.run_workers().await;
        }
        let there = shop.refunds_at_wechat().await;
        assert_eq!(there.len(), 1);
        assert_eq!(
            (&there[0]["transaction_id"], &there[0]["amount_fen"]),
            (&json!(transaction), &json!(6_800))
        );
        shop.end_refund(&there[0], "SUCCESS").await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let order_now = phone.read_order(&order).await;
        assert_eq!(
            (&order_now["status"], &order_now["refunded_fen"]),
            (&json!("closed"), &json!(0))
        );
        assert_eq!(shop.stock_left("tea").await, Some(9));
        assert_eq!(moves(&shop.events(&order).await), ["order.closed"]);
        // The difference is gone, and says so itself.
        assert_eq!(shop.open_exceptions().await, []);
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        let causes = "select count(*) from refunds where cause = 'surplus' and request_key is null";
        assert_eq!(shop.count(causes).await, 1);
    })
    .await;
}

#[tokio::test]
async fn money_that_went_back_by_itself_before_a_restore_does_not_go_back_again() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        paid_after_close(shop, &phone).await;
        shop.run_workers().await;
        shop.end_refund(&shop.refunds_at_wechat().await[0], "SUCCESS")
            .await;
        shop.lose_refunds().await;
        shop.run_workers().await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        let entries = "select count(*) from refund_entries where amount_fen = 6800";
        assert_eq!(shop.count(entries).await, 1);
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn money_that_contradicts_the_books_is_not_ours_to_return() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        let number = shop.number(&order).await;
        for overrides in [
            json!({"amount": {"total": 1}}),
            json!({"mchid": "1900000002"}),
            json!({"out_trade_no": "T20260101000001"}),
        ] {
            let craft = json!({"out_trade_no": number, "overrides": overrides});
            assert_eq!(shop.notify(craft).await, [204]);
        }
        assert_eq!(shop.exceptions().await.len(), 3);
        shop.advance(3_600).await;
        shop.run_workers().await;
        assert_eq!(shop.calls("refund").await.len(), 0);
        assert_eq!(shop.count("select count(*) from refunds").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_return_that_closed_can_be_made_again_by_naming_the_payment() {
    shop(async |shop| {
        shop.stock("tea", 6_800, Some(9)).await;
        let phone = shop.visitor().await;
        let (order, transaction) = paid_after_close(shop, &phone).await;
        shop.run_workers().await;
        let first = shop.refunds_at_wechat().await.remove(0);
        // While it is on its way, nothing of the payment is left.
        let body = json!({"amount_fen": 6_800, "transaction_id": transaction});
        shop.try_refund(&order, "k", &body)
            .await
            .refused(422, "refund_exceeds_paid");
        shop.end_refund(&first, "CLOSED").await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        // It is not tried again by itself: somebody should know why.
        shop.advance(62).await;
        shop.run_workers().await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        shop.try_refund(&order, "k", &json!({"amount_fen": 6_800}))
            .await
            .refused(409, "order_state_conflict");
        let restocking = json!({"amount_fen": 6_800, "transaction_id": transaction, "restock": true});
        shop.try_refund(&order, "k", &restocking)
            .await
            .refused(422, "validation_failed");
        let again = shop.try_refund(&order, "k", &body).await.ok(202);
        assert_eq!(carry_out(shop, &again).await, [204]);
        assert_ne!(again["out_refund_no"], first["out_refund_no"]);
        assert_eq!(shop.refund_status(&again).await, "succeeded");
        let closed = (
            "refund_closed".to_owned(),
            first["out_refund_no"].as_str().unwrap().to_owned(),
        );
        assert_eq!(shop.open_exceptions().await, [closed]);
    })
    .await;
}

#[tokio::test]
async fn of_money_that_no_order_wants_policy_returns_what_a_human_has_left_of_it() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let (order, transaction) = paid_after_close(shop, &phone).await;
        let open = [("paid_after_close".to_owned(), transaction.clone())];
        let body = json!({"amount_fen": 1_000, "transaction_id": transaction});
        let part = shop.try_refund(&order, "k", &body).await.ok(202);
        // Older than what policy asks for, it goes first.
        shop.advance(1).await;
        assert_eq!(carry_out(shop, &part).await, [204]);
        assert_eq!(shop.refund_status(&part).await, "succeeded");
        assert_eq!(shop.open_exceptions().await, open, "5,800 of it are still here");

        // WeChat takes one refund of a payment a minute.
        shop.advance(62).await;
        shop.run_workers().await;
        let there = shop.refunds_at_wechat().await;
        let amounts: Vec<&Value> = there.iter().map(|refund| &refund["amount_fen"]).collect();
        assert_eq!(amounts, [&json!(1_000), &json!(5_800)]);
        assert_eq!(shop.open_exceptions().await, open);
        shop.end_refund(&there[1], "SUCCESS").await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}
