//! `POST /wxa/business/getuserphonenumber`: a code of the phone-number button becomes a number.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::answer::{
    APP_ID_INVALID, BODY_INVALID, CODE_INVALID, CODE_MISSING, OPENID_INVALID, POST_REQUIRED, accepted,
    refused,
};
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;
use crate::simulator::voucher::{PhoneCode, phone_info};
use crate::simulator::world::World;

/// Answers `POST /wxa/business/getuserphonenumber`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    give(shared, call).unwrap_or_else(|errcode| refused(shared, Api::PhoneNumber, errcode))
}

#[derive(Deserialize)]
struct PhoneNumberRequest {
    code: Option<String>,
    openid: Option<String>,
}

fn give(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    let request: PhoneNumberRequest = serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)?;
    shared.step(|world, now| redeem(world, &app_id, &request, now))
}

fn redeem(
    world: &mut World,
    app_id: &str,
    request: &PhoneNumberRequest,
    now: DateTime<Utc>,
) -> Result<Reply, i64> {
    let code = request.code.as_deref().ok_or(CODE_MISSING)?;
    let known = world.vouchers.phone_code(code).ok_or(CODE_INVALID)?.clone();
    if known.app_id != app_id {
        return Err(APP_ID_INVALID);
    }
    if !known.is_good(now) {
        return Err(CODE_INVALID);
    }
    let user = world.user(&known.user_id).ok_or(CODE_INVALID)?;
    let openid = user.identities.get(app_id).map(|own| own.openid.as_str());
    // What the real one says here is not documented.
    if request.openid.is_some() && request.openid.as_deref() != openid {
        return Err(OPENID_INVALID);
    }
    let info = phone_info(user, app_id, now);
    world.put(Record::PhoneCode(PhoneCode {
        is_used: true,
        ..known
    }));
    let body = json!({ "errcode": 0, "errmsg": "ok", "phone_info": info });
    Ok(accepted(Api::PhoneNumber, &body))
}
