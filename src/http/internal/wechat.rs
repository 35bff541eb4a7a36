//! `/internal/wechat/{path}`: any API of the mini program, without a token of one's own.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::Stream;
use tokio::sync::OwnedSemaphorePermit;

use super::{Use, app_id, audit};
use crate::domain::name::AppId;
use crate::error::{AppError, ErrorCode};
use crate::http::gate::HandedOn;
use crate::http::problem::Problem;
use crate::http::{ClientAddress, Internal, Shell, payload};
use crate::service::Context;
use crate::service::mini::{self, ApiError, ApiMethod, ApiPath, ApiQuery, FreeAnswer, FreeCall, PathError};
use crate::telemetry::Shed;

/// The longest body, in bytes: room for a picture of 2 MiB in a form.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// What stands before WeChat's path.
const PREFIX: &str = "/internal/wechat/";

/// Call any API of the mini program
///
/// The method, the path behind `/internal/wechat/`, the query but for `app_id`, the content type and the body (3 MiB at
/// the most) go to WeChat as they are, with the access token put in; a dead token is replaced and the call made once
/// more. WeChat's answer comes back as it is, up to 32 MiB. Paths that hand out tokens or session keys are refused
/// (`wechat_path_refused`), as is a query with an `access_token`.
#[utoipa::path(method(get, post, put, patch, delete), path = "/internal/wechat/{path}", tag = "internal", security(("internal" = [])),
    params(
        ("path" = String, Path, description = "WeChat's path, slashes included, such as `wxa/getwxacodeunlimit`",
            min_length = 1, max_length = 200, pattern = "^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"),
        ("app_id" = Option<String>, Query, description = "The mini program; absent: the default one",
            min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$"),
    ),
    responses(
        (status = "default", description = "WeChat's answer, with its status and content type.", content_type = "*/*", body = serde_json::Value),
        (status = 200, description = "WeChat's answer; its own refusals have an `errcode`.", content_type = "*/*", body = serde_json::Value),
        (status = 400, description = "`request_malformed`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`wechat_path_refused`", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "`request_timeout`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`: a compressed body", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`: WeChat gives no token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn call_wechat(
    context: web::Data<Context>,
    shell: web::Data<Shell>,
    request: HttpRequest,
    _internal: Internal,
    client: ClientAddress,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let target = match Target::parse(&request) {
        Ok(target) => target,
        Err(refusal) => {
            audit(&Use::of(None, None), client, Some(&refusal));
            return Err(refusal);
        }
    };
    let app_id = target.app_id.clone();
    let path = target.call.path.clone();
    let outcome = make(&context.into_inner(), &shell, &request, (target, body)).await;
    audit(
        &Use::of(app_id.as_ref(), Some(path.as_str())),
        client,
        outcome.as_ref().err(),
    );
    outcome
}

impl<'a> Use<'a> {
    fn of(app_id: Option<&'a AppId>, path: Option<&'a str>) -> Self {
        Self {
            action: "call_wechat",
            app_id,
            path,
        }
    }
}

/// What a request asks for, its body not read yet.
struct Target {
    app_id: Option<AppId>,
    call: FreeCall,
}

impl Target {
    fn parse(request: &HttpRequest) -> Result<Self, AppError> {
        let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
        let path = ApiPath::parse(path).map_err(|error| match error {
            PathError::Malformed => AppError::field("path", "format", error.to_string()),
            PathError::Kept => AppError::new(ErrorCode::WechatPathRefused),
        })?;
        let method = ApiMethod::parse(request.method().as_str());
        let method = method.ok_or_else(|| AppError::new(ErrorCode::MethodNotAllowed))?;
        let query = ApiQuery::parse(request.query_string(), "app_id")
            .map_err(|error| AppError::field("access_token", "unknown", error.to_string()))?;
        let mut named = url::form_urlencoded::parse(request.query_string().as_bytes())
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("app_id"));
        let app_id = app_id(named.next().map(|(_, value)| value.into_owned()), "app_id")?;
        if named.next().is_some() {
            return Err(AppError::field("app_id", "duplicate", "is there twice"));
        }
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let call = FreeCall {
            method,
            path,
            query,
            content_type,
            body: Vec::new(),
        };
        Ok(Self { app_id, call })
    }
}

async fn make(
    context: &Arc<Context>,
    shell: &Shell,
    request: &HttpRequest,
    (mut target, body): (Target, web::Payload),
) -> Result<HttpResponse, AppError> {
    let app_id = target
        .app_id
        .unwrap_or_else(|| context.mini_programs.default.clone());
    let place = Arc::clone(&shell.free_calls).try_acquire_owned().map_err(|_| {
        Shed::FreeCalls.count();
        AppError::new(ErrorCode::Unavailable).detail("Too many calls to WeChat are in hand.")
    })?;
    let body = payload::read(request, &mut body.into_inner(), BODY_BYTES_MAX).await?;
    target.call.body = body.to_vec();
    let answer = mini::free_call(context, &app_id, &target.call).await?;
    respond(answer, place)
}

/// Hands the answer on. Whatever WeChat sends is data: no page of ours.
fn respond(answer: FreeAnswer, place: OwnedSemaphorePermit) -> Result<HttpResponse, AppError> {
    let status = StatusCode::from_u16(answer.status).map_err(AppError::internal)?;
    let mut response = HttpResponse::build(status);
    for (name, value) in [
        (CONTENT_TYPE, &answer.content_type),
        (CONTENT_DISPOSITION, &answer.content_disposition),
    ] {
        if let Some(value) = value
            .as_deref()
            .and_then(|value| HeaderValue::from_str(value).ok())
        {
            response.insert_header((name, value));
        }
    }
    let mut response = response.streaming(pieces(answer, place));
    response.extensions_mut().insert(HandedOn);
    Ok(response)
}

/// The pieces of an answer, as they come. The place is given back after the last.
fn pieces(answer: FreeAnswer, place: OwnedSemaphorePermit) -> impl Stream<Item = Result<Bytes, ApiError>> {
    futures_util::stream::try_unfold((answer, place), |(mut answer, place)| async move {
        let piece = answer.chunk().await?;
        Ok(piece.map(|piece| (Bytes::from(piece), (answer, place))))
    })
}
