//! A text: asked about and answered at once, and kept nowhere.

use std::sync::Arc;

use super::{TextCheck, TextFindings, refused};
use crate::domain::name::{AppId, OpenId};
use crate::error::AppError;
use crate::service::Context;
use crate::service::mini::{CallError, call};
use crate::telemetry;
use crate::wechat::mini::content_check::{Refusal, read_text, text_call};

/// What WeChat finds in a text of one of the owner's services.
///
/// # Errors
/// `openid_unknown`, `user_inactive`, `rate_limited`, and those of every call: then nothing is known of the text.
pub async fn check_text(
    context: &Arc<Context>,
    app_id: &AppId,
    openid: &OpenId,
    check: &TextCheck,
) -> Result<TextFindings, AppError> {
    let found = ask(context, app_id, openid, check).await;
    count("text", found.as_ref().ok());
    found
}

/// The same, not counted.
pub(super) async fn ask(
    context: &Arc<Context>,
    app_id: &AppId,
    openid: &OpenId,
    check: &TextCheck,
) -> Result<TextFindings, AppError> {
    let request = text_call(check, openid).map_err(AppError::internal)?;
    match call(context, app_id, &request).await {
        Ok(reply) => Ok(read_text(&reply).map_err(CallError::from)?),
        Err(CallError::Refused { errcode }) if Refusal::of(errcode) == Some(Refusal::NotFine) => {
            Ok(TextFindings::REFUSED)
        }
        Err(error) => Err(refused(error)),
    }
}

/// Counts what came of asking about a text of this kind.
pub(super) fn count(what: &'static str, found: Option<&TextFindings>) {
    let outcome = found.map_or("failed", |found| found.verdict.decision.as_str());
    telemetry::count_content_check(what, outcome);
}
