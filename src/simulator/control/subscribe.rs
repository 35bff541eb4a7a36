//! Subscribe messages: templates of the console, popups and settings on phones, and what people were shown.

#![expect(unused_qualifications, reason = "the path macro repeats types in full")]

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Json, Query, ServiceConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::refusal::Refusal;
use crate::simulator::log::EventKind;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;
use crate::simulator::subscribe::{self, Answer, Message, Template};

/// A popup asks for three templates at the most.
const ASKED_MAX: usize = 3;

/// Puts the routes below `/simulator`.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/subscribe-templates")
                .get(list_templates)
                .put(put_template),
        )
        .service(web::resource("/subscribe-popups").post(answer_popup))
        .service(web::resource("/subscribe-settings").post(change_setting))
        .service(web::resource("/subscribe-messages").get(list_messages));
}

/// A template, made or changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutTemplateRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    template_id: String,
    #[serde(default)]
    title: String,
    /// What stands beside each value, by keyword, such as `thing1`.
    keywords: BTreeMap<String, String>,
    #[serde(default)]
    is_long_term: bool,
    #[serde(default)]
    is_blocked: bool,
}

/// Which mini program.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AppQuery {
    /// The first one when absent.
    app_id: Option<String>,
}

/// Templates.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TemplateListResponse {
    items: Vec<Template>,
}

/// `wx.requestSubscribeMessage` on a phone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PopupRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    user_id: String,
    /// One to three.
    template_ids: Vec<String>,
    /// What the person answers, by template; `accept` where nothing is said.
    #[serde(default)]
    answers: BTreeMap<String, Answer>,
}

/// A template switched on or off in the settings of a mini program.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
    user_id: String,
    template_id: String,
    is_off: bool,
}

/// Whose messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InboxQuery {
    /// One person; absent: everybody.
    user_id: Option<String>,
}

/// Messages that `WeChat` took, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageListResponse {
    items: Vec<Message>,
}

/// Lists the templates of a mini program.
#[utoipa::path(
    get,
    path = "/simulator/subscribe-templates",
    params(AppQuery),
    responses((status = 200, body = TemplateListResponse), (status = 404, body = Refusal))
)]
pub(super) async fn list_templates(
    shared: Data<Shared>,
    query: Query<AppQuery>,
) -> Result<Json<TemplateListResponse>, Refusal> {
    let app_id = app_id(&shared, query.app_id.as_deref())?;
    let items = shared.step(|world, _| world.subscriptions.templates(&app_id));
    Ok(Json(TemplateListResponse { items }))
}

/// Makes a template, or changes it.
#[utoipa::path(
    put,
    path = "/simulator/subscribe-templates",
    responses((status = 200, body = Template), (status = 400, body = Refusal), (status = 404, body = Refusal))
)]
pub(super) async fn put_template(
    shared: Data<Shared>,
    request: Json<PutTemplateRequest>,
) -> Result<Json<Template>, Refusal> {
    let request = request.into_inner();
    let app_id = app_id(&shared, request.app_id.as_deref())?;
    if !(1..=64).contains(&request.template_id.len()) || request.keywords.is_empty() {
        return Err(Refusal::invalid(
            "a template has an id of 1 to 64 characters and keywords",
        ));
    }
    let template = Template {
        app_id: Some(app_id),
        template_id: request.template_id,
        title: request.title,
        keywords: request.keywords,
        is_long_term: request.is_long_term,
        is_blocked: request.is_blocked,
    };
    shared.step(|world, _| world.put(Record::SubscribeTemplate(template.clone())));
    Ok(Json(template))
}

/// What `wx.requestSubscribeMessage` does on a phone; the answer is what it hands to the page.
#[utoipa::path(
    post,
    path = "/simulator/subscribe-popups",
    responses((status = 200, body = Object), (status = 400, body = Refusal), (status = 404, body = Refusal))
)]
pub(super) async fn answer_popup(
    shared: Data<Shared>,
    request: Json<PopupRequest>,
) -> Result<Json<Map<String, Value>>, Refusal> {
    let request = request.into_inner();
    let (app_id, openid) = person(&shared, request.app_id.as_deref(), &request.user_id)?;
    if !(1..=ASKED_MAX).contains(&request.template_ids.len()) {
        return Err(Refusal::invalid("a popup asks for one to three templates"));
    }
    let wanted: Vec<(String, Answer)> = request
        .template_ids
        .into_iter()
        .map(|template_id| {
            let answer = request
                .answers
                .get(&template_id)
                .copied()
                .unwrap_or(Answer::Accept);
            (template_id, answer)
        })
        .collect();
    let answers = shared
        .step(|world, now| subscribe::ask(world, (&app_id, &openid), &wanted, now))
        .map_err(|template_id| Refusal::invalid(format!("the mini program has no template {template_id}")))?;
    let mut result = Map::new();
    result.insert("errMsg".to_owned(), json!("requestSubscribeMessage:ok"));
    result.extend(
        answers
            .into_iter()
            .map(|(template_id, answer)| (template_id, json!(answer))),
    );
    tell(&shared, &request.user_id, "answered a popup", &json!(result));
    Ok(Json(result))
}

/// Switches a template on or off in the settings of a mini program.
#[utoipa::path(
    post,
    path = "/simulator/subscribe-settings",
    responses((status = 204), (status = 404, body = Refusal))
)]
pub(super) async fn change_setting(
    shared: Data<Shared>,
    request: Json<SettingRequest>,
) -> Result<HttpResponse, Refusal> {
    let SettingRequest {
        app_id,
        user_id,
        template_id,
        is_off,
    } = request.into_inner();
    let (app_id, openid) = person(&shared, app_id.as_deref(), &user_id)?;
    shared.step(|world, now| subscribe::switch(world, (&app_id, &openid), &template_id, is_off, now));
    let what = if is_off {
        "switched a template off"
    } else {
        "switched a template on"
    };
    tell(&shared, &user_id, what, &json!({ "template_id": template_id }));
    Ok(HttpResponse::NoContent().finish())
}

/// Lists messages that `WeChat` took, with what they say.
#[utoipa::path(
    get,
    path = "/simulator/subscribe-messages",
    params(InboxQuery),
    responses((status = 200, body = MessageListResponse))
)]
pub(super) async fn list_messages(
    shared: Data<Shared>,
    query: Query<InboxQuery>,
) -> Json<MessageListResponse> {
    let is_wanted = |message: &&Message| {
        query
            .user_id
            .as_ref()
            .is_none_or(|user_id| *user_id == message.user_id)
    };
    let items = shared.step(|world, _| {
        world
            .subscriptions
            .messages()
            .filter(is_wanted)
            .cloned()
            .collect()
    });
    Json(MessageListResponse { items })
}

fn app_id(shared: &Shared, wanted: Option<&str>) -> Result<String, Refusal> {
    shared
        .app(wanted)
        .map(|app| app.app_id.clone())
        .ok_or_else(|| Refusal::not_found("no such mini program"))
}

/// The mini program, and the person's openid in it.
fn person(shared: &Shared, app: Option<&str>, user_id: &str) -> Result<(String, String), Refusal> {
    let app_id = app_id(shared, app)?;
    let openid = shared.step(|world, _| {
        let user = world.user(user_id)?;
        user.identities.get(&app_id).map(|own| own.openid.clone())
    });
    let openid = openid.ok_or_else(|| Refusal::not_found("no such user in this mini program"))?;
    Ok((app_id, openid))
}

fn tell(shared: &Shared, user_id: &str, what: &str, data: &Value) {
    let title = format!("{user_id} {what}");
    let data = json!({ "user_id": user_id, "result": data });
    shared
        .log
        .event(shared.clock.now(), EventKind::SubscribeAnswer, title, data);
}
