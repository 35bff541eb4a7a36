//! `/v1/subscriptions`: which messages a user allows.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::caller::Caller;
use crate::domain::name::TemplateId;
use crate::domain::subscribe::Answer;
use crate::error::AppError;
use crate::http::Body;
use crate::service::Context;
use crate::service::subscribe::{self, Grant};

/// The most templates in one answer; `WeChat` asks for three at a time.
const ANSWERS_MAX: usize = 10;

/// A template and what is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionResponse {
    #[schema(value_type = String)]
    template_id: TemplateId,
    /// The last answer: `accept`, `reject`, or that `WeChat` asked nobody (`ban`, `filter`).
    #[schema(value_type = String, pattern = "^(accept|reject|ban|filter)$")]
    answer: &'static str,
    /// How many messages are left, as far as is known: popups that were accepted and not used up. `WeChat`'s own
    /// count decides.
    #[schema(minimum = 0)]
    remaining: i32,
    updated_at: DateTime<Utc>,
}

/// The templates that a user was asked about, about a hundred at the most.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionsResponse {
    /// By template.
    pub items: Vec<SubscriptionResponse>,
}

impl From<Vec<Grant>> for SubscriptionsResponse {
    fn from(grants: Vec<Grant>) -> Self {
        let items = grants.into_iter().map(|grant| SubscriptionResponse {
            template_id: grant.template_id,
            answer: grant.answer.as_str(),
            remaining: grant.remaining,
            updated_at: grant.updated_at,
        });
        Self {
            items: items.collect(),
        }
    }
}

/// Tell what the user answered to a popup
///
/// Each acceptance counts for one message. Tell each popup once: told twice, it counts twice, until `WeChat` refuses
/// the message that nobody allowed. Where `WeChat` tells of the popup too, by message push, it counts once.
#[utoipa::path(post, path = "/v1/subscriptions", tag = "data", security(("session" = [])),
    request_body(content = Object, description = "What `wx.requestSubscribeMessage` answered, as it is: `{\"TEMPLATE_ID\": \"accept\", \"errMsg\": \"…\"}`, of ten templates at the most. What is neither a template nor one of `accept`, `reject`, `ban` and `filter` is ignored."),
    responses((status = 200, body = SubscriptionsResponse)))]
pub async fn create_subscriptions(
    context: web::Data<Context>,
    caller: Caller,
    body: Body<Map<String, Value>>,
) -> Result<HttpResponse, AppError> {
    let answers = answers(body.0)?;
    let who = (&caller.0.app_id, &caller.0.openid);
    let grants = subscribe::tell_answers(&context, who, &answers).await?;
    Ok(HttpResponse::Ok().json(SubscriptionsResponse::from(grants)))
}

/// Which messages the user allows
#[utoipa::path(get, path = "/v1/subscriptions", tag = "data", security(("session" = [])),
    responses((status = 200, body = SubscriptionsResponse)))]
pub async fn list_subscriptions(
    context: web::Data<Context>,
    caller: Caller,
) -> Result<HttpResponse, AppError> {
    let who = (&caller.0.app_id, &caller.0.openid);
    let grants = subscribe::list_grants(&context, who).await?;
    Ok(HttpResponse::Ok().json(SubscriptionsResponse::from(grants)))
}

fn answers(members: Map<String, Value>) -> Result<BTreeMap<TemplateId, Answer>, AppError> {
    let answers: BTreeMap<TemplateId, Answer> = members
        .into_iter()
        .filter_map(|(name, value)| {
            let answer = Answer::parse(value.as_str()?)?;
            Some((TemplateId::parse(name).ok()?, answer))
        })
        .collect();
    if answers.len() > ANSWERS_MAX {
        return Err(AppError::field("", "length", "10 templates at the most"));
    }
    Ok(answers)
}
