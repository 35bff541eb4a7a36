//! Writing down what was asked of WeChat and how it ended, for the timeline of an order. Nothing is
//! ever decided by it, so that a failure to write stops nothing.

use std::future::Future;

use crate::service::Context;
use crate::store;
use crate::store::wechat_call::EndedCall;
use crate::wechat::pay::{CallEnd, PayError, follow};

/// Makes a call about one of our numbers at WeChat and writes down how it ended. `says` is what a
/// success said, in a word.
pub(super) async fn noted<T>(
    context: &Context,
    number: &str,
    call: impl Future<Output = Result<T, PayError>>,
    says: impl FnOnce(&T) -> &str,
) -> Result<T, PayError> {
    let (result, end) = follow(call).await;
    if let Some(end) = end {
        let end = match &result {
            Ok(answer) => end.saying(says(answer)),
            Err(_) => end,
        };
        write(context, number, &end).await;
    }
    result
}

/// Writes down how a call ended.
pub(super) async fn write(context: &Context, number: &str, end: &CallEnd) {
    let written = store::wechat_call::insert(&context.db, number, &ended(end), context.clock.now()).await;
    if let Err(error) = written {
        tracing::warn!(api = end.api, %error, "a call to WeChat is missing in the timeline");
    }
}

/// The end of a call, as the store takes it.
pub(super) fn ended(end: &CallEnd) -> EndedCall<'_> {
    EndedCall {
        api: end.api,
        outcome: &end.outcome,
        request_id: end.request_id.as_deref(),
    }
}
