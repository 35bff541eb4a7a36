//! What is not believed, not readable or not in time is answered alike and changes nothing.

use serde_json::{Value, json};

use super::{event, kept, verdict};
use crate::harness::{APP, OTHER_APP, Pushed, Setup, Shop, shop, shop_with};

const PLAIN: &str = "plain";

/// The shop without an AES key, whose console is in the plain mode.
async fn plain_shop(scenario: impl AsyncFnOnce(&Shop)) {
    let setup = Setup::default().with("WECHAT_PUSH_AES_KEY", "");
    shop_with(setup, async |shop| {
        shop.push_console(APP, json!({"mode": PLAIN})).await;
        scenario(shop).await;
    })
    .await;
}

#[tokio::test]
async fn every_push_that_is_refused_is_refused_alike() {
    shop(async |shop| {
        let before = shop.fingerprint().await;
        let said = event("debug_demo", "1");
        for format in ["json", "xml"] {
            let with = |changes: Value| {
                let mut craft = json!({"openid": "oAlice", "message": said, "format": format});
                craft
                    .as_object_mut()
                    .unwrap()
                    .extend(changes.as_object().unwrap().clone());
                craft
            };
            for (craft, why) in [
                (with(json!({"signature": "wrong"})), "signature_wrong"),
                (with(json!({"signature": "missing"})), "signature_wrong"),
                (with(json!({"signature": "of_query"})), "signature_wrong"),
                (with(json!({"timestamp_offset_s": -400})), "stale"),
                (with(json!({"timestamp_offset_s": 400})), "future"),
                (with(json!({"mode": PLAIN})), "plain_refused"),
                (
                    with(json!({"mode": PLAIN, "signature": "wrong"})),
                    "signature_wrong",
                ),
                (with(json!({"sealed_for": OTHER_APP})), "app_mismatch"),
                (with(json!({"sealed_for": ""})), "app_mismatch"),
                (with(json!({"doctype": true})), "xml_forbidden"),
                (with(json!({"doctype": true, "mode": PLAIN})), "xml_forbidden"),
                (with(json!({"text": "neither of them"})), "message_malformed"),
                (with(json!({"text": "<xml><a>&nbsp;</a></xml>"})), "xml_forbidden"),
                (with(json!({"text": "<xml><a></xml>"})), "message_malformed"),
                (with(json!({"text": "[]"})), "message_malformed"),
                (with(json!({"text": ""})), "message_malformed"),
                (with(json!({"text": "{\"a\":\"\\ud800\"}"})), "message_malformed"),
                (
                    with(json!({"text": format!("{}{}", "<a>".repeat(33), "</a>".repeat(33))})),
                    "message_malformed",
                ),
            ] {
                let pushed = shop.made_push(craft.clone()).await;
                assert_eq!(verdict(shop, &shop.post_push(&pushed).await), why, "{craft}");
            }
        }
        assert_eq!(shop.fingerprint().await, before);
        assert_eq!(kept(shop).await, (0, 0));
        for why in [
            "signature_wrong",
            "stale",
            "future",
            "plain_refused",
            "app_mismatch",
            "xml_forbidden",
        ] {
            let name = format!("weir_pushes_total{{verdict=\"{why}\"}}");
            assert!(shop.metric(&name).await >= 2, "{why}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_not_believed() {
    shop(async |shop| {
        let good = shop
            .made_push(json!({"openid": "oAlice", "message": event("debug_demo", "1")}))
            .await;
        let sealed: Value = serde_json::from_str(&good.body).unwrap();
        let sealed = sealed["Encrypt"].as_str().unwrap();
        let with_body = |body: String| Pushed { body, ..good.clone() };
        let with_target = |from: &str, to: &str| Pushed {
            target: good.target.replace(from, to),
            ..good.clone()
        };
        let half = &good.body[..good.body.len() / 2];
        for (pushed, why) in [
            (
                with_body(good.body.replace(&sealed[40..44], "AAAA")),
                "signature_wrong",
            ),
            (with_body(half.to_owned()), "body_malformed"),
            (with_body(String::new()), "body_malformed"),
            (
                with_body("<!DOCTYPE xml [<!ENTITY x \"y\">]><xml><Encrypt>&x;</Encrypt></xml>".to_owned()),
                "xml_forbidden",
            ),
            (with_body("{\"Encrypt\":1}".to_owned()), "plain_refused"),
            (with_body("{\"Encrypt\":\"*\"}".to_owned()), "signature_wrong"),
            (with_body("{}".to_owned()), "plain_refused"),
            (with_target("nonce=", "nonce=1"), "signature_wrong"),
            (with_target("timestamp=", "timestamp=0"), "signature_wrong"),
            (
                with_target("msg_signature=", "msg_signature=0"),
                "signature_wrong",
            ),
            (
                with_target("msg_signature=", "msg_signature=0&msg_signature="),
                "query_malformed",
            ),
            (with_target(APP, OTHER_APP), "not_configured"),
            (with_target(APP, "wx9"), "not_configured"),
            (
                with_body(format!("{{\"Encrypt\":\"{}\"}}", "x".repeat(300_000))),
                "body_unreadable",
            ),
        ] {
            let answer = shop.post_push(&pushed).await;
            assert_eq!(
                verdict(shop, &answer),
                why,
                "{}",
                &pushed.body[..pushed.body.len().min(60)]
            );
        }
        let packed = shop
            .http
            .post(shop.url(&good.target))
            .header("content-encoding", "gzip");
        let answer = shop.send(packed.body(good.body.clone())).await;
        assert_eq!(verdict(shop, &answer), "body_unreadable");
        assert_eq!(kept(shop).await, (0, 0));
        // The whole of it, late in its time, is.
        shop.advance(200).await;
        assert_eq!(shop.post_push(&good).await.text(), "success");
        assert_eq!(kept(shop).await.0, 1);
        // And later not even what was taken once.
        shop.advance(200).await;
        assert_eq!(verdict(shop, &shop.post_push(&good).await), "stale");
    })
    .await;
}

#[tokio::test]
async fn without_an_aes_key_the_clear_is_taken_and_what_is_sealed_is_not() {
    plain_shop(async |shop| {
        for (number, format) in ["json", "xml"].into_iter().enumerate() {
            let craft = json!({"openid": "oAlice", "format": format, "message": event("debug_demo", format)});
            let answers = shop.push(craft.clone()).await;
            assert_eq!(answers, [(200, "success".to_owned())]);
            let mut sealed = craft.clone();
            sealed["mode"] = json!("secure");
            let pushed = shop.made_push(sealed).await;
            assert_eq!(verdict(shop, &shop.post_push(&pushed).await), "aes_key_missing");
            let mut wrong = craft;
            wrong["signature"] = json!("wrong");
            let pushed = shop.made_push(wrong).await;
            assert_eq!(verdict(shop, &shop.post_push(&pushed).await), "signature_wrong");
            assert_eq!(kept(shop).await.0, i64::try_from(number).unwrap() + 1);
        }
        let text = json!({"text": "neither", "mode": PLAIN});
        let pushed = shop.made_push(text).await;
        assert_eq!(verdict(shop, &shop.post_push(&pushed).await), "body_malformed");
        // What cloud hosting tries a path with says nothing; unsigned, it is a stranger.
        let check = json!({"text": "{\"action\":\"CheckContainerPath\"}"});
        let pushed = shop.made_push(check).await;
        let before = kept(shop).await;
        assert_eq!(shop.post_push(&pushed).await.text(), "success");
        let unsigned = Pushed {
            target: format!("/wechat/push/{APP}"),
            ..pushed
        };
        assert_eq!(verdict(shop, &shop.post_push(&unsigned).await), "query_malformed");
        assert_eq!(kept(shop).await, before);
    })
    .await;
}

#[tokio::test]
async fn what_stands_in_the_clear_beside_the_sealed_is_not_looked_at() {
    shop(async |shop| {
        for format in ["json", "xml"] {
            let craft = json!({"openid": "oAlice", "mode": "compatible", "format": format,
                "message": event("first_event", format)});
            let mut pushed = shop.made_push(craft).await;
            assert!(pushed.body.contains("first_event") && pushed.body.contains("Encrypt"));
            pushed.body = pushed.body.replace("first_event", "other_event");
            assert_eq!(shop.post_push(&pushed).await.text(), "success");
        }
        let kinds: Vec<String> = sqlx::query_scalar("select distinct kind from push_messages")
            .fetch_all(&shop.db)
            .await
            .unwrap();
        assert_eq!(kinds, ["push.event.first_event"]);
    })
    .await;
}

#[tokio::test]
async fn whatever_arrives_is_taken_or_refused_and_nothing_else() {
    shop(async |shop| {
        let craft = json!({"openid": "oAlice", "message": event("debug_demo", "1")});
        let good = shop.made_push(craft).await;
        let (path, query) = good.target.split_once('?').unwrap();
        // A walk over all of it, whose steps share no factor with its length.
        for step in 0..400_usize {
            let (mut body, mut query) = (good.body.clone().into_bytes(), query.to_owned());
            match step % 4 {
                0 => {
                    let at = step * 37 % body.len();
                    body[at] ^= 1 << (step / 4 % 8);
                }
                1 => body.truncate(step * 11 % body.len()),
                2 => {
                    body = (0..=255_u8)
                        .cycle()
                        .skip(step)
                        .step_by(step | 1)
                        .take(step)
                        .collect();
                }
                _ => {
                    let at = step * 13 % query.len();
                    query.replace_range(at..=at, ["%", "&", "=", "%00", "+", "0"][step % 6]);
                }
            }
            let request = shop.http.post(shop.url(&format!("{path}?{query}"))).body(body);
            let answer = shop.send(request).await;
            let is_known = (answer.status, answer.text().as_str()) == (200, "success");
            assert!(
                is_known || (answer.status == 403 && answer.body.is_empty()),
                "{step}: {answer:?}"
            );
        }
        assert!(
            kept(shop).await.0 <= 1,
            "what is not signed may change on the way, what is said may not"
        );
    })
    .await;
}
