//! What WeChat's push tells of subscribe messages: popups, settings, and what became of what was sent.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{APP, Phone, Setup, Shop, TEMPLATE, held, shop, shop_with};

/// Has WeChat push all that is due; each must be taken.
async fn pushed(shop: &Shop) -> usize {
    let deliveries = shop.deliver_pushes().await;
    assert!(
        deliveries.iter().all(|one| one["status"] == 200),
        "{deliveries:?}"
    );
    deliveries.len()
}

/// Somebody who has allowed some messages, of which page and push have told.
async fn allowed(shop: &Shop, times: u32) -> Phone<'_> {
    shop.declare_template().await;
    let phone = shop.visitor().await;
    for _ in 0..times {
        phone.allow(1).await;
        // Popups of one second are one to whoever is told by push.
        shop.advance(1).await;
    }
    pushed(shop).await;
    assert_eq!(phone.left().await, Some(i64::from(times)));
    phone
}

#[tokio::test]
async fn a_popup_that_page_and_push_tell_of_counts_once_whoever_comes_first() {
    for format in ["json", "xml"] {
        shop(async |shop| {
            shop.push_console(APP, json!({ "format": format })).await;
            shop.declare_template().await;
            let phone = shop.visitor().await;
            let first = phone.popup("accept").await;
            phone.report(&first).await.ok(200);
            assert_eq!(phone.left().await, Some(1));
            assert_eq!(pushed(shop).await, 1);
            assert_eq!(phone.left().await, Some(1));
            shop.advance(1).await;
            let second = phone.popup("accept").await;
            assert_eq!(pushed(shop).await, 1);
            assert_eq!(phone.left().await, Some(2));
            phone.report(&second).await.ok(200);
            assert_eq!(phone.left().await, Some(2));
            // Of these the push alone tells, or the page alone.
            shop.advance(1).await;
            phone.popup("accept").await;
            phone.popup("reject").await;
            assert_eq!(pushed(shop).await, 2);
            assert_eq!(phone.left().await, Some(3));
            phone.report(&second).await.ok(200);
            assert_eq!(phone.left().await, Some(3));
            phone.report(&second).await.ok(200);
            assert_eq!(phone.left().await, Some(4));
        })
        .await;
    }
}

#[tokio::test]
async fn a_push_that_comes_twice_counts_once_and_what_was_switched_off_is_gone() {
    shop(async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        shop.faults(json!([{"kind": "notification_doubled", "api": "push"}]))
            .await;
        phone.popup("accept").await;
        assert_eq!(pushed(shop).await, 2);
        assert_eq!(phone.left().await, Some(1));
        shop.faults(json!([])).await;
        let off = json!({"user_id": phone.user_id, "template_id": TEMPLATE, "is_off": true});
        shop.control("POST", "/simulator/subscribe-settings", &off).await;
        assert_eq!(pushed(shop).await, 1);
        let all = phone.call("GET", "/v1/subscriptions", None).await.ok(200);
        assert_eq!(
            (&all["items"][0]["answer"], &all["items"][0]["remaining"]),
            (&json!("reject"), &json!(0))
        );
        // The page begins again from the same count as the push.
        phone.report(&json!({TEMPLATE: "accept"})).await.ok(200);
        assert_eq!(phone.left().await, Some(1));
    })
    .await;
}

#[tokio::test]
async fn the_report_of_a_message_settles_what_nobody_knew() {
    shop_with(Setup::default(), async |shop| {
        shop.announce("wechat_unavailable");
        shop.announce("wechat_timeout");
        let phone = allowed(shop, 2).await;
        let mut body = phone.message().await;
        body["dedup_key"] = json!("k1");
        shop.internal("GET", "/internal/access-token", None).await.ok(200);
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "subscribe_send"}]))
            .await;
        shop.send_message(&body).await.refused(503, "wechat_unavailable");
        shop.send_message(&body).await.refused(504, "wechat_timeout");
        assert_eq!((phone.left().await, pushed(shop).await), (Some(2), 1));
        let answer = shop.send_message(&body).await;
        assert_eq!(answer.header("idempotent-replayed"), Some("true"));
        assert_eq!(
            answer.ok(200)["msgid"],
            shop.inbox().await[0]["msgid"].to_string()
        );
        assert_eq!((phone.left().await, shop.inbox().await.len()), (Some(1), 1));
    })
    .await;
}

#[tokio::test]
async fn a_report_before_the_answer_is_counted_once_whether_the_answer_comes_or_not() {
    shop(async |shop| {
        let phone = allowed(shop, 2).await;
        let body = phone.message().await;
        for (fault, left) in [("delay", 1), ("no_answer_after_accepting", 0)] {
            shop.faults(json!([held(fault, "subscribe_send")])).await;
            let reporting = async {
                let seen = shop.calls("subscribe_send").await.len();
                // The effect is there before the answer is; a lost answer is written down when it is lost.
                crate::harness::until(async || shop.inbox().await.len() > usize::from(left == 0)).await;
                assert!(shop.calls("subscribe_send").await.len() >= seen);
                let reports = pushed(shop).await;
                shop.let_go().await;
                reports
            };
            let (answer, reports) = join(shop.send_message(&body), reporting).await;
            assert_eq!((answer.ok(200)["remaining"].as_i64(), reports), (Some(left), 1));
            // WeChat takes no other message for as long as it might have kept this one.
            shop.advance(100).await;
        }
        assert_eq!(shop.message_states().await, ["sent", "sent"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_about_an_order_whose_answer_is_lost_is_not_sent_twice() {
    let setup = Setup::default().paid_message();
    shop_with(setup, async |shop| {
        let phone = allowed(shop, 3).await;
        shop.stock("tea", 100, None).await;
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "subscribe_send", "times": 1}]))
            .await;
        phone.paid_order("tea", 1).await;
        shop.run_workers().await;
        assert_eq!(shop.message_states().await, ["pending"]);
        assert_eq!(pushed(shop).await, 1);
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!(
            (shop.calls("subscribe_send").await.len(), shop.inbox().await.len()),
            (1, 1)
        );
        assert_eq!(
            (shop.message_states().await, phone.left().await),
            (vec!["sent".to_owned()], Some(2))
        );
    })
    .await;
}

#[tokio::test]
async fn a_report_is_of_the_message_on_its_way_before_one_that_nobody_knows_of() {
    shop_with(Setup::default().paid_message(), async |shop| {
        let phone = allowed(shop, 3).await;
        shop.stock("tea", 100, None).await;
        // WeChat never had it, which nobody knows.
        shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "subscribe_send", "times": 1}]))
            .await;
        phone.paid_order("tea", 1).await;
        shop.run_workers().await;
        assert_eq!(
            (shop.message_states().await, shop.inbox().await.len()),
            (vec!["pending".to_owned()], 0)
        );
        let body = phone.message().await;
        shop.faults(json!([held("delay", "subscribe_send")])).await;
        let reporting = async {
            crate::harness::until(async || shop.inbox().await.len() == 1).await;
            let reports = pushed(shop).await;
            shop.let_go().await;
            reports
        };
        let (answer, reports) = join(shop.send_message(&body), reporting).await;
        assert_eq!((answer.ok(200)["remaining"].as_i64(), reports), (Some(2), 1));
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!(
            (shop.message_states().await, shop.inbox().await.len()),
            (vec!["sent".to_owned(); 2], 2)
        );
        assert_eq!(phone.left().await, Some(1));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_delivered_is_given_back_once_and_what_others_sent_is_counted() {
    shop(async |shop| {
        let phone = allowed(shop, 2).await;
        shop.faults(json!([
            {"kind": "message_undelivered", "api": "subscribe_send", "times": 1},
            {"kind": "notification_doubled", "api": "push", "times": 1},
        ]))
        .await;
        assert_eq!(
            shop.send_message(&phone.message().await).await.ok(200)["remaining"],
            1
        );
        assert_eq!((pushed(shop).await, phone.left().await), (2, Some(2)));
        let told = "select count(*) from subscribe_messages where state = 'sent' and told_errcode = 1";
        assert_eq!(shop.count(told).await, 1);
        phone.sent_by_others().await;
        assert_eq!((phone.left().await, pushed(shop).await), (Some(2), 1));
        assert_eq!(phone.left().await, Some(1));
        // A report about nobody known, or without a number, changes nothing.
        let openid = phone.openid().await;
        let odd = |item: Value| json!({"Event": "subscribe_msg_sent_event", "List": item});
        for item in [
            json!({"TemplateId": "none_of_ours", "MsgID": "1", "ErrorCode": "0", "ErrorStatus": "success"}),
            json!({"TemplateId": TEMPLATE, "MsgID": "", "ErrorCode": "0", "ErrorStatus": "success"}),
            json!({"TemplateId": TEMPLATE, "MsgID": "2", "ErrorCode": "1", "ErrorStatus": "failed"}),
            json!([]),
        ] {
            shop.push_event(&openid, odd(item)).await;
        }
        assert_eq!(phone.left().await, Some(1));
    })
    .await;
}

#[tokio::test]
async fn a_report_that_comes_during_a_later_try_is_of_the_one_that_nobody_knew_of() {
    for errcode in [-1, 47_003] {
        shop_with(Setup::default().paid_message(), async |shop| {
            let phone = allowed(shop, 2).await;
            shop.stock("tea", 100, None).await;
            shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "subscribe_send", "times": 1}]))
                .await;
            phone.paid_order("tea", 1).await;
            shop.run_workers().await;
            assert_eq!(shop.message_states().await, ["pending"]);
            shop.advance(121).await;
            let refusal = json!({"kind": "errcode", "errcode": errcode, "api": "subscribe_send", "times": 1});
            shop.faults(json!([held("delay", "subscribe_send"), refusal]))
                .await;
            let reporting = async {
                crate::harness::until(async || shop.calls("subscribe_send").await.len() == 2).await;
                assert_eq!(pushed(shop).await, 1);
                shop.let_go().await;
            };
            join(shop.run_workers(), reporting).await;
            assert_eq!(shop.message_states().await, ["sent"]);
            shop.advance(86_400).await;
            shop.run_workers().await;
            assert_eq!(
                (shop.calls("subscribe_send").await.len(), shop.inbox().await.len()),
                (2, 1)
            );
            assert_eq!(phone.left().await, Some(1));
        })
        .await;
    }
}

#[tokio::test]
async fn a_report_of_what_others_sent_is_not_that_of_a_message_which_wechat_refuses() {
    shop_with(Setup::default().paid_message(), async |shop| {
        let phone = allowed(shop, 3).await;
        shop.stock("tea", 100, None).await;
        phone.sent_by_others().await;
        let refusal = json!({"kind": "errcode", "errcode": -1, "api": "subscribe_send", "times": 1});
        shop.faults(json!([held("delay", "subscribe_send"), refusal]))
            .await;
        phone.paid_order("tea", 1).await;
        let reporting = async {
            crate::harness::until(async || shop.calls("subscribe_send").await.len() == 2).await;
            assert_eq!(pushed(shop).await, 1);
            shop.let_go().await;
        };
        join(shop.run_workers(), reporting).await;
        assert_eq!(
            (shop.message_states().await, phone.left().await),
            (vec!["pending".to_owned()], Some(2))
        );
        shop.advance(86_400).await;
        shop.run_workers().await;
        // Its own report finds it, and counts nothing twice.
        assert_eq!((shop.inbox().await.len(), pushed(shop).await), (2, 1));
        assert_eq!(
            (shop.message_states().await, phone.left().await),
            (vec!["sent".to_owned()], Some(1))
        );
        let own = "select count(*) from subscribe_messages where told_errcode = 0";
        assert_eq!(shop.count(own).await, 1);
    })
    .await;
}
