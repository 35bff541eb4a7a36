//! Health, readiness and life, with the database there, away, and back again.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weir::app::StartError;

use crate::harness::{ADMIN_TOKEN, Answer, Phone, Setup, Shop, shop, shop_with};
use crate::recorder::paid;

/// `GET /admin/health`, whose 503 is a report and no problem document.
async fn health(shop: &Shop) -> (u16, Value) {
    let request = shop.request("GET", "/admin/health", Some(ADMIN_TOKEN), None);
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert!(answer.header("x-request-id").is_some());
    (answer.status, answer.json())
}

fn statuses(health: &Value) -> Vec<(&str, &str)> {
    let checks = health["checks"].as_object().unwrap();
    checks
        .iter()
        .filter(|(_, check)| check["status"] != "ok")
        .map(|(name, check)| (name.as_str(), check["status"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn the_health_page_tells_of_every_part() {
    shop_with(Setup::default().real_time(), async |shop| {
        let phone = shop.visitor().await;
        shop.stock("tea", 1, None).await;
        phone.buy("tea", 1).await;
        shop.advance(7).await;
        let (status, health) = health(shop).await;
        assert_eq!(status, 200);
        let members: BTreeSet<&str> = health.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            members,
            BTreeSet::from(["status", "version", "uptime_s", "checks"])
        );
        assert_eq!(health["uptime_s"], 7);
        let checks = health["checks"].as_object().unwrap();
        let names: BTreeSet<&str> = checks.keys().map(String::as_str).collect();
        let expected = [
            "database",
            "migrations",
            "access_tokens",
            "pay_keys",
            "notifications",
            "orders",
            "refunds",
            "shipments",
            "events",
            "push",
            "files",
            "data_keys",
            "clock",
        ];
        assert_eq!(names, BTreeSet::from(expected));
        for check in checks.values() {
            assert!(check["detail"].is_string());
        }
        assert_eq!(checks["orders"]["awaiting_payment"], 1);
        // The database of these tests does not wait for the disk, and no call has brought a key yet.
        assert_eq!(
            statuses(&health),
            [("database", "degraded"), ("pay_keys", "degraded")]
        );
        assert_eq!(health["status"], "degraded");
    })
    .await;
}

#[tokio::test]
async fn a_shop_that_sells_nothing_for_money_is_well_without_a_merchant() {
    let mut setup = Setup::default();
    for name in [
        "WXPAY_MCH_ID",
        "WXPAY_CERT_SERIAL",
        "WXPAY_PRIVATE_KEY_FILE",
        "WXPAY_API_V3_KEY",
    ] {
        setup = setup.with(name, "");
    }
    shop_with(setup, async |shop| {
        shop.announce("payment_not_configured");
        let (_, health) = health(shop).await;
        assert_eq!(health["checks"]["pay_keys"]["status"], "ok");
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "payment_not_configured");
        phone.close(&order).await.ok(200);
    })
    .await;
}

/// What a user does, by routes that need the database.
async fn each_refused(shop: &Shop, phone: &Phone<'_>) {
    let order = json!({"items": [{"product_id": "tea", "quantity": 1}]});
    let code = phone.code(crate::harness::APP).await;
    for answer in [
        phone.call("GET", "/v1/me", None).await,
        phone.call("GET", "/v1/orders", None).await,
        phone.call("DELETE", "/v1/session", None).await,
        phone.order("k", &order).await,
        shop.call("GET", "/v1/products", None).await,
        shop.call("GET", "/readyz", None).await,
        phone.try_login(&json!({"code": code})).await,
        shop.admin(
            "PUT",
            "/admin/products/tea",
            Some(&json!({"title": "Tea", "price_fen": 1})),
        )
        .await,
    ] {
        answer.refused(503, "unavailable");
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(wait >= 1);
    }
}

#[tokio::test]
async fn without_its_database_the_server_lives_refuses_and_recovers() {
    shop(async |shop| {
        shop.announce("unavailable");
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        phone.buy("tea", 1).await;
        shop.call("GET", "/readyz", None).await.ok(200);

        shop.lose_database().await;
        each_refused(shop, &phone).await;
        assert_eq!(
            shop.call("GET", "/healthz", None).await.ok(200),
            json!({"status": "ok"})
        );
        let (status, report) = health(shop).await;
        assert_eq!((status, &report["status"]), (503, &json!("down")));
        assert_eq!(report["checks"]["database"]["status"], "down");
        assert_eq!(report["checks"].as_object().unwrap().len(), 13);

        shop.find_database().await;
        phone.call("GET", "/v1/me", None).await.ok(200);
        shop.call("GET", "/readyz", None).await.ok(200);
        phone.buy("tea", 1).await;
        assert_eq!(health(shop).await.0, 200);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_only_reads_is_not_ready_and_left_when_it_writes_again() {
    shop(async |shop| {
        shop.announce("unavailable");
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        let order = json!({"items": [{"product_id": "tea", "quantity": 1}]});
        shop.only_read(true).await;
        shop.cut_database().await;
        // The first one may find that its connection was cut.
        shop.call("GET", "/readyz", None).await;
        let problem = shop
            .call("GET", "/readyz", None)
            .await
            .refused(503, "unavailable");
        assert_eq!(
            problem["detail"],
            "the database only reads: it is a standby, or its disk is full"
        );
        let trouble = "weir_db_trouble_total{code=\"25006\"}";
        let before = shop.metric(trouble).await;
        phone.order("k", &order).await.refused(503, "unavailable");
        assert!(shop.metric(trouble).await > before);
        shop.call("GET", "/v1/products", None).await.ok(200);
        let (status, report) = health(shop).await;
        assert_eq!(status, 503);
        let check = &report["checks"]["database"];
        assert_eq!(
            (&check["status"], &check["detail"]),
            (
                &json!("down"),
                &json!("only reads: a standby, or its disk is full")
            )
        );

        // Another one writes by now: those that lead to this one are left after the first refusal.
        shop.only_read(false).await;
        let first = phone.order("k", &order).await;
        if first.status != 201 {
            first.refused(503, "unavailable");
            phone.order("k", &order).await.ok(201);
        }
        shop.call("GET", "/readyz", None).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn connections_that_were_cut_are_replaced() {
    const CONNECTIONS: usize = 4;
    let setup = Setup::default().with("DATABASE_POOL_MAX", CONNECTIONS.to_string());
    shop_with(setup, async |shop| {
        shop.announce("unavailable");
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        // Several connections are open.
        let requests = (0..30).map(|_| phone.call("GET", "/v1/me", None));
        for answer in futures_util::future::join_all(requests).await {
            answer.ok(200);
        }
        shop.cut_database().await;
        // The first one that is found dead puts the others in doubt.
        let first = phone.call("GET", "/v1/me", None).await;
        if first.status != 200 {
            first.refused(503, "unavailable");
        }
        for _ in 0..CONNECTIONS {
            phone.call("GET", "/v1/me", None).await.ok(200);
        }
        phone.buy("tea", 1).await;
    })
    .await;
}

#[tokio::test]
async fn healthz_asks_the_database_nothing() {
    shop(async |shop| {
        let answer = shop.call("GET", "/healthz", None).await;
        assert_eq!(shop.log_line(&answer)["db_queries"], 0);
        let answer = shop.call("GET", "/healthz?x=1", None).await;
        assert_eq!(answer.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_lacks_migrations_is_not_ready_and_not_served() {
    shop(async |shop| {
        shop.announce("unavailable");
        sqlx::query(
            "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)",
        )
        .execute(&shop.db)
        .await
        .unwrap();
        let problem = shop.call("GET", "/readyz", None).await;
        problem.refused(503, "unavailable");
        let (status, report) = health(shop).await;
        assert_eq!(status, 503);
        assert_eq!(report["checks"]["migrations"]["status"], "down");
        assert_eq!(report["checks"]["migrations"]["pending"], 1);
        let refusal = shop.try_join(&Setup::default()).await.unwrap_err();
        assert!(matches!(refusal, StartError::Migrations(1)), "{refusal}");
    })
    .await;
}

#[tokio::test]
async fn a_server_does_not_start_without_its_database() {
    shop(async |shop| {
        shop.lose_database().await;
        let refusal = shop.try_join(&Setup::default()).await.unwrap_err();
        assert!(matches!(refusal, StartError::Database(_)), "{refusal}");
        shop.find_database().await;
    })
    .await;
}

#[tokio::test]
async fn the_metrics_are_the_operators() {
    const MOVED: [&str; 7] = [
        r#"weir_upstream_requests_total{api="code2session",outcome="ok"}"#,
        r#"weir_upstream_requests_total{api="pay_prepay",outcome="ok"}"#,
        r#"weir_upstream_request_duration_seconds_count{api="pay_prepay"}"#,
        r#"weir_notifications_total{verdict="settled"}"#,
        r#"weir_order_moves_total{from="awaiting_payment",to="paid"}"#,
        r#"weir_loop_runs_total{loop="settle",outcome="ok"}"#,
        r#"weir_db_query_duration_seconds_count{query="settlement.settle_expected"}"#,
    ];
    shop(async |shop| {
        shop.call("GET", "/metrics", None)
            .await
            .refused(401, "unauthenticated");
        let mut before = Vec::new();
        for series in MOVED {
            before.push(shop.metric(series).await);
        }
        let (phone, order) = paid(shop).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
        shop.run_workers().await;
        for (series, before) in MOVED.into_iter().zip(before) {
            assert!(shop.metric(series).await > before, "{series}");
        }
        let idle = shop.metric(r#"weir_db_pool_connections{state="idle"}"#).await;
        let used = shop.metric(r#"weir_db_pool_connections{state="used"}"#).await;
        assert!(idle + used > 0, "{idle} idle, {used} used");
    })
    .await;
}

#[tokio::test]
async fn payments_and_orders_that_nobody_works_on_are_told_of() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        let (begun, ordered) = (phone.buy("tea", 1).await, phone.buy("tea", 1).await);
        phone.start_payment(&begun).await;
        // What is due when, the tap's time being 0; the loops stand still.
        for (seconds, status, check_s, close_s) in [
            (4, "ok", Value::Null, Value::Null),
            (121, "ok", json!(120), Value::Null),
            (1, "degraded", json!(121), Value::Null),
            (1_674, "degraded", json!(1_795), json!(0)),
        ] {
            shop.advance(seconds).await;
            let (_, report) = health(shop).await;
            let orders = &report["checks"]["orders"];
            assert_eq!(orders["status"], status, "{orders}");
            assert_eq!(orders["attempts_unsettled"], 1);
            assert_eq!(orders["oldest_check_overdue_s"], check_s);
            assert_eq!(orders["oldest_overdue_s"], close_s);
        }
        shop.run_workers().await;
        let (_, report) = health(shop).await;
        let orders = &report["checks"]["orders"];
        assert_eq!((&orders["status"], &orders["overdue"]), (&json!("ok"), &json!(0)));
        // An order alone is reason enough.
        let late = phone.buy("tea", 1).await;
        for (seconds, status) in [(1_920, "ok"), (1, "degraded")] {
            shop.advance(seconds).await;
            sqlx::query("update payment_attempts set next_check_at = null where state = 'closed'")
                .execute(&shop.db)
                .await
                .unwrap();
            let (_, report) = health(shop).await;
            assert_eq!(report["checks"]["orders"]["status"], status, "{report}");
        }
        assert_eq!(phone.status(&late).await, "awaiting_payment");
        assert_eq!(phone.status(&ordered).await, "closed");
    })
    .await;
}
