//! Notices about refunds: believed like those about payments, compared field by field, and of effect
//! once.

use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, shop, shop_with};

/// A paid order of 100 fen whose refund of 40 WeChat has taken.
async fn on_its_way(shop: &Shop) -> (Phone<'_>, String, Value) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let (order, refund) = another(shop, &phone).await;
    (phone, order, refund)
}

async fn another(shop: &Shop, phone: &Phone<'_>) -> (String, Value) {
    let order = phone.paid_order("tea", 1).await;
    let refund = shop.refund(&order, 40).await;
    shop.run_workers().await;
    (order, refund)
}

/// A notice of a refund, made by hand: that it succeeded, unless something else is said.
async fn notice(shop: &Shop, order: &str, refund: &Value, changed: Value) -> Value {
    let number = shop.number(order).await;
    let mut craft = json!({"out_trade_no": number, "out_refund_no": refund["out_refund_no"]});
    craft
        .as_object_mut()
        .unwrap()
        .extend(changed.as_object().unwrap().clone());
    if craft["overrides"].get("success_time").is_none() {
        craft["overrides"]["success_time"] = json!("2026-11-21T12:00:00+08:00");
    }
    craft
}

#[tokio::test]
async fn every_field_of_a_notice_is_compared() {
    shop(async |shop| {
        let (phone, ..) = on_its_way(shop).await;
        for (overrides, field) in [
            (json!({"mchid": "1900000002"}), "mchid"),
            (json!({"out_trade_no": "T20260101000001"}), "out_trade_no"),
            (
                json!({"transaction_id": "4200000000000000000000000001"}),
                "transaction_id",
            ),
            (json!({"refund_id": "50300000000000000000000000001"}), "refund_id"),
            (json!({"amount": {"refund": 41}}), "amount.refund"),
            (json!({"amount": {"refund": -40}}), "amount.refund"),
            (json!({"amount": {"refund": 0}}), "amount.refund"),
            (json!({"amount": {"total": 101}}), "amount.total"),
        ] {
            let (order, refund) = another(shop, &phone).await;
            let before = (phone.read_order(&order).await, shop.refund_now(&refund).await);
            let craft = notice(
                shop,
                &order,
                &refund,
                json!({"overrides": overrides, "copies": 3, "parallel": true}),
            )
            .await;
            assert_eq!(shop.notify(craft).await, [204; 3], "{field}");
            assert_eq!(
                (phone.read_order(&order).await, shop.refund_now(&refund).await),
                before,
                "{field}"
            );
            let sql = "select kind, evidence from exceptions where subject = $1 and order_id = $2::uuid";
            let named: Vec<(String, Value)> = sqlx::query_as(sql)
                .bind(refund["out_refund_no"].as_str())
                .bind(&order)
                .fetch_all(&shop.db)
                .await
                .unwrap();
            assert_eq!(named.len(), 1, "{field}");
            assert_eq!(
                (named[0].0.as_str(), &named[0].1["field"]),
                ("refund_mismatch", &json!(field))
            );
            // None of it stands in the way of the truth.
            shop.end_refund(&refund, "SUCCESS").await;
            shop.deliver().await;
            assert_eq!(phone.status(&order).await, "partially_refunded");
        }
    })
    .await;
}

/// How WeChat's number of a refund that is another's is named, and for which of ours.
async fn reused(shop: &Shop) -> Vec<(String, Value)> {
    let sql = "select subject, evidence->'field' from exceptions where kind = 'refund_mismatch' and resolved_at is null";
    sqlx::query_as(sql).fetch_all(&shop.db).await.unwrap()
}

#[tokio::test]
async fn wechats_number_of_one_refund_is_taken_for_no_other_in_a_notice() {
    shop(async |shop| {
        let (phone, _, first) = on_its_way(shop).await;
        let number = shop.refund_now(&first).await["refund_id"].clone();
        // What WeChat calls the second is not known yet.
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "refund", "times": 1}]))
            .await;
        let (order, second) = another(shop, &phone).await;
        let before = shop.refund_now(&second).await;
        assert_eq!(before["refund_id"], Value::Null);
        let craft = notice(
            shop,
            &order,
            &second,
            json!({"overrides": {"refund_id": number}, "copies": 2}),
        )
        .await;
        assert_eq!(shop.notify(craft).await, [204, 204]);
        assert_eq!(shop.refund_now(&second).await, before);
        let named = (
            second["out_refund_no"].as_str().unwrap().to_owned(),
            json!("refund_id"),
        );
        assert_eq!(reused(shop).await, [named]);
        shop.end_refund(&second, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "partially_refunded");
    })
    .await;
}

#[tokio::test]
async fn wechats_number_of_one_refund_is_taken_for_no_other_in_an_answer() {
    shop(async |shop| {
        shop.rule("balance_fen", json!(0)).await;
        let (phone, _, first) = on_its_way(shop).await;
        shop.rule("balance_fen", json!(1_000)).await;
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "refund", "times": 1}]))
            .await;
        shop.advance(11).await;
        let (_, second) = another(shop, &phone).await;
        // As if the first, which WeChat did not take, had been told the number of the second.
        let sql = "update refunds set refund_id = $1 where out_refund_no = $2";
        let number = shop.refunds_at_wechat().await[0]["refund_id"].clone();
        sqlx::query(sql)
            .bind(number.as_str())
            .bind(first["out_refund_no"].as_str())
            .execute(&shop.db)
            .await
            .unwrap();
        // Neither of the two holds up a turn, and both are named.
        for _ in 0..3 {
            shop.pass(300).await;
        }
        let mut named = reused(shop).await;
        named.sort_by_key(|(subject, _)| *subject != first["out_refund_no"]);
        let expected = [&first, &second].map(|refund| {
            (
                refund["out_refund_no"].as_str().unwrap().to_owned(),
                json!("refund_id"),
            )
        });
        assert_eq!(named, expected);
        let third = shop.refund(&phone.paid_order("tea", 1).await, 40).await;
        shop.run_workers().await;
        assert!(shop.refund_now(&third).await["refund_id"].is_string());
    })
    .await;
}

#[tokio::test]
async fn a_notice_that_cannot_be_read_or_is_not_ours_is_named_and_moves_nothing() {
    shop(async |shop| {
        let (phone, order, refund) = on_its_way(shop).await;
        let before = (phone.read_order(&order).await, shop.refund_now(&refund).await);
        let unreadable = [
            (
                json!({"refund_status": null, "status": "SUCCESS"}),
                "refund_status",
            ),
            (json!({"refund_status": "DONE"}), "refund_status"),
            (json!({"refund_status": "success"}), "refund_status"),
            (json!({"success_time": null}), "success_time"),
            (json!({"success_time": "yesterday"}), "success_time"),
            (json!({"refund_id": null}), "refund_id"),
            (json!({"refund_id": "a b"}), "refund_id"),
            (
                json!({"out_refund_no": "R'; drop table refunds; --"}),
                "out_refund_no",
            ),
            (json!({"mchid": null}), "mchid"),
            (json!({"amount": null}), "amount"),
            (json!({"amount": {"refund": "40"}}), "refund"),
            (json!({"amount": {"refund": 40.5}}), "refund"),
        ];
        let count = unreadable.len();
        for (position, (overrides, field)) in unreadable.into_iter().enumerate() {
            let craft = json!({"overrides": overrides, "id": format!("EV-{position}"), "copies": 2});
            let craft = notice(shop, &order, &refund, craft).await;
            assert_eq!(shop.notify(craft).await, [204, 204]);
            let sql = "select evidence->>'field' from exceptions where subject = $1";
            let named: String = sqlx::query_scalar(sql)
                .bind(format!("EV-{position}"))
                .fetch_one(&shop.db)
                .await
                .unwrap();
            assert_eq!(named, field);
        }
        let named = shop.exceptions().await;
        assert_eq!(named, vec![("unreadable_refund".to_owned(), None); count]);
        // Made in the merchant platform: the payment is ours, the number is not.
        let foreign = notice(
            shop,
            &order,
            &refund,
            json!({"overrides": {"out_refund_no": "BY-HAND@1"}, "copies": 2}),
        )
        .await;
        assert_eq!(shop.notify(foreign).await, [204, 204]);
        let named = shop.exceptions().await;
        let unknown = ("unknown_refund".to_owned(), Some(order.clone()));
        assert_eq!((named.len(), named.contains(&unknown)), (count + 1, true));
        assert_eq!(
            (phone.read_order(&order).await, shop.refund_now(&refund).await),
            before
        );
    })
    .await;
}

#[tokio::test]
async fn twenty_copies_at_two_routes_refund_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order, refund) = on_its_way(shop).await;
        shop.end_refund(&refund, "SUCCESS").await;
        let craft = notice(shop, &order, &refund, json!({"id": "EV-20"})).await;
        let mut messages = Vec::new();
        for _ in 0..20 {
            messages.push(shop.message(craft.clone()).await);
        }
        let sending = messages.iter().enumerate().map(async |(position, message)| {
            // What a notification is about stands inside, so either route takes it.
            match position % 2 {
                0 => shop.post_refund_notice(message).await.status,
                _ => shop.post_at(1, message).await.status,
            }
        });
        let statuses = shop
            .at_the_same_moment(20, futures_util::future::join_all(sending))
            .await;
        assert_eq!(statuses, [204; 20]);
        assert_eq!(phone.read_order(&order).await["refunded_fen"], 40);
        let verdicts = shop.verdicts().await;
        // The payment and the refund.
        assert_eq!(verdicts.iter().filter(|verdict| *verdict == "settled").count(), 2);
        assert_eq!(
            verdicts.iter().filter(|verdict| *verdict == "duplicate").count(),
            19
        );
        assert_eq!(shop.count("select count(*) from refund_entries").await, 1);
    })
    .await;
}

#[tokio::test]
async fn older_news_that_is_late_changes_nothing() {
    shop(async |shop| {
        let (phone, order, refund) = on_its_way(shop).await;
        shop.end_refund(&refund, "ABNORMAL").await;
        let abnormal = shop.message(notice(shop, &order, &refund, json!({})).await).await;
        shop.end_refund(&refund, "SUCCESS").await;
        assert_eq!(shop.deliver().await.len(), 2);
        assert_eq!(phone.status(&order).await, "partially_refunded");
        let before = (phone.read_order(&order).await, shop.refund_now(&refund).await);
        assert_eq!(shop.post_refund_notice(&abnormal).await.status, 204);
        let stale = notice(
            shop,
            &order,
            &refund,
            json!({"overrides": {"refund_status": "PROCESSING"}}),
        )
        .await;
        assert_eq!(shop.notify(stale).await, [204]);
        assert_eq!(
            (phone.read_order(&order).await, shop.refund_now(&refund).await),
            before
        );
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn news_that_contradicts_the_end_is_left_to_a_human() {
    for (end, said) in [("SUCCESS", "CLOSED"), ("CLOSED", "SUCCESS")] {
        shop(async |shop| {
            let (phone, order, refund) = on_its_way(shop).await;
            shop.end_refund(&refund, end).await;
            shop.deliver().await;
            let before = (phone.read_order(&order).await, shop.refund_now(&refund).await);
            let overrides = json!({"refund_status": said, "success_time": "2026-11-21T12:00:00+08:00"});
            let craft = notice(
                shop,
                &order,
                &refund,
                json!({"overrides": overrides, "copies": 2}),
            )
            .await;
            assert_eq!(shop.notify(craft).await, [204, 204]);
            assert_eq!(
                (phone.read_order(&order).await, shop.refund_now(&refund).await),
                before
            );
            let kinds: Vec<String> = shop
                .exceptions()
                .await
                .into_iter()
                .map(|(kind, _)| kind)
                .collect();
            assert!(kinds.contains(&"refund_contradiction".to_owned()), "{kinds:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_notice_that_is_not_believed_is_refused_and_the_true_one_counts() {
    shop(async |shop| {
        let (phone, order, refund) = on_its_way(shop).await;
        shop.end_refund(&refund, "SUCCESS").await;
        let genuine = shop.message(notice(shop, &order, &refund, json!({})).await).await;
        let before = (phone.read_order(&order).await, shop.refund_now(&refund).await);
        let altered = String::from_utf8(genuine.body.clone())
            .unwrap()
            .replace("REFUND.SUCCESS", "REFUND.CLOSED");
        let stamp: i64 = genuine.header("wechatpay-timestamp").parse().unwrap();
        for message in [
            genuine.with_body(altered),
            genuine.without("wechatpay-signature"),
            genuine.with("wechatpay-signature", "WECHATPAY/SIGNTEST/abc"),
            genuine.with("wechatpay-timestamp", &(stamp + 1).to_string()),
            genuine.with("wechatpay-serial", "5157F09EFDC096DE15EBE81A47057A7200000009"),
        ] {
            let answer = shop.post_refund_notice(&message).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "FAIL"));
        }
        assert_eq!(
            (phone.read_order(&order).await, shop.refund_now(&refund).await),
            before
        );
        assert_eq!(shop.post_refund_notice(&genuine).await.status, 204);
        assert_eq!(phone.status(&order).await, "partially_refunded");
    })
    .await;
}

#[tokio::test]
async fn a_notice_of_the_older_protocol_is_refused_like_any_other_that_is_not_believed() {
    shop(async |shop| {
        let before = shop.count("select count(*) from exceptions").await;
        let xml = "<xml><return_code>SUCCESS</return_code><appid><![CDATA[wx1111111111111111]]></appid>\
            <mch_id><![CDATA[1900000001]]></mch_id><nonce_str><![CDATA[n]]></nonce_str><req_info><![CDATA[AA==]]></req_info></xml>";
        for content_type in ["text/xml", "application/xml", "application/json"] {
            let request = shop.http.post(shop.url("/wechat/pay/refund-notify"));
            let answer = shop.send(request.header("content-type", content_type).body(xml)).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "FAIL"));
        }
        let answer = shop.call("GET", "/wechat/pay/refund-notify", None).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "FAIL"));
        assert_eq!(shop.count("select count(*) from exceptions").await, before);
        assert_eq!(shop.count("select count(*) from notifications").await, 0);
    })
    .await;
}
