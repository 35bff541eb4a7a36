//! `/v1/functions/{name}`.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};

use super::caller::Caller;
use crate::domain::name::FunctionName;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Body, PathId};
use crate::service::Context;
use crate::service::data::cloud_function::{self, Event};

/// Call a cloud function
///
/// One of those that the operator allows, with any JSON object. The server puts `userInfo` in, `{"openId",
/// "appId"}` of the session, in place of whatever the page sends under that name. The answer is what the
/// function answers; a text that is no JSON comes as a JSON string, nothing as `null`. After
/// `wechat_timeout`, and after `wechat_unavailable` if `detail` says so, the function may have run.
#[utoipa::path(post, path = "/v1/functions/{name}", tag = "data", security(("session" = [])),
    params(("name" = String, Path, min_length = 1, max_length = 60, pattern = "^[A-Za-z0-9_-]+$")),
    request_body(content = Object, description = "What the function is called with, at most 100 KiB."),
    responses(
        (status = 200, description = "What the function answers: any JSON.", body = serde_json::Value),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`cloud_function_failed`, `wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`cloud_not_configured`, `wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn invoke_function(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<FunctionName>,
    event: Body<Event, 102_400>,
) -> Result<HttpResponse, AppError> {
    let answer = cloud_function::invoke(&context, &caller.0, &name.0, event.0).await?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(String::from(Box::<str>::from(answer))))
}
