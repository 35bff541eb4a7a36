//! What is not taken: orders that are not paid, and words that make no sense.

use serde_json::{Value, json};

use super::{paid, virtual_goods};
use crate::harness::{ADMIN_TOKEN, Setup, parcels, shop, shop_with};

#[tokio::test]
async fn only_what_is_paid_and_kept_is_sent() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let waiting = phone.buy("tea", 1).await;
        let closed = phone.buy("tea", 1).await;
        phone.close(&closed).await.ok(200);
        for unpaid in [&waiting, &closed] {
            shop.try_ship(unpaid, &virtual_goods())
                .await
                .refused(409, "order_state_conflict");
        }
        let refund = shop.refund(&order, 300).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        shop.try_ship(&order, &virtual_goods())
            .await
            .refused(409, "order_state_conflict");
        shop.try_ship("00000000-0000-7000-8000-000000000000", &virtual_goods())
            .await
            .refused(404, "order_not_found");
        assert_eq!(shop.count("select count(*) from shipments").await, 0);
    })
    .await;
}

/// One more than there may be.
const MANY: [&str; 16] = [
    "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "A15",
];

/// Bodies that make no sense, and the field that is to blame.
fn senseless() -> Vec<(Value, &'static str)> {
    let parcel = |changes: Value| {
        let mut parcel = json!({"tracking_no": "A1", "carrier": "STO"});
        for (name, value) in changes.as_object().unwrap() {
            parcel[name] = value.clone();
        }
        json!({"kind": "express", "parcels": [parcel]})
    };
    vec![
        (json!({"kind": "mail"}), "/kind"),
        (json!({"kind": "express"}), "/parcels"),
        (json!({"kind": "express", "parcels": []}), "/parcels"),
        (parcels(&MANY, true), "/parcels"),
        (json!({"kind": "virtual", "parcels": [{}, {}]}), "/parcels"),
        (json!({"kind": "virtual", "is_complete": false}), "/is_complete"),
        (
            json!({"kind": "virtual", "parcels": [{"tracking_no": "A1"}]}),
            "/parcels/0/tracking_no",
        ),
        (
            json!({"kind": "pickup", "parcels": [{"carrier": "STO"}]}),
            "/parcels/0/carrier",
        ),
        (
            json!({"kind": "virtual", "parcels": [{"receiver_contact": "13800000001"}]}),
            "/parcels/0/receiver_contact",
        ),
        (parcel(json!({"tracking_no": null})), "/parcels/0/tracking_no"),
        (parcel(json!({"tracking_no": ""})), "/parcels/0/tracking_no"),
        (parcel(json!({"tracking_no": "a b"})), "/parcels/0/tracking_no"),
        (
            parcel(json!({"tracking_no": "1".repeat(129)})),
            "/parcels/0/tracking_no",
        ),
        (parcel(json!({"carrier": null})), "/parcels/0/carrier"),
        (parcel(json!({"carrier": "顺丰"})), "/parcels/0/carrier"),
        (parcel(json!({"description": ""})), "/parcels/0/description"),
        (parcel(json!({"description": "a\nb"})), "/parcels/0/description"),
        (
            parcel(json!({"description": "茶".repeat(121)})),
            "/parcels/0/description",
        ),
        (
            parcel(json!({"carrier": "SF", "receiver_contact": "ask him"})),
            "/parcels/0/receiver_contact",
        ),
        (
            parcel(json!({"carrier": "SF", "receiver_contact": "138****00**"})),
            "/parcels/0/receiver_contact",
        ),
        (parcels(&["A1", "A1"], true), "/parcels/1/tracking_no"),
        (json!({"kind": "virtual", "note": "x"}), "/note"),
        (parcel(json!({"weight": 1})), "/parcels/0/weight"),
    ]
}

#[tokio::test]
async fn each_field_that_makes_no_sense_is_named() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        for (body, pointer) in &senseless() {
            let refused = shop
                .try_ship(&order, body)
                .await
                .refused(422, "validation_failed");
            let pointers: Vec<&Value> = refused["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|error| &error["pointer"])
                .collect();
            assert_eq!(pointers, [pointer], "{body}");
        }
        assert_eq!(shop.count("select count(*) from shipments").await, 0);
        // The longest that is taken.
        let mut body = parcels(&MANY[..15], true);
        for parcel in body["parcels"].as_array_mut().unwrap() {
            parcel["description"] = json!("茶".repeat(120));
        }
        body["parcels"][0]["tracking_no"] = json!("1".repeat(128));
        shop.ship(&order, &body).await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
    })
    .await;
}

#[tokio::test]
async fn it_is_the_operators_business_and_needs_a_merchant() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let path = format!("/admin/orders/{order}/shipment");
        for token in [None, Some(phone.token.as_str())] {
            let request = shop.request("POST", &path, token, Some(&virtual_goods()));
            shop.send(request).await.refused(401, "unauthenticated");
        }
        let get = shop.request("GET", &path, Some(ADMIN_TOKEN), None);
        shop.send(get).await.refused(405, "method_not_allowed");
        let key = "k".repeat(65);
        shop.try_ship_at(0, &order, Some(&key), &virtual_goods())
            .await
            .refused(422, "validation_failed");
    })
    .await;
    let mut setup = Setup::default();
    for name in [
        "WXPAY_MCH_ID",
        "WXPAY_CERT_SERIAL",
        "WXPAY_PRIVATE_KEY_FILE",
        "WXPAY_API_V3_KEY",
    ] {
        setup = setup.with(name, "");
    }
    shop_with(setup, async |shop| {
        shop.announce("payment_not_configured");
        shop.stock("tea", 100, None).await;
        let order = shop.visitor().await.buy("tea", 1).await;
        shop.try_ship(&order, &virtual_goods())
            .await
            .refused(503, "payment_not_configured");
    })
    .await;
}
