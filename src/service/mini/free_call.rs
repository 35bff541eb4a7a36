//! A call of any API for another service of the owner.

use std::sync::Arc;

use super::access_token::{live, replace};
use super::call::CallError;
use crate::domain::access_token::Reason;
use crate::domain::name::AppId;
use crate::service::Context;
use crate::telemetry;
use crate::wechat::mini::api::is_token_dead;
use crate::wechat::mini::free::{FreeAnswer, FreeCall, send_free};

/// Makes a call for a mini program with a live access token, and once more with another one if that was dead. Whatever
/// WeChat answers then is the answer.
///
/// # Errors
/// When there is no token or no answer; see [`CallError`].
pub async fn free_call(
    context: &Arc<Context>,
    app_id: &AppId,
    call: &FreeCall,
) -> Result<FreeAnswer, CallError> {
    let outcome = make(context, app_id, call).await;
    let counted = match &outcome {
        Ok(answer) if answer.errcode.is_some() => "refused",
        Ok(_) => "ok",
        Err(_) => "failed",
    };
    telemetry::count_free_call(call.path.as_str(), counted);
    outcome
}

async fn make(context: &Arc<Context>, app_id: &AppId, call: &FreeCall) -> Result<FreeAnswer, CallError> {
    let programs = &context.mini_programs;
    let token = live(context, app_id).await?;
    let answer = send_free(&programs.upstream, &programs.base_url, &token.token, call).await?;
    if !answer.errcode.is_some_and(is_token_dead) {
        return Ok(answer);
    }
    let token = replace(context, app_id, token.number, Reason::Refused).await?;
    Ok(send_free(&programs.upstream, &programs.base_url, &token.token, call).await?)
}
