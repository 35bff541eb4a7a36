//! `/internal/subscribe-messages` and `/internal/subscriptions`: messages to users, and what they have allowed.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Use, app_id, audit, person};
use crate::domain::id::MessageId;
use crate::domain::name::{AppId, DedupKey, TemplateId};
use crate::domain::subscribe::{KEYWORDS_MAX, Keyword, Lang, PAGE_CHARS_MAX, ProgramState, is_page};
use crate::error::{AppError, FieldError};
use crate::http::problem::Problem;
use crate::http::v1::subscription::SubscriptionsResponse;
use crate::http::{Body, ClientAddress, Internal};
use crate::service::Context;
use crate::service::content::{self, Author};
use crate::service::subscribe::{self, Message, Sent, SentMessage};

/// The value of a keyword.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeywordValue {
    /// What the keyword's kind takes, once control characters are spaces and spaces around it are gone. A `thing` ends
    /// after 20 characters; what does not fit any other kind is refused.
    #[schema(min_length = 1, max_length = 500, example = "Oolong tea")]
    value: String,
}

/// A message to one user: `user_id`, or `openid`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscribeMessageRequest {
    /// The mini program; absent: the default one.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    app_id: Option<String>,
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<String>,
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_-]+$")]
    openid: Option<String>,
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    template_id: String,
    /// What a tap opens, with its query; absent: the message cannot be tapped.
    #[schema(
        min_length = 1,
        max_length = 1024,
        pattern = "^[!#-;=?-\\[\\]_a-z~]+$",
        example = "pages/order?id=1"
    )]
    page: Option<String>,
    /// All keywords of the template, such as `thing1`, each with its value.
    #[schema(example = json!({"thing1": {"value": "Oolong tea"}}))]
    data: BTreeMap<String, KeywordValue>,
    /// Which version of the mini program a tap opens: `developer`, `trial` or `formal`.
    #[schema(default = "formal", pattern = "^(developer|trial|formal)$")]
    miniprogram_state: Option<String>,
    /// The language of what WeChat writes around the values: `zh_CN`, `en_US`, `zh_HK` or `zh_TW`.
    #[schema(default = "zh_CN", pattern = "^(zh_CN|en_US|zh_HK|zh_TW)$")]
    lang: Option<String>,
    /// Within this key, the user and the template no second message is sent, for 30 days. 1 to 64 visible ASCII
    /// characters.
    #[schema(min_length = 1, max_length = 64, pattern = "^[!-~]+$")]
    dedup_key: Option<String>,
}

/// A message that WeChat took. Whether the user has seen it, WeChat does not say here.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscribeMessageResponse {
    #[schema(value_type = uuid::Uuid)]
    id: MessageId,
    /// WeChat's number of it; null where it told none.
    msgid: Option<String>,
    /// How many more of the template the user has allowed, as far as is known; null: nothing is known.
    #[schema(minimum = 0)]
    remaining: Option<i32>,
}

impl From<SentMessage> for SubscribeMessageResponse {
    fn from(sent: SentMessage) -> Self {
        Self {
            id: sent.id,
            msgid: sent.msgid,
            remaining: sent.remaining,
        }
    }
}

/// Whose subscriptions: `user_id`, or `openid`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionsQuery {
    /// The mini program; absent: the default one.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    app_id: Option<String>,
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<String>,
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_-]+$")]
    openid: Option<String>,
}

/// Send a subscribe message
///
/// One to a user at a time; others wait up to eight seconds, then get `recipient_busy`. With `dedup_key` the same
/// request again gets the same answer and sends nothing; with other contents it is `idempotency_key_reused`, while
/// the first runs `request_in_progress`. What WeChat certainly has not taken (`recipient_busy`, `rate_limited`,
/// `wechat_rejected`, `wechat_unavailable` without `detail`) leaves the key free. After `wechat_timeout`, and
/// `wechat_unavailable` with a `detail`, the message may have been sent, and is not sent again within its key.
#[utoipa::path(post, path = "/internal/subscribe-messages", tag = "internal", request_body = SubscribeMessageRequest, security(("internal" = [])),
    responses(
        (status = 200, body = SubscribeMessageResponse,
            headers(("idempotent-replayed" = String, description = "`true` when an earlier request with the key has sent it."))),
        (status = 409, description = "`subscription_missing`, `recipient_busy`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`openid_unknown`, `template_unknown`, `message_unfit`, `message_rejected`, `idempotency_key_reused`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`template_blocked`, `wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_subscribe_message(
    context: web::Data<Context>,
    _internal: Internal,
    client: ClientAddress,
    body: Body<SubscribeMessageRequest>,
) -> Result<HttpResponse, AppError> {
    let app = app_id(body.0.app_id.clone(), "/app_id")?;
    let outcome = send(&context.into_inner(), app.clone(), body.0).await;
    let used = Use {
        action: "send_subscribe_message",
        app_id: app.as_ref(),
        path: None,
    };
    audit(&used, client, outcome.as_ref().err());
    Ok(match outcome? {
        Sent::Now(sent) => HttpResponse::Ok().json(SubscribeMessageResponse::from(sent)),
        Sent::Before(sent) => HttpResponse::Ok()
            .insert_header(("idempotent-replayed", "true"))
            .json(SubscribeMessageResponse::from(sent)),
    })
}

/// Which messages a user allows
///
/// By POST, since an openid belongs into no log of a proxy.
#[utoipa::path(post, path = "/internal/subscriptions/query", tag = "internal", request_body = SubscriptionsQuery, security(("internal" = [])),
    responses((status = 200, body = SubscriptionsResponse)))]
pub async fn query_subscriptions(
    context: web::Data<Context>,
    _internal: Internal,
    client: ClientAddress,
    body: Body<SubscriptionsQuery>,
) -> Result<HttpResponse, AppError> {
    let app = app_id(body.0.app_id, "/app_id")?;
    let addressee = person(body.0.user_id, body.0.openid);
    let outcome = async {
        let (app_id, openid) = content::identify(&context, app.clone(), addressee?).await?;
        subscribe::list_grants(&context, (&app_id, &openid)).await
    }
    .await;
    let used = Use {
        action: "query_subscriptions",
        app_id: app.as_ref(),
        path: None,
    };
    audit(&used, client, outcome.as_ref().err());
    Ok(HttpResponse::Ok().json(SubscriptionsResponse::from(outcome?)))
}

async fn send(
    context: &std::sync::Arc<Context>,
    app: Option<AppId>,
    request: SubscribeMessageRequest,
) -> Result<Sent, AppError> {
    let parsed = parse(request)?;
    let (app_id, openid) = content::identify(context, app, parsed.addressee).await?;
    let message = Message {
        openid,
        template_id: parsed.template_id,
        page: parsed.page,
        data: parsed.data,
        state: parsed.state,
        lang: parsed.lang,
    };
    subscribe::send(context, app_id, message, parsed.key).await
}

struct Parsed {
    addressee: Author,
    template_id: TemplateId,
    page: Option<String>,
    data: BTreeMap<String, String>,
    state: ProgramState,
    lang: Lang,
    key: Option<DedupKey>,
}

fn parse(request: SubscribeMessageRequest) -> Result<Parsed, AppError> {
    let addressee = person(request.user_id, request.openid)?;
    let template_id = TemplateId::parse(request.template_id)
        .map_err(|_| AppError::field("/template_id", "format", "not the id of a template"))?;
    if request.page.as_deref().is_some_and(|page| !is_page(page)) {
        let what = format!("a page with its query, up to {PAGE_CHARS_MAX} characters");
        return Err(AppError::field("/page", "format", what));
    }
    let state = match request.miniprogram_state {
        None => ProgramState::default(),
        Some(word) => ProgramState::parse(&word)
            .ok_or_else(|| AppError::field("/miniprogram_state", "value", "developer, trial or formal"))?,
    };
    let lang = match request.lang {
        None => Lang::default(),
        Some(word) => Lang::parse(&word)
            .ok_or_else(|| AppError::field("/lang", "value", "zh_CN, en_US, zh_HK or zh_TW"))?,
    };
    let key = request
        .dedup_key
        .map(DedupKey::parse)
        .transpose()
        .map_err(|_| AppError::field("/dedup_key", "format", "1 to 64 visible ASCII characters"))?;
    Ok(Parsed {
        addressee,
        template_id,
        page: request.page,
        data: data(request.data)?,
        state,
        lang,
        key,
    })
}

fn data(given: BTreeMap<String, KeywordValue>) -> Result<BTreeMap<String, String>, AppError> {
    if !(1..=KEYWORDS_MAX).contains(&given.len()) {
        return Err(AppError::field("/data", "length", "1 to 10 keywords"));
    }
    let mut wrong = Vec::new();
    let mut data = BTreeMap::new();
    for (name, given) in given {
        let shown = name.replace('~', "~0").replace('/', "~1");
        match Keyword::parse(name.as_str()) {
            Err(error) => wrong.push(FieldError::new(
                format!("/data/{shown}"),
                "format",
                error.to_string(),
            )),
            Ok(keyword) => match keyword.fit(&given.value) {
                Ok(value) => {
                    data.insert(name, value);
                }
                Err(error) => {
                    let pointer = format!("/data/{shown}/value");
                    wrong.push(FieldError::new(pointer, "format", error.to_string()));
                }
            },
        }
    }
    if wrong.is_empty() {
        Ok(data)
    } else {
        Err(AppError::fields(wrong))
    }
}
