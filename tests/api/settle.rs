//! The rule of settling stands twice: in `domain::settlement::decide` and in the one statement of
//! the ordinary case. They are held together here, over every row that could be.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;
use weir::domain::attempt::AttemptState;
use weir::domain::id::NotificationId;
use weir::domain::name::{AppId, MchId, OutTradeNo, TransactionId};
use weir::domain::order::OrderStatus;
use weir::domain::settlement::{Expectation, LandedPayment, Settlement, decide};
use weir::store::notification::NewDelivery;
use weir::store::settlement::settle_expected;

use crate::harness::shop;

const NUMBER: &str = "T20260101000001";
const TRANSACTION: &str = "4200000000202601010000000001";
const OTHER_TRANSACTION: &str = "4200000000202601010000000002";

/// What the books hold; WeChat always reports the same.
#[derive(Debug)]
struct Case {
    status: OrderStatus,
    state: AttemptState,
    transaction_id: Option<&'static str>,
    app_id: &'static str,
    mch_id: &'static str,
    total_fen: i64,
    currency: &'static str,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for status in OrderStatus::ALL {
        for state in AttemptState::ALL {
            let transactions: &[Option<&str>] = if state.has_money() {
                &[Some(TRANSACTION), Some(OTHER_TRANSACTION)]
            } else {
                &[None]
            };
            for &transaction_id in transactions {
                let case = |app_id, mch_id, total_fen, currency| Case {
                    status,
                    state,
                    transaction_id,
                    app_id,
                    mch_id,
                    total_fen,
                    currency,
                };
                cases.extend([
                    case("wx1", "1900000001", 100, "CNY"),
                    case("wx2", "1900000001", 100, "CNY"),
                    case("wx1", "1900000002", 100, "CNY"),
                    case("wx1", "1900000001", 99, "CNY"),
                    case("wx1", "1900000001", 100, "USD"),
                ]);
            }
        }
    }
    cases
}

fn landed(now: DateTime<Utc>) -> LandedPayment {
    LandedPayment {
        app_id: AppId::parse("wx1").unwrap(),
        mch_id: MchId::parse("1900000001").unwrap(),
        out_trade_no: OutTradeNo::parse(NUMBER).unwrap(),
        transaction_id: TransactionId::parse(TRANSACTION).unwrap(),
        total_fen: 100,
        currency: "CNY".to_owned(),
        payer: None,
        success_at: now,
        is_refund_begun: false,
    }
}

fn expected(case: &Case) -> Expectation {
    Expectation {
        app_id: AppId::parse(case.app_id).unwrap(),
        mch_id: MchId::parse(case.mch_id).unwrap(),
        total_fen: case.total_fen,
        currency: case.currency.to_owned(),
        state: case.state,
        transaction_id: case.transaction_id.map(|id| TransactionId::parse(id).unwrap()),
        order_status: case.status,
    }
}

async fn write(db: &mut PgConnection, case: &Case, now: DateTime<Utc>) {
    let id = Uuid::from_u128(7);
    // A row of another currency cannot be, and is tried all the same.
    sqlx::query("alter table payment_attempts drop constraint payment_attempts_currency_check")
        .execute(&mut *db)
        .await
        .unwrap();
    sqlx::query(
        "insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
        values ($1, 'wx1', 'o', '', '', $2, $2, $2)",
    )
    .bind(id)
    .bind(now)
    .execute(&mut *db)
    .await
    .unwrap();
    sqlx::query(
        "insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, created_at,
            updated_at, expires_at, paid_at, closed_at)
        values ($1, $1, 'wx1', 'o', $2, 100, 'CNY', 'tea', $3, $3, $4,
            case when $2 in ('paid', 'partially_refunded', 'refunded') then $3 end, case when $2 = 'closed' then $3 end)",
    )
    .bind(id)
    .bind(case.status.as_str())
    .bind(now)
    .bind(now + TimeDelta::minutes(30))
    .execute(&mut *db)
    .await
    .unwrap();
    sqlx::query(
        "insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state,
            transaction_id, created_at, updated_at)
        values ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(id)
    .bind(NUMBER)
    .bind(case.app_id)
    .bind(case.mch_id)
    .bind(case.total_fen)
    .bind(case.currency)
    .bind(case.state.as_str())
    .bind(case.transaction_id)
    .bind(now)
    .execute(&mut *db)
    .await
    .unwrap();
}

/// Everything that settling may touch.
async fn rows(db: &mut PgConnection) -> (String, String, i64, i64, i64) {
    let row = sqlx::query(
        "select o.status, a.state, (select count(*) from payments), (select count(*) from notifications),
            (select count(*) from events) from orders o join payment_attempts a on a.order_id = o.id",
    )
    .fetch_one(db)
    .await
    .unwrap();
    (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))
}

#[tokio::test]
async fn the_one_statement_settles_exactly_what_the_domain_says() {
    shop(async |shop| {
        let now = shop.clock.now();
        let landed = landed(now);
        let delivery = NewDelivery {
            id: NotificationId::from(Uuid::from_u128(8)),
            notify_id: "EV",
            received_at: now,
            timestamp: "1",
            nonce: "n",
            serial: "s",
            signature: "x",
            body: b"{}",
            replay: None,
        };
        let mut settled = 0;
        for case in cases() {
            let mut tx = shop.db.begin().await.unwrap();
            write(&mut tx, &case, now).await;
            let before = rows(&mut tx).await;
            let done = settle_expected(&mut *tx, &landed, &delivery, Uuid::from_u128(9), true)
                .await
                .unwrap();
            // An attempt that had ended may have a newer one beside it, which is more than it looks at.
            let is_wanted = case.state.is_open() && decide(&expected(&case), &landed) == Settlement::Settle;
            assert_eq!(done.is_some(), is_wanted, "{case:?}");
            let after = rows(&mut tx).await;
            if is_wanted {
                settled += 1;
                assert_eq!(
                    after,
                    ("paid".to_owned(), "settled".to_owned(), 1, 1, 1),
                    "{case:?}"
                );
            } else {
                assert_eq!(after, before, "{case:?}");
            }
            tx.rollback().await.unwrap();
        }
        // An order that waits, and an attempt in each open state.
        assert_eq!(settled, 3);
    })
    .await;
}
