//! Settings that are refused, all at once, without a word of what a secret was.

use crate::sound::{LEAST, Values, everything, read, values};

fn refused(values: &Values) -> Vec<String> {
    read(values)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let missing = refused(&Values::new());
    let expected: Vec<String> = LEAST
        .iter()
        .map(|(name, _)| format!("{name} is required"))
        .collect();
    assert_eq!(missing, expected);
}

/// Variable, value, and what the complaint must say.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "DATABASE_URL",
        "mysql://root:hunter2@db/weir",
        "begins with postgres://",
    ),
    ("DATABASE_URL", "postgres://weir:hunter2/x@db/weir", "%2F for /"),
    ("DATABASE_POOL_MAX", "0", "between 1 and 1000"),
    ("DATABASE_POOL_MAX", "many", "is not a whole number"),
    ("HTTP_BIND", "localhost", "an address with a port"),
    ("PUBLIC_BASE_URL", "http://shop.example.com", "https://"),
    ("PUBLIC_BASE_URL", "http://127.0.0.1.example.com", "https://"),
    (
        "PUBLIC_BASE_URL",
        "https://user:hunter2@shop.example.com",
        "no user",
    ),
    ("PUBLIC_BASE_URL", "https://shop.example.com/?a=b", "no query"),
    ("PUBLIC_BASE_URL", "ftp://shop.example.com", "https://"),
    ("PUBLIC_BASE_URL", "shop", "is not a URL"),
    ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "`proxy`"),
    ("TRUSTED_PROXIES", "0.0.0.0/0", "whole internet"),
    ("SESSION_JWT_KEYS", "c2hvcnQ=", "key 1 is too short"),
    ("SESSION_JWT_KEYS", "not base64!", "key 1 is not base64"),
    (
        "SESSION_JWT_KEYS",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "key 1 is too simple",
    ),
    ("SESSION_JWT_KEYS", ",", "holds no key"),
    (
        "DATA_KEYS",
        "Qk0Jc2R3m1xYk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1E=",
        "the same secret as SESSION_JWT_KEYS",
    ),
    (
        "DATA_KEYS",
        "p3VtXw9Yk2LmN8sQ4rB6uJ1cF5hD7gZaTeRiOyKqWxUQ",
        "key 1 has the wrong length",
    ),
    ("SESSION_TTL_S", "10", "between 60 and"),
    ("CONTENT_CHECKS", "profile,notes", "of profile and order_note"),
    ("ADMIN_TOKEN", "hunter2", "at least 24 characters"),
    ("ADMIN_TOKEN", "change-me-change-me-change-me", "too simple"),
    (
        "ADMIN_TOKEN",
        "please-change-me-to-a-random-token",
        "known sample",
    ),
    ("ADMIN_TOKEN", "your-admin-token-change-me", "known sample"),
    (
        "ADMIN_TOKEN",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "too simple",
    ),
    (
        "INTERNAL_TOKEN",
        "q8Zr4mXc7VtB2nKd9WfH3sLp",
        "the same secret as ADMIN_TOKEN",
    ),
    ("WECHAT_APP_ID", "wx 1", "is not an AppID"),
    ("WECHAT_APP_SECRET", "hunter2", "is not an AppSecret"),
    ("WECHAT_APP_SECRET", "your-app-secret-here", "known sample"),
    ("WECHAT_PUSH_TOKEN", "a b", "3 to 32"),
    ("WECHAT_PUSH_AES_KEY", "hunter2", "43 letters"),
    ("WECHAT_API_BASE_URL", "http://api.example.com", "https://"),
    (
        "WECHAT_API_BASE_URL",
        "https://proxy.example.com/wechat",
        "no path",
    ),
    ("WECHAT_API_BASE_URL", "https://proxy.example.com//", "no path"),
    ("WECHAT_CLOUD_ENV", "", "is required with WECHAT_CLOUD_FUNCTIONS"),
    ("WXPAY_MCH_ID", "m1", "digits alone"),
    ("WXPAY_MCH_ID", "", "is required once"),
    ("WXPAY_CERT_SERIAL", "xyz", "40 hex digits"),
    ("WXPAY_PRIVATE_KEY_FILE", "/nowhere/key.pem", "/nowhere/key.pem"),
    ("WXPAY_API_V3_KEY", "hunter2", "is not usable"),
    (
        "WXPAY_API_V3_KEY",
        "0123456789abcdef0123456789abcdef",
        "too simple",
    ),
    ("WXPAY_PUBLIC_KEY_ID", "0119000001", "must be the whole id"),
    (
        "WXPAY_PUBLIC_KEY_ID",
        "",
        "is required with WXPAY_PUBLIC_KEY_FILE",
    ),
    (
        "WXPAY_PUBLIC_KEY_FILE",
        "",
        "is required with WXPAY_PUBLIC_KEY_ID",
    ),
    ("WXPAY_API_BASE_URL", "http://10.0.0.1", "https://"),
    ("WXPAY_API_BASE_URL", "https://proxy.example.com/pay/", "no path"),
    (
        "WXPAY_API_BACKUP_BASE_URL",
        "https://proxy.example.com/2",
        "no path",
    ),
    ("ORDER_TTL_S", "59", "between 60 and"),
    ("SHIP_VIRTUAL_GOODS", "yes", "true or false"),
    ("RATE_LIMIT_LOGIN_PER_MIN", "-1", "is not a whole number"),
    ("RATE_LIMIT_INTERNAL_PER_S", "many", "is not a whole number"),
    ("WECHAT_TOKEN_ISSUER", "stable", "must be stable_token or token"),
    ("EVENTS_WEBHOOK_SECRET", "whsec_hunter2", "24 to 64 random bytes"),
    ("EVENTS_WEBHOOK_SECRET", "hunter2", "24 to 64 random bytes"),
    ("EVENTS_WEBHOOK_URL", "http://erp.example.com/weir", "https://"),
    ("EVENTS_WEBHOOK_URL", "ftp://erp.example.com/weir", "http://"),
    (
        "EVENTS_WEBHOOK_URL",
        "https://me:hunter2@erp.example.com",
        "no user",
    ),
    (
        "EVENTS_WEBHOOK_URL",
        "https://erp.example.com/in?key=hunter2#a",
        "no fragment",
    ),
    (
        "EVENTS_WEBHOOK_URL",
        "http://erp.example.com/in?key=hunter2",
        "https://",
    ),
    ("EVENTS_WEBHOOK_SECRET", "", "is required with EVENTS_WEBHOOK_URL"),
    ("EVENTS_WEBHOOK_URL", "", "is required with EVENTS_WEBHOOK_SECRET"),
    ("FILES_URL", "ftp://files", "file:// or s3://"),
    ("AWS_SECRET_ACCESS_KEY", "", "is required with FILES_URL"),
    ("AWS_SECRET_ACCESS_KEY", "hunter2", "16 characters or more"),
    (
        "AWS_SECRET_ACCESS_KEY",
        "changeme-changeme-changeme",
        "known sample",
    ),
    ("LOG_FORMAT", "xml", "`json` or `text`"),
    ("RUST_LOG", "weir=loud", "target=level"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "https://"),
];

#[test]
fn of_two_that_belong_together_the_one_is_judged_without_the_other() {
    let pairs = [
        (
            "EVENTS_WEBHOOK_URL",
            "http://erp.example.com",
            "EVENTS_WEBHOOK_SECRET",
        ),
        ("EVENTS_WEBHOOK_SECRET", "hunter2", "EVENTS_WEBHOOK_URL"),
    ];
    for (wrong, value, missing) in pairs {
        let mut values = values(&LEAST);
        values.insert(wrong.to_owned(), value.to_owned());
        let complaints = refused(&values);
        for variable in [wrong, missing] {
            let is_told = complaints.iter().any(|line| line.starts_with(variable));
            assert!(is_told, "{variable}: {complaints:?}");
        }
    }
}

/// Without a merchant, too, where nothing asks the host.
#[test]
fn a_path_behind_a_host_of_wechat_is_told_though_nobody_pays() {
    for variable in [
        "WECHAT_API_BASE_URL",
        "WXPAY_API_BASE_URL",
        "WXPAY_API_BACKUP_BASE_URL",
    ] {
        let mut values = values(&LEAST);
        values.insert(variable.to_owned(), "https://proxy.example.com/wechat".to_owned());
        let told = format!("{variable} must have no path: scheme and host alone");
        assert_eq!(refused(&values), [told]);
        values.insert(variable.to_owned(), "https://proxy.example.com/".to_owned());
        assert!(read(&values).is_ok(), "{variable}");
    }
}

/// Whoever learns the one must not have the other, in whichever spelling it stands there.
#[test]
fn no_two_secrets_of_the_server_are_the_same() {
    const SECRET: &str = "+f9Qk0Jc2R3m1xYk9vT8uW5eB7aN4pL6sHdFgZqXrCw=";
    const OTHER: &str = "Qk0Jc2R3m1xYk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1E=";
    let url_safe = SECRET.replace('+', "-").replace('=', "");
    let spelt = [
        ("SESSION_JWT_KEYS", format!("{OTHER},{SECRET}")),
        ("DATA_KEYS", SECRET.to_owned()),
        ("ADMIN_TOKEN", url_safe.clone()),
        ("INTERNAL_TOKEN", SECRET.to_owned()),
        ("EVENTS_WEBHOOK_SECRET", format!("whsec_{url_safe}")),
    ];
    let folder = tempfile::tempdir().unwrap();
    let whole = everything(&folder);
    for (at, (later, value)) in spelt.iter().enumerate() {
        for (earlier, same) in &spelt[..at] {
            let mut values = whole.clone();
            values.insert((*earlier).to_owned(), same.clone());
            values.insert((*later).to_owned(), value.clone());
            let expected = format!("{later} holds the same secret as {earlier}; each has one purpose");
            assert_eq!(refused(&values), [expected]);
        }
    }
}

#[test]
fn each_wrong_value_is_named_and_secrets_are_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let whole = everything(&folder);
    for (variable, value, what) in WRONG.iter().copied() {
        let mut values = whole.clone();
        values.insert(variable.to_owned(), value.to_owned());
        let problems = refused(&values);
        let expected = |line: &String| line.starts_with(variable) && line.contains(what);
        assert!(problems.iter().any(expected), "{variable}={value}: {problems:?}");
        assert!(
            problems.iter().all(|line| !line.contains("hunter2")),
            "{problems:?}"
        );
    }
}

#[test]
fn a_file_of_apps_is_judged_app_by_app_without_quoting_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("apps.toml");
    for (text, what) in [
        ("[[app]]\nid = \"wxa\"\nsecret = \"hunter2\"", "app 1: `secret`"),
        ("[[app]]\nid = \"wxa\"\nsecret = hunter2", "is not TOML"),
        (
            "[[app]]\nid = \"wxa\"\nsecret = \"hunter2\"\nname = \"x\"",
            "is not TOML",
        ),
        (
            "[[app]]\nid = \"wx1234567890abcdef\"\nsecret = \"0cc175b9c0f1b6a831c399e269772661\"",
            "twice",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let mut values = values(&LEAST);
        values.insert("WECHAT_APPS_FILE".to_owned(), path.display().to_string());
        let problems = refused(&values);
        assert!(problems.len() == 1 && problems[0].contains(what), "{problems:?}");
        assert!(!problems[0].contains("hunter2"));
    }
}

#[test]
fn a_huge_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut values = everything(&folder);
    let path = folder.path().join("huge.pem");
    std::fs::File::create(&path).unwrap().set_len(2 << 20).unwrap();
    values.insert("WXPAY_PRIVATE_KEY_FILE".to_owned(), path.display().to_string());
    assert!(refused(&values)[0].contains("more than 1 MiB"));
}

#[test]
fn what_is_wrong_of_one_hides_nothing_that_is_wrong_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let apps = folder.path().join("apps.toml");
    let twice = "[[app]]\nid = \"wx1234567890abcdef\"\nsecret = \"0cc175b9c0f1b6a831c399e269772661\"";
    std::fs::write(&apps, twice).unwrap();
    let apps = apps.display().to_string();
    let given = [
        ("WECHAT_APPS_FILE", apps.as_str()),
        ("WECHAT_CLOUD_FUNCTIONS", "a b"),
        ("WECHAT_TOKEN_ISSUER", "mine"),
        ("FILES_URL", "s3:///prefix"),
    ];
    let mut values = values(&LEAST);
    values.extend(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let problems = refused(&values);
    for (variable, what) in [
        ("WECHAT_APPS_FILE", "twice"),
        ("WECHAT_CLOUD_FUNCTIONS", "must be names"),
        ("WECHAT_CLOUD_ENV", "is required with"),
        ("WECHAT_TOKEN_ISSUER", "must be"),
        ("FILES_URL", "must name a bucket"),
        ("AWS_ACCESS_KEY_ID", "is required with"),
        ("AWS_SECRET_ACCESS_KEY", "is required with"),
    ] {
        let is_told = |line: &String| line.starts_with(variable) && line.contains(what);
        assert!(problems.iter().any(is_told), "{variable}: {problems:?}");
    }
    assert_eq!(problems.len(), 7, "{problems:?}");
}
