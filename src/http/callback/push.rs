//! `GET` and `POST /wechat/push/{app_id}`: message push. Whatever is refused gets the same answer.

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{Failure, failure};
use crate::error::AppError;
use crate::http::RawBody;
use crate::service::Context;
use crate::service::push;
use crate::telemetry;

/// The largest push that is looked at, in bytes. WeChat's are a few thousand.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// What WeChat wants to hear.
const SUCCESS: &str = "success";

/// Shake hands with WeChat's console
///
/// Answers `echostr` when the URL is set in the console, in all modes alike.
#[utoipa::path(get, path = "/wechat/push/{app_id}", tag = "callback", security(()),
    params(
        ("app_id" = String, Path, description = "The mini program."),
        ("signature" = String, Query), ("timestamp" = String, Query), ("nonce" = String, Query),
        ("echostr" = String, Query),
    ),
    responses(
        (status = 200, description = "`echostr`.", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 403, description = "Not believed, too old, or no message push is set up. An empty body."),
    ))]
pub async fn shake_hands(request: HttpRequest, context: web::Data<Context>) -> HttpResponse {
    match push::shake_hands(&context, app_id(&request), request.query_string()) {
        Ok(echo) => HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .body(echo),
        Err(_) => refused(),
    }
}

/// Receive a message push from WeChat
///
/// In JSON or XML; in the clear, or sealed where an AES key is set. Answered `success` only after it is
/// written down with its effect; the same message again changes nothing.
#[utoipa::path(post, path = "/wechat/push/{app_id}", tag = "callback", security(()),
    params(
        ("app_id" = String, Path, description = "The mini program."),
        ("signature" = Option<String>, Query), ("timestamp" = String, Query), ("nonce" = String, Query),
        ("msg_signature" = Option<String>, Query), ("encrypt_type" = Option<String>, Query),
        ("openid" = Option<String>, Query),
    ),
    request_body(content = String, content_type = "*/*"),
    responses(
        (status = 200, description = "`success`: its effect is durable.", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 403, description = "Not believed, not readable, too old, in the clear although an AES key is set, or no message push is set up. An empty body."),
        (status = 503, description = "Not now; push again.", body = Failure),
    ))]
pub async fn receive_push(
    request: HttpRequest,
    context: web::Data<Context>,
    body: Result<RawBody<BODY_BYTES_MAX>, AppError>,
) -> HttpResponse {
    let body = match body {
        Ok(body) => body.0,
        Err(error) => {
            telemetry::note_error(&error);
            push::note_unreadable(app_id(&request));
            return refused();
        }
    };
    let context = context.into_inner();
    match push::receive(&context, app_id(&request), request.query_string(), &body).await {
        Ok(Ok(())) => HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .body(SUCCESS),
        Ok(Err(_)) => refused(),
        Err(error) => failure(&error),
    }
}

/// As it stands in the path: one that had to be spelled otherwise is none.
fn app_id(request: &HttpRequest) -> &str {
    request.match_info().query("app_id")
}

fn refused() -> HttpResponse {
    HttpResponse::Forbidden().finish()
}
