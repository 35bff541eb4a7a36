//! The settings of `weir dev`: every secret generated once and kept beside the state it belongs to.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use url::Url;

use crate::domain::entropy::Entropy;
use crate::simulator::{Folder, Options};

/// The file of the generated secrets, in the state folder.
const FILE: &str = "settings.env";
/// Its variables, each a key of 32 random bytes.
const GENERATED: [&str; 4] = ["SESSION_JWT_KEYS", "DATA_KEYS", "ADMIN_TOKEN", "INTERNAL_TOKEN"];

/// Reads the generated secrets of a state folder, making those that are missing. Only the owner can
/// read the file.
///
/// # Errors
/// When the folder cannot be read or written, or the system has no randomness.
pub fn generated(folder: &Path, entropy: Entropy) -> io::Result<BTreeMap<String, String>> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(FILE);
    let mut settings: BTreeMap<String, String> = match std::fs::read_to_string(&path) {
        Ok(text) => text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error),
    };
    let is_complete = GENERATED.iter().all(|name| settings.contains_key(*name));
    if !is_complete {
        for name in GENERATED {
            if !settings.contains_key(name) {
                let key: [u8; 32] = entropy.bytes().map_err(io::Error::other)?;
                settings.insert(name.to_owned(), STANDARD.encode(key));
            }
        }
        write_private(&path, &settings)?;
    }
    Ok(settings)
}

/// An empty file that only its owner can read.
fn private(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Beside it first: half of the keys would be worth none of them.
fn write_private(path: &Path, settings: &BTreeMap<String, String>) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = private(&new)?;
    for (name, value) in settings {
        writeln!(file, "{name}={value}")?;
    }
    file.sync_all()?;
    std::fs::rename(&new, path)
}

/// What the server has to know about the simulated WeChat and about where it stands itself.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The database.
    pub database_url: &'a str,
    /// Where the server listens.
    pub http: SocketAddr,
    /// The simulated WeChat.
    pub simulator_url: &'a Url,
    /// What the simulator was started with.
    pub simulator: &'a Options,
    /// Where its key files lie.
    pub simulator_folder: &'a Folder,
    /// Where uploads lie.
    pub files: &'a Path,
    /// Where the mini programs behind the first are written down.
    pub apps_file: &'a Path,
    /// Where the messages about orders are written down.
    pub subscribe_file: &'a Path,
}

/// Messages about orders, by the templates that every simulated mini program has.
const SUBSCRIBE: &str = r#"[[template]]
event = "order.paid"
template_id = "demo_order_paid_0000000000000000000000000001"
page = "pages/order?id={order_id}"
data = { thing1 = "{title}", amount2 = "¥{total_yuan}", character_string3 = "{out_trade_no}", time4 = "{paid_at}" }

[[template]]
event = "order.refunded"
template_id = "demo_order_refunded_000000000000000000000002"
page = "pages/order?id={order_id}"
data = { thing1 = "{title}", amount2 = "¥{refunded_yuan}" }
"#;

/// Adds to the generated secrets what follows from the surroundings.
///
/// # Errors
/// When the file of mini programs or that of messages cannot be written.
pub fn complete(settings: &mut BTreeMap<String, String>, around: &Surroundings<'_>) -> io::Result<()> {
    let merchant = &around.simulator.merchant;
    let base_url = around.simulator_url.as_str().trim_end_matches('/');
    let mut set = |name: &str, value: String| settings.insert(name.to_owned(), value);
    set("DATABASE_URL", around.database_url.to_owned());
    set("HTTP_BIND", around.http.to_string());
    set("PUBLIC_BASE_URL", format!("http://{}", around.http));
    set("WECHAT_API_BASE_URL", base_url.to_owned());
    set("WXPAY_API_BASE_URL", base_url.to_owned());
    set("WXPAY_API_BACKUP_BASE_URL", base_url.to_owned());
    set("WXPAY_MCH_ID", merchant.mch_id.clone());
    set("WXPAY_CERT_SERIAL", merchant.cert_serial.clone());
    set("WXPAY_API_V3_KEY", merchant.api_v3_key.expose_secret().to_owned());
    let key_file = around.simulator_folder.merchant_private_key_file();
    set("WXPAY_PRIVATE_KEY_FILE", key_file.display().to_string());
    let files = Url::from_file_path(around.files)
        .map_err(|()| io::Error::other("the folder of files has no address of its own"))?;
    set("FILES_URL", files.into());
    if let Some(app) = around.simulator.apps.first() {
        set("WECHAT_APP_ID", app.app_id.clone());
        set("WECHAT_APP_SECRET", app.app_secret.expose_secret().to_owned());
        if let Some(push) = &app.push {
            set("WECHAT_PUSH_TOKEN", push.token.expose_secret().to_owned());
            set(
                "WECHAT_PUSH_AES_KEY",
                push.encoding_aes_key.expose_secret().to_owned(),
            );
        }
    }
    // What the simulated cloud has in any environment.
    set("WECHAT_CLOUD_ENV", "demo".to_owned());
    set("WECHAT_CLOUD_FUNCTIONS", "echo".to_owned());
    set("WECHAT_APPS_FILE", around.apps_file.display().to_string());
    set(
        "SUBSCRIBE_TEMPLATES_FILE",
        around.subscribe_file.display().to_string(),
    );
    private(around.subscribe_file)?.write_all(SUBSCRIBE.as_bytes())?;
    let mut more = private(around.apps_file)?;
    for app in around.simulator.apps.iter().skip(1) {
        let (id, secret) = (&app.app_id, app.app_secret.expose_secret());
        writeln!(more, "[[app]]\nid = \"{id}\"\nsecret = \"{secret}\"")?;
        if let Some(push) = &app.push {
            let (token, key) = (push.token.expose_secret(), push.encoding_aes_key.expose_secret());
            writeln!(more, "push_token = \"{token}\"\npush_aes_key = \"{key}\"")?;
        }
    }
    Ok(())
}
