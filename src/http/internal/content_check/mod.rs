//! `/internal/content-checks`: may this be shown?

mod request;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use self::request::{ContentCheckRequest, Wanted};
use super::{Use, app_id, audit};
use crate::domain::content_check::{MediaCheck, Verdict};
use crate::domain::id::ContentCheckId;
use crate::domain::name::AppId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Body, ClientAddress, Internal, PathId};
use crate::service::Context;
use crate::service::content::{self, Finding, NewLook, TextFindings};

/// The longest body, in bytes: room for the longest texts with every character escaped.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What to do with the content. `pass`: show it; `review`: only after a human has looked; `reject`: do not show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentCheckResponse {
    /// Of a picture or a sound: under which `GET /internal/content-checks/{id}` tells what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    id: Option<ContentCheckId>,
    /// `pending` as long as WeChat looks; until then the decision is `review`.
    #[schema(value_type = String, pattern = "^(pending|decided)$")]
    status: &'static str,
    #[schema(value_type = String, pattern = "^(pass|review|reject)$")]
    decision: &'static str,
    /// WeChat's number of what it found; 100: nothing. Null where it gave none.
    label: Option<i64>,
    /// Why, as a stable word: `normal`, `advertising`, `politics`, `pornography`, `abuse`, `crime`, `fraud`, `vulgar`,
    /// `copyright`, `other`, `unlisted`, `unspecified`; of a picture or a sound also `pending`, `download_failed`,
    /// `check_failed`, `timed_out`.
    #[schema(value_type = String)]
    reason: &'static str,
    /// WeChat's name of the check, for its support. Null where it gave none.
    trace_id: Option<String>,
    /// Of a text: what single strategies found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingResponse>,
}

/// What one of WeChat's strategies found in a text.
#[derive(Debug, Serialize, ToSchema)]
pub struct FindingResponse {
    /// Its name, such as `keyword` or `content_model`.
    strategy: String,
    #[schema(value_type = String, pattern = "^(review|reject)$")]
    decision: &'static str,
    label: Option<i64>,
    #[schema(value_type = String)]
    reason: &'static str,
    /// The word that it found.
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword: Option<String>,
}

impl From<Finding> for FindingResponse {
    fn from(finding: Finding) -> Self {
        Self {
            strategy: finding.strategy,
            decision: finding.verdict.decision.as_str(),
            label: finding.verdict.label,
            reason: finding.verdict.reason.as_str(),
            keyword: finding.keyword,
        }
    }
}

impl ContentCheckResponse {
    fn of(status: &'static str, verdict: Verdict, trace_id: Option<String>) -> Self {
        Self {
            id: None,
            status,
            decision: verdict.decision.as_str(),
            label: verdict.label,
            reason: verdict.reason.as_str(),
            trace_id,
            findings: Vec::new(),
        }
    }
}

impl From<TextFindings> for ContentCheckResponse {
    fn from(found: TextFindings) -> Self {
        Self {
            findings: found.findings.into_iter().map(FindingResponse::from).collect(),
            ..Self::of("decided", found.verdict, found.trace_id)
        }
    }
}

impl From<MediaCheck> for ContentCheckResponse {
    fn from(check: MediaCheck) -> Self {
        let status = if check.verdict.is_some() {
            "decided"
        } else {
            "pending"
        };
        Self {
            id: Some(check.id),
            ..Self::of(status, check.verdict.unwrap_or(Verdict::PENDING), check.trace_id)
        }
    }
}

/// Check content
///
/// A text is answered at once. A picture or a sound is looked at by WeChat in its own time, up to half an hour: the answer is
/// 202, with `review` until WeChat has said more. `GET /internal/content-checks/{id}` tells what came of it, also to whoever is told
/// of the event `push.event.wxa_media_check` with its `trace_id`. Without a result within half an hour it stays with `review`.
#[utoipa::path(post, path = "/internal/content-checks", tag = "internal", request_body = ContentCheckRequest, security(("internal" = [])),
    responses(
        (status = 200, description = "A text, and what WeChat finds in it.", body = ContentCheckResponse),
        (status = 202, description = "WeChat looks at the picture or sound.", body = ContentCheckResponse),
        (status = 409, description = "`user_inactive`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`openid_unknown`, `media_unsuited`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_content_check(
    context: web::Data<Context>,
    _internal: Internal,
    client: ClientAddress,
    body: Body<ContentCheckRequest, BODY_BYTES_MAX>,
) -> Result<HttpResponse, AppError> {
    let app_id = app_id(body.0.app_id.clone(), "/app_id")?;
    let outcome = make(&context, app_id.clone(), body.0).await;
    let used = Use {
        action: "check_content",
        app_id: app_id.as_ref(),
        path: None,
    };
    audit(&used, client, outcome.as_ref().err());
    outcome
}

/// Read what came of a check
///
/// Of a picture or a sound, for a month.
#[utoipa::path(get, path = "/internal/content-checks/{id}", tag = "internal", params(("id" = uuid::Uuid, Path)), security(("internal" = [])),
    responses(
        (status = 200, body = ContentCheckResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_content_check(
    context: web::Data<Context>,
    _internal: Internal,
    client: ClientAddress,
    id: PathId<ContentCheckId>,
) -> Result<HttpResponse, AppError> {
    let outcome = content::find_look(&context, id.0).await;
    let used = Use {
        action: "read_content_check",
        app_id: None,
        path: None,
    };
    audit(&used, client, outcome.as_ref().err());
    Ok(HttpResponse::Ok().json(ContentCheckResponse::from(outcome?)))
}

async fn make(
    context: &web::Data<Context>,
    app_id: Option<AppId>,
    request: ContentCheckRequest,
) -> Result<HttpResponse, AppError> {
    let is_local = context.mini_programs.base_url.scheme() == "http";
    let (author, wanted) = request.parse(is_local)?;
    let (app_id, openid) = content::identify(context, app_id, author).await?;
    match wanted {
        Wanted::Text(check) => {
            let found = content::check_text(context, &app_id, &openid, &check).await?;
            Ok(HttpResponse::Ok().json(ContentCheckResponse::from(found)))
        }
        Wanted::Media(kind, media_url, scene) => {
            let look = NewLook {
                app_id,
                openid,
                kind,
                media_url,
                scene,
            };
            let check = content::look_at(context, look).await?;
            Ok(HttpResponse::Accepted().json(ContentCheckResponse::from(check)))
        }
    }
}
