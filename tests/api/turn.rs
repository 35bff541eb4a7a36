//! Two that want the same order at the same moment: one waits for the other, and then sees what it did.
//!
//! Each scenario stops the first in the middle of its transaction, by holding a row that it comes to late.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join3;
use serde_json::json;

use weir::store::refund_due::CLAIM_LOCK;

use crate::harness::{Answer, Phone, Setup, Shop, shop_with, until};

/// An order of two out of nine.
async fn ordered(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, Some(9)).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 2).await;
    (phone, order)
}

/// Where a payment is begun and an order is closed.
const ORDER: &str = "select 1 from orders for update";
/// Where stock is given back, after the order is closed.
const PRODUCT: &str = "select 1 from products for update";
/// Where a refund is taken from its payment, when it is in the books.
const BALANCE: &str = "select 1 from refund_balances for update";

/// Has `first` stop where it comes to a row, with the order locked; goes on with it once `second` waits too.
async fn during<F, S>(
    shop: &Shop,
    row: &'static str,
    first: impl Future<Output = F>,
    second: impl Future<Output = S>,
) -> (F, S) {
    let mut held = shop.db.begin().await.unwrap();
    sqlx::query(row).execute(&mut *held).await.unwrap();
    let is_over = AtomicBool::new(false);
    let later = async {
        until(async || shop.lock_waiters().await == 1).await;
        let answer = second.await;
        is_over.store(true, Ordering::SeqCst);
        answer
    };
    let letting_go = async {
        until(async || shop.lock_waiters().await == 2 || is_over.load(Ordering::SeqCst)).await;
        assert!(!is_over.load(Ordering::SeqCst), "it did not wait");
        held.rollback().await.unwrap();
    };
    let (first, second, ()) = join3(first, later, letting_go).await;
    (first, second)
}

#[tokio::test]
async fn money_that_lands_while_its_order_is_being_closed_is_named() {
    // Through the attempt that is closed with the order, and through an older one that had ended.
    for is_older in [false, true] {
        let setup = Setup::default().with("ORDER_TTL_S", "86400").replicas(2);
        shop_with(setup, async |shop| {
            let (phone, order) = ordered(shop).await;
            let sheet = phone.cashier(&phone.start_payment(&order).await).await;
            let number = shop.number(&order).await;
            if is_older {
                shop.advance(110 * 60).await;
                phone.start_payment_at(1, &order).await.ok(200);
            }
            assert_eq!(shop.attempts(&order).await.len(), 1 + usize::from(is_older));
            let hearing = async {
                phone.pay_despite_close(&sheet).await;
                let message = shop.message(json!({ "out_trade_no": number })).await;
                shop.post_at(1, &message).await.status
            };
            let (closed, told) = during(shop, PRODUCT, phone.close(&order), hearing).await;
            assert_eq!(closed.ok(200)["status"], "closed");
            assert_eq!(told, 204);
            assert_eq!(shop.order_status(&order).await, "closed");
            assert_eq!(shop.attempts(&order).await[0].1, "surplus");
            let named = [("paid_after_close".to_owned(), Some(order.clone()))];
            assert_eq!(shop.exceptions().await, named);
            assert_eq!(shop.stock_left("tea").await, Some(9));
        })
        .await;
    }
}

#[tokio::test]
async fn no_payment_is_begun_for_an_order_that_is_being_closed() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order) = ordered(shop).await;
        let beginning = phone.start_payment_at(1, &order);
        let (closed, begun) = during(shop, PRODUCT, phone.close(&order), beginning).await;
        assert_eq!(closed.ok(200)["status"], "closed");
        begun.refused(409, "order_state_conflict");
        assert_eq!(shop.attempts(&order).await, []);
        assert_eq!(shop.calls("prepay").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn no_order_is_closed_over_a_payment_that_was_begun_after_the_look_for_one() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order) = ordered(shop).await;
        let beginning = phone.start_payment_at(1, &order);
        // Who closes has seen that no payment is open, and waits for the order behind the one that begins it.
        let (begun, closed) = during(shop, ORDER, beginning, phone.close(&order)).await;
        closed.refused(409, "request_in_progress");
        begun.ok(200);
        assert_eq!(shop.order_status(&order).await, "awaiting_payment");
        assert_eq!(shop.state(&order).await, "prepaid");
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
        assert_eq!(shop.calls("close").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refund_asked_for_again_while_it_is_being_written_down_is_the_same() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order) = ordered(shop).await;
        phone.pay(&order).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
        // From the first one on the payment has a balance.
        shop.refund(&order, 40).await;
        let body = json!({"amount_fen": 60});
        let asking = |replica| shop.try_refund_at(replica, &order, "k", &body);
        let (first, second) = during(shop, BALANCE, asking(0), asking(1)).await;
        assert_eq!(second.ok(202), first.ok(202));
        let is_replay = |answer: &Answer| answer.header("idempotent-replayed").is_some();
        assert_eq!((is_replay(&first), is_replay(&second)), (false, true));
        assert_eq!(shop.count("select count(*) from refunds").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_replay_does_not_call_its_own_what_another_did_meanwhile() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        let told: String =
            sqlx::query_scalar("select id::text from notifications where verdict = 'settled'")
                .fetch_one(&shop.db)
                .await
                .unwrap();
        let refund = shop.refund(&order, 40).await;
        shop.run_workers().await;
        let craft = json!({"out_trade_no": shop.number(&order).await, "out_refund_no": refund["out_refund_no"],
            "overrides": {"success_time": "2026-11-21T12:00:00+08:00"}});
        let notice = shop.message(craft).await;
        let hearing = shop.post_refund_notice(&notice);
        let (heard, replayed) = during(shop, BALANCE, hearing, shop.replay(1, &told, false)).await;
        assert_eq!(heard.status, 204);
        assert_eq!(shop.order_status(&order).await, "partially_refunded");
        assert_eq!(
            (&replayed["verdict"], &replayed["changes"]),
            (&json!("duplicate"), &json!([]))
        );
    })
    .await;
}

#[tokio::test]
async fn refunds_are_claimed_by_one_at_a_time() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order) = ordered(shop).await;
        phone.pay(&order).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query("select pg_advisory_xact_lock($1)")
            .bind(CLAIM_LOCK)
            .execute(&mut *held)
            .await
            .unwrap();
        shop.refund(&order, 40).await;
        let letting_go = async {
            let waits_or_is_sent =
                async || shop.lock_waiters().await == 2 || !shop.calls("refund").await.is_empty();
            until(waits_or_is_sent).await;
            assert_eq!(shop.calls("refund").await.len(), 0, "a claim did not wait");
            held.rollback().await.unwrap();
        };
        let claiming = async |replica| shop.run_workers_of(replica).await;
        let (first, second, ()) = join3(claiming(0), claiming(1), letting_go).await;
        assert!(first.is_empty() && second.is_empty(), "{first:?} {second:?}");
        assert_eq!(shop.calls("refund").await.len(), 1);
    })
    .await;
}
