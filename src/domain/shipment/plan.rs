//! What it means that the operator says that goods were sent, after what was said before.

use std::collections::BTreeSet;

use super::{Parcel, SHIPMENTS_MAX, ShipmentKind, ShipmentStatus};
use crate::domain::name::{Carrier, TrackingNo};

/// What the operator says was sent.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// How.
    pub kind: ShipmentKind,
    /// What; 1 to [`super::PARCELS_MAX`].
    pub parcels: &'a [Parcel],
    /// Whether that is all of the order.
    pub is_complete: bool,
}

/// What was said of the order before, one call each.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as the books have it"
)]
pub struct Earlier {
    /// Its place, from 1.
    pub position: i32,
    /// Which telling it belongs to.
    pub generation: i32,
    /// How.
    pub kind: ShipmentKind,
    /// What.
    pub parcels: Vec<Parcel>,
    /// Whether that was all of the order.
    pub is_complete: bool,
    /// Whether it took the chance to correct.
    pub is_again: bool,
    /// Where it stands.
    pub status: ShipmentStatus,
    /// Whether WeChat may have it though it did not say so.
    pub may_have_arrived: bool,
    /// Whether WeChat said that the chance is used.
    pub is_chance_denied: bool,
}

impl Earlier {
    /// Whether WeChat holds it, or may.
    fn may_be_held(&self) -> bool {
        match self.status {
            ShipmentStatus::Uploaded => true,
            ShipmentStatus::Created | ShipmentStatus::Replaced => self.may_have_arrived,
            ShipmentStatus::Refused | ShipmentStatus::Needless => self.is_chance_denied,
        }
    }

    /// Whether it is what the order's shipment consists of now.
    pub fn is_live(&self) -> bool {
        matches!(
            self.status,
            ShipmentStatus::Created | ShipmentStatus::Uploaded | ShipmentStatus::Needless
        )
    }
}

/// How what the operator says is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its place.
    pub position: i32,
    /// Which telling it belongs to.
    pub generation: i32,
    /// Whether it is one of several parcels.
    pub is_split: bool,
    /// Whether it takes the chance to correct.
    pub is_again: bool,
    /// Whether what WeChat has not got yet is not told any more. Otherwise it is told before this.
    pub is_replacing: bool,
}

/// Why what the operator says is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShipmentRefusal {
    /// WeChat was corrected once already.
    CorrectionUsed,
    /// The order has all the calls it may have.
    TooMany,
    /// This parcel of the new ones was told before.
    Repeated(usize),
}

/// Decides what it means that the operator says this after all of that, oldest first: the beginning, one
/// more parcel, or a correction.
///
/// # Errors
/// See [`ShipmentRefusal`].
pub fn plan(earlier: &[Earlier], told: Told<'_>) -> Result<Plan, ShipmentRefusal> {
    let position = earlier.last().map_or(1, |last| last.position.saturating_add(1));
    if position > SHIPMENTS_MAX {
        return Err(ShipmentRefusal::TooMany);
    }
    let newest = earlier.iter().map(|one| one.generation).max().unwrap_or(0);
    // A telling of which nothing is left leaves the one before it as it was.
    let last_live = earlier.iter().rfind(|one| one.is_live());
    let generation = last_live.map_or(newest, |last| last.generation);
    let current: Vec<&Earlier> = earlier
        .iter()
        .filter(|one| one.generation == generation && one.is_live())
        .collect();
    let is_open = current
        .last()
        .is_some_and(|last| !current.iter().any(|one| one.is_complete) && last.kind == told.kind);
    if is_open && told.kind == ShipmentKind::Express {
        let known: BTreeSet<_> = current
            .iter()
            .flat_map(|one| &one.parcels)
            .map(numbered)
            .collect();
        if let Some(at) = told
            .parcels
            .iter()
            .position(|parcel| known.contains(&numbered(parcel)))
        {
            return Err(ShipmentRefusal::Repeated(at));
        }
        return Ok(Plan {
            position,
            generation,
            is_split: true,
            is_again: current.iter().any(|one| one.is_again),
            is_replacing: false,
        });
    }
    let is_split = told.parcels.len() > 1 || !told.is_complete;
    let is_replacing = !(is_split && is_begun(earlier));
    let is_again = earlier.iter().any(Earlier::may_be_held);
    let will_be_held = |one: &Earlier| !is_replacing && one.status == ShipmentStatus::Created;
    let is_used = earlier
        .iter()
        .any(|one| one.is_chance_denied || (one.is_again && (one.may_be_held() || will_be_held(one))));
    if is_again && is_used {
        return Err(ShipmentRefusal::CorrectionUsed);
    }
    Ok(Plan {
        position,
        generation: newest.saturating_add(1),
        is_split,
        is_again,
        is_replacing,
    })
}

/// Whether WeChat has parcels of the order, or may have, and does not know yet that these are all. Whatever it
/// hears of in several parcels then is one more of them, a correction too: it has to hear of the last one first.
pub fn is_begun(earlier: &[Earlier]) -> bool {
    let told = |one: &Earlier| one.status == ShipmentStatus::Uploaded;
    let after_whole = earlier
        .iter()
        .rposition(|one| one.is_complete && told(one))
        .map_or(0, |at| at.saturating_add(1));
    earlier
        .iter()
        .skip(after_whole)
        .any(|one| !one.is_complete && one.may_be_held())
}

/// Whether WeChat refused parts of this telling that were not said again since, so that it lacks them whatever else
/// it took. Parcels are known again by carrier and number.
pub fn is_lacking(telling: &[&Earlier]) -> bool {
    telling.iter().any(|one| is_missing(one, telling))
}

/// Whether WeChat refused this part of a telling, and no other part has its parcels.
pub fn is_missing(part: &Earlier, telling: &[&Earlier]) -> bool {
    let told: BTreeSet<_> = telling
        .iter()
        .filter(|one| one.is_live())
        .flat_map(|one| &one.parcels)
        .map(numbered)
        .collect();
    part.status == ShipmentStatus::Refused
        && !part
            .parcels
            .iter()
            .map(numbered)
            .all(|known| told.contains(&known))
}

fn numbered(parcel: &Parcel) -> (Option<&str>, Option<&str>) {
    let carrier = parcel.carrier.as_ref().map(Carrier::as_str);
    (carrier, parcel.tracking_no.as_ref().map(TrackingNo::as_str))
}
