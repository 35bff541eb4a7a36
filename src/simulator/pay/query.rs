//! `GET /v3/pay/transactions/out-trade-no/{out_trade_no}` and `GET /v3/pay/transactions/id/{transaction_id}`.

use super::answer::{Refusal, accepted};
use super::{authorization, transaction};
use crate::simulator::call::{Call, Reply};
use crate::simulator::record::Order;
use crate::simulator::state::Shared;
use crate::simulator::world::World;

/// Answers a query by the merchant's number.
pub(in crate::simulator) fn handle_by_number(shared: &Shared, call: &Call) -> Reply {
    find(shared, call, World::order).unwrap_or_else(Refusal::into_reply)
}

/// Answers a query by `WeChat Pay`'s number.
pub(in crate::simulator) fn handle_by_transaction(shared: &Shared, call: &Call) -> Reply {
    find(shared, call, World::order_by_transaction_id).unwrap_or_else(Refusal::into_reply)
}

fn find(
    shared: &Shared,
    call: &Call,
    by: for<'a> fn(&'a World, &str) -> Option<&'a Order>,
) -> Result<Reply, Refusal> {
    let signer = authorization::check(shared, call)?;
    let parameters = call.parameters();
    if parameters.iter().any(|(name, _)| name != "mchid") {
        return Err(Refusal::query("", "unknown parameter"));
    }
    match parameters.as_slice() {
        [] => return Err(Refusal::query("mchid", "missing")),
        [(_, mch_id)] if *mch_id == shared.merchant.mch_id => {}
        [_] => return Err(Refusal::query("mchid", "not the mchid of Authorization")),
        _ => return Err(Refusal::query("mchid", "comes twice")),
    }
    let name = call
        .segment(4)
        .ok_or_else(|| Refusal::path("number", "malformed"))?;
    let mch_id = &shared.merchant.mch_id;
    shared.step(|world, now| {
        let order = by(world, &name).ok_or_else(Refusal::unknown_order)?;
        let mut reply = accepted(&transaction::wire(mch_id, order, now), signer);
        reply.out_trade_no = Some(order.out_trade_no.clone());
        Ok(reply)
    })
}
