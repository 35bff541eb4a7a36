//! Names and keys of the shop under load. The keys are those of the tests: public, and for nothing
//! else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) const APP: &str = "wx1111111111111111";
pub(crate) const MCH_ID: &str = "1900000001";
pub(crate) const CERT_SERIAL: &str = "3775B6A45ACD588826D15E583A95F5DD00000001";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";
pub(crate) const API_V3_KEY: &str = "ThirtyTwoCharactersOfTheApiV3Key";
pub(crate) const APP_SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
pub(crate) const ADMIN_TOKEN: &str = "Xo7vW2qLr9TzKd5mNc8YhBfGsPeJuA3i";
pub(crate) const JWT_KEY: &str = "eW4hI0MSl0ASI7nQvVFDIWhVLeS3CQnISizgEmBppHM=";
pub(crate) const DATA_KEY: &str = "rxTBHYs3kFGNTENmKvpmwYkU63yzSOwTnrMzqGYCIq4=";

pub(crate) const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keys");
pub(crate) const MERCHANT_PUBLIC_KEY: &str =
    include_str!("../../tests/fixtures/keys/merchant_public_key.pem");
pub(crate) const WECHAT_PRIVATE_KEY: &str =
    include_str!("../../tests/fixtures/keys/public_mode_private_key.pem");
pub(crate) const WECHAT_PUBLIC_KEY: &str =
    include_str!("../../tests/fixtures/keys/public_mode_public_key.pem");

/// WeChat's name of the user with this number.
pub(crate) fn openid(number: u64) -> String {
    format!("o{number:027}")
}

/// The bytes inside a PEM file.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).expect("a key of the tests")
}
