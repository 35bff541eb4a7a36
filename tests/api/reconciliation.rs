//! Days compared with WeChat's bills: what is found, and nothing else.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Phone, Shop, shop, until};

/// Pushes the clocks to an hour of a day in China, `days` from today.
pub(crate) async fn go_to(shop: &Shop, days: i64, hour: i64) {
    go_to_second(shop, days, hour * 3_600).await;
}

/// The same, to a second; never before it.
pub(crate) async fn go_to_second(shop: &Shop, days: i64, second: i64) {
    shop.catch_up().await;
    let china = shop.clock.now() + TimeDelta::hours(8);
    let midnight = china.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    let wanted = midnight + TimeDelta::days(days) + TimeDelta::seconds(second);
    shop.advance(wanted.signed_duration_since(china).num_seconds() + 1)
        .await;
}

/// The day in China.
pub(crate) fn today(shop: &Shop) -> NaiveDate {
    (shop.clock.now() + TimeDelta::hours(8)).date_naive()
}

/// Noon of the next day in China, with tea at a price and somebody to buy it; gives them and the day.
pub(crate) async fn trading_day(shop: &Shop, price_fen: i64) -> (Phone<'_>, NaiveDate) {
    shop.stock("tea", price_fen, None).await;
    let phone = shop.visitor().await;
    go_to(shop, 1, 12).await;
    (phone, today(shop))
}

/// `POST /admin/reconciliations`.
pub(crate) async fn begin(shop: &Shop, day: NaiveDate) -> Value {
    let body = json!({ "bill_date": day });
    shop.admin("POST", "/admin/reconciliations", Some(&body))
        .await
        .ok(202)
}

/// `GET /admin/reconciliations/{id}`.
pub(crate) async fn read(shop: &Shop, id: &Value) -> Value {
    let path = format!("/admin/reconciliations/{}?limit=100", id.as_str().unwrap());
    shop.admin("GET", &path, None).await.ok(200)
}

/// Begins a comparison and waits for the end of its first try.
pub(crate) async fn reconcile(shop: &Shop, day: NaiveDate) -> Value {
    let begun = begin(shop, day).await;
    let sql = "select count(*) from reconciliations
        where (attempts = 0 and failure_code is null) or lease_token is not null";
    until(async || shop.count(sql).await == 0 && shop.count("select count(*) from bill_rows").await == 0)
        .await;
    read(shop, &begun["id"]).await
}

/// The kinds and numbers of the differences.
pub(crate) fn differences(result: &Value) -> Vec<(&str, &str)> {
    let differences = result["differences"].as_array().unwrap();
    differences
        .iter()
        .map(|found| {
            (
                found["kind"].as_str().unwrap(),
                found["transaction_id"].as_str().unwrap(),
            )
        })
        .collect()
}

/// An order that is paid and known to be; gives it and WeChat's number.
pub(crate) async fn sell(phone: &Phone<'_>) -> (String, String) {
    let order = phone.buy("tea", 1).await;
    let transaction_id = phone.pay(&order).await;
    phone.sync(&order).await;
    assert_eq!(phone.status(&order).await, "paid");
    (order, transaction_id)
}

/// The state of an exception, and what became of it.
pub(crate) async fn exception(shop: &Shop, id: &Value) -> (String, bool, Option<String>) {
    let sql = "select kind, resolved_at is null, resolution from exceptions where id = $1::uuid";
    sqlx::query_as(sql)
        .bind(id.as_str().unwrap())
        .fetch_one(&shop.db)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_day_that_agrees_is_balanced_however_often_it_is_compared() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 1_990).await;
        for _ in 0..3 {
            sell(&phone).await;
        }
        let unpaid = phone.buy("tea", 1).await;
        phone.start_payment(&unpaid).await;
        go_to(shop, 1, 10).await;
        let mut ids = Vec::new();
        for fault in [None, Some("bill_columns_reordered"), Some("bill_column_extra")] {
            shop.faults(fault.map_or(json!([]), |kind| json!([{ "kind": kind }])))
                .await;
            let result = reconcile(shop, day).await;
            assert_eq!(
                (&result["status"], &result["differences"]),
                (&json!("balanced"), &json!([]))
            );
            assert_eq!(
                (&result["payment_count"], &result["payment_fen"]),
                (&json!(3), &json!(5_970))
            );
            assert_eq!(
                (&result["movement_count"], &result["foreign_count"]),
                (&json!(6), &json!(0))
            );
            assert_eq!(result["attempts"], 1);
            ids.push(result["id"].clone());
        }
        let page = shop
            .admin("GET", "/admin/reconciliations?limit=2", None)
            .await
            .ok(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 2);
        let rest = format!(
            "/admin/reconciliations?cursor={}",
            page["next_cursor"].as_str().unwrap()
        );
        let rest = shop.admin("GET", &rest, None).await.ok(200);
        assert_eq!(
            (rest["items"].as_array().unwrap().len(), &rest["next_cursor"]),
            (1, &json!(null))
        );
        assert_eq!(shop.count("select count(*) from exceptions").await, 0);
        // A day without any trade has no bill, and is balanced too.
        let empty = reconcile(shop, day.pred_opt().unwrap()).await;
        assert_eq!(
            (&empty["status"], &empty["payment_count"]),
            (&json!("balanced"), &json!(0))
        );
    })
    .await;
}

/// Faults of a payment in a bill, the kind of difference that each is, and what either side says of it.
fn faults() -> [(Value, &'static str, Option<&'static str>, Option<&'static str>); 5] {
    [
        (
            json!({"kind": "bill_row_missing"}),
            "missing_there",
            Some("amount_fen"),
            None,
        ),
        (
            json!({"kind": "bill_amount_changed"}),
            "amount",
            Some("amount_fen"),
            Some("amount_fen"),
        ),
        (
            json!({"kind": "bill_state_changed"}),
            "state",
            Some("state"),
            Some("state"),
        ),
        (
            json!({"kind": "bill_fee_changed", "api": "trade_bill"}),
            "fee",
            Some("net_fen"),
            Some("net_fen"),
        ),
        (
            json!({"kind": "bill_row_missing", "api": "fund_flow_bill"}),
            "fee",
            Some("net_fen"),
            Some("net_fen"),
        ),
    ]
}

#[tokio::test]
async fn each_fault_of_a_bill_is_its_one_named_difference() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        sell(&phone).await;
        let (order, transaction_id) = sell(&phone).await;
        sell(&phone).await;
        let number = shop.number(&order).await;
        go_to(shop, 1, 10).await;
        for (fault, kind, ours, theirs) in faults() {
            let mut fault = fault.clone();
            fault["out_trade_no"] = json!(number);
            shop.faults(json!([fault])).await;
            let result = reconcile(shop, day).await;
            assert_eq!(result["status"], "differing", "{fault}: {result}");
            assert_eq!(differences(&result), [(kind, transaction_id.as_str())], "{fault}");
            let found = &result["differences"][0];
            assert_eq!(
                (&found["order_id"], &found["out_trade_no"]),
                (&json!(order), &json!(number))
            );
            for (side, has) in [("ours", ours), ("theirs", theirs)] {
                assert_eq!(
                    found[side].get(has.unwrap_or("x")).is_some(),
                    has.is_some(),
                    "{found}"
                );
            }
            assert!(found["proposed_action"].as_str().unwrap().len() > 40);
            let again = reconcile(shop, day).await;
            assert_eq!(
                again["differences"], result["differences"],
                "the same exception: {fault}"
            );
            let id = &found["exception_id"];
            let (name, is_open, _) = exception(shop, id).await;
            assert_eq!((name, is_open), (format!("reconciliation_{kind}"), true));

            shop.faults(json!([])).await;
            let mended = reconcile(shop, day).await;
            assert_eq!(mended["status"], "balanced");
            let (_, is_open, resolution) = exception(shop, id).await;
            assert!(!is_open && resolution.unwrap().contains(mended["id"].as_str().unwrap()));
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_run_resolved_comes_back_and_what_a_human_resolved_stays_so() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        let (order, _) = sell(&phone).await;
        let number = shop.number(&order).await;
        go_to(shop, 1, 10).await;
        let fault = json!([{"kind": "bill_amount_changed", "out_trade_no": number}]);
        shop.faults(fault.clone()).await;
        let id = reconcile(shop, day).await["differences"][0]["exception_id"].clone();
        shop.faults(json!([])).await;
        reconcile(shop, day).await;
        assert!(!exception(shop, &id).await.1);
        shop.faults(fault).await;
        assert_eq!(reconcile(shop, day).await["differences"][0]["exception_id"], id);
        assert!(exception(shop, &id).await.1);
        let path = format!("/admin/exceptions/{}/resolve", id.as_str().unwrap());
        let done = json!({"resolution": "refunded a fen"});
        shop.admin("POST", &path, Some(&done)).await.ok(200);
        let result = reconcile(shop, day).await;
        assert_eq!(
            (&result["status"], &result["differences"][0]["exception_id"]),
            (&json!("differing"), &id)
        );
        assert_eq!(exception(shop, &id).await.2.unwrap(), "refunded a fen");
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_the_books_lack_is_named_until_it_is_settled() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 500).await;
        sell(&phone).await;
        let order = phone.buy("tea", 1).await;
        let transaction_id = phone.pay(&order).await;
        go_to(shop, 1, 10).await;
        let result = reconcile(shop, day).await;
        assert_eq!(differences(&result), [("missing_here", transaction_id.as_str())]);
        let found = &result["differences"][0];
        assert_eq!(
            (&found["order_id"], &found["theirs"]["amount_fen"]),
            (&json!(order), &json!(500))
        );
        assert_eq!(found["ours"]["amount_fen"], json!(null));
        phone.sync(&order).await;
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(reconcile(shop, day).await["status"], "balanced");
        assert!(!exception(shop, &found["exception_id"]).await.1);
    })
    .await;
}

#[tokio::test]
async fn what_another_system_took_is_counted_and_told_once() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 500).await;
        sell(&phone).await;
        go_to(shop, 1, 10).await;
        shop.faults(json!([{"kind": "bill_synthetic_rows", "rows": 5_000}]))
            .await;
        for _ in 0..2 {
            let result = reconcile(shop, day).await;
            assert_eq!(
                (&result["status"], &result["foreign_count"]),
                (&json!("balanced"), &json!(5_000))
            );
            // 2 to 5,001 fen each.
            assert_eq!(result["foreign_fen"], 12_507_500);
            assert_eq!(result["payment_count"], 5_001);
        }
        let exceptions = shop.exceptions().await;
        assert_eq!(exceptions, [("reconciliation_foreign".to_owned(), None)]);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_no_order_of_ours_made_is_counted_told_once_and_no_difference() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 500).await;
        sell(&phone).await;
        go_to(shop, 1, 10).await;
        // In the trade bill alone and in both; each: the fault, and how often the account moved.
        for (fault, movements) in [
            (json!({"kind": "bill_row_extra", "api": "trade_bill"}), 2),
            (json!({"kind": "bill_row_extra"}), 4),
        ] {
            shop.faults(json!([fault])).await;
            let result = reconcile(shop, day).await;
            assert_eq!(
                (&result["status"], &result["differences"]),
                (&json!("balanced"), &json!([])),
                "{fault}"
            );
            assert_eq!(
                (&result["payment_count"], &result["payment_fen"]),
                (&json!(2), &json!(6_900)),
                "{fault}"
            );
            assert_eq!(
                (&result["foreign_count"], &result["foreign_fen"]),
                (&json!(1), &json!(6_400)),
                "{fault}"
            );
            assert_eq!(result["movement_count"], movements, "{fault}");
        }
        let exceptions = shop.exceptions().await;
        assert_eq!(exceptions, [("reconciliation_foreign".to_owned(), None)]);
    })
    .await;
}

#[tokio::test]
async fn a_payment_belongs_to_the_day_in_china_in_which_it_was_paid() {
    shop(async |shop| {
        shop.stock("tea", 500, None).await;
        let phone = shop.visitor().await;
        // UTC has been in that day for hours when China's begins, and still is when it ends.
        go_to_second(shop, 2, -60).await;
        let before = today(shop);
        sell(&phone).await;
        shop.advance(120).await;
        let after = today(shop);
        assert_eq!(before.succ_opt(), Some(after));
        sell(&phone).await;
        go_to(shop, 1, 10).await;
        for day in [before, after] {
            let result = reconcile(shop, day).await;
            assert_eq!(
                (&result["status"], &result["payment_count"]),
                (&json!("balanced"), &json!(1)),
                "{day}"
            );
        }
        let paid: Vec<DateTime<Utc>> =
            sqlx::query_scalar("select success_at from payments order by success_at")
                .fetch_all(&shop.db)
                .await
                .unwrap();
        assert_eq!(paid[0].date_naive(), paid[1].date_naive());
    })
    .await;
}
