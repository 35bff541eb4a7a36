//! The bookkeeper's side of bills: asks for them, fetches and reads them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Answer, Stage};

pub(crate) fn sha1_of(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes))
}

/// A bill as it was fetched.
pub(crate) struct Bill {
    pub(crate) text: String,
    /// The hash that was promised.
    pub(crate) hash: String,
}

impl Bill {
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert!(self.text.ends_with("\r\n"));
        self.text.trim_end().split("\r\n").collect()
    }

    /// The rows between the heads, each cut into its values.
    pub(crate) fn rows(&self) -> Vec<Vec<&str>> {
        let lines = self.lines();
        lines[1..lines.len() - 2]
            .iter()
            .map(|line| values(line))
            .collect()
    }

    pub(crate) fn sums(&self) -> Vec<&str> {
        values(self.lines().last().unwrap())
    }

    /// The value of a row in the column of this name.
    pub(crate) fn value(&self, row: usize, column: &str) -> &str {
        let lines = self.lines();
        let place = lines[0].split(',').position(|head| head == column).unwrap();
        values(lines[row + 1])[place]
    }
}

fn values(line: &str) -> Vec<&str> {
    line.strip_prefix('`')
        .expect("a leading backtick")
        .split(",`")
        .collect()
}

/// A date in China, so many days from that time.
pub(crate) fn china_date(at: DateTime<Utc>, days: i64) -> String {
    let at = at + TimeDelta::hours(8) + TimeDelta::days(days);
    at.format("%Y-%m-%d").to_string()
}

impl Stage {
    pub(crate) async fn clock(&self) -> DateTime<Utc> {
        let clock = self.get("/simulator/clock").await.json();
        clock["now"].as_str().unwrap().parse().unwrap()
    }

    /// Moves the clock to this time of the next day in China and returns the date before it.
    pub(crate) async fn next_day_at(&self, hour: i64, minute: i64) -> String {
        let now = self.clock().await;
        let midnight = (now + TimeDelta::hours(32))
            .date_naive()
            .and_time(chrono::NaiveTime::MIN)
            .and_utc();
        let then = midnight - TimeDelta::hours(8) + TimeDelta::hours(hour) + TimeDelta::minutes(minute);
        self.advance((then - now).num_seconds().unsigned_abs() + 1).await;
        china_date(now, 0)
    }

    pub(crate) async fn fetch(&self, named: &Answer) -> Answer {
        assert_eq!(named.status, 200, "{named:?}");
        assert!(named.is_genuine(self).await);
        let url = named.json()["download_url"].as_str().unwrap().to_owned();
        let base = self.url("");
        self.pay_get(url.strip_prefix(&base).expect("a download at this simulator"))
            .await
    }

    /// Asks for a bill and fetches it.
    pub(crate) async fn bill(&self, target: &str) -> Bill {
        let named = self.pay_get(target).await;
        let fetched = self.fetch(&named).await;
        assert_eq!(fetched.status, 200, "{fetched:?}");
        assert!(fetched.header("wechatpay-signature").is_none());
        assert_eq!(named.json()["hash_type"], "SHA1");
        Bill {
            text: String::from_utf8(fetched.body).unwrap(),
            hash: named.json()["hash_value"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn trade_bill(&self, day: &str) -> Bill {
        self.bill(&format!("/v3/bill/tradebill?bill_date={day}")).await
    }

    pub(crate) async fn flow_bill(&self, day: &str) -> Bill {
        self.bill(&format!("/v3/bill/fundflowbill?bill_date={day}")).await
    }

    /// A day with an order of 100.00 yuan that is paid, and 25.00 of it refunded; it is over.
    pub(crate) async fn billed_day(&self) -> (Value, String) {
        // So early in the day that no step of a test falls into the next one.
        self.next_day_at(1, 0).await;
        let user = self.user().await;
        let mut order = self.order(&user, "order-1");
        order["amount"]["total"] = json!(10_000);
        order["description"] = json!("tea, green");
        order["attach"] = json!("table 4");
        let made = self.pay_post(crate::merchant::JSAPI, &order).await.json();
        let cashier_id = self.cashier(&user, made["prepay_id"].as_str().unwrap()).await;
        self.act(&cashier_id, "pay").await;
        let mut refund = self.refund_of("order-1", "r1", 2_500);
        refund["amount"]["total"] = json!(10_000);
        assert_eq!(self.pay_post(crate::refund::REFUNDS, &refund).await.status, 200);
        self.decide("r1", json!({ "status": "SUCCESS" })).await;
        (user, self.next_day_at(10, 0).await)
    }
}
