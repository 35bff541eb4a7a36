//! Bills: asked for, found on WeChat Pay's hosts alone, downloaded and believed by their hash.

use std::io::Write as _;

use chrono::NaiveDate;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha1::{Digest as _, Sha1};
use url::Url;
use weir::wechat::pay::Merchant;
use weir::wechat::pay::bill::{BillError, TradeRow};

use crate::merchant::{check_authorization, client, ok, refusal, text};
use crate::script::{Act, Host, header};

const BILL: &str = "交易时间,公众账号ID,微信订单号,商户订单号,交易状态,货币种类,订单金额,应结订单金额,手续费,微信退款单号,\
商户退款单号,申请退款金额,退款金额,退款状态\n\
`2025-12-31 08:00:05,`wx1,`42,`T202601,`SUCCESS,`CNY,`1.00,`1.00,`0.01,`0,`0,`0,`0,`\n\
总交易单数,订单总金额,申请退款总金额\n`1,`1.00,`0.00\n";

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 12, 31).unwrap()
}

fn packed() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(BILL.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn sha1(bytes: &[u8]) -> String {
    hex::encode(Sha1::digest(bytes))
}

/// What a day's bill comes to, when WeChat names this place and this hash, and the place answers so.
async fn fetch(
    url: Option<&str>,
    hash: &str,
    download: Act,
) -> (Result<Vec<TradeRow>, BillError>, Vec<String>) {
    let elsewhere = Host::playing([download]).await;
    let place = url.map_or_else(
        || format!("{}v3/billdownload/file?token=a%2Bb", elsewhere.url),
        str::to_owned,
    );
    let named = json!({"hash_type": "SHA1", "hash_value": hash, "download_url": place});
    let first = Host::playing([ok(&named.to_string())]).await;
    let fetched = async {
        let mut rows = Vec::new();
        let mut download = client(&first, &elsewhere).trade_bill(day()).await?.unwrap();
        while let Some(more) = download.next().await? {
            rows.extend(more);
        }
        Ok(rows)
    };
    let fetched = fetched.await;
    let request = &first.requests()[0];
    assert!(
        request.starts_with(
            "GET /v3/bill/tradebill?bill_date=2025-12-31&bill_type=ALL&tar_type=GZIP HTTP/1.1\r\n"
        )
    );
    check_authorization(request);
    (fetched, elsewhere.requests())
}

fn whole(bytes: Vec<u8>) -> Act {
    Act::Bytes { bytes, missing: 0 }
}

#[tokio::test]
async fn a_bill_comes_packed_or_plain_with_either_hash() {
    for (bytes, hash) in [
        (packed(), sha1(BILL.as_bytes())),
        (packed(), sha1(&packed()).to_uppercase()),
        (BILL.into(), sha1(BILL.as_bytes())),
    ] {
        let (rows, requests) = fetch(None, &hash, whole(bytes)).await;
        let rows = rows.unwrap();
        assert_eq!(
            (rows.len(), rows[0].order_fen, rows[0].transaction_id.as_str()),
            (1, 100, "42")
        );
        assert!(requests[0].starts_with("GET /v3/billdownload/file?token=a%2Bb HTTP/1.1\r\n"));
        check_authorization(&requests[0]);
        assert!(header(&requests[0], "authorization").is_some());
    }
}

#[tokio::test]
async fn another_hash_a_cut_or_a_refusal_is_a_failure() {
    let hash = sha1(BILL.as_bytes());
    let cut = packed()[..60].to_vec();
    let table = [
        (whole(BILL.replace("1.00", "9.00").into()), "bill_hash_wrong"),
        (whole(cut), "bill_packed_wrong"),
        (whole(BILL.as_bytes()[..250].to_vec()), "bill_hash_wrong"),
        (
            Act::Bytes {
                bytes: packed(),
                missing: 1,
            },
            "bill_broken_off",
        ),
        (refusal(403, "NO_AUTH"), "bill_refused"),
        (refusal(429, "FREQUENCY_LIMITED"), "bill_rate_limited"),
        (Act::answer(302, ""), "bill_refused"),
        (Act::Drop, "bill_refused"),
    ];
    for (act, expected) in table {
        let (rows, requests) = fetch(None, &hash, act.clone()).await;
        assert_eq!(rows.unwrap_err().as_str(), expected, "{act:?}");
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn a_bill_is_fetched_from_no_other_host() {
    for url in [
        "http://example.com/v3/billdownload/file?token=a",
        "https://127.0.0.1/v3/billdownload/file",
        "file:///etc/passwd",
        "http://127.0.0.1:1/",
    ] {
        let (rows, requests) = fetch(Some(url), "", whole(Vec::new())).await;
        assert_eq!(rows.unwrap_err().as_str(), "bill_elsewhere", "{url}");
        assert_eq!(requests.len(), 0);
    }
}

#[test]
fn a_bill_may_lie_on_any_of_wechat_pays_own_hosts_unless_these_are_simulated() {
    let merchant = |base_url| Merchant::from_text(&text(base_url, base_url, true)).unwrap();
    let host = |merchant: &Merchant, place: &str| {
        let host = merchant.bill_host(&Url::parse(place).unwrap());
        host.map(|host| host.to_string())
    };
    let (real, simulated) = (
        merchant("https://api.wechatpay.cn"),
        merchant("http://127.0.0.1:1"),
    );
    for name in [
        "api.mch.weixin.qq.com",
        "api2.mch.weixin.qq.com",
        "api.wechatpay.cn",
        "api2.wechatpay.cn",
    ] {
        let place = format!("https://somebody@{name}:443/v3/billdownload/file?token=a");
        assert_eq!(host(&real, &place), Some(format!("https://{name}/")));
        assert_eq!(host(&simulated, &place), None);
    }
    for place in [
        "http://api.mch.weixin.qq.com/v3/billdownload/file",
        // Joined to the host it would name another one.
        "https://api.mch.weixin.qq.com//example.com/v3/billdownload/file",
        "https://api.mch.weixin.qq.com:8443/v3/billdownload/file",
        "https://api.mch.weixin.qq.com.example.com/v3/billdownload/file",
        "https://mch.weixin.qq.com/v3/billdownload/file",
        "http://127.0.0.1:1/v3/billdownload/file",
        "file:///etc/passwd",
    ] {
        assert_eq!(host(&real, place), None, "{place}");
    }
}

#[tokio::test]
async fn no_statement_is_an_empty_day_and_the_rest_is_later() {
    for (act, expected) in [
        (refusal(400, "NO_STATEMENT_EXIST"), None),
        (refusal(400, "STATEMENT_CREATING"), Some("bill_not_ready")),
        (refusal(429, "FREQUENCY_LIMITED"), Some("bill_rate_limited")),
        (refusal(400, "INVALID_REQUEST"), Some("bill_refused")),
        (
            ok(r#"{"hash_type":"SHA1","hash_value":"x","download_url":"none"}"#),
            Some("bill_refused"),
        ),
        (
            ok(r#"{"hash_type":"MD5","hash_value":"x","download_url":"http://127.0.0.1/"}"#),
            Some("bill_refused"),
        ),
        (Act::answer(200, "{}"), Some("bill_refused")),
    ] {
        let (first, second) = (Host::playing([act.clone()]).await, Host::playing([]).await);
        let bill = client(&first, &second).fund_flow_bill(day()).await;
        assert_eq!(bill.as_ref().err().map(BillError::as_str), expected, "{act:?}");
        assert!(bill.is_err() || bill.unwrap().is_none());
        let request = &first.requests()[0];
        assert!(
            request.starts_with(
                "GET /v3/bill/fundflowbill?bill_date=2025-12-31&account_type=BASIC&tar_type=GZIP "
            )
        );
    }
}
