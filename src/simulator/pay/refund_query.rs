//! `GET /v3/refund/domestic/refunds/{out_refund_no}`.

use super::answer::{Refusal, accepted};
use super::{authorization, refund_form};
use crate::simulator::call::{Call, Reply};
use crate::simulator::state::Shared;

/// Answers a query by the merchant's number of the refund.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    find(shared, call).unwrap_or_else(Refusal::into_reply)
}

fn find(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let signer = authorization::check(shared, call)?;
    if let Some((name, _)) = call.parameters().first() {
        return Err(Refusal::query(name, "unknown parameter"));
    }
    let number = call
        .segment(4)
        .ok_or_else(|| Refusal::path("out_refund_no", "malformed"))?;
    shared.step(|world, _| {
        let refund = world.refunds.get(&number).ok_or_else(Refusal::unknown_resource)?;
        let mut reply = accepted(&refund_form::wire(refund), signer);
        reply.out_trade_no = Some(refund.out_trade_no.clone());
        Ok(reply)
    })
}
