//! `weir doctor`: what holds, what does not and the cure, and that asking changes nothing.

mod way;

use chrono::TimeDelta;
use serde_json::json;
use weir::app;
use weir::config::Settings;
use weir::service::health::doctor::{Finding, Verdict, examine};
use weir::simulator::KeyMode;

use crate::harness::{APP, Bucket, HandPlayed, OTHER_APP, Setup, Shop, Trouble, shop, shop_with};

const WEBHOOK_SECRET: &str = "whsec_Zk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1EQk0Jc2R3m1w=";
const NOTIFY: &str = "POST /wechat/pay/notify";
const REFUND_NOTIFY: &str = "POST /wechat/pay/refund-notify";

/// Parts, and words of what is said of them.
type Expected<'a> = &'a [(&'a str, &'a [&'a str])];

/// What is found with these settings while the shop is open. No word of it may be secret.
async fn examined(shop: &Shop, setup: Setup) -> Vec<Finding> {
    let public_base_url = shop.url("");
    let setup = if setup.variables.contains_key("PUBLIC_BASE_URL") {
        setup
    } else {
        setup.with("PUBLIC_BASE_URL", public_base_url)
    };
    let variables = shop.variables(&setup);
    let settings = Settings::read(|name| variables.get(name).cloned()).unwrap();
    let context = app::unopened(settings, shop.clock.clone()).unwrap();
    let found = examine(&context).await;
    context.db.close().await;
    let secret = [
        "WECHAT_APP_SECRET",
        "WXPAY_API_V3_KEY",
        "SESSION_JWT_KEYS",
        "ADMIN_TOKEN",
        "EVENTS_WEBHOOK_URL",
    ];
    for finding in &found {
        let told = |name: &&str| {
            variables
                .get(name)
                .is_some_and(|value| finding.detail.contains(value))
        };
        assert_eq!(secret.iter().find(|name| told(name)), None, "{finding:?}");
        assert!(
            !finding.detail.contains('\n') && !finding.detail.is_empty(),
            "{finding:?}"
        );
    }
    found
}

/// Asserts that these parts fail, for these reasons, and no others: but for the tests' own database, which has no disk to
/// wait for.
fn assert_fails(found: &[Finding], expected: Expected<'_>) {
    let of_tests = |finding: &&Finding| finding.detail.contains("a commit does not wait for the disk");
    let has_database = expected.iter().any(|(subject, _)| *subject == "database");
    assert_ne!(
        found.iter().any(|finding| of_tests(&finding)),
        has_database,
        "{found:#?}"
    );
    let fails: Vec<&Finding> = found
        .iter()
        .filter(|finding| finding.verdict == Verdict::Fails && !of_tests(finding))
        .collect();
    let subjects: Vec<&str> = fails.iter().map(|finding| finding.subject.as_str()).collect();
    let wanted: Vec<&str> = expected.iter().map(|(subject, _)| *subject).collect();
    assert_eq!(subjects, wanted, "{found:#?}");
    for (finding, (_, words)) in fails.iter().zip(expected) {
        let is_told = |word: &&&str| finding.detail.contains(**word);
        assert_eq!(words.iter().find(|word| !is_told(word)), None, "{finding:?}");
    }
}

fn subjects(found: &[Finding], verdict: Verdict) -> Vec<&str> {
    let of = found.iter().filter(|finding| finding.verdict == verdict);
    of.map(|finding| finding.subject.as_str()).collect()
}

#[tokio::test]
async fn where_everything_is_right_everything_holds_and_nothing_is_changed() {
    shop_with(Setup::default().two_apps(), async |shop| {
        let phone = shop.visitor().await;
        shop.stock("tea", 100, None).await;
        phone.buy("tea", 1).await;
        let token = shop.internal("GET", "/internal/access-token", None).await.ok(200);
        let before = shop.fingerprint().await;
        let receiver = HandPlayed::start().await;
        let setup = Setup::default()
            .two_apps()
            .with("EVENTS_WEBHOOK_URL", receiver.url())
            .with("EVENTS_WEBHOOK_SECRET", WEBHOOK_SECRET);
        let answering = async { receiver.call().await.answer(405, "").await };
        let (found, ()) = tokio::join!(examined(shop, setup), answering);
        let programs = [format!("mini program {APP}"), format!("mini program {OTHER_APP}")];
        assert_fails(&found, &[]);
        let parts = [
            "migrations",
            "data keys",
            &programs[0],
            &programs[1],
            "clock",
            "merchant",
            "APIv3 key",
            "WeChat Pay's keys",
            NOTIFY,
            REFUND_NOTIFY,
            "files",
            "events",
        ];
        assert_eq!(subjects(&found, Verdict::Holds), parts, "{found:#?}");
        assert_eq!(found.len(), 1 + parts.len(), "{found:#?}");
        assert_eq!(shop.fingerprint().await, before);
        let again = shop.internal("GET", "/internal/access-token", None).await.ok(200);
        assert_eq!(again["access_token"], token["access_token"]);
        assert_eq!(
            shop.internal("GET", "/internal/wechat/wxa/echo/a", None)
                .await
                .ok(200)["errcode"],
            0
        );
        assert!(!receiver.has_more().await);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_tried_is_told_apart_from_what_fails() {
    shop(async |shop| {
        let without = [
            "WXPAY_MCH_ID",
            "WXPAY_CERT_SERIAL",
            "WXPAY_PRIVATE_KEY_FILE",
            "WXPAY_API_V3_KEY",
        ]
        .into_iter()
        .fold(Setup::default(), |setup, name| setup.with(name, ""));
        let found = examined(shop, without).await;
        assert_fails(&found, &[]);
        assert_eq!(subjects(&found, Verdict::Untried), ["merchant", "events"]);
    })
    .await;
    shop_with(Setup::default().mode(KeyMode::PublicKey), async |shop| {
        let found = examined(shop, Setup::default().mode(KeyMode::PublicKey)).await;
        assert_fails(&found, &[]);
        let untried = ["APIv3 key", "WeChat Pay's keys", "events"];
        assert_eq!(subjects(&found, Verdict::Untried), untried, "{found:#?}");
    })
    .await;
}

#[tokio::test]
async fn each_setting_that_wechat_refuses_is_named_with_its_cure() {
    shop(async |shop| {
        let program = format!("mini program {APP}");
        let serial = "00000000000000000000000000000000000000AB";
        let keys = "WeChat Pay's keys";
        let second = "merchant, second host";
        let table: [(&str, &str, Expected<'_>); 7] = [
            (
                "WXPAY_API_BASE_URL",
                "http://127.0.0.1:9",
                &[("merchant", &["http://127.0.0.1:9", "WXPAY_API_BASE_URL"])],
            ),
            (
                "WXPAY_API_BACKUP_BASE_URL",
                "http://127.0.0.1:9",
                &[(second, &["http://127.0.0.1:9", "WXPAY_API_BACKUP_BASE_URL"])],
            ),
            (
                "WXPAY_CERT_SERIAL",
                serial,
                &[
                    (
                        "merchant",
                        &["SIGN_ERROR", "WXPAY_PRIVATE_KEY_FILE", "WXPAY_CERT_SERIAL"],
                    ),
                    (keys, &["SIGN_ERROR"]),
                ],
            ),
            (
                "WXPAY_MCH_ID",
                "1900000999",
                &[
                    ("merchant", &["MCH_NOT_EXISTS", "WXPAY_MCH_ID"]),
                    (keys, &["MCH_NOT_EXISTS"]),
                ],
            ),
            (
                "WXPAY_API_V3_KEY",
                "Qm4Zt7Lw2Xc9Vb6Ny3Rk8Hd5Jf1Gp0Se",
                &[
                    ("APIv3 key", &["does not open", "WXPAY_API_V3_KEY"]),
                    (keys, &["certificate"]),
                ],
            ),
            (
                "WECHAT_APP_SECRET",
                "ffeeddccbbaa99887766554433221100",
                &[(&program, &["app secret is wrong", "WECHAT_APP_SECRET"])],
            ),
            (
                "WECHAT_API_BASE_URL",
                "http://127.0.0.1:9",
                &[(&program, &["http://127.0.0.1:9", "WECHAT_API_BASE_URL"])],
            ),
        ];
        for (name, value, expected) in table {
            let found = examined(shop, Setup::default().with(name, value)).await;
            assert_fails(&found, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn each_answer_of_wechat_that_fails_a_part_is_told_of_that_part_alone() {
    shop(async |shop| {
        let refused = json!({"kind": "pay_error", "api": "query", "status": 400, "code": "PARAM_ERROR"});
        shop.faults(json!([refused])).await;
        let found = examined(shop, Setup::default()).await;
        assert_fails(&found, &[("merchant", &["PARAM_ERROR", "support", "request id"])]);
        shop.faults(json!([{"kind": "server_error", "api": "query"}]))
            .await;
        let found = examined(shop, Setup::default()).await;
        assert_fails(&found, &[("merchant", &["WXPAY_API_BASE_URL"])]);
        // What is wrong with one call is told of no other.
        let faults = json!([
            {"kind": "pay_error", "api": "certificates", "status": 403, "code": "NO_AUTH"},
            {"kind": "server_error", "api": "query"},
        ]);
        shop.faults(faults).await;
        let found = examined(shop, Setup::default()).await;
        let keys_of: Expected<'_> = &[
            ("merchant", &["HTTP 50", "WXPAY_API_BASE_URL"]),
            ("WeChat Pay's keys", &["NO_AUTH at pay_certificates"]),
        ];
        assert_fails(&found, keys_of);
        let refusal = json!({"kind": "errcode", "api": "stable_token", "errcode": 40164});
        shop.faults(json!([refusal])).await;
        let found = examined(shop, Setup::default()).await;
        let program = format!("mini program {APP}");
        assert_fails(&found, &[(&program, &["not among those allowed", "40164"])]);
        shop.faults(json!([])).await;

        shop.clock.advance(TimeDelta::seconds(120));
        let found = examined(shop, Setup::default()).await;
        let clock = found.iter().find(|finding| finding.subject == "clock").unwrap();
        assert_eq!(clock.verdict, Verdict::Fails);
        assert!(
            clock.detail.starts_with('1') && clock.detail.contains("time server"),
            "{clock:?}"
        );
        shop.clock.advance(TimeDelta::seconds(-120));
    })
    .await;
}

#[tokio::test]
async fn what_else_a_server_needs_is_named_when_it_is_away() {
    let bucket = Bucket::start().await;
    let setup = bucket.used_by(Setup::default());
    shop_with(setup.clone(), async |shop| {
        shop.keep_secret([Bucket::secret()]);
        bucket.trouble(Trouble::RefuseWrites(403));
        let found = examined(shop, setup.clone()).await;
        assert_fails(
            &found,
            &[("files", &["refuses the key or the bucket", "FILES_URL"])],
        );
        bucket.trouble(Trouble::None);
        let nobody = setup
            .clone()
            .with("EVENTS_WEBHOOK_URL", "http://127.0.0.1:9/hooks/6f1d0b")
            .with("EVENTS_WEBHOOK_SECRET", WEBHOOK_SECRET);
        let found = examined(shop, nobody).await;
        assert_fails(&found, &[("events", &["nobody answers", "unreachable"])]);
        let receiver = HandPlayed::start().await;
        let answered = setup
            .clone()
            .with("EVENTS_WEBHOOK_URL", receiver.url())
            .with("EVENTS_WEBHOOK_SECRET", WEBHOOK_SECRET);
        for (status, words) in [(301, "is redirected"), (502, "nobody behind it"), (410, "410")] {
            let answering = async { receiver.call().await.answer(status, "").await };
            let (found, ()) = tokio::join!(examined(shop, answered.clone()), answering);
            assert_fails(&found, &[("events", &[words])]);
        }
        assert_eq!(bucket.objects().len(), 0, "something was left in the bucket");

        shop.lose_database().await;
        let found = examined(shop, setup.clone()).await;
        assert_fails(&found, &[("database", &["DATABASE_URL"])]);
        shop.find_database().await;
        shop.only_read(true).await;
        shop.cut_database().await;
        let found = examined(shop, setup.clone()).await;
        assert_fails(&found, &[("database", &["only reads"])]);
        shop.only_read(false).await;
        shop.cut_database().await;
    })
    .await;
}

/// Who migrated as another user than serves finds out before the first collection is declared.
#[tokio::test]
async fn a_database_that_belongs_to_another_user_is_named() {
    shop(async |shop| {
        let execute = async |statement: String| {
            let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
            statement.execute(&shop.db).await.unwrap();
        };
        let name: String = sqlx::query_scalar("select 'stranger_to_' || current_database()")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        execute(format!("create role {name} login")).await;
        let mut url: url::Url = shop.variables(&Setup::default())["DATABASE_URL"].parse().unwrap();
        url.set_username(&name).unwrap();
        let stranger = Setup::default().with("DATABASE_URL", url.as_str());
        for (granted, words) in [
            ("usage on schema public", "does not own the schema public"),
            ("all on schema public", "does not own the table _sqlx_migrations"),
        ] {
            execute(format!("grant {granted} to {name}")).await;
            let found = examined(shop, stranger.clone()).await;
            assert_fails(&found, &[("database", &[words, "DATABASE_URL"])]);
        }
        execute(format!("drop owned by {name}; drop role {name}")).await;
    })
    .await;
}
