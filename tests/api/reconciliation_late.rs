//! What a day's bill is the last to know: money that came after the last question, an account that did not move,
//! and a payment that another row hides.

use serde_json::json;

use crate::harness::{Shop, shop};
use crate::reconciliation::{differences, go_to, reconcile, sell, trading_day};

async fn run(shop: &Shop, sql: &'static str) {
    sqlx::query(sql).execute(&shop.db).await.unwrap();
}

#[tokio::test]
async fn money_that_came_after_the_last_question_goes_back_when_the_bill_names_it() {
    for state in ["closed", "failed"] {
        shop(async |shop| {
            let (phone, day) = trading_day(shop, 500).await;
            let order = phone.buy("tea", 1).await;
            let sheet = phone.cashier(&phone.start_payment(&order).await).await;
            phone.close(&order).await.ok(200);
            // Asked for the last time, WeChat says that it is closed.
            shop.pass(300).await;
            if state == "failed" {
                run(shop, "update payment_attempts set state = 'failed'").await;
            }
            shop.faults(json!([{"kind": "notification_lost", "api": "notification"}]))
                .await;
            let transaction_id = phone.pay_despite_close(&sheet).await;
            shop.deliver().await;
            shop.pass(3_600).await;
            assert_eq!(shop.open_exceptions().await, [], "nobody knows of it");
            shop.faults(json!([])).await;
            go_to(shop, 1, 10).await;
            let result = reconcile(shop, day).await;
            assert_eq!(
                differences(&result),
                [("missing_here", transaction_id.as_str())],
                "{state}"
            );
            shop.run_workers().await;
            let returned = shop.refunds_at_wechat().await;
            assert_eq!(returned.len(), 1, "{state}");
            assert_eq!(returned[0]["transaction_id"], transaction_id);
            shop.end_refund(&returned[0], "SUCCESS").await;
            shop.deliver().await;
            assert_eq!(phone.status(&order).await, "closed");
            let named = ("reconciliation_missing_here".to_owned(), transaction_id.clone());
            assert_eq!(shop.open_exceptions().await, [named]);
            assert_eq!(reconcile(shop, day).await["status"], "balanced");
            assert_eq!(shop.open_exceptions().await, []);
            // Its answer is final now: nobody asks again.
            let asked = shop.calls("query").await.len();
            shop.pass(86_400).await;
            assert_eq!(shop.calls("query").await.len(), asked);
        })
        .await;
    }
}

#[tokio::test]
async fn payments_of_a_day_on_which_the_account_is_said_not_to_have_moved_differ() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        let (_, transaction_id) = sell(&phone).await;
        go_to(shop, 1, 10).await;
        shop.faults(json!([{"kind": "pay_error", "api": "fund_flow_bill", "status": 400, "code": "NO_STATEMENT_EXIST"}]))
            .await;
        let result = reconcile(shop, day).await;
        assert_eq!(result["status"], "differing", "{result}");
        assert_eq!(differences(&result), [("fee", transaction_id.as_str())]);
        let found = &result["differences"][0];
        assert!(found["ours"]["net_fen"].as_i64().unwrap() > 9_000, "{found}");
        assert!(found["theirs"]["net_fen"].is_null(), "{found}");
        shop.faults(json!([])).await;
        assert_eq!(reconcile(shop, day).await["status"], "balanced");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_no_success_hides_no_payment_that_the_bill_lacks() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 10_000).await;
        let (order, theirs) = sell(&phone).await;
        let number = shop.number(&order).await;
        // The books know our number by another payment than WeChat.
        run(shop, "alter table payments disable trigger payments_append_only").await;
        run(shop, "update payments set transaction_id = '4200000009'").await;
        run(shop, "update payment_attempts set transaction_id = '4200000009'").await;
        run(shop, "alter table payments enable trigger payments_append_only").await;
        go_to(shop, 1, 10).await;
        assert_eq!(
            differences(&reconcile(shop, day).await),
            [("state", theirs.as_str())]
        );
        shop.faults(json!([{"kind": "bill_state_changed", "out_trade_no": number}]))
            .await;
        let result = reconcile(shop, day).await;
        assert_eq!(differences(&result), [("missing_there", "4200000009")]);
    })
    .await;
}
