//! The phone-number button, and cloudIDs.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::log::EventKind;
use crate::simulator::state::Shared;
use crate::simulator::voucher::{self, CloudIdForm};

/// The phone-number button on a phone, tapped and allowed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreatePhoneCodeRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    user_id: String,
}

/// What the button hands to the page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PhoneCodeResponse {
    /// Good for five minutes, once.
    code: String,
}

/// Data for which a handle is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateCloudIdRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    user_id: String,
    /// What it stands for; the phone number when absent. A watermark is put in unless there is one.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    /// How the answer to the server gives it: `text` (the usual way), `object` or `left_out`.
    #[serde(default)]
    form: CloudIdForm,
}

/// A handle.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CloudIdResponse {
    /// Good for five minutes.
    #[serde(rename = "cloudID")]
    cloud_id: String,
}

/// What the phone-number button does on a phone.
#[utoipa::path(
    post,
    path = "/simulator/phone-codes",
    responses((status = 200, body = PhoneCodeResponse), (status = 404, body = Refusal))
)]
pub(super) async fn create_phone_code(
    shared: Data<Shared>,
    request: Json<CreatePhoneCodeRequest>,
) -> Result<Json<PhoneCodeResponse>, Refusal> {
    let app_id = app_id(&shared, request.app_id.as_deref())?;
    let code = shared
        .step(|world, now| voucher::make_phone_code(world, &app_id, &request.user_id, now))
        .ok_or_else(|| Refusal::not_found("no such user"))?;
    tell(&shared, EventKind::PhoneCode, &app_id, &request.user_id);
    Ok(Json(PhoneCodeResponse { code }))
}

/// Makes a cloudID.
#[utoipa::path(
    post,
    path = "/simulator/cloud-ids",
    responses((status = 200, body = CloudIdResponse), (status = 404, body = Refusal))
)]
pub(super) async fn create_cloud_id(
    shared: Data<Shared>,
    request: Json<CreateCloudIdRequest>,
) -> Result<Json<CloudIdResponse>, Refusal> {
    let app_id = app_id(&shared, request.app_id.as_deref())?;
    let CreateCloudIdRequest {
        user_id, data, form, ..
    } = request.into_inner();
    let data = data.map(Value::Object);
    let cloud_id = shared
        .step(|world, now| voucher::make_cloud_id(world, &app_id, &user_id, (data, form), now))
        .ok_or_else(|| Refusal::not_found("no such user"))?;
    tell(&shared, EventKind::CloudId, &app_id, &user_id);
    Ok(Json(CloudIdResponse { cloud_id }))
}

fn app_id(shared: &Shared, wanted: Option<&str>) -> Result<String, Refusal> {
    shared
        .app(wanted)
        .map(|app| app.app_id.clone())
        .ok_or_else(|| Refusal::not_found("no such mini program"))
}

fn tell(shared: &Shared, kind: EventKind, app_id: &str, user_id: &str) {
    let data = json!({ "user_id": user_id, "app_id": app_id });
    let what = match kind {
        EventKind::PhoneCode => "a phone-number code",
        _ => "a cloudID",
    };
    let title = format!("{what} on the phone of {user_id}");
    shared.log.event(shared.clock.now(), kind, title, data);
}
