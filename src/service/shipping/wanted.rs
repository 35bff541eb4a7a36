//! What the operator says was sent, as it came and as it is believed.

use std::collections::BTreeSet;

use aws_lc_rs::digest;

use crate::domain::id::OrderId;
use crate::domain::name::{Carrier, TrackingNo};
use crate::domain::shipment::{
    DESCRIPTION_CHARS_MAX, PARCELS_MAX, Parcel, ShipmentKind, masked_contact, wants_contact,
};
use crate::domain::text;
use crate::error::{AppError, FieldError};

/// A parcel as it came: nothing believed yet.
#[derive(Clone, Debug, Default)]
pub struct RequestedParcel {
    /// The carrier's number of it.
    pub tracking_no: Option<String>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// What is in it.
    pub description: Option<String>,
    /// How the receiver is reached.
    pub receiver_contact: Option<String>,
}

/// A shipment as it came: nothing believed yet.
#[derive(Clone, Debug)]
pub struct RequestedShipment {
    /// How.
    pub kind: String,
    /// What.
    pub parcels: Option<Vec<RequestedParcel>>,
    /// Whether that is all of the order.
    pub is_complete: bool,
}

/// A shipment as the operator wants it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub(super) kind: ShipmentKind,
    parcels: Vec<WantedParcel>,
    pub(super) is_complete: bool,
}

/// A parcel whose description and contact may still have to be found.
#[derive(Clone, Debug)]
struct WantedParcel {
    tracking_no: Option<TrackingNo>,
    carrier: Option<Carrier>,
    description: Option<String>,
    receiver_contact: Option<String>,
}

impl WantedParcel {
    const EMPTY: Self = Self {
        tracking_no: None,
        carrier: None,
        description: None,
        receiver_contact: None,
    };
}

impl Wanted {
    /// Virtual goods, all of them.
    pub(super) fn virtual_goods() -> Self {
        Self {
            kind: ShipmentKind::Virtual,
            parcels: vec![WantedParcel::EMPTY],
            is_complete: true,
        }
    }

    /// Takes 1 to [`PARCELS_MAX`] parcels with carrier and number by express, and one description at the most
    /// otherwise; within the city it may have both.
    ///
    /// # Errors
    /// `validation_failed`, naming every field that is not acceptable.
    pub fn parse(requested: RequestedShipment) -> Result<Self, AppError> {
        let Some(kind) = ShipmentKind::parse(&requested.kind) else {
            let what = "express, local, virtual or pickup";
            return Err(AppError::field("/kind", "unknown", what));
        };
        let mut errors = Vec::new();
        let is_express = kind == ShipmentKind::Express;
        let most = if is_express { PARCELS_MAX } else { 1 };
        let given = match requested.parcels {
            Some(parcels) if parcels.is_empty() || parcels.len() > most => {
                errors.push(FieldError::new(
                    "/parcels",
                    "range",
                    format!("1 to {most} parcels"),
                ));
                Vec::new()
            }
            Some(parcels) => parcels,
            None if is_express => {
                errors.push(FieldError::new(
                    "/parcels",
                    "required",
                    "what is sent by a carrier has a number",
                ));
                Vec::new()
            }
            None => vec![RequestedParcel::default()],
        };
        if !is_express && !requested.is_complete {
            let what = "only what a carrier brings is sent in several parcels";
            errors.push(FieldError::new("/is_complete", "range", what));
        }
        let mut seen = BTreeSet::new();
        let mut parcels = Vec::with_capacity(given.len());
        for (at, parcel) in given.into_iter().enumerate() {
            let parcel = parse_parcel(kind, at, parcel, &mut errors);
            let number = (parcel.carrier.clone(), parcel.tracking_no.clone());
            if parcel.tracking_no.is_some() && !seen.insert(number) {
                errors.push(repeated(at));
            }
            parcels.push(parcel);
        }
        if errors.is_empty() {
            Ok(Self {
                kind,
                parcels,
                is_complete: requested.is_complete,
            })
        } else {
            Err(AppError::fields(errors))
        }
    }

    /// Puts in what was left out: the description of the order, and how its buyer is reached.
    ///
    /// # Errors
    /// `validation_failed` for a carrier that wants a contact where none is known.
    pub(super) fn parcels(&self, description: &str, contact: Option<&str>) -> Result<Vec<Parcel>, AppError> {
        let filled = self.parcels.iter().enumerate().map(|(at, parcel)| {
            let wants_contact = parcel.carrier.as_ref().is_some_and(wants_contact);
            let known = contact.filter(|_| wants_contact).map(str::to_owned);
            let receiver_contact = parcel.receiver_contact.clone().or(known);
            if wants_contact && receiver_contact.is_none() {
                return Err(FieldError::new(
                    format!("/parcels/{at}/receiver_contact"),
                    "required",
                    "this carrier wants one, and the buyer's phone number is not known",
                ));
            }
            Ok(Parcel {
                tracking_no: parcel.tracking_no.clone(),
                carrier: parcel.carrier.clone(),
                description: parcel
                    .description
                    .clone()
                    .unwrap_or_else(|| description.to_owned()),
                receiver_contact,
            })
        });
        filled
            .collect::<Result<_, _>>()
            .map_err(|error| AppError::fields(vec![error]))
    }

    pub(super) fn hash(&self, order_id: OrderId) -> Vec<u8> {
        let mut hasher = digest::Context::new(&digest::SHA256);
        hasher.update(order_id.to_string().as_bytes());
        hasher.update(self.kind.as_str().as_bytes());
        hasher.update(&[u8::from(self.is_complete)]);
        for parcel in &self.parcels {
            for text in [
                parcel.tracking_no.as_ref().map(TrackingNo::as_str),
                parcel.carrier.as_ref().map(Carrier::as_str),
                parcel.description.as_deref(),
                parcel.receiver_contact.as_deref(),
            ] {
                hasher.update(if text.is_some() { b"\n1" } else { b"\n0" });
                hasher.update(text.unwrap_or_default().as_bytes());
            }
        }
        hasher.finish().as_ref().to_vec()
    }
}

/// That a parcel has been told already.
pub(super) fn repeated(at: usize) -> FieldError {
    let field = format!("/parcels/{at}/tracking_no");
    FieldError::new(field, "duplicate", "this parcel is told already")
}

fn parse_parcel(
    kind: ShipmentKind,
    at: usize,
    requested: RequestedParcel,
    errors: &mut Vec<FieldError>,
) -> WantedParcel {
    let field = |name: &str| format!("/parcels/{at}/{name}");
    let mut wrong = |name: &str, kind: &'static str, what: &str| {
        errors.push(FieldError::new(field(name), kind, what.to_owned()));
    };
    for (name, value) in [
        ("tracking_no", &requested.tracking_no),
        ("carrier", &requested.carrier),
    ] {
        if value.is_some() && !kind.is_carried() {
            wrong(name, "unknown", "nobody carries it");
        } else if value.is_none() && kind == ShipmentKind::Express {
            wrong(name, "required", "what is sent by express has one");
        }
    }
    if requested.receiver_contact.is_some() && !kind.is_carried() {
        wrong("receiver_contact", "unknown", "nobody carries it");
    }
    let tracking_no = requested.tracking_no.map(TrackingNo::parse).transpose();
    if tracking_no.is_err() {
        wrong("tracking_no", "format", "1 to 128 letters, digits, - and _");
    }
    let carrier = requested.carrier.map(Carrier::parse).transpose();
    if carrier.is_err() {
        wrong("carrier", "format", "WeChat's id of a carrier, such as SF or STO");
    }
    if let Some(Err(error)) = requested
        .description
        .as_deref()
        .map(|text| text::check_name(text, DESCRIPTION_CHARS_MAX))
    {
        wrong("description", "characters", &format!("the description {error}"));
    }
    let receiver_contact = requested.receiver_contact.as_deref().map(masked_contact);
    if receiver_contact == Some(None) {
        let what = "a telephone number, or one whose last four digits are clear";
        wrong("receiver_contact", "format", what);
    }
    WantedParcel {
        tracking_no: tracking_no.ok().flatten(),
        carrier: carrier.ok().flatten(),
        description: requested.description,
        receiver_contact: receiver_contact.flatten(),
    }
}
