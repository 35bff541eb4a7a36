//! A user's phone number: by a code of the phone-number button, or out of encrypted data; kept sealed.
//!
//! A code works once and costs money, and the answer that brings the number comes once. So each code is
//! written down before it is sent: it is never sent again once WeChat may have taken it, a page that lost
//! the answer gets it again with the same code, and of two requests with one code one asks. All of it runs
//! in a task of its own, since a page that goes away must not lose what its user gave.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::TimeDelta;

use super::open_data::{self, Sealed};
use crate::domain::id::UserId;
use crate::domain::name::{AppId, PhoneCode};
use crate::domain::open_data::Payload;
use crate::domain::phone_number::PhoneNumber;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::login::session::LiveSession;
use crate::service::mini::{CallError, call};
use crate::store;
use crate::store::phone_code::CodeState;
use crate::wechat::mini::phone_number::{self, is_code_invalid};

/// How long a code without an outcome counts as being asked about: longer than two tokens and two calls
/// may take. After that nobody will ever know.
const ASKING_MAX: TimeDelta = TimeDelta::minutes(1);
const MAY_BE_USED: &str = "The code may be used. Let the user tap the button again.";

/// Trades a code for the number and keeps it with the user. The same code of the same user again gives the
/// number that is kept.
///
/// # Errors
/// `phone_code_invalid`; `request_in_progress` while another request asks about the same code; and what
/// WeChat refuses. After `wechat_timeout`, and `wechat_unavailable` with a `detail`, the code may be used.
pub async fn by_code(
    context: &Arc<Context>,
    session: &Arc<LiveSession>,
    code: PhoneCode,
) -> Result<PhoneNumber, AppError> {
    let (own, session) = (Arc::clone(context), Arc::clone(session));
    let work = async move {
        let hash = code_hash(&session.app_id, &code);
        let now = own.clock.now();
        if store::phone_code::insert(&own.db, &hash, session.user_id, now).await? {
            ask(&own, &session, &code, &hash).await
        } else {
            again(&own, session.user_id, &hash).await
        }
    };
    context.detached(work).await
}

/// Opens encrypted data and keeps the number that is in it with the user.
///
/// # Errors
/// Those of [`open_data::open`]; data without a phone number is not believed.
pub async fn by_open_data(
    context: &Context,
    session: &LiveSession,
    given: &Sealed,
) -> Result<PhoneNumber, AppError> {
    let read = |payload: &Payload| match payload {
        Payload::Phone(number) => Some(number.clone()),
        Payload::Profile { .. } | Payload::Steps | Payload::Group | Payload::Other => None,
    };
    let (_, number) = open_data::open_as(context, session.subject(), given, read).await?;
    let (sealed, hash) = sealed(context, session.user_id, &number)?;
    let now = context.clock.now();
    store::phone_number::upsert(&context.db, session.user_id, &sealed, &hash, now).await?;
    Ok(number)
}

/// Codes of two mini programs might be equal.
fn code_hash(app_id: &AppId, code: &PhoneCode) -> Vec<u8> {
    let text = format!("{app_id}/{}", code.as_str());
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

fn sealed(context: &Context, user_id: UserId, number: &PhoneNumber) -> Result<(Vec<u8>, Vec<u8>), AppError> {
    let sealed = store::phone_number::seal(&context.vault, user_id, number, context.entropy)
        .map_err(AppError::internal)?;
    let hash = store::phone_number::hashes(&context.vault, &number.wanted())
        .into_iter()
        .next()
        .ok_or_else(|| AppError::internal("there is no data key"))?;
    Ok((sealed, hash))
}

/// Asks about a code that was just written down, and writes down what became of it.
async fn ask(
    context: &Arc<Context>,
    session: &LiveSession,
    code: &PhoneCode,
    hash: &[u8],
) -> Result<PhoneNumber, AppError> {
    let request = phone_number::call(code, &session.openid).map_err(AppError::internal)?;
    let outcome = match call(context, &session.app_id, &request).await {
        Ok(reply) => phone_number::read(&reply).map_err(CallError::from),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(number) => {
            let (sealed, keyed) = sealed(context, session.user_id, &number)?;
            let mut tx = context.db.begin().await?;
            let now = context.clock.now();
            store::phone_number::upsert(&mut *tx, session.user_id, &sealed, &keyed, now).await?;
            store::phone_code::update_state(&mut *tx, hash, CodeState::Kept).await?;
            tx.commit().await?;
            Ok(number)
        }
        Err(CallError::Refused { errcode }) if is_code_invalid(errcode) => {
            store::phone_code::update_state(&context.db, hash, CodeState::Refused).await?;
            Err(AppError::new(ErrorCode::PhoneCodeInvalid).wechat_errcode(errcode))
        }
        Err(error @ (CallError::Unavailable | CallError::Timeout | CallError::TooLong)) => {
            store::phone_code::update_state(&context.db, hash, CodeState::Unknown).await?;
            Err(AppError::from(error).detail(MAY_BE_USED))
        }
        // WeChat never got it, or said that it did nothing.
        Err(
            error @ (CallError::Refused { .. }
            | CallError::NoToken { .. }
            | CallError::Unreached
            | CallError::Own(_)),
        ) => {
            store::phone_code::delete(&context.db, hash).await?;
            Err(error.into())
        }
    }
}

/// What a code is worth that was sent before.
async fn again(context: &Context, user_id: UserId, hash: &[u8]) -> Result<PhoneNumber, AppError> {
    let in_progress = || AppError::new(ErrorCode::RequestInProgress);
    let invalid = || AppError::new(ErrorCode::PhoneCodeInvalid);
    // Nothing there any more: WeChat had not got it.
    let Some(sent) = store::phone_code::find(&context.db, hash).await? else {
        return Err(in_progress());
    };
    if sent.user_id != user_id {
        return Err(invalid());
    }
    match sent.state {
        CodeState::Kept => kept(context, user_id).await,
        CodeState::Asked if context.clock.now() < sent.asked_at + ASKING_MAX => Err(in_progress()),
        CodeState::Asked | CodeState::Unknown => Err(invalid().detail(MAY_BE_USED)),
        CodeState::Refused => Err(invalid()),
    }
}

async fn kept(context: &Context, user_id: UserId) -> Result<PhoneNumber, AppError> {
    let sealed = store::phone_number::find(&context.db, user_id).await?;
    let sealed = sealed.ok_or_else(|| AppError::new(ErrorCode::PhoneCodeInvalid))?;
    store::phone_number::open(&context.vault, user_id, &sealed).map_err(AppError::internal)
}
