//! Calls whose outcome is not known, servers that die, and several at once: WeChat's one chance to correct is
//! never taken by a repetition.

use futures_util::future::join;
use serde_json::json;

use super::{paid, virtual_goods};
use crate::harness::{Setup, held, parcels, shop, shop_with};

fn unanswered(api: &str, kind: &str) -> serde_json::Value {
    // An answer that is lost is lost at once; one that trickles outlasts every patience.
    let ms = if kind == "slow_body" { 60_000 } else { 0 };
    json!([{"kind": kind, "api": api, "ms": ms, "times": 1}])
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_and_nothing_is_told_twice() {
    for kind in ["no_answer_after_accepting", "slow_body"] {
        let setup = Setup::default().patience(std::time::Duration::from_secs(3));
        shop_with(setup, async |shop| {
            let (_, order) = paid(shop).await;
            shop.faults(unanswered("upload_shipping", kind)).await;
            shop.ship_parcels(&order, &["A1"], true).await;
            shop.run_workers().await;
            assert_eq!(shop.struck("upload_shipping", kind).await, 1);
            assert_eq!(shop.shipment_of(&order).await["status"], "processing");
            shop.pass(10).await;
            assert_eq!(shop.shipping_calls().await, (1, 1), "{kind}");
            let there = shop.shipment_at_wechat(&order).await;
            assert_eq!(
                (&there["is_again_used"], &there["finish_count"]),
                (&json!(false), &json!(1))
            );
            assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
            // The chance is still there.
            shop.ship_parcels(&order, &["A2"], true).await;
            shop.run_workers().await;
            assert_eq!(
                shop.shipment_at_wechat(&order).await["parcels"][0]["tracking_no"],
                "A2"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn what_never_arrived_is_told_after_wechat_was_asked() {
    for fault in [
        json!({"kind": "no_answer_before_accepting"}),
        json!({"kind": "server_error", "status": 502}),
    ] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            let mut fault = fault.clone();
            fault["api"] = json!("upload_shipping");
            fault["times"] = json!(1);
            shop.faults(json!([fault])).await;
            shop.ship_parcels(&order, &["A1"], false).await;
            shop.run_workers().await;
            shop.pass(10).await;
            assert_eq!(shop.shipping_calls().await, (2, 1));
            assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
        })
        .await;
    }
}

#[tokio::test]
async fn a_success_that_is_no_answer_is_asked_about() {
    for body in ["html", "empty", "half"] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            let fault = json!({"kind": "server_error", "status": 200, "body": body, "api": "upload_shipping", "times": 1});
            shop.faults(json!([fault])).await;
            shop.ship_parcels(&order, &["A1"], true).await;
            shop.run_workers().await;
            let call = shop.shipment_of(&order).await["calls"][0].clone();
            assert_eq!(
                (&call["status"], &call["failure_code"]),
                (&json!("processing"), &json!("unavailable")),
                "{body}"
            );
            // Nothing of it had arrived.
            shop.pass(10).await;
            assert_eq!(shop.shipping_calls().await, (2, 1), "{body}");
            assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
            let there = shop.shipment_at_wechat(&order).await;
            assert_eq!(there["parcels"][0]["tracking_no"], "A1");
        })
        .await;
    }
}

#[tokio::test]
async fn a_number_of_wechat_that_is_written_as_text_is_that_number() {
    let text = |errcode: i64| json!({"kind": "server_error", "status": 200, "body": "errcode_text", "errcode": errcode, "api": "upload_shipping", "times": 1});
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(json!([text(10_060_014)])).await;
        shop.ship_parcels(&order, &["A1"], true).await;
        shop.run_workers().await;
        let shipment = shop.shipment_of(&order).await;
        assert_eq!(
            (&shipment["status"], &shipment["calls"][0]["failure_code"]),
            (&json!("refused"), &json!("10060014"))
        );
        assert_eq!(shop.open_exceptions().await[0].0, "shipment_refused");
        // A dead token is replaced, and the call made once more.
        shop.faults(json!([text(40_001)])).await;
        let fetched = shop.calls("stable_token").await.len();
        shop.ship_parcels(&order, &["A1"], true).await;
        shop.run_workers().await;
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
        assert!(shop.calls("stable_token").await.len() > fetched);
        assert_eq!(shop.shipping_calls().await, (3, 0));
    })
    .await;
}

#[tokio::test]
async fn as_long_as_wechat_does_not_say_nothing_is_told_again() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(json!([
            {"kind": "no_answer_after_accepting", "api": "upload_shipping", "times": 1},
            {"kind": "server_error", "api": "shipping_order", "times": 3},
        ]))
        .await;
        shop.ship(&order, &virtual_goods()).await;
        shop.run_workers().await;
        for gap in [10, 30, 60] {
            shop.pass(gap).await;
        }
        assert_eq!(shop.shipping_calls().await, (1, 3));
        shop.pass(180).await;
        assert_eq!(shop.shipping_calls().await, (1, 4));
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
        assert_eq!(shop.shipment_at_wechat(&order).await["is_again_used"], false);
    })
    .await;
}

#[tokio::test]
async fn a_correction_whose_answer_is_lost_is_known_by_what_wechat_holds() {
    for (kind, calls) in [
        ("no_answer_after_accepting", (2, 1)),
        ("no_answer_before_accepting", (3, 1)),
    ] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            shop.ship_parcels(&order, &["A1"], true).await;
            shop.run_workers().await;
            shop.faults(unanswered("upload_shipping", kind)).await;
            // The same parcel, described otherwise.
            let mut body = parcels(&["A1"], true);
            body["parcels"][0]["description"] = json!("another tea");
            shop.ship(&order, &body).await;
            shop.run_workers().await;
            shop.pass(10).await;
            assert_eq!(shop.shipping_calls().await, calls, "{kind}");
            assert_eq!(shop.shipment_statuses(&order).await, ["uploaded", "uploaded"]);
            let there = shop.shipment_at_wechat(&order).await;
            assert_eq!(there["parcels"][0]["item_desc"], "another tea");
            shop.try_ship(&order, &virtual_goods())
                .await
                .refused(409, "shipment_correction_used");
        })
        .await;
    }
}

#[tokio::test]
async fn what_wechat_took_before_its_trouble_is_found_there() {
    for errcode in [-1, 10_060_012, 10_060_019] {
        shop(async |shop| {
            let fault = json!([{
                "kind": "errcode", "api": "upload_shipping", "errcode": errcode, "is_accepted": true, "times": 1
            }]);
            let (_, order) = paid(shop).await;
            shop.faults(fault.clone()).await;
            shop.ship(&order, &virtual_goods()).await;
            shop.run_workers().await;
            assert_eq!(shop.shipment_of(&order).await["status"], "processing");
            shop.pass(10).await;
            assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
            assert_eq!(shop.shipping_calls().await, (1, 1), "{errcode}");

            // What is said before that is known takes the one chance to correct.
            let (_, order) = paid(shop).await;
            shop.faults(fault).await;
            shop.ship(&order, &virtual_goods()).await;
            shop.run_workers().await;
            let said = shop.ship_parcels(&order, &["A1"], true).await;
            assert_eq!(said["is_correction"], true, "{errcode}");
        })
        .await;
    }
}

#[tokio::test]
async fn what_may_have_arrived_is_not_replaced_for_nothing() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(unanswered("upload_shipping", "no_answer_after_accepting"))
            .await;
        shop.ship_parcels(&order, &["A1"], true).await;
        shop.run_workers().await;
        let said = shop.ship_parcels(&order, &["A2"], true).await;
        assert_eq!(said["is_correction"], true);
        shop.pass(10).await;
        assert_eq!(shop.shipment_statuses(&order).await, ["replaced", "uploaded"]);
        assert_eq!(
            shop.shipment_at_wechat(&order).await["parcels"][0]["tracking_no"],
            "A2"
        );
        shop.try_ship(&order, &virtual_goods())
            .await
            .refused(409, "shipment_correction_used");
    })
    .await;
}

#[tokio::test]
async fn two_servers_tell_wechat_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        shop.ship(&order, &virtual_goods()).await;
        join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        assert_eq!(shop.shipping_calls().await, (1, 0));
    })
    .await;
}

#[tokio::test]
async fn parcels_of_an_order_keep_their_order_at_two_servers() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        for (number, is_last) in [("A1", false), ("A2", false), ("A3", true)] {
            shop.ship_parcels(&order, &[number], is_last).await;
        }
        join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        shop.run_workers().await;
        assert_eq!(shop.shipping_calls().await, (3, 0));
        let there = shop.shipment_at_wechat(&order).await;
        let numbers: Vec<&str> = there["parcels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|parcel| parcel["tracking_no"].as_str().unwrap())
            .collect();
        assert_eq!(numbers, ["A1", "A2", "A3"]);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_dies_with_a_shipment_in_hand_leaves_it_to_the_next_after_its_lease() {
    for has_arrived in [false, true] {
        shop_with(Setup::default().replicas(2), async |shop| {
            let (_, order) = paid(shop).await;
            if has_arrived {
                shop.faults(unanswered("upload_shipping", "no_answer_after_accepting")).await;
            }
            shop.ship(&order, &virtual_goods()).await;
            if has_arrived {
                assert!(shop.run_workers_of(0).await.is_empty());
            }
            // As it stands when a process ends between its lease and what it would have written.
            let now = shop.clock.now();
            let sql = "update shipments set lease_token = gen_random_uuid(), lease_until = $1, upload_at = coalesce(upload_at, $2),
                may_have_arrived = true, next_try_at = $2";
            sqlx::query(sql)
                .bind(now + chrono::TimeDelta::seconds(60))
                .bind(now)
                .execute(&shop.db)
                .await
                .unwrap();
            shop.stop(0).await;
            let told = usize::from(has_arrived);
            shop.advance(59).await;
            assert!(shop.run_workers_of(1).await.is_empty());
            assert_eq!(shop.shipping_calls().await, (told, 0));
            shop.advance(1).await;
            assert!(shop.run_workers_of(1).await.is_empty());
            // It was asked first, and told once in all.
            assert_eq!(shop.shipping_calls().await, (1, 1));
            let sql = "select count(*) from shipments where status = 'uploaded'";
            assert_eq!(shop.count(sql).await, 1);
        })
        .await;
    }
}

#[tokio::test]
async fn who_has_lost_a_shipment_writes_nothing_about_it() {
    let setup = Setup::default()
        .replicas(2)
        .patience(std::time::Duration::from_secs(20));
    shop_with(setup, async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(json!([held("delay", "upload_shipping")])).await;
        shop.ship(&order, &virtual_goods()).await;
        let slow = shop.run_workers_of(0);
        let quick = async {
            shop.calls_until("upload_shipping", 1).await;
            shop.advance(61).await;
            // The other one asks, and finds it there.
            assert!(shop.run_workers_of(1).await.is_empty());
            assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
            shop.advance(1).await;
            let sql = "select ended_at from shipments";
            let ended_at = sqlx::query_scalar::<_, chrono::DateTime<chrono::Utc>>(sql)
                .fetch_one(&shop.db)
                .await
                .unwrap();
            shop.let_go().await;
            ended_at
        };
        let (failed, ended_at) = join(slow, quick).await;
        assert!(failed.is_empty());
        let sql = "select ended_at from shipments";
        let now: chrono::DateTime<chrono::Utc> = sqlx::query_scalar(sql).fetch_one(&shop.db).await.unwrap();
        assert_eq!(now, ended_at);
        assert_eq!(shop.shipping_calls().await, (1, 1));
    })
    .await;
}
