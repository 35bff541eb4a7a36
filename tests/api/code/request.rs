//! What a request may say, and what of it can be seen on the picture.

use serde_json::{Value, json};

use super::shown;
use crate::harness::{APP, INTERNAL_TOKEN, OTHER_APP, Setup, shop, shop_with};

#[tokio::test]
async fn a_picture_opens_its_page_with_its_scene() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let answer = alice
            .code_image(&json!({"scene": "id=7&from=mail", "page": "pages/goods/detail"}))
            .await;
        let seen = shown(&answer);
        assert_eq!((seen.width, seen.line, seen.has_ground), (430, [0; 3], true));
        assert_eq!(answer.header("content-type"), Some("image/jpeg"));
        assert_eq!(
            shop.opened(&seen).await,
            json!({
                "kind": "code", "app_id": APP, "path": "pages/goods/detail", "query": "scene=id%3D7%26from%3Dmail",
                "env_version": "release",
            })
        );
        // Without a page it is the first one.
        let first = shown(&alice.code_image(&json!({"scene": "a"})).await);
        let opened = shop.opened(&first).await;
        assert_eq!((&opened["path"], &opened["query"]), (&json!(""), &json!("scene=a")));
    })
    .await;
}

#[tokio::test]
async fn each_part_of_a_look_is_seen() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let seen = async |more: Value| {
            let mut body = json!({"scene": "a"});
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            shown(&alice.code_image(&body).await)
        };
        assert_eq!(seen(json!({"width": 280})).await.width, 280);
        assert_eq!(seen(json!({"width": 1280})).await.width, 1_280);
        let clear = seen(json!({"is_hyaline": true, "line_color": {"r": 208, "g": 64, "b": 0}})).await;
        assert_eq!((clear.line, clear.has_ground), ([208, 64, 0], false));
        let blue = seen(json!({"line_color": {"r": 0, "g": 0, "b": 255}})).await;
        assert!(blue.line[2] > blue.line[0], "{blue:?}");
        let auto = seen(json!({"auto_color": true, "line_color": {"r": 0, "g": 0, "b": 255}})).await;
        assert!(auto.line[1] > auto.line[2], "{auto:?}");
        assert_eq!(shop.codes_made().await, 5);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_would_not_take_is_not_asked_for() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let long = |count: usize| "a".repeat(count);
        for (body, pointer, code) in [
            (json!({}), "/scene", "required"),
            (json!({"scene": ""}), "/scene", "length"),
            (json!({"scene": long(33)}), "/scene", "length"),
            (json!({"scene": "a b"}), "/scene", "characters"),
            (json!({"scene": "a%20"}), "/scene", "characters"),
            (json!({"scene": "茶"}), "/scene", "characters"),
            (json!({"scene": "a\u{0}"}), "", ""),
            (json!({"scene": "scancode_time=1"}), "/scene", "reserved"),
            (json!({"scene": 1}), "/scene", "type"),
            (json!({"scene": "a", "page": "/pages/a"}), "/page", "characters"),
            (
                json!({"scene": "a", "page": "pages/a?b=1"}),
                "/page",
                "characters",
            ),
            (json!({"scene": "a", "page": ""}), "/page", "length"),
            (json!({"scene": "a", "page": long(257)}), "/page", "length"),
            (
                json!({"scene": "a", "page": "scancode_time"}),
                "/page",
                "reserved",
            ),
            (json!({"scene": "a", "width": 279}), "/width", "range"),
            (json!({"scene": "a", "width": 1281}), "/width", "range"),
            (json!({"scene": "a", "width": -1}), "/width", "range"),
            (json!({"scene": "a", "width": "430"}), "/width", "type"),
            (
                json!({"scene": "a", "line_color": {"r": 0, "g": 0}}),
                "/line_color/b",
                "required",
            ),
            (
                json!({"scene": "a", "line_color": {"r": 0, "g": 0, "b": 256}}),
                "/line_color/b",
                "range",
            ),
            (json!({"scene": "a", "is_hyaline": 1}), "/is_hyaline", "type"),
        ] {
            for answer in [alice.code_image(&body).await, shop.code_as_service(&body).await] {
                let problem = answer.refused(422, "validation_failed");
                let first = &problem["errors"][0];
                if !pointer.is_empty() {
                    assert_eq!(
                        (&first["pointer"], &first["code"]),
                        (&json!(pointer), &json!(code)),
                        "{body}"
                    );
                }
            }
        }
        // All that is wrong is told at once.
        let all = json!({"scene": "", "page": "/", "width": 1});
        let problem = alice.code_image(&all).await.refused(422, "validation_failed");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 3);
        assert_eq!(shop.codes_made().await, 0);
        assert_eq!(shop.count("select count(*) from wxacodes").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_page_asks_for_the_published_version_of_its_own_mini_program_alone() {
    shop_with(Setup::default().two_apps(), async |shop| {
        let mut alice = shop.phone().await;
        alice.login_to(OTHER_APP).await;
        for (name, value) in [
            ("env_version", json!("develop")),
            ("env_version", json!("release")),
            ("check_path", json!(false)),
            ("app_id", json!(APP)),
        ] {
            let mut body = json!({"scene": "a"});
            body[name] = value;
            let problem = alice.code_image(&body).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["code"], "unknown", "{body}");
        }
        let opened = shop
            .opened(&shown(&alice.code_image(&json!({"scene": "a"})).await))
            .await;
        assert_eq!(opened["app_id"], OTHER_APP);
    })
    .await;
}

#[tokio::test]
async fn a_service_asks_for_any_version_page_and_mini_program() {
    shop_with(Setup::default().two_apps(), async |shop| {
        shop.control("PUT", "/simulator/pages", &json!({"app_id": OTHER_APP, "pages": ["pages/a"]}))
            .await;
        let body = json!({
            "app_id": OTHER_APP, "scene": "s", "page": "pages/new", "check_path": false, "env_version": "trial",
        });
        let answer = shop.code_as_service(&body).await;
        let opened = shop.opened(&shown(&answer)).await;
        assert_eq!(
            (&opened["app_id"], &opened["path"], &opened["env_version"]),
            (&json!(OTHER_APP), &json!("pages/new"), &json!("trial"))
        );
        let line = shop.audit_line(&answer);
        assert_eq!(
            (&line["action"], &line["app.id"], &line["outcome"]),
            (&json!("create_wxacode"), &json!(OTHER_APP), &json!("ok"))
        );
        for (more, code) in [
            (json!({"app_id": "wx9"}), "unknown"),
            (json!({"app_id": "a b"}), "format"),
            (json!({"env_version": "beta"}), "value"),
        ] {
            let mut body = json!({"scene": "a"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let problem = shop.code_as_service(&body).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["code"], code, "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_asks_without_a_token() {
    shop(async |shop| {
        let body = json!({"scene": "a"});
        let alice = shop.visitor().await;
        for (path, token) in [
            ("/v1/wxacodes", None),
            ("/v1/wxacodes", Some(INTERNAL_TOKEN)),
            ("/internal/wxacodes", None),
            ("/internal/wxacodes", Some(alice.token.as_str())),
            ("/internal/url-links", Some(alice.token.as_str())),
        ] {
            let answer = shop.send(shop.request("POST", path, token, Some(&body))).await;
            answer.refused(401, "unauthenticated");
        }
        assert_eq!(shop.codes_made().await, 0);
    })
    .await;
}
