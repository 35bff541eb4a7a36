//! `checksession` and `resetusersessionkey`: whether a session key is still WeChat's, and another one in
//! its place. The call proves that its sender has the key, and never carries it. Source: login, section 3.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::api::{ApiCall, ApiError, ApiReply};
use crate::domain::name::OpenId;
use crate::wechat::crypto::open_data::login_state_signature;
use crate::wechat::secret::SessionKey;
use crate::wechat::wire::Text;

/// Asks whether a session key is still the user's.
pub fn check(openid: &OpenId, key: &SessionKey) -> ApiCall {
    signed("checksession", "/wxa/checksession", openid, key).repeatable()
}

/// Has WeChat replace a session key. The old one is dead at once.
pub fn reset(openid: &OpenId, key: &SessionKey) -> ApiCall {
    signed("resetusersessionkey", "/wxa/resetusersessionkey", openid, key)
}

fn signed(api: &'static str, path: &'static str, openid: &OpenId, key: &SessionKey) -> ApiCall {
    ApiCall::get(api, path)
        .query("openid", openid.as_str())
        .query("signature", login_state_signature(key.expose_text(), b""))
        .query("sig_method", "hmac_sha256")
}

/// Whether WeChat's number says that a key is not, or no longer, the user's.
pub fn is_key_dead(errcode: i64) -> bool {
    matches!(errcode, 87_007 | 87_009)
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    openid: Text<'a>,
    #[serde(borrow)]
    session_key: Text<'a>,
}

/// The new key out of the answer of [`reset`].
///
/// # Errors
/// When it is not what WeChat promises, or about somebody else.
pub fn read_reset(reply: ApiReply, openid: &OpenId) -> Result<SessionKey, ApiError> {
    let body = Zeroizing::new(reply.into_bytes());
    let wire: Wire<'_> = serde_json::from_slice(&body).map_err(|_| ApiError::Unavailable)?;
    if wire.openid.as_str() != openid.as_str() {
        return Err(ApiError::Unavailable);
    }
    SessionKey::parse(wire.session_key.as_str()).map_err(|_| ApiError::Unavailable)
}
