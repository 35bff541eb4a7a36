//! Money that is not what the books expect: taken, never believed to be more than it is, and named
//! once however often it is told.

use serde_json::{Value, json};

use crate::harness::{OTHER_APP, Phone, Setup, Shop, shop, shop_with};

async fn waiting(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 6_800, Some(9)).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 1).await;
    (phone, order)
}

fn named(kind: &str, order: Option<&str>) -> (String, Option<String>) {
    (kind.to_owned(), order.map(str::to_owned))
}

#[tokio::test]
async fn what_contradicts_the_books_is_named_once_and_moves_nothing() {
    let contradictions = [
        (json!({"amount": {"total": 1}}), "amount_mismatch", true),
        (json!({"amount": {"total": 6_801}}), "amount_mismatch", true),
        (json!({"amount": {"total": 0}}), "amount_mismatch", true),
        (json!({"amount": {"total": -6_800}}), "amount_mismatch", true),
        (json!({"amount": {"currency": "USD"}}), "currency_mismatch", true),
        (json!({"amount": {"currency": "cny"}}), "currency_mismatch", true),
        (json!({"appid": OTHER_APP}), "app_mismatch", true),
        (json!({"mchid": "1900000002"}), "merchant_mismatch", true),
        (json!({"out_trade_no": "T20260101000001"}), "unknown_order", false),
        (json!({"trade_state": "NOTPAY"}), "unreadable_payment", false),
        (json!({"trade_state": "CLOSED"}), "unreadable_payment", false),
        (json!({"trade_state": "REFUND"}), "unreadable_payment", false),
        (json!({"trade_state": "success"}), "unreadable_payment", false),
        (json!({"trade_state": null}), "unreadable_payment", false),
        (json!({"transaction_id": null}), "unreadable_payment", false),
        (json!({"success_time": "yesterday"}), "unreadable_payment", false),
        (json!({"success_time": null}), "unreadable_payment", false),
        (json!({"amount": null}), "unreadable_payment", false),
        (json!({"amount": {"total": "6800"}}), "unreadable_payment", false),
        (json!({"amount": {"total": 6_800.5}}), "unreadable_payment", false),
        (
            json!({"amount": {"currency": "C\u{0}Y"}}),
            "unreadable_payment",
            false,
        ),
        (
            json!({"out_trade_no": "T'; drop table orders; --"}),
            "unreadable_payment",
            false,
        ),
        (
            json!({"payer": {"openid": "zero \u{0}"}}),
            "unreadable_payment",
            false,
        ),
    ];
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.start_payment(&order).await;
        let number = shop.number(&order).await;
        let before = (phone.read_order(&order).await, shop.attempts(&order).await);
        let mut kinds = Vec::new();
        for (position, (overrides, kind, is_ours)) in contradictions.into_iter().enumerate() {
            let mut overrides = overrides;
            if overrides.get("transaction_id").is_none() {
                overrides["transaction_id"] = json!(format!("42{position:026}"));
            }
            let id = format!("EV-{position}");
            let craft = json!({"out_trade_no": number, "id": id, "overrides": overrides, "copies": 3, "parallel": true});
            assert_eq!(shop.notify(craft.clone()).await, [204; 3], "{craft}");
            shop.advance(1).await;
            assert_eq!(shop.notify(craft).await, [204; 3], "{kind}");
            kinds.push(named(kind, is_ours.then_some(order.as_str())));
            assert_eq!(shop.exceptions().await, kinds);
            assert_eq!(shop.verdicts().await.len(), kinds.len() * 6);
            assert!(shop.verdicts().await.contains(&kind.to_owned()));
        }
        assert_eq!((phone.read_order(&order).await, shop.attempts(&order).await), before);
        assert_eq!(shop.count("select count(*) from payments").await, 0);

        // None of it stands in the way of the money itself.
        phone.pay(&order).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn the_evidence_tells_ours_and_theirs() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.start_payment(&order).await;
        let number = shop.number(&order).await;
        shop.notify(json!({"out_trade_no": number, "overrides": {"amount": {"total": 1}}}))
            .await;
        let (evidence, detail): (Value, String) = sqlx::query_as("select evidence, detail from exceptions")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        assert_eq!(evidence["ours"]["total_fen"], 6_800);
        assert_eq!(evidence["theirs"]["total_fen"], 1);
        assert_eq!(evidence["theirs"]["out_trade_no"], number);
        assert!(!detail.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_coupon_changes_what_is_paid_and_not_what_it_costs() {
    shop(async |shop| {
        // Who paid may be absent, in either way.
        for payer in [Value::Null, json!({"openid": ""})] {
            let (phone, order) = waiting(shop).await;
            phone.start_payment(&order).await;
            let number = shop.number(&order).await;
            let overrides =
                json!({"amount": {"payer_total": 5_000}, "payer": payer, "promotion_detail": [{"amount": 1_800}]});
            assert_eq!(
                shop.notify(json!({"out_trade_no": number, "overrides": overrides}))
                    .await,
                [204]
            );
            assert_eq!(phone.status(&order).await, "paid");
        }
        assert_eq!(shop.exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_query_that_contradicts_the_books_moves_nothing_either() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.pay(&order).await;
        // The books lose a fen of the attempt, as only a human with a console could do.
        sqlx::query("update payment_attempts set total_fen = total_fen - 1")
            .execute(&shop.db)
            .await
            .unwrap();
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        shop.advance(1).await;
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        assert_eq!(shop.calls("query").await.len(), 2);
        assert_eq!(shop.exceptions().await, [named("amount_mismatch", Some(&order))]);
        phone.close(&order).await.refused(409, "order_state_conflict");
        assert_eq!(phone.status(&order).await, "awaiting_payment");
    })
    .await;
}

#[tokio::test]
async fn what_a_query_finds_is_compared_field_by_field() {
    shop(async |shop| {
        let (phone, _) = waiting(shop).await;
        // What the books may not even hold.
        sqlx::query("alter table payment_attempts drop constraint payment_attempts_currency_check")
            .execute(&shop.db)
            .await
            .unwrap();
        let mut kinds = Vec::new();
        for (spoil, kind) in [
            (
                "update payment_attempts set currency = 'USD' where order_id = $1::uuid",
                "currency_mismatch",
            ),
            (
                "update payment_attempts set app_id = 'wx2222222222222222' where order_id = $1::uuid",
                "app_mismatch",
            ),
        ] {
            let order = phone.buy("tea", 1).await;
            phone.pay(&order).await;
            sqlx::query(spoil).bind(&order).execute(&shop.db).await.unwrap();
            assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
            kinds.push(named(kind, Some(&order)));
            assert_eq!(shop.exceptions().await, kinds);
            shop.advance(1).await;
        }
        // Of another merchant's attempt WeChat would say that there is none: it is not asked.
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let asked = shop.calls("query").await.len();
        sqlx::query("update payment_attempts set mch_id = '1900000002' where order_id = $1::uuid")
            .bind(&order)
            .execute(&shop.db)
            .await
            .unwrap();
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        assert_eq!(shop.calls("query").await.len(), asked);
        assert_eq!(shop.deliver().await.len(), 3);
        kinds.push(named("merchant_mismatch", Some(&order)));
        assert_eq!(shop.exceptions().await, kinds);
        assert_eq!(shop.count("select count(*) from payments").await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_contradicts_the_books_in_another_way_is_kept_too_and_opens_the_matter_again() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.start_payment(&order).await;
        let number = shop.number(&order).await;
        let say = async |total: i64| {
            // WeChat's clock goes on: another second would be another thing that it says.
            let overrides = json!({"transaction_id": "4200000000777", "amount": {"total": total},
                "success_time": "2026-01-01T12:00:00+08:00"});
            let craft = json!({"out_trade_no": number, "overrides": overrides});
            assert_eq!(shop.notify(craft).await, [204]);
        };
        let exception =
            async || shop.admin("GET", "/admin/exceptions", None).await.ok(200)["items"][0].clone();
        for total in [1, 2, 1, 2] {
            say(total).await;
        }
        let seen = exception().await;
        assert_eq!(seen["evidence"]["theirs"]["total_fen"], 1);
        let also = seen["evidence"]["also"].as_array().unwrap();
        assert_eq!((also.len(), &also[0]["total_fen"]), (1, &json!(2)));

        let resolve = format!("/admin/exceptions/{}/resolve", seen["id"].as_str().unwrap());
        let body = json!({"resolution": "Looked into it."});
        shop.admin("POST", &resolve, Some(&body)).await.ok(200);
        say(2).await;
        assert_eq!(exception().await["status"], "resolved");
        for total in 3..40 {
            say(total).await;
        }
        let again = exception().await;
        assert_eq!((&again["id"], &again["status"]), (&seen["id"], &json!("open")));
        assert_eq!(again["evidence"]["also"].as_array().unwrap().len(), 20);
        assert_eq!(shop.exceptions().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn money_after_the_close_leaves_the_order_closed() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        let sheet = phone.cashier(&phone.start_payment(&order).await).await;
        let closed = phone.close(&order).await.ok(200);
        assert_eq!(closed["status"], "closed");
        let transaction = phone.pay_despite_close(&sheet).await;
        for _ in 0..2 {
            let copies = json!({"out_trade_no": shop.number(&order).await, "copies": 5, "parallel": true});
            assert_eq!(shop.notify(copies).await, [204; 5]);
        }
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let order_now = phone.read_order(&order).await;
        assert_eq!(
            (&order_now["status"], &order_now["paid_at"]),
            (&json!("closed"), &Value::Null)
        );
        assert_eq!(order_now["closed_at"], closed["closed_at"]);
        assert_eq!(shop.state(&order).await, "surplus");
        let surplus: Vec<(String, bool)> = sqlx::query_as("select transaction_id, is_surplus from payments")
            .fetch_all(&shop.db)
            .await
            .unwrap();
        assert_eq!(surplus, [(transaction, true)]);
        assert_eq!(shop.exceptions().await, [named("paid_after_close", Some(&order))]);
        assert_eq!(shop.stock_left("tea").await, Some(9));
        assert_eq!(shop.events(&order).await, [named_event("order.closed", "close")]);
    })
    .await;
}

fn named_event(kind: &str, cause: &str) -> (String, String) {
    (kind.to_owned(), cause.to_owned())
}

/// Two attempts of one order, both of which can be paid: a server that moved makes the second, and
/// the sheet of the first is still open.
async fn two_attempts<'a>(shop: &'a Shop, phone: &Phone<'a>, order: &str) -> (String, String) {
    let first = phone.cashier(&phone.start_payment(order).await).await;
    shop.advance(110 * 60).await;
    let second = phone.start_payment_at(1, order).await.ok(200);
    (first, phone.cashier(&second).await)
}

#[tokio::test]
async fn an_order_is_paid_once_however_many_attempts_are() {
    let setup = Setup::default().with("ORDER_TTL_S", "86400").replicas(2);
    shop_with(setup, async |shop| {
        let (phone, order) = waiting(shop).await;
        let (first, second) = two_attempts(shop, &phone, &order).await;
        let wanted = phone.act(&second, json!({"action": "pay"})).await["transaction_id"].clone();
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
        let surplus = phone.pay_despite_close(&first).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);

        // And the other way round: the one that was closed comes first.
        let other = phone.buy("tea", 1).await;
        let (first, second) = two_attempts(shop, &phone, &other).await;
        let paid_first = phone.pay_despite_close(&first).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&other).await, "paid");
        let paid_second = phone.act(&second, json!({"action": "pay"})).await["transaction_id"].clone();
        assert_eq!(shop.deliver().await[0]["status"], 204);

        let payments: Vec<(String, bool)> = sqlx::query_as(
            "select transaction_id, is_surplus from payments order by recorded_at, is_surplus",
        )
        .fetch_all(&shop.db)
        .await
        .unwrap();
        let of = |id: &Value, is_surplus| (id.as_str().unwrap().to_owned(), is_surplus);
        let expected = [
            of(&wanted, false),
            (surplus, true),
            (paid_first, false),
            of(&paid_second, true),
        ];
        assert_eq!(payments.len(), 4);
        assert!(expected.iter().all(|one| payments.contains(one)), "{payments:?}");
        let kinds = [
            named("double_payment", Some(&order)),
            named("double_payment", Some(&other)),
        ];
        assert_eq!(shop.exceptions().await, kinds);
    })
    .await;
}

#[tokio::test]
async fn a_second_payment_number_for_one_attempt_is_named() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.pay(&order).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let number = shop.number(&order).await;
        let craft =
            json!({"out_trade_no": number, "overrides": {"transaction_id": "4200000000999"}, "copies": 2});
        assert_eq!(shop.notify(craft).await, [204, 204]);
        assert_eq!(
            shop.exceptions().await,
            [named("second_transaction", Some(&order))]
        );
        assert_eq!(shop.count("select count(*) from payments").await, 1);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn a_payment_number_that_stands_elsewhere_in_the_books_is_named() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        let transaction = phone.pay(&order).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        let other = phone.buy("tea", 1).await;
        phone.start_payment(&other).await;
        let number = shop.number(&other).await;
        let craft =
            json!({"out_trade_no": number, "overrides": {"transaction_id": transaction}, "copies": 2});
        assert_eq!(shop.notify(craft).await, [204, 204]);
        assert_eq!(
            shop.exceptions().await,
            [named("transaction_reused", Some(&other))]
        );
        assert_eq!(phone.status(&other).await, "awaiting_payment");
        phone.pay(&other).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&other).await, "paid");
    })
    .await;
}
