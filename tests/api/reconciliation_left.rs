//! Rows of bills that a dead try left, beside those of one that lives; and those that are gone.

use futures_util::future::join;
use serde_json::json;
use weir::store::bill;

use crate::harness::{PATIENT, held, shop, until};
use crate::reconciliation::{go_to, read, reconcile, sell, trading_day};

/// A try under way with very many rows, and after it what a dead one left.
const PLANTED: &str = "
    insert into reconciliations (id, bill_date, status, attempts, next_try_at, lease_token, lease_until, payment_count,
        payment_fen, refund_count, refund_fen, movement_count, foreign_count, foreign_fen, difference_count, created_at,
        updated_at)
    values ('00000000-0000-7000-8000-0000000000a1', '2026-01-01', 'running', 1, '2026-01-02Z',
        '00000000-0000-7000-8000-0000000000a2', '2026-01-02Z', 0, 0, 0, 0, 0, 0, 0, 0, '2026-01-02Z', '2026-01-02Z');
    insert into bill_rows (lease_token, line, is_refund, moved_at, app_id, transaction_id, out_trade_no, trade_state,
        currency, amount_fen, settled_fen, fee_thousandths)
    select '00000000-0000-7000-8000-0000000000a2'::uuid, n, false, '2026-01-01Z'::timestamptz, 'wx1', 't' || n, 'o' || n,
        'SUCCESS', 'CNY', 1, 1, 0
    from generate_series(1, 20000) n
    union all
    select '00000000-0000-7000-8000-0000000000b2'::uuid, n, false, '2026-01-01Z', 'wx1', 't' || n, 'o' || n, 'SUCCESS', 'CNY',
        1, 1, 0
    from generate_series(1, 10) n;
    insert into bill_movements (lease_token, line, number, net_fen)
    select '00000000-0000-7000-8000-0000000000a2'::uuid, n, 't' || n, 1 from generate_series(1, 20000) n
    union all
    select '00000000-0000-7000-8000-0000000000b2'::uuid, n, 't' || n, 1 from generate_series(1, 10) n;
    analyze bill_rows, bill_movements, reconciliations";

#[tokio::test]
async fn the_rows_of_a_try_under_way_are_not_read_to_find_those_of_a_dead_one() {
    shop(async |shop| {
        sqlx::raw_sql(PLANTED).execute(&shop.db).await.unwrap();
        let pages = shop.pages_of("bill.delete_left", |left| left.bind(5_000_i64));
        let pages = pages.await;
        assert!(pages < 150, "{pages}");
        let db = shop.connect(PATIENT);
        assert_eq!(bill::delete_left(&db).await.unwrap(), 20);
        assert_eq!(bill::delete_left(&db).await.unwrap(), 0);
        let held = "select (select count(*) from bill_rows) + (select count(*) from bill_movements)";
        assert_eq!(shop.count(held).await, 40_000);
        let unplanted = "delete from bill_rows; delete from bill_movements; delete from reconciliations";
        sqlx::raw_sql(unplanted).execute(&shop.db).await.unwrap();
    })
    .await;
}

/// The rows of the bills are gone before they are looked at, or in the middle of that; with a fault of the bill the tables
/// that a difference is written to keep the comparison waiting meanwhile.
#[tokio::test]
async fn a_bill_whose_rows_are_gone_is_no_empty_one() {
    for (place, wrong) in [
        ("bill_rows in share update exclusive mode", None),
        (
            "reconciliation_differences in share mode",
            Some("bill_amount_changed"),
        ),
    ] {
        shop(async |shop| {
            let (phone, day) = trading_day(shop, 500).await;
            sell(&phone).await;
            go_to(shop, 1, 10).await;
            let mut faults = vec![held("delay", "fund_flow_bill")];
            faults.extend(wrong.map(|kind| json!({"kind": kind, "api": "trade_bill"})));
            shop.faults(json!(faults)).await;
            let losing = async {
                shop.calls_until("fund_flow_bill", 1).await;
                let mut held = shop.db.begin().await.unwrap();
                let lock = sqlx::AssertSqlSafe(format!("lock table {place}"));
                sqlx::query(lock).execute(&mut *held).await.unwrap();
                shop.let_go().await;
                until(async || shop.lock_waiters().await == 1).await;
                let emptying = sqlx::query("delete from bill_rows");
                emptying.execute(&mut *held).await.unwrap();
                held.commit().await.unwrap();
            };
            let (failed, ()) = join(reconcile(shop, day), losing).await;
            assert_eq!(
                (&failed["status"], &failed["failure_code"]),
                (&json!("failed"), &json!("rows_gone")),
                "{place}"
            );
            if wrong.is_none() {
                assert_eq!(
                    shop.exceptions().await,
                    [],
                    "a payment that WeChat has was called missing there"
                );
            }
            shop.advance(60).await;
            shop.run_workers().await;
            let mended = read(shop, &failed["id"]).await;
            assert_eq!(
                (&mended["status"], &mended["attempts"]),
                (&json!("balanced"), &json!(2))
            );
            assert_eq!(shop.open_exceptions().await, []);
        })
        .await;
    }
}
