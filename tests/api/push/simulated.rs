//! What the simulated WeChat does by itself: repetitions, and faults on the way.

use serde_json::{Value, json};

use super::{event, kept};
use crate::harness::{APP, Shop, shop};

async fn schedule(shop: &Shop, trace_id: &str) {
    let craft = json!({"openid": "oAlice", "scheduled": true, "message": event("wxa_media_check", trace_id)});
    shop.control("POST", "/simulator/push", &craft).await;
}

/// How each delivery of this moment came to be and was answered; 0 stands for one that never arrived.
async fn sent(shop: &Shop) -> Vec<(String, u64)> {
    let deliveries = shop.deliver_pushes().await;
    let told = deliveries.iter().map(|one| {
        let kind = one["kind"].as_str().unwrap().to_owned();
        (kind, one["status"].as_u64().unwrap_or(0))
    });
    told.collect()
}

fn said(wanted: &[(&str, u64)]) -> Vec<(String, u64)> {
    wanted
        .iter()
        .map(|(kind, status)| ((*kind).to_owned(), *status))
        .collect()
}

#[tokio::test]
async fn whatever_happens_on_the_way_each_message_arrives_once() {
    shop(async |shop| {
        let mut count = 0;
        for (fault, first) in [
            ("notification_doubled", vec![("scheduled", 200), ("copy", 200)]),
            ("notification_lost", vec![("scheduled", 0)]),
            ("notification_stale", vec![("scheduled", 403)]),
            ("notification_future", vec![("scheduled", 403)]),
            ("wrong_answer_signature", vec![("scheduled", 403)]),
            ("push_doctype", vec![("scheduled", 403)]),
            ("push_wrong_app_id", vec![("scheduled", 403)]),
            ("push_plain", vec![("scheduled", 403)]),
        ] {
            for format in ["json", "xml"] {
                shop.push_console(APP, json!({"format": format})).await;
                shop.faults(json!([{"kind": fault, "api": "push", "times": 1}]))
                    .await;
                schedule(shop, &format!("{fault} {format}")).await;
                assert_eq!(sent(shop).await, said(&first), "{fault}");
                count += 1;
                let is_taken = first[0].1 == 200;
                assert_eq!(
                    kept(shop).await.0,
                    if is_taken { count } else { count - 1 },
                    "{fault}"
                );
                // What was not taken comes again, after five seconds and not before.
                assert_eq!(sent(shop).await, []);
                shop.advance(5).await;
                let again = if is_taken {
                    vec![]
                } else {
                    vec![("scheduled", 200)]
                };
                assert_eq!(sent(shop).await, said(&again), "{fault}");
                assert_eq!(kept(shop).await.0, count, "{fault}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_old_request_changes_nothing_in_time_and_is_refused_later() {
    shop(async |shop| {
        schedule(shop, "1").await;
        assert_eq!(sent(shop).await, said(&[("scheduled", 200)]));
        shop.faults(json!([{"kind": "push_replayed"}])).await;
        schedule(shop, "2").await;
        assert_eq!(sent(shop).await, said(&[("replayed", 200), ("scheduled", 200)]));
        shop.advance(600).await;
        schedule(shop, "3").await;
        assert_eq!(sent(shop).await, said(&[("replayed", 403), ("scheduled", 200)]));
        assert_eq!(kept(shop).await.0, 3);
    })
    .await;
}

#[tokio::test]
async fn three_repetitions_are_the_last() {
    shop(async |shop| {
        shop.push_console(APP, json!({"url": "http://127.0.0.1:1/"}))
            .await;
        schedule(shop, "1").await;
        for attempt in 1..=4 {
            let deliveries = shop.deliver_pushes().await;
            assert_eq!(
                (deliveries.len(), &deliveries[0]["attempt"]),
                (1, &json!(attempt))
            );
            assert_eq!(deliveries[0]["status"], Value::Null);
            shop.advance(5).await;
        }
        assert_eq!(sent(shop).await, []);
        let listed = shop.control("GET", "/simulator/push", &Value::Null).await;
        assert_eq!(listed["pending"], json!([]));
        assert_eq!(listed["items"].as_array().unwrap().len(), 4);
        let bad = json!({"encoding_aes_key": "short"});
        let path = format!("/simulator/push/settings/{APP}");
        assert_eq!(shop.try_control("PATCH", &path, &bad).await.status, 400);
        let nobody = shop
            .try_control("PATCH", "/simulator/push/settings/wx0", &json!({}))
            .await;
        assert_eq!(nobody.status, 404);
    })
    .await;
}
