//! Notifications that are believed: once, whatever happens to them on the way, and answered only
//! when their effect is durable.

use std::cell::Cell;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::harness::{Setup, Shop, shop, shop_with, until};
use crate::recorder::paid;

/// How the deliveries of this moment were answered; 0 stands for one that never reached the server.
async fn delivered(shop: &Shop) -> Vec<u64> {
    let deliveries = shop.deliver().await;
    let statuses = deliveries.iter().map(|one| one["status"].as_u64().unwrap_or(0));
    statuses.collect()
}

/// How many payments and moves an order has.
async fn effects(shop: &Shop, order: &str) -> (i64, usize) {
    let payments = sqlx::query_scalar("select count(*) from payments where order_id = $1::uuid")
        .bind(order)
        .fetch_one(&shop.db)
        .await
        .unwrap();
    (payments, shop.events(order).await.len())
}

#[tokio::test]
async fn a_delivery_is_kept_as_it_came() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let number = shop.number(&order).await;
        let message = shop.message(json!({"out_trade_no": number, "id": "EV-1"})).await;
        let before = shop
            .metric(r#"weir_notifications_total{verdict="settled"}"#)
            .await;
        let answer = shop.post(&message).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(
            shop.metric(r#"weir_notifications_total{verdict="settled"}"#)
                .await
                > before
        );

        let row = sqlx::query("select *, order_id::text as of_order from notifications")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        assert_eq!(row.get::<Vec<u8>, _>("body"), message.body);
        for (column, header) in [
            ("wechat_timestamp", "wechatpay-timestamp"),
            ("wechat_nonce", "wechatpay-nonce"),
            ("wechat_serial", "wechatpay-serial"),
            ("wechat_signature", "wechatpay-signature"),
        ] {
            assert_eq!(row.get::<String, _>(column), message.header(header));
        }
        assert_eq!(row.get::<String, _>("verdict"), "settled");
        assert_eq!(row.get::<String, _>("notify_id"), "EV-1");
        assert_eq!(row.get::<String, _>("of_order"), order);

        let paid = phone.read_order(&order).await;
        let truth = shop.truth(&number).await.unwrap();
        let at = |time: &Value| {
            chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap())
                .unwrap()
                .timestamp()
        };
        assert_eq!(at(&paid["paid_at"]), at(&truth["paid_at"]));
        let events = [("order.paid".to_owned(), "notification".to_owned())];
        assert_eq!(shop.events(&order).await, events);
    })
    .await;
}

#[tokio::test]
async fn twenty_copies_at_two_servers_pay_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let craft = json!({"out_trade_no": shop.number(&order).await, "id": "EV-20"});
        let mut messages = Vec::new();
        for _ in 0..20 {
            messages.push(shop.message(craft.clone()).await);
        }
        let sending = messages
            .iter()
            .enumerate()
            .map(|(position, message)| shop.post_at(position % 2, message));
        let answers = shop.at_the_same_moment(20, join_all(sending)).await;
        assert!(answers.iter().all(|answer| answer.status == 204), "{answers:?}");
        let verdicts = shop.verdicts().await;
        assert_eq!(verdicts.iter().filter(|verdict| *verdict == "settled").count(), 1);
        assert_eq!(
            verdicts.iter().filter(|verdict| *verdict == "duplicate").count(),
            19
        );
        assert_eq!(effects(shop, &order).await, (1, 1));
        assert_eq!(phone.status(&order).await, "paid");
        // The very bytes of a delivery again, within the window.
        assert_eq!(shop.post(&messages[0]).await.status, 204);
        assert_eq!(effects(shop, &order).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn what_happens_on_the_way_changes_nothing() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        // Each: the fault, and how the deliveries of the first and of the next attempt are answered.
        let stories: [(&str, &[u64], &[u64]); 8] = [
            ("notification_lost", &[0], &[204]),
            ("notification_doubled", &[204, 204], &[]),
            ("notification_late", &[], &[204]),
            ("notification_stale", &[401], &[204]),
            ("notification_future", &[401], &[204]),
            ("wrong_answer_signature", &[401], &[204]),
            ("probe_signature", &[401, 204], &[]),
            ("key_rotation", &[204], &[]),
        ];
        for (kind, first, next) in stories {
            // A minute on, an unknown certificate may be asked for again.
            shop.advance(60).await;
            let order = phone.buy("tea", 1).await;
            phone.pay(&order).await;
            shop.faults(json!([{"kind": kind, "api": "notification", "times": 1}]))
                .await;
            assert_eq!(delivered(shop).await, first, "{kind}");
            let sent = shop.list("/simulator/notifications").await;
            if !first.is_empty() {
                assert!(
                    sent.last().unwrap()["faults"]
                        .as_array()
                        .unwrap()
                        .contains(&json!(kind)),
                    "{kind}"
                );
            }
            shop.advance(60).await;
            assert_eq!(delivered(shop).await, next, "{kind}");
            assert_eq!(phone.status(&order).await, "paid", "{kind}");
            assert_eq!(effects(shop, &order).await, (1, 1), "{kind}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_order_of_arrival_does_not_matter() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        shop.faults(json!([{"kind": "notification_reordered", "api": "notification", "times": 1}]))
            .await;
        let (first, second) = (phone.buy("tea", 1).await, phone.buy("tea", 2).await);
        phone.pay(&first).await;
        phone.pay(&second).await;
        let deliveries = shop.deliver().await;
        let numbers: Vec<&str> = deliveries
            .iter()
            .map(|one| one["out_trade_no"].as_str().unwrap())
            .collect();
        assert_eq!(numbers, [shop.number(&second).await, shop.number(&first).await]);
        for order in [&first, &second] {
            assert_eq!(phone.status(order).await, "paid");
            assert_eq!(effects(shop, order).await, (1, 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_notification_and_a_query_at_once_settle_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        for _ in 0..10 {
            let order = phone.buy("tea", 1).await;
            phone.pay(&order).await;
            let message = shop
                .message(json!({"out_trade_no": shop.number(&order).await}))
                .await;
            let path = format!("/v1/orders/{order}/sync");
            let (told, asked) = join(shop.post(&message), phone.call_at(1, "POST", &path)).await;
            assert_eq!(told.status, 204);
            asked.ok(200);
            assert_eq!(phone.status(&order).await, "paid");
            assert_eq!(effects(shop, &order).await, (1, 1));
        }
        assert_eq!(shop.exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn an_answer_comes_after_the_effect_and_not_before() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query("select 1 from orders for update")
            .execute(&mut *held)
            .await
            .unwrap();
        let is_answered = Cell::new(false);
        let telling = async {
            let answer = shop.post(&message).await;
            is_answered.set(true);
            answer
        };
        let letting_go = async {
            until(async || shop.lock_waiters().await > 0).await;
            assert!(!is_answered.get(), "the effect cannot be there yet");
            held.rollback().await.unwrap();
        };
        let (answer, ()) = join(telling, letting_go).await;
        assert_eq!(answer.status, 204);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_committed_is_not_acknowledged_and_comes_again() {
    shop(async |shop| {
        shop.announce("FAIL");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let sheet = phone.cashier(&phone.start_payment(&order).await).await;
        let closed = phone.buy("tea", 1).await;
        let late = phone.cashier(&phone.start_payment(&closed).await).await;
        phone.close(&closed).await.ok(200);
        phone.act(&sheet, json!({"action": "pay"})).await;
        phone.pay_despite_close(&late).await;
        // Everything goes well up to the commit, which fails.
        shop.refuse_writes(
            "create constraint trigger fails after insert on notifications deferrable initially deferred
                for each row execute function fail()",
        )
        .await;
        let before = shop.snapshot().await;
        let deliveries = shop.deliver().await;
        assert_eq!(deliveries.len(), 2);
        for delivery in deliveries {
            assert_eq!(delivery["status"], 503);
            let body: Value = serde_json::from_str(delivery["body"].as_str().unwrap()).unwrap();
            assert_eq!(body["code"], "FAIL");
        }
        assert_eq!(shop.snapshot().await, before);
        sqlx::query("drop trigger fails on notifications")
            .execute(&shop.db)
            .await
            .unwrap();
        shop.advance(15).await;
        assert_eq!(delivered(shop).await, [204, 204]);
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(
            shop.exceptions().await,
            [("paid_after_close".to_owned(), Some(closed))]
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_costs_time_and_nothing_else() {
    shop(async |shop| {
        shop.announce("FAIL");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        shop.lose_database().await;
        assert_eq!(delivered(shop).await, [503]);
        shop.advance(15).await;
        assert_eq!(delivered(shop).await, [503]);
        shop.find_database().await;
        // A connection that was cut within the last second may still cost a delivery each.
        let mut answers = Vec::new();
        for wait_s in [30, 180, 600, 1_200, 1_800, 1_800] {
            shop.advance(wait_s).await;
            answers = delivered(shop).await;
            if answers == [204] {
                break;
            }
        }
        assert_eq!(answers, [204]);
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(effects(shop, &order).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_never_given_back_ends_in_a_failure_in_time() {
    shop_with(Setup::default().short_locks(), async |shop| {
        shop.announce("FAIL");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query("select 1 from orders for update")
            .execute(&mut *held)
            .await
            .unwrap();
        // WeChat waits five seconds; without an answer in time the status would be missing.
        assert_eq!(delivered(shop).await, [503]);
        held.rollback().await.unwrap();
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        shop.advance(15).await;
        assert_eq!(delivered(shop).await, [204]);
        assert_eq!(effects(shop, &order).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_payment_is_kept_and_taken() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        let number = shop.number(&order).await;
        for (event_type, original_type) in [
            ("REFUND.SUCCESS", "something"),
            ("TRANSACTION.SUCCESS", "profitsharing"),
            ("MCHTRANSFER.BILL.FINISHED", "mch_payment"),
            ("SOMETHING.NEW", "something"),
        ] {
            let craft =
                json!({"out_trade_no": number, "event_type": event_type, "original_type": original_type});
            assert_eq!(shop.notify(craft).await, [204], "{event_type}");
        }
        assert_eq!(shop.verdicts().await, ["other"; 4]);
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        assert_eq!(shop.exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn the_ordinary_notification_costs_one_round_trip() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let answer = shop.post(&message).await;
        assert_eq!(
            (answer.status, shop.order_status(&order).await.as_str()),
            (204, "paid")
        );
        let line = shop.log_line(&answer);
        assert_eq!(
            (&line["route"], &line["db_queries"]),
            (&json!("/wechat/pay/notify"), &json!(1))
        );
    })
    .await;
}
