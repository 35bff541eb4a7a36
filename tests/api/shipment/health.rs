//! Orders whose money WeChat keeps show on the health page, and what stands in the way of telling it.

use serde_json::{Value, json};

use super::{paid, refusal, virtual_goods};
use crate::harness::{APP, Shop, shop};

/// Puts the mini program under order shipping management, or takes it out.
pub(super) async fn manage(shop: &Shop, is_managed: bool) {
    let body = json!({"app_id": APP, "is_managed": is_managed});
    shop.control("PUT", "/simulator/shipping-management", &body).await;
}

/// Status, orders unshipped after 24 and 48 hours.
async fn figures(shop: &Shop) -> (Value, Value, Value) {
    let check = shop.health_of("shipments").await;
    let figure = |name: &str| check[name].clone();
    (figure("status"), figure("unshipped_24h"), figure("unshipped_48h"))
}

fn seen(status: &str, unshipped: i64, late: i64) -> (Value, Value, Value) {
    (json!(status), json!(unshipped), json!(late))
}

const HOUR: i64 = 3_600;

#[tokio::test]
async fn orders_that_wait_to_be_shipped_show_after_a_day_and_after_two() {
    shop(async |shop| {
        manage(shop, true).await;
        let (_, first) = paid(shop).await;
        shop.advance(HOUR).await;
        let (_, second) = paid(shop).await;
        shop.pass(23 * HOUR - 600).await;
        assert_eq!(figures(shop).await, seen("ok", 0, 0));
        // Nobody has asked WeChat as long as nothing depended on it.
        assert_eq!(shop.calls("trade_managed").await.len(), 0);
        shop.pass(1_200).await;
        assert_eq!(figures(shop).await, seen("degraded", 1, 0));
        let check = shop.health_of("shipments").await;
        assert!(check["detail"].as_str().unwrap().contains("24 hours"));
        assert!(check["oldest_unshipped_paid_at"].is_string());
        assert_eq!(check["mini_programs"][0]["is_managed"], true);
        shop.pass(HOUR).await;
        assert_eq!(figures(shop).await, seen("degraded", 2, 0));
        // The answer holds for a day.
        assert_eq!(shop.calls("trade_managed").await.len(), 1);
        shop.pass(23 * HOUR).await;
        assert_eq!(figures(shop).await, seen("degraded", 2, 1));
        assert!(
            shop.health_of("shipments").await["detail"]
                .as_str()
                .unwrap()
                .contains("48 hours")
        );
        shop.ship(&first, &virtual_goods()).await;
        shop.ship(&second, &virtual_goods()).await;
        shop.run_workers().await;
        assert_eq!(figures(shop).await, seen("ok", 0, 0));
    })
    .await;
}

#[tokio::test]
async fn whom_wechat_does_not_manage_may_wait() {
    shop(async |shop| {
        let (_, _) = paid(shop).await;
        shop.pass(50 * HOUR).await;
        assert_eq!(figures(shop).await, seen("ok", 0, 0));
        let check = shop.health_of("shipments").await;
        let app = &check["mini_programs"][0];
        assert_eq!(
            (&app["is_managed"], &app["unshipped_48h"]),
            (&json!(false), &json!(1))
        );
        // It is asked again, and the newer answer counts.
        manage(shop, true).await;
        shop.pass(23 * HOUR).await;
        assert_eq!(figures(shop).await, seen("ok", 0, 0));
        shop.pass(HOUR).await;
        assert_eq!(figures(shop).await, seen("degraded", 1, 1));
        // What is a month old is somebody else's business by now.
        shop.pass(30 * 24 * HOUR).await;
        assert_eq!(figures(shop).await, seen("ok", 0, 0));
    })
    .await;
}

#[tokio::test]
async fn what_went_back_in_full_does_not_wait_and_a_part_does() {
    shop(async |shop| {
        manage(shop, true).await;
        for amount_fen in [300, 100] {
            let (_, order) = paid(shop).await;
            let refund = shop.refund(&order, amount_fen).await;
            shop.run_workers().await;
            shop.end_refund(&refund, "SUCCESS").await;
            shop.deliver().await;
        }
        shop.pass(25 * HOUR).await;
        assert_eq!(figures(shop).await, seen("degraded", 1, 0));
    })
    .await;
}

#[tokio::test]
async fn wechats_silence_about_it_is_no_failure_and_asked_again() {
    shop(async |shop| {
        manage(shop, true).await;
        let (_, _) = paid(shop).await;
        shop.faults(json!([{"kind": "server_error", "api": "trade_managed", "times": 1}]))
            .await;
        shop.pass(25 * HOUR).await;
        assert_eq!(figures(shop).await, seen("ok", 0, 0));
        assert_eq!(
            shop.health_of("shipments").await["mini_programs"][0]["is_managed"],
            Value::Null
        );
        shop.pass(599).await;
        assert_eq!(shop.calls("trade_managed").await.len(), 1);
        shop.pass(1).await;
        assert_eq!(figures(shop).await, seen("degraded", 1, 0));
    })
    .await;
}

#[tokio::test]
async fn shipments_that_wechat_does_not_take_show() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(json!([{"kind": "errcode", "api": "upload_shipping", "errcode": -1}]))
            .await;
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        let check = shop.health_of("shipments").await;
        assert_eq!(
            (
                &check["status"],
                &check["uploads_waiting"],
                &check["uploads_failing"]
            ),
            (&json!("ok"), &json!(1), &json!(1))
        );
        shop.pass(901).await;
        assert_eq!(shop.health_of("shipments").await["status"], "degraded");
        // Nobody looks: that shows as well.
        shop.faults(json!([])).await;
        shop.advance(7_200 + 601).await;
        let check = shop.health_of("shipments").await;
        assert!(
            check["detail"].as_str().unwrap().contains("nobody tells"),
            "{check}"
        );
        shop.run_workers().await;
        assert_eq!(shop.health_of("shipments").await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_shows_until_a_later_one_is_taken() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(refusal(10_060_031, 1)).await;
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        let check = shop.health_of("shipments").await;
        assert_eq!(
            (&check["status"], &check["exceptions_open"]),
            (&json!("degraded"), &json!(1))
        );
        assert_eq!(shop.health_of("orders").await["status"], "ok");
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        assert_eq!(shop.health_of("shipments").await["status"], "ok");
    })
    .await;
}
