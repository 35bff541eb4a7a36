//! What a page gets encrypted and signed for its server, and the keys behind it.

use actix_web::web::{Data, Json};
use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::envelope::{self, Kind, Padding};
use crate::simulator::state::Shared;

/// The furthest that a watermark is moved, in seconds: a year.
const AGE_S_MAX: i64 = 31_536_000;

/// A page asks for something that is encrypted. Everything beside the person and the kind makes it other
/// than a real phone would.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SealRequest {
    user_id: String,
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    kind: Kind,
    /// Members that are added, or stand in place of those with the same name.
    data: Option<Map<String, Value>>,
    /// The whole text, whatever it is. Nothing else is in it then.
    text: Option<String>,
    /// What is signed, in place of the members of a profile that are not secret.
    raw_data: Option<String>,
    /// Under which session key: 0 the present one, 1 the one before it, up to 3.
    #[serde(default)]
    keys_back: usize,
    /// How old the watermark says it is, in seconds; below zero: ahead.
    #[serde(default)]
    age_s: i64,
    /// The mini program that the watermark names.
    watermark_app_id: Option<String>,
    /// No watermark at all.
    #[serde(default)]
    without_watermark: bool,
    /// A padding that is none.
    padding: Option<Padding>,
}

/// What the page gets, under the names it has there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SealedResponse {
    encrypted_data: String,
    iv: String,
    /// Only where `WeChat` signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// Encrypts open data, as `wx.getUserProfile`, `wx.getWeRunData` and the like do on a phone.
#[utoipa::path(
    post,
    path = "/simulator/open-data",
    responses((status = 200, body = SealedResponse), (status = 400, body = Refusal), (status = 404, body = Refusal))
)]
pub(super) async fn seal_open_data(
    shared: Data<Shared>,
    request: Json<SealRequest>,
) -> Result<Json<SealedResponse>, Refusal> {
    let request = request.into_inner();
    if !(-AGE_S_MAX..=AGE_S_MAX).contains(&request.age_s) {
        return Err(Refusal::invalid("age_s is a year at most"));
    }
    let app = shared
        .app(request.app_id.as_deref())
        .ok_or_else(|| Refusal::not_found("no such mini program"))?;
    let (user, iv, now) = shared.step(|world, now| {
        let user = world.user(&request.user_id).cloned();
        (user, world.entropy.bytes(), now)
    });
    let user = user.ok_or_else(|| Refusal::not_found("no such user"))?;
    let identity = user
        .identities
        .get(&app.app_id)
        .ok_or_else(|| Refusal::not_found("not a user of this mini program"))?;
    let session_key = identity
        .key_back(request.keys_back)
        .ok_or_else(|| Refusal::not_found("no session key so far back"))?;
    let mut members = envelope::payload(request.kind, &user, identity, app.is_bound, now);
    envelope::overlay(&mut members, request.data.unwrap_or_default());
    let raw_data = request
        .raw_data
        .or_else(|| request.kind.is_signed().then(|| envelope::raw_data(&members)));
    if !request.without_watermark {
        let named = request.watermark_app_id.as_deref().unwrap_or(&app.app_id);
        let watermark = envelope::watermark(named, request.age_s, now);
        members.push(("watermark".to_owned(), watermark));
    }
    let text = request.text.unwrap_or_else(|| envelope::text(&members));
    let encrypted_data = envelope::encrypt(session_key, iv, &text, request.padding)
        .ok_or_else(|| Refusal::conflict("the session key cannot encrypt"))?;
    Ok(Json(SealedResponse {
        encrypted_data,
        iv: BASE64_STANDARD.encode(iv),
        signature: raw_data
            .as_deref()
            .map(|text| envelope::signature(text, session_key)),
        raw_data,
    }))
}

/// Session keys, which no phone and no page ever sees: for tests that look for them where they must not be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionKeyListResponse {
    items: Vec<SessionKeyResponse>,
}

/// The session keys of a person in a mini program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionKeyResponse {
    user_id: String,
    app_id: String,
    session_key: String,
    /// When it took the place of the one before it.
    made_at: DateTime<Utc>,
    /// Those before it, the last one first, three at the most.
    earlier: Vec<String>,
}

/// Lists session keys of everybody.
#[utoipa::path(
    get,
    path = "/simulator/session-keys",
    responses((status = 200, body = SessionKeyListResponse))
)]
pub(super) async fn list_session_keys(shared: Data<Shared>) -> Json<SessionKeyListResponse> {
    let users = shared.step(|world, _| world.users());
    let items = users.into_iter().flat_map(|user| {
        let user_id = user.user_id;
        user.identities
            .into_iter()
            .map(move |(app_id, own)| SessionKeyResponse {
                user_id: user_id.clone(),
                app_id,
                session_key: own.session_key,
                made_at: own.session_key_at,
                earlier: own.earlier_session_keys,
            })
    });
    Json(SessionKeyListResponse {
        items: items.collect(),
    })
}
