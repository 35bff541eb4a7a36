//! Results of looks at pictures and sounds, as WeChat pushes them: in both forms, early, twice, late, or not at all.

use std::io::Write as _;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::content_media::{look, outcome, told};
use crate::harness::{
    APP, APP_SECRET, OTHER_APP, PUSH_AES_KEY, PUSH_TOKEN, Phone, Setup, held, shop, shop_with, until,
};

async fn picture(phone: &Phone<'_>, word: &str) -> Value {
    let url = format!("https://shop.example/files/{word}.png");
    look(phone, "image", &url).await.ok(202)
}

/// A result made by hand.
fn said(trace_id: &Value, more: &Value) -> Value {
    let mut fields = json!({"Event": "wxa_media_check", "trace_id": trace_id, "version": 2});
    fields
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    fields
}

fn found(suggest: &str, label: i64) -> Value {
    json!({"errcode": 0, "result": {"suggest": suggest, "label": label}})
}

#[tokio::test]
async fn each_result_decides_its_look_in_both_forms() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for format in ["json", "xml"] {
            shop.push_console(APP, json!({"format": format})).await;
            for (word, decision, label, reason) in [
                ("tea", "pass", Some(100), "normal"),
                ("advert", "review", Some(10_001), "advertising"),
                ("nude", "reject", Some(20_002), "pornography"),
                ("unreachable", "review", None, "download_failed"),
            ] {
                let look = picture(&phone, word).await;
                assert_eq!(told(&outcome(shop, &look).await).0, "pending");
                shop.deliver_pushes().await;
                let known = outcome(shop, &look).await;
                assert_eq!(
                    told(&known),
                    ("decided", decision, reason, label),
                    "{format} {word}"
                );
                assert_eq!(
                    (&known["id"], &known["trace_id"]),
                    (&look["id"], &look["trace_id"])
                );
            }
        }
        // What could not be fetched once is not lost for ever.
        shop.faults(json!([{"kind": "download_failed", "api": "media_check"}]))
            .await;
        let failed = picture(&phone, "tea").await;
        shop.deliver_pushes().await;
        assert_eq!(
            told(&outcome(shop, &failed).await),
            ("decided", "review", "download_failed", None)
        );
    })
    .await;
}

#[tokio::test]
async fn a_result_may_overtake_the_answer_that_names_it() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        picture(&phone, "tea").await;
        shop.deliver_pushes().await;
        shop.faults(json!([held("delay", "media_check")])).await;
        let (known, ()) = tokio::join!(picture(&phone, "gamble"), async {
            until(async || shop.calls("media_check").await.len() == 2).await;
            shop.deliver_pushes().await;
            let nameless = "select count(*) from content_checks where trace_id is null";
            assert_eq!(shop.count(nameless).await, 1);
            shop.let_go().await;
        });
        // The very answer that promises the look knows what came of it.
        assert_eq!(told(&known), ("decided", "reject", "crime", Some(20_006)));
        assert_eq!(outcome(shop, &known).await, known);
        shop.advance(3_600).await;
        shop.run_workers().await;
        assert_eq!(outcome(shop, &known).await, known);
    })
    .await;
}

#[tokio::test]
async fn the_first_result_counts() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let look = picture(&phone, "nude").await;
        shop.faults(json!([{"kind": "notification_doubled", "api": "push"}]))
            .await;
        shop.deliver_pushes().await;
        let known = outcome(shop, &look).await;
        assert_eq!(told(&known), ("decided", "reject", "pornography", Some(20_002)));
        shop.faults(json!([])).await;
        let trace_id = &look["trace_id"];
        for more in [
            found("pass", 100),
            found("review", 20_003),
            json!({"errcode": -1008}),
            json!({}),
        ] {
            shop.advance(60).await;
            shop.push_event("oWhoever", said(trace_id, &more)).await;
            assert_eq!(outcome(shop, &look).await, known);
        }
        shop.advance(1_800).await;
        shop.run_workers().await;
        assert_eq!(outcome(shop, &look).await, known);
    })
    .await;
}

#[tokio::test]
async fn a_result_that_is_lost_is_for_review_and_one_that_is_late_still_counts_once() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let (lost, late) = (picture(&phone, "nude").await, picture(&phone, "gamble").await);
        shop.faults(json!([{"kind": "notification_lost", "api": "push"}]))
            .await;
        shop.deliver_pushes().await;
        shop.advance(1_800).await;
        shop.run_workers().await;
        for look in [&lost, &late] {
            assert_eq!(
                told(&outcome(shop, look).await),
                ("decided", "review", "timed_out", None)
            );
        }
        shop.faults(json!([])).await;
        let trace_id = &late["trace_id"];
        shop.push_event("oWhoever", said(trace_id, &found("risky", 20_006)))
            .await;
        let known = ("decided", "reject", "crime", Some(20_006));
        assert_eq!(told(&outcome(shop, &late).await), known);
        shop.advance(60).await;
        shop.push_event("oWhoever", said(trace_id, &found("pass", 100)))
            .await;
        assert_eq!(told(&outcome(shop, &late).await), known);
        assert_eq!(told(&outcome(shop, &lost).await).2, "timed_out");
    })
    .await;
}

#[tokio::test]
async fn a_result_that_says_nothing_is_no_pass() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for (more, decision, reason, label) in [
            (json!({}), "review", "check_failed", None),
            (json!({"errcode": 0}), "review", "check_failed", None),
            (
                json!({"errcode": -1, "result": {"suggest": "pass", "label": 100}}),
                "review",
                "check_failed",
                None,
            ),
            (
                json!({"errcode": -1008, "result": {"suggest": "pass", "label": 100}}),
                "review",
                "download_failed",
                None,
            ),
            (found("PASS", 100), "review", "normal", Some(100)),
            (found("risky", 4_711), "reject", "unlisted", Some(4_711)),
            (
                json!({"errcode": 0, "result": {"suggest": "risky"}}),
                "reject",
                "unspecified",
                None,
            ),
        ] {
            let look = picture(&phone, "tea").await;
            shop.push_event("oWhoever", said(&look["trace_id"], &more)).await;
            assert_eq!(
                told(&outcome(shop, &look).await),
                ("decided", decision, reason, label),
                "{more}"
            );
        }
        // What names no look is a message like any other.
        for trace_id in [
            json!("never-heard-of"),
            json!(""),
            json!("a b"),
            json!("x".repeat(200)),
            Value::Null,
        ] {
            shop.push_event("oWhoever", said(&trace_id, &found("risky", 20_001)))
                .await;
        }
        assert_eq!(shop.count("select count(*) from content_checks").await, 7);
        let strangers = "select count(*) from content_check_results r
            where not exists (select from content_checks c where c.trace_id = r.trace_id)";
        assert_eq!(shop.count(strangers).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_result_is_for_its_own_mini_program_alone() {
    let mut file = NamedTempFile::new().unwrap();
    write!(
        file,
        "[[app]]\nid = \"{OTHER_APP}\"\nsecret = \"{APP_SECRET}\"\npush_token = \"{PUSH_TOKEN}\"\npush_aes_key = \"{PUSH_AES_KEY}\"\n"
    )
    .unwrap();
    let setup = Setup::default().with("WECHAT_APPS_FILE", file.path().to_str().unwrap());
    shop_with(setup, async |shop| {
        let phone = shop.visitor().await;
        let look = picture(&phone, "tea").await;
        let trace_id = &look["trace_id"];
        let risky = said(trace_id, &found("risky", 20_001));
        let mut contradicting = risky.clone();
        contradicting["appid"] = json!(OTHER_APP);
        shop.push_event("oWhoever", contradicting).await;
        let mut elsewhere = risky;
        elsewhere["MsgType"] = json!("event");
        let craft = json!({"app_id": OTHER_APP, "openid": "oWhoever", "message": elsewhere});
        assert_eq!(shop.push(craft).await, [(200, "success".to_owned())]);
        assert_eq!(told(&outcome(shop, &look).await).0, "pending");
        let mut own = said(trace_id, &found("pass", 100));
        own["appid"] = json!(APP);
        shop.push_event("oWhoever", own).await;
        assert_eq!(told(&outcome(shop, &look).await).1, "pass");
    })
    .await;
}

#[tokio::test]
async fn parallel_answers_and_results_decide_each_look_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.visitor().await;
        let looks = futures_util::future::join_all((0..12).map(|_| picture(&phone, "idiot")));
        let (looks, ()) = tokio::join!(looks, async {
            for _ in 0..30 {
                shop.deliver_pushes().await;
            }
        });
        shop.deliver_pushes().await;
        for look in &looks {
            assert_eq!(
                told(&outcome(shop, look).await),
                ("decided", "review", "abuse", Some(20_003))
            );
        }
    })
    .await;
}
