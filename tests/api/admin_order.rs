//! The operator looks for orders, and reads why one is what it is.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Receiver, Reply, Setup, Shop, shop, shop_with};

async fn search(shop: &Shop, query: &str) -> Vec<String> {
    let page = shop
        .admin("GET", &format!("/admin/orders{query}"), None)
        .await
        .ok(200);
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|order| order["id"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) async fn story(shop: &Shop, order: &str) -> Value {
    shop.admin("GET", &format!("/admin/orders/{order}"), None)
        .await
        .ok(200)
}

#[tokio::test]
async fn orders_are_found_by_whatever_a_customer_may_name() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let first = alice.buy("tea", 1).await;
        let transaction = alice.pay(&first).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        shop.advance(10).await;
        let middle = shop.clock.now();
        let second = bob.buy("tea", 2).await;
        bob.start_payment(&second).await;
        shop.advance(10).await;
        let third = alice.buy("tea", 3).await;
        alice.close(&third).await.ok(200);

        assert_eq!(search(shop, "").await, [third.as_str(), &second, &first]);
        let user = story(shop, &first).await["user_id"].as_str().unwrap().to_owned();
        let at =
            |seconds| (middle + TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Micros, true);
        for (query, expected) in [
            ("?status=paid".to_owned(), vec![&first]),
            ("?status=closed".to_owned(), vec![&third]),
            ("?status=refunded".to_owned(), vec![]),
            (
                format!("?out_trade_no={}", shop.number(&second).await),
                vec![&second],
            ),
            ("?out_trade_no=T20260101000001".to_owned(), vec![]),
            (format!("?transaction_id={transaction}"), vec![&first]),
            ("?transaction_id=4200000009".to_owned(), vec![]),
            (format!("?user_id={user}"), vec![&third, &first]),
            (format!("?user_id={user}&status=paid"), vec![&first]),
            (format!("?created_from={}", at(0)), vec![&third, &second]),
            (format!("?created_to={}", at(0)), vec![&first]),
            (
                format!("?created_from={}&created_to={}", at(0), at(1)),
                vec![&second],
            ),
            (format!("?created_from={}", at(11)), vec![]),
        ] {
            let found = search(shop, &query).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_number_or_a_refund_is_found_without_reading_every_order() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let transaction = phone.pay(&order).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let number = shop.number(&order).await;
        let planted = "insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description,
                created_at, updated_at, expires_at, closed_at)
            select gen_random_uuid(), user_id, app_id, openid, 'closed', 1, currency, 'planted', created_at, updated_at,
                expires_at, updated_at
            from orders, generate_series(1, 20000);
            analyze orders";
        sqlx::raw_sql(planted).execute(&shop.db).await.unwrap();
        let nothing = None::<String>;
        for (status, number, transaction) in [
            (nothing.clone(), Some(number), nothing.clone()),
            (nothing.clone(), nothing.clone(), Some(transaction)),
            (Some("refunded".to_owned()), nothing.clone(), nothing.clone()),
            (Some("partially_refunded".to_owned()), nothing.clone(), nothing),
        ] {
            let asked = format!("{status:?} {number:?} {transaction:?}");
            let pages = shop.pages_of("order_search.list", |search| {
                let times = search.bind(status).bind(number).bind(transaction).bind(None::<Uuid>);
                let ids = times.bind(None::<DateTime<Utc>>).bind(None::<DateTime<Utc>>);
                ids.bind(None::<Uuid>).bind(None::<Uuid>).bind(None::<Uuid>).bind(21_i64)
            });
            let pages = pages.await;
            assert!(pages < 50, "{asked}: {pages}");
        }
        let unplanted = "delete from orders where description = 'planted'";
        sqlx::query(unplanted).execute(&shop.db).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_search_goes_on_page_by_page_and_refuses_what_makes_no_sense() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let alice = shop.visitor().await;
        let first = alice.buy("tea", 1).await;
        shop.advance(1).await;
        alice.buy("tea", 2).await;
        shop.advance(1).await;
        let third = alice.buy("tea", 3).await;
        alice.close(&third).await.ok(200);

        let page = shop.admin("GET", "/admin/orders?limit=2", None).await.ok(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        assert_eq!(
            search(shop, &format!("?limit=2&cursor={cursor}")).await,
            [first.as_str()]
        );
        let item = &page["items"][0];
        assert_eq!(
            (&item["id"], &item["status"], &item["items"][0]["quantity"]),
            (&json!(third), &json!("closed"), &json!(3))
        );
        for query in [
            "?status=lost",
            "?out_trade_no=a",
            "?transaction_id=%20",
            "?user_id=7",
            "?created_from=today",
            "?limit=0",
            "?sort=id",
        ] {
            let answer = shop.admin("GET", &format!("/admin/orders{query}"), None).await;
            answer.refused(422, "validation_failed");
        }
        for path in ["/admin/orders".to_owned(), format!("/admin/orders/{first}")] {
            shop.call("GET", &path, None)
                .await
                .refused(401, "unauthenticated");
            alice
                .call("GET", &path, None)
                .await
                .refused(401, "unauthenticated");
        }
        let nobody = "/admin/orders/00000000-0000-7000-8000-000000000000";
        shop.admin("GET", nobody, None)
            .await
            .refused(404, "order_not_found");
    })
    .await;
}

#[tokio::test]
async fn the_story_begins_with_the_order_as_its_buyer_sees_it() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let transaction = phone.pay(&order).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let told = story(shop, &order).await;
        for (name, value) in phone.read_order(&order).await.as_object().unwrap() {
            assert_eq!(&told[name], value, "{name}");
        }
        assert_eq!(told["transaction_id"], transaction);
        let attempt = &told["attempts"][0];
        assert_eq!(
            (&attempt["state"], &attempt["transaction_id"]),
            (&json!("settled"), &json!(transaction))
        );
        assert_eq!(
            (
                told["attempts"].as_array().unwrap().len(),
                &told["is_timeline_whole"]
            ),
            (1, &json!(true))
        );
    })
    .await;
}

#[tokio::test]
async fn a_story_that_is_too_long_tells_its_newest_part_and_says_so() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        sqlx::query(
            "insert into wechat_calls (order_id, number, api, outcome, calls, first_at, last_at)
            select id, n::text, 'query', 'NOTPAY', 1, created_at + n * interval '1 second', created_at + n * interval '1 second'
            from orders, generate_series(1, 499) n where id = $1::uuid",
        )
        .bind(&order)
        .execute(&shop.db)
        .await
        .unwrap();
        let told = story(shop, &order).await;
        let kinds = |told: &Value| told["timeline"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect::<Vec<_>>();
        assert_eq!((&told["is_timeline_whole"], kinds(&told).len()), (&json!(true), 500));
        assert_eq!(kinds(&told)[0], "order_placed");
        phone.close(&order).await.ok(200);
        let told = story(shop, &order).await;
        assert_eq!((&told["is_timeline_whole"], kinds(&told).len()), (&json!(false), 500));
        assert!(!kinds(&told).contains(&json!("order_placed")));
    })
    .await;
}

/// A timeline as lines, with everything that differs from run to run named by its first appearance.
pub(crate) fn lines(told: &Value) -> String {
    let start: DateTime<Utc> = told["created_at"].as_str().unwrap().parse().unwrap();
    let mut names: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for entry in told["timeline"].as_array().unwrap() {
        let at: DateTime<Utc> = entry["at"].as_str().unwrap().parse().unwrap();
        let seconds = at.signed_duration_since(start).num_seconds();
        let mut summary = entry["summary"].as_str().unwrap().to_owned();
        let mut figures = entry["figures"].clone();
        for (name, figure) in figures.as_object_mut().unwrap() {
            let Some(text) = figure.as_str().map(str::to_owned) else {
                continue;
            };
            let is_varying = name.ends_with("_id")
                || name.ends_with("_at")
                || ["number", "out_trade_no", "out_refund_no", "subject"].contains(&name.as_str());
            if !is_varying {
                continue;
            }
            if name.ends_with("_at") {
                *figure = json!("[time]");
                continue;
            }
            let known = names.iter().position(|known| *known == text).unwrap_or_else(|| {
                names.push(text.clone());
                names.len() - 1
            });
            let mark = format!("[{known}]");
            summary = summary.replace(&text, &mark);
            *figure = json!(mark);
        }
        lines.push(format!(
            "{seconds:>4} s  {}: {summary}\n        {figures}",
            entry["kind"].as_str().unwrap()
        ));
    }
    lines.join("\n")
}

#[tokio::test]
async fn a_support_person_reads_what_happened() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|_, nth| Reply::Status(if nth == 1 { 500 } else { 204 }));
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        shop.advance(5).await;
        // The first prepay has no answer, the second is taken.
        shop.faults(json!([{"kind": "pay_error", "api": "prepay", "status": 500, "times": 1}])).await;
        shop.announce("wechat_unavailable");
        phone.try_start_payment(&order).await.refused(503, "wechat_unavailable");
        shop.advance(5).await;
        let parameters = phone.start_payment(&order).await;
        shop.advance(5).await;
        // Nobody has paid yet.
        phone.sync(&order).await;
        shop.advance(2).await;
        phone.sync(&order).await;
        // A notification that contradicts the books.
        let number = shop.number(&order).await;
        shop.notify(json!({"out_trade_no": number, "overrides": {"amount": {"total": 1}, "transaction_id": "4200000001"}})).await;
        shop.advance(5).await;
        // The payer pays, and the notification is lost: only the question finds it.
        phone.pay_with(&parameters).await;
        shop.advance(10).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
        shop.advance(10).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        shop.run_workers().await;
        shop.advance(6).await;
        shop.run_workers().await;
        let exception = shop.admin("GET", "/admin/exceptions", None).await.ok(200)["items"][0]["id"].clone();
        let path = format!("/admin/exceptions/{}/resolve", exception.as_str().unwrap());
        shop.admin("POST", &path, Some(&json!({"resolution": "A test of the bank."}))).await.ok(200);

        let told = story(shop, &order).await;
        insta::assert_snapshot!(lines(&told));
        // Each call to WeChat that had an answer has the id that its support asks for.
        let asked: Vec<&Value> = told["timeline"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "wechat_asked").collect();
        assert!(asked.iter().all(|entry| entry["figures"]["request_id"].as_str().is_some_and(|id| id.len() > 10)), "{asked:?}");
    })
    .await;
}

#[tokio::test]
async fn a_support_person_reads_where_the_money_went() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        shop.advance(60).await;
        // Some of it goes back, and WeChat tells so.
        let part = shop.refund(&order, 1_800).await;
        shop.run_workers().await;
        shop.advance(5).await;
        shop.end_refund(&part, "SUCCESS").await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        // The rest does not reach the payer, and only the question finds that.
        shop.advance(120).await;
        let rest = shop.refund(&order, 5_000).await;
        shop.run_workers().await;
        shop.end_refund(&rest, "ABNORMAL").await;
        shop.advance(10).await;
        shop.run_workers().await;
        assert_eq!(shop.refund_status(&rest).await, "abnormal");
        let told = story(shop, &order).await;
        assert_eq!(told["status"], "partially_refunded");
        insta::assert_snapshot!(lines(&told));
    })
    .await;
}
