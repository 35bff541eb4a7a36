//! Telling others of events: what is told, to whom, and that nothing of it is lost.

use serde_json::{Value, json};
use weir::webhook;

use crate::harness::{ADMIN_TOKEN, Phone, RUNBOOK, Receiver, Reply, Setup, Shop, shop, shop_with};

/// An order whose money has landed.
async fn paid(shop: &Shop, phone: &Phone<'_>) -> String {
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    for delivery in shop.deliver().await {
        assert_eq!(delivery["status"], 204);
    }
    order
}

async fn visitor(shop: &Shop) -> Phone<'_> {
    shop.stock("tea", 6_800, None).await;
    shop.visitor().await
}

/// The states of all deliveries, with their tries, oldest event first.
async fn states(shop: &Shop) -> Vec<(String, i32)> {
    sqlx::query_as("select state, attempts from event_deliveries order by sequence")
        .fetch_all(&shop.db)
        .await
        .unwrap()
}

fn state(state: &str, attempts: i32) -> (String, i32) {
    (state.to_owned(), attempts)
}

#[tokio::test]
async fn what_happens_to_orders_is_told_signed_and_once() {
    let receiver = Receiver::start().await;
    // The public library that verifies goes by the machine's clock.
    let setup = receiver.told_by(Setup::default().real_time());
    shop_with(setup, async |shop| {
        let phone = visitor(shop).await;
        let order = paid(shop, &phone).await;
        let other = phone.buy("tea", 2).await;
        phone.close(&other).await.ok(200);
        assert!(receiver.got().is_empty());
        shop.run_workers().await;
        shop.advance(60).await;
        shop.run_workers().await;

        let got = receiver.got();
        assert_eq!(got.len(), 2);
        let mut ids = Vec::new();
        for (order, kind) in [(&order, "order.paid"), (&other, "order.closed")] {
            // Orders are told side by side, in no order among them.
            let message = got.iter().find(|message| message.kind() == kind).unwrap();
            Receiver::verify(message);
            assert!(message.head.starts_with("POST /"));
            assert_eq!(message.header("content-type"), "application/json");
            let body = message.json();
            let happened: String = sqlx::query_scalar(
                r#"select to_char(occurred_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                from events where id = $1::uuid and kind = $2"#,
            )
            .bind(message.id())
            .bind(kind)
            .fetch_one(&shop.db)
            .await
            .unwrap();
            assert_eq!(
                body,
                json!({"type": kind, "timestamp": happened, "data": {"order": phone.read_order(order).await}})
            );
            ids.push(message.id().to_owned());
        }
        assert_ne!(ids[0], ids[1]);
        assert_eq!(states(shop).await, [state("delivered", 1), state("delivered", 1)]);
        let delivered = shop
            .metric("weir_event_deliveries_total{outcome=\"delivered\"}")
            .await;
        assert!(delivered >= 2);
    })
    .await;
}

#[tokio::test]
async fn the_order_is_told_as_it_stands_when_it_is_told() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        let phone = visitor(shop).await;
        let order = paid(shop, &phone).await;
        shop.ship(&order, &json!({ "kind": "virtual" })).await;
        shop.run_workers().await;
        let told = receiver.got()[0].json();
        assert_eq!(
            told["data"]["order"]["shipped_at"],
            phone.read_order(&order).await["shipped_at"]
        );
        assert!(told["data"]["order"]["shipped_at"].is_string());
    })
    .await;
}

#[tokio::test]
async fn a_move_that_is_found_by_a_query_is_told_like_any_other() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        let phone = visitor(shop).await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
        shop.run_workers().await;
        assert_eq!(receiver.got()[0].kind(), "order.paid");
        // And what changed nothing tells nothing.
        assert_eq!(shop.deliver().await[0]["status"], 204);
        shop.run_workers().await;
        assert_eq!(receiver.got().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn without_a_receiver_nothing_waits_and_what_was_not_told_is_told_when_asked_for() {
    let receiver = Receiver::start().await;
    shop(async |shop| {
        let phone = visitor(shop).await;
        let before = paid(shop, &phone).await;
        assert_eq!(states(shop).await, []);
        let event: String = sqlx::query_scalar("select id::text from events")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        let again = format!("/admin/events/{event}/redeliver");
        shop.admin("POST", &again, None)
            .await
            .refused(409, "events_not_configured");
        shop.admin("POST", "/admin/events/redeliver", Some(&json!({})))
            .await
            .refused(409, "events_not_configured");
        let check = |health: &Value| health["checks"]["events"].clone();
        let silent = check(&shop.admin("GET", "/admin/health", None).await.ok(200));
        assert_eq!((&silent["status"], &silent["pending"]), (&json!("ok"), &json!(0)));
        assert!(
            silent["detail"].as_str().unwrap().contains("EVENTS_WEBHOOK_URL"),
            "{silent}"
        );

        // From now on there is one.
        let replica = shop.join(&receiver.told_by(Setup::default())).await;
        shop.run_workers().await;
        assert!(receiver.got().is_empty());
        let request = shop.request_of(replica, "POST", &again, Some(ADMIN_TOKEN), None);
        let queued = shop.send(request).await.ok(202);
        assert_eq!(queued, json!({"id": event, "state": "pending"}));
        // The one without a receiver says that something waits which it will not send.
        let waiting = check(&shop.admin("GET", "/admin/health", None).await.ok(200));
        assert_eq!(
            (&waiting["status"], &waiting["pending"]),
            (&json!("degraded"), &json!(1))
        );
        shop.run_workers_of(0).await;
        assert!(receiver.got().is_empty());
        shop.run_workers_of(replica).await;
        let got = receiver.got();
        assert_eq!(
            (got.len(), got[0].id(), got[0].order_id()),
            (1, event.as_str(), before)
        );

        // And then there is none again.
        paid(shop, &phone).await;
        let event: String = sqlx::query_scalar("select id::text from events order by sequence desc limit 1")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        let again = format!("/admin/events/{event}/redeliver");
        shop.send(shop.request_of(replica, "POST", &again, Some(ADMIN_TOKEN), None))
            .await
            .ok(202);
        let read = async || check(&shop.admin("GET", "/admin/health", None).await.ok(200));
        assert_eq!(read().await["status"], "degraded");
        let statement = "update event_deliveries set state = 'given_up' where state = 'pending'";
        assert!(RUNBOOK.contains(statement));
        sqlx::query(statement).execute(&shop.db).await.unwrap();
        assert_eq!(read().await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_comes_again_under_the_same_id() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|_, nth| {
            if nth < 3 {
                Reply::HangUp
            } else {
                Reply::Status(200)
            }
        });
        let phone = visitor(shop).await;
        paid(shop, &phone).await;
        shop.run_workers().await;
        assert_eq!(states(shop).await, [state("pending", 1)]);
        shop.advance(4).await;
        shop.run_workers().await;
        assert_eq!(receiver.got().len(), 1, "not before its time");
        // At most a tenth later than stated.
        shop.advance(2).await;
        shop.run_workers().await;
        shop.advance(66).await;
        shop.run_workers().await;
        let got = receiver.got();
        assert_eq!(got.len(), 3);
        assert!(
            got.iter()
                .all(|message| message.id() == got[0].id() && message.body == got[0].body)
        );
        // Each try is signed anew, for its own time.
        assert!(got[0].header("webhook-timestamp") < got[2].header("webhook-timestamp"));
        assert_ne!(
            got[0].header("webhook-signature"),
            got[2].header("webhook-signature")
        );
        assert_eq!(states(shop).await, [state("delivered", 3)]);
    })
    .await;
}

#[tokio::test]
async fn whatever_is_no_success_is_tried_again_and_no_redirect_is_followed() {
    let (receiver, stranger) = (Receiver::start().await, Receiver::start().await);
    let elsewhere = stranger.url();
    let mut setup = receiver.told_by(Setup::default());
    setup.webhook_limits = webhook::Limits {
        total_timeout: std::time::Duration::from_secs(2),
        ..webhook::Limits::default()
    };
    shop_with(setup, async |shop| {
        let phone = visitor(shop).await;
        for (reply, outcome) in [
            (Reply::Status(500), "500"),
            (Reply::Status(404), "404"),
            (Reply::Status(304), "304"),
            (Reply::Redirect(elsewhere.clone()), "307"),
            (Reply::Hold(200), "timeout"),
            (Reply::HangUp, "connection_lost"),
        ] {
            receiver.answer(move |_, nth| if nth == 1 { reply.clone() } else { Reply::Endless });
            let order = paid(shop, &phone).await;
            shop.run_workers().await;
            let last: String =
                sqlx::query_scalar("select last_outcome from event_deliveries where order_id = $1::uuid")
                    .bind(&order)
                    .fetch_one(&shop.db)
                    .await
                    .unwrap();
            assert_eq!(last, outcome);
            shop.advance(6).await;
            // An answer without end is cut off, and its status counts.
            shop.run_workers().await;
            assert_eq!(states(shop).await.pop(), Some(state("delivered", 2)), "{outcome}");
        }
        assert!(stranger.got().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_nothing_but_time() {
    let receiver = Receiver::start().await;
    let setup = receiver
        .told_by(Setup::default())
        .with("EVENTS_WEBHOOK_URL", "http://127.0.0.1:1/");
    shop_with(setup, async |shop| {
        let phone = visitor(shop).await;
        let order = paid(shop, &phone).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "paid");
        let health = shop.admin("GET", "/admin/health", None).await.ok(200);
        assert_eq!(health["checks"]["events"]["pending"], 1);
        assert_eq!(health["checks"]["events"]["status"], "ok");
        shop.advance(16 * 60).await;
        let health = shop.admin("GET", "/admin/health", None).await.ok(200);
        assert_eq!(health["checks"]["events"]["status"], "degraded");
        assert_eq!(health["checks"]["events"]["oldest_pending_age_s"], 16 * 60);
    })
    .await;
}

#[tokio::test]
async fn all_that_is_parked_is_sent_again_by_portions() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|_, _| Reply::Status(410));
        let phone = visitor(shop).await;
        for _ in 0..3 {
            paid(shop, &phone).await;
        }
        shop.run_workers().await;
        assert_eq!(
            states(shop).await,
            [state("parked", 1), state("parked", 1), state("parked", 1)]
        );
        let again = async |body: Value| shop.admin("POST", "/admin/events/redeliver", Some(&body)).await;
        for body in [
            json!({"limit": 0}),
            json!({"limit": 1_001}),
            json!({"limit": -1}),
            json!({"ids": []}),
        ] {
            again(body).await.refused(422, "validation_failed");
        }
        receiver.answer(|_, _| Reply::Status(204));
        assert_eq!(again(json!({"limit": 2})).await.ok(202), json!({"pending": 2}));
        shop.run_workers().await;
        assert_eq!(
            states(shop).await,
            [state("delivered", 1), state("delivered", 1), state("parked", 1)]
        );
        assert_eq!(again(json!({})).await.ok(202), json!({"pending": 1}));
        assert_eq!(again(json!({})).await.ok(202), json!({"pending": 0}));
        shop.run_workers().await;
        assert_eq!(receiver.got().len(), 6);
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}
