//! `GET /wxa/checksession`: whether a session key is still the user's, and `GET /wxa/resetusersessionkey`:
//! another one in its place. Both are asked with an access token, and prove that the server has the key.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::{
    GET_REQUIRED, METHOD_OF_SIGNATURE_UNKNOWN, OPENID_INVALID, SIGNATURE_WRONG, accepted, refused,
};
use super::login::make_session_key;
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;

/// Answers `GET /wxa/checksession`.
pub(in crate::simulator) fn handle_check(shared: &Shared, call: &Call) -> Reply {
    let api = Api::CheckSession;
    match key_holder(shared, call) {
        Ok(_) => accepted(api, &json!({ "errcode": 0, "errmsg": "ok" })),
        Err(errcode) => refused(shared, api, errcode),
    }
}

/// Answers `GET /wxa/resetusersessionkey`. The key that signed is dead from then on.
pub(in crate::simulator) fn handle_reset(shared: &Shared, call: &Call) -> Reply {
    let api = Api::ResetSessionKey;
    match key_holder(shared, call).and_then(|holder| reset(shared, &holder)) {
        Ok(answer) => accepted(api, &answer),
        Err(errcode) => refused(shared, api, errcode),
    }
}

/// Whose session key signed a call, and in which mini program.
struct Holder {
    app_id: String,
    openid: String,
    session_key: String,
}

fn key_holder(shared: &Shared, call: &Call) -> Result<Holder, i64> {
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
    let given = call.parameter("signature").unwrap_or_default();
    if !given.eq_ignore_ascii_case(&signature_of_nothing(&session_key)) {
        return Err(SIGNATURE_WRONG);
    }
    Ok(Holder {
        app_id,
        openid,
        session_key,
    })
}

/// Replaces the key, unless that has happened since it was looked at.
fn reset(shared: &Shared, holder: &Holder) -> Result<Value, i64> {
    shared.step(|world, now| {
        let user = world.user_by_openid(&holder.app_id, &holder.openid);
        let mut user = user.ok_or(OPENID_INVALID)?.clone();
        let identity = user.identities.get_mut(&holder.app_id).ok_or(OPENID_INVALID)?;
        if identity.session_key != holder.session_key {
            return Err(SIGNATURE_WRONG);
        }
        let session_key = make_session_key(world);
        identity.replace_key(session_key.clone(), now);
        world.put(Record::User(user));
        Ok(json!({ "errcode": 0, "errmsg": "ok", "openid": holder.openid, "session_key": session_key }))
    })
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
