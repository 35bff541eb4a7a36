//! A recorded notification run again: dry it leaves nothing behind, applied it settles like any other,
//! and what was lost because of a key or a clock is found again.

use chrono::TimeDelta;
use serde_json::{Value, json};
use weir::simulator::KeyMode;

use crate::harness::{Setup, Shop, shop, shop_with, until};
use crate::recorder::paid;

/// The id of the one delivery that was refused.
async fn refused(shop: &Shop, verdict: &str) -> String {
    until(async || shop.refused().await.len() == 1).await;
    let refused = shop.refused().await.pop().unwrap();
    assert_eq!(refused.verdict, verdict);
    refused.id
}

/// The ids of the believed deliveries.
async fn believed(shop: &Shop) -> Vec<String> {
    sqlx::query_scalar("select id::text from notifications order by id")
        .fetch_all(&shop.db)
        .await
        .unwrap()
}

/// What changes, without the names.
fn changes(replayed: &Value) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let changes = replayed["changes"].as_array().unwrap().iter();
    let mut changes: Vec<_> = changes
        .map(|one| {
            (
                one["what"].as_str().unwrap(),
                one["from"].as_str(),
                one["to"].as_str(),
            )
        })
        .collect();
    changes.sort_unstable();
    changes
}

/// The difference that a payment of 100 fen makes.
const PAYS: [(&str, Option<&str>, Option<&str>); 4] = [
    ("attempt", Some("prepaid"), Some("settled")),
    ("event", None, Some("order.paid")),
    ("order", Some("awaiting_payment"), Some("paid")),
    ("payment", None, Some("100 fen")),
];

/// Runs a lost delivery again, dry, applied and applied once more, at the server that can.
async fn assert_found_again(shop: &Shop, replica: usize, id: &str, order: &str) {
    let before = shop.snapshot().await;
    for _ in 0..2 {
        let dry = shop.replay(replica, id, false).await;
        assert_eq!(
            (&dry["verdict"], &dry["applied"]),
            (&json!("settled"), &json!(false))
        );
        assert_eq!(changes(&dry), PAYS);
        assert_eq!(shop.snapshot().await, before, "a dry run left something behind");
    }
    let applied = shop.replay(replica, id, true).await;
    assert_eq!(
        (&applied["verdict"], &applied["applied"]),
        (&json!("settled"), &json!(true))
    );
    assert_eq!(changes(&applied), PAYS);
    assert_eq!(shop.order_status(order).await, "paid");
    assert_eq!(
        shop.events(order).await,
        [("order.paid".to_owned(), "notification".to_owned())]
    );
    let audit: (String, String, String) = sqlx::query_as(
        "select verdict, replay_of::text, replayed_by from notifications where order_id = $1::uuid",
    )
    .bind(order)
    .fetch_one(&shop.db)
    .await
    .unwrap();
    assert_eq!((audit.0.as_str(), audit.1.as_str()), ("settled", id));
    assert!(audit.2.starts_with("admin, request "), "{}", audit.2);
    let once_more = shop.replay(replica, id, true).await;
    assert_eq!(once_more["verdict"], "duplicate");
    assert_eq!(once_more["changes"], json!([]));
    assert_eq!(shop.count("select count(*) from payments").await, 1);
}

#[tokio::test]
async fn one_that_was_settled_makes_no_difference() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let id = believed(shop).await.remove(0);
        // Long after its five minutes: it runs against its own clock.
        shop.advance(86_400).await;
        let before = shop.snapshot().await;
        let dry = shop.replay(0, &id, false).await;
        assert_eq!(
            dry,
            json!({"verdict": "duplicate", "detail": null, "changes": [], "applied": false})
        );
        assert_eq!(shop.snapshot().await, before);
        let applied = shop.replay(0, &id, true).await;
        assert_eq!(applied["verdict"], "duplicate");
        assert_eq!(applied["applied"], true);
        // One that was run again is run again from where it came from.
        let of_replay = believed(shop).await.into_iter().find(|one| *one != id).unwrap();
        assert_eq!(shop.replay(0, &of_replay, false).await["verdict"], "duplicate");
        assert_eq!(shop.order_status(&order).await, "paid");
        assert_eq!(shop.count("select count(*) from payments").await, 1);
    })
    .await;
}

#[tokio::test]
async fn one_that_contradicts_the_books_is_named_once() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let craft = json!({"out_trade_no": shop.number(&order).await, "overrides": {"amount": {"total": 1}}});
        assert_eq!(shop.notify(craft).await, [204]);
        let id = believed(shop).await.remove(0);
        let again = shop.replay(0, &id, false).await;
        assert_eq!(
            (&again["verdict"], &again["changes"]),
            (&json!("amount_mismatch"), &json!([]))
        );
        // With the exception gone, as after a restore, it would be named again.
        sqlx::query("delete from exceptions")
            .execute(&shop.db)
            .await
            .unwrap();
        let again = shop.replay(0, &id, false).await;
        assert_eq!(changes(&again), [("exception", None, Some("amount_mismatch"))]);
        assert_eq!(shop.exceptions().await, []);
        shop.replay(0, &id, true).await;
        let named = [("amount_mismatch".to_owned(), Some(order))];
        assert_eq!(shop.exceptions().await, named);
    })
    .await;
}

#[tokio::test]
async fn one_that_still_fails_says_why() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let number = shop.number(&order).await;
        let before = shop.snapshot().await;
        for (craft, verdict) in [
            (json!({"signature": "wrong"}), "signature_wrong"),
            (json!({"signature": "missing"}), "header_missing"),
            (json!({"timestamp_offset_s": -600}), "stale"),
            (json!({"encrypt_with": "wrong_key"}), "decrypt_failed"),
            (
                json!({"headers": {"content-encoding": "gzip"}}),
                "body_unreadable",
            ),
        ] {
            let mut craft = craft;
            craft["out_trade_no"] = json!(number);
            assert_eq!(shop.notify(craft).await, [401]);
            let id = refused(shop, verdict).await;
            shop.advance(86_400).await;
            for is_applying in [false, true] {
                let replayed = shop.replay(0, &id, is_applying).await;
                assert_eq!(replayed["verdict"], verdict);
                assert!(replayed["detail"].as_str().unwrap().len() > 20);
                assert_eq!(
                    (&replayed["changes"], &replayed["applied"]),
                    (&json!([]), &json!(false))
                );
            }
            sqlx::query("delete from refused_notifications")
                .execute(&shop.db)
                .await
                .unwrap();
        }
        assert_eq!(shop.snapshot().await, before);
        let path = "/admin/notifications/00000000-0000-7000-8000-000000000001/replay";
        shop.admin("POST", path, Some(&json!({})))
            .await
            .refused(404, "not_found");
        shop.admin("POST", path, Some(&json!({"apply": 1})))
            .await
            .refused(422, "validation_failed");
        shop.call("POST", path, Some(&json!({})))
            .await
            .refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn one_lost_for_an_unknown_certificate_pays_when_the_key_is_there() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.advance(60).await;
        shop.control("POST", "/simulator/keys/rotate", &json!({})).await;
        shop.faults(json!([{"kind": "server_error", "api": "certificates", "times": 1}]))
            .await;
        assert_eq!(shop.deliver().await[0]["status"], 401);
        let id = refused(shop, "unknown_serial").await;
        assert_eq!(shop.replay(0, &id, false).await["verdict"], "unknown_serial");
        shop.advance(3_600).await;
        assert_found_again(shop, 0, &id, &order).await;
    })
    .await;
}

#[tokio::test]
async fn one_lost_for_a_changed_api_key_pays_when_the_key_is_set() {
    let wrong = Setup::default()
        .mode(KeyMode::PublicKey)
        .with("WXPAY_API_V3_KEY", "AnotherKeyOfThirtyTwoCharacters0");
    shop_with(wrong, async |shop| {
        let (_, order) = paid(shop).await;
        assert_eq!(shop.deliver().await[0]["status"], 401);
        let id = refused(shop, "decrypt_failed").await;
        assert_eq!(shop.replay(0, &id, true).await["verdict"], "decrypt_failed");
        let right = shop.join(&Setup::default().mode(KeyMode::PublicKey)).await;
        shop.advance(3_600).await;
        assert_found_again(shop, right, &id, &order).await;
    })
    .await;
}

#[tokio::test]
async fn one_lost_for_our_own_clock_is_named_so_and_pays_all_the_same() {
    for ahead_s in [600_i64, -600] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            // Ours alone is off; WeChat refuses our call for it, and tells its time in doing so.
            shop.clock.advance(TimeDelta::seconds(ahead_s));
            shop.phone().await.login().await;
            assert_eq!(shop.deliver().await[0]["status"], 401);
            let id = refused(shop, "clock_off").await;
            let detail = shop.refused().await.pop().unwrap().detail;
            let named: i64 = detail.split(' ').find_map(|word| word.parse().ok()).unwrap();
            assert!((598..=602).contains(&named), "{detail}");
            assert_eq!(detail.contains("ahead of"), ahead_s > 0, "{detail}");
            assert_found_again(shop, 0, &id, &order).await;
        })
        .await;
    }
}
