//! `POST /wxa/getopendata`: cloudIDs become the data they stand for.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{BODY_INVALID, OPENID_INVALID, POST_REQUIRED, accepted, refused};
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::state::Shared;
use crate::simulator::voucher::{CloudId, CloudIdForm};
use crate::simulator::world::World;

const ID_ILLEGAL: i64 = -601_005;
const ID_EXPIRED: i64 = -601_006;
const ID_OF_ANOTHER: i64 = -601_007;

/// Answers `POST /wxa/getopendata`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    give(shared, call).unwrap_or_else(|errcode| refused(shared, Api::OpenData, errcode))
}

#[derive(Deserialize)]
struct OpenDataRequest {
    cloudid_list: Vec<String>,
}

fn give(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    let openid = call.parameter("openid").ok_or(OPENID_INVALID)?;
    let request: OpenDataRequest = serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)?;
    let data_list = shared.step(|world, now| {
        let user = world.user_by_openid(&app_id, &openid).ok_or(OPENID_INVALID)?;
        let items = request
            .cloudid_list
            .iter()
            .filter_map(|id| item(world, &app_id, &user.user_id, id, now));
        Ok::<_, i64>(items.collect::<Vec<Value>>())
    })?;
    let body = json!({ "errcode": 0, "errmsg": "ok", "data_list": data_list });
    Ok(accepted(Api::OpenData, &body))
}

fn item(world: &World, app_id: &str, user_id: &str, id: &str, now: DateTime<Utc>) -> Option<Value> {
    let known = world.vouchers.cloud_id(id);
    let form = known.map_or(CloudIdForm::Text, |known| known.form);
    let content = match refusal(known, app_id, user_id, now) {
        None => json!({ "cloudID": id, "data": known.map(|known| known.data.clone()) }),
        Some((errcode, errmsg)) => json!({ "cloudID": id, "errCode": errcode, "errMsg": errmsg }),
    };
    match form {
        CloudIdForm::Text => Some(json!({ "cloud_id": id, "json": content.to_string() })),
        CloudIdForm::Object => Some(json!({ "cloud_id": id, "json": content })),
        CloudIdForm::LeftOut => None,
    }
}

fn refusal(
    known: Option<&CloudId>,
    app_id: &str,
    user_id: &str,
    now: DateTime<Utc>,
) -> Option<(i64, &'static str)> {
    match known {
        None => Some((ID_ILLEGAL, "cloudID is illegal")),
        Some(known) if known.app_id != app_id => Some((ID_ILLEGAL, "cloudID is illegal")),
        Some(known) if !known.is_good(now) => Some((ID_EXPIRED, "cloudID expired")),
        Some(known) if known.user_id != user_id => Some((ID_OF_ANOTHER, "cloudID and openid do not match")),
        Some(_) => None,
    }
}
