//! Stand-in until the telemetry room arrives.
use std::sync::Arc;
/// Runs a statement and counts it.
pub async fn query<F: Future>(_name: &'static str, statement: F) -> F::Output {
    statement.await
}
/// x
#[derive(Debug)]
pub struct RequestRecord;
/// x
pub fn current() -> Option<Arc<RequestRecord>> {
    None
}
/// x
pub fn scope<F: Future>(_record: Arc<RequestRecord>, future: F) -> impl Future<Output = F::Output> {
    future
}
/// x
pub fn note_user(_: crate::domain::id::UserId) {}
/// x
pub fn note_order(_: crate::domain::id::OrderId) {}
/// x
pub fn count_order_move(_: &'static str, _: &'static str) {}
/// x
pub fn count_notification(_: &'static str) {}
/// x
pub fn count_loop_run(_: &'static str, _: &'static str) {}
