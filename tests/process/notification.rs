//! `weir notification replay`: what it prints and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use weir::store::pool;
use weir::wechat::crypto::SigningKey;

use crate::migrate::with_database;
use crate::program::{complaint, folder, run};
use crate::serve::serve;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys");
const API_V3_KEY: &[u8; 32] = b"ThirtyTwoCharactersOfTheApiV3Key";
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";

/// A notification about nothing that concerns a shop, signed and sealed as WeChat would.
fn echo(timestamp: i64) -> (serde_json::Value, String) {
    use aes_gcm::aead::{Aead as _, KeyInit as _};
    let cipher = aes_gcm::Aes256Gcm::new(API_V3_KEY.into());
    let sealed = cipher.encrypt(b"fdasflkja484".into(), &b"{}"[..]).unwrap();
    let body = json!({
        "id": "EV-1", "event_type": "SECURITY_ECHO.SUCCESS",
        "resource": {"original_type": "echo", "algorithm": "AEAD_AES_256_GCM", "nonce": "fdasflkja484",
            "ciphertext": STANDARD.encode(sealed)},
    })
    .to_string();
    let key = std::fs::read_to_string(format!("{KEYS}/public_mode_private_key.pem")).unwrap();
    let time = timestamp.to_string();
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

/// Migrates, and records two refused deliveries: one that is in order by now, and one that never is.
async fn record(url: &str) {
    pool::migrate(url).await.unwrap();
    let mut db = PgConnection::connect(url).await.unwrap();
    let (headers, body) = echo(1_767_225_600);
    for (id, body) in [(1, body.clone()), (2, format!("{body} and more"))] {
        sqlx::query(
            "insert into refused_notifications (id, received_at, verdict, detail, headers, body, body_bytes)
             values (('00000000-0000-7000-8000-00000000000' || $1)::uuid, to_timestamp(1767225600), 'decrypt_failed', '',
                $2, convert_to($3, 'UTF8'), octet_length($3))",
        )
        .bind(id.to_string())
        .bind(&headers)
        .bind(body)
        .execute(&mut db)
        .await
        .unwrap();
    }
    db.close().await.unwrap();
}

fn replay(folder: &Path, url: &str, arguments: &[&str]) -> Output {
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
    run(&mut command)
}

#[test]
fn its_exit_status_tells_believed_missing_and_refused_apart() {
    with_database(|url| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(record(url));
        let folder = folder();
        let id = |last: u8| format!("00000000-0000-7000-8000-00000000000{last}");
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
            let output = replay(folder.path(), url, &words);
            assert_eq!(
                output.status.code(),
                Some(status),
                "{words:?}: {}",
                complaint(&output)
            );
            let said = String::from_utf8(output.stdout.clone()).unwrap();
            assert!(said.starts_with(says), "{words:?}: {said}");
        }
        let recorded = runtime.block_on(async {
            let mut db = PgConnection::connect(url).await.unwrap();
            let sql = "select verdict || ' ' || replayed_by from notifications";
            let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
            rows
        });
        assert_eq!(recorded, ["other Li"]);
    });
}
