//! What WeChat tells by itself about shipments, and how an order's story reads.

use serde_json::{Value, json};

use super::health::manage;
use super::{paid, refusal};
use crate::harness::{APP, OTHER_APP, Shop, parcels, shop};

/// The sentences of an order's timeline that are about its shipment.
async fn sentences(shop: &Shop, order: &str) -> Vec<String> {
    let path = format!("/admin/orders/{order}");
    let story = shop.admin("GET", &path, None).await.ok(200);
    let timeline = story["timeline"].as_array().unwrap();
    let is_about = |entry: &&Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, api) = (text(&entry["kind"]), text(&entry["figures"]["api"]));
        [
            "shipment_told",
            "order_shipped",
            "shipment_ended",
            "wechat_told",
            "exception",
            "exception_resolved",
        ]
        .contains(&kind.as_str())
            || api.starts_with("ship")
    };
    let told = timeline.iter().filter(is_about);
    told.map(|entry| entry["summary"].as_str().unwrap().to_owned())
        .collect()
}

async fn delivered(shop: &Shop) -> Vec<u64> {
    let sent = shop.deliver_pushes().await;
    sent.iter().map(|one| one["status"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_support_person_reads_how_the_goods_went() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(json!([
            {"kind": "errcode", "api": "upload_shipping", "errcode": 10_060_025, "times": 1},
            {"kind": "no_answer_after_accepting", "api": "upload_shipping", "after": 1, "times": 1},
        ]))
        .await;
        shop.advance(1).await;
        shop.ship_parcels(&order, &["A1", "A2"], false).await;
        shop.pass(1).await;
        shop.advance(1).await;
        shop.ship_parcels(&order, &["A3"], true).await;
        shop.pass(1).await;
        shop.pass(10).await;
        shop.advance(1).await;
        assert_eq!(delivered(shop).await, [200]);
        let number = shop.number(&order).await;
        shop.advance(60).await;
        shop.control("POST", &format!("/simulator/shipments/{number}/confirm"), &json!({}))
            .await;
        shop.advance(3_600).await;
        shop.control("GET", "/simulator/shipments", &Value::Null).await;
        assert_eq!(delivered(shop).await, [200]);
        let told = sentences(shop, &order).await;
        let expected = [
            "The operator said that a part of the goods was sent, in 2 parcels; more is to follow.",
            "We asked WeChat to note what was sent: it does not know the carrier, or its name is too long (10060025).",
            "WeChat did not take what it was told of the shipment: it does not know the carrier, or its name is too long (10060025). Post it again as it should be.",
            "An exception was opened, shipment_refused: WeChat does not take what it is told of an order's shipment",
            "The operator said that the goods were sent, in a parcel; WeChat is to be told so.",
            "All of the goods were sent.",
            "We asked WeChat to note what was sent: no answer came in time, so that nothing is known.",
            "We asked WeChat what it has noted of the shipment: it told us.",
            "WeChat has noted that the goods were sent.",
            "The exception shipment_refused was resolved: WeChat has a later one",
            "WeChat told us that it counts the goods as sent and expects to free the money at ",
            "WeChat told us that the buyer confirmed the receipt.",
            "WeChat told us that the money of the order is free.",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            let is_lost = told.contains("the connection broke") || told.contains("it was out of order");
            assert!(told.starts_with(expected) || is_lost, "{told} is not {expected}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_setting_and_corrections_and_refunds_do_is_told_in_words() {
    let setup = crate::harness::Setup::default().with("SHIP_VIRTUAL_GOODS", "true");
    crate::harness::shop_with(setup, async |shop| {
        let (_, order) = paid(shop).await;
        shop.pass(31).await;
        shop.ship(&order, &json!({"kind": "pickup"})).await;
        shop.ship(&order, &json!({"kind": "local"})).await;
        shop.faults(refusal(-1, 1)).await;
        shop.pass(1).await;
        let refund = shop.refund(&order, 300).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        shop.pass(10).await;
        let told = sentences(shop, &order).await;
        for expected in [
            "The goods went out by themselves when they were paid, as virtual goods; WeChat is to be told so.",
            "The operator corrected what was sent: to be fetched by the buyer; WeChat takes that once.",
            "That was not told to WeChat any more, since something else was said after it.",
            "The operator corrected what was sent: within the city; WeChat takes that once.",
            "We asked WeChat to note what was sent: it is busy (-1).",
            "WeChat wants to hear of no shipment any more: the money went back.",
        ] {
            assert!(told.iter().any(|told| told == expected), "{expected}: {told:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_push_says_that_a_mini_program_is_managed_before_anybody_asks() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        manage(shop, true).await;
        assert_eq!(delivered(shop).await, [200]);
        shop.advance(25 * 3_600).await;
        let check = shop.health_of("shipments").await;
        assert_eq!(
            (&check["status"], &check["unshipped_24h"]),
            (&json!("degraded"), &json!(1))
        );
        let app = &check["mini_programs"][0];
        assert_eq!(
            (&app["is_managed"], &app["asked_at"]),
            (&json!(true), &Value::Null)
        );
        assert!(app["controlled_at"].is_string());
        // Afterwards WeChat says otherwise, and the newer word holds.
        manage(shop, false).await;
        shop.run_workers().await;
        assert_eq!(shop.calls("trade_managed").await.len(), 1);
        assert_eq!(shop.health_of("shipments").await["status"], "ok");
        assert_eq!(sentences(shop, &order).await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn reminders_are_in_the_story_and_on_the_page_once_however_often_they_come() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let remind = async |kind: &str| {
            let body = json!({"app_id": APP, "kind": kind});
            let sent = shop.control("POST", "/simulator/shipping-reminders", &body).await;
            sent["reminders"].as_u64().unwrap()
        };
        assert_eq!(remind("shipping").await, 0);
        shop.advance(49 * 3_600).await;
        assert_eq!(remind("access_api").await, 1);
        assert_eq!(remind("shipping").await, 1);
        shop.faults(json!([{"kind": "notification_doubled", "api": "push"}]))
            .await;
        assert_eq!(delivered(shop).await, [200; 4]);
        let check = shop.health_of("shipments").await;
        let app = &check["mini_programs"][0];
        assert!(
            app["access_reminded_at"].is_string() && app["controlled_at"].is_string(),
            "{app}"
        );
        assert_eq!(
            (&check["status"], &check["unshipped_48h"]),
            (&json!("degraded"), &json!(1))
        );
        assert_eq!(
            sentences(shop, &order).await,
            ["WeChat reminded us that the goods should have been sent by now."]
        );
        shop.ship(&order, &parcels(&["A1"], true)).await;
        shop.run_workers().await;
        assert_eq!(shop.health_of("shipments").await["status"], "ok");
        assert_eq!(remind("shipping").await, 0);
    })
    .await;
}

#[tokio::test]
async fn news_of_somebody_elses_payment_is_nobodys_here() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let ours = shop.truth(&shop.number(&order).await).await.unwrap()["transaction_id"].clone();
        let told = |id: &Value| json!({"Event": "trade_manage_order_settlement", "transaction_id": id, "shipped_time": 1_700_000_000});
        shop.push_event("oSystem", told(&json!("4200000009"))).await;
        assert_eq!(shop.count("select count(*) from trade_notices").await, 0);
        let lines = shop.lines_with("WeChat tells of a payment that is not of this server");
        assert!(lines.iter().any(|line| line["transaction.id"] == "4200000009"));
        // By time, and not by the buyer.
        let mut by_time = told(&ours);
        by_time["confirm_receive_method"] = json!(2);
        by_time["confirm_receive_time"] = json!(1_700_000_100);
        shop.push_event("oSystem", by_time).await;
        assert_eq!(
            sentences(shop, &order).await,
            [
                "WeChat told us that it takes the goods as received, since time has passed.",
                "WeChat told us that it counts the goods as sent."
            ]
        );
        let check = shop.health_of("shipments").await;
        assert!(check["mini_programs"].as_array().unwrap().iter().all(|app| app["app_id"] != OTHER_APP));
    })
    .await;
}
