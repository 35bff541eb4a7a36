//! `GET /v3/billdownload/file`: the bill itself, a stream of bytes that nobody signs.

use super::answer::Refusal;
use super::authorization;
use crate::simulator::call::{Call, Reply};
use crate::simulator::state::Shared;

/// Answers with the bill that a token stands for.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    download(shared, call).unwrap_or_else(Refusal::into_reply)
}

fn download(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    authorization::check(shared, call)?;
    let parameters = call.parameters();
    let [(name, token)] = parameters.as_slice() else {
        return Err(Refusal::query("token", "this alone is needed"));
    };
    if name != "token" {
        return Err(Refusal::query(name, "unknown parameter"));
    }
    let download = shared
        .step(|world, now| world.tickets.open(token, now))
        .ok_or_else(Refusal::foreign_token)?;
    Ok(Reply {
        status: 200,
        content_type: Some("application/octet-stream"),
        download: Some(download),
        request_number: Some(0),
        ..Reply::default()
    })
}
