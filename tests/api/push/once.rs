//! Each message has its effect once, however often it comes.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{event, kept};
use crate::harness::{APP, OTHER_APP, PUSH_AES_KEY, PUSH_TOKEN, Receiver, Setup, shop, shop_with};

/// What is logged when WeChat demands shipments from now on.
const DEMAND: &str = "WeChat demands to be told of shipments of this mini program from now on";

#[tokio::test]
async fn sixty_four_at_once_at_two_servers_are_one() {
    let receiver = Receiver::start().await;
    let setup = receiver.told_by(Setup::default().replicas(2));
    shop_with(setup, async |shop| {
        // No other test pushes this one, whose effect is a line in the log.
        let craft = json!({"openid": "oAlice", "message": event("wxa_trade_controlled", "T1"), "copies": 64});
        let pushes = shop.made_pushes(craft).await;
        let targets: std::collections::BTreeSet<&str> =
            pushes.iter().map(|push| push.target.as_str()).collect();
        assert_eq!(targets.len(), 64, "each is signed for itself");
        let sending = pushes.iter().enumerate().map(|(position, push)| {
            let request = shop.http.post(shop.url_of(position % 2, &push.target));
            shop.send(request.body(push.body.clone()))
        });
        let answers = join_all(sending).await;
        assert!(
            answers.iter().all(|answer| answer.text() == "success"),
            "{answers:?}"
        );
        assert_eq!(kept(shop).await, (1, 1));
        // The very bytes of one, again.
        assert_eq!(shop.post_push(&pushes[0]).await.text(), "success");
        assert_eq!(kept(shop).await, (1, 1));
        let effects = shop.lines_with(DEMAND);
        assert_eq!(effects.len(), 1, "{effects:?}");
        shop.run_workers().await;
        assert_eq!(receiver.got().len(), 1);
        assert!(shop.metric("weir_pushes_total{verdict=\"duplicate\"}").await >= 64);
        assert!(shop.metric("weir_pushes_total{verdict=\"taken\"}").await >= 1);
    })
    .await;
}

#[tokio::test]
async fn what_differs_is_not_taken_for_a_repetition() {
    shop(async |shop| {
        let media = |trace_id: &str| {
            json!({"MsgType": "event", "Event": "wxa_media_check", "CreateTime": 1, "trace_id": trace_id})
        };
        let text = |id: u64, time: u64| {
            json!({"MsgType": "text", "Content": "hi", "MsgId": id, "CreateTime": time})
        };
        let mut wanted = 0;
        // Each: who says what, and whether it is new.
        for (openid, message, is_new) in [
            ("oAlice", media("a"), true),
            ("oAlice", media("a"), false),
            // Two results of one second, for one person.
            ("oAlice", media("b"), true),
            ("oBob", media("a"), true),
            ("oAlice", text(1, 1), true),
            // A message has a number, and comes again whatever the time.
            ("oAlice", text(1, 2), false),
            ("oAlice", text(2, 1), true),
            ("oBob", text(1, 1), true),
        ] {
            for format in ["json", "json"] {
                let craft = json!({"openid": openid, "message": message, "format": format});
                assert_eq!(shop.push(craft).await, [(200, "success".to_owned())]);
            }
            wanted += i64::from(is_new);
            assert_eq!(kept(shop).await.0, wanted, "{openid} {message}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_mini_programs_message_is_not_anothers() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let apps = format!(
        "[[app]]\nid = \"{OTHER_APP}\"\nsecret = \"{}\"\npush_token = \"{PUSH_TOKEN}\"\npush_aes_key = \"{PUSH_AES_KEY}\"\n",
        crate::harness::APP_SECRET
    );
    std::fs::write(file.path(), apps).unwrap();
    let setup = Setup::default().with("WECHAT_APPS_FILE", file.path().to_str().unwrap());
    shop_with(setup, async |shop| {
        for app_id in [APP, OTHER_APP, APP, OTHER_APP] {
            let craft = json!({"app_id": app_id, "openid": "oAlice",
                "message": {"MsgType": "event", "Event": "e", "CreateTime": 1}});
            assert_eq!(shop.push(craft).await, [(200, "success".to_owned())]);
        }
        let apps: Vec<String> = sqlx::query_scalar("select app_id from push_messages order by app_id")
            .fetch_all(&shop.db)
            .await
            .unwrap();
        assert_eq!(apps, [APP, OTHER_APP]);
    })
    .await;
}

#[tokio::test]
async fn a_push_that_could_not_be_written_is_taken_when_it_comes_again() {
    shop(async |shop| {
        shop.announce("FAIL");
        let craft = json!({"openid": "oAlice", "message": event("debug_demo", "1")});
        let pushed = shop.made_push(craft).await;
        shop.lose_database().await;
        let answer = shop.post_push(&pushed).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json()["code"], Value::from("FAIL"));
        shop.find_database().await;
        assert_eq!(shop.post_push(&pushed).await.text(), "success");
        assert_eq!(kept(shop).await.0, 1);
    })
    .await;
}

#[tokio::test]
async fn a_push_that_has_to_wait_is_answered_before_wechat_gives_up() {
    shop_with(Setup::default().short_locks(), async |shop| {
        shop.announce("FAIL");
        let craft = json!({"openid": "oAlice", "message": event("debug_demo", "1")});
        let pushed = shop.made_push(craft).await;
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query("lock table push_messages in exclusive mode")
            .execute(&mut *held)
            .await
            .unwrap();
        // Answered although the table is still held: a wait without a bound would never end here.
        assert_eq!(shop.post_push(&pushed).await.status, 503);
        held.rollback().await.unwrap();
        assert_eq!(shop.post_push(&pushed).await.text(), "success");
        assert_eq!(kept(shop).await.0, 1);
    })
    .await;
}
