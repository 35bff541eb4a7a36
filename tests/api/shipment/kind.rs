//! Each way in which goods are sent, from the operator to WeChat's books.

use serde_json::{Value, json};

use super::{paid, virtual_goods};
use crate::harness::{Setup, parcels, shop, shop_with};

/// A body, and what WeChat has of it: kind, number, carrier, description, contact.
type Story = (Value, i64, &'static str, &'static str, &'static str, Value);

fn stories() -> Vec<Story> {
    let express = json!({"tracking_no": "YT123", "carrier": "STO", "description": "三罐茶 🍵"});
    let local = json!({"tracking_no": "L-1", "carrier": "SFTC", "receiver_contact": "+86 138-0000-0001"});
    vec![
        (
            json!({"kind": "express", "parcels": [express]}),
            1,
            "YT123",
            "STO",
            "三罐茶 🍵",
            Value::Null,
        ),
        (
            json!({"kind": "local", "parcels": [local]}),
            2,
            "L-1",
            "SFTC",
            "Tea tea ×3",
            json!("+86****0001"),
        ),
        (json!({"kind": "local"}), 2, "", "", "Tea tea ×3", Value::Null),
        (virtual_goods(), 3, "", "", "Tea tea ×3", Value::Null),
        (
            json!({"kind": "pickup", "parcels": [{"description": "at the counter"}]}),
            4,
            "",
            "",
            "at the counter",
            Value::Null,
        ),
    ]
}

#[tokio::test]
async fn what_was_sent_is_at_wechat_as_it_was_said() {
    for (body, logistics_type, number, carrier, description, contact) in stories() {
        shop(async |shop| {
            let (phone, order) = paid(shop).await;
            let said = shop.ship(&order, &body).await;
            assert_eq!(
                (
                    &said["kind"],
                    &said["status"],
                    &said["is_complete"],
                    &said["is_correction"]
                ),
                (&body["kind"], &json!("processing"), &json!(true), &json!(false))
            );
            // What the operator says counts at once; WeChat has heard of nothing.
            assert!(phone.read_order(&order).await["shipped_at"].is_string());
            assert_eq!(shop.shipment_at_wechat(&order).await["order_state"], 1);
            shop.run_workers().await;
            let there = shop.shipment_at_wechat(&order).await;
            assert_eq!(
                (
                    &there["order_state"],
                    &there["logistics_type"],
                    &there["delivery_mode"]
                ),
                (&json!(2), &json!(logistics_type), &json!(1))
            );
            let parcel = &there["parcels"][0];
            assert_eq!(
                (
                    &parcel["tracking_no"],
                    &parcel["express_company"],
                    &parcel["item_desc"],
                    &parcel["receiver_contact"]
                ),
                (&json!(number), &json!(carrier), &json!(description), &contact)
            );
            assert_eq!(there["parcels"].as_array().unwrap().len(), 1);
            let shown = shop.shipment_of(&order).await;
            assert_eq!(
                (&shown["status"], &shown["kind"]),
                (&json!("uploaded"), &body["kind"])
            );
            assert_eq!(shown["parcels"][0]["description"], description);
            assert_eq!(shown["calls"][0]["id"], said["id"]);
            let kinds: Vec<String> = shop
                .events(&order)
                .await
                .into_iter()
                .map(|(kind, _)| kind)
                .collect();
            assert_eq!(kinds, ["order.paid", "order.shipped"]);
            assert_eq!(shop.shipping_calls().await, (1, 0));
        })
        .await;
    }
}

#[tokio::test]
async fn parcels_are_told_call_by_call_and_the_last_one_says_so() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1", "A2"], false).await;
        shop.run_workers().await;
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(
            (
                &there["order_state"],
                &there["delivery_mode"],
                &there["is_finished"]
            ),
            (&json!(1), &json!(2), &json!(false))
        );
        assert_eq!(phone.read_order(&order).await["shipped_at"], Value::Null);
        assert_eq!(shop.shipment_of(&order).await["is_complete"], false);
        // Two are said before WeChat is told of either.
        shop.ship_parcels(&order, &["A3"], false).await;
        shop.ship_parcels(&order, &["A4"], true).await;
        assert!(phone.read_order(&order).await["shipped_at"].is_string());
        shop.run_workers().await;
        let there = shop.shipment_at_wechat(&order).await;
        let numbers: Vec<&Value> = there["parcels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|parcel| &parcel["tracking_no"])
            .collect();
        assert_eq!(numbers, ["A1", "A2", "A3", "A4"]);
        assert_eq!(
            (
                &there["order_state"],
                &there["finish_count"],
                &there["is_again_used"]
            ),
            (&json!(2), &json!(1), &json!(false))
        );
        let shown = shop.shipment_of(&order).await;
        assert_eq!(
            (&shown["is_complete"], &shown["status"]),
            (&json!(true), &json!("uploaded"))
        );
        assert_eq!(shown["parcels"].as_array().unwrap().len(), 4);
        let events = shop.events(&order).await;
        assert_eq!(
            events.iter().filter(|(kind, _)| kind == "order.shipped").count(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn times_of_calls_for_an_order_grow_though_the_clock_stands_still() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.ship_parcels(&order, &["A2"], false).await;
        shop.ship_parcels(&order, &["A3"], true).await;
        shop.run_workers().await;
        let errors: Vec<Value> = shop
            .calls("upload_shipping")
            .await
            .iter()
            .map(|call| call["error"].clone())
            .collect();
        assert_eq!(errors, [Value::Null, Value::Null, Value::Null]);
        let sql = "select count(distinct upload_at) from shipments
            where upload_at = date_trunc('milliseconds', upload_at)";
        assert_eq!(shop.count(sql).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_carrier_that_wants_a_contact_gets_the_buyers_masked() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let mut body = parcels(&["SF1"], true);
        body["parcels"][0]["carrier"] = json!("SF");
        let refused = shop
            .try_ship(&order, &body)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], "/parcels/0/receiver_contact");
        // Once the buyer has given a number it is known.
        let code = json!({"user_id": phone.user_id, "app_id": phone.app_id});
        let code = shop.control("POST", "/simulator/phone-codes", &code).await;
        let number = phone.call("POST", "/v1/phone-number", Some(&code)).await.ok(200);
        let number = number["pure_phone_number"].as_str().unwrap().to_owned();
        let said = shop.ship(&order, &body).await;
        let masked = format!("{}****{}", &number[..3], &number[7..]);
        assert_eq!(said["parcels"][0]["receiver_contact"], masked);
        shop.run_workers().await;
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(there["parcels"][0]["receiver_contact"], masked);
        let kept = "select count(*) from shipments where parcels::text ~ '[0-9]{11}'";
        assert_eq!(shop.count(kept).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_contact_that_is_given_is_masked_and_no_log_has_it() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.keep_from_logs(["13912345678".to_owned()]);
        let mut body = parcels(&["SF1"], true);
        body["parcels"][0]["carrier"] = json!("SF");
        body["parcels"][0]["receiver_contact"] = json!("139 1234 5678");
        let said = shop.ship(&order, &body).await;
        assert_eq!(said["parcels"][0]["receiver_contact"], "139****5678");
        shop.run_workers().await;
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
    })
    .await;
}

#[tokio::test]
async fn each_mini_program_tells_of_its_own_orders() {
    shop_with(Setup::default().two_apps(), async |shop| {
        shop.stock("tea", 100, None).await;
        let mut phone = shop.phone().await;
        phone.login_to(crate::harness::OTHER_APP).await;
        let order = phone.paid_order("tea", 1).await;
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(
            (&there["app_id"], &there["order_state"]),
            (&json!(crate::harness::OTHER_APP), &json!(2))
        );
    })
    .await;
}
