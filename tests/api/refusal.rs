//! Notifications that are not believed: one and the same answer, nothing changed, the exact reason
//! in log and metrics alone, and the genuine one is still welcome.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{Answer, Message, Phone, Refused, Shop, log_since, shop, until};

const SIGNED: [&str; 4] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-signature",
    "wechatpay-serial",
];

/// An order that is paid at WeChat and not yet told.
async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    (phone, order)
}

/// Sends what must be refused, and holds the answer and everything around it to the rules.
async fn assert_refused(shop: &Shop, message: &Message, verdict: &str) {
    let log_from = log_since(0).len();
    let before = shop.snapshot().await;
    let known = shop.refused().await;
    let series = format!("weir_notifications_total{{verdict=\"{verdict}\"}}");
    let counted = shop.metric(&series).await;
    let answer = shop.post(message).await;
    let names: BTreeSet<&str> = answer
        .headers
        .keys()
        .map(reqwest::header::HeaderName::as_str)
        // A connection whose body was left unread ends; its sender knows what it sent.
        .filter(|name| *name != "connection")
        .collect();
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (401, r#"{"code":"FAIL","message":"not believed"}"#),
        "{verdict}"
    );
    assert_eq!(
        names,
        BTreeSet::from([
            "cache-control",
            "content-length",
            "content-type",
            "date",
            "x-content-type-options",
            "x-request-id"
        ]),
        "{verdict}"
    );
    assert_eq!(shop.snapshot().await, before, "{verdict}");
    assert!(
        shop.metric(&series).await > counted,
        "{verdict} is not counted: {:?}",
        message.headers
    );
    assert_logged(&answer, log_from, verdict);
    assert_recorded(shop, &known, message, verdict).await;
}

/// It is written down as it came, soon after the answer.
async fn assert_recorded(shop: &Shop, known: &[Refused], message: &Message, verdict: &str) {
    until(async || shop.refused().await.len() > known.len()).await;
    let mut refused = shop.refused().await;
    refused.retain(|one| known.iter().all(|known| known.id != one.id));
    let refused = refused.pop().unwrap();
    assert_eq!(refused.verdict, verdict);
    assert!(!refused.detail.is_empty());
    let kept = &message.body[..message.body.len().min(16_384)];
    if verdict == "body_unreadable" {
        assert_eq!((refused.body, refused.body_bytes), (Vec::new(), None));
    } else {
        assert_eq!(refused.body, kept);
        assert_eq!(refused.body_bytes, i64::try_from(message.body.len()).ok());
    }
    for name in SIGNED {
        let sent = message.headers.iter().filter(|(known, _)| known == name);
        let sent: Vec<String> = sent
            .map(|(_, value)| value.chars().take(1_024).collect())
            .collect();
        let kept = refused.headers.iter().filter(|(known, _)| known == name);
        let kept: Vec<String> = kept.map(|(_, value)| value.clone()).collect();
        assert_eq!(kept, sent, "{name}");
    }
}

fn assert_logged(answer: &Answer, log_from: usize, verdict: &str) {
    let id = answer.header("x-request-id").unwrap();
    let lines = log_since(log_from);
    let verdicts: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["request.id"] == id && line["notification.verdict"].is_string())
        .map(|line| line["notification.verdict"].clone())
        .collect();
    assert_eq!(verdicts, [verdict]);
}

/// The genuine one is delivered, taken, and has its effect.
async fn assert_genuine_taken(shop: &Shop, phone: &Phone<'_>, order: &str) {
    let deliveries = shop.deliver().await;
    assert_eq!(deliveries[0]["status"], 204, "{deliveries:?}");
    assert_eq!(phone.status(order).await, "paid");
    assert_eq!(shop.verdicts().await, ["settled"]);
}

#[tokio::test]
async fn every_header_counts_and_stands_there_once() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        for name in SIGNED {
            let value = message.header(name).to_owned();
            assert_refused(shop, &message.without(name), "header_missing").await;
            assert_refused(shop, &message.and(name, &value), "header_repeated").await;
            assert_refused(shop, &message.and(name, ""), "header_repeated").await;
        }
        for timestamp in [
            "",
            "now",
            "-1",
            "+1",
            "1.5",
            "0x1",
            "99999999999999999999",
            "１７",
        ] {
            assert_refused(
                shop,
                &message.with("wechatpay-timestamp", timestamp),
                "header_malformed",
            )
            .await;
        }
        assert_refused(shop, &message.with("wechatpay-timestamp", "0"), "stale").await;
        assert_refused(
            shop,
            &message.with("wechatpay-nonce", "another"),
            "signature_wrong",
        )
        .await;
        assert_refused(shop, &message.with("wechatpay-serial", ""), "unknown_serial").await;
        assert_refused(shop, &message.with("wechatpay-signature", ""), "signature_wrong").await;
        assert_genuine_taken(shop, &phone, &order).await;
    })
    .await;
}

#[tokio::test]
async fn five_minutes_either_way_and_no_second_more() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let sent_at: i64 = message.header("wechatpay-timestamp").parse().unwrap();
        let set = |age_s: i64| {
            let step_s = sent_at + age_s - shop.clock.now().timestamp();
            shop.clock.advance(TimeDelta::seconds(step_s));
        };
        for (age_s, verdict) in [(301, "stale"), (-301, "future"), (86_400, "stale")] {
            set(age_s);
            assert_refused(shop, &message, verdict).await;
        }
        for age_s in [300, -300] {
            set(age_s);
            assert_eq!(shop.post(&message).await.status, 204, "{age_s}");
        }
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.verdicts().await, ["duplicate", "settled"]);
    })
    .await;
}

#[tokio::test]
async fn a_signature_by_anybody_else_or_over_anything_else_is_refused() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let number = shop.number(&order).await;
        let crafts = [
            (json!({"signature": "wrong"}), "signature_wrong"),
            (json!({"signature": "probe"}), "probe"),
            (json!({"signature": "not_base64"}), "signature_not_base64"),
            (json!({"signature": "merchant_key"}), "signature_wrong"),
            (json!({"signature": "other_key"}), "signature_wrong"),
            (json!({"signature": "missing"}), "header_missing"),
            (json!({"body": "reserialised"}), "body_reserialised"),
            (json!({"body": "truncated"}), "signature_wrong"),
            (json!({"body": "not_json"}), "not_json"),
            (json!({"encrypt_with": "wrong_key"}), "decrypt_failed"),
            (json!({"key": "public_key"}), "unknown_serial"),
            (json!({"timestamp_offset_s": -600}), "stale"),
            (json!({"timestamp_offset_s": 600}), "future"),
        ];
        for (mut craft, verdict) in crafts {
            craft["out_trade_no"] = json!(number);
            assert_refused(shop, &shop.message(craft).await, verdict).await;
        }
        assert_genuine_taken(shop, &phone, &order).await;
    })
    .await;
}

#[tokio::test]
async fn a_byte_changed_after_signing_is_refused() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let text = String::from_utf8(message.body.clone()).unwrap();
        let signature = message.header("wechatpay-signature").to_owned();
        for (spoilt, verdict) in [
            (message.with_body(format!("{text} ")), "body_reserialised"),
            (message.with_body(format!("{text}\n")), "body_reserialised"),
            (message.with_body(text.replace('/', "\\/")), "body_reserialised"),
            (
                message.with_body(text.replacen("summary", "Summary", 1)),
                "signature_wrong",
            ),
            (message.with_body(""), "signature_wrong"),
            (message.with_body("x".repeat(1_500_000)), "signature_wrong"),
            (
                message.with("wechatpay-signature", &signature[..340]),
                "signature_wrong",
            ),
            (
                message.with("wechatpay-signature", &format!("{signature}AAAA")),
                "signature_not_base64",
            ),
            (
                message.with("wechatpay-signature", &"A".repeat(4_000)),
                "signature_not_base64",
            ),
            (
                message.with("wechatpay-signature", &format!("AAAA{}", &signature[4..])),
                "signature_wrong",
            ),
        ] {
            assert_refused(shop, &spoilt, verdict).await;
        }
        assert_genuine_taken(shop, &phone, &order).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_rightly_signed_and_no_notification_is_refused() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        for (spoilt, verdict) in [
            (message.signed_over("null"), "not_json"),
            (message.signed_over("{}"), "not_json"),
            (message.signed_over("[".repeat(10_000)), "not_json"),
            (message.signed_over(b"{\"id\":\"\xff\"}".to_vec()), "not_json"),
            (
                message.with_member("/resource/algorithm", json!("AEAD_SM4_GCM")),
                "unsupported_algorithm",
            ),
            (
                message.with_member("/resource/nonce", json!("short")),
                "decrypt_failed",
            ),
            (
                message.with_member("/resource/associated_data", json!("other")),
                "decrypt_failed",
            ),
            (
                message.with_member("/resource/ciphertext", json!("AAAA")),
                "decrypt_failed",
            ),
            (
                message.with_member("/resource/ciphertext", json!("*")),
                "decrypt_failed",
            ),
            (message.with_member("/id", json!(7)), "not_json"),
            (message.with_member("/id", json!("zero \u{0}")), "not_json"),
            (message.with_member("/id", json!("x".repeat(65))), "not_json"),
        ] {
            assert_refused(shop, &spoilt, verdict).await;
        }
        assert_genuine_taken(shop, &phone, &order).await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_too_large_or_compressed_is_refused_like_any_other() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        assert_refused(shop, &message.and("content-encoding", "gzip"), "body_unreadable").await;
        assert_refused(shop, &message.with_body("x".repeat(1_500_001)), "body_unreadable").await;
        assert_genuine_taken(shop, &phone, &order).await;
    })
    .await;
}

#[tokio::test]
async fn unknown_serials_cost_one_download_a_minute() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let number = shop.number(&order).await;
        // The first answer to verify brought the certificates.
        assert_eq!(shop.calls("certificates").await.len(), 1);
        for minute in 0..3 {
            for _ in 0..10 {
                let craft = json!({"out_trade_no": number, "key": "unknown_serial"});
                assert_refused(shop, &shop.message(craft).await, "unknown_serial").await;
            }
            assert_eq!(shop.calls("certificates").await.len(), 1 + minute);
            shop.advance(60).await;
        }
        // Names that no certificate can have, and what is old anyway, are not worth a download.
        let message = shop
            .message(json!({"out_trade_no": number, "key": "unknown_serial"}))
            .await;
        for serial in [
            "PUB_KEY_ID_0000000000000000000000000000000009",
            "7",
            "no such thing",
            "../v3/refund",
        ] {
            assert_refused(shop, &message.with("wechatpay-serial", serial), "unknown_serial").await;
        }
        assert_refused(shop, &message.with("wechatpay-timestamp", "1700000000"), "stale").await;
        assert_eq!(shop.calls("certificates").await.len(), 3);
        assert_genuine_taken(shop, &phone, &order).await;
    })
    .await;
}

#[tokio::test]
async fn a_download_that_fails_does_not_stop_the_known_keys() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        shop.advance(60).await;
        shop.faults(json!([{"kind": "server_error", "api": "certificates"}]))
            .await;
        let craft = json!({"out_trade_no": shop.number(&order).await, "key": "unknown_serial"});
        assert_refused(shop, &shop.message(craft).await, "unknown_serial").await;
        assert_eq!(shop.struck("certificates", "server_error").await, 1);
        assert_genuine_taken(shop, &phone, &order).await;
    })
    .await;
}
