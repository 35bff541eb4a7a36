//! Settings that are accepted, and what they become.

use std::collections::HashMap;
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use secrecy::ExposeSecret as _;
use weir::config::{FileSettings, LogFormat, Problem, Settings};

/// The least that a server needs.
pub(crate) const LEAST: [(&str, &str); 7] = [
    ("DATABASE_URL", "postgres://weir:pq7xNz2m@127.0.0.1/weir"),
    ("PUBLIC_BASE_URL", "https://shop.example.com"),
    ("SESSION_JWT_KEYS", "Qk0Jc2R3m1xYk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1E="),
    ("DATA_KEYS", "p3VtXw9Yk2LmN8sQ4rB6uJ1cF5hD7gZaTeRiOyKqWxU="),
    ("ADMIN_TOKEN", "q8Zr4mXc7VtB2nKd9WfH3sLp"),
    ("WECHAT_APP_ID", "wx1234567890abcdef"),
    ("WECHAT_APP_SECRET", "9f86d081884c7d659a2feaa0c55ad015"),
];

/// Every optional setting beside it, but for files and a few.
pub(crate) const MORE: [(&str, &str); 30] = [
    ("DATABASE_POOL_MAX", "8"),
    ("HTTP_BIND", "0.0.0.0:9000"),
    ("TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.5"),
    ("SESSION_TTL_S", "86400"),
    ("INTERNAL_TOKEN", "k3Vp9Lx2Tq7Rw5Zs8Nb4Mc6d"),
    ("WECHAT_PUSH_TOKEN", "d41d8cd98f00b204e9800998ecf8427e"),
    (
        "WECHAT_PUSH_AES_KEY",
        "a8Kd0fJ3mZ6qW9xC2vB5nL7pR1tY4uH8sG0eD3iO6kM",
    ),
    ("WECHAT_API_BASE_URL", "http://127.0.0.1:8081"),
    ("WECHAT_TOKEN_ISSUER", "token"),
    ("WECHAT_CLOUD_ENV", "prod-1a2b3c"),
    ("WECHAT_CLOUD_FUNCTIONS", "sum, greet"),
    ("WXPAY_MCH_ID", "1900000109"),
    ("WXPAY_CERT_SERIAL", "5157f09efdc096de15ebe81a47057a7232f1b8e1"),
    ("WXPAY_API_V3_KEY", "b5c1a0d7e2f94386a7b0c1d2e3f40596"),
    (
        "WXPAY_PUBLIC_KEY_ID",
        "PUB_KEY_ID_0119000001092024010100000000000001",
    ),
    ("WXPAY_API_BASE_URL", "http://localhost:8081"),
    ("WXPAY_API_BACKUP_BASE_URL", "http://[::1]:8081"),
    ("ORDER_TTL_S", "900"),
    ("SHIP_VIRTUAL_GOODS", "true"),
    ("CONTENT_CHECKS", "order_note, profile"),
    ("RATE_LIMIT_LOGIN_PER_MIN", "0"),
    ("RATE_LIMIT_SESSION_PER_S", "20"),
    ("RATE_LIMIT_INTERNAL_PER_S", "200"),
    (
        "EVENTS_WEBHOOK_URL",
        "https://erp.example.com/weir?code=kQ3v9LmX2pT7",
    ),
    (
        "EVENTS_WEBHOOK_SECRET",
        "whsec_Zk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1EQk0Jc2R3m1w=",
    ),
    ("FILES_URL", "s3://shop-files/uploads"),
    ("AWS_REGION", "ap-east-1"),
    ("AWS_ENDPOINT_URL", "https://oss-cn-hangzhou.aliyuncs.com"),
    ("LOG_FORMAT", "json"),
    ("RUST_LOG", "info,weir=debug"),
];

const APPS: &str = "[[app]]\nid = \"wxaaaaaaaaaaaaaaaa\"\nsecret = \"0cc175b9c0f1b6a831c399e269772661\"\n";

const TEMPLATES: &str = "[[template]]\nevent = \"order.paid\"\ntemplate_id = \"a1B2c3\"\n\
    page = \"pages/order?id={order_id}\"\n[template.data]\nthing1 = \"{title}\"\namount2 = \"¥{total_yuan}\"\n";

/// A key of the merchant, made for this run: private and public, PEM.
fn keys() -> &'static (String, String) {
    static KEYS: OnceLock<(String, String)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        (
            pem("PRIVATE KEY", private.as_ref()),
            pem("PUBLIC KEY", public.as_ref()),
        )
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

pub(crate) type Values = HashMap<String, String>;

pub(crate) fn values<'a>(pairs: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> Values {
    pairs
        .into_iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Everything that can be set, with files in `folder`.
pub(crate) fn everything(folder: &tempfile::TempDir) -> Values {
    let mut values = values(LEAST.iter().chain(&MORE));
    let (private, public) = keys();
    for (name, text) in [
        ("WXPAY_PRIVATE_KEY_FILE", private.as_str()),
        ("WXPAY_PUBLIC_KEY_FILE", public),
        ("WECHAT_APPS_FILE", APPS),
        ("SUBSCRIBE_TEMPLATES_FILE", TEMPLATES),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        values.insert(name.to_owned(), path.display().to_string());
    }
    let others = [
        ("AWS_ACCESS_KEY_ID", "AKIA5Z9Q3W7E1R8T4Y6U"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "hD7gZaTeRiOyKqWxUp3VtXw9Yk2LmN8sQ4rB6uJ1",
        ),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
    ];
    values.extend(others.map(|(name, value)| (name.to_owned(), value.to_owned())));
    values
}

pub(crate) fn read(values: &Values) -> Result<Settings, Vec<Problem>> {
    Settings::read(|name| values.get(name).cloned())
}

#[test]
fn the_least_is_enough_and_the_rest_has_its_defaults() {
    let settings = read(&values(&LEAST)).unwrap();
    assert_eq!(settings.database.pool_max, 16);
    assert_eq!(settings.http.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.session.ttl_s, 604_800);
    assert_eq!(settings.order.ttl_s, 1_800);
    assert_eq!(settings.limits.login_per_min, 600);
    assert_eq!(settings.limits.session_per_s, 50);
    assert_eq!(settings.mini.api_base_url.as_str(), "https://api.weixin.qq.com/");
    assert!(
        settings.merchant.is_none() && settings.events.is_none() && settings.admin.internal_token.is_none()
    );
    assert!(matches!(settings.files, FileSettings::Folder(folder) if folder.to_str() == Some(".weir/files")));
    assert_eq!(
        (
            settings.telemetry.log_format,
            settings.telemetry.log_filter.as_str()
        ),
        (None, "info")
    );
}

#[test]
fn everything_can_be_set() {
    let folder = tempfile::tempdir().unwrap();
    let settings = read(&everything(&folder)).unwrap();
    assert_eq!(settings.http.trusted_proxies.len(), 2);
    assert_eq!(settings.mini.apps.len(), 2);
    let functions: Vec<&str> = settings
        .mini
        .cloud_functions
        .iter()
        .map(weir::domain::name::FunctionName::as_str)
        .collect();
    assert_eq!(functions, ["sum", "greet"]);
    assert_eq!(settings.subscribe.templates.len(), 1);
    assert!(settings.merchant.is_some());
    assert_eq!(settings.telemetry.log_format, Some(LogFormat::Json));
    assert!(matches!(settings.files, FileSettings::Store(store) if store.prefix == "uploads/"));
    let told = settings.events.unwrap().webhook_url;
    assert_eq!(told.expose().query(), Some("code=kQ3v9LmX2pT7"));
}

#[test]
fn empty_and_blank_values_count_as_unset() {
    let mut values = values(&LEAST);
    values.insert("WXPAY_MCH_ID".to_owned(), String::new());
    values.insert("ORDER_TTL_S".to_owned(), "  ".to_owned());
    assert!(read(&values).unwrap().merchant.is_none());
}

/// What it is for may stand before what is secret in it.
#[test]
fn a_token_may_say_whose_it_is() {
    let values = values(&LEAST);
    for token in [
        "test-admin-token-0123456789abcdef",
        "admin-token-for-black-box-tests-0001",
        "weir-internal-secret-4f1c9ab27d80",
    ] {
        for variable in ["ADMIN_TOKEN", "INTERNAL_TOKEN"] {
            let mut values = values.clone();
            values.insert(variable.to_owned(), token.to_owned());
            assert!(read(&values).is_ok(), "{variable}={token}");
        }
    }
}

#[test]
fn several_keys_are_read_newest_first() {
    let mut values = values(&LEAST);
    let newest = "Zk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1EQk0Jc2R3m1w";
    let keys = format!("{newest}, {}", values["SESSION_JWT_KEYS"]);
    values.insert("SESSION_JWT_KEYS".to_owned(), keys);
    let settings = read(&values).unwrap();
    assert_eq!(settings.session.jwt_keys.len(), 2);
    assert_eq!(settings.session.jwt_keys[0].expose_secret()[0], 0x66);
}

#[test]
fn the_secret_of_events_is_read_with_its_prefix_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let mut values = everything(&folder);
    let key = |values: &Values| {
        let events = read(values).unwrap().events.unwrap();
        events.webhook_key.expose_secret().clone()
    };
    let with_prefix = key(&values);
    assert_eq!((with_prefix.len(), with_prefix[0]), (32, 0x66));
    let bare = values["EVENTS_WEBHOOK_SECRET"]
        .trim_start_matches("whsec_")
        .to_owned();
    values.insert("EVENTS_WEBHOOK_SECRET".to_owned(), bare);
    assert_eq!(key(&values), with_prefix);
    values.insert(
        "EVENTS_WEBHOOK_URL".to_owned(),
        "http://127.0.0.1:9000/in".to_owned(),
    );
    assert_eq!(key(&values), with_prefix);
}

#[test]
fn no_secret_shows_in_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let values = everything(&folder);
    let shown = format!("{:?} {:#?}", read(&values).unwrap(), read(&values).unwrap());
    let secrets = [
        "DATABASE_URL",
        "SESSION_JWT_KEYS",
        "DATA_KEYS",
        "ADMIN_TOKEN",
        "INTERNAL_TOKEN",
        "WECHAT_APP_SECRET",
        "WECHAT_PUSH_TOKEN",
        "WECHAT_PUSH_AES_KEY",
        "WXPAY_API_V3_KEY",
        "EVENTS_WEBHOOK_SECRET",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ];
    for name in secrets {
        assert!(!shown.contains(&values[name]), "{name}");
    }
    for hidden in [
        "pq7xNz2m",
        "PRIVATE KEY",
        "0cc175b9c0f1b6a831c399e269772661",
        "kQ3v9LmX2pT7",
    ] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
    // A key shown as a list of numbers would be just as open.
    assert!(!shown.contains("66, 77, 9"), "{shown}");
}
