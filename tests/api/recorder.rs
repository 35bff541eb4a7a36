//! The flight recorder: what is kept, for how long, and how it is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Message, Phone, Shop, shop, until};

/// An order that is paid at WeChat and not yet told.
pub(crate) async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    (phone, order)
}

/// The recorder's list.
async fn list(shop: &Shop, query: &str) -> Vec<Value> {
    let path = format!("/admin/notifications?{query}");
    let page = shop.admin("GET", &path, None).await.ok(200);
    page["items"].as_array().unwrap().clone()
}

fn verdicts(items: &[Value]) -> Vec<&str> {
    items.iter().map(|one| one["verdict"].as_str().unwrap()).collect()
}

/// What nobody has signed, each one different.
fn forged(message: &Message, number: usize) -> Message {
    message.with_body(format!("{{\"forged\":{number}}}"))
}

#[tokio::test]
async fn every_verdict_is_listed_with_what_it_means_and_what_it_moved() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let number = shop.number(&order).await;
        let crafts = [
            (json!({"signature": "probe"}), 401, "probe"),
            (json!({"signature": "wrong"}), 401, "signature_wrong"),
            (json!({"body": "reserialised"}), 401, "body_reserialised"),
            (json!({"key": "unknown_serial"}), 401, "unknown_serial"),
            (json!({"encrypt_with": "wrong_key"}), 401, "decrypt_failed"),
            (json!({"timestamp_offset_s": -600}), 401, "stale"),
            (json!({"timestamp_offset_s": 600}), 401, "future"),
            (
                json!({"overrides": {"mchid": "1900000002"}}),
                204,
                "merchant_mismatch",
            ),
            (
                json!({"overrides": {"amount": {"total": 1}}}),
                204,
                "amount_mismatch",
            ),
            (
                json!({"overrides": {"success_time": "yesterday"}}),
                204,
                "unreadable_payment",
            ),
            (
                json!({"event_type": "SECURITY_ECHO.SUCCESS", "original_type": "echo"}),
                204,
                "other",
            ),
            (json!({"id": "EV-7"}), 204, "settled"),
            (json!({"id": "EV-7"}), 204, "duplicate"),
        ];
        for (mut craft, status, verdict) in crafts {
            // A millisecond each, which ids are ordered by.
            shop.clock.advance(TimeDelta::milliseconds(1));
            craft["out_trade_no"] = json!(number);
            assert_eq!(shop.notify(craft).await, [status], "{verdict}");
            until(async || verdicts(&list(shop, "limit=1").await) == [verdict]).await;
            let newest = list(shop, "limit=1").await.remove(0);
            assert_eq!(newest["is_believed"], status == 204, "{verdict}");
            assert!(newest["detail"].as_str().unwrap().len() > 20, "{verdict}");
            assert_eq!(
                list(shop, &format!("verdict={verdict}")).await,
                [newest],
                "{verdict}"
            );
        }
        let of_order = list(shop, &format!("order_id={order}")).await;
        let named = ["duplicate", "settled", "amount_mismatch", "merchant_mismatch"];
        assert_eq!(verdicts(&of_order), named);
        let moved = json!({"event": "order.paid", "from": "awaiting_payment", "to": "paid"});
        assert_eq!(of_order[1]["moved"], moved);
        assert_eq!(of_order[1]["notify_id"], "EV-7");
        assert_eq!(of_order[0]["moved"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn the_list_has_pages_and_ranges_of_time() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let began: DateTime<Utc> = shop.clock.now();
        for minute in 0..5 {
            if minute == 2 {
                assert_eq!(shop.post(&message).await.status, 204);
            } else {
                assert_eq!(shop.post(&forged(&message, minute)).await.status, 401);
            }
            shop.advance(60).await;
        }
        until(async || shop.refused().await.len() == 4).await;
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/admin/notifications?limit=2{cursor}");
            let page = shop.admin("GET", &path, None).await.ok(200);
            seen.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        let wrong = "signature_wrong";
        assert_eq!(verdicts(&seen), [wrong, wrong, "settled", wrong, wrong]);
        let at = |minute: i64| {
            (began + TimeDelta::minutes(minute))
                .to_rfc3339()
                .replace('+', "%2B")
        };
        let range = format!("received_from={}&received_before={}", at(1), at(3));
        assert_eq!(verdicts(&list(shop, &range).await), ["settled", wrong]);
        for query in [
            "limit=0",
            "limit=101",
            "cursor=x",
            "verdict=UPPER",
            "verdict=",
            "order_id=7",
            "received_from=today",
            "page=2",
        ] {
            let path = format!("/admin/notifications?{query}");
            shop.admin("GET", &path, None)
                .await
                .refused(422, "validation_failed");
        }
        shop.call("GET", "/admin/notifications", None)
            .await
            .refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn one_is_read_as_it_came() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await
            .and("request-id", "08F7");
        let long = message.with_body("x".repeat(20_000));
        for (sent, is_whole) in [(&message, true), (&forged(&message, 1), true), (&long, false)] {
            shop.clock.advance(TimeDelta::milliseconds(1));
            let known = list(shop, "").await.len();
            shop.post(sent).await;
            until(async || list(shop, "").await.len() > known).await;
            let newest = list(shop, "limit=1").await.remove(0);
            let path = format!("/admin/notifications/{}", newest["id"].as_str().unwrap());
            let whole = shop.admin("GET", &path, None).await.ok(200);
            for (name, value) in newest.as_object().unwrap() {
                assert_eq!(whole[name], *value, "{name}");
            }
            assert_eq!(whole["body_bytes"], sent.body.len());
            assert_eq!(whole["is_body_whole"], is_whole);
            let kept = &sent.body[..sent.body.len().min(16_384)];
            assert_eq!(whole["body_base64"], STANDARD.encode(kept));
            assert_eq!(whole["serial"], sent.header("wechatpay-serial"));
            let headers = whole["headers"].as_array().unwrap();
            let signature = json!(["wechatpay-signature", sent.header("wechatpay-signature")]);
            assert!(headers.contains(&signature), "{headers:?}");
            let is_refused = whole["is_believed"] == json!(false);
            assert_eq!(headers.contains(&json!(["request-id", "08F7"])), is_refused);
        }
        for path in [
            "/admin/notifications/0",
            "/admin/notifications/00000000-0000-7000-8000-000000000001",
        ] {
            shop.admin("GET", path, None).await.refused(404, "not_found");
        }
    })
    .await;
}

#[tokio::test]
async fn a_flood_is_counted_answered_and_kept_within_its_bound() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let number = shop.number(&order).await;
        let message = shop.message(json!({"out_trade_no": number})).await;
        let series = r#"weir_notifications_total{verdict="signature_wrong"}"#;
        let counted = shop.metric(series).await;
        // One after the other, so that each finds the pen free: what it does not get to in a second is not kept.
        for one in 0..60 {
            assert_eq!(shop.post(&forged(&message, one)).await.status, 401);
            until(async || shop.refused().await.len() == one + 1).await;
        }
        for batch in 0..40 {
            let sending = (0..50).map(|one| {
                let forged = forged(&message, 60 + batch * 50 + one);
                async move { shop.post(&forged).await.status }
            });
            assert_eq!(join_all(sending).await, [401; 50]);
        }
        assert!(shop.metric(series).await >= counted + 2_060);
        assert_eq!(shop.refused().await.len(), 60);
        // What WeChat signed has room of its own, which the flood has not used up.
        let sealed_otherwise = json!({"out_trade_no": number, "encrypt_with": "wrong_key"});
        assert_eq!(shop.notify(sealed_otherwise).await, [401]);
        until(async || shop.refused().await.len() == 61).await;
        let is_sealed_otherwise = |one: &crate::harness::Refused| one.verdict == "decrypt_failed";
        assert_eq!(
            shop.refused()
                .await
                .iter()
                .filter(|one| is_sealed_otherwise(one))
                .count(),
            1
        );
        assert_eq!(shop.post(&message).await.status, 204);
        assert_eq!(phone.status(&order).await, "paid");
        // Room comes back with time: two a minute.
        shop.advance(60).await;
        for one in 0..10 {
            assert_eq!(shop.post(&forged(&message, one)).await.status, 401);
        }
        until(async || shop.refused().await.len() == 63).await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_fills_no_log() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let mut loud = 0;
        for one in 0..100 {
            let from = crate::harness::log_since(0).len();
            let answer = shop.post(&forged(&message, one)).await;
            let id = answer.header("x-request-id").unwrap().to_owned();
            loud += crate::harness::log_since(from)
                .iter()
                .map(|line| serde_json::from_str::<Value>(line).unwrap())
                .filter(|line| line["request.id"] == id && line["level"] == "WARN")
                .count();
        }
        assert_eq!(loud, 60);
    })
    .await;
}

#[tokio::test]
async fn without_its_database_a_refusal_is_answered_all_the_same() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        shop.lose_database().await;
        for one in 0..20 {
            assert_eq!(shop.post(&forged(&message, one)).await.status, 401);
        }
        shop.find_database().await;
        assert_eq!(phone.status(&order).await, "awaiting_payment");
    })
    .await;
}

/// `count` rows of a table, all of one moment.
async fn fill(shop: &Shop, table: &str, count: i32, at: DateTime<Utc>) {
    let sql = match table {
        "notifications" => {
            "insert into notifications (id, notify_id, received_at, wechat_timestamp, wechat_nonce, wechat_serial,
                wechat_signature, body, verdict)
             select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'EV', $2, '1', 'n', 's', 'x', '', 'other'
             from generate_series(1, $1) n"
        }
        _ => {
            "insert into refused_notifications (id, received_at, verdict, detail, headers, body, body_bytes)
             select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, $2, 'stale', 'old', '[]', '', 0
             from generate_series(1, $1) n"
        }
    };
    sqlx::query(sql)
        .bind(count)
        .bind(at)
        .execute(&shop.db)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_has_served_its_time_goes() {
    const BELIEVED: &str = "select count(*) from notifications";
    const REFUSED: &str = "select count(*) from refused_notifications";
    shop(async |shop| {
        let began = shop.clock.now();
        fill(shop, "notifications", 2_500, began).await;
        fill(shop, "refused_notifications", 2_500, began).await;
        for (days, believed, refused) in [(30, 2_500, 2_500), (31, 2_500, 0), (180, 2_500, 0), (181, 0, 0)] {
            let step = began + TimeDelta::days(days) - shop.clock.now();
            shop.advance(step.num_seconds()).await;
            shop.run_workers().await;
            assert_eq!(shop.count(BELIEVED).await, believed, "after {days} days");
            assert_eq!(shop.count(REFUSED).await, refused, "after {days} days");
        }
        // However many there are, the newest 20,000 are what stays.
        fill(shop, "refused_notifications", 23_000, shop.clock.now()).await;
        shop.advance(120).await;
        shop.run_workers().await;
        let newest =
            "select count(*) from refused_notifications where id > '00000000-0000-7000-8000-000000003000'";
        assert_eq!(
            (shop.count(newest).await, shop.count(REFUSED).await),
            (20_000, 20_000)
        );
    })
    .await;
}
