//! A new platform certificate takes over; the old one stays valid beside it for a day, as in the overlap of the real ones.

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use serde_json::json;

use super::certificate;
use super::error::Error;
use super::key::generate_private_pem;
use super::log::EventKind;
use super::state::Shared;

/// Brings in a new platform certificate, which signs from now on, and returns its serial number.
///
/// Takes the next of the keys the simulator was given, and generates one when none is left.
pub(super) fn rotate(shared: &Shared) -> Result<String, Error> {
    let private_pem = match shared.take_spare_key() {
        Some(given) => given.expose_secret().to_owned(),
        None => generate_private_pem()?,
    };
    let (serial, now) = shared.step(|world, now| (certificate::serial_from(world.entropy.bytes()), now));
    let made = certificate::platform(&serial, &private_pem, now - TimeDelta::minutes(1))?;
    shared.step(|world, _| world.put_certificate(&private_pem, made));
    let title = format!("platform certificate {serial} signs from now on");
    shared
        .log
        .event(now, EventKind::Keys, title, json!({ "serial": serial }));
    Ok(serial)
}
