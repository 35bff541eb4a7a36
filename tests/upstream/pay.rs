//! WeChat Pay: signed requests, verified answers, the second host, and unknown outcomes.

use chrono::TimeDelta;
use serde_json::{Value, json};
use weir::domain::name::AppId;
use weir::domain::name::PrepayId;
use weir::wechat::pay::{NotReached, PayError, Refusal, TradeState, UnknownReason};

use crate::merchant::{
    PREPAID, PUBLIC_KEY_ID, check_authorization, client, now, number, numbered, ok, prepay, reason, refusal,
    signed,
};
use crate::script::{Act, Host, header};

#[tokio::test]
async fn a_prepay_is_signed_sent_and_verified() {
    let (first, second) = (Host::playing([ok(PREPAID)]).await, Host::playing([]).await);
    let prepay_id = prepay(&client(&first, &second)).await.unwrap();
    assert_eq!(prepay_id.as_str(), "wx201410272009395522657a690389285100");
    let request = &first.requests()[0];
    assert!(request.starts_with("POST /v3/pay/transactions/jsapi HTTP/1.1\r\n"));
    check_authorization(request);
    assert_eq!(header(request, "accept"), Some("application/json"));
    assert_eq!(header(request, "content-type"), Some("application/json"));
    assert_eq!(header(request, "wechatpay-serial"), Some(PUBLIC_KEY_ID));
    assert!(header(request, "user-agent").unwrap().starts_with("weir/"));
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let wanted = json!({
        "appid": "wx1234567890abcdef", "mchid": "1900000001", "description": "茶",
        "out_trade_no": "T2026|01*", "time_expire": "2026-01-01T08:30:00+08:00",
        "notify_url": "https://shop.example/wechat/pay/notify",
        "amount": {"total": 100, "currency": "CNY"}, "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn calls_that_follow_each_other_go_over_one_connection() {
    let acts = std::iter::repeat_with(|| ok(PREPAID)).take(10);
    let (first, second) = (Host::keeping(acts).await, Host::playing([]).await);
    let client = client(&first, &second);
    for _ in 0..10 {
        prepay(&client).await.unwrap();
    }
    assert_eq!((first.requests().len(), first.connections()), (10, 1));
}

#[tokio::test]
async fn the_second_host_gets_the_same_signed_request() {
    for act in [
        Act::Drop,
        Act::answer(502, ""),
        refusal(503, "SERVICE_UNAVAILABLE"),
    ] {
        let (first, second) = (Host::playing([act]).await, Host::playing([ok(PREPAID)]).await);
        prepay(&client(&first, &second)).await.unwrap();
        let (one, two) = (&first.requests()[0], &second.requests()[0]);
        assert_eq!(header(one, "authorization"), header(two, "authorization"));
        check_authorization(two);
    }
    let (first, second) = (Host::absent().await, Host::playing([ok(PREPAID)]).await);
    prepay(&client(&first, &second)).await.unwrap();
}

#[tokio::test]
async fn nothing_is_repeated_after_a_timeout() {
    let (first, second) = (
        Host::playing([Act::Hang]).await,
        Host::playing([ok(PREPAID)]).await,
    );
    let error = prepay(&client(&first, &second)).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(reason(Err::<(), _>(error)), UnknownReason::Timeout);
    assert_eq!(second.acts_left(), 1);
}

#[tokio::test]
async fn what_reached_nobody_is_told_apart() {
    let (first, second) = (Host::absent().await, Host::absent().await);
    let error = prepay(&client(&first, &second)).await.unwrap_err();
    assert!(
        matches!(error, PayError::NotReached(NotReached::Network(_))),
        "{error:?}"
    );
    let (first, second) = (Host::playing([Act::Drop]).await, Host::absent().await);
    assert_eq!(
        reason(prepay(&client(&first, &second)).await),
        UnknownReason::ConnectionLost
    );
    let (first, second) = (Host::absent().await, Host::playing([Act::Drop]).await);
    assert_eq!(
        reason(prepay(&client(&first, &second)).await),
        UnknownReason::ConnectionLost
    );
}

#[tokio::test]
async fn a_success_that_does_not_verify_is_unknown() {
    let late = now() - TimeDelta::seconds(301);
    let Act::Answer { headers, .. } = ok(PREPAID) else {
        panic!()
    };
    let other_body = Act::Answer {
        status: 200,
        headers,
        body: PREPAID.replace("wx2014", "wx2015"),
    };
    let probe = match ok(PREPAID) {
        Act::Answer {
            status,
            mut headers,
            body,
        } => {
            headers[2].1 = "WECHATPAY/SIGNTEST/abc".to_owned();
            Act::Answer {
                status,
                headers,
                body,
            }
        }
        act => act,
    };
    let table = [
        (other_body, Refusal::SignatureWrong),
        (probe, Refusal::Probe),
        (
            Act::answer(200, PREPAID),
            Refusal::HeaderMissing("wechatpay-timestamp"),
        ),
        (
            signed(200, PREPAID, "platform_next", PUBLIC_KEY_ID, late),
            Refusal::Stale { age_s: 301 },
        ),
        (
            signed(200, PREPAID, "platform", PUBLIC_KEY_ID, now()),
            Refusal::SignatureWrong,
        ),
        (
            signed(200, PREPAID, "platform", "PUB_KEY_ID_99", now()),
            Refusal::UnknownSerial,
        ),
    ];
    for (act, refusal) in table {
        let (first, second) = (Host::playing([act]).await, Host::playing([]).await);
        assert_eq!(
            reason(prepay(&client(&first, &second)).await),
            UnknownReason::BadSignature(refusal)
        );
        assert_eq!((first.requests().len(), second.requests().len()), (1, 0));
    }
    let (first, second) = (Host::playing([ok("{}")]).await, Host::playing([]).await);
    assert_eq!(
        reason(prepay(&client(&first, &second)).await),
        UnknownReason::Malformed("prepay_id")
    );
}

#[tokio::test]
async fn refusals_are_told_from_unknown_outcomes() {
    let table = [
        (refusal(202, "USERPAYING"), UnknownReason::NotProcessed),
        (refusal(429, "FREQUENCY_LIMITED"), UnknownReason::RateLimited),
        (refusal(403, "RATELIMIT_EXCEEDED"), UnknownReason::RateLimited),
        (
            numbered(403, "INVALID_REQUEST", "268447840"),
            UnknownReason::RateLimited,
        ),
        (
            refusal(500, "SYSTEM_ERROR"),
            UnknownReason::Unavailable { http_status: 500 },
        ),
        (
            Act::answer(404, "<html>"),
            UnknownReason::Unavailable { http_status: 404 },
        ),
        (
            Act::answer(405, ""),
            UnknownReason::Unavailable { http_status: 405 },
        ),
        (
            Act::answer(302, ""),
            UnknownReason::Unavailable { http_status: 302 },
        ),
    ];
    for (act, wanted) in table {
        let (first, second) = (Host::playing([act]).await, Host::playing([]).await);
        assert_eq!(reason(prepay(&client(&first, &second)).await), wanted);
    }
    let (first, second) = (
        Host::playing([refusal(400, "PARAM_ERROR")]).await,
        Host::playing([]).await,
    );
    let error = prepay(&client(&first, &second)).await.unwrap_err();
    assert!(matches!(&error, PayError::Definite { code, http_status: 400, .. } if code == "PARAM_ERROR"));
    assert_eq!(error.request_id(), Some("08F1-268501013"));
}

#[tokio::test]
async fn a_second_hosts_refusal_does_not_undo_what_the_first_may_have_made() {
    let (first, second) = (
        Host::playing([Act::Drop]).await,
        Host::playing([refusal(403, "NO_AUTH")]).await,
    );
    let wanted = UnknownReason::RefusedAfterUnclear {
        code: "NO_AUTH".to_owned(),
    };
    assert_eq!(reason(prepay(&client(&first, &second)).await), wanted);
    let second = Host::playing([refusal(404, "ORDER_NOT_EXIST")]).await;
    let first = Host::playing([Act::Drop]).await;
    assert!(
        client(&first, &second)
            .query(&number())
            .await
            .unwrap_err()
            .is_not_found()
    );
}

#[tokio::test]
async fn a_query_tells_where_a_payment_stands() {
    let paid = json!({
        "appid": "wx1234567890abcdef", "mchid": "1900000001", "out_trade_no": "T2026|01*",
        "transaction_id": "42", "trade_state": "REFUND", "success_time": "2026-01-01T08:00:05+08:00",
        "amount": {"total": 100, "currency": "CNY"},
    });
    let unpaid = json!({"out_trade_no": "T2026|01*", "trade_state": "NOTPAY"});
    let other = json!({"out_trade_no": "T2026|02*", "trade_state": "NOTPAY"});
    let mut incomplete = paid.clone();
    incomplete.as_object_mut().unwrap().remove("success_time");
    let answers = [&paid, &unpaid, &other, &incomplete].map(|body| ok(&body.to_string()));
    let (first, second) = (Host::playing(answers).await, Host::playing([]).await);
    let client = client(&first, &second);

    let transaction = client.query(&number()).await.unwrap();
    assert_eq!(
        (transaction.trade_state, transaction.landed.unwrap().total_fen),
        (TradeState::Refund, 100)
    );
    let transaction = client.query(&number()).await.unwrap();
    assert_eq!(
        (transaction.trade_state, transaction.landed),
        (TradeState::NotPay, None)
    );
    assert_eq!(
        reason(client.query(&number()).await),
        UnknownReason::Malformed("out_trade_no")
    );
    assert_eq!(
        reason(client.query(&number()).await),
        UnknownReason::Malformed("success_time")
    );

    let request = &first.requests()[0];
    let line = "GET /v3/pay/transactions/out-trade-no/T2026%7C01%2A?mchid=1900000001 HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    check_authorization(request);
}

#[tokio::test]
async fn a_close_has_an_empty_signed_answer() {
    let acts = [ok(""), refusal(400, "ORDERPAID")];
    let (first, second) = (Host::playing(acts).await, Host::playing([]).await);
    let client = client(&first, &second);
    client.close(&number()).await.unwrap();
    assert!(client.close(&number()).await.unwrap_err().is_already_paid());
    let request = &first.requests()[0];
    assert!(request.starts_with("POST /v3/pay/transactions/out-trade-no/T2026%7C01%2A/close HTTP/1.1\r\n"));
    assert!(request.ends_with(r#"{"mchid":"1900000001"}"#));
    check_authorization(request);
}

#[tokio::test]
async fn one_host_alone_is_asked_once() {
    let host = Host::playing([refusal(503, "SERVICE_UNAVAILABLE")]).await;
    let wanted = UnknownReason::Unavailable { http_status: 503 };
    assert_eq!(reason(prepay(&client(&host, &host)).await), wanted);
    assert_eq!(host.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let long = format!("{{\"prepay_id\":\"{}\"}}", "w".repeat(70_000));
    let (first, second) = (Host::playing([ok(&long)]).await, Host::playing([]).await);
    assert_eq!(
        reason(prepay(&client(&first, &second)).await),
        UnknownReason::TooLong
    );
}

#[tokio::test]
async fn pay_parameters_carry_a_fresh_nonce() {
    let (first, second) = (Host::playing([]).await, Host::playing([]).await);
    let client = client(&first, &second);
    let (app_id, prepay_id) = (AppId::parse("wx1").unwrap(), PrepayId::parse("wx42").unwrap());
    let one = client.request_payment(&app_id, &prepay_id).unwrap();
    let two = client.request_payment(&app_id, &prepay_id).unwrap();
    assert_ne!(one.nonce_str, two.nonce_str);
    assert_eq!(
        (one.package.as_str(), one.time_stamp.as_str()),
        ("prepay_id=wx42", "1767225600")
    );
    let names: Vec<_> = serde_json::to_value(&one)
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["nonceStr", "package", "paySign", "signType", "timeStamp"]);
}
