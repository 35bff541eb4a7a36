//! Message push: what the consoles say, what was pushed, what is due, and messages made by hand.

use actix_web::web::{Data, Json, Path};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::log::PushDelivery;
use crate::simulator::options::{PushFormat, PushMode};
use crate::simulator::push::craft::{CraftedPush, CraftedPushOutcome, craft};
use crate::simulator::push::{PushSettings, deliver_due};
use crate::simulator::record::Record;
use crate::simulator::state::Shared;

/// A message that still wants its `success`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PendingPushResponse {
    app_id: String,
    /// The event, or what kind of message it is.
    title: String,
    /// The number of the next attempt, from 1 to 4.
    attempt: u32,
    due_at: Option<DateTime<Utc>>,
}

/// The newest 10,000 pushes, oldest first, and everything that waits.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PushListResponse {
    items: Vec<PushDelivery>,
    pending: Vec<PendingPushResponse>,
}

/// What was sent now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PushedResponse {
    items: Vec<PushDelivery>,
}

/// What the consoles say, by app id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PushSettingsListResponse {
    items: Vec<PushSettings>,
}

/// What changes in a console; absent: stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PushSettingsRequest {
    url: Option<String>,
    token: Option<String>,
    encoding_aes_key: Option<String>,
    mode: Option<PushMode>,
    format: Option<PushFormat>,
}

/// Everything that was pushed, and everything that waits.
#[utoipa::path(get, path = "/simulator/push", responses((status = 200, body = PushListResponse)))]
pub(super) async fn list_pushes(shared: Data<Shared>) -> Json<PushListResponse> {
    let pending = shared.step(|world, _| {
        let waiting = world.pushes.waiting();
        let told = waiting.map(|waiting| PendingPushResponse {
            app_id: waiting.app_id.clone(),
            title: waiting.draft.title().to_owned(),
            attempt: waiting.attempts.saturating_add(1),
            due_at: waiting.due_at,
        });
        told.collect()
    });
    Json(PushListResponse {
        items: shared.log.pushes(),
        pending,
    })
}

/// Sends every push that is due now, one after the other, and answers when all answers came.
#[utoipa::path(post, path = "/simulator/push/deliver", responses((status = 200, body = PushedResponse)))]
pub(super) async fn deliver_pushes(shared: Data<Shared>) -> Json<PushedResponse> {
    Json(PushedResponse {
        items: deliver_due(&shared).await,
    })
}

/// Makes a push by hand and sends it at once, outside of any schedule.
#[utoipa::path(
    post,
    path = "/simulator/push",
    responses((status = 200, body = CraftedPushOutcome), (status = 400, body = Refusal))
)]
pub(super) async fn craft_push(
    shared: Data<Shared>,
    request: Json<CraftedPush>,
) -> Result<Json<CraftedPushOutcome>, Refusal> {
    let outcome = craft(&shared, request.into_inner()).await;
    outcome
        .map(Json)
        .map_err(|error| Refusal::invalid(error.to_string()))
}

/// Shows what the consoles say of message push.
#[utoipa::path(
    get,
    path = "/simulator/push/settings",
    responses((status = 200, body = PushSettingsListResponse))
)]
pub(super) async fn list_push_settings(shared: Data<Shared>) -> Json<PushSettingsListResponse> {
    Json(PushSettingsListResponse {
        items: shared.step(|world, _| world.pushes.all_settings()),
    })
}

/// Changes what a console says of message push.
#[utoipa::path(
    patch,
    path = "/simulator/push/settings/{app_id}",
    params(("app_id" = String, Path)),
    responses(
        (status = 200, body = PushSettings),
        (status = 400, body = Refusal),
        (status = 404, body = Refusal)
    )
)]
pub(super) async fn change_push_settings(
    shared: Data<Shared>,
    app_id: Path<String>,
    request: Json<PushSettingsRequest>,
) -> Result<Json<PushSettings>, Refusal> {
    let wanted = request.into_inner();
    let is_key = |key: &String| key.len() == 43 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !wanted.encoding_aes_key.as_ref().is_none_or(is_key) {
        return Err(Refusal::invalid("encoding_aes_key has 43 letters and digits"));
    }
    let changed = shared.step(|world, _| {
        let all = world.pushes.all_settings();
        let settings = all.into_iter().find(|settings| settings.app_id == *app_id)?;
        let settings = PushSettings {
            url: wanted.url.or(settings.url),
            token: wanted.token.unwrap_or(settings.token),
            encoding_aes_key: wanted.encoding_aes_key.unwrap_or(settings.encoding_aes_key),
            mode: wanted.mode.unwrap_or(settings.mode),
            format: wanted.format.unwrap_or(settings.format),
            app_id: settings.app_id,
        };
        world.put(Record::PushSettings(settings.clone()));
        Some(settings)
    });
    changed
        .map(Json)
        .ok_or_else(|| Refusal::not_found("this mini program has no message push"))
}
