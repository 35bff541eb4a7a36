//! What WeChat pushed is told on, signed, beside the moves of orders and in the way of none.

use serde_json::{Value, json};

use super::event;
use crate::harness::{APP, Receiver, Reply, Setup, shop_with};

/// The states of all deliveries of pushed messages, with their tries, oldest first.
async fn states(shop: &crate::harness::Shop) -> Vec<(String, i32)> {
    sqlx::query_as(
        "select state, attempts from event_deliveries where push_message_id is not null order by sequence",
    )
    .fetch_all(&shop.db)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_push_is_told_signed_and_once_with_whom_it_is_from() {
    let receiver = Receiver::start().await;
    let setup = receiver.told_by(Setup::default().real_time());
    shop_with(setup, async |shop| {
        let phone = shop.visitor().await;
        let user_id = phone.call("GET", "/v1/me", None).await.ok(200)["id"].clone();
        let openid = phone.openid().await;
        for (format, time) in [("json", json!(1_714_112_445)), ("xml", json!("1714112445"))] {
            let craft = json!({"openid": openid, "format": format, "message": {
                "MsgType": "event", "Event": "debug_demo", "CreateTime": 1_714_112_445, "debug_str": format!("say \"{format}\" <b>")}});
            assert_eq!(shop.push(craft).await, [(200, "success".to_owned())]);
            shop.run_workers().await;
            shop.advance(60).await;
            shop.run_workers().await;
            let got = receiver.got().pop().unwrap();
            Receiver::verify(&got);
            let (id, arrived): (String, String) = sqlx::query_as(
                r#"select id::text, to_char(received_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                from push_messages order by id desc limit 1"#,
            )
            .fetch_one(&shop.db)
            .await
            .unwrap();
            assert_eq!(got.id(), id);
            let wanted = json!({"type": "push.event.debug_demo", "timestamp": arrived, "data": {
                "app_id": APP, "user_id": user_id, "openid": openid, "msg_type": "event", "event": "debug_demo",
                "message": {"ToUserName": "gh_1111111111111111", "FromUserName": openid, "CreateTime": time,
                    "MsgType": "event", "Event": "debug_demo", "debug_str": format!("say \"{format}\" <b>")}}});
            assert_eq!(got.json(), wanted);
        }
        assert_eq!(receiver.got().len(), 2);
        assert_eq!(states(shop).await, vec![("delivered".to_owned(), 1); 2]);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_knows_is_kept_and_told_on() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        for (craft, kind) in [
            (json!({"openid": "oStranger", "message": event("brand_new", "1")}), "push.event.brand_new"),
            (json!({"openid": "oStranger", "message": {"MsgType": "event", "Event": "not a name"}}), "push.event.other"),
            (json!({"openid": "oStranger", "message": {"MsgType": "text", "Content": "你好 😀", "MsgId": 1}}), "push.message.text"),
            (json!({"text": "{\"a\":{\"b\":[1.50,\"\\u0000\"]}}"}), "push.message.other"),
            (json!({"text": "<xml><a><b>1</b><b>2</b></a></xml>"}), "push.message.other"),
        ] {
            assert_eq!(shop.push(craft.clone()).await, [(200, "success".to_owned())], "{craft}");
            shop.run_workers().await;
            let got = receiver.got().pop().unwrap().json();
            assert_eq!(got["type"], kind);
            assert_eq!(got["data"]["user_id"], Value::Null);
            let message = &got["data"]["message"];
            match craft["text"].as_str() {
                Some(text) if text.starts_with('<') => assert_eq!(*message, json!({"a": {"b": ["1", "2"]}})),
                Some(text) => assert_eq!(*message, serde_json::from_str::<Value>(text).unwrap()),
                None => {
                    assert_eq!(got["data"]["openid"], "oStranger");
                    for (name, value) in craft["message"].as_object().unwrap() {
                        assert_eq!(message[name], *value, "{name}");
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_does_not_take_pushes_holds_up_no_order() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|got, _| Reply::Status(if got.kind().starts_with("push.") { 500 } else { 204 }));
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let openid = phone.openid().await;
        for number in 0..40 {
            shop.push_event(&openid, event("e", &number.to_string())).await;
        }
        let order = phone.buy("tea", 1).await;
        phone.close(&order).await.ok(200);
        shop.run_workers().await;
        let kinds: Vec<String> = receiver.got().iter().map(crate::harness::Got::kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "order.closed").count(), 1);
        assert_eq!(kinds.len(), 41, "none of them waits for another");
        assert_eq!(states(shop).await, vec![("pending".to_owned(), 1); 40]);
        let check = shop.admin("GET", "/admin/health", None).await.ok(200)["checks"]["events"].clone();
        assert_eq!((&check["pending"], &check["status"]), (&json!(40), &json!("ok")));
        shop.advance(20 * 60).await;
        let check = shop.admin("GET", "/admin/health", None).await.ok(200)["checks"]["events"].clone();
        assert_eq!(check["oldest_pending_age_s"], 20 * 60);
        receiver.answer(|_, _| Reply::Status(200));
        shop.run_workers().await;
        assert_eq!(states(shop).await, vec![("delivered".to_owned(), 2); 40]);
    })
    .await;
}

#[tokio::test]
async fn a_push_that_nobody_takes_waits_for_a_human() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|_, _| Reply::Status(410));
        for number in 0..3 {
            shop.push_event("oAlice", event("e", &number.to_string())).await;
        }
        shop.run_workers().await;
        assert_eq!(states(shop).await, vec![("parked".to_owned(), 1); 3]);
        let open = shop
            .admin("GET", "/admin/exceptions?status=open", None)
            .await
            .ok(200);
        let open = open["items"].as_array().unwrap();
        assert_eq!(open.len(), 3);
        for exception in open {
            assert_eq!(exception["kind"], "event_undelivered");
            assert_eq!(exception["order_id"], Value::Null);
            assert_eq!(exception["evidence"]["type"], "push.event.e");
            assert!(!exception.to_string().contains("oAlice"));
        }
        let check = shop.admin("GET", "/admin/health", None).await.ok(200)["checks"]["events"].clone();
        assert_eq!(
            (&check["parked"], &check["status"]),
            (&json!(3), &json!("degraded"))
        );
        // One is given up, one is sent again by itself, the last with all that are parked.
        receiver.answer(|_, _| Reply::Status(204));
        let id = |at: usize| open[at]["evidence"]["event_id"].as_str().unwrap();
        let resolve = format!("/admin/exceptions/{}/resolve", open[0]["id"].as_str().unwrap());
        shop.admin("POST", &resolve, Some(&json!({"resolution": "not wanted"})))
            .await
            .ok(200);
        let again = format!("/admin/events/{}/redeliver", id(1));
        assert_eq!(shop.admin("POST", &again, None).await.ok(202)["id"], id(1));
        shop.run_workers().await;
        let all = shop
            .admin("POST", "/admin/events/redeliver", Some(&json!({})))
            .await;
        assert_eq!(all.ok(202), json!({"pending": 1}));
        shop.run_workers().await;
        let mut found = states(shop).await;
        found.sort();
        let state = |state: &str| (state.to_owned(), 1);
        assert_eq!(found, [state("delivered"), state("delivered"), state("given_up")]);
        assert_eq!(shop.open_exceptions().await, []);
        assert_eq!(receiver.got().len(), 5);
    })
    .await;
}

#[tokio::test]
async fn without_a_receiver_pushes_are_kept_and_told_when_asked_for() {
    let receiver = Receiver::start().await;
    crate::harness::shop(async |shop| {
        shop.push_event("oAlice", event("e", "1")).await;
        assert_eq!(states(shop).await, []);
        let id: String = sqlx::query_scalar("select id::text from push_messages")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        let replica = shop.join(&receiver.told_by(Setup::default())).await;
        let again = format!("/admin/events/{id}/redeliver");
        let token = Some(crate::harness::ADMIN_TOKEN);
        shop.send(shop.request_of(replica, "POST", &again, token, None))
            .await
            .ok(202);
        shop.run_workers().await;
        assert_eq!(receiver.got()[0].id(), id);
    })
    .await;
}
