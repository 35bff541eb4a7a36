//! `/internal/wxacodes`: code images for the owner's services, with every parameter.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Service, Use, app_id, audit};
use crate::domain::name::AppId;
use crate::domain::wxacode::EnvVersion;
use crate::error::AppError;
use crate::http::Body;
use crate::http::code_image::{Asked, LineColor, Version, respond};
use crate::http::file::PictureBytes;
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::mini::wxacode::{WantedCode, get_code};

/// A code that opens a page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceCodeRequest {
    /// The mini program; absent: the default one.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    app_id: Option<String>,
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
    /// Whether the page must be there in the published version. WeChat makes codes of 60,000 missing pages at the most.
    #[schema(default = true)]
    check_path: Option<bool>,
    /// Which version opens; absent: the published one.
    env_version: Option<Version>,
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

impl ServiceCodeRequest {
    fn wanted(self, app_id: Option<AppId>) -> Result<WantedCode, AppError> {
        let (check_path, env_version) = (self.check_path, self.env_version);
        let asked = Asked {
            scene: self.scene,
            page: self.page,
            width: self.width,
            auto_color: self.auto_color,
            line_color: self.line_color,
            is_hyaline: self.is_hyaline,
        };
        let env_version = env_version.map_or(EnvVersion::Release, EnvVersion::from);
        Ok(WantedCode {
            app_id,
            request: asked.request(check_path.unwrap_or(true), env_version)?,
            user_id: None,
        })
    }
}

/// A code image of any page and version
///
/// As `POST /v1/wxacodes`, for any mini program of this server, and counted for nobody.
#[utoipa::path(post, path = "/internal/wxacodes", tag = "internal", request_body = ServiceCodeRequest, security(("internal" = [])),
    responses(
        (status = 200, description = "The picture.", content((PictureBytes = "image/jpeg"), (PictureBytes = "image/png")),
            headers(("etag" = String, description = "The hash of the picture."))),
        (status = 409, description = "`request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`page_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_code_as_service(
    context: web::Data<Context>,
    service: Service,
    mut body: Body<ServiceCodeRequest>,
) -> Result<HttpResponse, AppError> {
    let app_id = app_id(body.0.app_id.take(), "/app_id")?;
    let wanted = body.0.wanted(app_id.clone())?;
    let outcome = get_code(&context.into_inner(), wanted).await;
    let used = Use {
        action: "create_wxacode",
        app_id: app_id.as_ref(),
        path: None,
    };
    audit(&used, service.0, outcome.as_ref().err());
    outcome.map(respond)
}
