//! `weir reconcile`: what it prints, how it ends, and that the length of a bill costs no memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Days, NaiveDate, TimeDelta};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha1::{Digest as _, Sha1};
use sqlx::{Connection as _, PgConnection};
use weir::domain::clock::Clock;
use weir::domain::entropy::Entropy;
use weir::wechat::crypto::SigningKey;

use crate::bills::Day;
use crate::migrate::with_database;
use crate::program::{command, complaint, folder, run};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys");
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";
/// What a day of a hundred thousand payments may cost more than an empty one. Its bills have 40 MB.
const MEMORY_KIB_MAX: u64 = 16 * 1024;

/// WeChat Pay, as far as bills go: `trade` or `flow` of one day, its text and the hash it is said to have.
pub(crate) struct Bills {
    day: NaiveDate,
    packed: BTreeMap<&'static str, (Vec<u8>, String)>,
    key: SigningKey,
}

impl Bills {
    /// Serves for as long as the program runs; gives the address.
    pub(crate) fn serve(day: NaiveDate, texts: [(&'static str, String, bool); 2]) -> String {
        let pem = std::fs::read_to_string(format!("{KEYS}/public_mode_private_key.pem")).unwrap();
        let packed = texts.map(|(name, text, is_right)| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            let hash = if is_right {
                hex::encode(Sha1::digest(text))
            } else {
                "0".repeat(40)
            };
            (name, (encoder.finish().unwrap(), hash))
        });
        let this = Arc::new(Self {
            day,
            packed: packed.into_iter().collect(),
            key: SigningKey::from_pem(&pem).unwrap(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let own = url.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (this, own) = (Arc::clone(&this), own.clone());
                std::thread::spawn(move || this.answer(stream.unwrap(), &own));
            }
        });
        url
    }

    fn answer(&self, mut stream: TcpStream, own: &str) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let name = if head.contains("trade") { "trade" } else { "flow" };
        let (packed, hash) = &self.packed[name];
        let (status, headers, body) = if head.starts_with("GET /v3/billdownload/") {
            (200, String::new(), packed.clone())
        } else if head.contains(&format!("bill_date={}", self.day)) {
            let place = format!("{own}/v3/billdownload/file?token={name}");
            let body = json!({"hash_type": "SHA1", "hash_value": hash, "download_url": place}).to_string();
            (200, self.signature(&body), body.into_bytes())
        } else {
            (
                400,
                String::new(),
                br#"{"code":"NO_STATEMENT_EXIST","message":"none"}"#.to_vec(),
            )
        };
        let length = body.len();
        let start =
            format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
        stream.write_all(start.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    }

    fn signature(&self, body: &str) -> String {
        let timestamp = Clock::system().now().timestamp().to_string();
        let signed = [timestamp.as_bytes(), b"\nnonce\n", body.as_bytes(), b"\n"];
        let signature = self.key.sign(&signed).unwrap();
        format!(
            "Wechatpay-Timestamp: {timestamp}\r\nWechatpay-Nonce: nonce\r\nWechatpay-Signature: {signature}\r\n\
             Wechatpay-Serial: {PUBLIC_KEY_ID}\r\n"
        )
    }
}

fn key() -> String {
    STANDARD.encode(Entropy::system().bytes::<32>().unwrap())
}

pub(crate) fn reconcile(folder: &Path, database_url: &str, wechat: &str, date: &str) -> Command {
    let mut command = command(folder, &["reconcile", "--date", date]);
    command
        .env("DATABASE_URL", database_url)
        .env("PUBLIC_BASE_URL", "http://127.0.0.1:8080")
        .env("SESSION_JWT_KEYS", key())
        .env("DATA_KEYS", key())
        .env("ADMIN_TOKEN", key())
        .env("WECHAT_APP_ID", "wx1234567890abcdef")
        .env("WECHAT_APP_SECRET", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
        .env("WECHAT_API_BASE_URL", wechat)
        .env("WXPAY_MCH_ID", "1900000001")
        .env("WXPAY_CERT_SERIAL", "3775B6A45ACD588826D15E583A95F5DD00000001")
        .env(
            "WXPAY_PRIVATE_KEY_FILE",
            format!("{KEYS}/merchant_private_key.pem"),
        )
        .env("WXPAY_API_V3_KEY", "ThirtyTwoCharactersOfTheApiV3Key")
        .env("WXPAY_PUBLIC_KEY_ID", PUBLIC_KEY_ID)
        .env(
            "WXPAY_PUBLIC_KEY_FILE",
            format!("{KEYS}/public_mode_public_key.pem"),
        )
        .env("WXPAY_API_BASE_URL", wechat)
        .env("WXPAY_API_BACKUP_BASE_URL", wechat);
    command
}

pub(crate) fn migrated(folder: &Path, database_url: &str) {
    let mut migrate = command(folder, &["migrate"]);
    assert!(run(migrate.env("DATABASE_URL", database_url)).status.success());
}

pub(crate) fn yesterday() -> NaiveDate {
    (Clock::system().now() + TimeDelta::hours(8)).date_naive() - Days::new(1)
}

/// Runs a comparison to its end; gives status, output, and the most memory it was seen with, in KiB, where the
/// system tells.
pub(crate) fn watched(mut command: Command) -> (Option<i32>, String, Option<u64>) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut output = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    });
    let mut most = None;
    let status = loop {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most = most.max(peak.and_then(|line| line.split_whitespace().next()?.parse().ok()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    (status.code(), reading.join().unwrap(), most)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn fill(database_url: &str, statements: Vec<String>) {
    let mut connection = PgConnection::connect(database_url).await.unwrap();
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn found(database_url: &str) -> BTreeSet<(String, String)> {
    let mut connection = PgConnection::connect(database_url).await.unwrap();
    let sql = "select d.kind, d.subject from reconciliation_differences d join exceptions e on e.id = d.exception_id
        where e.kind = 'reconciliation_' || d.kind and e.subject = d.subject and e.resolved_at is null";
    sqlx::query_as(sql)
        .fetch_all(&mut connection)
        .await
        .unwrap()
        .into_iter()
        .collect()
}

/// `WEIR_BILL_ROWS=1000000 cargo test --test process a_day_of` makes it a million.
#[test]
fn a_day_of_a_hundred_thousand_payments_shows_its_two_hundred_defects_and_no_other() {
    let payments = std::env::var("WEIR_BILL_ROWS").map_or(100_000, |rows| rows.parse().unwrap());
    let seed = u64::from_be_bytes(Entropy::system().bytes().unwrap());
    println!("seed {seed}");
    let day = Day::new(yesterday(), payments, 200, seed);
    with_database(|url| {
        let folder = folder();
        migrated(folder.path(), url);
        fill(url, day.books());
        let wechat = Bills::serve(
            day.date,
            [("trade", day.trade_bill(), true), ("flow", day.flow_bill(), true)],
        );
        let empty = day.date.pred_opt().unwrap().to_string();
        let (status, text, base) = watched(reconcile(folder.path(), url, &wechat, &empty));
        assert_eq!(status, Some(0), "{text}");
        assert!(text.starts_with(&format!("{empty} balanced\n")), "{text}");

        let (status, text, most) = watched(reconcile(folder.path(), url, &wechat, &day.date.to_string()));
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains("differences 200\n"), "{text}");
        let (found, expected) = (found(url), day.expected());
        let missed: Vec<_> = expected.difference(&found).collect();
        let false_alarms: Vec<_> = found.difference(&expected).collect();
        assert!(
            missed.is_empty() && false_alarms.is_empty(),
            "missed {missed:?}, false alarms {false_alarms:?}"
        );
        assert!(expected.iter().all(|(kind, subject)| {
            text.lines()
                .any(|line| line.starts_with(kind) && line.contains(subject.as_str()))
        }));
        if let (Some(base), Some(most)) = (base, most) {
            println!("{base} KiB for an empty day, {most} KiB for {payments} payments");
            assert!(most < base + MEMORY_KIB_MAX, "{base} KiB, then {most} KiB");
        }
    });
}

#[tokio::main(flavor = "current_thread")]
async fn is_open(database_url: &str, subject: &str) -> bool {
    let mut connection = PgConnection::connect(database_url).await.unwrap();
    let sql = "select resolved_at is null from exceptions where subject = $1";
    sqlx::query_scalar(sql)
        .bind(subject)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// The open exceptions that say that a run has more differences than are listed, and how many those runs have.
#[tokio::main(flavor = "current_thread")]
async fn overflows(database_url: &str) -> Vec<(i64, i64)> {
    let mut connection = PgConnection::connect(database_url).await.unwrap();
    let sql = "select r.difference_count,
            (select count(*) from reconciliation_differences d where d.reconciliation_id = r.id)
        from exceptions e left join reconciliations r on r.id::text = e.subject
        where e.kind = 'reconciliation_overflow' and e.resolved_at is null";
    sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
}

#[test]
fn of_more_differences_than_are_listed_none_counts_as_gone() {
    // The bill has the first hundred payments, and the books have so many that the last is not listed.
    let (books, bill) = (
        Day::new(yesterday(), 10_200, 0, 0),
        Day::new(yesterday(), 100, 0, 0),
    );
    let last = format!("42{:018}", 10_200);
    with_database(|url| {
        let folder = folder();
        migrated(folder.path(), url);
        fill(url, books.books());
        let earlier = format!(
            "insert into exceptions (id, kind, subject, detail, evidence, created_at)
             values (gen_random_uuid(), 'reconciliation_missing_there', '{last}', '', '{{\"bill_date\": \"{}\"}}', now())",
            books.date
        );
        fill(url, vec![earlier]);
        let wechat = Bills::serve(
            bill.date,
            [
                ("trade", bill.trade_bill(), true),
                ("flow", bill.flow_bill(), true),
            ],
        );
        let (status, text, _) = watched(reconcile(folder.path(), url, &wechat, &bill.date.to_string()));
        assert_eq!(status, Some(1), "{text}");
        assert!(!found(url).contains(&("missing_there".to_owned(), last.clone())));
        assert!(is_open(url, &last));
        // And somebody is told that there are more: 10,100 payments, of which every fiftieth was refunded.
        assert_eq!(overflows(url), [(10_302, 10_000)]);
    });
}

#[test]
fn without_a_result_the_status_is_two() {
    let day = Day::new(yesterday(), 100, 0, 0);
    with_database(|url| {
        let folder = folder();
        let wechat = Bills::serve(
            day.date,
            [
                ("trade", day.trade_bill(), false),
                ("flow", day.flow_bill(), true),
            ],
        );
        let date = day.date.to_string();
        let lacking = run(&mut reconcile(folder.path(), url, &wechat, &date));
        assert_eq!(lacking.status.code(), Some(2));
        assert!(
            complaint(&lacking).contains("weir migrate"),
            "{}",
            complaint(&lacking)
        );
        migrated(folder.path(), url);
        let (status, text, _) = watched(reconcile(folder.path(), url, &wechat, &date));
        assert_eq!(status, Some(2), "{text}");
        assert!(
            text.contains("failed") && text.contains("bill_hash_wrong; the server tries again"),
            "{text}"
        );
        // A day without money has no bill, which is nothing to warn of.
        let empty = day.date.pred_opt().unwrap().to_string();
        let quiet = run(&mut reconcile(folder.path(), url, &wechat, &empty));
        assert_eq!(quiet.status.code(), Some(0));
        assert!(!complaint(&quiet).contains("WARN"), "{}", complaint(&quiet));
        // Not over, on either side of a midnight that passes meanwhile.
        let tomorrow = (day.date + Days::new(2)).to_string();
        for date in [tomorrow.as_str(), "2020-01-01", "yesterday"] {
            let refused = run(&mut reconcile(folder.path(), url, &wechat, date));
            assert_eq!(refused.status.code(), Some(2), "{}", complaint(&refused));
            let is_told =
                ["longer ago than 89 days", "YYYY-MM-DD"].map(|part| complaint(&refused).contains(part));
            assert!(is_told.contains(&true), "{}", complaint(&refused));
        }
    });
    let output = run(&mut command(
        folder().path(),
        &["reconcile", "--date", "2026-01-01"],
    ));
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("DATABASE_URL"));
}
