//! `GET /wxa/checksession`: whether a session key is still the user's, asked with an access token.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::answer::{
    GET_REQUIRED, METHOD_OF_SIGNATURE_UNKNOWN, OPENID_INVALID, SIGNATURE_WRONG, accepted, refused,
};
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::state::Shared;

/// Answers `GET /wxa/checksession`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    check(shared, call).unwrap_or_else(|errcode| refused(shared, Api::CheckSession, errcode))
}

fn check(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "GET" {
        return Err(GET_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    if call.parameter("sig_method").as_deref() != Some("hmac_sha256") {
        return Err(METHOD_OF_SIGNATURE_UNKNOWN);
    }
    let openid = call.parameter("openid").ok_or(OPENID_INVALID)?;
    let session_key = shared
        .step(|world, _| {
            let user = world.user_by_openid(&app_id, &openid)?;
            user.identities
                .get(&app_id)
                .map(|identity| identity.session_key.clone())
        })
        .ok_or(OPENID_INVALID)?;
    let expected = signature_of_nothing(&session_key);
    let given = call.parameter("signature").unwrap_or_default();
    if !given.eq_ignore_ascii_case(&expected) {
        return Err(SIGNATURE_WRONG);
    }
    Ok(accepted(
        Api::CheckSession,
        &json!({ "errcode": 0, "errmsg": "ok" }),
    ))
}

/// HMAC-SHA256 of an empty message, in hexadecimal digits. The key is the text of the session key, not
/// the bytes it stands for: 24 characters, so it never needs to be hashed first.
fn signature_of_nothing(session_key: &str) -> String {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        for (byte, key) in block.iter_mut().zip(session_key.bytes()) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::digest(padded(0x36));
    hex::encode(
        Sha256::new()
            .chain_update(padded(0x5c))
            .chain_update(inner)
            .finalize(),
    )
}
