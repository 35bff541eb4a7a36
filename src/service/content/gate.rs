//! What is checked before it is kept, if the settings say so: names in profiles, and notes of orders.
//!
//! WeChat's "risky" is refused. Its "review" is taken: it wants a human, and there is none at this gate; the metric tells how
//! often. When nothing is known of the text, a name waits, since it is shown to others and can be given again; an
//! order does not, since it is money and its note is read by the shop alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::text::{ask as ask_wechat, count};
use super::{TextCheck, TextFindings};
use crate::domain::content_check::{Decision, Scene};
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::service::login::session::LiveSession;

/// How many requests wait for a check at the same time in one process, so that a slow WeChat takes no more than these
/// from those who do not need it.
const PLACES: usize = 64;
/// How long an order waits for the check of its note.
const ORDER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a name waits.
const NAME_PATIENCE: Duration = Duration::from_secs(5);

/// What is checked before it is kept.
#[derive(Debug)]
pub struct Gate {
    /// Names in profiles.
    pub has_profile: bool,
    /// Notes of orders.
    pub has_order_note: bool,
    places: Semaphore,
}

impl Gate {
    /// Nobody waits yet.
    pub fn new(has_profile: bool, has_order_note: bool) -> Self {
        Self {
            has_profile,
            has_order_note,
            places: Semaphore::new(PLACES),
        }
    }
}

/// Lets a name pass that WeChat does not refuse.
///
/// # Errors
/// `content_rejected`; what keeps WeChat from saying anything, and `unavailable` when too many wait for it.
pub async fn check_nickname(
    context: &Arc<Context>,
    session: &LiveSession,
    nickname: &str,
) -> Result<(), AppError> {
    if !context.gate.has_profile {
        return Ok(());
    }
    let check = TextCheck {
        nickname: Some(nickname.to_owned()),
        ..text(nickname, Scene::Profile)
    };
    let found = ask(context, session, &check, NAME_PATIENCE).await;
    count("profile", found.as_ref().ok());
    judge(&found?, "/nickname")
}

/// Lets a note pass that WeChat does not refuse, or that WeChat says nothing about in time.
///
/// # Errors
/// `content_rejected`.
pub async fn check_order_note(
    context: &Arc<Context>,
    session: &LiveSession,
    note: &str,
) -> Result<(), AppError> {
    let check = text(note, Scene::Comment);
    let found = ask(context, session, &check, ORDER_PATIENCE).await;
    count("order_note", found.as_ref().ok());
    match found {
        Ok(found) => judge(&found, "/note"),
        Err(error) => {
            let (code, causes) = (error.code().row().text, error.causes());
            tracing::warn!(user.id = %session.user_id, code, error = causes, "the note of an order is kept unchecked");
            Ok(())
        }
    }
}

fn text(content: &str, scene: Scene) -> TextCheck {
    TextCheck {
        content: content.to_owned(),
        scene,
        title: None,
        nickname: None,
        signature: None,
    }
}

async fn ask(
    context: &Arc<Context>,
    session: &LiveSession,
    check: &TextCheck,
    patience: Duration,
) -> Result<TextFindings, AppError> {
    let crowded = |_| AppError::new(ErrorCode::Unavailable).detail("Too many wait for WeChat's check.");
    let _place = context.gate.places.try_acquire().map_err(crowded)?;
    let asking = ask_wechat(context, &session.app_id, &session.openid, check);
    let asked = tokio::time::timeout(patience, asking).await;
    asked.unwrap_or_else(|_| Err(AppError::new(ErrorCode::WechatTimeout)))
}

fn judge(found: &TextFindings, pointer: &str) -> Result<(), AppError> {
    match found.verdict.decision {
        Decision::Pass | Decision::Review => Ok(()),
        Decision::Reject => {
            let detail = format!("WeChat finds: {}", found.verdict.reason.as_str());
            let field = FieldError::new(pointer, "content", detail);
            Err(AppError::new(ErrorCode::ContentRejected).with_fields(vec![field]))
        }
    }
}
