//! Days compared with WeChat's bills: when, how often, by whom, and what happens when it does not work.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Setup, Shop, shop, shop_with, until};
use crate::reconciliation::{begin, go_to, go_to_second, read, reconcile, sell, today, trading_day};

const RUNS: &str = "select count(*) from reconciliations";

async fn shop_with_a_day(setup: Setup, scenario: impl AsyncFnOnce(&Shop, chrono::NaiveDate)) {
    shop_with(setup, async |shop| {
        let (phone, day) = trading_day(shop, 500).await;
        sell(&phone).await;
        scenario(shop, day).await;
    })
    .await;
}

/// What can be wrong with a bill as a whole: how the try ends, and when the next one is due. But for a bill that is not
/// there yet the try counts.
fn unusable() -> [(Value, &'static str, &'static str, i64); 7] {
    [
        (
            json!({"kind": "bill_hash_wrong"}),
            "failed",
            "bill_hash_wrong",
            60,
        ),
        (
            json!({"kind": "bill_hash_wrong", "api": "fund_flow_bill"}),
            "failed",
            "bill_hash_wrong",
            60,
        ),
        (
            json!({"kind": "bill_truncated"}),
            "failed",
            "bill_packed_wrong",
            60,
        ),
        (
            json!({"kind": "bill_summary_wrong"}),
            "failed",
            "bill_summary_wrong",
            60,
        ),
        (
            json!({"kind": "bill_not_ready"}),
            "running",
            "bill_not_ready",
            1_800,
        ),
        (
            json!({"kind": "pay_error", "api": "trade_bill", "status": 429, "code": "FREQUENCY_LIMITED"}),
            "failed",
            "bill_rate_limited",
            300,
        ),
        (
            json!({"kind": "server_error", "api": "bill_download"}),
            "failed",
            "bill_refused",
            60,
        ),
    ]
}

#[tokio::test]
async fn a_bill_that_cannot_be_used_fails_the_try_and_is_fetched_again() {
    shop_with_a_day(Setup::default(), async |shop, day| {
        go_to(shop, 1, 10).await;
        for (fault, status, code, wait_s) in unusable() {
            shop.faults(json!([fault])).await;
            let result = reconcile(shop, day).await;
            assert_eq!(
                (&result["status"], &result["failure_code"]),
                (&json!(status), &json!(code)),
                "{fault}"
            );
            let counted = i64::from(code != "bill_not_ready");
            assert_eq!(
                (&result["attempts"], &result["finished_at"]),
                (&json!(counted), &json!(null))
            );
            // Asked for again, it is the same run; a day has one at a time.
            assert_eq!(result["differences"], json!([]));
            shop.faults(json!([])).await;
            shop.advance(wait_s - 5).await;
            shop.run_workers().await;
            assert_eq!(
                read(shop, &result["id"]).await["attempts"],
                counted,
                "too early: {fault}"
            );
            shop.advance(5).await;
            shop.run_workers().await;
            let mended = read(shop, &result["id"]).await;
            assert_eq!(
                (&mended["status"], &mended["attempts"]),
                (&json!("balanced"), &json!(counted + 1)),
                "{fault}"
            );
            assert_eq!(mended["failure_code"], json!(null));
        }
        assert_eq!(shop.count("select count(*) from exceptions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn after_twenty_tries_a_human_is_told_and_a_day_later_it_begins_anew() {
    shop_with_a_day(Setup::default(), async |shop, day| {
        go_to(shop, 1, 10).await;
        shop.faults(json!([{"kind": "bill_hash_wrong"}])).await;
        let run = reconcile(shop, day).await;
        for _ in 0..30 {
            shop.advance(1_800).await;
            shop.run_workers().await;
        }
        let given_up = read(shop, &run["id"]).await;
        assert_eq!(
            (&given_up["attempts"], &given_up["next_try_at"]),
            (&json!(20), &json!(null))
        );
        assert_eq!(
            (&given_up["status"], shop.count(RUNS).await),
            (&json!("failed"), 1)
        );
        assert_eq!(
            shop.exceptions().await,
            [("reconciliation_incomplete".to_owned(), None)]
        );
        shop.faults(json!([])).await;
        shop.advance(86_400).await;
        shop.run_workers().await;
        let open = "select count(*) from exceptions where resolved_at is null";
        assert_eq!(shop.count(open).await, 0, "a result resolves it");
        let balanced = "select count(*) from reconciliations where status = 'balanced'";
        assert!(shop.count(balanced).await >= 1);
    })
    .await;
}

/// Asks for a day and waits for the end of the try that follows, the so manieth that asks WeChat.
async fn ask(shop: &Shop, day: chrono::NaiveDate, tries: usize) -> Value {
    let begun = begin(shop, day).await;
    shop.calls_until("trade_bill", tries).await;
    let held = "select count(*) from reconciliations where lease_token is not null";
    until(async || shop.count(held).await == 0).await;
    read(shop, &begun["id"]).await
}

#[tokio::test]
async fn a_day_that_is_asked_for_in_the_night_is_compared_in_the_morning() {
    shop_with_a_day(Setup::default(), async |shop, day| {
        go_to(shop, 1, 1).await;
        shop.faults(json!([{"kind": "bill_not_ready"}])).await;
        let first = ask(shop, day, 1).await;
        for tries in 2..=25 {
            let again = ask(shop, day, tries).await;
            assert_eq!(
                (&again["id"], &again["status"], &again["attempts"]),
                (&first["id"], &json!("running"), &json!(0))
            );
        }
        // Nothing is asked by itself before the bill can be there.
        go_to_second(shop, 0, 10 * 3_600 - 30).await;
        shop.run_workers().await;
        assert_eq!(shop.calls("trade_bill").await.len(), 25);
        shop.pass(30).await;
        assert_eq!(shop.calls("trade_bill").await.len(), 26);
        // WeChat is late as well, longer than twenty tries take.
        for _ in 0..40 {
            shop.pass(1_800).await;
        }
        assert_eq!(read(shop, &first["id"]).await["status"], "running");
        shop.faults(json!([])).await;
        shop.pass(1_800).await;
        let balanced = read(shop, &first["id"]).await;
        assert_eq!(
            (&balanced["status"], shop.count(RUNS).await),
            (&json!("balanced"), 1)
        );
        assert_eq!(shop.count("select count(*) from exceptions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_bill_that_is_late_for_more_than_a_day_is_told_to_a_human() {
    shop_with_a_day(Setup::default(), async |shop, day| {
        go_to(shop, 2, 9).await;
        shop.faults(json!([{"kind": "bill_not_ready"}])).await;
        let run = ask(shop, day, 1).await;
        for _ in 0..24 {
            shop.pass(1_800).await;
        }
        let given_up = read(shop, &run["id"]).await;
        assert_eq!(
            (
                &given_up["status"],
                &given_up["attempts"],
                &given_up["failure_code"]
            ),
            (&json!("failed"), &json!(20), &json!("bill_not_ready"))
        );
        let told = ("reconciliation_incomplete".to_owned(), None);
        assert!(shop.exceptions().await.contains(&told));
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_for_a_day_again_begins_its_tries_anew() {
    shop_with_a_day(Setup::default(), async |shop, day| {
        go_to(shop, 1, 10).await;
        shop.faults(json!([{"kind": "server_error", "api": "trade_bill"}]))
            .await;
        for tries in 1..=25 {
            let asked = ask(shop, day, tries).await;
            assert_eq!(
                (&asked["status"], &asked["attempts"]),
                (&json!("failed"), &json!(1))
            );
            assert!(asked["next_try_at"].is_string(), "{asked}");
        }
        assert_eq!(shop.count(RUNS).await, 1);
        shop.faults(json!([])).await;
        shop.pass(60).await;
        assert_eq!(shop.count("select count(*) from exceptions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_day_is_compared_by_itself_from_ten_o_clock_and_missed_days_are_made_up_for() {
    shop_with_a_day(Setup::default().replicas(2), async |shop, day| {
        shop.run_workers().await;
        assert_eq!(shop.count(RUNS).await, 0, "the day is not over");
        go_to_second(shop, 1, 10 * 3_600 - 30).await;
        shop.run_workers().await;
        assert_eq!(shop.count(RUNS).await, 0, "the bill is not there before ten");
        shop.advance(30).await;
        shop.run_workers().await;
        shop.run_workers().await;
        let days = async || {
            let sql = "select bill_date::text || ' ' || status from reconciliations order by bill_date";
            sqlx::query_scalar::<_, String>(sql)
                .fetch_all(&shop.db)
                .await
                .unwrap()
        };
        // The shop's first order may be a day older than the first payment: the clock begins at any hour.
        let first = days().await;
        assert_eq!(first.last(), Some(&format!("{day} balanced")), "{first:?}");
        go_to(shop, 3, 11).await;
        shop.run_workers().await;
        let all = days().await;
        assert_eq!(all.len(), first.len() + 3, "{all:?}");
        assert!(all.iter().all(|run| run.ends_with("balanced")), "{all:?}");
        shop.run_workers().await;
        assert_eq!(days().await, all);
        let health = shop.admin("GET", "/admin/health", None).await.json();
        let newest = all.last().unwrap().split(' ').next().unwrap();
        assert_eq!(health["checks"]["orders"]["reconciled_until"], json!(newest));
    })
    .await;
}

#[tokio::test]
async fn asked_for_by_many_at_once_a_day_is_compared_once() {
    shop_with_a_day(Setup::default().replicas(2), async |shop, day| {
        go_to(shop, 1, 10).await;
        shop.faults(json!([{"kind": "delay", "api": "trade_bill", "ms": 300}]))
            .await;
        let body = json!({ "bill_date": day });
        let requests = (0..8).map(|at| {
            shop.send(shop.request_of(
                at % 2,
                "POST",
                "/admin/reconciliations",
                Some(ADMIN_TOKEN),
                Some(&body),
            ))
        });
        let ids: Vec<Value> = join_all(requests)
            .await
            .iter()
            .map(|answer| answer.ok(202)["id"].clone())
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        until(async || read(shop, &ids[0]).await["status"] == "balanced").await;
        assert_eq!(
            (shop.calls("trade_bill").await.len(), shop.count(RUNS).await),
            (1, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn a_run_whose_worker_died_is_taken_over_when_its_lease_ends() {
    shop_with_a_day(Setup::default(), async |shop, day| {
        go_to(shop, 1, 10).await;
        // What a worker leaves that was killed in the middle: a lease, rows of the bill, half a result.
        let now = shop.clock.now();
        let sql = "with run as (insert into reconciliations (id, bill_date, status, attempts, next_try_at, lease_token,
                lease_until, payment_count, payment_fen, refund_count, refund_fen, movement_count, foreign_count,
                foreign_fen, difference_count, created_at, updated_at)
            values ('00000000-0000-7000-8000-0000000000a1', $1, 'running', 1, $2, '00000000-0000-7000-8000-0000000000a2',
                $2::timestamptz + interval '2 minutes', 0, 0, 0, 0, 0, 0, 0, 0, $2, $2)), staged as (
            insert into bill_rows (lease_token, line, is_refund, moved_at, app_id, transaction_id, out_trade_no, trade_state, currency,
                amount_fen, settled_fen, fee_thousandths)
            values ('00000000-0000-7000-8000-0000000000a2', 2, false, $2, 'wx1', 'lost', 'lost', 'SUCCESS', 'CNY', 1, 1, 0)),
            raised as (insert into exceptions (id, kind, subject, detail, evidence, created_at)
            values ('00000000-0000-7000-8000-0000000000a3', 'reconciliation_missing_there', 'lost', 'x',
                jsonb_build_object('bill_date', $1::text), $2) returning id)
            insert into reconciliation_differences (id, reconciliation_id, kind, subject, exception_id)
            select '00000000-0000-7000-8000-0000000000a4', '00000000-0000-7000-8000-0000000000a1', 'missing_there', 'lost', id
            from raised";
        sqlx::query(sql).bind(day).bind(now).execute(&shop.db).await.unwrap();

        let begun = begin(shop, day).await;
        assert_eq!(begun["id"], "00000000-0000-7000-8000-0000000000a1");
        shop.advance(119).await;
        shop.run_workers().await;
        assert_eq!(read(shop, &begun["id"]).await["attempts"], 1, "its lease is still running");
        shop.advance(1).await;
        shop.run_workers().await;
        let result = read(shop, &begun["id"]).await;
        assert_eq!((&result["status"], &result["attempts"]), (&json!("balanced"), &json!(2)));
        let open = "select count(*) from exceptions where resolved_at is null";
        assert_eq!(shop.count(open).await, 0, "what only the dead one saw is resolved");
    })
    .await;
}

#[tokio::test]
async fn a_day_without_bills_and_other_nonsense_are_refused() {
    shop(async |shop| {
        let today = today(shop);
        let far = today - chrono::Days::new(90);
        for body in [
            json!({ "bill_date": today }),
            json!({ "bill_date": today + chrono::Days::new(1) }),
            json!({ "bill_date": far }),
            json!({"bill_date": "2026-1-1"}),
            json!({"bill_date": "2026-02-30"}),
            json!({"bill_date": "yesterday"}),
            json!({"bill_date": 20_260_101}),
            json!({"bill_date": null}),
            json!({}),
            json!({ "bill_date": today - chrono::Days::new(1), "force": true }),
        ] {
            let answer = shop.admin("POST", "/admin/reconciliations", Some(&body)).await;
            answer.refused(422, "validation_failed");
        }
        assert_eq!(shop.count(RUNS).await, 0);
        let body = json!({ "bill_date": today - chrono::Days::new(1) });
        shop.call("POST", "/admin/reconciliations", Some(&body))
            .await
            .refused(401, "unauthenticated");
        for id in ["x", "0190a5a0-0000-7000-8000-000000000001"] {
            let path = format!("/admin/reconciliations/{id}");
            shop.admin("GET", &path, None).await.refused(404, "not_found");
        }
        for query in ["limit=0", "limit=101", "cursor=%3F", "cursor=Zm9v", "page=2"] {
            let path = format!("/admin/reconciliations?{query}");
            shop.admin("GET", &path, None)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}
