//! Asking WeChat about an order: the other way to "paid".

use futures_util::future::{join, join_all};
use serde_json::json;

use crate::harness::{Setup, held, shop, shop_with};

#[tokio::test]
async fn wechat_is_asked_once_a_second_at_most() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let path = format!("/v1/orders/{order}/sync");
        // Without a payment there is nothing to ask about.
        phone.sync(&order).await;
        phone.start_payment(&order).await;
        assert_eq!(shop.calls("query").await.len(), 0);
        for second in 1..=3 {
            let at_once = (0..10).map(|position| phone.call_at(position % 2, "POST", &path));
            for answer in join_all(at_once).await {
                assert_eq!(answer.ok(200)["status"], "awaiting_payment");
            }
            assert_eq!(shop.calls("query").await.len(), second);
            shop.advance(1).await;
        }
        // An order of its own has a second of its own, and a paid one is not asked about.
        let other = phone.buy("tea", 1).await;
        phone.pay(&other).await;
        assert_eq!(phone.sync(&other).await["status"], "paid");
        shop.advance(1).await;
        assert_eq!(phone.sync(&other).await["status"], "paid");
        assert_eq!(shop.calls("query").await.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn asking_reaches_the_same_end_as_being_told() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        let (asked, told) = (phone.buy("tea", 1).await, phone.buy("tea", 1).await);
        phone.pay(&asked).await;
        assert_eq!(phone.sync(&asked).await["status"], "paid");
        // What is then told is known already.
        assert_eq!(shop.deliver().await[0]["status"], 204);
        phone.pay(&told).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(shop.verdicts().await, ["duplicate", "settled"]);
        for order in [&asked, &told] {
            let order = phone.read_order(order).await;
            assert_eq!(order["status"], "paid");
            assert!(order["paid_at"].is_string());
        }
        assert_eq!(
            shop.events(&asked).await,
            [("order.paid".to_owned(), "query".to_owned())]
        );
        let equal = "select count(*) from payments p join orders o on o.id = p.order_id
            join payment_attempts a on a.id = p.attempt_id
            where not p.is_surplus and p.total_fen = o.total_fen and p.payer_openid = o.openid
                and o.paid_at = p.success_at and a.state = 'settled'";
        assert_eq!(shop.count(equal).await, 2);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_says_of_an_unpaid_one_is_written_down() {
    let setup = Setup::default().with("ORDER_TTL_S", "120");
    shop_with(setup, async |shop| {
        shop.announce("wechat_unavailable");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        // Unknown, and not there: as if it had never been asked for.
        let order = phone.buy("tea", 1).await;
        shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "prepay", "times": 1}]))
            .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        assert_eq!(
            shop.calls("query").await.last().unwrap()["error"],
            "ORDER_NOT_EXIST"
        );
        assert_eq!(shop.state(&order).await, "created");
        // There and unpaid: it stays as it is.
        phone.start_payment(&order).await;
        shop.advance(1).await;
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        assert_eq!(shop.state(&order).await, "prepaid");
        // Past its time WeChat calls it closed; the order waits for its own end.
        shop.advance(121).await;
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        assert_eq!(shop.state(&order).await, "closed");
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
    })
    .await;
}

#[tokio::test]
async fn trouble_at_wechat_is_no_trouble_of_the_page() {
    shop(async |shop| {
        // A refused query is the operator's business, and told to the operator alone.
        shop.announce("wechat_rejected");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        for fault in [
            json!({"kind": "server_error"}),
            json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
            json!({"kind": "pay_error", "status": 400, "code": "PARAM_ERROR"}),
            json!({"kind": "no_answer_before_accepting"}),
            json!({"kind": "no_answer_after_accepting"}),
            json!({"kind": "wrong_answer_signature"}),
            json!({"kind": "missing_answer_signature"}),
            json!({"kind": "stale_answer"}),
            json!({"kind": "probe_signature"}),
        ] {
            let mut fault = fault;
            fault["api"] = json!("query");
            shop.faults(json!([fault])).await;
            // What is not verified is not believed, though it says "paid".
            assert_eq!(phone.sync(&order).await["status"], "awaiting_payment", "{fault}");
            let calls = shop.calls("query").await;
            assert_eq!(calls.last().unwrap()["faults"], json!([fault["kind"]]));
            shop.advance(1).await;
        }
        assert_eq!(shop.calls("query").await.len(), 9);
        shop.faults(json!([])).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
    })
    .await;
}

#[tokio::test]
async fn another_persons_order_is_not_asked_about() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let (phone, stranger) = (shop.visitor().await, shop.visitor().await);
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let path = format!("/v1/orders/{order}/sync");
        stranger
            .call("POST", &path, None)
            .await
            .refused(404, "order_not_found");
        assert_eq!(shop.calls("query").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn asking_while_a_payment_is_being_started_does_not_disturb_it() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let faults = [
            held("delay", "prepay"),
            // The call is on its way and the number does not exist yet.
            held("no_answer_before_accepting", "prepay"),
        ];
        shop.announce("wechat_unavailable");
        for (position, fault) in faults.into_iter().enumerate() {
            let order = phone.buy("tea", 1).await;
            shop.faults(json!([fault])).await;
            let asking = async {
                shop.calls_until("prepay", 1 + 2 * position).await;
                phone.sync(&order).await;
                assert!(
                    shop.is_leased(&order).await,
                    "the prepay still waits for its answer"
                );
                shop.let_go().await;
            };
            let (answer, ()) = join(phone.try_start_payment(&order), asking).await;
            if position == 0 {
                phone.pay_with(&answer.ok(200)).await;
                phone.try_start_payment(&phone.buy("tea", 1).await).await.ok(200);
            } else {
                answer.refused(503, "wechat_unavailable");
                assert_eq!(shop.state(&order).await, "unknown");
            }
        }
    })
    .await;
}
