//! Rate limits: logins by client address, everything else by session.

use serde_json::json;

use crate::harness::{Answer, Setup, Shop, shop_with};

/// Waits are told in whole seconds, at least one and at most `most`.
fn assert_wait(answer: &Answer, most: u32) {
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=most).contains(&wait), "{wait}");
}

async fn login_from(shop: &Shop, forwarded: Option<&str>) -> Answer {
    let request = shop.request("POST", "/v1/login", None, Some(&json!({"code": "0unknown"})));
    let request = match forwarded {
        Some(address) => request.header("x-forwarded-for", address),
        None => request,
    };
    shop.send(request).await
}

#[tokio::test]
async fn logins_are_limited_by_address_before_wechat_is_asked() {
    let setup = Setup::default().with("RATE_LIMIT_LOGIN_PER_MIN", "3");
    shop_with(setup, async |shop| {
        for _ in 0..3 {
            login_from(shop, None).await.refused(400, "login_code_invalid");
        }
        let refusal = login_from(shop, None).await;
        refusal.refused(429, "rate_limited");
        assert_wait(&refusal, 20);
        assert_eq!(shop.calls("login").await.len(), 3);
        // Nobody but a trusted proxy may say whose request it is.
        login_from(shop, Some("198.51.100.7"))
            .await
            .refused(429, "rate_limited");
    })
    .await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_an_allowance_of_its_own() {
    let setup = Setup::default()
        .with("RATE_LIMIT_LOGIN_PER_MIN", "1")
        .with("TRUSTED_PROXIES", "127.0.0.0/8");
    shop_with(setup, async |shop| {
        for client in ["198.51.100.7", "198.51.100.8", "2001:db8:1::1", "2001:db8:2::1"] {
            login_from(shop, Some(client))
                .await
                .refused(400, "login_code_invalid");
            login_from(shop, Some(client)).await.refused(429, "rate_limited");
        }
        // One network of IPv6 is one client, and what a client adds on the left does not count.
        login_from(shop, Some("2001:db8:1::2"))
            .await
            .refused(429, "rate_limited");
        login_from(shop, Some("203.0.113.1, 198.51.100.7"))
            .await
            .refused(429, "rate_limited");
    })
    .await;
}

#[tokio::test]
async fn a_session_is_limited_and_others_are_not() {
    let setup = Setup::default().with("RATE_LIMIT_SESSION_PER_S", "1");
    shop_with(setup, async |shop| {
        let (busy, calm) = (shop.visitor().await, shop.visitor().await);
        let requests = (0..40).map(|_| busy.call("GET", "/v1/me", None));
        let answers = futures_util::future::join_all(requests).await;
        let (served, limited): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert!(!served.is_empty() && !limited.is_empty());
        for answer in limited {
            answer.refused(429, "rate_limited");
            assert_wait(answer, 1);
        }
        calm.call("GET", "/v1/me", None).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn zero_switches_the_limits_off() {
    let setup = Setup::default()
        .with("RATE_LIMIT_LOGIN_PER_MIN", "0")
        .with("RATE_LIMIT_SESSION_PER_S", "0");
    shop_with(setup, async |shop| {
        let phone = shop.visitor().await;
        let requests = (0..80).map(|_| phone.call("GET", "/v1/me", None));
        for answer in futures_util::future::join_all(requests).await {
            answer.ok(200);
        }
    })
    .await;
}
