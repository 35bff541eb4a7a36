//! `POST /v1/orders/{id}/payment`.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};

use super::caller::Caller;
use crate::domain::id::OrderId;
use crate::error::AppError;
use crate::http::PathId;
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::pay::start_payment;
use crate::wechat::pay::RequestPayment;

/// Start the payment of an order
///
/// The answer is exactly what `wx.requestPayment` takes. Asked again, it is the same while it is
/// fresh, and renewed when it is not.
#[utoipa::path(post, path = "/v1/orders/{id}/payment", tag = "shop", params(("id" = uuid::Uuid, Path)), security(("session" = [])),
    responses(
        (status = 200, body = RequestPayment),
        (status = 404, description = "`order_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`order_state_conflict`, `order_expired`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`payment_not_configured`, `wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_payment(
    context: web::Data<Context>,
    caller: Caller,
    id: PathId<OrderId>,
) -> Result<HttpResponse, AppError> {
    let parameters = start_payment::start_payment(&context.into_inner(), caller.0.user_id, id.0).await?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(parameters))
}
