//! What a simulator knows after it was stopped and started again, and how it refuses to start.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use weir::simulator::{Delivery, Error, Folder, Options, Simulator};

use crate::harness::{Stage, options};

fn kept_in(folder: &std::path::Path) -> Options {
    Options {
        folder: Some(folder.to_owned()),
        ..options()
    }
}

impl Stage {
    /// Stops the simulator and starts it again from its folder.
    async fn restarted(self, options: Options) -> Self {
        let Self {
            simulator,
            receiver,
            http,
        } = self;
        simulator.stop().await;
        Self {
            simulator: weir::simulator::start(options).await.unwrap(),
            receiver,
            http,
        }
    }
}

#[tokio::test]
async fn everything_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::with(kept_in(folder.path())).await;
    let user = stage.user().await;
    let (spent, unspent) = (stage.code(&user).await, stage.code(&user).await);
    let session = stage.redeem(&spent).await;
    let token = stage.stable_token(false).await;
    let prepay_id = stage.prepay(&user, "order-open").await;
    stage.paid_order("order-paid").await;
    stage.rules(json!({ "refund_takes_s": 3_600 })).await;
    stage.refund("order-paid", "r1", 40).await;
    let refunds = stage.list("/simulator/refunds").await;
    stage.receiver.answer(&[500]);
    stage.deliver().await;
    stage.post("/simulator/keys/rotate", json!({})).await;
    stage.advance(100).await;
    let link = json!({"path": "pages/a", "query": "b=1"});
    let link = stage.with_token("/wxa/generate_urllink", &link).await.json()["url_link"].clone();
    let opened = stage.scanned(link.as_str().unwrap()).await.json();
    stage
        .with_token("/wxa/getwxacode", &json!({"path": "pages/a"}))
        .await;
    stage.send("PUT", "/simulator/pages", &json!({"pages": []})).await;
    let certificates = stage.certificates().await;
    let transactions = stage.list("/simulator/transactions").await;

    let stage = stage.restarted(kept_in(folder.path())).await;
    assert_eq!(stage.scanned(link.as_str().unwrap()).await.json(), opened);
    let counted = stage
        .with_token("/wxa/getwxacode", &json!({"path": "pages/a"}))
        .await;
    assert_eq!(counted.header("num-used"), Some("2"));
    let unpublished = json!({"scene": "a", "page": "pages/a"});
    let refused = stage.with_token("/wxa/getwxacodeunlimit", &unpublished).await;
    assert_eq!(refused.json()["errcode"], 41_030);
    assert_eq!(stage.list("/simulator/users").await[0], user);
    assert_eq!(stage.redeem(&spent).await["errcode"], 40163);
    assert_eq!(
        stage.redeem(&unspent).await["session_key"],
        session["session_key"]
    );
    assert_eq!(
        stage.stable_token(false).await["access_token"],
        token["access_token"]
    );
    assert_eq!(stage.list("/simulator/transactions").await, transactions);
    assert_eq!(stage.list("/simulator/refunds").await, refunds);
    let rules = stage.get("/simulator/rules").await.json();
    assert_eq!(rules["refund_takes_s"], 3_600);
    assert_eq!(stage.certificates().await, certificates);
    assert_eq!(stage.get("/simulator/clock").await.json()["offset_s"], 100);
    stage.cashier(&user, &prepay_id).await;
    stage.receiver.take();
    assert_eq!(stage.deliver_statuses().await, [204]);
    assert_eq!(stage.receiver.take()[0].opened().1["out_trade_no"], "order-paid");
    // New ids are new.
    let other = stage.user().await;
    assert_ne!(other["openids"], user["openids"]);
    assert_ne!(stage.prepay(&user, "order-open").await, prepay_id);

    // And once more, now from the rewritten journal.
    let stage = stage.restarted(kept_in(folder.path())).await;
    assert_eq!(stage.list("/simulator/users").await.len(), 3);
    assert_eq!(stage.deliver().await.len(), 0);
    // The refund ends in its time all the same.
    stage.advance(3_600).await;
    assert_eq!(stage.list("/simulator/refunds").await[0]["status"], "SUCCESS");
    assert_eq!(stage.deliver_statuses().await, [204]);
}

#[tokio::test]
async fn half_written_line_is_forgotten_and_a_damaged_one_refused() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::with(kept_in(folder.path())).await;
    let user = stage.user().await;
    stage.simulator.stop().await;
    let journal = folder.path().join("state.jsonl");
    let append = |text: &str| {
        let mut file = std::fs::OpenOptions::new().append(true).open(&journal).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    append("{\"user\":{\"user_id\":");
    let stage = Stage::with(kept_in(folder.path())).await;
    assert_eq!(stage.list("/simulator/users").await, [user]);
    stage.simulator.stop().await;
    append("nonsense\n");
    let refused = weir::simulator::start(kept_in(folder.path())).await;
    assert!(matches!(refused, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn two_simulators_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = weir::simulator::start(kept_in(folder.path())).await.unwrap();
    let second = weir::simulator::start(kept_in(folder.path())).await;
    assert!(matches!(second, Err(Error::FolderInUse { .. })));
    first.stop().await;
    let third: Simulator = weir::simulator::start(kept_in(folder.path())).await.unwrap();
    third.stop().await;
}

#[tokio::test]
async fn bad_options_are_refused() {
    let exposed = Options {
        bind: ([0, 0, 0, 0], 0).into(),
        ..options()
    };
    assert!(matches!(
        weir::simulator::start(exposed).await,
        Err(Error::NotLoopback { .. })
    ));
    let appless = Options {
        apps: Vec::new(),
        ..options()
    };
    assert!(matches!(
        weir::simulator::start(appless).await,
        Err(Error::Setting(_))
    ));
    let mut keyless = options();
    keyless.merchant.public_key = "no key".to_owned();
    assert!(matches!(
        weir::simulator::start(keyless).await,
        Err(Error::Key { .. })
    ));
    let running = Stage::new().await;
    let taken = Options {
        bind: running.simulator.url().socket_addrs(|| None).unwrap()[0],
        ..options()
    };
    assert!(matches!(
        weir::simulator::start(taken).await,
        Err(Error::Bind { .. })
    ));
}

#[tokio::test]
async fn secrets_do_not_show_in_debug_output() {
    let shown = format!("{:?}", options());
    for secret in [
        crate::harness::SECRET,
        crate::harness::API_V3_KEY,
        crate::harness::PUSH_TOKEN,
        crate::harness::PUSH_AES_KEY,
        "BEGIN",
    ] {
        assert!(!shown.contains(secret));
    }
}

#[tokio::test]
async fn a_person_from_before_a_mini_program_is_known_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let both = kept_in(folder.path());
    let one = Options {
        apps: both.apps[..1].to_vec(),
        ..both.clone()
    };
    let stage = Stage::with(one).await;
    let user = stage.user().await;
    assert_eq!(user["openids"].as_object().unwrap().len(), 1);
    let stage = stage.restarted(both.clone()).await;
    let wanted = json!({"user_id": user["user_id"], "app_id": both.apps[1].app_id});
    let code = stage.post("/simulator/login-codes", wanted).await;
    assert!(code["code"].is_string(), "{code}");
    let known = stage.list("/simulator/users").await;
    assert_eq!(known[0]["openids"].as_object().unwrap().len(), 2);
    stage.simulator.stop().await;
}

#[tokio::test]
async fn generated_folder_is_made_once_and_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simulator");
    let generate = || {
        let path = path.clone();
        tokio::task::spawn_blocking(move || Options::generated(&path).unwrap())
    };
    let first = generate().await.unwrap();
    let again = generate().await.unwrap();
    assert_eq!(first.merchant.mch_id, again.merchant.mch_id);
    assert_eq!(first.merchant.public_key, again.merchant.public_key);
    let ids =
        |options: &Options| -> Vec<String> { options.apps.iter().map(|app| app.app_id.clone()).collect() };
    assert_eq!((ids(&first), ids(&first).len()), (ids(&again), 2));
    // As a version before there were two would have left it.
    let identity = path.join("identity.json");
    let mut kept: Value = serde_json::from_str(&std::fs::read_to_string(&identity).unwrap()).unwrap();
    kept.as_object_mut().unwrap().remove("second_app").unwrap();
    std::fs::write(&identity, kept.to_string()).unwrap();
    let grown = generate().await.unwrap();
    assert_eq!(ids(&grown)[0], ids(&first)[0]);
    assert_ne!(ids(&grown)[1], ids(&first)[1]);
    assert_eq!(ids(&generate().await.unwrap()), ids(&grown));
    assert_eq!(
        first.delivery,
        Delivery::Automatic {
            speed: NonZeroU32::MIN
        }
    );
    let files = Folder::new(&path);
    for file in [
        files.merchant_private_key_file(),
        files.merchant_certificate_file(),
        files.public_key_file(),
    ] {
        assert!(std::fs::read_to_string(file).unwrap().starts_with("-----BEGIN "));
    }
    let simulator = weir::simulator::start(Options {
        bind: options().bind,
        ..again
    })
    .await
    .unwrap();
    simulator.stop().await;
}
