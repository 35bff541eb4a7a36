//! Events of one order never overtake one another, whatever fails; what fails for good waits for a
//! human; and whoever dies with an event in hand has lost nothing.

use std::collections::BTreeMap;

use futures_util::future::join;
use serde_json::{Value, json};
use uuid::Uuid;
use weir::domain::id::OrderId;
use weir::domain::order::OrderStatus;
use weir::domain::outbox::TRIES_MAX;
use weir::store::event::{self, NewEvent};

use crate::harness::{Got, Phone, Receiver, Reply, Setup, Shop, shop_with, until};

/// What the gaps between two tries are at most, in seconds: as stated, and a tenth.
const GAPS_S: [i64; TRIES_MAX - 1] = [6, 66, 330, 1_980, 7_920, 19_800, 39_600, 55_440, 79_200, 95_040];

/// A paid order, whose payment is not told yet.
async fn paid(shop: &Shop, phone: &Phone<'_>) -> String {
    shop.stock("tea", 6_800, None).await;
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    assert_eq!(shop.deliver().await[0]["status"], 204);
    order
}

/// One more event of an order, as a version to come may write it. The order itself stays as it is.
async fn happen(shop: &Shop, order: &str, kind: &'static str) {
    let new = NewEvent {
        id: Uuid::from_u128(u128::from_ne_bytes(
            weir::domain::entropy::Entropy::system().bytes().unwrap(),
        )),
        order_id: OrderId::from(Uuid::parse_str(order).unwrap()),
        kind,
        from: OrderStatus::Paid,
        to: OrderStatus::Paid,
        cause: "test",
        is_told: true,
    };
    let mut db = shop.db.acquire().await.unwrap();
    event::insert(&mut db, &new, shop.clock.now()).await.unwrap();
}

const KINDS: [&str; 3] = ["order.paid", "order.partially_refunded", "order.refunded"];

/// An order with three events, none of them told.
async fn eventful(shop: &Shop, phone: &Phone<'_>) -> String {
    let order = paid(shop, phone).await;
    for kind in &KINDS[1..] {
        happen(shop, &order, kind).await;
    }
    order
}

fn kinds_of(receiver: &Receiver, order: &str) -> Vec<String> {
    let got = receiver.got();
    let own = got.iter().filter(|message| message.order_id() == order);
    own.map(Got::kind).collect()
}

async fn undelivered(shop: &Shop) -> i64 {
    shop.count("select count(*) from event_deliveries where state <> 'delivered'")
        .await
}

/// The one exception about an event.
async fn exception(shop: &Shop) -> Value {
    let listed = shop
        .admin("GET", "/admin/exceptions?kind=event_undelivered", None)
        .await
        .ok(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    listed["items"][0].clone()
}

#[tokio::test]
async fn under_failures_and_on_two_replicas_each_order_is_told_in_order() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()).replicas(2), async |shop| {
        // A third of the tries fail, before or after the receiver has taken the message.
        receiver.answer(|message, nth| {
            let dice: u32 =
                message.id().bytes().map(u32::from).sum::<u32>() * 7 + u32::try_from(nth).unwrap() * 5;
            match dice % 6 {
                0 => Reply::Status(503),
                1 => Reply::HangUp,
                _ => Reply::Status(204),
            }
        });
        let phone = shop.visitor().await;
        let mut orders = Vec::new();
        for _ in 0..8 {
            orders.push(eventful(shop, &phone).await);
        }
        let mut rounds = 0;
        while undelivered(shop).await > 0 {
            rounds += 1;
            assert!(rounds < 30, "it does not end");
            let (one, two) = join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
            assert!(one.is_empty() && two.is_empty());
            shop.advance(360).await;
        }
        let got = receiver.got();
        assert!(got.len() > orders.len() * KINDS.len(), "nothing failed");
        for order in &orders {
            // Tries of one event stand together, in the order in which the events happened.
            let mut kinds = kinds_of(&receiver, order);
            kinds.dedup();
            assert_eq!(kinds, KINDS);
        }
        let mut tries: BTreeMap<&str, usize> = BTreeMap::new();
        for message in &got {
            *tries.entry(message.id()).or_default() += 1;
        }
        let told: i64 = tries.values().map(|tries| i64::try_from(*tries).unwrap()).sum();
        // Nobody sent what the other had in hand: each message is one try in the books.
        assert_eq!(
            shop.count("select sum(attempts)::bigint from event_deliveries")
                .await,
            told
        );
    })
    .await;
}

#[tokio::test]
async fn one_order_that_is_not_taken_holds_up_no_other() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        let phone = shop.visitor().await;
        let stuck = eventful(shop, &phone).await;
        let refused = stuck.clone();
        receiver
            .answer(move |message, _| Reply::Status(if message.order_id() == refused { 422 } else { 200 }));
        let mut others = Vec::new();
        for _ in 0..20 {
            others.push(eventful(shop, &phone).await);
        }
        shop.run_workers().await;
        assert_eq!(kinds_of(&receiver, &stuck), ["order.paid"]);
        for other in &others {
            assert_eq!(kinds_of(&receiver, other), KINDS);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_never_taken_is_parked_and_can_be_sent_again() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|_, _| Reply::Status(500));
        let phone = shop.visitor().await;
        let order = eventful(shop, &phone).await;
        for (tries, gap_s) in (1..).zip(GAPS_S) {
            shop.run_workers().await;
            assert_eq!(receiver.got().len(), tries);
            shop.advance(gap_s).await;
        }
        shop.run_workers().await;
        shop.advance(GAPS_S[TRIES_MAX - 2]).await;
        shop.run_workers().await;
        assert_eq!(receiver.got().len(), TRIES_MAX, "it is left alone now");
        assert_eq!(kinds_of(&receiver, &order)[TRIES_MAX - 1], "order.paid");

        let parked = exception(shop).await;
        let event = receiver.got()[0].id().to_owned();
        assert_eq!(
            (&parked["status"], &parked["order_id"]),
            (&json!("open"), &json!(order))
        );
        let evidence = &parked["evidence"];
        assert_eq!(
            (
                &evidence["event_id"],
                &evidence["type"],
                &evidence["attempts"],
                &evidence["last_outcome"]
            ),
            (
                &json!(event),
                &json!("order.paid"),
                &json!(TRIES_MAX),
                &json!("500")
            )
        );
        let health = shop.admin("GET", "/admin/health", None).await.ok(200);
        let check = &health["checks"]["events"];
        assert_eq!(
            (&check["status"], &check["parked"], &check["exceptions_open"]),
            (&json!("degraded"), &json!(1), &json!(1))
        );
        assert_eq!(
            health["checks"]["orders"]["exceptions_open"], 0,
            "it is no difference about money"
        );

        // Sent again in vain, it is the same exception; sent again and taken, it is over.
        let again = format!("/admin/events/{event}/redeliver");
        shop.admin("POST", &again, None).await.ok(202);
        shop.run_workers().await;
        assert_eq!(exception(shop).await["status"], "open");
        receiver.answer(|_, _| Reply::Status(200));
        shop.admin("POST", &again, None).await.ok(202);
        shop.run_workers().await;
        let resolved = exception(shop).await;
        assert_eq!(
            (&resolved["id"], &resolved["status"]),
            (&parked["id"], &json!("resolved"))
        );
        let mut kinds = kinds_of(&receiver, &order);
        kinds.dedup();
        assert_eq!(kinds, KINDS, "and what waited behind it has come");

        // Even what was taken is sent again when somebody asks.
        shop.admin("POST", &again, None).await.ok(202);
        shop.run_workers().await;
        assert_eq!(receiver.got().last().unwrap().id(), event);
        let nobody = format!("/admin/events/{}/redeliver", Uuid::nil());
        shop.admin("POST", &nobody, None).await.refused(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn who_says_gone_is_not_asked_again_and_giving_up_lets_the_next_one_go() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|message, _| Reply::Status(if message.kind() == "order.paid" { 410 } else { 200 }));
        let phone = shop.visitor().await;
        let order = eventful(shop, &phone).await;
        shop.run_workers().await;
        assert_eq!(kinds_of(&receiver, &order), ["order.paid"]);
        let parked = exception(shop).await;
        assert_eq!(parked["evidence"]["last_outcome"], "410");
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!(receiver.got().len(), 1);

        let path = format!("/admin/exceptions/{}/resolve", parked["id"].as_str().unwrap());
        let body = json!({"resolution": "The ERP has it from the bill."});
        shop.admin("POST", &path, Some(&body)).await.ok(200);
        shop.run_workers().await;
        assert_eq!(kinds_of(&receiver, &order), KINDS);
        let given_up = "select count(*) from event_deliveries where state = 'given_up'";
        assert_eq!(shop.count(given_up).await, 1);

        // Whoever thinks better of it sends it again; refused again, the exception is open again.
        let again = format!(
            "/admin/events/{}/redeliver",
            parked["evidence"]["event_id"].as_str().unwrap()
        );
        shop.admin("POST", &again, None).await.ok(202);
        shop.run_workers().await;
        let reopened = exception(shop).await;
        assert_eq!(
            (&reopened["id"], &reopened["status"]),
            (&parked["id"], &json!("open"))
        );
        assert_eq!(reopened["resolution"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn whoever_holds_an_event_too_long_loses_it_to_another_and_cannot_spoil_it() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()).replicas(2), async |shop| {
        receiver.answer(|_, nth| {
            if nth == 1 {
                Reply::Hold(500)
            } else {
                Reply::Status(200)
            }
        });
        let phone = shop.visitor().await;
        paid(shop, &phone).await;
        let state = async || -> String {
            sqlx::query_scalar("select concat_ws(' ', state, attempts, last_outcome) from event_deliveries")
                .fetch_one(&shop.db)
                .await
                .unwrap()
        };
        let taking_over = async {
            until(async || receiver.got().len() == 1).await;
            // As long as the first may live, nobody else sends it.
            shop.run_workers_of(1).await;
            assert_eq!(receiver.got().len(), 1);
            shop.advance(31).await;
            shop.run_workers_of(1).await;
            assert_eq!(receiver.got().len(), 2);
            assert_eq!(state().await, "delivered 1 200");
            // Now the first one's answer comes, to somebody who has lost the event.
            receiver.release();
        };
        let (failed, ()) = join(shop.run_workers_of(0), taking_over).await;
        assert!(failed.is_empty());
        assert_eq!(state().await, "delivered 1 200");
        let got = receiver.got();
        assert_eq!(got[0].id(), got[1].id());
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_sent_again_is_not_parked_by_the_last_try_under_way() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|_, nth| match nth {
            TRIES_MAX => Reply::Hold(500),
            nth if nth > TRIES_MAX => Reply::Status(200),
            _ => Reply::Status(500),
        });
        let phone = shop.visitor().await;
        paid(shop, &phone).await;
        for gap_s in GAPS_S {
            shop.run_workers().await;
            shop.advance(gap_s).await;
        }
        let asking = async {
            until(async || receiver.got().len() == TRIES_MAX).await;
            let path = format!("/admin/events/{}/redeliver", receiver.got()[0].id());
            shop.admin("POST", &path, None).await.ok(202);
            receiver.release();
        };
        let (failed, ()) = join(shop.run_workers_of(0), asking).await;
        assert!(failed.is_empty());
        shop.run_workers().await;
        assert_eq!(receiver.got().len(), TRIES_MAX + 1);
        assert_eq!(shop.exceptions().await, [], "it was never parked");
        let delivered = "select count(*) from event_deliveries where state = 'delivered'";
        assert_eq!(shop.count(delivered).await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_a_stopped_server_never_sent_is_sent_by_another() {
    let receiver = Receiver::start().await;
    let setup = receiver.told_by(Setup::default());
    shop_with(setup.clone(), async |shop| {
        let phone = shop.visitor().await;
        let order = paid(shop, &phone).await;
        assert!(shop.stop(0).await);
        let other = shop.join(&setup).await;
        shop.run_workers_of(other).await;
        assert_eq!(kinds_of(&receiver, &order), ["order.paid"]);
    })
    .await;
}
