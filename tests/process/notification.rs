//! `weir notification replay`: what it prints and how it ends.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use weir::store::pool;
use weir::wechat::crypto::SigningKey;

use crate::migrate::with_database;
use crate::program::{complaint, folder, run};
use crate::serve::serve;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys");
const API_V3_KEY: &[u8; 32] = b"ThirtyTwoCharactersOfTheApiV3Key";
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";

/// When the deliveries arrived.
const ARRIVED: i64 = 1_767_225_600;

/// A notification about nothing that concerns a shop.
fn echo() -> (Value, String) {
    notice("SECURITY_ECHO.SUCCESS", "echo", &json!({}))
}

/// A notification, signed and sealed as WeChat would.
fn notice(event_type: &str, original_type: &str, told: &Value) -> (Value, String) {
    use aes_gcm::aead::{Aead as _, KeyInit as _};
    let cipher = aes_gcm::Aes256Gcm::new(API_V3_KEY.into());
    let sealed = cipher
        .encrypt(b"fdasflkja484".into(), told.to_string().as_bytes())
        .unwrap();
    let body = json!({
        "id": "EV-1", "event_type": event_type,
        "resource": {"original_type": original_type, "algorithm": "AEAD_AES_256_GCM", "nonce": "fdasflkja484",
            "ciphertext": STANDARD.encode(sealed)},
    })
    .to_string();
    let key = std::fs::read_to_string(format!("{KEYS}/public_mode_private_key.pem")).unwrap();
    let time = ARRIVED.to_string();
    let parts = [time.as_bytes(), b"\n", b"n", b"\n", body.as_bytes(), b"\n"];
    let signature = SigningKey::from_pem(&key).unwrap().sign(&parts).unwrap();
    let headers = json!([
        ["wechatpay-timestamp", time],
        ["wechatpay-nonce", "n"],
        ["wechatpay-signature", signature],
        ["wechatpay-serial", PUBLIC_KEY_ID],
    ]);
    (headers, body)
}

/// Migrates, and records refused deliveries under the ids 1, 2, and so on; gives the connection.
async fn record(url: &str, deliveries: &[(Value, String)]) -> PgConnection {
    pool::migrate(url).await.unwrap();
    let mut db = PgConnection::connect(url).await.unwrap();
    for (place, (headers, body)) in deliveries.iter().enumerate() {
        sqlx::query(
            "insert into refused_notifications (id, received_at, verdict, detail, headers, body, body_bytes)
             values ($1::uuid, to_timestamp($2::bigint), 'decrypt_failed', '', $3, convert_to($4, 'UTF8'), octet_length($4))",
        )
        .bind(id(place + 1))
        .bind(ARRIVED)
        .bind(headers)
        .bind(body)
        .execute(&mut db)
        .await
        .unwrap();
    }
    db
}

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-00000000000{number}")
}

fn replay(folder: &Path, url: &str, arguments: &[&str]) -> Command {
    let settings = serve(folder, url, &[]);
    let arguments = [&["notification", "replay"], arguments].concat();
    let mut command: Command = crate::program::command(folder, &arguments);
    for (name, value) in settings.get_envs() {
        command.env(name, value.unwrap());
    }
    command
        .env("WXPAY_MCH_ID", "1900000001")
        .env("WXPAY_CERT_SERIAL", "3775B6A45ACD588826D15E583A95F5DD00000001")
        .env(
            "WXPAY_PRIVATE_KEY_FILE",
            format!("{KEYS}/merchant_private_key.pem"),
        )
        .env(
            "WXPAY_API_V3_KEY",
            String::from_utf8_lossy(API_V3_KEY).into_owned(),
        )
        .env("WXPAY_PUBLIC_KEY_ID", PUBLIC_KEY_ID)
        .env(
            "WXPAY_PUBLIC_KEY_FILE",
            format!("{KEYS}/public_mode_public_key.pem"),
        )
        .env("WXPAY_API_BASE_URL", "http://127.0.0.1:9");
    command
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn its_exit_status_tells_believed_missing_and_refused_apart() {
    with_database(|url| {
        let runtime = runtime();
        let (headers, body) = echo();
        // One that is in order by now, and one that never is.
        let wrong = format!("{body} and more");
        let mut db = runtime.block_on(record(url, &[(headers.clone(), body), (headers, wrong)]));
        let folder = folder();
        for (arguments, status, says) in [
            (vec![id(1)], 0, "believed: other\nno difference in the books"),
            (
                vec![id(1), "--apply".to_owned(), "--by".to_owned(), "Li".to_owned()],
                0,
                "believed: other",
            ),
            (vec![id(2)], 3, "refused: signature_wrong\n"),
            (vec![id(2), "--apply".to_owned()], 3, "refused: signature_wrong\n"),
            (vec![id(3)], 1, ""),
            (vec!["7".to_owned()], 2, ""),
            (vec![id(1), "--by".to_owned(), " ".to_owned()], 2, ""),
        ] {
            let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = run(&mut replay(folder.path(), url, &words));
            assert_eq!(
                output.status.code(),
                Some(status),
                "{words:?}: {}",
                complaint(&output)
            );
            let said = String::from_utf8(output.stdout.clone()).unwrap();
            assert!(said.starts_with(says), "{words:?}: {said}");
        }
        let sql = "select verdict || ' ' || replayed_by from notifications";
        let recorded: Vec<String> = runtime
            .block_on(sqlx::query_scalar(sql).fetch_all(&mut db))
            .unwrap();
        assert_eq!(recorded, ["other Li"]);
    });
}

#[test]
fn bad_settings_end_it_as_its_help_says() {
    let folder = folder();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "no folder").unwrap();
    let mut bad = replay(folder.path(), "postgres://127.0.0.1:9/weir", &[&id(1)]);
    bad.env("FILES_URL", format!("file://{}/files", taken.display()));
    let unusable = run(&mut bad);
    assert_eq!(unusable.status.code(), Some(2), "{}", complaint(&unusable));
    assert!(complaint(&unusable).contains("\n  FILES_URL cannot be used"));

    std::fs::write(folder.path().join(".env"), "no setting\n").unwrap();
    let unreadable = run(&mut replay(
        folder.path(),
        "postgres://127.0.0.1:9/weir",
        &[&id(1)],
    ));
    assert_eq!(unreadable.status.code(), Some(2), "{}", complaint(&unreadable));
}

/// An order that waits for money, and its attempt.
const WAITING: &str = "
    insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
    values (gen_random_uuid(), 'wx1234567890abcdef', 'oAlice', '', '', now(), now(), now());
    insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, created_at, updated_at, expires_at)
    select gen_random_uuid(), id, app_id, openid, 'awaiting_payment', 6800, 'CNY', 'tea', now(), now(), now() + interval '1 hour'
    from users;
    insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state, request_payment, prepaid_at,
        created_at, updated_at)
    select gen_random_uuid(), id, 'T20260101000001', app_id, '1900000001', 6800, 'CNY', 'prepaid', '{}', now(), now(), now()
    from orders";

/// That the order is paid, as `WeChat` tells it.
fn paid() -> (Value, String) {
    let paid = json!({
        "appid": "wx1234567890abcdef", "mchid": "1900000001", "out_trade_no": "T20260101000001",
        "transaction_id": "4200000000202601010000000001", "trade_type": "JSAPI", "trade_state": "SUCCESS",
        "success_time": "2026-01-01T08:00:00+08:00", "payer": {"openid": "oAlice"},
        "amount": {"total": 6_800, "payer_total": 6_800, "currency": "CNY", "payer_currency": "CNY"},
    });
    notice("TRANSACTION.SUCCESS", "transaction", &paid)
}

#[test]
fn it_prints_the_difference_and_makes_it_only_when_told_to() {
    with_database(|url| {
        let runtime = runtime();
        let mut db = runtime.block_on(record(url, &[paid()]));
        runtime.block_on(sqlx::raw_sql(WAITING).execute(&mut db)).unwrap();
        let mut books = || -> Value {
            let sql = "select jsonb_build_object(
                'orders', (select jsonb_agg(to_jsonb(t)) from orders t),
                'attempts', (select jsonb_agg(to_jsonb(t)) from payment_attempts t),
                'payments', (select jsonb_agg(to_jsonb(t)) from payments t),
                'events', (select jsonb_agg(to_jsonb(t)) from events t),
                'notifications', (select jsonb_agg(to_jsonb(t)) from notifications t))";
            runtime
                .block_on(sqlx::query_scalar(sql).fetch_one(&mut db))
                .unwrap()
        };
        let folder = folder();
        let run_with = |arguments: &[&str]| {
            let output = run(&mut replay(folder.path(), url, arguments));
            assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        let before = books();
        let order = before["orders"][0]["id"].as_str().unwrap().to_owned();
        let told = |said: &str, end: &str| {
            let lines: Vec<&str> = said.lines().collect();
            assert_eq!(lines.len(), 6, "{said}");
            assert_eq!((lines[0], lines[5]), ("believed: settled", end));
            // What happened gets its id only when it happens.
            assert!(lines[3].starts_with("  event "), "{said}");
            assert!(lines[3].ends_with(": (not there) -> order.paid"), "{said}");
            [lines[1], lines[2], lines[4]].join("\n")
        };
        let changes = format!(
            "  payment 4200000000202601010000000001: (not there) -> 6800 fen\n  order {order}: awaiting_payment -> paid\n  \
             attempt T20260101000001: prepaid -> settled"
        );
        let dry = run_with(&[&id(1)]);
        let undone = "nothing was changed; --apply makes these changes";
        assert_eq!(told(&dry, undone), changes);
        assert_eq!(books(), before);
        let applied = run_with(&[&id(1), "--apply"]);
        assert_eq!(told(&applied, "these changes were made"), changes);
        let after = books();
        assert_eq!(after["orders"][0]["status"], "paid");
        assert_eq!(after["attempts"][0]["state"], "settled");
        for table in ["payments", "events", "notifications"] {
            assert_eq!(after[table].as_array().unwrap().len(), 1, "{table}");
        }
        // Known by now, so there is nothing left to do.
        let again = run_with(&[&id(1), "--apply"]);
        assert_eq!(again, "believed: duplicate\nno difference in the books\n");
    });
}

#[test]
fn what_it_settles_is_told_to_the_receiver_of_events() {
    with_database(|url| {
        let runtime = runtime();
        let mut db = runtime.block_on(record(url, &[paid()]));
        runtime.block_on(sqlx::raw_sql(WAITING).execute(&mut db)).unwrap();
        let folder = folder();
        let mut command = replay(folder.path(), url, &[&id(1), "--apply"]);
        command
            .env("EVENTS_WEBHOOK_URL", "http://127.0.0.1:9/events")
            .env(
                "EVENTS_WEBHOOK_SECRET",
                "whsec_bm93IHRoaXMgaXMgcmF0aGVyIHJhbmRvbSE=",
            );
        let output = run(&mut command);
        assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
        let sql = "select e.kind, d.event_id is not null from events e left join event_deliveries d on d.event_id = e.id";
        let told: Vec<(String, bool)> = runtime.block_on(sqlx::query_as(sql).fetch_all(&mut db)).unwrap();
        assert_eq!(told, [("order.paid".to_owned(), true)]);
    });
}
