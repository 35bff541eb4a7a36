//! What WeChat's bills name that the books never heard of, and differences that are others than a human resolved.

use serde_json::{Value, json};

use crate::harness::{Shop, shop};
use crate::reconciliation::{differences, exception, go_to, reconcile, sell, today, trading_day};

/// A human is done with an exception.
async fn resolve(shop: &Shop, id: &Value) {
    let path = format!("/admin/exceptions/{}/resolve", id.as_str().unwrap());
    let done = json!({"resolution": "looked into"});
    shop.admin("POST", &path, Some(&done)).await.ok(200);
}

/// What the exception says that the bill says.
async fn theirs(shop: &Shop, id: &Value) -> Value {
    sqlx::query_scalar("select evidence -> 'theirs' from exceptions where id = $1::uuid")
        .bind(id.as_str().unwrap())
        .fetch_one(&shop.db)
        .await
        .unwrap()
}

/// A refund of a paid order that succeeded and is known to have.
async fn refunded(shop: &Shop, order: &str) -> String {
    let refund = shop.refund(order, 2_500).await;
    shop.run_workers().await;
    shop.end_refund(&refund, "SUCCESS").await;
    shop.deliver().await;
    refund["out_refund_no"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn another_difference_of_the_same_kind_opens_what_a_human_resolved() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        let (order, _) = sell(&phone).await;
        let number = refunded(shop, &order).await;
        go_to(shop, 1, 10).await;
        let amount = json!([{"kind": "bill_amount_changed", "out_refund_no": number}]);
        let state = json!([{"kind": "bill_state_changed", "out_refund_no": number}]);
        shop.faults(amount.clone()).await;
        let id = reconcile(shop, day).await["differences"][0]["exception_id"].clone();
        assert_eq!(theirs(shop, &id).await["amount_fen"], 2_501);
        resolve(shop, &id).await;

        shop.faults(state).await;
        assert_eq!(reconcile(shop, day).await["differences"][0]["exception_id"], id);
        assert!(exception(shop, &id).await.1, "nobody has looked into the state");
        let now = theirs(shop, &id).await;
        assert_eq!(
            (&now["amount_fen"], &now["state"]),
            (&json!(2_500), &json!("CHANGE"))
        );
        resolve(shop, &id).await;
        // Either is known now.
        reconcile(shop, day).await;
        shop.faults(amount).await;
        assert_eq!(reconcile(shop, day).await["differences"][0]["exception_id"], id);
        assert_eq!(exception(shop, &id).await.2.as_deref(), Some("looked into"));
    })
    .await;
}

#[tokio::test]
async fn a_difference_of_two_days_is_open_until_neither_has_it() {
    shop(async |shop| {
        let (phone, first) = trading_day(shop, 10_000).await;
        let (order, _) = sell(&phone).await;
        let refund = shop.refund(&order, 2_500).await;
        shop.run_workers().await;
        // It stands in both bills, in the first as on its way.
        go_to(shop, 1, 9).await;
        shop.advance(1_800).await;
        let second = today(shop);
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        go_to(shop, 1, 12).await;
        let fault = json!([{"kind": "bill_amount_changed", "out_refund_no": refund["out_refund_no"]}]);
        shop.faults(fault).await;
        let id = reconcile(shop, first).await["differences"][0]["exception_id"].clone();
        assert_eq!(theirs(shop, &id).await["state"], "PROCESSING");
        assert_eq!(
            reconcile(shop, second).await["differences"][0]["exception_id"],
            id
        );
        assert_eq!(theirs(shop, &id).await["state"], "SUCCESS");
        shop.faults(json!([])).await;
        // Which result is the last is told by the clock.
        shop.advance(1).await;
        assert_eq!(reconcile(shop, second).await["status"], "balanced");
        assert!(exception(shop, &id).await.1, "the first day has it still");
        assert_eq!(reconcile(shop, first).await["status"], "balanced");
        assert!(!exception(shop, &id).await.1);
    })
    .await;
}

#[tokio::test]
async fn a_refund_made_in_the_merchant_platform_is_named() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        let (order, transaction_id) = sell(&phone).await;
        sell(&phone).await;
        go_to(shop, 1, 10).await;
        shop.faults(json!([{"kind": "bill_refund_extra", "out_trade_no": shop.number(&order).await}]))
            .await;
        let result = reconcile(shop, day).await;
        assert_eq!(
            differences(&result),
            [("refund", transaction_id.as_str())],
            "{result}"
        );
        let found = &result["differences"][0];
        assert_eq!(
            (&found["order_id"], &found["ours"], &found["theirs"]["amount_fen"]),
            (&json!(order), &json!(null), &json!(100))
        );
        assert_eq!(found["out_refund_no"], format!("byhand{transaction_id}"));
        assert_eq!(result["foreign_count"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_payment_under_a_number_that_looks_like_ours_is_named_though_no_attempt_has_it() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        sell(&phone).await;
        go_to(shop, 1, 10).await;
        // As a restore of older books loses it.
        let number = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        shop.faults(json!([{"kind": "bill_row_extra", "out_trade_no": number}]))
            .await;
        let result = reconcile(shop, day).await;
        assert_eq!(result["status"], "differing", "{result}");
        let found = &result["differences"][0];
        assert_eq!(
            (
                &found["kind"],
                &found["out_trade_no"],
                &found["ours"],
                &found["order_id"]
            ),
            (&json!("missing_here"), &json!(number), &json!(null), &json!(null))
        );
        assert_eq!(result["foreign_count"], 0);
        // Under a number that we never make it is another system's, though in our mini program.
        shop.faults(json!([{"kind": "bill_row_extra", "out_trade_no": "ABCDEFGHJKLMNPQRSTUVWXYZ2345678O"}]))
            .await;
        let result = reconcile(shop, day).await;
        assert_eq!(
            (&result["status"], &result["foreign_count"]),
            (&json!("balanced"), &json!(1))
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_coupon_of_the_merchants_paid_is_no_difference() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        let (order, _) = sell(&phone).await;
        let out_refund_no = refunded(shop, &order).await;
        let out_trade_no = shop.number(&order).await;
        go_to(shop, 1, 10).await;
        for about in [
            json!({"out_trade_no": out_trade_no}),
            json!({"out_refund_no": out_refund_no}),
        ] {
            let mut fault = about;
            fault["kind"] = json!("bill_coupon");
            // In both bills: less came in, or went out, than was ordered or asked back.
            shop.faults(json!([fault])).await;
            let result = reconcile(shop, day).await;
            assert_eq!(result["status"], "balanced", "{fault}: {result}");
            // The account alone says so, or the trade bill alone.
            for api in ["fund_flow_bill", "trade_bill"] {
                fault["api"] = json!(api);
                shop.faults(json!([fault])).await;
                let result = reconcile(shop, day).await;
                assert_eq!(result["differences"][0]["kind"], "fee", "{fault}: {result}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_with_a_coupon_is_settled_by_its_whole_amount_and_balanced() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        let mut orders = Vec::new();
        for (is_told, coupon_fen) in [(true, 3_333), (false, 1)] {
            let order = phone.buy("tea", 1).await;
            let sheet = phone.cashier(&phone.start_payment(&order).await).await;
            phone
                .act(&sheet, json!({"action": "pay", "coupon_fen": coupon_fen}))
                .await;
            if is_told {
                shop.deliver().await;
            } else {
                phone.sync(&order).await;
            }
            assert_eq!(phone.status(&order).await, "paid");
            orders.push(order);
        }
        refunded(shop, &orders[0]).await;
        assert_eq!(phone.read_order(&orders[0]).await["refunded_fen"], 2_500);
        assert_eq!(shop.exceptions().await, []);
        go_to(shop, 1, 10).await;
        let result = reconcile(shop, day).await;
        assert_eq!(result["status"], "balanced", "{result}");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_differences_are_shown_unless_fewer_are_wanted() {
    shop(async |shop| {
        go_to(shop, 1, 10).await;
        let run = reconcile(shop, today(shop) - chrono::Days::new(1)).await;
        sqlx::query(
            "with named as (
                insert into exceptions (id, kind, subject, detail, evidence, created_at)
                values (gen_random_uuid(), 'reconciliation_missing_here', 'x', 'x', '{}', now()) returning id
            )
            insert into reconciliation_differences (id, reconciliation_id, kind, subject, transaction_id, exception_id)
            select gen_random_uuid(), $1::uuid, 'missing_here', (1000 + number)::text, (1000 + number)::text, named.id
            from named, generate_series(1, 101) as number",
        )
        .bind(run["id"].as_str().unwrap())
        .execute(&shop.db)
        .await
        .unwrap();
        let path = format!("/admin/reconciliations/{}", run["id"].as_str().unwrap());
        let page = async |query: &str| shop.admin("GET", &format!("{path}{query}"), None).await.ok(200);
        let numbers = |page: &Value| -> Vec<u32> {
            let differences = page["differences"].as_array().unwrap().iter();
            differences
                .map(|found| found["transaction_id"].as_str().unwrap().parse().unwrap())
                .collect()
        };
        let usual = page("").await;
        assert_eq!(numbers(&usual), (1_001..=1_100).collect::<Vec<_>>());
        let cursor = usual["next_cursor"].as_str().unwrap();
        let rest = page(&format!("?cursor={cursor}")).await;
        assert_eq!(
            (numbers(&rest), &rest["next_cursor"]),
            (vec![1_101], &Value::Null)
        );
        assert_eq!(numbers(&page("?limit=20").await).len(), 20);
        for query in ["limit=0", "limit=101"] {
            shop.admin("GET", &format!("{path}?{query}"), None)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}
