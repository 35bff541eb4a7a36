//! Message push on the health page: what is rightly signed and not taken is a matter of the settings.

use serde_json::{Value, json};

use super::event;
use crate::harness::{APP, Setup, Shop, shop, shop_with};

async fn check(shop: &Shop) -> Value {
    shop.admin("GET", "/admin/health", None).await.json()["checks"]["push"].clone()
}

#[tokio::test]
async fn a_console_that_does_not_fit_the_settings_is_told_until_it_does() {
    shop(async |shop| {
        let quiet = check(shop).await;
        assert_eq!(quiet["status"], "ok");
        assert_eq!((&quiet["apps"], &quiet["newest_at"]), (&json!(1), &Value::Null));
        // Whoever does not know the token changes nothing of it.
        let pushed = shop
            .made_push(json!({"signature": "wrong", "mode": "plain"}))
            .await;
        assert_eq!(shop.post_push(&pushed).await.status, 403);
        let old = shop.made_push(json!({"timestamp_offset_s": -1_000})).await;
        assert_eq!(shop.post_push(&old).await.status, 403);
        assert_eq!(check(shop).await["status"], "ok");
        for (wrong, why, word) in [
            (json!({"mode": "plain"}), "plain_refused", "in the clear"),
            (json!({"encoding_aes_key": "q".repeat(43)}), "unopened", "AES key"),
        ] {
            let console = shop
                .control("GET", "/simulator/push/settings", &Value::Null)
                .await;
            shop.push_console(APP, wrong).await;
            shop.advance(1).await;
            assert_eq!(shop.push(json!({"message": event("e", why)})).await[0].0, 403);
            let told = check(shop).await;
            assert_eq!(
                (&told["status"], &told["refused"]["verdict"]),
                (&json!("degraded"), &json!(why))
            );
            assert_eq!(told["refused"]["app_id"], APP);
            assert!(told["detail"].as_str().unwrap().contains(word), "{told}");
            let mut back = console["items"][0].clone();
            back.as_object_mut()
                .unwrap()
                .retain(|name, value| name != "app_id" && !value.is_null());
            shop.push_console(APP, back).await;
            shop.push_event("oAlice", event("e", why)).await;
            assert_eq!(check(shop).await["status"], "ok");
        }
        assert!(check(shop).await["newest_at"].is_string());
        shop.advance(1).await;
        let astray = shop
            .made_push(json!({"sealed_for": "wx9", "message": event("e", "9")}))
            .await;
        assert_eq!(shop.post_push(&astray).await.status, 403);
        assert_eq!(check(shop).await["status"], "degraded");
        shop.advance(3_601).await;
        assert_eq!(check(shop).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_push_that_is_sealed_without_need_is_told_and_no_push_at_all_is_no_trouble() {
    shop_with(Setup::default().with("WECHAT_PUSH_AES_KEY", ""), async |shop| {
        assert_eq!(shop.push(json!({"message": event("e", "1")})).await[0].0, 403);
        let told = check(shop).await;
        assert_eq!(
            (&told["status"], &told["refused"]["verdict"]),
            (&json!("degraded"), &json!("aes_key_missing"))
        );
    })
    .await;
    let without = Setup::default()
        .with("WECHAT_PUSH_TOKEN", "")
        .with("WECHAT_PUSH_AES_KEY", "");
    shop_with(without, async |shop| {
        let told = check(shop).await;
        assert_eq!((&told["status"], &told["apps"]), (&json!("ok"), &json!(0)));
        assert!(told["detail"].as_str().unwrap().contains("WECHAT_PUSH_TOKEN"));
    })
    .await;
}
