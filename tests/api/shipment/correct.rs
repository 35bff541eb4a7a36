//! Correcting what was said: free before WeChat has it, once after, and then no more.

use serde_json::{Value, json};

use super::{paid, refusal, virtual_goods};
use crate::harness::{Shop, parcels, shop};

#[tokio::test]
async fn wechat_is_corrected_once() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        shop.ship_parcels(&order, &["WRONG"], true).await;
        shop.run_workers().await;
        let shipped_at = phone.read_order(&order).await["shipped_at"].clone();
        shop.advance(60).await;
        let said = shop.ship_parcels(&order, &["RIGHT"], true).await;
        assert_eq!(said["is_correction"], true);
        shop.run_workers().await;
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(there["parcels"][0]["tracking_no"], "RIGHT");
        assert_eq!(
            (&there["is_again_used"], &there["finish_count"]),
            (&json!(true), &json!(2))
        );
        let shown = shop.shipment_of(&order).await;
        assert_eq!(shown["parcels"][0]["tracking_no"], "RIGHT");
        assert_eq!(shown["parcels"].as_array().unwrap().len(), 1);
        // The goods went out once.
        assert_eq!(phone.read_order(&order).await["shipped_at"], shipped_at);
        let events = shop.events(&order).await;
        assert_eq!(
            events.iter().filter(|(kind, _)| kind == "order.shipped").count(),
            1
        );
        shop.try_ship(&order, &parcels(&["THIRD"], true))
            .await
            .refused(409, "shipment_correction_used");
        shop.pass(86_400).await;
        assert_eq!(shop.shipping_calls().await, (2, 0));
    })
    .await;
}

#[tokio::test]
async fn what_wechat_has_not_heard_is_replaced_for_nothing() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["WRONG"], true).await;
        let said = shop.ship(&order, &json!({"kind": "pickup"})).await;
        assert_eq!(said["is_correction"], false);
        shop.run_workers().await;
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(
            (&there["logistics_type"], &there["is_again_used"]),
            (&json!(4), &json!(false))
        );
        assert_eq!(shop.shipment_statuses(&order).await, ["replaced", "uploaded"]);
        assert_eq!(shop.shipping_calls().await, (1, 0));
        // A correction that was not told yet is replaced for nothing as well.
        shop.ship(&order, &virtual_goods()).await;
        shop.ship_parcels(&order, &["RIGHT"], true).await;
        shop.run_workers().await;
        assert_eq!(
            shop.shipment_at_wechat(&order).await["parcels"][0]["tracking_no"],
            "RIGHT"
        );
        shop.try_ship(&order, &virtual_goods())
            .await
            .refused(409, "shipment_correction_used");
    })
    .await;
}

#[tokio::test]
async fn another_kind_after_a_part_takes_the_chance_too() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.run_workers().await;
        let said = shop.ship(&order, &json!({"kind": "pickup"})).await;
        assert_eq!(said["is_correction"], true);
        shop.run_workers().await;
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(
            (
                &there["logistics_type"],
                &there["is_again_used"],
                &there["order_state"]
            ),
            (&json!(4), &json!(true), &json!(2))
        );
    })
    .await;
}

#[tokio::test]
async fn what_wechat_has_begun_to_hear_is_told_to_its_end_before_it_is_corrected() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.run_workers().await;
        // Without it WeChat would take the correction for one more parcel, and keep the first.
        shop.ship_parcels(&order, &["A2"], true).await;
        let said = shop.ship_parcels(&order, &["B1"], false).await;
        assert_eq!(said["is_correction"], true);
        for _ in 0..2 {
            shop.run_workers().await;
        }
        assert_eq!(shop.shipment_statuses(&order).await, ["uploaded"; 3]);
        assert_eq!(at_wechat(shop, &order).await, ["B1"]);
        shop.ship_parcels(&order, &["B2"], true).await;
        shop.run_workers().await;
        assert_eq!(at_wechat(shop, &order).await, ["B1", "B2"]);
        shop.try_ship(&order, &parcels(&["C1", "C2"], true))
            .await
            .refused(409, "shipment_correction_used");
    })
    .await;
}

#[tokio::test]
async fn a_correction_behind_a_refused_last_parcel_is_not_told() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.run_workers().await;
        shop.ship_parcels(&order, &["A2"], true).await;
        shop.ship_parcels(&order, &["B1"], false).await;
        shop.faults(refusal(10_060_025, 1)).await;
        for _ in 0..2 {
            shop.run_workers().await;
        }
        assert_eq!(
            shop.shipment_statuses(&order).await,
            ["uploaded", "refused", "refused"]
        );
        assert_eq!(at_wechat(shop, &order).await, ["A1"]);
        let sql = "select (evidence->>'corrections_not_told')::bigint from exceptions where kind = 'shipment_refused'";
        assert_eq!(shop.count(sql).await, 1);
        // The last parcel is said as it should be, and then the correction has its turn.
        let said = shop.ship_parcels(&order, &["A2"], true).await;
        assert_eq!(said["is_correction"], false);
        shop.run_workers().await;
        assert_eq!(at_wechat(shop, &order).await, ["A1", "A2"]);
        assert_eq!(shop.open_exceptions().await, []);
        let said = shop.ship_parcels(&order, &["B1"], false).await;
        assert_eq!(said["is_correction"], true);
        shop.run_workers().await;
        assert_eq!(at_wechat(shop, &order).await, ["B1"]);
    })
    .await;
}

#[tokio::test]
async fn parcels_go_on_after_a_correction_that_came_to_nothing() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.run_workers().await;
        shop.ship(&order, &virtual_goods()).await;
        // That would take back what has not been told yet, and the parcel with it.
        shop.try_ship(&order, &parcels(&["A2"], false))
            .await
            .refused(409, "shipment_correction_used");
        shop.faults(refusal(10_060_014, 1)).await;
        shop.run_workers().await;
        let said = shop.ship_parcels(&order, &["A2"], true).await;
        assert_eq!(said["is_correction"], false);
        shop.run_workers().await;
        assert_eq!(at_wechat(shop, &order).await, ["A1", "A2"]);
        let shown = shop.shipment_of(&order).await;
        assert_eq!(
            (&shown["status"], shown["parcels"].as_array().unwrap().len()),
            (&json!("uploaded"), 2)
        );
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

/// The numbers of the parcels as WeChat has them.
async fn at_wechat(shop: &Shop, order: &str) -> Vec<String> {
    let there = shop.shipment_at_wechat(order).await;
    let parcels = there["parcels"].as_array().unwrap().iter();
    parcels
        .map(|parcel| parcel["tracking_no"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_wechat_refused_is_posted_again_as_it_should_be() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(refusal(10_060_025, 1)).await;
        shop.ship_parcels(&order, &["A1"], true).await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_of(&order).await["status"], "refused");
        let transaction: Value =
            shop.truth(&shop.number(&order).await).await.unwrap()["transaction_id"].clone();
        let subject = transaction.as_str().unwrap().to_owned();
        assert_eq!(
            shop.open_exceptions().await,
            [("shipment_refused".to_owned(), subject)]
        );
        // The same again is not a repetition: the first came to nothing.
        let said = shop.ship_parcels(&order, &["A1"], true).await;
        assert_eq!(said["is_correction"], false);
        shop.run_workers().await;
        assert_eq!(shop.shipment_statuses(&order).await, ["refused", "uploaded"]);
        assert_eq!(shop.open_exceptions().await, []);
        assert_eq!(shop.shipment_at_wechat(&order).await["is_again_used"], false);
    })
    .await;
}

#[tokio::test]
async fn a_refused_parcel_is_not_forgotten_because_the_next_one_is_taken() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.ship_parcels(&order, &["A2"], false).await;
        // Said before WeChat refuses the first.
        shop.ship_parcels(&order, &["A3"], true).await;
        shop.faults(refusal(10_060_014, 1)).await;
        for _ in 0..3 {
            shop.run_workers().await;
        }
        assert_eq!(
            shop.shipment_statuses(&order).await,
            ["refused", "uploaded", "uploaded"]
        );
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(there["parcels"].as_array().unwrap().len(), 2);
        let shown = shop.shipment_of(&order).await;
        assert_eq!(
            (&shown["status"], shown["parcels"].as_array().unwrap().len()),
            (&json!("refused"), 3)
        );
        assert_eq!(shop.open_exceptions().await[0].0, "shipment_refused");
        // All of it once more is the correction, and mends it.
        shop.ship_parcels(&order, &["A1", "A2", "A3"], true).await;
        assert_eq!(shop.shipment_of(&order).await["status"], "processing");
        shop.run_workers().await;
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_refused_parcel_that_is_said_again_is_mended_when_wechat_takes_it() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.run_workers().await;
        shop.faults(refusal(10_060_014, 1)).await;
        shop.ship_parcels(&order, &["A2"], false).await;
        shop.ship_parcels(&order, &["A3"], false).await;
        shop.run_workers().await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_of(&order).await["status"], "refused");
        assert_eq!(shop.open_exceptions().await.len(), 1);
        shop.ship_parcels(&order, &["A2"], true).await;
        shop.run_workers().await;
        let shown = shop.shipment_of(&order).await;
        assert_eq!(
            (&shown["status"], shown["parcels"].as_array().unwrap().len()),
            (&json!("uploaded"), 3)
        );
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_chance_that_somebody_else_has_used_is_said_so() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], true).await;
        shop.run_workers().await;
        shop.faults(refusal(10_060_003, 1)).await;
        shop.ship_parcels(&order, &["A2"], true).await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_statuses(&order).await, ["uploaded", "refused"]);
        assert_eq!(shop.open_exceptions().await[0].0, "shipment_refused");
        shop.try_ship(&order, &virtual_goods())
            .await
            .refused(409, "shipment_correction_used");
    })
    .await;
}

#[tokio::test]
async fn an_order_has_fifty_calls_at_the_most() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        for number in 0..50 {
            shop.ship_parcels(&order, &[&format!("A{number}")], false).await;
        }
        shop.try_ship(&order, &parcels(&["LAST"], true))
            .await
            .refused(409, "shipment_limit_reached");
        shop.run_workers().await;
        assert_eq!(shop.shipping_calls().await, (50, 0));
    })
    .await;
}
