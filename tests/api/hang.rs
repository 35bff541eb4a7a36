//! Payments that hang: WeChat is asked until its answer is final, whoever lost a notification.

use futures_util::future::join;
use serde_json::json;

use crate::harness::{Phone, Setup, Shop, held, shop, shop_with, until};

/// The waits before each question, in seconds.
const WAITS_S: [i64; 9] = [5, 30, 60, 180, 300, 600, 1_800, 1_800, 1_800];

/// A shop whose orders live for a day.
fn patient() -> Setup {
    Setup::default().with("ORDER_TTL_S", "86400")
}

async fn waiting(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 1).await;
    (phone, order)
}

/// Pushes the clocks, lets the loops run, and gives how often WeChat was asked in all.
async fn questions_after(shop: &Shop, seconds: i64) -> usize {
    shop.advance(seconds).await;
    shop.run_workers().await;
    shop.calls("query").await.len()
}

#[tokio::test]
async fn a_lost_notification_is_made_up_for_after_five_seconds() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.pay(&order).await;
        assert_eq!(questions_after(shop, 4).await, 0);
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        assert_eq!(questions_after(shop, 1).await, 1);
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(
            shop.events(&order).await,
            [("order.paid".to_owned(), "query".to_owned())]
        );
        // WeChat's answer is final, and the notification that comes in the end changes nothing.
        assert_eq!(questions_after(shop, 86_400).await, 1);
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(shop.verdicts().await, ["duplicate"]);
    })
    .await;
}

#[tokio::test]
async fn who_was_told_does_not_ask() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.pay(&order).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(questions_after(shop, 86_400).await, 0);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn the_waits_grow_as_published_and_do_not_end() {
    shop_with(patient(), async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.start_payment(&order).await;
        for (asked, wait_s) in WAITS_S.into_iter().enumerate() {
            assert_eq!(questions_after(shop, wait_s - 1).await, asked, "too early");
            // A wait is up to a tenth longer, so that not all are over at the same moment.
            assert_eq!(
                questions_after(shop, wait_s / 10 + 1).await,
                asked + 1,
                "not after {wait_s} s"
            );
        }
        phone.pay(&order).await;
        assert_eq!(questions_after(shop, 5).await, WAITS_S.len() + 1);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn another_tap_begins_the_waits_anew() {
    shop_with(patient(), async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.start_payment(&order).await;
        for wait_s in &WAITS_S[..5] {
            questions_after(shop, wait_s + wait_s / 10).await;
        }
        let asked = shop.calls("query").await.len();
        assert_eq!(asked, 5);
        phone.start_payment(&order).await;
        assert_eq!(questions_after(shop, 4).await, asked);
        assert_eq!(questions_after(shop, 1).await, asked + 1);
        assert_eq!(questions_after(shop, 33).await, asked + 2);
        assert_eq!(questions_after(shop, 10).await, asked + 2);
        // One that is asked about soon anyway is left as it is.
        phone.start_payment(&order).await;
        assert_eq!(questions_after(shop, 6).await, asked + 2);
        assert_eq!(shop.calls("prepay").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_replicas_ask_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, _) = waiting(shop).await;
        for _ in 0..20 {
            let order = phone.buy("tea", 1).await;
            phone.pay(&order).await;
        }
        // Long enough for the other one to come by meanwhile.
        shop.faults(json!([{"kind": "delay", "api": "query", "ms": 100}]))
            .await;
        shop.advance(5).await;
        let (one, other) = join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        assert!(one.is_empty() && other.is_empty());
        assert_eq!(shop.calls("query").await.len(), 20);
        assert_eq!(
            shop.count("select count(*) from orders where status = 'paid'")
                .await,
            20
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_replica_had_in_hand_is_taken_over_when_its_lease_ends() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.pay(&order).await;
        shop.advance(5).await;
        // It claimed the attempt, and nothing was heard of it since.
        sqlx::query("update payment_attempts set lease_token = gen_random_uuid(), lease_until = $1")
            .bind(shop.clock.now() + chrono::TimeDelta::seconds(15))
            .execute(&shop.db)
            .await
            .unwrap();
        assert_eq!(questions_after(shop, 14).await, 0);
        assert_eq!(questions_after(shop, 1).await, 1);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn an_intent_whose_process_died_is_asked_about() {
    shop_with(patient(), async |shop| {
        shop.announce("wechat_unavailable");
        let (phone, order) = waiting(shop).await;
        // WeChat took it, and whoever asked is not there any more to hear so.
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "prepay", "times": 1}]))
            .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        sqlx::query(
            "update payment_attempts set state = 'created', lease_token = gen_random_uuid(), lease_until = $1,
                next_check_at = $1",
        )
        .bind(shop.clock.now() + chrono::TimeDelta::seconds(15))
        .execute(&shop.db)
        .await
        .unwrap();
        assert_eq!(questions_after(shop, 15).await, 1);
        assert_eq!(shop.state(&order).await, "unknown");
        // And the intent that is written first says when to ask, should the process die before its answer.
        let due = "select next_check_at = lease_until and next_check_at is not null from payment_attempts
            where order_id = $1::uuid";
        let order = phone.buy("tea", 1).await;
        shop.faults(json!([held("delay", "prepay")])).await;
        let looking = async {
            shop.calls_until("prepay", 2).await;
            let is_due = sqlx::query_scalar::<_, bool>(due)
                .bind(&order)
                .fetch_one(&shop.db)
                .await
                .unwrap();
            shop.let_go().await;
            is_due
        };
        let (answer, is_due) = join(phone.try_start_payment(&order), looking).await;
        answer.ok(200);
        assert!(is_due);
    })
    .await;
}

#[tokio::test]
async fn after_two_days_without_loops_everything_due_is_found() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(60)).await;
        let phone = shop.visitor().await;
        let (mut paid, mut unpaid) = (Vec::new(), Vec::new());
        for number in 0..30 {
            let order = phone.buy("tea", 1).await;
            match number % 3 {
                0 => drop(phone.pay(&order).await),
                1 => drop(phone.start_payment(&order).await),
                _ => {}
            }
            if number % 3 == 0 { &mut paid } else { &mut unpaid }.push(order);
        }
        shop.advance(48 * 3_600).await;
        let another = shop.join(&Setup::default()).await;
        assert!(shop.run_workers_of(another).await.is_empty());
        for order in &paid {
            assert_eq!(shop.order_status(order).await, "paid");
        }
        for order in &unpaid {
            assert_eq!(shop.order_status(order).await, "closed");
        }
        assert_eq!(shop.stock_left("tea").await, Some(50));
        // Once more after the close, and then nothing is left to ask.
        let asked = questions_after(shop, 300).await;
        assert_eq!(
            shop.count("select count(*) from payment_attempts where next_check_at is not null")
                .await,
            0
        );
        assert_eq!(questions_after(shop, 86_400).await, asked);
    })
    .await;
}

#[tokio::test]
async fn in_production_the_loops_run_by_themselves() {
    shop_with(Setup::default().loops(), async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.pay(&order).await;
        shop.advance(5).await;
        until(async || shop.order_status(&order).await == "paid").await;
    })
    .await;
}

#[tokio::test]
async fn nobody_asks_with_another_merchants_keys() {
    shop_with(patient(), async |shop| {
        shop.announce("payment_not_configured");
        let (phone, order) = waiting(shop).await;
        let transaction = phone.pay(&order).await;
        // The settings name another merchant since, to whom WeChat would say that there is no such order.
        let other = Setup::default().with("WXPAY_MCH_ID", "1900000009");
        let other = shop.join(&other).await;
        assert!(shop.stop(0).await);
        shop.advance(5).await;
        assert!(!shop.run_workers_of(other).await.contains("settle"));
        assert_eq!(shop.state(&order).await, "prepaid");
        assert_eq!(shop.calls("query").await.len(), 0);
        // The attempt's own merchant settles it when it is back.
        let back = shop.join(&patient()).await;
        shop.advance(33).await;
        assert!(shop.run_workers_of(back).await.is_empty());
        let paid: String = sqlx::query_scalar("select transaction_id from payments")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        assert_eq!(paid, transaction);
    })
    .await;
}

#[tokio::test]
async fn nobody_renews_or_closes_with_another_merchants_keys() {
    shop_with(patient(), async |shop| {
        shop.announce("payment_not_configured");
        shop.announce("wechat_unavailable");
        let (phone, stale) = waiting(shop).await;
        phone.start_payment(&stale).await;
        shop.advance(110 * 60).await;
        // Of another one it is not known whether WeChat has it.
        let unknown = phone.buy("tea", 1).await;
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "prepay", "times": 1}]))
            .await;
        phone
            .try_start_payment(&unknown)
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(shop.state(&unknown).await, "unknown");
        // A third one's prepay is fresh: a page that has it sends money where nobody can ask about it.
        let fresh = phone.buy("tea", 1).await;
        phone.start_payment(&fresh).await;
        let asked = shop.calls("prepay").await.len();

        let other = Setup::default().with("WXPAY_MCH_ID", "1900000009");
        let other = shop.join(&other).await;
        for order in [&stale, &unknown, &fresh] {
            let tapped = phone.start_payment_at(other, order).await;
            tapped.refused(503, "payment_not_configured");
            let path = format!("/v1/orders/{order}/close");
            let closed = phone.call_at(other, "POST", &path).await;
            closed.refused(503, "payment_not_configured");
            assert_eq!(shop.order_status(order).await, "awaiting_payment");
        }
        assert_eq!(shop.calls("prepay").await.len(), asked);
        assert_eq!(shop.calls("close").await.len(), 0);
        // Their own merchant takes money for all.
        for order in [&stale, &unknown, &fresh] {
            phone.pay(order).await;
            assert_eq!(phone.sync(order).await["status"], "paid");
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_keeps_no_other_from_being_heard() {
    shop_with(patient(), async |shop| {
        shop.stock("tea", 100, None).await;
        shop.stock("cup", 41, None).await;
        let phone = shop.visitor().await;
        for product in ["tea", "cup"] {
            let order = phone.buy(product, 1).await;
            phone.start_payment(&order).await;
        }
        shop.refuse_writes(
            "create trigger fails before update on payment_attempts for each row
                when (new.total_fen = 41 and new.lease_token is null) execute function fail()",
        )
        .await;
        let fault = json!({"kind": "pay_error", "api": "query", "status": 429, "code": "FREQUENCY_LIMITED"});
        shop.faults(json!([fault])).await;
        shop.advance(5).await;
        assert!(shop.run_workers_of(0).await.contains("settle"));
        assert_eq!(shop.calls("query").await.len(), 2);
        // WeChat said that it is asked too often, so that nothing else is asked for a while.
        let third = phone.buy("tea", 1).await;
        phone.start_payment(&third).await;
        shop.advance(24).await;
        shop.run_workers_of(0).await;
        assert_eq!(shop.calls("query").await.len(), 2);
        shop.advance(6).await;
        shop.run_workers_of(0).await;
        assert!(shop.calls("query").await.len() > 2);
    })
    .await;
}
