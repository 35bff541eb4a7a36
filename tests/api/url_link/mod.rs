//! `POST /internal/url-links`: links into the mini program.

mod case;

use chrono::TimeDelta;
use futures_util::future::join;
use serde_json::{Value, json};

use self::case::{at, plain, wires, wrong};
use crate::harness::{APP, Answer, HandPlayed, OTHER_APP, Setup, Shop, shop, shop_with};

async fn ask(shop: &Shop, body: &Value) -> Answer {
    shop.internal("POST", "/internal/url-links", Some(body)).await
}

async fn link(shop: &Shop, body: Value) -> String {
    let answer = ask(shop, &body).await.ok(200);
    assert_eq!(answer.as_object().unwrap().len(), 1);
    answer["url"].as_str().unwrap().to_owned()
}

async fn open(shop: &Shop, url: &str) -> Answer {
    shop.try_control("POST", "/simulator/scans", &json!({ "url": url }))
        .await
}

#[tokio::test]
async fn each_kind_leads_to_its_page() {
    shop_with(Setup::default().two_apps(), async |shop| {
        for (kind, begins) in [
            ("scheme", "weixin://dl/business/?t="),
            ("url_link", "https://wxaurl.cn/"),
            ("short_link", "#小程序://"),
        ] {
            let whole = json!({"kind": kind, "path": "pages/goods", "query": "id=7&q=%E8%8C%B6"});
            let url = link(shop, whole).await;
            assert!(url.starts_with(begins), "{url}");
            assert_eq!(
                open(shop, &url).await.json(),
                json!({
                    "kind": kind, "app_id": APP, "path": "pages/goods", "query": "id=7&q=%E8%8C%B6",
                    "env_version": "release",
                })
            );
            let least = json!({"kind": kind, "path": "/pages/a", "app_id": OTHER_APP});
            let opened = open(shop, &link(shop, least).await).await.json();
            assert_eq!(
                (&opened["app_id"], &opened["path"], &opened["query"]),
                (&json!(OTHER_APP), &json!("/pages/a"), &json!(""))
            );
        }
        for kind in ["scheme", "url_link"] {
            let trial = json!({"kind": kind, "path": "pages/a", "env_version": "trial"});
            let opened = open(shop, &link(shop, trial).await).await.json();
            assert_eq!(opened["env_version"], "trial");
        }
    })
    .await;
}

#[tokio::test]
async fn every_parameter_reaches_wechat_under_its_name() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .with("WECHAT_API_BASE_URL", wechat.url())
        .with("WECHAT_TOKEN_ISSUER", "token");
    shop_with(setup, async |shop| {
        let giving = async {
            let token = r#"{"access_token":"61_hand","expires_in":7200}"#;
            wechat.call().await.answer(200, token).await;
        };
        join(shop.internal("GET", "/internal/access-token", None), giving).await;
        let end = shop.clock.now() + TimeDelta::days(2);
        for (body, path, sent, field) in wires(end) {
            let looking = async {
                let call = wechat.call().await;
                assert_eq!(call.target, format!("/wxa/{path}?access_token=61_hand"));
                assert_eq!(serde_json::from_slice::<Value>(&call.body).unwrap(), sent);
                let answer = json!({"errcode": 0, "errmsg": "ok", field: "weixin://here"});
                call.answer(200, &answer.to_string()).await;
            };
            let (answer, ()) = join(ask(shop, &body), looking).await;
            assert_eq!(answer.ok(200), json!({"url": "weixin://here"}));
        }
        // An answer without a link is none.
        for answer in [
            json!({"errcode": 0}),
            json!({"errcode": 0, "openlink": ""}),
            json!({"url_link": "a"}),
        ] {
            let answering = async { wechat.call().await.answer(200, &answer.to_string()).await };
            let (told, ()) = join(ask(shop, &plain("scheme")), answering).await;
            told.refused(503, "wechat_unavailable");
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_lives_until_its_end_and_no_longer_than_thirty_days() {
    shop(async |shop| {
        let now = shop.clock.now();
        for kind in ["scheme", "url_link"] {
            let body =
                |delta: TimeDelta| json!({"kind": kind, "path": "pages/a", "expires_at": at(now + delta)});
            for bad in [
                TimeDelta::zero(),
                TimeDelta::seconds(-1),
                TimeDelta::seconds(59),
                TimeDelta::days(30) + TimeDelta::seconds(1),
                TimeDelta::days(365_000),
            ] {
                let problem = ask(shop, &body(bad)).await.refused(422, "validation_failed");
                let first = &problem["errors"][0];
                assert_eq!(
                    (&first["pointer"], &first["code"]),
                    (&json!("/expires_at"), &json!("range"))
                );
            }
        }
        assert_eq!(shop.calls("link").await.len(), 0);
        let mut short = Vec::new();
        let mut long = Vec::new();
        for kind in ["scheme", "url_link"] {
            let end = at(now + TimeDelta::minutes(10));
            short.push(link(shop, json!({"kind": kind, "path": "pages/a", "expires_at": end})).await);
            long.push(link(shop, json!({"kind": kind, "path": "pages/a"})).await);
        }
        long.push(link(shop, json!({"kind": "short_link", "path": "pages/a"})).await);
        shop.advance(601).await;
        for url in &short {
            assert_eq!(open(shop, url).await.status, 409);
        }
        shop.advance(29 * 86_400).await;
        for url in &long {
            assert_eq!(open(shop, url).await.status, 200);
        }
        shop.advance(86_400).await;
        for url in &long {
            assert_eq!(open(shop, url).await.status, 409);
        }
    })
    .await;
}

#[tokio::test]
async fn what_wechat_would_not_take_is_not_asked_for() {
    shop(async |shop| {
        let end = at(shop.clock.now() + TimeDelta::days(1));
        let long = |count: usize| "a".repeat(count);
        for (body, pointer, code) in wrong(&end) {
            let problem = ask(shop, &body).await.refused(422, "validation_failed");
            let first = &problem["errors"][0];
            assert_eq!(
                (&first["pointer"], &first["code"]),
                (&json!(pointer), &json!(code)),
                "{body}"
            );
        }
        let most = json!({"kind": "short_link", "path": "aaa", "query": long(1_020)});
        link(shop, most).await;
        assert_eq!(shop.calls("link").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn every_refusal_of_wechat_has_its_code() {
    const TABLE: [(i64, u16, &str, &str); 22] = [
        (40_165, 422, "page_unknown", ""),
        (40_066, 422, "page_unknown", ""),
        (85_079, 422, "page_unknown", ""),
        (40_212, 422, "validation_failed", "/query"),
        (85_401, 422, "validation_failed", "/expires_at"),
        (40_002, 403, "link_not_allowed", ""),
        (40_013, 403, "link_not_allowed", ""),
        (43_104, 403, "link_not_allowed", ""),
        (85_407, 403, "link_not_allowed", ""),
        (85_408, 403, "link_not_allowed", ""),
        (44_990, 429, "rate_limited", ""),
        (44_993, 429, "rate_limited", ""),
        (45_009, 429, "rate_limited", ""),
        (40_097, 502, "wechat_rejected", ""),
        (40_225, 502, "wechat_rejected", ""),
        (85_088, 502, "wechat_rejected", ""),
        (85_400, 502, "wechat_rejected", ""),
        (85_402, 502, "wechat_rejected", ""),
        (85_405, 502, "wechat_rejected", ""),
        (85_406, 502, "wechat_rejected", ""),
        (9_999_999_999, 502, "wechat_rejected", ""),
        (-1, 503, "wechat_unavailable", ""),
    ];
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.announce("wechat_unavailable");
        let body = json!({"kind": "scheme", "path": "pages/a"});
        for (errcode, status, code, pointer) in TABLE {
            shop.faults(json!([{"kind": "errcode", "api": "link", "errcode": errcode}]))
                .await;
            let answer = ask(shop, &body).await;
            let problem = answer.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode);
            if !pointer.is_empty() {
                assert_eq!(problem["errors"][0]["pointer"], pointer);
            }
            assert_eq!(shop.audit_line(&answer)["outcome"], code);
        }
        // A second's bound is soon over, a day's is not.
        for (errcode, wait) in [(44_990, "1"), (44_993, "3600")] {
            shop.faults(json!([{"kind": "errcode", "api": "link", "errcode": errcode}]))
                .await;
            assert_eq!(ask(shop, &body).await.header("retry-after"), Some(wait));
        }
        // "Busy" is asked again, and a dead token replaced.
        for fault in [
            json!({"kind": "errcode", "api": "link", "errcode": -1, "times": 2}),
            json!({"kind": "token_storm", "api": "link", "times": 1}),
        ] {
            shop.faults(json!([fault])).await;
            link(shop, body.clone()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_that_is_not_published_has_no_link() {
    shop(async |shop| {
        let pages = async |pages: Value| {
            shop.control("PUT", "/simulator/pages", &json!({ "pages": pages }))
                .await;
        };
        for (kind, errcode) in [("scheme", 40_165), ("url_link", 40_165), ("short_link", 40_066)] {
            let body = json!({"kind": kind, "path": "/pages/b"});
            pages(json!(["pages/a"])).await;
            let problem = ask(shop, &body).await.refused(422, "page_unknown");
            assert_eq!(problem["wechat_errcode"], errcode, "{kind}");
            pages(json!([])).await;
            let problem = ask(shop, &body).await.refused(422, "page_unknown");
            assert_eq!(problem["wechat_errcode"], 85_079, "{kind}");
            pages(json!(["pages/b"])).await;
            link(shop, body).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_behind_a_link_can_be_asked_by_any_service() {
    shop(async |shop| {
        let url = link(
            shop,
            json!({"kind": "url_link", "path": "pages/a", "query": "b=1"}),
        )
        .await;
        let body = json!({"url_link": url, "query_type": 0});
        let told = shop
            .internal("POST", "/internal/wechat/wxa/query_urllink", Some(&body))
            .await
            .ok(200);
        assert_eq!(
            (&told["url_link_info"]["path"], &told["url_link_info"]["query"]),
            (&json!("pages/a"), &json!("b=1"))
        );
        let limited = json!({"path": "pages/a?b=1"});
        let picture = shop
            .internal("POST", "/internal/wechat/wxa/getwxacode", Some(&limited))
            .await;
        let opened = open(shop, &crate::scan::scan(&picture.body).text).await.json();
        assert_eq!(
            (&opened["path"], &opened["query"]),
            (&json!("pages/a"), &json!("b=1"))
        );
    })
    .await;
}
