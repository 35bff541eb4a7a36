//! The mini-program API behind an access token.
//!
//! A use case that needs it writes
//!
//! ```text
//! let call = ApiCall::post("getuserphonenumber", "/wxa/business/getuserphonenumber", &body)
//!     .map_err(AppError::internal)?;
//! let answer = match mini::call(context, &app_id, &call.repeatable()).await {
//!     Ok(reply) => reply.json::<Wire>()?,
//!     Err(CallError::Refused { errcode: 40_029 }) => return Err(AppError::new(ErrorCode::PhoneCodeInvalid)),
//!     Err(error) => return Err(error.into()),
//! };
//! ```
//!
//! and never sees a token: which one is live, who fetches the next and what happens when one dies before its
//! time is the business of this wing. A refusal that means something to the use case is matched by its
//! `errcode`; the rest becomes an `AppError` by `From`. Only a call without an effect, or with one that may
//! happen twice, is [`ApiCall::repeatable`].

pub mod access_token;
mod call;
mod free_call;
pub mod link;
mod memory;
mod refresh;
mod share;
pub mod wxacode;

pub use crate::wechat::mini::api::{ApiCall, ApiError, ApiReply};
pub use crate::wechat::mini::free::{ApiMethod, ApiPath, ApiQuery, FreeAnswer, FreeCall, PathError};
pub use call::{CallError, call};
pub use free_call::free_call;
pub use memory::{AccessTokens, LiveToken};
pub use refresh::refresh_due;
pub use share::{SharedToken, read_token, report_token};
