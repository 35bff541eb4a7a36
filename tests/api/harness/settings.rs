//! The settings of the servers and of the simulated WeChat in these tests.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::SecretString;
use tempfile::NamedTempFile;
use url::Url;
use weir::http::Bounds;
use weir::simulator::{self, Delivery, KeyMode, Keys, Merchant, PushFormat, PushMode};
use weir::store::pool::PoolLimits;
use weir::webhook;
use weir::wechat::send::SendLimits;

pub(crate) const APP: &str = "wx1111111111111111";
pub(crate) const OTHER_APP: &str = "wx2222222222222222";
pub(crate) const ADMIN_TOKEN: &str = "Xo7vW2qLr9TzKd5mNc8YhBfGsPeJuA3i";
pub(crate) const INTERNAL_TOKEN: &str = "R4tGb6YnHj8UmKi0LoPqWe2ZxCvAsDf1";
pub(crate) const APP_SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
pub(crate) const JWT_KEYS: &str = "eW4hI0MSl0ASI7nQvVFDIWhVLeS3CQnISizgEmBppHM=";
pub(crate) const DATA_KEYS: &str = "rxTBHYs3kFGNTENmKvpmwYkU63yzSOwTnrMzqGYCIq4=";
pub(crate) const PUSH_TOKEN: &str = "Kd93hFz7QwXb2VnM5tRyPcLs8JgUe4Aa";
/// Its last letter has bits that nothing needs.
pub(crate) const PUSH_AES_KEY: &str = "hV3kQz8XwN5bRtY2mLc9PfGs7JdUe4AaBi6oTx1KqWF";
const API_V3_KEY: &str = "ThirtyTwoCharactersOfTheApiV3Key";
const MCH_ID: &str = "1900000001";
const CERT_SERIAL: &str = "3775B6A45ACD588826D15E583A95F5DD00000001";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys");
pub(crate) const MERCHANT_KEY: &str = include_str!("../../fixtures/keys/merchant_private_key.pem");
const MERCHANT_CERTIFICATE: &str = include_str!("../../fixtures/keys/merchant_certificate.pem");
pub(super) const PLATFORM_1: &str = include_str!("../../fixtures/keys/platform_1_private_key.pem");
const PLATFORM_2: &str = include_str!("../../fixtures/keys/platform_2_private_key.pem");
const PUBLIC_MODE: &str = include_str!("../../fixtures/keys/public_mode_private_key.pem");

/// Stands for the simulator's other name, which is known only once it runs.
const SECOND_NAME: &str = "the simulator by its other name";

/// The bounds of connections to the database, for a machine that does something else besides. A scenario that
/// provokes one of them sets it itself.
pub(crate) const PATIENT: PoolLimits = PoolLimits {
    connections_max: 16,
    wait_max: Duration::from_secs(30),
    statement_timeout: Duration::from_secs(30),
    lock_timeout: Duration::from_secs(30),
};

/// How a shop differs from the usual one.
#[derive(Clone)]
pub(crate) struct Setup {
    /// How many servers share the database.
    pub(crate) replicas: usize,
    /// Which key WeChat Pay signs with.
    pub(crate) mode: KeyMode,
    /// Whether the loops run by themselves, as in production.
    pub(crate) has_loops: bool,
    /// Whether it opens at the machine's time, not at its own hour.
    pub(crate) is_real_time: bool,
    /// The bounds of the HTTP server.
    pub(crate) bounds: Bounds,
    /// The bounds of its connections to the database.
    pub(crate) pool_limits: PoolLimits,
    /// The bounds of its calls to WeChat.
    pub(crate) send_limits: SendLimits,
    /// The bounds of telling others of events.
    pub(crate) webhook_limits: webhook::Limits,
    /// Variables that are set otherwise; an empty value is none.
    pub(crate) variables: BTreeMap<&'static str, String>,
    /// Whether the second mini program is bound to the Open Platform account of the first.
    pub(crate) is_other_bound: bool,
    /// A database that is used and left alone, in place of one for this shop.
    pub(crate) database_url: Option<String>,
    /// Files that its variables name.
    pub(crate) kept: Vec<Arc<NamedTempFile>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            replicas: 1,
            mode: KeyMode::Certificate,
            has_loops: false,
            is_real_time: false,
            bounds: Bounds::default(),
            pool_limits: PATIENT,
            send_limits: SendLimits {
                connect_timeout: Duration::from_secs(10),
                total_timeout: Duration::from_secs(30),
                ..SendLimits::default()
            },
            webhook_limits: webhook::Limits::default(),
            variables: BTreeMap::new(),
            is_other_bound: false,
            database_url: None,
            kept: Vec::new(),
        }
    }
}

impl Setup {
    /// Sets a variable otherwise; an empty value is none.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    /// With the second mini program as well.
    pub(crate) fn two_apps(self) -> Self {
        static FILE: OnceLock<NamedTempFile> = OnceLock::new();
        let file = FILE.get_or_init(|| {
            let mut file = NamedTempFile::new().unwrap();
            write!(file, "[[app]]\nid = \"{OTHER_APP}\"\nsecret = \"{APP_SECRET}\"\n").unwrap();
            file
        });
        self.with("WECHAT_APPS_FILE", file.path().to_str().unwrap())
    }

    /// Several servers on one database.
    pub(crate) fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// The loops run by themselves, as in production. They wait in real time.
    pub(crate) fn loops(mut self) -> Self {
        self.has_loops = true;
        self
    }

    /// It opens at the machine's time, which servers in processes of their own go by.
    pub(crate) fn real_time(mut self) -> Self {
        self.is_real_time = true;
        self
    }

    /// Other bounds of the connections to the database.
    pub(crate) fn pool_limits(mut self, limits: PoolLimits) -> Self {
        self.pool_limits = limits;
        self
    }

    /// A statement waits for a lock as long as in production.
    pub(crate) fn short_locks(self) -> Self {
        let lock_timeout = PoolLimits::default().lock_timeout;
        self.pool_limits(PoolLimits {
            lock_timeout,
            ..PATIENT
        })
    }

    /// Calls to WeChat may take this long.
    pub(crate) fn patience(mut self, total_timeout: Duration) -> Self {
        self.send_limits.total_timeout = total_timeout;
        self
    }

    /// Those of its own variables that may appear nowhere.
    pub(super) fn secrets(&self) -> Vec<String> {
        ["SESSION_JWT_KEYS", "DATA_KEYS", "WECHAT_APP_SECRET"]
            .iter()
            .filter_map(|name| self.variables.get(name))
            .flat_map(|list| list.split(',').map(str::to_owned))
            .collect()
    }

    /// The simulated WeChat under a second name, so that there is a second host to turn to.
    pub(crate) fn second_host(self) -> Self {
        self.with("WXPAY_API_BACKUP_BASE_URL", SECOND_NAME)
    }

    /// Another kind of key at WeChat Pay; with the public key the server knows it too.
    pub(crate) fn mode(mut self, mode: KeyMode) -> Self {
        self.mode = mode;
        self.with("WXPAY_PUBLIC_KEY_ID", PUBLIC_KEY_ID).with(
            "WXPAY_PUBLIC_KEY_FILE",
            format!("{KEYS}/public_mode_public_key.pem"),
        )
    }
}

/// What may appear nowhere.
pub(super) fn secrets() -> Vec<String> {
    let mut secrets: Vec<String> = [
        ADMIN_TOKEN,
        INTERNAL_TOKEN,
        APP_SECRET,
        JWT_KEYS,
        DATA_KEYS,
        API_V3_KEY,
        PUSH_TOKEN,
        PUSH_AES_KEY,
    ]
    .map(str::to_owned)
    .to_vec();
    secrets.extend(super::receiver::secrets());
    secrets.extend(
        MERCHANT_KEY
            .lines()
            .filter(|line| line.len() > 40)
            .map(str::to_owned),
    );
    secrets
}

pub(super) fn simulator(setup: &Setup) -> simulator::Options {
    let app = |app_id: &str, is_bound| simulator::App {
        app_id: app_id.to_owned(),
        app_secret: SecretString::from(APP_SECRET),
        is_bound,
        push: Some(simulator::Push {
            token: SecretString::from(PUSH_TOKEN),
            encoding_aes_key: SecretString::from(PUSH_AES_KEY),
            mode: PushMode::Secure,
            format: PushFormat::Json,
        }),
    };
    simulator::Options {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        is_exposed: false,
        server_url: None,
        seed: 7,
        folder: None,
        keys: Keys {
            mode: setup.mode,
            platform: vec![SecretString::from(PLATFORM_1), SecretString::from(PLATFORM_2)],
            public: SecretString::from(PUBLIC_MODE),
            public_id: PUBLIC_KEY_ID.to_owned(),
        },
        apps: vec![app(APP, true), app(OTHER_APP, setup.is_other_bound)],
        merchant: Merchant {
            mch_id: MCH_ID.to_owned(),
            name: "Tea house".to_owned(),
            cert_serial: CERT_SERIAL.to_owned(),
            public_key: MERCHANT_CERTIFICATE.to_owned(),
            private_key: Some(SecretString::from(MERCHANT_KEY)),
            api_v3_key: SecretString::from(API_V3_KEY),
        },
        delivery: Delivery::Manual,
    }
}

/// Where the uploads of the servers on a database lie. It is there once one has started.
pub(super) fn files_folder(database_url: &str) -> PathBuf {
    let mut hash = DefaultHasher::new();
    (std::process::id(), database_url).hash(&mut hash);
    std::env::temp_dir().join(format!("weir-files-{:016x}", hash.finish()))
}

/// The variables of a server.
pub(super) fn variables(
    setup: &Setup,
    database_url: &str,
    address: SocketAddr,
    simulator: &Url,
) -> BTreeMap<&'static str, String> {
    let wechat = simulator.as_str().trim_end_matches('/').to_owned();
    let mut variables: BTreeMap<&'static str, String> = BTreeMap::from([
        ("DATABASE_URL", database_url.to_owned()),
        ("HTTP_BIND", address.to_string()),
        ("PUBLIC_BASE_URL", format!("http://{address}")),
        ("SESSION_JWT_KEYS", JWT_KEYS.to_owned()),
        ("DATA_KEYS", DATA_KEYS.to_owned()),
        ("ADMIN_TOKEN", ADMIN_TOKEN.to_owned()),
        ("INTERNAL_TOKEN", INTERNAL_TOKEN.to_owned()),
        ("WECHAT_APP_ID", APP.to_owned()),
        ("WECHAT_APP_SECRET", APP_SECRET.to_owned()),
        ("WECHAT_PUSH_TOKEN", PUSH_TOKEN.to_owned()),
        ("WECHAT_PUSH_AES_KEY", PUSH_AES_KEY.to_owned()),
        // Rates are of real time, which no scenario may depend on unless it is about them.
        ("RATE_LIMIT_LOGIN_PER_MIN", "0".to_owned()),
        ("RATE_LIMIT_SESSION_PER_S", "0".to_owned()),
        ("RATE_LIMIT_INTERNAL_PER_S", "0".to_owned()),
        ("WECHAT_API_BASE_URL", wechat.clone()),
        ("WXPAY_MCH_ID", MCH_ID.to_owned()),
        ("WXPAY_CERT_SERIAL", CERT_SERIAL.to_owned()),
        (
            "WXPAY_PRIVATE_KEY_FILE",
            format!("{KEYS}/merchant_private_key.pem"),
        ),
        ("WXPAY_API_V3_KEY", API_V3_KEY.to_owned()),
        (
            "FILES_URL",
            format!("file://{}", files_folder(database_url).display()),
        ),
        ("WXPAY_API_BASE_URL", wechat.clone()),
        ("WXPAY_API_BACKUP_BASE_URL", wechat),
    ]);
    variables.extend(setup.variables.clone());
    if let Some(backup) = variables
        .get_mut("WXPAY_API_BACKUP_BASE_URL")
        .filter(|url| *url == SECOND_NAME)
    {
        *backup = format!("http://localhost:{}", simulator.port().unwrap());
    }
    variables.retain(|_, value| !value.is_empty());
    variables
}
