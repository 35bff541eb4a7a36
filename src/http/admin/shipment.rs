//! `/admin/orders/{id}/shipment`: saying that goods were sent.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::id::OrderId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Admin, Body, OptionalKey, PathId};
use crate::service::Context;
use crate::service::shipping::response::ShipmentResponse;
use crate::service::shipping::ship_order;
use crate::service::shipping::wanted::{RequestedParcel, RequestedShipment, Wanted};

/// What was sent together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParcelRequest {
    /// The carrier's number of it; required for `express`, possible for `local`.
    #[schema(min_length = 1, max_length = 128, pattern = "^[0-9A-Za-z_-]+$")]
    tracking_no: Option<String>,
    /// WeChat's id of the carrier, such as `SF` or `STO`; required for `express`, possible for `local`.
    #[schema(min_length = 1, max_length = 128, pattern = "^[0-9A-Za-z_.-]+$")]
    carrier: Option<String>,
    /// What is in it, as the buyer reads it, on one line; absent: the titles of the order.
    #[schema(min_length = 1, max_length = 120)]
    description: Option<String>,
    /// How the receiver is reached, as WeChat wants to know for `SF`; its middle is masked before it is kept. Absent:
    /// the phone number of the buyer, if it is known.
    #[schema(min_length = 7, max_length = 32, pattern = "^[0-9+*() -]+$")]
    receiver_contact: Option<String>,
}

/// A shipment as the operator wants it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateShipmentRequest {
    /// `express`, `local` (within the city), `virtual` or `pickup` (the buyer fetches it).
    #[schema(pattern = "^(express|local|virtual|pickup)$")]
    kind: String,
    /// 1 to 15 for `express`; one at the most otherwise, to describe it.
    #[schema(min_items = 1, max_items = 15)]
    parcels: Option<Vec<ParcelRequest>>,
    /// Whether all of the order has been sent with it; for `express` more parcels may follow.
    #[schema(default = true)]
    is_complete: Option<bool>,
}

/// Say that goods were sent
///
/// Written down at once; WeChat is told in the background, and asked before it is told again. `shipped_at` of the
/// order is set, and `order.shipped` told on, when all of it was sent. Parcels that follow an incomplete shipment
/// are added to it. What follows a complete one corrects it, which WeChat takes once. The same key and body, or
/// without a key the same body as the newest, give the same answer again, with `idempotent-replayed: true`.
#[utoipa::path(post, path = "/admin/orders/{id}/shipment", tag = "operator", request_body = CreateShipmentRequest, security(("admin" = [])),
    params(("id" = uuid::Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 64 visible ASCII characters", min_length = 1, max_length = 64, pattern = "^[!-~]+$")),
    responses(
        (status = 202, body = ShipmentResponse,
            headers(("idempotent-replayed" = String, description = "`true` when this is the answer of an earlier request."))),
        (status = 404, description = "`order_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`order_state_conflict`, `shipment_correction_used`, `shipment_limit_reached`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_key_reused`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`payment_not_configured`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_shipment(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<OrderId>,
    key: OptionalKey,
    body: Body<CreateShipmentRequest, 32_768>,
) -> Result<HttpResponse, AppError> {
    let parcel = |parcel: ParcelRequest| RequestedParcel {
        tracking_no: parcel.tracking_no,
        carrier: parcel.carrier,
        description: parcel.description,
        receiver_contact: parcel.receiver_contact,
    };
    let wanted = Wanted::parse(RequestedShipment {
        kind: body.0.kind,
        parcels: body
            .0
            .parcels
            .map(|parcels| parcels.into_iter().map(parcel).collect()),
        is_complete: body.0.is_complete.unwrap_or(true),
    })?;
    let key = key.0.map(crate::http::IdempotencyKey::into_string);
    let said = ship_order::ship_order(&context, id.0, key, wanted).await?;
    let mut response = HttpResponse::Accepted();
    if said.is_replay {
        response.insert_header(("idempotent-replayed", "true"));
    }
    Ok(response.json(ShipmentResponse::from(said.shipment)))
}
