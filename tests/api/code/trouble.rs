//! What WeChat refuses and what fails, each with its code; nothing of it is kept.

use serde_json::{Value, json};

use super::shown;
use crate::harness::{Shop, shop};

async fn assert_nothing_kept(shop: &Shop) {
    assert_eq!(shop.count("select count(*) from wxacodes").await, 0);
    assert_eq!(shop.count("select count(*) from files").await, 0);
}

#[tokio::test]
async fn json_in_place_of_an_image_is_a_refusal_whatever_it_is_called() {
    const TABLE: [(i64, u16, &str, &str); 11] = [
        (41_030, 422, "page_unknown", ""),
        (40_129, 422, "validation_failed", "/scene"),
        (40_169, 422, "validation_failed", "/scene"),
        (85_096, 422, "validation_failed", "/page"),
        (45_009, 429, "rate_limited", ""),
        (45_011, 429, "rate_limited", ""),
        (40_097, 502, "wechat_rejected", ""),
        (45_029, 502, "wechat_rejected", ""),
        (48_001, 502, "wechat_rejected", ""),
        (9_999_999_999, 502, "wechat_rejected", ""),
        (-1, 503, "wechat_unavailable", ""),
    ];
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.announce("wechat_unavailable");
        let alice = shop.visitor().await;
        for (errcode, status, code, pointer) in TABLE {
            for kind in ["image_error", "errcode"] {
                shop.faults(json!([{"kind": kind, "api": "wxacode", "errcode": errcode}]))
                    .await;
                let answer = alice.code_image(&json!({"scene": "a"})).await;
                let problem = answer.refused(status, code);
                assert_eq!(problem["wechat_errcode"], errcode);
                if !pointer.is_empty() {
                    assert_eq!(problem["errors"][0]["pointer"], pointer);
                }
                assert_nothing_kept(shop).await;
            }
        }
        shop.faults(json!([])).await;
        shown(&alice.code_image(&json!({"scene": "a"})).await);
    })
    .await;
}

#[tokio::test]
async fn a_page_that_is_not_published_has_no_code() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        shop.control("PUT", "/simulator/pages", &json!({"pages": ["pages/a"]}))
            .await;
        let missing = json!({"scene": "a", "page": "pages/b"});
        let problem = alice.code_image(&missing).await.refused(422, "page_unknown");
        assert_eq!(problem["wechat_errcode"], 41_030);
        shown(&alice.code_image(&json!({"scene": "a", "page": "pages/a"})).await);
        // Once it is published nothing stands in its way.
        shop.control(
            "PUT",
            "/simulator/pages",
            &json!({"pages": ["pages/a", "pages/b"]}),
        )
        .await;
        shown(&alice.code_image(&missing).await);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_no_whole_image_is_none() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        let alice = shop.visitor().await;
        for fault in [
            json!({"kind": "image_truncated", "api": "wxacode", "times": 1}),
            json!({"kind": "server_error", "api": "wxacode", "times": 1}),
            json!({"kind": "no_answer_after_accepting", "api": "wxacode", "times": 1}),
        ] {
            for is_clear in [false, true] {
                shop.faults(json!([fault])).await;
                let body = json!({"scene": "a", "is_hyaline": is_clear});
                alice.code_image(&body).await.refused(503, "wechat_unavailable");
                assert_nothing_kept(shop).await;
            }
        }
        let lines = shop.lines_with("WeChat answered with neither an image nor a refusal");
        let is_traced =
            |line: &Value| line["app.id"].is_string() && line["image"].as_str().unwrap().len() == 64;
        assert!(!lines.is_empty() && lines.iter().all(is_traced), "{lines:?}");
        shop.faults(json!([{"kind": "image_mislabelled", "api": "wxacode"}]))
            .await;
        let image = alice.code_image(&json!({"scene": "a"})).await;
        shown(&image);
        shown(&alice.code_image(&json!({"scene": "a", "is_hyaline": true})).await);
    })
    .await;
}

#[tokio::test]
async fn what_passes_is_tried_again_and_a_dead_token_replaced() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        let alice = shop.visitor().await;
        let asks = async |scene: &str, faults: Value| {
            let before = shop.codes_made().await;
            shop.faults(faults).await;
            let answer = alice.code_image(&json!({ "scene": scene })).await;
            (answer, shop.codes_made().await - before)
        };
        let busy = json!([{"kind": "image_error", "api": "wxacode", "errcode": -1, "times": 2}]);
        let (answer, calls) = asks("a", busy).await;
        shown(&answer);
        assert_eq!(calls, 3);
        shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
            .await;
        let (answer, calls) = asks("b", json!([])).await;
        shown(&answer);
        assert_eq!(calls, 2);
        shop.advance(60).await;
        let dead = json!([{"kind": "token_storm", "api": "wxacode", "times": 1}]);
        let (answer, calls) = asks("c", dead).await;
        shown(&answer);
        assert_eq!(calls, 2);
        // A storm that does not end is not ridden out.
        shop.advance(60).await;
        let storm = json!([{"kind": "token_storm", "api": "wxacode"}]);
        let (answer, calls) = asks("d", storm).await;
        answer.refused(502, "wechat_rejected");
        assert_eq!(calls, 2);
    })
    .await;
}
