//! Starting a payment: what a page gets for `wx.requestPayment`, and when.

use std::io::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{APP, APP_SECRET, OTHER_APP, Setup, shop, shop_with};

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// A shop whose orders wait a day for their money.
fn patient() -> Setup {
    Setup::default().with("ORDER_TTL_S", "86400")
}

#[tokio::test]
async fn the_answer_is_what_the_cashier_takes() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 2).await;
        let parameters = phone.start_payment(&order).await;
        let fields: Vec<&String> = parameters.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            ["nonceStr", "package", "paySign", "signType", "timeStamp"]
        );
        assert!(parameters.as_object().unwrap().values().all(Value::is_string));
        assert_eq!(parameters["signType"], "RSA");

        let truth = shop.truth(&shop.number(&order).await).await.unwrap();
        assert_eq!(truth["total_fen"], 13_600);
        assert_eq!(truth["description"], "Tea tea");
        assert_eq!(truth["notify_url"], shop.url("/wechat/pay/notify"));
        let prepay_id = truth["prepay_ids"][0].as_str().unwrap();
        assert_eq!(parameters["package"], format!("prepay_id={prepay_id}"));

        // The signature covers the mini program of the order, and the person is the one who ordered.
        let mut elsewhere = parameters.clone();
        elsewhere["app_id"] = json!(OTHER_APP);
        assert_eq!(
            phone.cashier_refusal(&elsewhere).await,
            "requestPayment:fail the signature is wrong"
        );
        let stranger = shop.visitor().await;
        assert_eq!(
            stranger.cashier_refusal(&parameters).await,
            "requestPayment:fail the payer is not the one who ordered"
        );
        phone.pay_with(&parameters).await;
    })
    .await;
}

#[tokio::test]
async fn each_mini_program_pays_under_its_own_name() {
    let mut apps = tempfile::NamedTempFile::new().unwrap();
    write!(apps, "[[app]]\nid = \"{OTHER_APP}\"\nsecret = \"{APP_SECRET}\"\n").unwrap();
    let setup = Setup::default().with("WECHAT_APPS_FILE", apps.path().to_str().unwrap());
    shop_with(setup, async |shop| {
        shop.stock("tea", 100, None).await;
        for app_id in [APP, OTHER_APP] {
            let mut phone = shop.phone().await;
            let code = phone.code(app_id).await;
            let login = json!({"code": code, "app_id": app_id});
            phone.take_token(&phone.try_login(&login).await.ok(200));
            let order = phone.buy("tea", 1).await;
            let mut parameters = phone.start_payment(&order).await;
            let elsewhere = if app_id == APP { OTHER_APP } else { APP };
            parameters["app_id"] = json!(elsewhere);
            assert_eq!(
                phone.cashier_refusal(&parameters).await,
                "requestPayment:fail the signature is wrong"
            );
            parameters["app_id"] = json!(app_id);
            phone.pay_with(&parameters).await;
            assert_eq!(shop.deliver().await[0]["status"], 204);
            assert_eq!(phone.status(&order).await, "paid");
            assert_eq!(
                shop.truth(&shop.number(&order).await).await.unwrap()["app_id"],
                app_id
            );
        }
    })
    .await;
}

#[tokio::test]
async fn the_time_limits_agree() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        let ours = time(&phone.read_order(&order).await["expires_at"]);
        let theirs = time(&shop.truth(&shop.number(&order).await).await.unwrap()["expires_at"]);
        assert_eq!(theirs.timestamp(), ours.timestamp());
    })
    .await;
}

#[tokio::test]
async fn asked_again_it_is_the_same_while_it_is_fresh_and_renewed_when_it_is_not() {
    shop_with(patient(), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let first = phone.try_start_payment(&order).await;
        let number = shop.number(&order).await;
        shop.advance(110 * 60 - 1).await;
        let again = phone.try_start_payment(&order).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(shop.calls("prepay").await.len(), 1);

        shop.advance(1).await;
        let renewed = phone.start_payment(&order).await;
        assert_ne!(renewed["package"], first.json()["package"]);
        assert_eq!(
            shop.attempts(&order).await,
            [(number.clone(), "prepaid".to_owned())]
        );
        let truth = shop.truth(&number).await.unwrap();
        assert_eq!(truth["prepay_ids"].as_array().unwrap().len(), 2);
        assert_eq!(phone.start_payment(&order).await, renewed);
        // Beyond the two hours only the renewed one opens the cashier.
        shop.advance(11 * 60).await;
        assert_eq!(
            phone.cashier_refusal(&first.json()).await,
            "requestPayment:fail the prepay_id has expired"
        );
        phone.pay_with(&renewed).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
    })
    .await;
}

#[tokio::test]
async fn twenty_taps_on_two_servers_make_one_prepay() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        shop.faults(json!([{"kind": "delay", "api": "prepay", "ms": 300}]))
            .await;
        for taps in [2, 20] {
            let order = phone.buy("tea", 1).await;
            let phone = &phone;
            let at_once = (0..taps).map(|tap| phone.start_payment_at(tap % 2, &order));
            let answers = join_all(at_once).await;
            assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
            assert!(answers.iter().all(|answer| answer.body == answers[0].body));
            assert_eq!(shop.attempts(&order).await.len(), 1);
        }
        assert_eq!(shop.calls("prepay").await.len(), 2);
        assert_eq!(shop.struck("prepay", "delay").await, 2);
    })
    .await;
}

#[tokio::test]
async fn taps_at_the_very_same_moment_make_one_attempt() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let taps = join_all((0..10).map(|tap| phone.start_payment_at(tap % 2, &order)));
        let answers = shop.at_the_same_moment(10, taps).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!(shop.attempts(&order).await.len(), 1);
        assert_eq!(shop.calls("prepay").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_tap_that_finds_a_dead_process_in_its_way_waits_and_then_takes_over() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        shop.faults(json!([{"kind": "server_error", "api": "prepay", "times": 1}]))
            .await;
        shop.announce("wechat_unavailable");
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        let number = shop.number(&order).await;
        // What a process leaves behind that is killed while it asks.
        sqlx::query("update payment_attempts set state = 'created', lease_token = id, lease_until = $1")
            .bind(shop.clock.now() + TimeDelta::seconds(15))
            .execute(&shop.db)
            .await
            .unwrap();
        phone
            .try_start_payment(&order)
            .await
            .refused(409, "request_in_progress");
        phone.close(&order).await.refused(409, "request_in_progress");
        shop.advance(15).await;
        let parameters = phone.start_payment(&order).await;
        assert_eq!(shop.number(&order).await, number);
        phone.pay_with(&parameters).await;
    })
    .await;
}

#[tokio::test]
async fn only_an_own_order_that_waits_for_money_can_be_paid() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let (phone, stranger) = (shop.visitor().await, shop.visitor().await);
        let order = phone.buy("tea", 1).await;
        stranger
            .try_start_payment(&order)
            .await
            .refused(404, "order_not_found");
        phone
            .try_start_payment("01890a5d-ac96-774b-bcce-b302099a8057")
            .await
            .refused(404, "order_not_found");

        let paid = phone.buy("tea", 1).await;
        phone.pay(&paid).await;
        shop.deliver().await;
        phone
            .try_start_payment(&paid)
            .await
            .refused(409, "order_state_conflict");

        let closed = phone.buy("tea", 1).await;
        phone.close(&closed).await.ok(200);
        phone
            .try_start_payment(&closed)
            .await
            .refused(409, "order_state_conflict");

        let prepaid = phone.buy("tea", 1).await;
        phone.start_payment(&prepaid).await;
        shop.advance(1_800).await;
        for expired in [&order, &prepaid] {
            phone
                .try_start_payment(expired)
                .await
                .refused(409, "order_expired");
        }
        assert_eq!(shop.calls("prepay").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn without_a_merchant_everything_else_works() {
    let mut setup = Setup::default();
    for variable in [
        "WXPAY_MCH_ID",
        "WXPAY_CERT_SERIAL",
        "WXPAY_PRIVATE_KEY_FILE",
        "WXPAY_API_V3_KEY",
    ] {
        setup = setup.with(variable, "");
    }
    shop_with(setup, async |shop| {
        shop.announce("payment_not_configured");
        shop.announce("FAIL");
        shop.stock("tea", 100, Some(2)).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "payment_not_configured");
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        assert_eq!(phone.close(&order).await.ok(200)["status"], "closed");
        assert_eq!(shop.stock_left("tea").await, Some(2));
        let answer = shop.call("POST", "/wechat/pay/notify", Some(&json!({}))).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "FAIL"));
        assert_eq!(shop.call("GET", "/readyz", None).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn an_order_close_to_its_end_can_still_be_paid() {
    shop_with(Setup::default().with("ORDER_TTL_S", "60"), async |shop| {
        // What is a little above WeChat's shortest limit is far above it by a clock that is behind.
        shop.clock.advance(TimeDelta::minutes(1));
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        shop.advance(55).await;
        let parameters = phone.start_payment(&order).await;
        let theirs = time(&shop.truth(&shop.number(&order).await).await.unwrap()["expires_at"]);
        let left_s = theirs.timestamp() - shop.clock.now().timestamp();
        assert!((60..=61).contains(&left_s), "{left_s}");
        // The order is over before WeChat's shortest limit is; the money is wanted all the same.
        phone.pay_with(&parameters).await;
        shop.advance(10).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_attempt_that_wechat_refuses_and_does_not_know_makes_way_for_another() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        shop.announce("wechat_unavailable");
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "prepay", "times": 1}]))
            .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        shop.advance(20).await;
        let refusal =
            json!({"kind": "pay_error", "api": "prepay", "status": 400, "code": "PARAM_ERROR", "times": 1});
        shop.faults(json!([refusal])).await;
        let parameters = phone.start_payment(&order).await;
        let attempts = shop.attempts(&order).await;
        assert_eq!((attempts.len(), attempts[0].1.as_str()), (2, "failed"));
        phone.pay_with(&parameters).await;
    })
    .await;
}

#[tokio::test]
async fn letters_that_wechat_does_not_take_stop_no_payment() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let long = "茶".repeat(120);
        let lines = [
            ("plain", "Dragon Well 龙井", "Dragon Well 龙井"),
            ("emoji", "Tea 🍵 for two 👩\u{200d}👧", "Tea  for two"),
            ("rare", "𠮷野家 𝒯𝑒𝒶", "野家"),
            ("lines", "Tea\r\n\u{1b}[31mred\u{7f}\u{85}", "Tea[31mred"),
            ("turned", "Tea \u{202e}eert\u{feff}", "Tea eert"),
            ("only", "🍵", "商品"),
            ("family", "👩\u{200d}👧\u{fe0f}", "商品"),
            ("long", &long, &long[..90]),
        ];
        for (id, title, shown) in lines {
            let body = json!({"title": title, "price_fen": 100, "stock": null});
            shop.admin("PUT", &format!("/admin/products/{id}"), Some(&body))
                .await
                .ok(200);
            let note = format!("{title} \u{1}\u{1f} 🍵\u{fe0f} <b>");
            let body = json!({"items": [{"product_id": id, "quantity": 1}], "note": note});
            let order = phone.order(id, &body).await.ok(201);
            assert_eq!(order["items"][0]["title"], title);
            assert_eq!(order["note"], note);
            let order = order["id"].as_str().unwrap();
            phone.pay(order).await;
            let truth = shop.truth(&shop.number(order).await).await.unwrap();
            assert_eq!(truth["description"], shown, "{id}");
            assert_eq!(shop.deliver().await[0]["status"], 204);
            let paid = phone.read_order(order).await;
            assert_eq!((&paid["status"], &paid["note"]), (&json!("paid"), &json!(note)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_moved_takes_another_number() {
    // The second server stands at another address, and so names another address for notifications.
    shop_with(patient().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let old = phone.start_payment(&order).await;
        let sheet = phone.cashier(&old).await;
        shop.advance(110 * 60).await;
        let new = phone.start_payment_at(1, &order).await.ok(200);
        let attempts = shop.attempts(&order).await;
        let states: Vec<&str> = attempts.iter().map(|(_, state)| state.as_str()).collect();
        assert_eq!(states, ["closed", "prepaid"]);
        assert_eq!(shop.truth(&attempts[0].0).await.unwrap()["trade_state"], "CLOSED");
        let truth = shop.truth(&attempts[1].0).await.unwrap();
        assert_eq!(truth["notify_url"], shop.url_of(1, "/wechat/pay/notify"));
        let late = phone.act(&sheet, json!({"action": "pay"})).await;
        assert_eq!(late["errMsg"], "requestPayment:fail the order is closed");
        phone.pay_with(&new).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.read_order(&order).await["out_trade_no"], attempts[1].0);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}
