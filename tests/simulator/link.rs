//! Links: made, followed, asked about, and over.

use serde_json::{Value, json};

use crate::harness::{APP, Stage};

const SCHEME: &str = "/wxa/generatescheme";
const URL_LINK: &str = "/wxa/generate_urllink";
const SHORT_LINK: &str = "/wxa/genwxashortlink";

impl Stage {
    async fn made(&self, path: &str, body: Value, field: &str) -> String {
        let answer = self.with_token(path, &body).await.json();
        answer[field]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }
}

#[tokio::test]
async fn a_link_leads_to_its_page_and_can_be_asked_about() {
    let stage = Stage::new().await;
    // What is followed is counted by the day.
    stage.next_day_at(12, 0).await;
    let before = stage.now().await;
    let target = json!({"path": "/pages/a", "query": "b=%E8%8C%B6", "env_version": "trial"});
    let scheme = stage
        .made(SCHEME, json!({ "jump_wxa": target }), "openlink")
        .await;
    let url_link = stage.made(URL_LINK, target.clone(), "url_link").await;
    for (url, kind) in [(&scheme, "scheme"), (&url_link, "url_link")] {
        let opened = stage.scanned(url).await.json();
        assert_eq!(
            opened,
            json!({"kind": kind, "app_id": APP, "path": "/pages/a", "query": "b=%E8%8C%B6", "env_version": "trial"})
        );
    }
    let now = stage.now().await;
    for (path, field, url, info) in [
        ("/wxa/queryscheme", "scheme", &scheme, "scheme_info"),
        ("/wxa/query_urllink", "url_link", &url_link, "url_link_info"),
    ] {
        let told = stage.with_token(path, &json!({ field: url })).await.json()[info].clone();
        assert_eq!(
            (
                &told["appid"],
                &told["path"],
                &told["query"],
                &told["env_version"]
            ),
            (
                &json!(APP),
                &json!("/pages/a"),
                &json!("b=%E8%8C%B6"),
                &json!("trial")
            )
        );
        assert!((before..=now).contains(&told["create_time"].as_i64().unwrap()));
        assert!((before..=now).contains(&(told["expire_time"].as_i64().unwrap() - 30 * 86_400)));
        let quota = stage
            .with_token(path, &json!({ field: url, "query_type": 1 }))
            .await
            .json();
        assert_eq!(quota["quota_info"]["remain_visit_quota"], 2_999_998);
        let unknown = stage
            .with_token(path, &json!({ field: "weixin://x" }))
            .await
            .json();
        assert_eq!(unknown["errcode"], 85_403);
        let wrong = stage
            .with_token(path, &json!({ field: url, "query_type": 2 }))
            .await
            .json();
        assert_eq!(wrong["errcode"], 40_097);
    }
    // One kind is not the other.
    let crossed = stage
        .with_token("/wxa/queryscheme", &json!({ "scheme": url_link }))
        .await;
    assert_eq!(crossed.json()["errcode"], 85_403);
}

#[tokio::test]
async fn a_link_ends_when_it_was_said_to() {
    let stage = Stage::new().await;
    let now = stage.now().await;
    let mut ending = Vec::new();
    for end in [
        json!({"expire_type": 0, "expire_time": now + 86_400}),
        json!({"expire_type": 1, "expire_interval": 1}),
    ] {
        let mut body = end.clone();
        body["path"] = json!("pages/a");
        ending.push(stage.made(URL_LINK, body, "url_link").await);
        let mut body = end;
        body["jump_wxa"] = json!({"path": "pages/a"});
        body["is_expire"] = json!(true);
        ending.push(stage.made(SCHEME, body, "openlink").await);
    }
    let short = stage
        .made(SHORT_LINK, json!({"page_url": "pages/a?b=1"}), "link")
        .await;
    let permanent = json!({"page_url": "pages/a", "page_title": "茶".repeat(21), "is_permanent": true});
    let permanent = stage.made(SHORT_LINK, permanent, "link").await;
    assert!(permanent.starts_with(&format!("#小程序://{}/", "茶".repeat(20))));
    stage.advance(86_410).await;
    for url in &ending {
        assert_eq!(stage.scanned(url).await.status, 409);
    }
    assert_eq!(stage.scanned(&short).await.json()["query"], "b=1");
    stage.advance(29 * 86_400).await;
    assert_eq!(stage.scanned(&short).await.status, 409);
    assert_eq!(stage.scanned(&permanent).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_has_its_number() {
    let stage = Stage::new().await;
    let now = stage.now().await;
    let link = |more: Value| {
        let mut body = json!({"path": "pages/a"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let long = |count: usize| "a".repeat(count);
    for (body, errcode) in [
        (link(json!({"path": "pages/a?b"})), 40_165),
        (link(json!({"path": 1})), 40_165),
        (link(json!({"query": "茶"})), 40_212),
        (link(json!({"query": long(1_025)})), 40_212),
        (link(json!({"env_version": "beta"})), 85_402),
        (link(json!({"expire_type": 0, "expire_time": now + 30})), 85_401),
        (
            link(json!({"expire_type": 0, "expire_time": now + 31 * 86_400})),
            85_401,
        ),
        (link(json!({"expire_type": 1, "expire_interval": 31})), 85_401),
        (link(json!({"expire_type": 1, "expire_interval": 0})), 85_401),
        (link(json!({"expire_type": 1})), 85_401),
        (link(json!({"expire_type": 2})), 85_401),
        (json!([]), 47_001),
    ] {
        let answer = stage.with_token(URL_LINK, &body).await.json();
        assert_eq!(answer["errcode"], errcode, "{body}");
    }
    for (body, errcode) in [
        (json!({}), 40_066),
        (json!({"page_url": long(1_025)}), 40_066),
        (json!({"page_url": "a", "page_title": "a\nb"}), 40_225),
        (json!({"page_url": "a", "page_title": 1}), 40_225),
    ] {
        let answer = stage.with_token(SHORT_LINK, &body).await.json();
        assert_eq!(answer["errcode"], errcode, "{body}");
    }
    for (pages, errcode, short) in [(json!(["pages/b"]), 40_165, 40_066), (json!([]), 85_079, 85_079)] {
        stage
            .send("PUT", "/simulator/pages", &json!({ "pages": pages }))
            .await;
        let scheme = stage
            .with_token(SCHEME, &json!({"jump_wxa": {"path": "pages/a"}}))
            .await;
        assert_eq!(scheme.json()["errcode"], errcode);
        let answer = stage
            .with_token(SHORT_LINK, &json!({"page_url": "pages/a"}))
            .await;
        assert_eq!(answer.json()["errcode"], short);
    }
    for path in [
        SCHEME,
        URL_LINK,
        SHORT_LINK,
        "/wxa/queryscheme",
        "/wxa/query_urllink",
    ] {
        assert_eq!(stage.get(path).await.json()["errcode"], 43_002, "{path}");
        assert_eq!(stage.post(path, json!({})).await["errcode"], 41_001, "{path}");
    }
}
