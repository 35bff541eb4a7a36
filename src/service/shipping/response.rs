//! A shipment as it is told to the operator.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::{OrderId, ShipmentId};
use crate::domain::shipment::{Earlier, Parcel, ShipmentStatus, is_lacking, is_missing};
use crate::store::shipment::StoredShipment;

/// What was sent together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ParcelResponse {
    /// The carrier's number of it.
    #[schema(required = true)]
    tracking_no: Option<String>,
    /// WeChat's id of the carrier.
    #[schema(required = true)]
    carrier: Option<String>,
    /// What the buyer reads.
    description: String,
    /// How the receiver is reached, masked.
    #[schema(required = true)]
    receiver_contact: Option<String>,
}

impl From<Parcel> for ParcelResponse {
    fn from(parcel: Parcel) -> Self {
        Self {
            tracking_no: parcel.tracking_no.map(String::from),
            carrier: parcel.carrier.map(String::from),
            description: parcel.description,
            receiver_contact: parcel.receiver_contact,
        }
    }
}

/// What WeChat is told in one call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShipmentResponse {
    #[schema(value_type = uuid::Uuid)]
    id: ShipmentId,
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// `express`, `local`, `virtual` or `pickup`.
    #[schema(value_type = String, example = "express", pattern = "^(express|local|virtual|pickup)$")]
    kind: &'static str,
    parcels: Vec<ParcelResponse>,
    /// Whether all of the order has been sent with it.
    is_complete: bool,
    /// Whether it takes the one chance to correct what WeChat was told.
    is_correction: bool,
    /// `operator`, or `setting` for virtual goods that are sent by themselves.
    #[schema(pattern = "^(operator|setting)$")]
    cause: String,
    /// `processing` until WeChat has it, `uploaded`, `refused`, `needless` (the money went back), or `replaced` by a
    /// later one before WeChat had it.
    #[schema(value_type = String, example = "processing", pattern = "^(processing|uploaded|refused|needless|replaced)$")]
    status: &'static str,
    /// WeChat's number, or what stood in the way last.
    #[schema(required = true)]
    failure_code: Option<String>,
    created_at: DateTime<Utc>,
    /// When it was done with.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
}

impl From<StoredShipment> for ShipmentResponse {
    fn from(shipment: StoredShipment) -> Self {
        Self {
            id: shipment.id,
            order_id: shipment.order_id,
            kind: shipment.told.kind.as_str(),
            parcels: shipment
                .told
                .parcels
                .into_iter()
                .map(ParcelResponse::from)
                .collect(),
            is_complete: shipment.told.is_complete,
            is_correction: shipment.told.is_again,
            cause: shipment.cause,
            status: shipment.told.status.shown(),
            failure_code: shipment.failure_code,
            created_at: shipment.created_at,
            ended_at: shipment.ended_at,
        }
    }
}

/// How the goods of an order were sent, as far as was said.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderShipmentResponse {
    /// `express`, `local`, `virtual` or `pickup`.
    #[schema(value_type = String, example = "express", pattern = "^(express|local|virtual|pickup)$")]
    kind: &'static str,
    /// Whether all of the order has been sent.
    is_complete: bool,
    /// `refused` while WeChat lacks a parcel that it refused and that was not said again, else `processing` until WeChat
    /// has all of it, `uploaded`, or `needless` (the money went back).
    #[schema(value_type = String, example = "uploaded", pattern = "^(processing|uploaded|refused|needless)$")]
    status: &'static str,
    parcels: Vec<ParcelResponse>,
    /// Everything that was said, oldest first, 50 at most.
    calls: Vec<ShipmentResponse>,
}

impl OrderShipmentResponse {
    /// Puts together what was said of an order, oldest first; none where nothing was.
    pub fn of(said: Vec<StoredShipment>) -> Option<Self> {
        let generation = said.last()?.told.generation;
        let current: Vec<&Earlier> = said
            .iter()
            .map(|one| &one.told)
            .filter(|told| told.generation == generation)
            .collect();
        // What was refused counts as long as it was not said again, whatever WeChat took after it.
        let is_going = current.iter().any(|told| told.status == ShipmentStatus::Created);
        let status = if is_lacking(&current) {
            ShipmentStatus::Refused
        } else if is_going {
            ShipmentStatus::Created
        } else {
            current.last()?.status
        };
        let counts = |told: &&&Earlier| told.is_live() || is_missing(told, &current);
        let current: Vec<&Earlier> = current.iter().filter(counts).copied().collect();
        let parcels = current.iter().flat_map(|told| told.parcels.clone());
        Some(Self {
            kind: current.first()?.kind.as_str(),
            is_complete: current.iter().any(|told| told.is_complete),
            status: status.shown(),
            parcels: parcels.map(ParcelResponse::from).collect(),
            calls: said.into_iter().map(ShipmentResponse::from).collect(),
        })
    }
}
