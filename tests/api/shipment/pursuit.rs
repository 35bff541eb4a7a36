//! Each of WeChat's answers, and what becomes of a shipment by it.

use serde_json::{Value, json};

use super::{paid, refusal, virtual_goods};
use crate::harness::{OTHER_APP, Setup, shop, shop_with};

#[tokio::test]
async fn trouble_that_passes_is_tried_again_with_growing_gaps() {
    for errcode in [-1, 10_060_012, 10_060_019, 45_009] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            shop.faults(refusal(errcode, 3)).await;
            shop.ship(&order, &virtual_goods()).await;
            shop.run_workers().await;
            assert_eq!(
                shop.shipment_of(&order).await["calls"][0]["failure_code"],
                errcode.to_string()
            );
            // Whoever calls too often was not heard. Trouble of WeChat's own may have come after the effect.
            let (gaps, asks) = if errcode == 45_009 {
                ([60, 60, 60], 0)
            } else {
                ([10, 30, 60], 1)
            };
            for (tried, gap) in gaps.into_iter().enumerate() {
                shop.pass(gap - 1).await;
                assert_eq!(
                    shop.shipping_calls().await,
                    (tried + 1, tried * asks),
                    "{errcode}: early by {gap}"
                );
                shop.pass(1).await;
                assert_eq!(
                    shop.shipping_calls().await,
                    (tried + 2, (tried + 1) * asks),
                    "{errcode}: late by {gap}"
                );
            }
            assert_eq!(shop.shipment_of(&order).await["status"], "uploaded", "{errcode}");
            assert_eq!(shop.shipment_at_wechat(&order).await["is_again_used"], false);
            assert_eq!(shop.open_exceptions().await, []);
        })
        .await;
    }
}

#[tokio::test]
async fn what_wechat_has_already_is_done() {
    for errcode in [10_060_002, 10_060_023] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            shop.faults(refusal(errcode, 1)).await;
            shop.ship(&order, &virtual_goods()).await;
            shop.pass(86_400).await;
            assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
            assert_eq!(shop.shipping_calls().await, (1, 0));
        })
        .await;
    }
}

#[tokio::test]
async fn a_correction_or_a_parcel_is_there_when_wechat_holds_it_and_not_because_the_order_counts_as_sent() {
    // A correction.
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], true).await;
        shop.run_workers().await;
        shop.faults(refusal(10_060_002, 1)).await;
        shop.ship_parcels(&order, &["A2"], true).await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_statuses(&order).await, ["uploaded", "refused"]);
        assert_eq!(shop.open_exceptions().await[0].0, "shipment_refused");
        let there = shop.shipment_at_wechat(&order).await;
        assert_eq!(there["parcels"][0]["tracking_no"], "A1");
        assert_eq!(shop.shipping_calls().await, (2, 1));
    })
    .await;
    // One more parcel.
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship_parcels(&order, &["A1"], false).await;
        shop.run_workers().await;
        shop.faults(refusal(10_060_002, 1)).await;
        shop.ship_parcels(&order, &["A2"], true).await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_statuses(&order).await, ["uploaded", "refused"]);
        assert_eq!(shop.shipping_calls().await, (2, 1));
    })
    .await;
}

#[tokio::test]
async fn what_wechat_refuses_is_an_exception_that_says_why() {
    for errcode in [
        10_060_005,
        10_060_006,
        10_060_007,
        10_060_008,
        10_060_009,
        10_060_014,
        10_060_020,
        10_060_024,
        10_060_025,
        10_060_026,
        10_060_031,
        48_001,
        268_485_194,
        268_485_216,
        268_485_224,
        268_485_226,
        268_485_227,
        268_485_228,
        99_999_999,
    ] {
        shop(async |shop| {
            let (phone, order) = paid(shop).await;
            shop.faults(refusal(errcode, 1)).await;
            shop.ship(&order, &virtual_goods()).await;
            shop.pass(86_400).await;
            // It is not told again by itself.
            assert_eq!(shop.shipping_calls().await, (1, 0), "{errcode}");
            let call = shop.shipment_of(&order).await["calls"][0].clone();
            assert_eq!(
                (&call["status"], &call["failure_code"]),
                (&json!("refused"), &json!(errcode.to_string()))
            );
            let page = shop
                .admin("GET", "/admin/exceptions?kind=shipment_refused", None)
                .await
                .ok(200);
            let exception = &page["items"][0];
            assert_eq!(
                (&exception["order_id"], &exception["status"]),
                (&json!(order), &json!("open"))
            );
            assert_eq!(exception["evidence"]["wechat_errcode"], errcode);
            assert!(exception["detail"].as_str().unwrap().contains("/shipment"));
            // The goods are on their way all the same.
            assert!(phone.read_order(&order).await["shipped_at"].is_string());
        })
        .await;
    }
}

#[tokio::test]
async fn a_payment_that_wechat_does_not_know_yet_is_waited_for_and_then_an_exception() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.rule("shipping_order_known_after_s", json!(60)).await;
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        assert_eq!(
            shop.shipment_of(&order).await["calls"][0]["failure_code"],
            "10060001"
        );
        shop.pass(10).await;
        shop.pass(30).await;
        assert_eq!(shop.shipment_of(&order).await["status"], "processing");
        shop.pass(60).await;
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");

        let (_, lost) = paid(shop).await;
        shop.faults(json!([{"kind": "errcode", "api": "upload_shipping", "errcode": 10_060_001}]))
            .await;
        shop.ship(&lost, &virtual_goods()).await;
        shop.run_workers().await;
        for gap in [10, 30, 60, 180, 600, 1_800] {
            assert_eq!(shop.open_exceptions().await, []);
            shop.pass(gap).await;
        }
        assert_eq!(shop.shipment_of(&lost).await["status"], "processing");
        shop.pass(3_600).await;
        assert_eq!(shop.shipment_of(&lost).await["status"], "refused");
        assert_eq!(shop.open_exceptions().await[0].0, "shipment_refused");
        shop.faults(json!([])).await;
    })
    .await;
}

#[tokio::test]
async fn an_order_that_was_refunded_meanwhile_needs_no_shipment() {
    // WeChat is asked what it knows, or says that the state does not allow it and is asked why.
    for (errcode, gap, calls) in [(-1, 10, (1, 1)), (45_009, 60, (2, 1))] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            shop.faults(refusal(errcode, 1)).await;
            shop.ship(&order, &virtual_goods()).await;
            shop.run_workers().await;
            let refund = shop.refund(&order, 300).await;
            shop.run_workers().await;
            shop.end_refund(&refund, "SUCCESS").await;
            shop.deliver().await;
            assert_eq!(shop.order_status(&order).await, "refunded");
            shop.pass(gap).await;
            assert_eq!(shop.shipping_calls().await, calls, "{errcode}");
            assert_eq!(shop.shipment_of(&order).await["status"], "needless");
            assert_eq!(shop.open_exceptions().await, []);
            shop.try_ship(&order, &json!({"kind": "pickup"}))
                .await
                .refused(409, "order_state_conflict");
        })
        .await;
    }
}

#[tokio::test]
async fn a_state_that_allows_no_shipment_for_another_reason_is_an_exception() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        let number = shop.number(&order).await;
        let path = format!("/simulator/shipments/{number}/confirm");
        shop.control("POST", &path, &json!({})).await;
        // Received is received: a correction comes too late.
        shop.ship(&order, &json!({"kind": "pickup"})).await;
        shop.run_workers().await;
        assert_eq!(shop.shipping_calls().await, (2, 1));
        assert_eq!(shop.shipment_statuses(&order).await, ["uploaded", "refused"]);
        let page = shop
            .admin("GET", "/admin/exceptions?kind=shipment_refused", None)
            .await
            .ok(200);
        let evidence = &page["items"][0]["evidence"];
        assert_eq!(
            (&evidence["wechat_errcode"], &evidence["order_state"]),
            (&json!(10_060_004), &json!(3))
        );
    })
    .await;
}

#[tokio::test]
async fn a_part_that_went_back_is_shipped_all_the_same_and_a_shipped_order_is_refunded() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "partially_refunded");
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
        shop.advance(61).await;
        let rest = shop.refund(&order, 200).await;
        shop.run_workers().await;
        shop.end_refund(&rest, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "refunded");
        assert!(phone.read_order(&order).await["shipped_at"].is_string());
        let kinds: Vec<String> = shop
            .events(&order)
            .await
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        assert_eq!(
            kinds,
            [
                "order.paid",
                "order.partially_refunded",
                "order.shipped",
                "order.refunded"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_storm_of_dead_tokens_costs_a_moment() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(json!([{"kind": "token_storm", "api": "upload_shipping", "times": 3}]))
            .await;
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        let call = shop.shipment_of(&order).await["calls"][0].clone();
        assert_eq!(
            (&call["status"], &call["failure_code"]),
            (&json!("processing"), &json!("40001"))
        );
        let mut seen: Value = Value::Null;
        for gap in [10, 30, 60] {
            shop.pass(gap).await;
            seen = shop.shipment_of(&order).await["status"].clone();
        }
        assert_eq!(seen, "uploaded");
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_mini_program_that_the_settings_lost_waits_and_holds_nobody_up() {
    shop_with(Setup::default().two_apps(), async |shop| {
        let (phone, lost) = paid(shop).await;
        shop.ship(&lost, &virtual_goods()).await;
        for _ in 1..8 {
            let order = phone.paid_order("tea", 1).await;
            shop.ship(&order, &virtual_goods()).await;
        }
        shop.advance(1).await;
        let mut other = shop.phone().await;
        other.login_to(OTHER_APP).await;
        let kept = other.paid_order("tea", 1).await;
        shop.ship(&kept, &virtual_goods()).await;
        // The settings name the second mini program alone since.
        let smaller = Setup::default()
            .with("WECHAT_APP_ID", OTHER_APP)
            .with("WECHAT_PUSH_TOKEN", "")
            .with("WECHAT_PUSH_AES_KEY", "");
        let smaller = shop.join(&smaller).await;
        assert!(shop.stop(0).await);
        assert!(!shop.run_workers_of(smaller).await.contains("shipments"));
        let sql =
            "select coalesce(s.failure_code, s.status) from shipments s join orders o on o.id = s.order_id
            order by o.app_id, s.id";
        let stand: Vec<String> = sqlx::query_scalar(sql).fetch_all(&shop.db).await.unwrap();
        let mut expected = vec!["app_unknown"; 8];
        expected.push("uploaded");
        assert_eq!(stand, expected);
        assert_eq!(shop.shipping_calls().await, (1, 0));
        // It is told as soon as they name the first again.
        let back = shop.join(&Setup::default().two_apps()).await;
        shop.advance(60).await;
        assert!(shop.run_workers_of(back).await.is_empty());
        assert_eq!(shop.shipping_calls().await, (9, 0));
        let sql = "select count(*) from shipments where status <> 'uploaded'";
        assert_eq!(shop.count(sql).await, 0);
    })
    .await;
}
