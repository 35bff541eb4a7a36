//! What a user gives by WeChat: what it encrypts and signs, the session keys behind that, the phone number, data
//! behind cloudIDs, and what cloud functions make of it.

pub mod cloud_function;
pub mod cloud_id;
pub mod open_data;
pub mod phone_number;
pub mod session_key;

use crate::service::Context;
use crate::telemetry;
use crate::wechat::secret::SessionKey;

/// A key out of the vault. One that does not open is as good as none: the next login brings another.
fn unsealed(context: &Context, place: &str, sealed: &[u8]) -> Option<SessionKey> {
    let text = match context.vault.open(place, sealed) {
        Ok(text) => text,
        Err(error) => {
            telemetry::count_open_data("none", "sealed");
            tracing::warn!("a session key does not open: {error}");
            return None;
        }
    };
    SessionKey::parse(std::str::from_utf8(&text).ok()?).ok()
}
