//! A call with a token: a dead token is replaced once, and the call made once more.

use std::sync::Arc;

use super::access_token::{live, replace};
use crate::domain::access_token::{Failure, Reason};
use crate::domain::name::AppId;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::wechat::mini::api::{self, ApiCall, ApiError, ApiReply};

/// How long a page waits after WeChat said that a day's calls are used up, in seconds.
const QUOTA_WAIT_S: u32 = 3_600;
/// The same for a minute's calls.
const MINUTE_WAIT_S: u32 = 60;

/// Why a call did not succeed. Becomes an [`AppError`] by `From`, unless its user knows better.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// WeChat refuses this call; its number says why. 40001, 40014 and 42001 only after another token
    /// was tried.
    #[error("WeChat refuses the call ({errcode})")]
    Refused {
        /// WeChat's number, never 0.
        errcode: i64,
    },
    /// There is no access token, and the call was not made.
    #[error("there is no access token: {}", failure.as_str())]
    NoToken {
        /// Why WeChat gave none the last time.
        failure: Failure,
        /// WeChat's number, if it said one.
        errcode: Option<i64>,
        /// When it is asked again, in seconds.
        retry_after_s: u32,
    },
    /// Broken; the call may have had its effect.
    #[error("WeChat is unavailable")]
    Unavailable,
    /// Out of reach: the call had no effect.
    #[error("WeChat cannot be reached")]
    Unreached,
    /// The answer was longer than is read; the call may have had its effect.
    #[error("WeChat's answer is too long")]
    TooLong,
    /// No answer in time; the call may have had its effect.
    #[error("WeChat did not answer in time")]
    Timeout,
    /// Trouble of this server, such as a database that is away.
    #[error("the call could not be made")]
    Own(#[source] AppError),
}

impl CallError {
    /// Nobody got a token in time.
    pub(super) fn unavailable() -> Self {
        Self::NoToken {
            failure: Failure::Unavailable,
            errcode: None,
            retry_after_s: 1,
        }
    }
}

impl From<ApiError> for CallError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused { errcode } => Self::Refused { errcode },
            ApiError::Unavailable => Self::Unavailable,
            ApiError::Unreached => Self::Unreached,
            ApiError::TooLong => Self::TooLong,
            ApiError::Timeout => Self::Timeout,
        }
    }
}

impl From<AppError> for CallError {
    fn from(error: AppError) -> Self {
        Self::Own(error)
    }
}

impl From<store::Error> for CallError {
    fn from(error: store::Error) -> Self {
        Self::Own(error.into())
    }
}

impl From<CallError> for AppError {
    fn from(error: CallError) -> Self {
        let with = |code, errcode: Option<i64>| match errcode {
            Some(errcode) => Self::new(code).wechat_errcode(errcode),
            None => Self::new(code),
        };
        match error {
            CallError::Refused { errcode } => refused(errcode).caused_by(error),
            CallError::NoToken {
                failure,
                errcode,
                retry_after_s,
            } => {
                let code = match failure {
                    Failure::Refused => ErrorCode::WechatRejected,
                    Failure::Timeout => ErrorCode::WechatTimeout,
                    Failure::Unavailable | Failure::RateLimited | Failure::QuotaUsedUp => {
                        ErrorCode::WechatUnavailable
                    }
                };
                let told = with(code, errcode).caused_by(error);
                if failure == Failure::Refused {
                    told
                } else {
                    told.retry_after_s(retry_after_s)
                }
            }
            CallError::Unavailable | CallError::Unreached | CallError::TooLong => {
                Self::new(ErrorCode::WechatUnavailable).caused_by(error)
            }
            CallError::Timeout => Self::new(ErrorCode::WechatTimeout).caused_by(error),
            CallError::Own(error) => error,
        }
    }
}

/// What a page is told of a number that means nothing to the use case.
fn refused(errcode: i64) -> AppError {
    let told = match errcode {
        -1 => AppError::new(ErrorCode::WechatUnavailable),
        45_009 => AppError::new(ErrorCode::RateLimited).retry_after_s(QUOTA_WAIT_S),
        45_011 => AppError::new(ErrorCode::RateLimited).retry_after_s(MINUTE_WAIT_S),
        _ => AppError::new(ErrorCode::WechatRejected),
    };
    told.wechat_errcode(errcode)
}

/// Makes a call for a mini program with a live access token. If WeChat says that the token is dead, exactly
/// that token is replaced, by one refresh however many calls it failed, and the call is made once more.
///
/// # Errors
/// See [`CallError`].
pub async fn call(context: &Arc<Context>, app_id: &AppId, call: &ApiCall) -> Result<ApiReply, CallError> {
    let programs = &context.mini_programs;
    let token = live(context, app_id).await?;
    match api::send(
        &programs.upstream,
        &programs.base_url,
        (app_id, &token.token),
        call,
    )
    .await
    {
        Err(error) if error.is_token_dead() => {}
        outcome => return Ok(outcome?),
    }
    let token = replace(context, app_id, token.number, Reason::Refused).await?;
    Ok(api::send(
        &programs.upstream,
        &programs.base_url,
        (app_id, &token.token),
        call,
    )
    .await?)
}
