//! The handshake of WeChat's console.

use sha1::{Digest as _, Sha1};

use super::{kept, verdict};
use crate::harness::{APP, OTHER_APP, PUSH_TOKEN, Setup, Shop, shop, shop_with};

fn signed(token: &str, timestamp: i64, nonce: &str) -> String {
    let timestamp = timestamp.to_string();
    let mut parts = [token, timestamp.as_str(), nonce];
    parts.sort_unstable();
    hex::encode(Sha1::digest(parts.concat()))
}

fn path(shop: &Shop, app_id: &str, token: &str, age_s: i64) -> String {
    let timestamp = shop.clock.now().timestamp() - age_s;
    let signature = signed(token, timestamp, "1514711492");
    format!(
        "/wechat/push/{app_id}?signature={signature}&timestamp={timestamp}&nonce=1514711492&echostr=4375120948345356249"
    )
}

#[tokio::test]
async fn the_console_hears_what_it_said() {
    shop(async |shop| {
        for age_s in [0, 300, -300] {
            let answer = shop.call("GET", &path(shop, APP, PUSH_TOKEN, age_s), None).await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "4375120948345356249")
            );
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        }
        // What comes back is text, whatever it looks like.
        let odd = path(shop, APP, PUSH_TOKEN, 0).replace("4375120948345356249", "%3Cscript%3E%F0%9F%98%80");
        let answer = shop.call("GET", &odd, None).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "<script>😀"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let line = shop.log_line(&answer);
        assert_eq!(line["route"], "/wechat/push/{app_id}");
        assert!(!line.to_string().contains("1514711492"), "{line}");
        assert_eq!(kept(shop).await, (0, 0));
    })
    .await;
}

#[tokio::test]
async fn nobody_else_hears_anything() {
    shop(async |shop| {
        let good = path(shop, APP, PUSH_TOKEN, 0);
        let without = |name: &str| {
            let (path, query) = good.split_once('?').unwrap();
            let kept = query.split('&').filter(|pair| !pair.starts_with(name));
            format!("{path}?{}", kept.collect::<Vec<_>>().join("&"))
        };
        for (path, why) in [
            (path(shop, APP, "AnotherToken", 0), "signature_wrong"),
            (good.replace("nonce=1", "nonce=2"), "signature_wrong"),
            (without("signature"), "signature_wrong"),
            (without("timestamp"), "query_malformed"),
            (without("nonce"), "query_malformed"),
            (without("echostr"), "query_malformed"),
            (format!("{good}&nonce=1514711492"), "query_malformed"),
            (format!("{good}{}", "9".repeat(600)), "query_malformed"),
            (path(shop, APP, PUSH_TOKEN, 301), "stale"),
            (path(shop, APP, PUSH_TOKEN, -301), "future"),
            (path(shop, OTHER_APP, PUSH_TOKEN, 0), "not_configured"),
            (path(shop, "wx0", PUSH_TOKEN, 0), "not_configured"),
            (path(shop, "a%20b", PUSH_TOKEN, 0), "not_configured"),
            (path(shop, "%ff", PUSH_TOKEN, 0), "not_configured"),
            (format!("/wechat/push/{APP}"), "query_malformed"),
        ] {
            let answer = shop.call("GET", &path, None).await;
            assert_eq!(verdict(shop, &answer), why, "{path}");
        }
        // A number of seconds has no sign and no space.
        let timestamp = shop.clock.now().timestamp();
        let signature = hex::encode(Sha1::digest(format!("+{timestamp}1{PUSH_TOKEN}")));
        let signed =
            format!("/wechat/push/{APP}?signature={signature}&timestamp=%2B{timestamp}&nonce=1&echostr=1");
        assert_eq!(
            verdict(shop, &shop.call("GET", &signed, None).await),
            "query_malformed"
        );
        for method in ["PUT", "DELETE", "PATCH"] {
            let answer = shop.call(method, &good, None).await;
            assert_eq!((answer.status, answer.code().as_str()), (405, "FAIL"));
            assert!(answer.header("allow").unwrap().contains("POST"));
        }
        let answer = shop.call("GET", "/wechat/push/", None).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "FAIL"));
    })
    .await;
}

#[tokio::test]
async fn without_a_token_there_is_no_push_for_anybody() {
    let setup = Setup::default()
        .with("WECHAT_PUSH_TOKEN", "")
        .with("WECHAT_PUSH_AES_KEY", "");
    shop_with(setup, async |shop| {
        let answer = shop.call("GET", &path(shop, APP, PUSH_TOKEN, 0), None).await;
        assert_eq!(verdict(shop, &answer), "not_configured");
        let pushed = shop.made_push(serde_json::json!({})).await;
        assert_eq!(verdict(shop, &shop.post_push(&pushed).await), "not_configured");
        assert_eq!(kept(shop).await, (0, 0));
    })
    .await;
}
