//! What WeChat encrypts and signs for a user: open data, and the session keys behind it.

pub mod open_data;
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
