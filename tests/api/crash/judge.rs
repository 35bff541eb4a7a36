//! Three sides are compared: what people were told, what WeChat holds to be true, and the books.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::buyer::Told;
use crate::harness::{Shop, tell};

/// More than anybody buys.
pub(super) const STOCK: i64 = 1_000_000;

pub(super) async fn judge(shop: &Shop, told: &[Told]) {
    let orders: Vec<(String, String)> = rows(shop, "select id::text, status from orders").await;
    let orders: BTreeMap<String, String> = orders.into_iter().collect();
    // Each with how much of it nobody wants, in fen.
    let sql = "select transaction_id, case when is_surplus then total_fen else 0 end::text from payments";
    let payments: BTreeMap<String, String> = rows(shop, sql).await.into_iter().collect();
    let transactions = shop.list("/simulator/transactions").await;

    told_is_true(told, &orders, &payments);
    wechats_truth_is_in_the_books(&transactions, &payments);
    nothing_is_left_open(shop, &transactions).await;
    acknowledged_is_recorded(shop).await;
    money_went_back_once(shop, told).await;
    let surplus = unwanted_money_went_back(shop, &payments).await;

    let left: i64 = shop
        .count("select stock::bigint from products where id = 'tea'")
        .await;
    let sold = shop
        .count("select coalesce(sum(quantity), 0)::bigint from order_items join orders on orders.id = order_id where status <> 'closed'")
        .await;
    assert_eq!(left + sold, STOCK, "the stock does not add up");
    let refunds = told.iter().map(|told| told.refunds.len()).sum::<usize>();
    tell(&format!(
        "{} orders, {} payments, {refunds} refunds by hand and {surplus} by policy",
        orders.len(),
        payments.len()
    ));
    assert!(
        payments.len() > surplus && refunds > 0 && surplus > 0,
        "nothing was bought or nothing given back"
    );
}

async fn rows(shop: &Shop, sql: &'static str) -> Vec<(String, String)> {
    sqlx::query_as(sql).fetch_all(&shop.db).await.unwrap()
}

fn told_is_true(told: &[Told], orders: &BTreeMap<String, String>, payments: &BTreeMap<String, String>) {
    let of = |list: fn(&Told) -> &Vec<String>| told.iter().flat_map(list).cloned().collect::<Vec<_>>();
    let made = of(|told| &told.made);
    let distinct: BTreeSet<&String> = made.iter().collect();
    assert_eq!(distinct.len(), made.len(), "two intents became one order");
    assert_eq!(
        made.len(),
        orders.len(),
        "an order nobody was told of, or one that is gone"
    );
    for order in of(|told| &told.paid) {
        let status = orders[&order].as_str();
        let is_paid = ["paid", "partially_refunded", "refunded"].contains(&status);
        assert!(is_paid, "{order} was said to be paid and is {status}");
    }
    for order in of(|told| &told.closed) {
        assert_eq!(orders[&order], "closed", "{order} was said to be closed");
    }
    for payment in of(|told| &told.payments) {
        assert!(
            payments.contains_key(&payment),
            "{payment} was paid at the cashier and is not in the books"
        );
    }
}

fn wechats_truth_is_in_the_books(transactions: &[Value], payments: &BTreeMap<String, String>) {
    let landed: BTreeSet<&str> = transactions
        .iter()
        .filter_map(|transaction| transaction["transaction_id"].as_str())
        .collect();
    let known: BTreeSet<&str> = payments.keys().map(String::as_str).collect();
    assert_eq!(landed, known);
}

/// Every attempt has found its end, and none can be paid any more without our knowing.
async fn nothing_is_left_open(shop: &Shop, transactions: &[Value]) {
    let attempts = rows(shop, "select out_trade_no, state from payment_attempts").await;
    let numbers: BTreeSet<&String> = attempts.iter().map(|(number, _)| number).collect();
    for (number, state) in &attempts {
        let is_final = ["settled", "surplus", "closed", "failed"].contains(&state.as_str());
        assert!(is_final, "{number} is still {state}");
    }
    for transaction in transactions {
        let number = transaction["out_trade_no"].as_str().unwrap().to_owned();
        assert!(
            numbers.contains(&number),
            "WeChat has {number} and the books have no intent of it"
        );
    }
    let waiting = shop
        .count("select count(*) from orders where status = 'awaiting_payment'")
        .await;
    assert_eq!(waiting, 0, "orders that neither found their money nor their end");
}

/// What must hold as soon as a database that crashed is back, while people go on buying.
pub(super) async fn judge_after_crash(shop: &Shop) {
    acknowledged_is_recorded(shop).await;
    shop.assert_balanced().await;
}

/// No notice was answered 2xx that is not in the books.
async fn acknowledged_is_recorded(shop: &Shop) {
    // Before the books are read: what is answered meanwhile may be written behind that.
    let deliveries = shop.list("/simulator/notifications").await;
    let recorded: Vec<(String, String)> =
        rows(shop, "select distinct notify_id, '' from notifications").await;
    let recorded: BTreeSet<String> = recorded.into_iter().map(|(id, _)| id).collect();
    for delivery in deliveries {
        if delivery["status"].as_u64().is_some_and(|status| status < 300) {
            let id = delivery["id"].as_str().unwrap();
            assert!(
                recorded.contains(id),
                "notice {id} was answered 2xx and is not recorded"
            );
        }
    }
}

/// Every refund that was promised is one refund at WeChat and in the books, and WeChat knows of no
/// other.
async fn money_went_back_once(shop: &Shop, told: &[Told]) {
    let sql =
        "select id::text, out_refund_no || ' ' || amount_fen || ' ' || status || ' ' || cause from refunds";
    let ours: BTreeMap<String, String> = rows(shop, sql).await.into_iter().collect();
    let theirs = shop.list("/simulator/refunds").await;
    let mut promised = 0;
    for (id, order, amount_fen) in told.iter().flat_map(|told| &told.refunds) {
        let refund = ours
            .get(id)
            .unwrap_or_else(|| panic!("the refund {id} of {order} is gone"));
        let is_done = refund.ends_with(&format!(" {amount_fen} succeeded operator"));
        assert!(is_done, "of {order} {amount_fen} was to be given back: {refund}");
        promised += 1;
    }
    let by_hand = ours
        .values()
        .filter(|refund| refund.ends_with(" operator"))
        .count();
    assert_eq!(by_hand, promised, "two refunds of one intent");
    assert_eq!(
        theirs.len(),
        ours.len(),
        "WeChat and the books differ about refunds"
    );
    for refund in theirs {
        let (number, amount_fen) = (&refund["out_refund_no"], &refund["amount_fen"]);
        let start = format!("{} {amount_fen} ", number.as_str().unwrap());
        assert!(ours.values().any(|ours| ours.starts_with(&start)), "{refund}");
    }
}

/// Every payment that no order wanted went back in full by one refund, which both sides know as done. Gives
/// how many there were.
async fn unwanted_money_went_back(shop: &Shop, payments: &BTreeMap<String, String>) -> usize {
    let sql =
        "select transaction_id, string_agg(amount_fen || ' ' || status || ' ' || cause, ', ') from refunds
        group by transaction_id";
    let ours: BTreeMap<String, String> = rows(shop, sql).await.into_iter().collect();
    let theirs = shop.list("/simulator/refunds").await;
    let unwanted: Vec<_> = payments.iter().filter(|(_, fen)| *fen != "0").collect();
    for (number, fen) in &unwanted {
        let here = ours.get(*number).map(String::as_str).unwrap_or_default();
        assert_eq!(here, format!("{fen} succeeded surplus"), "{number}");
        let there: Vec<String> = theirs
            .iter()
            .filter(|refund| refund["transaction_id"] == number.as_str())
            .map(|refund| format!("{} {}", refund["amount_fen"], refund["status"]))
            .collect();
        assert_eq!(there, [format!("{fen} \"SUCCESS\"")], "{number}");
    }
    unwanted.len()
}
