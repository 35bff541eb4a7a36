//! What the owner's other services may ask: tokens, reports, sessions.

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{ADMIN_TOKEN, APP, INTERNAL_TOKEN, OTHER_APP, Setup, Shop, shop, shop_with};

const ROUTES: [(&str, &str); 6] = [
    ("GET", "/internal/access-token"),
    ("POST", "/internal/access-token/report"),
    ("POST", "/internal/sessions/introspect"),
    ("POST", "/internal/content-checks"),
    (
        "GET",
        "/internal/content-checks/0190a5a0-0000-7000-8000-000000000001",
    ),
    ("GET", "/internal/wechat/wxa/echo/a"),
];

#[tokio::test]
async fn without_the_setting_there_are_no_such_routes() {
    shop_with(Setup::default().with("INTERNAL_TOKEN", ""), async |shop| {
        for (method, path) in ROUTES {
            for token in [None, Some(INTERNAL_TOKEN), Some(ADMIN_TOKEN)] {
                let answer = shop.send(shop.request(method, path, token, None)).await;
                answer.refused(404, "route_not_found");
            }
            for method in ["BREW", "OPTIONS", "DELETE"] {
                let answer = shop.send(shop.request(method, path, None, None)).await;
                answer.refused(404, "route_not_found");
                assert_eq!(answer.header("allow"), None, "{method} {path}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_internal_token_opens() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let almost = format!("{}j", &INTERNAL_TOKEN[..INTERNAL_TOKEN.len() - 1]);
        let longer = format!("{INTERNAL_TOKEN}1");
        for (method, path) in ROUTES {
            for token in [
                None,
                Some(ADMIN_TOKEN),
                Some(&phone.token),
                Some(&almost),
                Some(&longer),
            ] {
                let answer = shop.send(shop.request(method, path, token, None)).await;
                answer.refused(401, "unauthenticated");
            }
        }
        assert_eq!(shop.calls("stable_token").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_told_with_its_end_and_each_use_leaves_a_line() {
    shop(async |shop| {
        let answer = shop.internal("GET", "/internal/access-token", None).await;
        let body = answer.ok(200);
        let known = shop.access_tokens().await;
        assert_eq!(
            (&body["app_id"], &body["access_token"]),
            (&json!(APP), &json!(known[0]))
        );
        let ends: chrono::DateTime<chrono::Utc> = body["expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(ends, shop.clock.now() + chrono::TimeDelta::seconds(7_200));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let line = shop.audit_line(&answer);
        assert_eq!(
            (&line["action"], &line["outcome"]),
            (&json!("read_access_token"), &json!("ok"))
        );
        assert_eq!(line["client.address"], "127.0.0.1");
        let unknown = shop
            .internal("GET", "/internal/access-token?app_id=wx9", None)
            .await;
        unknown.refused(422, "validation_failed");
        assert_eq!(shop.audit_line(&unknown)["outcome"], "validation_failed");
        for query in ["app_id=", "app_id=a%20b", "app=wx1", "app_id=a&app_id=b"] {
            let answer = shop
                .internal("GET", &format!("/internal/access-token?{query}"), None)
                .await;
            answer.refused(422, "validation_failed");
        }
    })
    .await;
}

async fn report(shop: &Shop, replica: usize, token: &str) -> String {
    let body = json!({"app_id": APP, "access_token": token});
    let answer = shop
        .internal_of(replica, "POST", "/internal/access-token/report", Some(&body))
        .await;
    answer.ok(200)["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn however_many_report_a_token_it_is_replaced_once() {
    shop_with(Setup::default().replicas(3), async |shop| {
        let first = shop.internal("GET", "/internal/access-token", None).await.ok(200);
        let first = first["access_token"].as_str().unwrap();
        shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
            .await;
        let told = join_all((0..60).map(|number| report(shop, number % 3, first))).await;
        assert!(told.iter().all(|token| *token == told[0] && token != first));
        assert_eq!(shop.calls("stable_token").await.len(), 2);
        // Who comes late is told the new one, and nobody is asked.
        shop.advance(5).await;
        for token in [first, "61_never_heard_of", &"x".repeat(4_096)] {
            assert_eq!(report(shop, 1, token).await, told[0]);
        }
        assert_eq!(shop.calls("stable_token").await.len(), 2);
        for body in [
            json!({}),
            json!({"access_token": ""}),
            json!({"access_token": "x".repeat(4_097)}),
            json!({"access_token": 1}),
            json!({"access_token": "a", "force": true}),
        ] {
            let answer = shop
                .internal("POST", "/internal/access-token/report", Some(&body))
                .await;
            answer.refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_is_told_while_it_lives() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.visitor().await;
        let ask = async |token: &str| {
            let body = json!({"token": token});
            let answer = shop
                .internal_of(1, "POST", "/internal/sessions/introspect", Some(&body))
                .await;
            answer.ok(200)
        };
        let me = phone.call("GET", "/v1/session", None).await.ok(200);
        let people = shop.list("/simulator/users").await;
        let person = people
            .iter()
            .find(|person| person["user_id"] == phone.user_id.as_str())
            .unwrap();
        let told = ask(&phone.token).await;
        assert_eq!(
            told,
            json!({
                "active": true, "user_id": me["user"]["id"], "app_id": APP, "openid": person["openids"][APP],
                "unionid": person["unionid"], "expires_at": me["session"]["expires_at"],
            })
        );
        let nobody = json!({
            "active": false, "user_id": null, "app_id": null, "openid": null, "unionid": null, "expires_at": null,
        });
        for token in ["", "nonsense", "a.b.c", ADMIN_TOKEN, &"x".repeat(5_000)] {
            assert_eq!(ask(token).await, nobody, "{token}");
        }
        // Gone at once, whatever the other server remembers.
        assert_eq!(phone.call("GET", "/v1/session", None).await.status, 200);
        phone.call("DELETE", "/v1/session", None).await.ok(204);
        assert_eq!(ask(&phone.token).await, nobody);
    })
    .await;
}

#[tokio::test]
async fn the_services_share_an_allowance_that_nobody_else_can_use_up() {
    shop_with(
        Setup::default().with("RATE_LIMIT_INTERNAL_PER_S", "2"),
        async |shop| {
            for _ in 0..5 {
                let path = "/internal/access-token";
                shop.send(shop.request("GET", path, Some(ADMIN_TOKEN), None))
                    .await
                    .refused(401, "unauthenticated");
            }
            let answers =
                join_all((0..20).map(|_| shop.internal("GET", "/internal/access-token", None))).await;
            let limited = answers.iter().find(|answer| answer.status == 429).unwrap();
            limited.refused(429, "rate_limited");
            assert_eq!(limited.header("retry-after"), Some("1"));
            assert!(answers.iter().filter(|answer| answer.status == 200).count() >= 2);
        },
    )
    .await;
}

#[tokio::test]
async fn each_mini_program_has_a_token_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("apps.toml");
    let text = format!(
        "[[app]]\nid = \"{OTHER_APP}\"\nsecret = \"{}\"\n",
        crate::harness::APP_SECRET
    );
    std::fs::write(&file, text).unwrap();
    shop_with(
        Setup::default().with("WECHAT_APPS_FILE", file.to_str().unwrap()),
        async |shop| {
            let one = shop.internal("GET", "/internal/access-token", None).await.ok(200);
            let path = format!("/internal/access-token?app_id={OTHER_APP}");
            let other = shop.internal("GET", &path, None).await.ok(200);
            assert_eq!(other["app_id"], OTHER_APP);
            assert_ne!(one["access_token"], other["access_token"]);
            let called = format!("/internal/wechat/wxa/echo/a?app_id={OTHER_APP}&x=1");
            let echoed = shop.internal("GET", &called, None).await.ok(200);
            assert_eq!(
                (&echoed["app_id"], &echoed["query"]),
                (&json!(OTHER_APP), &json!([["x", "1"]]))
            );
        },
    )
    .await;
}

#[tokio::test]
async fn whom_a_request_means_is_said_in_one_way_everywhere() {
    shop(async |shop| {
        let id = "0190a5a0-0000-7000-8000-000000000001";
        for (path, rest) in [
            (
                "/internal/content-checks",
                json!({"kind": "text", "content": "tea"}),
            ),
            ("/internal/subscriptions/query", json!({})),
            (
                "/internal/subscribe-messages",
                json!({"template_id": "t", "data": {"thing1": {"value": "tea"}}}),
            ),
        ] {
            for (whom, pointer, code) in [
                (json!({}), "/user_id", "required"),
                (json!({"user_id": id, "openid": "o1"}), "/openid", "exclusive"),
                (json!({"user_id": id.replace('-', "")}), "/user_id", "format"),
                (json!({"user_id": format!("urn:uuid:{id}")}), "/user_id", "format"),
                (json!({"openid": "o 1"}), "/openid", "format"),
                (json!({"user_id": id}), "/user_id", "unknown"),
            ] {
                let mut body = rest.clone();
                body.as_object_mut()
                    .unwrap()
                    .extend(whom.as_object().unwrap().clone());
                let answer = shop.internal("POST", path, Some(&body)).await;
                let problem = answer.refused(422, "validation_failed");
                assert_eq!(
                    (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
                    (&json!(pointer), &json!(code)),
                    "{path} {whom}"
                );
            }
        }
    })
    .await;
}
