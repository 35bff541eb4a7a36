//! Starting a payment while WeChat is in trouble: what is unclear stays unknown until WeChat tells,
//! and never leads to a second payable number.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};
use weir::wechat::crypto::SigningKey;

use crate::harness::{APP, MERCHANT_KEY, Phone, Setup, Shop, shop, shop_with};

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Lets one prepay meet a fault.
pub(crate) async fn once(shop: &Shop, mut fault: Value) {
    fault["api"] = json!("prepay");
    fault["times"] = json!(1);
    shop.faults(json!([fault])).await;
}

async fn kinds_struck(shop: &Shop) -> Vec<Value> {
    let calls = shop.calls("prepay").await;
    let faults = calls
        .iter()
        .flat_map(|call| call["faults"].as_array().unwrap().clone());
    faults.collect()
}

/// What wx.requestPayment would have been opened with, had the answer come.
fn parameters(prepay_id: &str) -> Value {
    let package = format!("prepay_id={prepay_id}");
    let key = SigningKey::from_pem(MERCHANT_KEY).unwrap();
    let message = format!("{APP}\n1700000000\nnonce\n{package}\n");
    let signature = key.sign(&[message.as_bytes()]).unwrap();
    json!({"timeStamp": "1700000000", "nonceStr": "nonce", "package": package, "signType": "RSA", "paySign": signature})
}

pub(crate) async fn waiting(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 1).await;
    (phone, order)
}

#[tokio::test]
async fn what_is_unclear_is_asked_again_under_the_same_number() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let faults = [
            (json!({"kind": "no_answer_after_accepting"}), true),
            (json!({"kind": "no_answer_before_accepting"}), false),
            (json!({"kind": "server_error"}), false),
            (json!({"kind": "server_error", "status": 502}), false),
            (json!({"kind": "pay_error", "status": 500}), false),
            (
                json!({"kind": "pay_error", "status": 503, "code": "SERVICE_UNAVAILABLE"}),
                false,
            ),
            // No code of WeChat's, so that it is no refusal of WeChat's.
            (
                json!({"kind": "pay_error", "status": 400, "code": "PARAM\0ERROR"}),
                false,
            ),
            (json!({"kind": "pay_error", "status": 403, "code": ""}), false),
            (
                json!({"kind": "pay_error", "status": 404, "code": "X".repeat(65)}),
                false,
            ),
            (json!({"kind": "server_error", "is_accepted": true}), true),
            (json!({"kind": "pay_error", "is_accepted": true}), true),
            (json!({"kind": "wrong_answer_signature"}), true),
            (json!({"kind": "missing_answer_signature"}), true),
            (json!({"kind": "stale_answer"}), true),
            (json!({"kind": "probe_signature"}), true),
        ];
        for (fault, is_there) in faults {
            let order = phone.buy("tea", 1).await;
            once(shop, fault.clone()).await;
            phone
                .try_start_payment(&order)
                .await
                .refused(503, "wechat_unavailable");
            assert_eq!(kinds_struck(shop).await.last(), Some(&fault["kind"]));
            let number = shop.number(&order).await;
            assert_eq!(
                shop.attempts(&order).await,
                [(number.clone(), "unknown".to_owned())]
            );
            assert_eq!(shop.truth(&number).await.is_some(), is_there, "{fault}");
            assert_eq!(phone.status(&order).await, "awaiting_payment");
            let parameters = phone.start_payment(&order).await;
            assert_eq!(shop.attempts(&order).await, [(number, "prepaid".to_owned())]);
            phone.pay_with(&parameters).await;
            assert_eq!(phone.sync(&order).await["status"], "paid");
        }
    })
    .await;
}

#[tokio::test]
async fn a_paid_attempt_whose_prepay_was_unclear_is_found_by_asking() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        let (phone, order) = waiting(shop).await;
        once(shop, json!({"kind": "no_answer_after_accepting"})).await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        let truth = shop.truth(&shop.number(&order).await).await.unwrap();
        phone
            .pay_with(&parameters(truth["prepay_ids"][0].as_str().unwrap()))
            .await;
        // The next tap learns the same.
        phone
            .try_start_payment(&order)
            .await
            .refused(409, "order_state_conflict");
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(
            shop.events(&order).await,
            [("order.paid".to_owned(), "query".to_owned())]
        );

        let other = phone.buy("tea", 1).await;
        once(shop, json!({"kind": "wrong_answer_signature"})).await;
        phone
            .try_start_payment(&other)
            .await
            .refused(503, "wechat_unavailable");
        let truth = shop.truth(&shop.number(&other).await).await.unwrap();
        phone
            .pay_with(&parameters(truth["prepay_ids"][0].as_str().unwrap()))
            .await;
        assert_eq!(phone.sync(&other).await["status"], "paid");
    })
    .await;
}

#[tokio::test]
async fn too_many_requests_are_told_as_such() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        once(
            shop,
            json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
        )
        .await;
        phone.try_start_payment(&order).await.refused(429, "rate_limited");
        assert_eq!(shop.struck("prepay", "pay_error").await, 1);
        assert_eq!(shop.state(&order).await, "unknown");
        phone.start_payment(&order).await;
        assert_eq!(shop.attempts(&order).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_refuses_for_good_makes_way_for_another_attempt() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        for (status, code) in [
            (400, "PARAM_ERROR"),
            (403, "NO_AUTH"),
            (400, "APPID_MCHID_NOT_MATCH"),
            (400, "INVALID_REQUEST"),
            (401, "SIGN_ERROR"),
            (400, "X".repeat(64).as_str()),
        ] {
            let order = phone.buy("tea", 1).await;
            once(shop, json!({"kind": "pay_error", "status": status, "code": code})).await;
            phone
                .try_start_payment(&order)
                .await
                .refused(502, "wechat_rejected");
            assert_eq!(kinds_struck(shop).await.last(), Some(&json!("pay_error")));
            let failed = shop.number(&order).await;
            assert_eq!(shop.state(&order).await, "failed");
            shop.advance(1).await;
            phone.start_payment(&order).await;
            let attempts = shop.attempts(&order).await;
            assert_eq!((attempts.len(), attempts[0].0.as_str()), (2, failed.as_str()));
            assert_ne!(attempts[1].0, failed);
            assert_eq!(attempts[1].1, "prepaid");
        }
        let codes: Vec<String> = sqlx::query_scalar(
            "select failure_code from payment_attempts where state = 'failed' order by id",
        )
        .fetch_all(&shop.db)
        .await
        .unwrap();
        assert_eq!(
            codes,
            [
                "PARAM_ERROR",
                "NO_AUTH",
                "APPID_MCHID_NOT_MATCH",
                "INVALID_REQUEST",
                "SIGN_ERROR",
                &"X".repeat(64)
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_refusal_after_something_unclear_is_no_end() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.announce("wechat_unavailable");
        let (phone, order) = waiting(shop).await;
        shop.faults(json!([
            {"kind": "no_answer_after_accepting", "api": "prepay", "times": 1},
            {"kind": "pay_error", "status": 400, "code": "PARAM_ERROR", "api": "prepay", "after": 1, "times": 1},
        ]))
        .await;
        phone.try_start_payment(&order).await.refused(503, "wechat_unavailable");
        phone.try_start_payment(&order).await.refused(502, "wechat_rejected");
        // It exists at WeChat, so it stays the one number of the order.
        let number = shop.number(&order).await;
        assert_eq!(shop.attempts(&order).await, [(number.clone(), "unknown".to_owned())]);
        assert!(shop.truth(&number).await.is_some());
        let parameters = phone.start_payment(&order).await;
        assert_eq!(shop.number(&order).await, number);
        phone.pay_with(&parameters).await;
    })
    .await;
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_payment_where_it_was() {
    shop_with(Setup::default().with("ORDER_TTL_S", "86400"), async |shop| {
        shop.announce("wechat_unavailable");
        shop.announce("wechat_rejected");
        let (phone, order) = waiting(shop).await;
        let old = phone.start_payment(&order).await;
        shop.advance(110 * 60).await;
        once(shop, json!({"kind": "server_error"})).await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        once(
            shop,
            json!({"kind": "pay_error", "status": 403, "code": "RULE_LIMIT"}),
        )
        .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(502, "wechat_rejected");
        assert_eq!(shop.state(&order).await, "prepaid");
        phone.pay_with(&old).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn the_second_host_is_asked_when_the_first_is_away() {
    let setup = Setup::default().with("WXPAY_API_BASE_URL", NOWHERE);
    shop_with(setup, async |shop| {
        let (phone, order) = waiting(shop).await;
        phone.pay(&order).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
        let other = phone.buy("tea", 1).await;
        phone.start_payment(&other).await;
        assert_eq!(phone.close(&other).await.ok(200)["status"], "closed");
    })
    .await;
}

#[tokio::test]
async fn with_both_hosts_away_nothing_is_known_and_nothing_lost() {
    let setup = Setup::default()
        .with("WXPAY_API_BASE_URL", NOWHERE)
        .with("WXPAY_API_BACKUP_BASE_URL", NOWHERE);
    shop_with(setup, async |shop| {
        shop.announce("wechat_unavailable");
        let (phone, order) = waiting(shop).await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(shop.state(&order).await, "created");
        assert_eq!(phone.sync(&order).await["status"], "awaiting_payment");
        phone.close(&order).await.refused(503, "wechat_unavailable");
        assert_eq!(phone.status(&order).await, "awaiting_payment");
    })
    .await;
}

/// A server that knows the simulated WeChat by two names.
async fn with_two_hosts(scenario: impl AsyncFnOnce(&Shop)) {
    shop_with(Setup::default().second_host(), scenario).await;
}

#[tokio::test]
async fn an_answer_of_the_second_host_ends_the_doubt_about_the_first() {
    with_two_hosts(async |shop| {
        let (phone, order) = waiting(shop).await;
        for fault in [
            json!({"kind": "no_answer_after_accepting"}),
            json!({"kind": "server_error", "status": 503}),
        ] {
            let other = phone.buy("tea", 1).await;
            once(shop, fault).await;
            phone.pay(&other).await;
            assert_eq!(phone.sync(&other).await["status"], "paid");
        }
        assert_eq!(shop.calls("prepay").await.len(), 4);
        phone.start_payment(&order).await;
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_the_second_host_does_not_end_the_doubt_about_the_first() {
    with_two_hosts(async |shop| {
        shop.announce("wechat_unavailable");
        let (phone, order) = waiting(shop).await;
        shop.faults(json!([
            {"kind": "no_answer_after_accepting", "api": "prepay", "times": 1},
            {"kind": "pay_error", "status": 400, "code": "PARAM_ERROR", "api": "prepay", "after": 1, "times": 1},
        ]))
        .await;
        phone.try_start_payment(&order).await.refused(503, "wechat_unavailable");
        assert_eq!(kinds_struck(shop).await.len(), 2);
        assert_eq!(shop.state(&order).await, "unknown");
        phone.start_payment(&order).await;
        assert_eq!(shop.attempts(&order).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_slow_wechat_harms_its_own_route_alone() {
    shop_with(Setup::default().patience(Duration::from_secs(8)), async |shop| {
        shop.announce("wechat_timeout");
        let (phone, order) = waiting(shop).await;
        shop.faults(json!([{"kind": "delay", "api": "prepay", "ms": 60_000, "times": 1}]))
            .await;
        let slow = phone.try_start_payment(&order);
        let others = async {
            shop.calls_until("prepay", 1).await;
            for _ in 0..3 {
                assert_eq!(phone.status(&order).await, "awaiting_payment");
                phone.buy("tea", 1).await;
            }
            // All of that was done while WeChat still owed its answer.
            assert!(shop.is_leased(&order).await);
        };
        let (answer, ()) = join(slow, others).await;
        answer.refused(504, "wechat_timeout");
        assert_eq!(shop.struck("prepay", "delay").await, 1);
        assert_eq!(shop.state(&order).await, "unknown");
        // A call that timed out is not repeated by itself.
        assert_eq!(shop.calls("prepay").await.len(), 1);
        phone.start_payment(&order).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_trickles_is_an_answer() {
    shop(async |shop| {
        let (phone, order) = waiting(shop).await;
        once(shop, json!({"kind": "slow_body", "ms": 200})).await;
        phone.pay(&order).await;
        assert_eq!(shop.struck("prepay", "slow_body").await, 1);
    })
    .await;
}
