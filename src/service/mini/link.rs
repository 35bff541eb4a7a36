//! Links into a mini program.

use std::sync::Arc;

use super::{CallError, call};
use crate::domain::link::Link;
use crate::domain::name::AppId;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::wechat::mini::link;

/// How long a service waits after WeChat said that a day's links are used up, in seconds.
const DAY_WAIT_S: u32 = 3_600;

/// Has WeChat make a link for the named mini program or the default one.
///
/// # Errors
/// `validation_failed` for an unknown mini program or what WeChat does not take; `page_unknown`, `link_not_allowed`,
/// `rate_limited`; and what WeChat refuses.
pub async fn make_link(
    context: &Arc<Context>,
    app_id: Option<AppId>,
    wanted: &Link,
) -> Result<String, AppError> {
    let app_id = app_id.unwrap_or_else(|| context.mini_programs.default.clone());
    context.mini_programs.secret(&app_id)?;
    let request = link::call(wanted).map_err(AppError::internal)?;
    let reply = call(context, &app_id, &request)
        .await
        .map_err(|error| refusal(wanted, error))?;
    let url = link::read(wanted, &reply).map_err(CallError::from)?;
    Ok(url)
}

/// Source: mini-program APIs, section 2.
fn refusal(wanted: &Link, error: CallError) -> AppError {
    let CallError::Refused { errcode } = error else {
        return error.into();
    };
    let told = match errcode {
        // A bad path of one kind, of the other, and nothing published at all.
        40_165 | 40_066 | 85_079 => AppError::new(ErrorCode::PageUnknown),
        40_212 => AppError::field("/query", "characters", "WeChat does not take this query"),
        85_401 if !matches!(wanted, Link::ShortLink(_)) => AppError::field(
            "/expires_at",
            "range",
            "WeChat takes a minute to 30 days by its own clock",
        ),
        // No permission, for this account, this kind of account, its category, or not any more.
        40_002 | 40_013 | 43_104 | 85_407 | 85_408 => AppError::new(ErrorCode::LinkNotAllowed),
        44_990 => AppError::new(ErrorCode::RateLimited).retry_after_s(1),
        44_993 => AppError::new(ErrorCode::RateLimited).retry_after_s(DAY_WAIT_S),
        _ => return error.into(),
    };
    told.wechat_errcode(errcode).caused_by(error)
}
