//! Cloud functions on behalf of a page.
//!
//! A function called over this API does not learn from WeChat who calls, so the server puts it in, under
//! the name that cloud functions know from calls of pages: `userInfo`, with `openId` and `appId`. Whatever
//! the page sends under that name is thrown away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::domain::name::FunctionName;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::login::session::LiveSession;
use crate::service::mini::{CallError, call};
use crate::wechat::mini::cloud_function::{self, is_function_failed};

/// The member that says who calls.
const CALLER: &str = "userInfo";
const MAY_HAVE_RUN: &str = "The function may have run.";

/// The cloud environment, and what pages may call in it.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Its id.
    pub env: String,
    /// The functions.
    pub functions: BTreeSet<FunctionName>,
}

/// What a page gives to a function, each member as it was written.
pub type Event = BTreeMap<String, Box<RawValue>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallerInfo<'a> {
    open_id: &'a str,
    app_id: &'a str,
}

/// Calls a function with `event` and the caller's identity, and gives what it answers, as it was written.
///
/// # Errors
/// `cloud_not_configured`; `not_found` for a function that pages may not call; `cloud_function_failed`;
/// and what WeChat refuses. After `wechat_timeout`, and `wechat_unavailable` with a `detail`, the function
/// may have run.
pub async fn invoke(
    context: &Arc<Context>,
    session: &LiveSession,
    name: &FunctionName,
    mut event: Event,
) -> Result<Box<RawValue>, AppError> {
    let cloud = context
        .cloud
        .as_ref()
        .ok_or_else(|| AppError::new(ErrorCode::CloudNotConfigured))?;
    if !cloud.functions.contains(name) {
        return Err(AppError::new(ErrorCode::NotFound));
    }
    let caller = CallerInfo {
        open_id: session.openid.as_str(),
        app_id: session.app_id.as_str(),
    };
    let caller = to_raw_value(&caller).map_err(AppError::internal)?;
    event.insert(CALLER.to_owned(), caller);
    let request = cloud_function::call(&cloud.env, name.as_str(), &event).map_err(AppError::internal)?;
    let outcome = match call(context, &session.app_id, &request).await {
        Ok(reply) => cloud_function::read(&reply).map_err(CallError::from),
        Err(error) => Err(error),
    };
    outcome.map_err(refusal)
}

/// Source: open-data, section 6, its table of cloud error codes.
fn refusal(error: CallError) -> AppError {
    match error {
        CallError::Refused { errcode } if is_function_failed(errcode) => {
            AppError::new(ErrorCode::CloudFunctionFailed).wechat_errcode(errcode)
        }
        CallError::Refused {
            errcode: errcode @ (-601_001 | -601_003),
        } => AppError::new(ErrorCode::WechatUnavailable)
            .wechat_errcode(errcode)
            .detail(MAY_HAVE_RUN),
        CallError::Refused {
            errcode: errcode @ -601_008,
        } => AppError::new(ErrorCode::WechatTimeout)
            .wechat_errcode(errcode)
            .detail(MAY_HAVE_RUN),
        CallError::TooLong => {
            AppError::new(ErrorCode::CloudFunctionFailed).detail("The function answered more than 1 MB.")
        }
        CallError::Unavailable | CallError::Timeout => AppError::from(error).detail(MAY_HAVE_RUN),
        other => other.into(),
    }
}
