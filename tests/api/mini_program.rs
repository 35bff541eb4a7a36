//! Two mini programs in one server: the same catalogue, and nothing else of one is the other's.

use aws_lc_rs::hmac::HMAC_SHA256;
use serde_json::{Value, json};

use crate::harness::{APP, HandPlayed, JWT_KEYS, OTHER_APP, Phone, Setup, Shop, Token, shop_with};

const KEY: &str = "QUFBQUFBQUFBQUFBQUFBQQ==";

/// A person with both mini programs open.
async fn both(shop: &Shop) -> (Phone<'_>, Phone<'_>) {
    let mut phone = shop.phone().await;
    phone.login_to(APP).await;
    let mut other = phone.clone();
    other.login_to(OTHER_APP).await;
    (phone, other)
}

fn two() -> Setup {
    Setup::default().two_apps()
}

#[tokio::test]
async fn one_openid_in_two_mini_programs_is_two_users_who_share_nothing() {
    let wechat = HandPlayed::start().await;
    let setup = two().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.stock("tea", 100, None).await;
        let mut phones = Vec::new();
        for app_id in [APP, OTHER_APP] {
            let mut phone = shop.phone().await;
            let login = json!({"code": "0a1B2c3D", "app_id": app_id});
            let (answer, ()) = tokio::join!(phone.try_login(&login), async {
                let call = wechat.call().await;
                assert!(
                    call.target.contains(&format!("appid={app_id}&")),
                    "{}",
                    call.target
                );
                let said = json!({"openid": "oSameInBoth", "session_key": KEY});
                call.answer(200, &said.to_string()).await;
            });
            phone.take_token(&answer.ok(200));
            phones.push(phone);
        }
        assert_eq!(shop.count("select count(*) from users").await, 2);
        assert_eq!(
            shop.count("select count(distinct session_key) from users").await,
            2
        );
        // The same idempotency key means another order, even for another body.
        let mut orders = Vec::new();
        for (phone, quantity) in phones.iter().zip([1, 2]) {
            let body = json!({"items": [{"product_id": "tea", "quantity": quantity}]});
            let answer = phone.order("the-same-key", &body).await;
            assert_eq!(answer.header("idempotent-replayed"), None);
            orders.push(answer.ok(201)["id"].as_str().unwrap().to_owned());
        }
        for (phone, (own, others)) in phones.iter().zip([(0, 1), (1, 0)]) {
            let list = phone.call("GET", "/v1/orders", None).await.ok(200);
            assert_eq!(list["items"].as_array().unwrap().len(), 1);
            assert_eq!(list["items"][0]["id"], orders[own]);
            let path = format!("/v1/orders/{}", orders[others]);
            phone
                .call("GET", &path, None)
                .await
                .refused(404, "order_not_found");
            let payment = phone.try_start_payment(&orders[others]).await;
            payment.refused(404, "order_not_found");
        }
        // Ending all sessions in one ends none in the other.
        assert_eq!(phones[0].call("DELETE", "/v1/sessions", None).await.status, 204);
        phones[0]
            .call("GET", "/v1/me", None)
            .await
            .refused(401, "session_expired");
        phones[1].call("GET", "/v1/me", None).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn each_pays_and_is_refunded_in_its_own_name_from_the_shared_stock() {
    shop_with(two(), async |shop| {
        shop.stock("tea", 6_800, Some(3)).await;
        let (phone, other) = both(shop).await;
        let list = |phone: &Phone<'_>| shop.request("GET", "/v1/products", Some(&phone.token), None);
        let catalogue = shop.send(list(&phone)).await.ok(200);
        assert_eq!(shop.send(list(&other)).await.ok(200), catalogue);
        for (phone, elsewhere, app_id) in [(&phone, &other, APP), (&other, &phone, OTHER_APP)] {
            let order = phone.buy("tea", 1).await;
            let parameters = phone.start_payment(&order).await;
            // They are signed for the mini program of the prepay, and open in no other.
            let refusal = elsewhere.cashier_refusal(&parameters).await;
            assert!(refusal.contains("the signature is wrong"), "{refusal}");
            phone.pay_with(&parameters).await;
            let truth = shop.truth(&shop.number(&order).await).await.unwrap();
            assert_eq!(truth["app_id"], app_id);
            shop.deliver().await;
            assert_eq!(phone.status(&order).await, "paid");
            let seen = shop.admin("GET", &format!("/admin/orders/{order}"), None).await;
            assert_eq!(seen.ok(200)["app_id"], app_id);
            let refund = shop.refund(&order, 6_800).await;
            shop.run_workers().await;
            shop.end_refund(&refund, "SUCCESS").await;
            shop.deliver().await;
            assert_eq!(phone.status(&order).await, "refunded");
        }
        assert_eq!(shop.stock_left("tea").await, Some(1));
        // What one takes the other no longer finds.
        phone.buy("tea", 1).await;
        let body = json!({"items": [{"product_id": "tea", "quantity": 1}]});
        other
            .order("late", &body)
            .await
            .refused(409, "stock_insufficient");
    })
    .await;
}

#[tokio::test]
async fn money_for_one_is_not_believed_for_the_other() {
    shop_with(two(), async |shop| {
        shop.stock("tea", 6_800, None).await;
        let (phone, other) = both(shop).await;
        let mut named = Vec::new();
        for (phone, wrong) in [(&phone, OTHER_APP), (&other, APP)] {
            let order = phone.buy("tea", 1).await;
            phone.start_payment(&order).await;
            let number = shop.number(&order).await;
            let overrides = json!({"appid": wrong, "transaction_id": format!("42{:026}", named.len())});
            let craft = json!({"out_trade_no": number, "overrides": overrides});
            assert_eq!(shop.notify(craft).await, [204]);
            assert_eq!(phone.status(&order).await, "awaiting_payment");
            named.push(("app_mismatch".to_owned(), Some(order)));
            assert_eq!(shop.exceptions().await, named);
            shop.advance(1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_is_good_for_its_own_mini_program_alone() {
    shop_with(two(), async |shop| {
        let (phone, other) = both(shop).await;
        let me = async |token: &str| shop.send(shop.request("GET", "/v1/me", Some(token), None)).await;
        for (token, own, foreign) in [(&phone.token, APP, OTHER_APP), (&other.token, OTHER_APP, APP)] {
            let parts = Token::read(token);
            assert_eq!(parts.claims["aud"], own);
            // Whether its session is remembered or read anew.
            for _ in 0..2 {
                let crossed = parts.clone().with_claim("aud", json!(foreign));
                let crossed = crossed.signed(HMAC_SHA256, JWT_KEYS);
                me(&crossed).await.refused(401, "session_expired");
                let session = shop.send(shop.request("GET", "/v1/session", Some(&crossed), None));
                session.await.refused(401, "session_expired");
                let signed = json!({"rawData": "{}", "signature": "0".repeat(40)});
                let verify = "/v1/open-data/verify";
                let verdict = shop.send(shop.request("POST", verify, Some(&crossed), Some(&signed)));
                verdict.await.refused(401, "session_expired");
                me(token).await.ok(200);
            }
            let both = parts.with_claim("aud", json!([APP, OTHER_APP]));
            let both = both.signed(HMAC_SHA256, JWT_KEYS);
            me(&both).await.refused(401, "unauthenticated");
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_name_the_first_is_meant_and_an_unknown_name_is_refused() {
    shop_with(two(), async |shop| {
        let mut phone = shop.phone().await;
        phone.login().await;
        let session = phone.call("GET", "/v1/session", None).await.ok(200);
        assert_eq!(session["session"]["app_id"], APP);
        let code = phone.code(OTHER_APP).await;
        // A code of the second means nothing to the first, and is not used up by a wrong name.
        let unnamed = phone.try_login(&json!({ "code": code })).await;
        unnamed.refused(400, "login_code_invalid");
        let unknown = json!({"code": code, "app_id": "wx9999999999999999"});
        let problem = phone.try_login(&unknown).await.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/app_id");
        assert_eq!(problem["errors"][0]["code"], "unknown");
        phone
            .try_login(&json!({"code": code, "app_id": OTHER_APP}))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_mini_program_that_is_taken_away_leaves_its_money_and_no_session() {
    shop_with(two(), async |shop| {
        shop.stock("tea", 6_800, Some(2)).await;
        let (phone, other) = both(shop).await;
        let order = other.buy("tea", 1).await;
        let transaction = other.pay(&order).await;
        let without = shop.join(&Setup::default()).await;
        assert!(shop.stop(0).await);
        let me = async |phone: &Phone<'_>| phone.call_at(without, "GET", "/v1/me").await;
        me(&phone).await.ok(200);
        me(&other).await.refused(401, "unauthenticated");
        let code = other.code(OTHER_APP).await;
        let login = json!({"code": code, "app_id": OTHER_APP});
        let login = shop.request_of(without, "POST", "/v1/login", None, Some(&login));
        let problem = shop.send(login).await.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/app_id");
        // What was paid there is asked about, settled, and can go back.
        shop.advance(6).await;
        assert!(shop.run_workers_of(without).await.is_empty());
        assert_eq!(shop.order_status(&order).await, "paid");
        let body = json!({"amount_fen": 6_800});
        shop.try_refund_at(without, &order, "gone", &body).await.ok(202);
        assert!(shop.run_workers_of(without).await.is_empty());
        let refunds: Vec<Value> = shop.refunds_at_wechat().await;
        assert_eq!(refunds.len(), 1);
        assert_eq!(refunds[0]["transaction_id"], transaction);
    })
    .await;
}
