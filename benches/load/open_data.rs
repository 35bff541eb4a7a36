//! Open data: session keys that the database holds sealed, and what WeChat encrypts under them.

use std::fmt::Write as _;

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use weir::domain::entropy::Entropy;
use weir::domain::name::{AppId, OpenId};
use weir::store::user::session_key_place;
use weir::store::vault::Vault;

use crate::database::{Database, Kind, id};
use crate::settings::{APP, DATA_KEY, openid};

/// How many users have a session key that opens.
pub(crate) const PEOPLE: u64 = 2_000;
/// The initialisation vector of all data.
pub(crate) const IV: [u8; 16] = *b"sixteen bytes iv";

/// The session key of a user, behind the base64.
pub(crate) fn session_key(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

/// What the server seals with.
pub(crate) fn vault() -> Vault {
    let data_key = STANDARD.decode(DATA_KEY).expect("a key");
    let data_key: [u8; 32] = data_key.try_into().expect("32 bytes");
    Vault::new([&data_key]).expect("a vault")
}

/// Gives the first users the session keys that a login would have brought.
pub(crate) fn keep_keys(database: &Database) {
    let vault = vault();
    let app = AppId::parse(APP).expect("an app id");
    let mut sql = String::from("update users set session_key = kept.key from (values ");
    for number in 0..PEOPLE {
        let openid = OpenId::parse(openid(number)).expect("an openid");
        let text = STANDARD.encode(session_key(number));
        let place = session_key_place(&app, &openid);
        let sealed = vault.seal(&place, text.as_bytes(), Entropy::system());
        let sealed = hex::encode(sealed.expect("a sealed key"));
        let comma = if number == 0 { "" } else { "," };
        let user = id(Kind::User, number);
        write!(sql, "{comma}('{user}'::uuid, '\\x{sealed}'::bytea)").expect("room");
    }
    sql.push_str(") as kept (id, key) where users.id = kept.id");
    database.run(&sql);
    database.run("vacuum analyze users");
}

/// The profile of a user, encrypted for the page.
pub(crate) fn encrypted(number: u64, now: DateTime<Utc>) -> Vec<u8> {
    let text = format!(
        "{{\"openId\":\"{}\",\"nickName\":\"Alice\",\"gender\":0,\"language\":\"zh_CN\",\"city\":\"\",\"province\":\"\",\
         \"country\":\"\",\"avatarUrl\":\"https://thirdwx.qlogo.cn/mmopen/vi_32/{}/132\",\
         \"watermark\":{{\"timestamp\":{},\"appid\":\"{APP}\"}}}}",
        openid(number),
        "x".repeat(80),
        now.timestamp(),
    );
    let padding = 16 - text.len() % 16;
    let mut blocks = text.into_bytes();
    blocks.resize(blocks.len() + padding, padding as u8);
    let key = UnboundCipherKey::new(&AES_128, &session_key(number)).expect("a key");
    let cipher = EncryptingKey::cbc(key).expect("a cipher");
    let context = EncryptionContext::Iv128(FixedLength::from(IV));
    cipher
        .less_safe_encrypt(&mut blocks, context)
        .expect("encrypted blocks");
    blocks
}

/// What the page sends.
pub(crate) fn body(number: u64, now: DateTime<Utc>) -> String {
    let (data, iv) = (STANDARD.encode(encrypted(number, now)), STANDARD.encode(IV));
    format!(r#"{{"encryptedData":"{data}","iv":"{iv}"}}"#)
}
