//! `GET /admin/health`, `GET /healthz`, `GET /readyz`.

use actix_web::{HttpResponse, web};
use utoipa::ToSchema;

use crate::error::AppError;
use crate::http::Admin;
use crate::service::Context;
use crate::service::health::{self, Health};

/// The whole state
///
/// 503 when the server is down, 200 otherwise.
#[utoipa::path(get, path = "/admin/health", tag = "operator", security(("admin" = [])),
    responses(
        (status = 200, body = Health),
        (status = 503, body = Health, description = "Down."),
    ))]
pub async fn read_health(context: web::Data<Context>, _admin: Admin) -> HttpResponse {
    let health = health::read(&context).await;
    let mut response = if health.is_down() {
        HttpResponse::ServiceUnavailable()
    } else {
        HttpResponse::Ok()
    };
    response.json(health)
}

/// The process lives.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct Alive {
    /// `ok`.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
}

/// The process lives; touches nothing
#[utoipa::path(get, path = "/healthz", tag = "everybody", security(()), responses((status = 200, body = Alive)))]
pub async fn read_liveness() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: "ok" })
}

/// The database answers and writes, and has every migration
#[utoipa::path(get, path = "/readyz", tag = "everybody", security(()),
    responses(
        (status = 200, body = Alive),
    ))]
pub async fn read_readiness(context: web::Data<Context>) -> Result<HttpResponse, AppError> {
    health::judge_readiness(&context).await?;
    Ok(HttpResponse::Ok().json(Alive { status: "ok" }))
}
