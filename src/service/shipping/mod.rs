//! Order shipping management: WeChat keeps the money of many mini programs until it is told that the
//! goods were sent. Source: mini-program APIs, section 5.
//!
//! What the operator says is a row before it is a call ([`ship_order`]); the loop tells WeChat, and asks
//! before it tells again ([`pursue`]). [`by_setting`] sends virtual goods by itself, [`management`] knows
//! which mini programs it is about, [`news`] is what WeChat tells by itself.

pub mod by_setting;
pub mod management;
pub mod news;
mod outcome;
pub mod pursue;
pub mod response;
pub mod ship_order;
pub mod wanted;

/// What one of WeChat's numbers about shipments says, for the person who has to mend it.
pub(in crate::service) fn meaning(errcode: i64) -> Option<&'static str> {
    Some(match errcode {
        -1 | 10_060_012 | 10_060_019 => "it is busy",
        10_060_001 => "it knows no such payment, or not yet",
        10_060_002 => "the goods count as sent already",
        10_060_003 => "what it holds was corrected once already, or cannot be changed any more",
        10_060_004 => "the order's state allows no shipment",
        10_060_005 => "it does not know this kind of shipment",
        10_060_006 | 10_060_007 => "several parcels are for carriers alone, and say whether they are all",
        10_060_008 | 10_060_009 | 10_060_020 => "the description is missing or too long",
        10_060_014 => {
            "a value is not as it should be: the number of a parcel, a carrier, a contact or a time"
        }
        10_060_023 => "nothing has changed",
        10_060_024 => "there are too many parcels",
        10_060_025 | 268_485_227 => "it does not know the carrier, or its name is too long",
        10_060_026 | 268_485_226 => "the number of a parcel is missing or too long",
        10_060_031 => "the payment belongs to somebody else than the order says",
        40_001 | 40_014 | 42_001 => "it does not take our access token",
        45_009 => "the calls of the day are used up",
        45_011 => "it was asked too often",
        48_001 => {
            "the mini program may not use the interface: enable order shipping management in its console"
        }
        _ => return None,
    })
}
