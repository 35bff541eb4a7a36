//! How messages are kept: sealed, for a while, and through a change of the data keys.

use serde_json::json;

use super::{event, kept};
use crate::harness::{DATA_KEYS, Receiver, Reply, Setup, shop, shop_with};

#[tokio::test]
async fn what_people_write_lies_sealed_and_reaches_no_log() {
    shop(async |shop| {
        let words = "A secret of mine, 13800000001";
        shop.keep_secret([words.to_owned(), "oSecretPerson".to_owned()]);
        let craft =
            json!({"openid": "oSecretPerson", "message": {"MsgType": "text", "Content": words, "MsgId": 1}});
        assert_eq!(shop.push(craft).await, [(200, "success".to_owned())]);
        let row: String =
            sqlx::query_scalar("select m::text || encode(m.message, 'escape') from push_messages m")
                .fetch_one(&shop.db)
                .await
                .unwrap();
        assert!(row.contains("push.message.text"));
        assert!(
            !row.contains("oSecretPerson") && !row.contains("secret of mine"),
            "{row}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_message_is_kept_for_thirty_days_and_longer_only_while_it_waits() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|got, _| {
            Reply::Status(if got.kind() == "push.event.unwanted" {
                410
            } else {
                204
            })
        });
        shop.push_event("oAlice", event("wanted", "1")).await;
        shop.push_event("oAlice", event("unwanted", "1")).await;
        shop.run_workers().await;
        shop.advance(30 * 86_400 - 60).await;
        shop.run_workers().await;
        assert_eq!(kept(shop).await, (2, 2));
        shop.advance(120).await;
        shop.run_workers().await;
        assert_eq!(kept(shop).await, (1, 1));
        let open = shop
            .admin("GET", "/admin/exceptions?status=open", None)
            .await
            .ok(200);
        let id = open["items"][0]["id"].as_str().unwrap();
        let resolve = format!("/admin/exceptions/{id}/resolve");
        shop.admin("POST", &resolve, Some(&json!({"resolution": "not wanted"})))
            .await
            .ok(200);
        shop.run_workers().await;
        assert_eq!(kept(shop).await, (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_message_outlives_the_key_it_was_sealed_under() {
    const NEW: &str = "q7WcTzL0b5Yk2NfR8vXhJdGmPs4AuEi1oKyBw9DtZ3s=";
    let receiver = Receiver::start().await;
    shop(async |shop| {
        shop.push_event("oAlice", event("e", "1")).await;
        assert!(shop.stop(0).await);
        shop.clock.advance(chrono::TimeDelta::seconds(1));
        let both = Setup::default().with("DATA_KEYS", format!("{NEW},{DATA_KEYS}"));
        let both = shop.join(&both).await;
        shop.run_workers_of(both).await;
        assert!(shop.stop(both).await);
        let last = receiver.told_by(Setup::default().with("DATA_KEYS", NEW));
        let last = shop.join(&last).await;
        let id: String = sqlx::query_scalar("select id::text from push_messages")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        let again = format!("/admin/events/{id}/redeliver");
        let token = Some(crate::harness::ADMIN_TOKEN);
        shop.send(shop.request_of(last, "POST", &again, token, None))
            .await
            .ok(202);
        shop.run_workers_of(last).await;
        assert_eq!(receiver.got()[0].json()["data"]["openid"], "oAlice");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_does_not_open_any_more_holds_up_nobody() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        shop.push_event("oAlice", event("broken", "1")).await;
        sqlx::query("update push_messages set message = '\\x0102'")
            .execute(&shop.db)
            .await
            .unwrap();
        shop.push_event("oAlice", event("whole", "1")).await;
        shop.run_workers().await;
        let kinds: Vec<String> = receiver.got().iter().map(crate::harness::Got::kind).collect();
        assert_eq!(kinds, ["push.event.whole"]);
        let outcome: String =
            sqlx::query_scalar("select last_outcome from event_deliveries where state = 'parked'")
                .fetch_one(&shop.db)
                .await
                .unwrap();
        assert_eq!(outcome, "unreadable");
    })
    .await;
}
