//! Names of profiles and notes of orders that WeChat looks at before they are kept, where the settings say so.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, shop, shop_with};

fn both() -> Setup {
    Setup::default().with("CONTENT_CHECKS", "profile,order_note")
}

fn tea(note: &str) -> Value {
    json!({"items": [{"product_id": "tea", "quantity": 1}], "note": note})
}

async fn checks(shop: &Shop) -> usize {
    shop.calls("text_check").await.len()
}

async fn nickname(phone: &Phone<'_>) -> Value {
    phone.call("GET", "/v1/me", None).await.ok(200)["nickname"].clone()
}

/// How many notes were kept unchecked by all the servers of this process.
async fn unchecked(shop: &Shop) -> u64 {
    let text = shop.admin("GET", "/metrics", None).await.text();
    let line = r#"weir_content_checks_total{what="order_note",outcome="failed"} "#;
    let value = text.lines().find_map(|found| found.strip_prefix(line));
    value.map_or(0, |value| value.parse().unwrap())
}

/// What WeChat does when it is not there, in each of its ways.
fn absences() -> [(Value, u16, &'static str); 6] {
    [
        (json!({"kind": "server_error"}), 503, "wechat_unavailable"),
        (
            json!({"kind": "no_answer_after_accepting"}),
            503,
            "wechat_unavailable",
        ),
        (json!({"kind": "delay", "ms": 60_000}), 504, "wechat_timeout"),
        (json!({"kind": "errcode", "errcode": 44_991}), 429, "rate_limited"),
        (json!({"kind": "errcode", "errcode": 45_009}), 429, "rate_limited"),
        (
            json!({"kind": "errcode", "errcode": 61_010}),
            409,
            "user_inactive",
        ),
    ]
}

#[tokio::test]
async fn without_the_setting_nobody_is_asked() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        phone
            .call("PATCH", "/v1/me", Some(&json!({"nickname": "赌博"})))
            .await
            .ok(200);
        phone.order("k", &tea("赌博")).await.ok(201);
        assert_eq!(checks(shop).await, 0);
    })
    .await;
}

#[tokio::test]
async fn each_word_of_the_setting_is_about_one_thing() {
    for (word, is_name_free, is_note_free) in [("profile", false, true), ("order_note", true, false)] {
        shop_with(Setup::default().with("CONTENT_CHECKS", word), async |shop| {
            shop.stock("tea", 100, None).await;
            let phone = shop.visitor().await;
            let named = phone
                .call("PATCH", "/v1/me", Some(&json!({"nickname": "赌博"})))
                .await;
            assert_eq!(named.status == 200, is_name_free, "{word}");
            assert_eq!(
                phone.order("k", &tea("赌博")).await.status == 201,
                is_note_free,
                "{word}"
            );
            assert_eq!(checks(shop).await, 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_name_is_kept_unless_wechat_refuses_it() {
    shop_with(both(), async |shop| {
        let phone = shop.visitor().await;
        for method in ["PATCH", "PUT"] {
            for (name, is_kept) in [("阿丽", true), ("蠢货", true), ("裸聊", false), ("a nude", false)]
            {
                let before = nickname(&phone).await;
                let body = json!({"nickname": name, "avatar_url": "https://wx.qlogo.cn/x"});
                let answer = phone.call(method, "/v1/me", Some(&body)).await;
                if is_kept {
                    assert_eq!(answer.ok(200)["nickname"], name);
                } else {
                    let problem = answer.refused(422, "content_rejected");
                    assert_eq!(problem["errors"][0]["pointer"], "/nickname");
                    assert_eq!(problem["errors"][0]["detail"], "WeChat finds: pornography");
                    assert_eq!(nickname(&phone).await, before);
                }
            }
        }
        let asked = checks(shop).await;
        assert_eq!(asked, 8);
        // Neither what is not acceptable anyway nor a change without a name is worth a question.
        phone
            .call("PATCH", "/v1/me", Some(&json!({"nickname": ""})))
            .await
            .refused(422, "validation_failed");
        let picture = json!({"avatar_url": "https://wx.qlogo.cn/y"});
        phone.call("PATCH", "/v1/me", Some(&picture)).await.ok(200);
        assert_eq!(checks(shop).await, asked);
    })
    .await;
}

#[tokio::test]
async fn while_wechat_says_nothing_no_name_is_changed() {
    shop_with(both().patience(Duration::from_secs(3)), async |shop| {
        for code in ["wechat_unavailable", "wechat_timeout"] {
            shop.announce(code);
        }
        let phone = shop.visitor().await;
        phone
            .call("PATCH", "/v1/me", Some(&json!({"nickname": "first"})))
            .await
            .ok(200);
        for (mut fault, status, code) in absences() {
            fault["api"] = json!("text_check");
            shop.faults(json!([fault])).await;
            let changed = phone
                .call("PATCH", "/v1/me", Some(&json!({"nickname": "second"})))
                .await;
            changed.refused(status, code);
            assert_eq!(nickname(&phone).await, "first", "{code}");
        }
        shop.faults(json!([])).await;
        phone
            .call("PATCH", "/v1/me", Some(&json!({"nickname": "second"})))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn an_order_with_a_refused_note_is_not_placed_and_its_key_is_free() {
    shop_with(both(), async |shop| {
        shop.stock("tea", 100, Some(3)).await;
        let phone = shop.visitor().await;
        let problem = phone
            .order("k", &tea("赌博"))
            .await
            .refused(422, "content_rejected");
        assert_eq!(problem["errors"][0]["pointer"], "/note");
        assert_eq!(
            (
                shop.count("select count(*) from orders").await,
                shop.stock_left("tea").await
            ),
            (0, Some(3))
        );
        let placed = phone.order("k", &tea("no sugar")).await;
        assert_eq!(placed.header("idempotent-replayed"), None);
        assert_eq!(placed.ok(201)["note"], "no sugar");
        // What is doubtful is for the shop to read.
        assert_eq!(
            phone.order("l", &tea("you idiot")).await.ok(201)["note"],
            "you idiot"
        );
        assert_eq!(shop.stock_left("tea").await, Some(1));
    })
    .await;
}

#[tokio::test]
async fn a_repetition_is_not_asked_about_again() {
    shop_with(both(), async |shop| {
        shop.stock("tea", 100, Some(5)).await;
        let phone = shop.visitor().await;
        let first = phone.order("k", &tea("no sugar")).await.ok(201);
        assert_eq!(checks(shop).await, 1);
        // Whatever WeChat would say by now.
        shop.faults(json!([{"kind": "errcode", "api": "text_check", "errcode": 87_014}]))
            .await;
        for _ in 0..3 {
            let again = phone.order("k", &tea("no sugar")).await;
            assert_eq!(again.header("idempotent-replayed"), Some("true"));
            assert_eq!(again.ok(201), first);
        }
        phone
            .order("k", &tea("less sugar"))
            .await
            .refused(422, "idempotency_key_reused");
        assert_eq!(checks(shop).await, 1);
        // Nor are notes that say nothing.
        for (key, note) in [("l", ""), ("m", " \n")] {
            phone.order(key, &tea(note)).await.ok(201);
        }
        phone
            .order("n", &json!({"items": [{"product_id": "tea", "quantity": 1}]}))
            .await
            .ok(201);
        assert_eq!(checks(shop).await, 1);
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_with_one_key_one_order_is_placed() {
    shop_with(both(), async |shop| {
        shop.stock("tea", 100, Some(5)).await;
        let phone = shop.visitor().await;
        let body = tea("no sugar");
        let answers = join_all((0..8).map(|_| phone.order("k", &body))).await;
        for answer in &answers {
            if answer.status != 201 {
                answer.refused(409, "request_in_progress");
            }
        }
        let fresh = answers
            .iter()
            .filter(|answer| answer.status == 201 && answer.header("idempotent-replayed").is_none());
        assert_eq!(fresh.count(), 1);
        assert_eq!(
            (
                shop.count("select count(*) from orders").await,
                shop.stock_left("tea").await
            ),
            (1, Some(4))
        );
    })
    .await;
}

#[tokio::test]
async fn no_order_waits_for_a_wechat_that_says_nothing() {
    shop_with(both().patience(Duration::from_secs(3)), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let before = unchecked(shop).await;
        for (at, (mut fault, ..)) in absences().into_iter().enumerate() {
            fault["api"] = json!("text_check");
            shop.faults(json!([fault])).await;
            let placed = phone.order(&format!("k{at}"), &tea("赌博")).await;
            assert_eq!(placed.ok(201)["note"], "赌博");
        }
        assert_eq!(shop.count("select count(*) from orders").await, 6);
        assert!(unchecked(shop).await >= before + 6);
    })
    .await;
}

#[tokio::test]
async fn an_order_waits_two_seconds_at_the_most() {
    shop_with(both().patience(Duration::from_mins(2)), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        shop.faults(json!([{"kind": "delay", "api": "text_check", "ms": 100_000}]))
            .await;
        let body = tea("no sugar");
        let placing = phone.order("k", &body);
        // Far below the time that this call to WeChat would take.
        tokio::time::timeout(Duration::from_secs(30), placing)
            .await
            .unwrap()
            .ok(201);
    })
    .await;
}

#[tokio::test]
async fn a_slow_wechat_takes_sixty_four_places_and_no_more() {
    shop_with(both().patience(Duration::from_mins(2)), async |shop| {
        for code in ["wechat_timeout", "unavailable"] {
            shop.announce(code);
        }
        let mut phones = Vec::new();
        for _ in 0..11 {
            phones.push(shop.visitor().await);
        }
        let body = json!({"nickname": "first"});
        phones[0].call("PATCH", "/v1/me", Some(&body)).await.ok(200);
        shop.faults(json!([{"kind": "delay", "api": "text_check", "ms": 100_000}]))
            .await;
        let body = json!({"nickname": "second"});
        // Six of each, which is fewer than one user may have.
        let asked = phones.iter().flat_map(|phone| vec![phone; 6]);
        let answers = join_all(asked.map(|phone| phone.call("PATCH", "/v1/me", Some(&body)))).await;
        let (crowded, waited): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 503);
        assert_eq!((crowded.len(), waited.len()), (2, 64));
        for answer in crowded {
            answer.refused(503, "unavailable");
        }
        for answer in waited {
            answer.refused(504, "wechat_timeout");
        }
        assert_eq!(checks(shop).await, 65);
    })
    .await;
}
