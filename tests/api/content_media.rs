//! Pictures and sounds: promised to be looked at, and what happens before there is a result, or when none ever comes.

use serde_json::{Value, json};

use crate::harness::{APP, Answer, HandPlayed, Phone, Setup, Shop, shop, shop_with};

const PICTURE: &str = "https://shop.example/files/a.png";

/// Has WeChat look at something.
pub(crate) async fn look(phone: &Phone<'_>, kind: &str, media_url: &str) -> Answer {
    let body = json!({"openid": phone.openid_in(APP).await, "kind": kind, "media_url": media_url});
    phone.shop.check_content(&body).await
}

/// What came of a look.
pub(crate) async fn outcome(shop: &Shop, look: &Value) -> Value {
    let path = format!("/internal/content-checks/{}", look["id"].as_str().unwrap());
    shop.internal("GET", &path, None).await.ok(200)
}

pub(crate) fn told(outcome: &Value) -> (&str, &str, &str, Option<i64>) {
    let text = |name: &str| outcome[name].as_str().unwrap();
    (
        text("status"),
        text("decision"),
        text("reason"),
        outcome["label"].as_i64(),
    )
}

#[tokio::test]
async fn a_look_is_promised_under_an_id_and_counts_as_review() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for (kind, media_url) in [("image", PICTURE), ("audio", "https://shop.example/a.mp3?x=1")] {
            let answer = look(&phone, kind, media_url).await;
            let promised = answer.ok(202);
            assert_eq!(told(&promised), ("pending", "review", "pending", None));
            assert!(
                promised["trace_id"].is_string() && promised["id"].is_string(),
                "{promised}"
            );
            assert_eq!(outcome(shop, &promised).await, promised);
            assert_eq!(shop.audit_line(&answer)["action"], "check_content");
        }
        assert_eq!(shop.calls("media_check").await.len(), 2);
        for id in ["0190a5a0-0000-7000-8000-000000000001", "1"] {
            let path = format!("/internal/content-checks/{id}");
            shop.internal("GET", &path, None).await.refused(404, "not_found");
        }
    })
    .await;
}

#[tokio::test]
async fn the_look_is_written_down_before_wechat_is_asked_and_its_name_before_the_answer() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        let body = json!({"openid": "oAlice", "kind": "image", "media_url": PICTURE});
        let (answer, ()) = tokio::join!(shop.check_content(&body), async {
            let token = wechat.call().await;
            token
                .answer(200, r#"{"access_token":"a-token-of-the-play","expires_in":7200}"#)
                .await;
            let call = wechat.call().await;
            assert_eq!(
                call.target,
                "/wxa/media_check_async?access_token=a-token-of-the-play"
            );
            let intents = "select count(*) from content_checks where trace_id is null and decision is null";
            assert_eq!(shop.count(intents).await, 1);
            call.answer(200, r#"{"errcode":0,"errmsg":"ok","trace_id":"60ae-1"}"#)
                .await;
        });
        let promised = answer.ok(202);
        assert_eq!(promised["trace_id"], "60ae-1");
        assert_eq!(
            shop.count("select count(*) from content_checks where trace_id = '60ae-1'")
                .await,
            1
        );
        // A success without a name is none.
        for said in [
            r#"{"errcode":0}"#,
            r#"{"errcode":0,"trace_id":""}"#,
            r#"{"errcode":0,"trace_id":"a b"}"#,
        ] {
            let (answer, ()) = tokio::join!(shop.check_content(&body), async {
                wechat.call().await.answer(200, said).await;
            });
            answer.refused(503, "wechat_unavailable");
        }
        assert_eq!(shop.count("select count(*) from content_checks").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        let phone = shop.visitor().await;
        for (errcode, status, code) in [
            (40_003, 422, "openid_unknown"),
            (43_104, 422, "openid_unknown"),
            (61_010, 409, "user_inactive"),
            (40_004, 422, "media_unsuited"),
            (44_991, 429, "rate_limited"),
            (87_020, 429, "rate_limited"),
            (45_009, 429, "rate_limited"),
            (-1, 503, "wechat_unavailable"),
            (87_014, 502, "wechat_rejected"),
            (47_001, 502, "wechat_rejected"),
        ] {
            shop.faults(json!([{"kind": "errcode", "api": "media_check", "errcode": errcode}]))
                .await;
            let problem = look(&phone, "image", PICTURE).await.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode);
        }
        for fault in [
            "server_error",
            "no_answer_before_accepting",
            "no_answer_after_accepting",
        ] {
            shop.faults(json!([{"kind": fault, "api": "media_check"}])).await;
            look(&phone, "image", PICTURE)
                .await
                .refused(503, "wechat_unavailable");
        }
        shop.faults(json!([])).await;
        look(&phone, "image", "https://shop.example/a.exe")
            .await
            .refused(422, "media_unsuited");
        look(&phone, "audio", PICTURE)
            .await
            .refused(422, "media_unsuited");
        assert_eq!(shop.count("select count(*) from content_checks").await, 0);
        // 40001 is got over.
        shop.faults(json!([{"kind": "token_storm", "api": "media_check", "times": 1}]))
            .await;
        look(&phone, "image", PICTURE).await.ok(202);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_hears_of_within_half_an_hour_is_for_review() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.visitor().await;
        let first = look(&phone, "image", PICTURE).await.ok(202);
        shop.advance(60).await;
        let second = look(&phone, "image", PICTURE).await.ok(202);
        // One whose asker died between the call and its outcome.
        let died = look(&phone, "audio", "https://shop.example/a.wav").await.ok(202);
        let crash = "update content_checks set trace_id = null where kind = 'audio'";
        sqlx::query(crash).execute(&shop.db).await.unwrap();
        shop.advance(1_739).await;
        shop.run_workers().await;
        assert_eq!(
            told(&outcome(shop, &first).await),
            ("pending", "review", "pending", None)
        );
        shop.advance(1).await;
        shop.run_workers().await;
        let late = outcome(shop, &first).await;
        assert_eq!(told(&late), ("decided", "review", "timed_out", None));
        assert_eq!(late["trace_id"], first["trace_id"]);
        assert_eq!(told(&outcome(shop, &second).await).0, "pending");
        shop.advance(60).await;
        let (one, two) = tokio::join!(shop.run_workers_of(0), shop.run_workers_of(1));
        assert!(one.is_empty() && two.is_empty());
        for look in [&second, &died] {
            assert_eq!(
                told(&outcome(shop, look).await),
                ("decided", "review", "timed_out", None)
            );
        }
        // A month later nobody knows.
        shop.advance(31 * 86_400).await;
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from content_checks").await, 0);
        assert_eq!(shop.count("select count(*) from content_check_results").await, 0);
    })
    .await;
}

#[tokio::test]
async fn wechat_is_sent_to_no_place_of_ours() {
    // Not played on this machine, so that the rules of production hold; nothing that is acceptable is tried.
    let setup = Setup::default().with("WECHAT_API_BASE_URL", "https://127.0.0.1:9");
    shop_with(setup, async |shop| {
        let ask = async |kind: &str, media_url: &str| {
            let body = json!({"openid": "oAlice", "kind": kind, "media_url": media_url});
            shop.check_content(&body).await
        };
        for media_url in [
            "http://shop.example/a.png",
            "https://127.0.0.1/a.png",
            "https://localhost/a.png",
            "https://[::1]/a.png",
            "https://10.1.2.3/a.png",
            "https://169.254.169.254/latest/meta-data",
            "https://db.internal/a.png",
            "https://user:password@shop.example/a.png",
            "https://shop.example/a.png#b",
            "ftp://shop.example/a.png",
            "nowhere",
            "",
            &format!("https://shop.example/{}", "x".repeat(2_048)),
        ] {
            let problem = ask("image", media_url).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "/media_url", "{media_url}");
        }
        for (more, pointer) in [
            (json!({"content": "tea"}), "/content"),
            (json!({"nickname": "tea", "scene": 1}), "/nickname"),
            (json!({"media_url": null}), "/media_url"),
        ] {
            let mut body = json!({"openid": "oAlice", "kind": "audio", "media_url": PICTURE});
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let problem = shop.check_content(&body).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
        assert_eq!(shop.count("select count(*) from content_checks").await, 0);
    })
    .await;
}
