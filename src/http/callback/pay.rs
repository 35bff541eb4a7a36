//! `POST /wechat/pay/notify` and `POST /wechat/pay/refund-notify`. What a notification is about stands
//! in what was sealed, so both take either.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{Failure, failure, refuse};
use crate::error::{AppError, ErrorCode};
use crate::http::RawBody;
use crate::service::Context;
use crate::service::health::doctor::loop_back::{LOOP_BACK_HEADER, arrived};
use crate::service::pay::delivery::{Delivery, RECORDED_HEADERS};
use crate::service::pay::receive_notification::{self, Receipt};
use crate::telemetry;

/// The largest notification that is looked at: 1 MiB of ciphertext in base64, and its envelope.
/// Source: pay-v3, section 10.
const BODY_BYTES_MAX: usize = 1_500_000;

/// Receive a payment notification from WeChat Pay
///
/// Answered 204 only after its effect is durable. Whatever is not believed gets one and the same
/// failure.
#[utoipa::path(post, path = "/wechat/pay/notify", tag = "callback", security(()),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 204, description = "The effect is durable."),
        (status = 200, description = "What arrived of a delivery by which `weir doctor` tried the way here.", body = Object),
        (status = 401, description = "Not believed.", body = Failure),
        (status = 408, description = "The body did not arrive in time.", body = Failure),
        (status = 503, description = "Not now; deliver again.", body = Failure),
    ))]
pub async fn receive_payment_notification(
    request: HttpRequest,
    context: web::Data<Context>,
    body: Result<RawBody<BODY_BYTES_MAX>, AppError>,
) -> HttpResponse {
    receive(request, context, body).await
}

/// Receive a refund notification from WeChat Pay
///
/// Answered 204 only after its effect is durable. Whatever is not believed gets one and the same
/// failure, a notice in the form of WeChat's older protocol too.
#[utoipa::path(post, path = "/wechat/pay/refund-notify", tag = "callback", security(()),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = 204, description = "The effect is durable."),
        (status = 200, description = "What arrived of a delivery by which `weir doctor` tried the way here.", body = Object),
        (status = 401, description = "Not believed.", body = Failure),
        (status = 408, description = "The body did not arrive in time.", body = Failure),
        (status = 503, description = "Not now; deliver again.", body = Failure),
    ))]
pub async fn receive_refund_notification(
    request: HttpRequest,
    context: web::Data<Context>,
    body: Result<RawBody<BODY_BYTES_MAX>, AppError>,
) -> HttpResponse {
    receive(request, context, body).await
}

async fn receive(
    request: HttpRequest,
    context: web::Data<Context>,
    body: Result<RawBody<BODY_BYTES_MAX>, AppError>,
) -> HttpResponse {
    let context = context.into_inner();
    let headers = RECORDED_HEADERS
        .into_iter()
        .flat_map(|name| {
            request
                .headers()
                .get_all(name)
                .map(move |value| (name, value.as_bytes().to_vec()))
        })
        .collect();
    let delivery = Delivery {
        headers,
        body: body.as_ref().map_or_else(|_| Vec::new(), |body| body.0.to_vec()),
    };
    if let Err(error) = body {
        return unreadable(&context, &delivery, &error);
    }
    let loop_back = request.headers().get(LOOP_BACK_HEADER);
    if let Some(arrived) = loop_back.and_then(|token| arrived(&context, token.as_bytes(), &delivery)) {
        return HttpResponse::Ok().json(arrived);
    }
    match receive_notification::receive(&context, delivery).await {
        Ok(Receipt::Taken(_)) => HttpResponse::NoContent().finish(),
        Ok(Receipt::Refused(_)) => not_believed(),
        Err(error) => failure(&error),
    }
}

/// Whoever is not believed learns nothing from the answer: it is the same for every reason.
fn not_believed() -> HttpResponse {
    refuse(StatusCode::UNAUTHORIZED, "not believed")
}

fn unreadable(context: &Arc<Context>, delivery: &Delivery, error: &AppError) -> HttpResponse {
    telemetry::note_error(error);
    if let Err(error) = receive_notification::note_unreadable(context, delivery, error) {
        return failure(&error);
    }
    match error.code() {
        ErrorCode::RequestTimeout => refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        _ => not_believed(),
    }
}
