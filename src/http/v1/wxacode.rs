//! `/v1/wxacodes`.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use crate::domain::wxacode::EnvVersion;
use crate::error::AppError;
use crate::http::Body;
use crate::http::code_image::{Asked, LineColor, respond};
use crate::http::file::PictureBytes;
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::mini::wxacode::{WantedCode, get_code};

/// A code that opens a page. It always opens the published version, in which the page must be: codes of other
/// versions, and of pages that are not there yet, are made for the owner's services.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PageCodeRequest {
    /// What the page is opened with: it gets it encoded, as `scene` of its query. `scancode_time` may not stand in it.
    #[schema(
        min_length = 1,
        max_length = 32,
        pattern = "^[0-9A-Za-z!#$&'()*+,/:;=?@._~-]+$"
    )]
    scene: String,
    /// The page, such as `pages/index/index`, without a slash in front and without a query; absent: the first one.
    #[schema(
        min_length = 1,
        max_length = 256,
        pattern = "^[0-9A-Za-z_.-][0-9A-Za-z_./-]*$"
    )]
    page: Option<String>,
    /// In pixels.
    #[schema(minimum = 280, maximum = 1280, default = 430)]
    width: Option<u32>,
    /// Whether WeChat chooses the colour of the lines.
    #[schema(default = false)]
    auto_color: Option<bool>,
    /// The colour of the lines, unless WeChat chooses; absent: black.
    line_color: Option<LineColor>,
    /// Whether the ground is transparent.
    #[schema(default = false)]
    is_hyaline: Option<bool>,
}

/// A code image for a page
///
/// The round code of this mini program, without a limit to their number. The answer is the picture. The same
/// parameters give the same picture from the store; WeChat makes 100 new ones a day for a user
/// (`wxacode_quota_reached`). `request_in_progress`: another request for it takes long.
#[utoipa::path(post, path = "/v1/wxacodes", tag = "data", request_body = PageCodeRequest, security(("session" = [])),
    responses(
        (status = 200, description = "The picture.", content((PictureBytes = "image/jpeg"), (PictureBytes = "image/png")),
            headers(("etag" = String, description = "The hash of the picture."))),
        (status = 409, description = "`request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`page_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`wxacode_quota_reached`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_code(
    context: web::Data<Context>,
    caller: Caller,
    body: Body<PageCodeRequest>,
) -> Result<HttpResponse, AppError> {
    let PageCodeRequest {
        scene,
        page,
        width,
        auto_color,
        line_color,
        is_hyaline,
    } = body.0;
    let asked = Asked {
        scene,
        page,
        width,
        auto_color,
        line_color,
        is_hyaline,
    };
    let wanted = WantedCode {
        app_id: Some(caller.0.app_id.clone()),
        request: asked.request(true, EnvVersion::Release)?,
        user_id: Some(caller.0.user_id),
    };
    get_code(&context.into_inner(), wanted).await.map(respond)
}
